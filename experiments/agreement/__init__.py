"""Do the verdicts agree with the closed forms?"""
