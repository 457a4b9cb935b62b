"""Two batches that take turns at random on the balanced slice, and escape almost surely (theory/11_sampling).

Curvature 1, targets 1 + s and 1 - s with probability 1/2 each: a' = (1 + mu (1 +- s)) a - a^3. Below a
threshold in s no sequence of batches leads out of |a|^2 <= 2 + mu (1 - s); above it, wherever it was looked,
every start is led out, and almost surely.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.minibatch import batch_residual, outer_boundary, peak, slice_step
from lintrans.symbolic.schedules import step_batch
from lintrans.symbolic.symbols import a, mu

Formula = Callable[..., Any]

y, delta = sp.symbols("y delta", positive=True)  # y = mu s

JUST_ABOVE = ("4/5", "17/20"), ("1", "3/5"), ("3/2", "1/5"), ("9/5", "2/25")
"""Pairs (mu, s) whose s is above switching_threshold(mu), by less than a quarter."""


def switching_threshold(mu: Any) -> Any:
    """Return the largest s at which no sequence of the targets 1 + s, 1 - s leads out; b = 0, a_B = 1.

    With p = 1 + mu (1 + s) the threshold is p = 3 sinh(asinh(3 + 2 mu)/3).

    Examples
    --------
    >>> switching_threshold(2).n(chop=True)
    0
    """
    return (3 * sp.sinh(sp.asinh(3 + 2 * sp.sympify(mu)) / 3) - 1 - mu) / mu


def switching_step(A: Any, mu: Any, noise: Any) -> Any:
    """One step of A = a^2 on b = 0 with the target 1 + noise/mu: A' = A (1 + mu + noise - A)^2."""
    return A * (1 + mu + noise - A) ** 2


def escape_words(mu: Any, s: Any, delta: Any, n_max: int = 64, n_cells: int = 1000) -> int | None:
    """Return an n such that from every |a| in [delta, R] a word of at most n targets leads out of |a| < R.

    R^2 = 2 + mu (1 + s). Exact: cells of a^2 with rational ends; in each round a cell is done if one of the
    two targets maps it into cells done before. None if n_max rounds, or a finer grid, would be needed.

    Examples
    --------
    >>> escape_words(1, Fraction(3, 5), Fraction(1, 10))
    8
    """
    mu, s, low = Fraction(mu), Fraction(s), Fraction(delta) ** 2
    width = (2 + mu * (1 + s) - low) / n_cells
    ends = [low + width * i for i in range(n_cells + 1)]
    images = [_cell_images(ends, 1 + mu * (1 + sign * s), low, width) for sign in (1, -1)]
    done = [False] * n_cells
    for n in range(1, n_max + 1):
        waiting = [0]
        for x in done:
            waiting.append(waiting[-1] + (not x))
        reached = [
            x or any(i >= 0 and waiting[j] == waiting[i] for i, j in pair)
            for x, *pair in zip(done, *images, strict=True)
        ]
        if all(reached):
            return n
        if reached == done:
            return None
        done = reached
    return None


def _cell_images(
    ends: list[Fraction], rise: Fraction, low: Fraction, width: Fraction
) -> list[tuple[int, int]]:
    """First cell and last cell + 1 met by the image of each cell under A -> A (rise - A)^2; -1 is below."""
    n = len(ends) - 1
    values = [x * (rise - x) ** 2 for x in ends]
    found = []
    for i in range(n):
        image = [values[i], values[i + 1]]
        image += [x * (rise - x) ** 2 for x in (rise, rise / 3) if ends[i] < x < ends[i + 1]]
        first, last = (min(image) - low) // width, -((low - max(image)) // width)
        found.append((max(-1, min(first, n)), max(0, min(last, n))))
    return found


@claim("switching.threshold", "b = 0, a_B = 1, c_B = 1 + s or 1 - s, 0 < mu < 2")
def nothing_escapes_below(threshold: Callable[[Any], Any] = switching_threshold) -> Any:
    """No sequence leads out of a^2 <= 2 + mu (1 - s) iff s <= (3 sinh(asinh(3 + 2 mu)/3) - 1 - mu)/mu.

    With p = 1 + mu (1 + s), E_+ <= L reads 4 p^3 + 27 p <= 27 (3 + 2 mu), and rises with p. By
    minibatch.interval that is all: the peak of 1 + s lies inside unless 4 mu s > 5 + 2 mu, where both that
    and its other condition, mu s <= 1, fail; E_- <= E_+. Above the threshold an open set of starts has a word
    that leads out and, with 1 - s repeated, to infinity. At the threshold mu s falls with mu; at mu = 2 its
    slope ds/dmu is -3/10: a small s lowers the critical step size 2 by (10/3) s.
    """
    p, phi, extra = sp.symbols("p phi x", positive=True)
    noise = p - 1 - mu  # mu s
    excess = peak(1, 1, mu + noise)[1] ** 2 - outer_boundary(1, 1, mu - noise) ** 2
    cubic = 4 * p**3 + 27 * p - 27 * (3 + 2 * mu)
    slope = 54 / sp.diff(cubic, p)  # dp/dmu on the curve
    far = (5 + 2 * mu) / 4 + extra  # mu s with the peak outside
    outside = cubic.subs(p, 1 + mu + far).expand()
    return every(
        vanishes(27 * excess - cubic, sp.diff(cubic, p) - 12 * p**2 - 27),
        vanishes(
            cubic.subs(p, 3 * sp.sinh(phi)) - 27 * (sp.expand(sp.sinh(3 * phi), trig=True) - 3 - 2 * mu)
        ),
        vanishes(1 + mu * (1 + threshold(mu)) - 3 * sp.sinh(sp.asinh(3 + 2 * mu) / 3)),
        vanishes(3 * (2 + mu - far) - (1 + mu + far) + 4 * extra),
        True if (far - 1).is_positive and outside.is_positive else outside,
        vanishes(cubic.subs({p: 3, mu: 2}), (slope.subs(p, 3) - 1) / 2 + sp.Rational(3, 10)),
        # slope - 1 is negative, because p > 3/2
        vanishes(slope - 1 - (27 - 12 * p**2) / (12 * p**2 + 27)),
        same(cubic.subs(p, sp.Rational(3, 2)).is_negative, True),
    )


