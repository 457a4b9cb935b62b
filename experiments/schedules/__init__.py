"""Does training stay bounded under every schedule below the critical step size?"""
