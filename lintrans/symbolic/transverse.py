"""Growth of a small imbalance b about the balanced slice (theory/05_transverse_stability).

To first order b' = (1 + z) b, with z the residual on the slice; ``along`` is the direction of the slice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.ellipse import density
from lintrans.symbolic.symbols import A, a, b, mu, r, theta, z

Formula = Callable[[Any], Any]

PERIOD_2_WINDOW = balanced.SYMMETRIC_4_CYCLES, sp.sqrt((13 + 3 * sp.sqrt(41)) / 4) - 1
"""Interval of mu in which a symmetric cycle, of period 2 in uv and 4 in a, is stable."""

LOSS_AT_TWO = sp.Rational(1, 4)

# a positive symbol would let the solvers drop the very condition to be found
_mu = sp.Dummy("mu", real=True)


def transverse_factor(z: Any) -> Any:
    """Factor of a small imbalance in one step, 1 + z."""
    return 1 + z


def two_cycle_transverse(mu: Any) -> Any:
    """Multiplier of the balanced 2-cycle across the slice: 3 - 2 mu.

    Examples
    --------
    >>> two_cycle_transverse(1), two_cycle_transverse(2)
    (1, -1)
    """
    return 3 - 2 * mu


def two_cycle_averages(mu: Any) -> tuple[Any, Any]:
    """Return the mean prediction (1 + mu)/(2 mu) and loss (mu^2 - 1)/(4 mu^2) on the 2-cycle, units of y_q.

    Examples
    --------
    >>> two_cycle_averages(sp.Integer(1))
    (1, 0)
    """
    return (1 + mu) / (2 * mu), (mu**2 - 1) / (4 * mu**2)


def symmetric_multipliers(mu: Any) -> tuple[Any, Any]:
    """Return along and transverse multiplier of the symmetric cycle born stable at mu = 2 sqrt(2) - 1.

    5 + 2 g^2 - 16/g^2 and 3 - 2 g over its period of 2 in uv, g = (t - sqrt(t^2 - 8))/2, t = 1 + mu.

    Examples
    --------
    >>> symmetric_multipliers(2)
    (-9, 1)
    """
    gap = (1 + mu - sp.sqrt((1 + mu) ** 2 - 8)) / 2
    return 5 + 2 * gap**2 - 16 / gap**2, 3 - 2 * gap


@claim("transverse.factor", "b = 0")
def jacobian_on_the_slice(factor: Formula = transverse_factor) -> Any:
    """On the slice the Jacobian is diagonal: 1 + mu - 3 a^2 along it and 1 + z across it, z = a^2 - mu."""
    found = modes.jacobian().subs(b, 0)
    along = sp.diff(balanced.cubic(a, mu), a)
    return vanishes(found - sp.diag(along, factor(modes.residual(a, 0, mu))))


@claim("transverse.fixed_points", "b = 0")
def transverse_multipliers_of_fixed_points(minimum: Any = 1) -> Any:
    """Transverse multipliers: 1 at the minimum (exponent 0), 1 - mu at the origin, 3 at a^2 = 2 + mu.

    The 1 is exact for every mu: the minima form a curve, which crosses the slice there.
    """
    points = {sp.sqrt(mu): minimum, sp.Integer(0): 1 - mu, sp.sqrt(2 + mu): 3}
    return vanishes(
        *(transverse_factor(modes.residual(at, 0, mu)) - value for at, value in points.items()),
        *(balanced.residual_step(z, mu).subs(z, at**2 - mu) - (at**2 - mu) for at in points),
    )


@claim("transverse.two_cycle", "1 < mu < 2")
def two_cycle_in_both_directions(formula: Formula = two_cycle_transverse) -> Any:
    """The balanced 2-cycle has multipliers 9 - 2 (1 + mu)^2 along and 3 - 2 mu across the slice.

    Across it is stable for all 1 < mu < 2, at mu = 3/2 an imbalance is lost in two steps to first order;
    so the 2-cycle attracts in the plane exactly for 1 < mu < sqrt(5) - 1.
    """
    first, second = balanced.two_cycle(mu)
    across = sp.solveset(sp.Abs(formula(_mu)) < 1, _mu, sp.S.Reals)
    along = sp.solveset(sp.Abs(balanced.two_cycle_multiplier(_mu)) < 1, _mu, sp.Interval.open(0, sp.oo))
    return every(
        vanishes(transverse_factor(first) * transverse_factor(second) - formula(mu)),
        vanishes(balanced.two_cycle_multiplier(mu) - 9 + 2 * (1 + mu) ** 2, formula(sp.Rational(3, 2))),
        same(across, sp.Interval.open(1, 2)),
        same(across.intersect(along), sp.Interval.open(1, balanced.PERIOD_4)),
    )


@claim("transverse.two_cycle_averages", "1 <= mu")
def averages_of_the_two_cycle(formula: Callable[[Any], tuple[Any, Any]] = two_cycle_averages) -> Any:
    """On the 2-cycle the mean prediction is (1 + mu)/(2 mu) y_q and the mean loss (mu^2 - 1)/(4 mu^2) y_q^2.

    The prediction falls short of the label on average, unlike on the ellipse and at mu = 2.
    """
    points = balanced.two_cycle(mu)
    prediction = sum(1 + x / mu for x in points) / 2
    loss = sum((x / mu) ** 2 / 2 for x in points) / 2
    return vanishes(prediction - formula(mu)[0], loss - formula(mu)[1])


@claim("transverse.symmetric_cycles", "mu >= 2 sqrt(2) - 1; t = 1 + mu = g + 2/g")
def symmetric_cycles_in_both_directions(window: tuple[Any, Any] = PERIOD_2_WINDOW) -> Any:
    """The cycles f(f(a)) = -a have the multipliers 5 + 2 g^2 - 16/g^2 along and 3 - 2 g across, in uv.

    The factors f = 1 - z of the two points are f and g - f, with the product -1. The cycle with the smaller g
    is stable along for (sqrt(41) - 3)/2 < g^2 < 2, that is 2 sqrt(2) < t < sqrt((13 + 3 sqrt(41))/4): a
    window of period 2 in uv, 4 in a. There 1 < g < 2, so it attracts across the slice as well.
    """
    f, g, square = sp.Dummy("f"), sp.Dummy("g", positive=True), sp.Dummy("square", real=True)  # g^2
    value = g + 2 / g - 1
    slope = sp.diff(balanced.residual_step(z, value), z)
    first, second = 1 - f, 1 - g + f
    along = 5 + 2 * square - 16 / square
    on_cycle = (
        balanced.residual_step(first, value) - second,
        slope.subs(z, first) * slope.subs(z, second) - along.subs(square, g**2),
        transverse_factor(first) * transverse_factor(second) - (3 - 2 * g),
    )
    stable = sp.Interval.open((sp.sqrt(41) - 3) / 2, 2)
    ends = [value.subs(g, sp.sqrt(end)) for end in (stable.sup, stable.inf)]
    return every(
        vanishes(*(sp.rem(sp.expand(e), f * (g - f) + 1, f) for e in on_cycle)),
        same(sp.solveset(sp.Abs(along) < 1, square, sp.Interval.open(0, sp.oo)), stable),
        vanishes(*((1 + end) ** 2 - (1 + limit) ** 2 for end, limit in zip(ends, window, strict=True))),
        same(stable.is_subset(sp.Interval.open(1, 4)), True),
        vanishes(symmetric_multipliers(mu)[0].subs(mu, 2) + 9),
    )


@claim("transverse.chebyshev", "mu = 2, b = 0")
def transverse_exponent_at_two(value: Any = 2) -> Any:
    """At mu = 2 the mean of ln|1 + z| over the invariant density is 0.

    With z = y + 1/y, |y| = 1, it is the logarithmic Mahler measure of y^2 + y + 1, whose roots are roots of
    unity (Jensen). It is also half the limit of the ellipse's exponent, 1 + 2 z + z^2 = (1 + z)^2.
    """
    y = sp.Dummy("y")
    polynomial = sp.expand(transverse_factor(y + 1 / y) * y)
    mean = sum(sp.log(sp.Max(1, sp.Abs(x))) * n for x, n in sp.roots(polynomial, y).items())
    square = sp.expand(1 + value * z + z**2) - transverse_factor(z) ** 2
    return vanishes(sp.rem(y**3 - 1, polynomial, y), mean, square)


@claim("transverse.chebyshev_neutral", "mu = 2, to first order in b, |a| < 2")
def imbalance_is_neutral_at_two(value: Any = 2) -> Any:
    """At mu = 2 the size of b/sqrt(4 - a^2) never changes: 1 + z = sin(3 theta)/sin(theta), a = 2 cos(theta).

    So b after n steps is b_0 sin(3^n theta)/sin(theta), up to sign: a thin ellipse (2 cos, eps sin), and the
    exponent is 0 for every orbit that avoids a = 2, -2, not only on average.
    """
    old, new = A, balanced.square_step(A, value)
    change = (4 - new) - (4 - old) * transverse_factor(A - value) ** 2
    angle = transverse_factor((2 * sp.cos(theta)) ** 2 - value) * sp.sin(theta)
    return vanishes(change, angle - sp.expand_trig(sp.sin(3 * theta)))


@claim("transverse.chebyshev_averages", "mu = 2, b = 0, almost every start")
def averages_at_two(loss: Any = LOSS_AT_TWO) -> Any:
    """At mu = 2 a has the density 1/(pi sqrt(4 - a^2)) and uv = a^2/2: mean prediction y_q, mean loss 1/4.

    The mean of a itself is 0: the weights change sign for ever.
    """
    weight = density(r)

    def mean(expression: Any) -> Any:
        return sp.integrate((expression * weight).subs(r, 2 * sp.cos(theta)) * sine, (theta, 0, sp.pi))

    # d a = -2 sin(theta) d theta and sqrt(4 - a^2) = 2 sin(theta) on (0, pi)
    sine = sp.sqrt(4 - (2 * sp.cos(theta)) ** 2)
    uniform = weight.subs(r, 2 * sp.cos(theta)) * sine - 1 / sp.pi
    return vanishes(uniform, mean(r**2 / 2) - 1, mean((r**2 / 2 - 1) ** 2 / 2) - loss, mean(r))
