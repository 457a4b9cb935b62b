"""Numbers that functions, sweeps and commands take if nothing else is said. Imports nothing."""

from __future__ import annotations

import math

# Evidence for a regime, exponents over mu.
N_TRANSIENT = 4096
N_STEPS = 12288
MAX_PERIOD = 64

N_SAMPLES = 512  # of an orbit in a bifurcation diagram
BASIN_STEPS = 2000

# Exponents of one orbit over windows of time.
N_WINDOW = 64
N_WINDOWS = 2048

# Invariant densities.
N_ORBITS = 10**6
N_BINS = 100

# Dimension of a boundary.
HALF_WIDTH = 4 * math.sqrt(2)  # weights up to 4 in size where the label is 0.5 and the moment 1
COARSEST, FINEST = 5, 12  # octaves below the side of the window: as in pictures of 4096 pixels
N_EVENTS = 8000  # probes with both fates at every scale: a slope of one octave is then known to 0.02
DIMENSION_STEPS = 400
