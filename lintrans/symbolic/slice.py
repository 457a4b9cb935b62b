"""The balanced slice b = 0: an odd cubic and its thresholds in closed form (theory/03_balanced_slice)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.modes import residual, step_modes
from lintrans.symbolic.symbols import A, a, mu, theta, z

LineMap = Callable[[Any, Any], Any]

MONOTONE = 2 * sp.sqrt(2) - 2
PERIOD_4 = sp.sqrt(5) - 1
CRISIS = 3 * sp.sqrt(3) / 2 - 1
SYMMETRIC_4_CYCLES = 2 * sp.sqrt(2) - 1

# a positive symbol would let the solvers drop the very condition to be found
_mu = sp.Dummy("mu", real=True)


def cubic(a: Any, mu: Any) -> Any:
    """One step on the slice: a' = (1 + mu) a - a^3.

    Examples
    --------
    >>> cubic(2, 2)
    -2
    """
    return (1 + mu) * a - a**3


def residual_step(z: Any, mu: Any) -> Any:
    """One step of the residual: z' = z^3 + (mu - 2) z^2 + (1 - 2 mu) z, with z = a^2 - mu.

    Examples
    --------
    >>> residual_step(2, 1), residual_step(-1, 1)
    (2, -1)
    """
    return z**3 + (mu - 2) * z**2 + (1 - 2 * mu) * z


def square_step(A: Any, mu: Any) -> Any:
    """One step of A = a^2: A' = A (1 + mu - A)^2."""
    return A * (1 + mu - A) ** 2


def two_cycle(mu: Any) -> tuple[Any, Any]:
    """Return the two residuals of the balanced 2-cycle, roots of z^2 + (mu - 1) z + 1 - mu; mu >= 1.

    Examples
    --------
    >>> two_cycle(1)
    (0, 0)
    """
    root = sp.sqrt((mu - 1) * (mu + 3))
    return (1 - mu - root) / 2, (1 - mu + root) / 2


def two_cycle_multiplier(mu: Any) -> Any:
    """Multiplier of the balanced 2-cycle along the slice: 9 - 2 (1 + mu)^2.

    Examples
    --------
    >>> two_cycle_multiplier(1), sp.expand(two_cycle_multiplier(sp.sqrt(5) - 1))
    (1, -1)
    """
    return 9 - 2 * (1 + mu) ** 2


def probe_start(mu: Any) -> Any:
    """Return the balanced u = v with a^2 = 1 + mu/2, from which the loss rises first.

    Examples
    --------
    >>> probe_start(2)
    1
    """
    return sp.sqrt(1 / sp.sympify(mu) + sp.Rational(1, 2))


@claim("slice.cubic", "b = 0")
def cubic_is_the_slice(step: LineMap = cubic) -> Any:
    """On b = 0 the step is a' = (1 + mu) a - a^3, and b stays 0."""
    new_a, new_b = step_modes(a, 0, mu)
    return vanishes(new_a - step(a, mu), new_b)


@claim("slice.residual", "b = 0, z = a^2 - mu")
def residual_map(step: LineMap = residual_step) -> Any:
    """The residual obeys z' = z^3 + (mu - 2) z^2 + (1 - 2 mu) z, and A = a^2 obeys A' = A (1 + mu - A)^2."""
    new = cubic(a, mu)
    return vanishes(residual(new, 0, mu) - step(residual(a, 0, mu), mu), new**2 - square_step(a**2, mu))


@claim("slice.bounded", "|a| <= sqrt(2 + mu)")
def interval_is_invariant(limit: Any = 2) -> Any:
    """The interval a^2 <= 2 + mu maps into itself iff mu <= 2.

    Its ends map to each other's mirror image; the extremum 4 (1 + mu)^3/27 of a'^2 exceeds 2 + mu by
    (mu - 2)(2 mu + 5)^2/27.
    """
    end = sp.sqrt(2 + mu)
    excess = square_step((1 + mu) / 3, mu) - (2 + mu)
    inside = sp.solveset(excess.subs(mu, _mu) <= 0, _mu, sp.Interval.open(0, sp.oo))
    return every(
        vanishes(cubic(end, mu) + end, sp.diff(cubic(a, mu), a).subs(a, sp.sqrt((1 + mu) / 3))),
        vanishes(excess - (mu - 2) * (2 * mu + 5) ** 2 / 27),
        same(inside, sp.Interval.Lopen(0, limit)),
    )


