"""Where bounded training ends: a Lyapunov function of the plane map (theory/05_transverse_stability).

V = |b|^mu/|Q|, imbalance over distance to the ellipse, never rises in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.symbols import A, a, b, mu, r, z
from lintrans.symbolic.transverse import transverse_factor

Formula = Callable[[Any], Any]


def imbalance_bound(a: Any, b: Any, mu: Any) -> Any:
    """Return the Lyapunov function V = |b|^mu/|Q|.

    Examples
    --------
    >>> imbalance_bound(1, sp.Rational(1, 2), 1)
    6/5
    """
    return sp.Abs(b) ** mu / sp.Abs(modes.ellipse(a, b, sp.sympify(mu)))


@claim("convergence.sufficient", "s = a^2 + b^2, rho = |r|, gamma = (1 + |1 - 2 s|)/2 < 1, mu > 0")
def small_residuals_converge(slack: int = 3) -> Any:
    """An orbit converges to a minimum, its loss falling in every step, if it is close enough to a stable one.

    Close means |1 - 2 s| + 2 delta + rho (rho + mu) <= gamma and s + delta <= 1 with
    delta = rho (3 rho + 2 mu)/(1 - gamma). By modes.residual_recursion the factor of r is at most
    |1 - 2 s| + rho (rho + mu), and s' - s = r^2 (s - 2) - 2 mu r, at most rho (3 rho + 2 mu) while s <= 1.
    So while rho falls by gamma, s moves in all by at most delta, a geometric series; and then rho falls by
    gamma. As sum |r| is finite, a and b converge.
    """
    res, s, rho, part, spare = sp.symbols("res s rho part spare", nonnegative=True)
    moved = s * (1 + res**2) - 2 * res * (res + mu) - s
    size = 1 / (1 + part)  # s, from 0 to 1
    left = rho * (slack * rho + 2 * mu) - (2 - size) * rho**2 - 2 * mu * rho
    limit, gamma = spare / (1 - 1 / (1 + part)), 1 / (1 + part)  # of the series with first term spare
    positive = sp.expand(sp.numer(sp.together(left)))
    return every(
        modes.residual_recursion(),
        vanishes(moved - res**2 * (s - 2) + 2 * mu * res, limit - spare - gamma * limit),
        True if positive.is_nonnegative else positive,
    )


@claim("convergence.inequality", "0 < mu < 2, r real and not 0")
def growth_of_level_exceeds_growth_of_imbalance(largest: Any = 2) -> Any:
    """|1 + r|^mu < 1 + mu r + r^2.

    As a function of mu the left side is convex and the right side linear, so it is enough to compare at
    mu = 0, where they differ by r^2, and at mu = 2, where they are equal. Where the left side is not strictly
    convex, at r = -2 (constant) and r = -1 (zero), the right side leads by 2 (2 - mu) and 2 - mu.
    """
    m, log = sp.Dummy("m", real=True), sp.Dummy("log", real=True)  # log = ln|1 + r|
    left, right = sp.exp(m * log), 1 + m * r + r**2
    gap = sp.expand(right - (1 + r) ** 2).subs(m, largest)
    return every(
        vanishes(sp.diff(left, m, 2) - log**2 * left, sp.diff(right, m, 2)),
        same((log**2 * left).is_nonnegative, True),
        vanishes(right.subs(m, 0) - 1 - r**2, gap),
        vanishes(right.subs(r, -2) - 1 - 2 * (2 - m), right.subs(r, -1) - (2 - m)),
    )


@claim("convergence.lyapunov_function", "0 < mu < 2, Q != 0, any b")
def imbalance_over_level_never_rises(
    step: modes.PlaneMap = modes.step_modes, formula: Callable[[Any, Any, Any], Any] = imbalance_bound
) -> Any:
    """V = |b|^mu/|Q| never rises, and falls strictly unless b = 0 or r = 0.

    V'/V = |1 + r|^mu/(1 + mu r + r^2), below 1 by convergence.inequality. Inside the ellipse |Q| <= 1, so
    |b|^mu <= V: the imbalance is bounded by its start for ever.
    """
    res = modes.residual(a, b, mu)
    new_a, new_b = step(a, b, mu)
    level, new_level = modes.ellipse(a, b, mu), modes.ellipse(new_a, new_b, mu)
    return every(
        vanishes(new_b - (1 + res) * b, new_level - (1 + mu * res + res**2) * level),
        vanishes(formula(a, b, mu) * sp.Abs(level) - sp.Abs(b) ** mu),
        vanishes(level + 1 - a**2 / (2 + mu) - b**2 / (2 - mu)),
        growth_of_level_exceeds_growth_of_imbalance(),
    )


@claim("convergence.negative", "0 < mu < 2, b = 0, invariant measures other than that of a^2 = 2 + mu")
def slice_attracts_every_measure(factor: Formula = lambda z: 1 + mu * z + z**2) -> Any:
    """The transverse exponent is negative for every invariant measure on the slice but the minimum's.

    2 - z' = (1 + mu z + z^2)(2 - z), so the mean of ln(1 + mu z + z^2) is 0: it telescopes and is bounded.
    And ln|1 + z| is below ln(1 + mu z + z^2)/mu unless z = 0. At mu = 2 both are equal.
    """
    telescopes = 2 - balanced.residual_step(z, mu) - factor(z) * (2 - z)
    at_two = sp.expand(factor(z).subs(mu, 2) - transverse_factor(z) ** 2)
    return every(vanishes(telescopes, at_two), growth_of_level_exceeds_growth_of_imbalance())


@claim("convergence.inside", "0 < mu < 2, Q < 0")
def inside_orbits_settle_or_balance(vertex: Any = 3) -> Any:
    """Every orbit inside the ellipse converges to a minimum, or b tends to 0: it ends on the balanced slice.

    V of convergence.lyapunov_function falls to a limit. Limit points on the ellipse would have b = 0, for
    |b|^mu <= V |Q|: only the vertices a^2 = 2 + mu, which have no other preimage there and repel with the
    multipliers -(5 + 2 mu) and 3, so there are none. If the limit of V is positive, the limit points have
    r = 0 and one value of V, which on the curve of minima rises strictly with b^2. If it is 0, b tends to 0.
    """
    square = sp.Dummy("square", positive=True)  # b^2 at a minimum
    level = modes.ellipse(sp.sqrt(mu + square), sp.sqrt(square), mu)
    slope = sp.diff(mu / 2 * sp.log(square) - sp.log(-level), square)
    at_vertex = modes.jacobian().subs({a: sp.sqrt(2 + mu), b: 0})
    return every(
        imbalance_over_level_never_rises(),
        vanishes(at_vertex - sp.diag(-5 - 2 * mu, vertex)),
        # positive where 2 - mu - 2 b^2 is, that is inside
        vanishes(slope - mu / (2 * square) - 2 / (2 - mu - 2 * square)),
        vanishes(level + 2 * (2 - mu - 2 * square) / (4 - mu**2)),
    )


@claim("convergence.outside", "0 < mu < 2, Q > 0")
def outside_orbits_are_lost(speed: Any = 2) -> Any:
    """Every orbit outside the ellipse is unbounded or converges to one of the unstable minima there.

    As in convergence.inside; now b -> 0 is no way out, because on the slice A' - A = A z (z - 2) is positive
    for z > 2. The minima outside have the multiplier 1 - 2 s below -3, and V falls strictly with b^2 on them.
    """
    square = sp.Dummy("square", positive=True)  # b^2 at a minimum
    level = modes.ellipse(sp.sqrt(mu + square), sp.sqrt(square), mu)
    slope = sp.diff(mu / 2 * sp.log(square) - sp.log(level), square)
    grown = balanced.square_step(A, mu) - A - A * (A - mu) * (A - mu - speed)
    return every(
        imbalance_over_level_never_rises(),
        vanishes(grown, slope + (2 - mu) * (mu + 2 * square) / (2 * square * (2 * square + mu - 2))),
        vanishes((4 - mu**2) * level - 2 * (mu + 2 * square - 2)),
    )
