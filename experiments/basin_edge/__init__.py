"""Does training diverge exactly outside the invariant ellipse?"""
