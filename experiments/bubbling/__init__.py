"""Does noise make an imbalance burst, where the balanced attractor is chaotic?"""
