"""Does a phase diagram need all its cells?"""
