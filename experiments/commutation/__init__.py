"""Does training commute with the map, in every regime?"""
