"""The derivations, in SymPy: symbols, claims with proofs that are computations, exact landmarks."""