@claim("slice.monotone", "0 < a^2 < 2 + mu, 0 < mu < 2")
def monotone_threshold(threshold: Any = MONOTONE, start: Callable[[Any], Any] = probe_start) -> Any:
    """The loss never rises, |z'| <= |z| from every start, iff mu <= 2 sqrt(2) - 2.

    z'/z is a parabola in z, equal to 1 at both ends z = -mu and z = 2 of the interval, with minimum
    -mu - mu^2/4 at z = 1 - mu/2. So the start a^2 = 1 + mu/2 is the first whose loss rises.
    Below the threshold the loss falls strictly unless z = 0.
    """
    ratio = sp.cancel(residual_step(z, mu) / z)
    vertex = 1 - mu / 2
    lowest = -mu - mu**2 / 4
    never_rises = sp.solveset(lowest.subs(mu, _mu) >= -1, _mu, sp.Interval.open(0, 2))
    return every(
        vanishes(ratio.subs(z, -mu) - 1, ratio.subs(z, 2) - 1),
        vanishes(ratio - (z - vertex) ** 2 - lowest, mu * (start(mu) ** 2 - 1) - vertex),
        same(never_rises, sp.Interval.Lopen(0, threshold)),
    )


@claim("slice.stability", "mu > 0")
def minimum_is_stable_to_one(threshold: Any = 1) -> Any:
    """Fixed points of z are 0 (minimum), -mu (saddle) and 2 (a' = -a); only 0 is stable, iff mu < 1.

    Their multipliers are 1 - 2 mu, (1 + mu)^2 and 5 + 2 mu.
    """
    slope = sp.diff(residual_step(z, mu), z)
    stable = sp.solveset(sp.Abs(1 - 2 * _mu) < 1, _mu, sp.Interval.open(0, sp.oo))
    return every(
        vanishes(residual_step(z, mu) - z - z * (z + mu) * (z - 2)),
        vanishes(slope.subs(z, 0) - (1 - 2 * mu), slope.subs(z, -mu) - (1 + mu) ** 2),
        vanishes(slope.subs(z, 2) - (5 + 2 * mu)),
        same(stable, sp.Interval.open(0, threshold)),
    )


@claim("slice.no_two_cycle", "0 < mu <= 1, a^2 <= 2 + mu")
def no_two_cycle_below_one(first: Any = 1, second: Any = SYMMETRIC_4_CYCLES) -> Any:
    """There is no 2-cycle of z for mu <= 1, so every orbit on the slice converges there (Coppel).

    A continuous map of an interval without 2-cycles has only convergent orbits. Of the six points of
    period two, two are real from mu = 1 (where they coincide at z = 0) and four, on cycles with
    f(f(a)) = -a, from mu = 2 sqrt(2) - 1.
    """
    t, factor, gap = 1 + mu, sp.Dummy("factor"), sp.Dummy("gap")
    quartic = factor**4 - t * factor**3 + t * factor + 1
    points = (residual_step(residual_step(z, mu), mu) - z) / (residual_step(z, mu) - z)
    pair = z**2 + (mu - 1) * z + 1 - mu
    real_first = sp.solveset(sp.discriminant(pair, z).subs(mu, _mu) >= 0, _mu, sp.Interval.open(0, sp.oo))
    in_gap = gap**2 - t * gap + 2  # gap = factor - 1/factor is real whenever the factor is
    real_second = sp.solveset(
        sp.discriminant(in_gap, gap).subs(mu, _mu) >= 0, _mu, sp.Interval.open(0, sp.oo)
    )
    return every(
        vanishes(points - pair * quartic.subs(factor, 1 - z)),
        vanishes(quartic / factor**2 - in_gap.subs(gap, factor - 1 / factor)),
        same(real_first, sp.Interval(first, sp.oo)),
        same(real_second, sp.Interval(second, sp.oo)),
    )


