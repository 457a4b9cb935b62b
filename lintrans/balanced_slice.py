"""Landmarks of the balanced slice: the values of mu at which the attractor changes.

    a' = (1 + mu) a - a^3,   in A = a^2:  A' = A (1 + mu - A)^2,   critical point A = (1 + mu) / 3

"From periodic to chaotic" has no single number: each candidate has a name of its own. Derived in
theory/03_balanced_slice.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath

_DIGITS = 30  # working precision; every float below is the exact number, correctly rounded
_N_DOUBLINGS = 11  # superstable cycles up to period 2^11 settle the accumulation to 17 digits

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
        What it is called, and what changes there.
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
            Landmark("accumulation", float(_accumulation()), None, None, "period doublings accumulate"),
            _algebraic("band_merging", _BAND_MERGING, 1.36, 0, "two chaotic bands merge into one"),
            _algebraic("period_3", _PERIOD_3, 1.45, 2, "a window of period 3 opens"),
            _algebraic(
                "crisis",
                (4, 8, -23),
                1.6,
                "3*sqrt(3)/2 - 1",
                "the critical orbit reaches 0: beyond, the weights change sign",
            ),
            _algebraic(
                "chebyshev", (1, -2), 2.0, "2", "Chebyshev map, exponent ln 3; almost all diverge above"
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


def superstable_mus(n_doublings: int = _N_DOUBLINGS) -> list[Any]:
    """Values of mu with a superstable cycle of period 2, 4, .., 2^n_doublings on the slice (mpmath).

    The critical orbit returns to the critical point. Newton's method from the value that the last
    two gaps predict; the ratios of the gaps tend to Feigenbaum's constant 4.6692...
    """
    with mpmath.workdps(_DIGITS):
        found = [_superstable(2, mpmath.mpf("1.12")), _superstable(4, mpmath.mpf("1.26"))]
        while len(found) < n_doublings:
            ratio = (found[-2] - found[-3]) / (found[-1] - found[-2]) if len(found) > 2 else 4.67
            guess = found[-1] + (found[-1] - found[-2]) / ratio
            found.append(_superstable(2 ** (len(found) + 1), guess))
    return found


def _superstable(period: int, mu: Any) -> Any:
    """Newton's method for A_period(mu) = A_0(mu), with A_0 = (1 + mu) / 3 the critical point."""
    for _ in range(60):
        x, dx = (1 + mu) / 3, mpmath.mpf(1) / 3
        for _ in range(period):
            t = 1 + mu - x
            x, dx = x * t * t, t * (dx * (t - 2 * x) + 2 * x)
        change = (x - (1 + mu) / 3) / (dx - mpmath.mpf(1) / 3)
        mu -= change
        if abs(change) < 1e-18:  # quadratic convergence: the next change would be below 1e-28
            return mu
    raise ArithmeticError(f"Newton's method found no superstable cycle of period {period}")


def _accumulation() -> Any:
    """Limit of the superstable values: Aitken's extrapolation, applied until three terms remain.

    Each round removes one more power of Feigenbaum's constant from the error.
    """
    terms = superstable_mus()
    while len(terms) > 2:
        terms = [
            x2 - (x2 - x1) ** 2 / ((x2 - x1) - (x1 - x0))
            for x0, x1, x2 in zip(terms, terms[1:], terms[2:], strict=False)
        ]
    return terms[-1]


def _root_of(coefficients: tuple[int, ...], index: int) -> str:
    """SymPy's name for a real root, counted from the smallest."""
    degree = len(coefficients) - 1
    terms = [f"{c}*mu**{degree - i}" for i, c in enumerate(coefficients) if c]
    return f"CRootOf({' + '.join(terms).replace('+ -', '- ')}, {index})"