@claim("switching.origin", "b = 0, a_B = 1, c_B = 1 + s or 1 - s with probability 1/2; t = 1 + mu, y = mu s")
def origin_repels(largest: Any = 1) -> Any:
    """The origin repels, a walk from 0 < |a| < delta almost surely returns to delta, if |t^2 - y^2| > 1.

    So it does for all s <= 1; for s < 1 either target enlarges every a^2 < mu (1 - s). Else use |a|^-q: its
    mean factor at 0, (|t + y|^-q + |t - y|^-q)/2, has the slope -ln|t^2 - y^2|/2 at q = 0, so near 0 it is
    below some rho < 1 for a small q, and P(no return in n steps) <= rho^n (delta/|a|)^q. If |t^2 - y^2| < 1,
    |a|^q has such a factor and the origin attracts with positive probability: for y = t, 1 - s is a' = -a^3.
    """
    q, up, down, x = sp.symbols("q up down x", positive=True)
    factor = (up**-q + down**-q) / 2
    t, near = 1 + mu, sp.Dummy("near", positive=True)
    first = (slice_step(a, 1, 1, mu - y) / a).expand()
    value = largest / (1 + x)
    gap = sp.factor((t**2 - (mu * value) ** 2 - 1) * (1 + x) ** 2)
    return every(
        vanishes(sp.diff(factor, q).subs(q, 0) + sp.expand_log(sp.log(up * down)) / 2),
        vanishes((t + y) * (t - y) - t**2 + y**2, first - 1 - (mu - y - a**2)),
        vanishes(first.subs(a, sp.sqrt(mu - y - near)) - 1 - near, slice_step(a, 1, 1, mu - t) + a**3),
        True if sp.expand(gap).is_positive else gap,
    )


@claim("switching.escape", "as switching.origin, |t^2 - y^2| > 1, y = mu s > 1; R^2 = 2 + mu (1 + s)")
def everything_escapes(growth: Any = y) -> Any:
    """From every a != 0 training almost surely diverges, or hits 0 exactly (from countably many starts).

    a' = (1 - r +- y) a, so the better of the two targets enlarges |a| by |1 - r| + y >= y. From |a| >= delta
    the greedy word is out, |a| >= R, within n >= ln(R/delta)/ln y steps; it has the probability 2^-n or more.
    By switching.origin the walk returns to delta: P(not out after j returns, n steps apart) <= (1 - 2^-n)^j.
    From R on neither target lowers |a|, and 1 - s enlarges it by 1 + 2y or more. For y <= 1 the same holds
    with any n such that every |a| in [delta, R] has a word of n or fewer steps out, delta^2 < mu (1 - s).
    """
    size, R, x = (
        sp.Dummy("size", nonnegative=True),
        sp.Symbol("R", positive=True),
        sp.Symbol("x", positive=True),
    )
    gained = sp.expand((size + y) ** 2 - growth**2)
    n = sp.log(R / delta) / sp.log(growth)
    beyond = 2 + mu + y + x
    steps = [
        step_batch(a, 0, batch_residual(modes.residual(a, 0, mu), mu, 1, -sign * y / mu)) for sign in (1, -1)
    ]
    return every(
        vanishes(*(new[0] ** 2 - switching_step(a**2, mu, z) for new, z in zip(steps, (y, -y), strict=True))),
        vanishes(switching_step(a**2, mu, y) - a**2 * (1 - modes.residual(a, 0, mu) + y) ** 2),
        True if gained.is_nonnegative else gained,
        vanishes(delta * sp.exp(n * sp.log(growth)) - R),
        vanishes(switching_step(beyond, mu, y) / beyond - (1 + x) ** 2),
        vanishes(switching_step(beyond, mu, -y) / beyond - (1 + 2 * y + x) ** 2),
    )


@claim("switching.words", "b = 0, a_B = 1, c_B = 1 + s or 1 - s with probability 1/2; delta = 1/10")
def everything_escapes_just_above(pairs: tuple[tuple[str, str], ...] = JUST_ABOVE) -> Any:
    """Training almost surely diverges at (mu, s) = (4/5, 17/20), (1, 3/5), (3/2, 1/5) and (9/5, 2/25).

    Every |a| in [1/10, R] has a word out, of at most 16 targets (exact cells); switching.escape then applies.
    There s is above the threshold of switching.threshold, and 4/5 of it is below: where some start escapes,
    almost every start does.
    """
    outcomes = []
    for mu_text, s_text in pairs:
        value, noise, low = Fraction(mu_text), Fraction(s_text), Fraction(1, 10)
        n = escape_words(value, noise, low)
        p = [1 + value * (1 + x * noise) for x in (1, Fraction(4, 5))]
        above, below = (4 * x**3 + 27 * x - 27 * (3 + 2 * value) for x in p)
        outcomes.append(n is not None and n <= 16 and above > 0 > below and low**2 < value * (1 - noise))
    return same(outcomes, [True] * len(pairs))
