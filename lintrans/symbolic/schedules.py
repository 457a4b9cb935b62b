"""Any schedule of step sizes up to ``max_mu``: one ellipse holds them all (theory/07_schedules).

Modes and residual are those of ``max_mu``; a step of size mu_t is the fraction ``kappa = mu_t/max_mu``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.symbols import a, b, kappa, max_mu, sigma, u, v

FractionMap = Callable[[Any, Any, Any, Any], tuple[Any, Any]]

NOISE = sp.Rational(1, 10)  # the residual at a minimum of a batch with another target

# a positive symbol would let the solvers drop the very condition to be found
_bound = sp.Dummy("max_mu", real=True)


def step_fraction(a: Any, b: Any, max_mu: Any, kappa: Any) -> tuple[Any, Any]:
    """One step of size kappa max_mu, in the modes of max_mu: a' = (1 - kappa r) a, b' = (1 + kappa r) b.

    Examples
    --------
    >>> step_fraction(2, 1, 1, sp.Rational(1, 2))
    (0, 2)
    """
    return step_batch(a, b, kappa * modes.residual(a, b, max_mu))


def step_batch(a: Any, b: Any, sigma: Any) -> tuple[Any, Any]:
    """One step by the residual sigma of a mini-batch: a' = (1 - sigma) a, b' = (1 + sigma) b."""
    return (1 - sigma) * a, (1 + sigma) * b


def largest_loss(max_mu: Any) -> Any:
    """Largest loss of a certified schedule, 2/max_mu^2, in units of y_q^2."""
    return 2 / max_mu**2


@claim("schedules.step", "max_mu > 0")
def step_in_the_modes_of_the_bound(step: FractionMap = step_fraction) -> Any:
    """In the modes of max_mu a step of size kappa max_mu is a' = (1 - kappa r) a, b' = (1 + kappa r) b."""
    new = modes.to_modes(*modes.step_uv(u, v, kappa * max_mu), max_mu)
    expected = step(*modes.to_modes(u, v, max_mu), max_mu, kappa)
    return vanishes(*(x - y for x, y in zip(new, expected, strict=True)))


@claim("schedules.identity", "0 < max_mu < 2")
def level_under_a_schedule(step: FractionMap = step_fraction) -> Any:
    """Q' = (1 + max_mu kappa r + kappa^2 r^2) Q - kappa (1 - kappa) r^2, with Q and r those of max_mu."""
    res = modes.residual(a, b, max_mu)
    new = modes.ellipse(*step(a, b, max_mu, kappa), max_mu)
    growth = 1 + max_mu * kappa * res + kappa**2 * res**2
    return vanishes(new - growth * modes.ellipse(a, b, max_mu) + kappa * (1 - kappa) * res**2)


@claim("schedules.certificate", "0 < max_mu < 2, 0 <= mu_t <= max_mu; all batches share uv = 1")
def inside_stays_inside(bound: Any = 2, largest: Any = 1) -> Any:
    """A start with Q <= 0 at max_mu keeps Q <= 0 under every sequence of step sizes 0 <= mu_t <= max_mu.

    In schedules.identity the factor (kappa r + max_mu/2)^2 + 1 - max_mu^2/4 of Q is positive iff max_mu < 2,
    and kappa (1 - kappa) is not negative iff 0 <= kappa <= 1: from Q <= 0 follows Q' <= 0.
    """
    x = sp.Dummy("x", real=True)  # kappa r
    square = (x + max_mu / 2) ** 2 + 1 - max_mu**2 / 4
    positive = sp.solveset(1 - _bound**2 / 4 > 0, _bound, sp.Interval.open(0, sp.oo))
    fractions = sp.solveset(kappa * (1 - kappa) >= 0, kappa, sp.S.Reals)
    return every(
        level_under_a_schedule(),
        vanishes(1 + max_mu * x + x**2 - square),
        same(positive, sp.Interval.open(0, bound)),
        same(fractions, sp.Interval(0, largest)),
    )


@claim("schedules.slice", "max_mu = 2, b = 0, 0 <= mu_t <= 2")
def balanced_starts_reach_two(value: Any = 2) -> Any:
    """For balanced weights max_mu = 2 itself is safe: a^2 <= 4, u^2 <= 2, is kept by every schedule up to it.

    4 - a'^2 = (4 - a^2)(1 + kappa r)^2 + 4 kappa (1 - kappa) r^2.
    """
    res = modes.residual(a, 0, value)
    new, new_b = step_fraction(a, 0, value, kappa)
    kept = (4 - a**2) * (1 + kappa * res) ** 2 + 4 * kappa * (1 - kappa) * res**2
    return vanishes(4 - new**2 - kept, new_b)


