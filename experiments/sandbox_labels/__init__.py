"""Do the thresholds of the circuit label lie in gaps, on seeds that had no part in setting them?"""
