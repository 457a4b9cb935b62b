"""One folder per published figure or claim; `python -m experiments` lists them, and runs them by name."""
