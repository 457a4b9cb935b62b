"""Does training at a predicted safe step size stay safe, on a real table?"""
