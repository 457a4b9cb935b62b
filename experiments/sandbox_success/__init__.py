"""Does a run find a circuit and read it: how often, how fast, and which one?"""
