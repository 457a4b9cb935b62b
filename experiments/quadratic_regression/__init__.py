"""Do phase retrieval and quadratic networks train in the phases of the transformer?"""
