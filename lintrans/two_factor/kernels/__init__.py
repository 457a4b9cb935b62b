"""Compiled loops: blocks of independent orbits of the two-factor map in mode coordinates.

One step of the map is `step` in `map`,

    r = a^2 - b^2 - mu,    a' = (1 - r) a,    b' = (1 + r) b,

four fused multiply-adds, and two on the slice b = 0. An orbit is a chain of them, so one orbit alone waits
for the latency of the adder; the loops here carry ``BLOCK`` orbits side by side, a few steps at a time,
in an inner loop of constant length that the compiler turns into vector instructions. Blocks hold orbits
either all on the slice or all off it (`blocks`).

Nothing is tested inside the loops (`walks`). They keep the largest rise of |r| and the sum of r^2; after
``WINDOW`` steps these tell whether a lane rose or escaped in between, and only then `locate` walks the window
once more to find the step. The sum keeps every NaN, so no escape is missed.

Every product of `step` feeds exactly one sum: contraction to fused multiply-adds is then unambiguous, and an
orbit depends neither on the block it was computed in nor on what was measured on the way.

Arrays in, arrays out; checks of arguments and the meaning of the numbers live in the callers. `states`,
`growth`, `measures` (with `periods`) and `endings` hold the loops that Python calls.
"""

from __future__ import annotations

from lintrans.two_factor.kernels.blocks import BLOCK
from lintrans.two_factor.kernels.endings import BOUNDED, CONVERGED, DIVERGED, UNDECIDED, fates
from lintrans.two_factor.kernels.growth import N_BATCHES, exponent_windows, exponents
from lintrans.two_factor.kernels.map import (
    ESCAPED,
    RISE_FLOOR,
    converges,
    determinant,
    is_inside,
    slope,
    step,
    varied_step,
)
from lintrans.two_factor.kernels.measures import EVIDENCE_FIELDS, evidence
from lintrans.two_factor.kernels.periods import find_period
from lintrans.two_factor.kernels.states import advance, orbits, record
from lintrans.two_factor.kernels.walks import CHUNK_PLANE, CHUNK_SLICE, WINDOW

__all__ = [
    "BLOCK",
    "BOUNDED",
    "CHUNK_PLANE",
    "CHUNK_SLICE",
    "CONVERGED",
    "DIVERGED",
    "ESCAPED",
    "EVIDENCE_FIELDS",
    "N_BATCHES",
    "RISE_FLOOR",
    "UNDECIDED",
    "WINDOW",
    "advance",
    "converges",
    "determinant",
    "evidence",
    "exponent_windows",
    "exponents",
    "fates",
    "find_period",
    "is_inside",
    "orbits",
    "record",
    "slope",
    "step",
    "varied_step",
]
