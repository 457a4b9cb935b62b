"""Do the three faces of every closed form agree: SymPy, float, simulation?"""
