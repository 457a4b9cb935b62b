"""Does the leakage out of the shared mode fall like n^(-1/2)?"""
