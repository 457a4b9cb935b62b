"""Landmarks of the balanced slice: the values of mu at which the attractor changes.

    a' = (1 + mu) a - a^3,   in A = a^2:  A' = A (1 + mu - A)^2,   critical point A = (1 + mu) / 3

There is no single value of mu "from periodic to chaotic": each candidate has its own name. Derived in
theory/03_balanced_slice.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import mpmath

_DIGITS = 30  # working precision; every landmark is the exact number, correctly rounded
_ACCUMULATION = 1.3022834627007123  # has no polynomial; `lintrans.certified` proves any number of digits

# Minimal polynomials in mu (derived in lintrans.symbolic.landmarks), highest power first.
_BAND_MERGING = (
    2048, 37888, 276992, 924928, 653696, -5253440, -16817440, -11205776, 38974688, 88652192, 22273288,
    -141723820, -145753004, 115767872, 276882952, 53203424, -255549278, -308599489,
)  # fmt: skip
_PERIOD_3 = (4, 48, 189, 144, -828, -2052, -972, 2700, 4644)


@dataclass(frozen=True)
class Landmark:
    """A value of mu with its name.

    Attributes
    ----------
    name, meaning : str
        Its name, and what changes there.
    mu : float
        The value, correctly rounded.
    exact : str or None
        The algebraic number in SymPy's notation; None if none is known.
    minimal_polynomial : tuple of int or None
        Its irreducible polynomial in mu, coefficients of the highest power first.
    """

    name: str
    mu: float
    exact: str | None
    minimal_polynomial: tuple[int, ...] | None
    meaning: str


@cache
def landmarks() -> dict[str, Landmark]:
    """Landmarks by name, in ascending order of mu.

    `certified_landmarks` gives them to any number of digits, with a proof.

    Examples
    --------
    >>> {name: round(mark.mu, 4) for name, mark in landmarks().items()}
    {'monotone': 0.8284, 'stable': 1.0, 'period_4': 1.2361, 'accumulation': 1.3023,
     'band_merging': 1.3609, 'period_3': 1.4504, 'crisis': 1.5981, 'chebyshev': 2.0}
    >>> landmarks()["crisis"].exact, landmarks()["crisis"].minimal_polynomial
    ('3*sqrt(3)/2 - 1', (4, 8, -23))
    """
    up_to_here = "up to here the loss never rises, from any bounded balanced start"
    with mpmath.workdps(_DIGITS):
        marks = [
            _algebraic("monotone", (1, 4, -4), 0.83, "2*sqrt(2) - 2", up_to_here),
            _algebraic("stable", (1, -1), 1.0, "1", "up to here balanced training converges"),
            _algebraic("period_4", (1, 2, -4), 1.24, "sqrt(5) - 1", "the cycle of period 2 doubles"),
            Landmark("accumulation", _ACCUMULATION, None, None, "period doublings accumulate"),
            _algebraic("band_merging", _BAND_MERGING, 1.36, 0, "two chaotic bands merge into one"),
            _algebraic("period_3", _PERIOD_3, 1.45, 2, "a periodic window of period 3 opens"),
            _algebraic(
                "crisis",
                (4, 8, -23),
                1.6,
                "3*sqrt(3)/2 - 1",
                "two mirror-image attractors merge: above, the weights change sign",
            ),
            _algebraic(
                "chebyshev",
                (1, -2),
                2.0,
                "2",
                "Chebyshev map, exponent ln 3; above, almost every start diverges",
            ),
        ]
    return {mark.name: mark for mark in marks}


def _algebraic(
    name: str, polynomial: tuple[int, ...], near: float, exact: str | int, meaning: str
) -> Landmark:
    """Landmark from its polynomial; ``exact`` is a radical, or the index of the real root."""
    root = mpmath.findroot(lambda mu: mpmath.polyval(polynomial, mu), near)
    text = exact if isinstance(exact, str) else _root_of(polynomial, exact)
    return Landmark(name, float(root), text, polynomial, meaning)


def _root_of(coefficients: tuple[int, ...], index: int) -> str:
    """SymPy's name for a real root, counted from the smallest."""
    degree = len(coefficients) - 1
    terms = [f"{c}*mu**{degree - i}" for i, c in enumerate(coefficients) if c]
    return f"CRootOf({' + '.join(terms).replace('+ -', '- ')}, {index})"
