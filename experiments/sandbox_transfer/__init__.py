"""Does a run that has learned parity learn sums modulo 3 and 4, and does its circuit decide it?"""
