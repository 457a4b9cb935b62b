"""Do schedules let the step size go further, with mini-batches?"""