@claim("slice.families", "mu > 0")
def symmetric_and_asymmetric_cycles(step: LineMap = cubic) -> Any:
    """f(f(a)) = a splits into fixed points, the symmetric cycle a^2 = 2 + mu and a^4 - (1+mu) a^2 + 1 = 0.

    The last factor is a mirror pair of 2-cycles that keep the sign of a, with a a' = 1. A cycle of z
    whose product of (1 - z_i) is -1 closes in a only after twice its period.
    """
    once = step(a, mu)
    twice = step(once, mu)
    asymmetric = a**4 - (1 + mu) * a**2 + 1
    return vanishes(
        twice - a - a * (a**2 - mu) * (a**2 - 2 - mu) * asymmetric,
        a * once - 1 + asymmetric,
        twice - a * (1 - residual(a, 0, mu)) * (1 - residual(once, 0, mu)),
    )


@claim("slice.two_cycle", "mu >= 1")
def two_cycle_closed_form(points: Callable[[Any], tuple[Any, Any]] = two_cycle) -> Any:
    """The points (1 - mu -+ sqrt((mu-1)(mu+3)))/2 are exchanged; their multiplier is 9 - 2 (1 + mu)^2."""
    first, second = points(mu)
    slope = sp.diff(residual_step(z, mu), z)
    product = sp.expand(slope.subs(z, first)) * sp.expand(slope.subs(z, second))
    return vanishes(
        residual_step(first, mu) - second,
        residual_step(second, mu) - first,
        product - two_cycle_multiplier(mu),
    )


@claim("slice.doubling", "mu > 1")
def two_cycle_doubles(threshold: Any = PERIOD_4) -> Any:
    """The 2-cycle is stable exactly for 1 < mu < sqrt(5) - 1, where its multiplier passes -1."""
    multiplier = two_cycle_multiplier(_mu)
    stable = sp.solveset(sp.Abs(multiplier) < 1, _mu, sp.Interval.open(0, sp.oo))
    return every(same(stable, sp.Interval.open(1, threshold)), vanishes(two_cycle_multiplier(threshold) + 1))


@claim("slice.crisis", "mu > 0")
def crisis_of_the_critical_orbit(threshold: Any = CRISIS) -> Any:
    """The critical orbit reaches 0, f(f(c)) = 0 with c^2 = (1 + mu)/3, iff mu = 3 sqrt(3)/2 - 1.

    Below it the image of (0, sqrt(1 + mu)) stays there and a keeps its sign; above it a can change sign.
    """
    critical_value_squared = square_step((1 + mu) / 3, mu)
    excess = sp.cancel(critical_value_squared - (1 + mu)).subs(mu, _mu)
    keeps_sign = sp.solveset(excess < 0, _mu, sp.Interval.open(0, sp.oo))
    orbit = cubic(cubic(sp.sqrt((1 + mu) / 3), mu), mu).subs(mu, threshold)
    return every(vanishes(orbit), same(keeps_sign, sp.Interval.open(0, threshold)))


@claim("slice.chebyshev", "mu = 2")
def chebyshev_at_two(value: Any = 2, base: int = 3) -> Any:
    """At mu = 2, a = 2 cos(theta) maps to -2 cos(3 theta) = -2 T_3(a/2), with Lyapunov exponent ln 3.

    The invariant density is uniform in theta, so the exponent is the mean of ln|3 - 12 cos(theta)^2|. With
    y = exp(i theta) that is a Mahler measure: by Jensen ln(3) + sum of ln max(1, |root|) of y^4 + y^2 + 1.
    """
    y = sp.Dummy("y")
    polynomial = y**4 + y**2 + 1
    image = cubic(2 * sp.cos(theta), value)
    slope = sp.diff(cubic(a, value), a).subs(a, y + 1 / y)
    # dividing y^6 - 1 puts every root on the unit circle, where ln max(1, |root|) = 0
    on_circle = sp.rem(y**6 - 1, polynomial, y)
    mean = sp.log(3) + sum(sp.log(sp.Max(1, sp.Abs(r))) * n for r, n in sp.roots(polynomial, y).items())
    return vanishes(
        image + 2 * sp.expand_trig(sp.cos(3 * theta)),
        cubic(A, value) + 2 * sp.chebyshevt(3, A / 2),
        slope * y**2 + 3 * polynomial,
        on_circle,
        mean - sp.log(base),
    )