@claim("schedules.loss", "0 < max_mu < 2, Q <= 0")
def loss_is_bounded(bound: Any = 2) -> Any:
    """Inside the ellipse |r| <= 2: a certified loss never exceeds 2/max_mu^2, in units of y_q^2.

    2 - r = -(2 + max_mu) Q + 4 b^2/(2 - max_mu) and 2 + r = -(2 - max_mu) Q + 4 a^2/(2 + max_mu), so the
    four vertices attain it.
    """
    res, level = modes.residual(a, b, max_mu), modes.ellipse(a, b, max_mu)
    return vanishes(
        bound - res + (2 + max_mu) * level - 4 * b**2 / (2 - max_mu),
        bound + res + (2 - max_mu) * level - 4 * a**2 / (2 + max_mu),
        (bound / max_mu) ** 2 / 2 - largest_loss(max_mu),
    )


@claim("schedules.sharp", "0 < max_mu < 2, Q = 0, r != 0")
def no_other_step_is_safe(fraction: Any = 2) -> Any:
    """On the ellipse Q' = kappa (kappa - 1) r^2: every step above max_mu, and every ascent step, leaves.

    Example: max_mu = 1, a = 3/2, b = 1/2 has Q = 0 and r = 1; one step of size 2 gives Q' = 2, out for ever.
    A smaller step, 0 < kappa < 1, ends strictly inside.
    """
    b_squared = (2 - max_mu) * (1 - a**2 / (2 + max_mu))
    new_level = modes.ellipse(*step_fraction(a, b, max_mu, kappa), max_mu)
    res = modes.residual(a, b, max_mu)
    start = (sp.Rational(3, 2), sp.Rational(1, 2))
    outside = sp.solveset(kappa * (kappa - 1) > 0, kappa, sp.S.Reals)
    return every(
        vanishes(sp.expand(new_level - kappa * (kappa - 1) * res**2).subs(b, sp.sqrt(b_squared))),
        same(outside, sp.Union(sp.Interval.open(-sp.oo, 0), sp.Interval.open(1, sp.oo))),
        same(modes.ellipse(*start, 1), sp.Integer(0)),
        same(modes.ellipse(*step_fraction(*start, 1, fraction), 1), sp.Integer(2)),
    )


@claim("schedules.converse", "0 < mu < 2, constant step size mu above the critical one of the start")
def nothing_stable_outside(slope: Any = 2) -> Any:
    """Above its critical mu a start has Q > 0 for ever, and no linearly stable minimum lies there.

    Q' = (1 + mu r + r^2) Q with a positive factor; at a minimum (4 - mu^2) Q = 2 (a^2 + b^2 - 2), negative
    wherever a^2 + b^2 < 1. So the largest bound of a certified schedule is critical_mu, and no larger one.
    """
    at_minimum = modes.ellipse(a, b, max_mu) * (4 - max_mu**2)
    size = sp.Dummy("s", real=True)
    outside = sp.solveset(slope * (size - 2) > 0, size, sp.Interval(0, sp.oo))
    return every(
        modes.ellipse_identity(),
        vanishes(at_minimum.subs(b, sp.sqrt(a**2 - max_mu)) - slope * (2 * a**2 - max_mu - 2)),
        same(outside.intersect(sp.Interval.Ropen(0, 1)), sp.S.EmptySet),
    )


@claim("schedules.batches", "0 < max_mu < 2; mini-batches with residual sigma")
def batches_must_share_the_target(noise: Any = NOISE) -> Any:
    """Q' = (1 + max_mu sigma + sigma^2) Q + sigma (sigma - r): one target is what the certificate needs.

    Batches of curvature c that share uv = 1 have sigma = kappa r with kappa = c mu_t/max_mu, and are
    certified while kappa <= 1. A batch with another target has sigma != 0 at a minimum (r = 0) on the
    ellipse, and leaves it: Q' = sigma^2 > 0, however small the step.
    """
    res = modes.residual(a, b, max_mu)
    level = modes.ellipse(a, b, max_mu)
    drift = sigma * (sigma - res)
    new_level = modes.ellipse(*step_batch(a, b, sigma), max_mu)
    minimum = (sp.sqrt(2 + max_mu) / sp.sqrt(2), sp.sqrt(2 - max_mu) / sp.sqrt(2))  # on the ellipse
    left = modes.ellipse(*step_batch(*minimum, noise), max_mu)
    return every(
        vanishes(new_level - (1 + max_mu * sigma + sigma**2) * level - drift),
        vanishes(drift.subs(sigma, kappa * res) + kappa * (1 - kappa) * res**2),
        vanishes(modes.residual(*minimum, max_mu), modes.ellipse(*minimum, max_mu)),
        vanishes(left - noise**2),
        same(left.simplify() > 0, sp.true),
    )
