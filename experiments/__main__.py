"""`python -m experiments NAME` runs one experiment, `python -m experiments all` every one."""

import sys

from experiments.entry import main

if __name__ == "__main__":
    sys.exit(main())
