"""Does the norm before the feed-forward network make the loss spike, or does Adam's preconditioner?"""
