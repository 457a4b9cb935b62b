"""Do mini-batches do what is derived of them, number by number?"""
