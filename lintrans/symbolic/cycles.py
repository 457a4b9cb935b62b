"""Where the cycles of the plane map are, how many, and how an imbalance fares on them (theory/08_cycles)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import ellipse, modes
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.convergence import (
    growth_of_level_exceeds_growth_of_imbalance,
    imbalance_over_level_never_rises,
)
from lintrans.symbolic.symbols import A, a, b, mu, r, theta, z
from lintrans.symbolic.transverse import transverse_factor

Formula = Callable[[Any], Any]


def bound_at_two(a: Any, b: Any) -> Any:
    """Return ln|b| + (a^2/4 - 1)/b^2, what is left of V = |b|^mu/|Q| at mu = 2, where V itself is 1.

    Examples
    --------
    >>> bound_at_two(2, 1)
    0
    """
    return sp.log(sp.Abs(b)) + (sp.sympify(a) ** 2 / 4 - 1) / b**2


def closed_angles(period: Any, k: Any) -> Any:
    """Return angle number k = 0, 1, ... that is fixed by so many steps on the ellipse.

    Examples
    --------
    >>> [closed_angles(1, k) for k in range(4)]  # the minima r = 0
    [pi/4, -pi/4, -3*pi/4, -5*pi/4]
    """
    return sp.pi / 4 + 2 * sp.pi * k / ((-3) ** period - 1)


def approach(mu: Any) -> Any:
    """Transverse exponent of the chaotic slice attractor near mu = 2, to leading order: -sqrt((2 - mu)/3).

    Examples
    --------
    >>> approach(2)
    0
    """
    return -sp.sqrt((2 - sp.sympify(mu)) / 3)


@claim("cycles.below_two", "0 < mu < 2")
def cycles_are_minima_balanced_or_on_the_ellipse(step: modes.PlaneMap = modes.step_modes) -> Any:
    """Every cycle of the plane is a minimum, lies on the balanced slice, or on the ellipse.

    Elsewhere V of convergence.lyapunov_function is positive and finite and falls strictly in every step.
    """
    return imbalance_over_level_never_rises(step)


@claim("cycles.at_two", "mu = 2")
def no_other_cycles_at_two(bound: Callable[[Any, Any], Any] = bound_at_two) -> Any:
    """At mu = 2 every cycle is a minimum or lies on the balanced slice.

    L = ln|b| + (a^2/4 - 1)/b^2 gains ln|x| - 1/x + 1/x^2, x = 1 + r, in every step. That has its only minima
    at x = 1, with the value 0, and x = -2, with ln 2 + 3/4: L rises strictly unless r = 0. (If x = 0 the
    next b is 0.)
    """
    square, x = sp.Dummy("square", positive=True), sp.Dummy("x", real=True)
    res = x - 1
    old_a, old_b = sp.sqrt(res + 2 + square), sp.sqrt(square)
    new_a, new_b = (1 - res) * old_a, (1 + res) * old_b

    def rational(p: Any, q: Any) -> Any:  # L without its logarithm, which gains ln|x|
        return bound(p, q) - sp.log(sp.Abs(q))

    gain = sp.log(x) - 1 / x + 1 / x**2
    slope = sp.factor(sp.diff(gain, x))
    return every(
        vanishes(rational(new_a, new_b) - rational(old_a, old_b) - (1 / x**2 - 1 / x)),
        vanishes(slope - (x + 2) * (x - 1) / x**3, gain.subs(x, 1)),
        same([slope.subs(x, at) > 0 for at in (-3, -1, sp.Rational(1, 2), 2)], [False, True, False, True]),
        same((sp.log(2) + sp.Rational(3, 4) - (gain.subs(x, -2) - sp.I * sp.pi)).equals(0), True),
    )


@claim("cycles.above_two", "mu > 2; Q = a^2/(2 + mu) - b^2/(mu - 2) - 1")
def no_other_cycles_above_two(excess: Any = 2) -> Any:
    """Above mu = 2 too, every cycle is a minimum or lies on the balanced slice.

    Where Q >= 0, r - 2 = (mu + 2) Q + 4 b^2/(mu - 2) >= 0: |b| at least triples, and so does Q, for ever. So
    a cycle off the slice has Q < 0 and, as Q' = (1 + mu r + r^2) Q, the factor positive at every point. Then
    |1 + r|^mu > 1 + mu r + r^2 unless r = 0, because the left side is convex in mu, the right linear, lower
    at mu = 0 and equal at mu = 2: V = |b|^mu/|Q| rises strictly.
    """
    m, spare = sp.Dummy("m", positive=True), sp.Dummy("spare", positive=True)
    on_level = r - (a**2 - b**2 - mu)
    level = modes.ellipse(a, b, mu)
    gap = sp.expand((r - excess) - on_level - ((mu + 2) * level + 4 * b**2 / (mu - 2)))
    growth = ellipse.growth(2 + spare, 2 + m) - 3
    # a convex h with h(0) = -r^2 and h(2) = 0 has h(m) >= (m/2 - 1) r^2, by the chord from 0 to m at 2
    chord = sp.solve((1 - 2 / m) * (-(r**2)) + 2 / m * theta, theta)[0] - (m / 2 - 1) * r**2
    return every(
        vanishes(gap, chord),
        True if sp.expand(growth).is_positive else growth,
        growth_of_level_exceeds_growth_of_imbalance(),
    )


@claim("cycles.ellipse", "0 < mu < 2, Q = 0")
def cycles_of_the_ellipse(angles: Callable[[Any, Any], Any] = closed_angles) -> Any:
    """The angles theta = pi/4 + 2 pi k/((-3)^n - 1) are those fixed by n steps: 3^n - (-1)^n of them.

    They do not depend on mu. Over n steps the multiplier along the ellipse is (-3)^n; across it, that of Q,
    it is the product of 1 + mu r + r^2, r = 2 cos(2 theta).
    """
    n, k = sp.Dummy("n", integer=True, positive=True), sp.Dummy("k", integer=True)
    start = angles(n, k)
    # theta - pi/4 is multiplied by -3 in a step, by (-3)^n in n steps
    turns = ((-3) ** n * (start - sp.pi / 4) + sp.pi / 4 - start) / (2 * sp.pi)
    shift = ellipse.next_angle(theta) - sp.pi / 4 + 3 * (theta - sp.pi / 4)
    number = [abs((-3) ** i - 1) - (3**i - (-1) ** i) for i in range(1, 9)]
    speed = sp.diff(ellipse.next_angle(theta), theta)
    return every(
        vanishes(sp.simplify(turns) - k, shift, speed + 3),
        same(number, [0] * 8),
        ellipse.exponents_on_the_ellipse(),
    )


@claim("cycles.laps", "b = 0; f(a) = t a - a^3, t = 1 + mu > 0")
def at_most_three_fixed_points_on_a_lap(step: Formula = lambda x: balanced.cubic(x, mu)) -> Any:
    """Where an iterate of f increases it has at most three fixed points, where it decreases at most one.

    The Schwarzian derivative of f is -6 (t + 6 a^2)/(t - 3 a^2)^2, negative; so it is for every iterate
    (chain rule), and a slope with negative Schwarzian has no positive local minimum (Singer): on a lap it
    rises once and falls once, and passes 1 at most twice.
    """
    t = 1 + mu
    first, second, third = (sp.diff(step(a), a, n) for n in (1, 2, 3))
    schwarzian = third / first - sp.Rational(3, 2) * (second / first) ** 2
    inner, outer = sp.Function("inner")(a), sp.Function("outer")

    def of(function: Any) -> Any:
        d1, d2, d3 = (sp.diff(function, a, n) for n in (1, 2, 3))
        return d3 / d1 - sp.Rational(3, 2) * (d2 / d1) ** 2

    x = sp.Dummy("x")
    at_inner = of(outer(a)).subs(a, x)
    chain = (of(outer(inner)) - at_inner.subs(x, inner) * sp.diff(inner, a) ** 2 - of(inner)).doit()
    return vanishes(schwarzian + 6 * (t + 6 * a**2) / (t - 3 * a**2) ** 2, chain)


@claim("cycles.symmetric", "b = 0; a cycle in uv of n points, s the product of 1 - z over it")
def product_of_factors_tells_the_symmetry(factor: Formula = lambda z: 1 - z) -> Any:
    """The product s is 1 (a closes: two mirror-image cycles) or -1 (-a closes: one twice as long).

    A cycle in A = a^2 has A_n = A_0 s^2. At s = -1 the multiplier of the weights over 2 n steps is the
    square of that in uv, so a period doubling in uv is in the weights a symmetry breaking: a pitchfork.
    """
    odd = balanced.cubic(-a, mu) + balanced.cubic(a, mu)
    return vanishes(
        odd,
        balanced.cubic(a, mu) - factor(a**2 - mu) * a,
        balanced.square_step(A, mu) - factor(A - mu) ** 2 * A,
    )


@claim("cycles.amplification", "0 < mu < 2, b = 0 to first order in b")
def imbalance_is_amplified_by_a_bounded_factor(factor: Formula = lambda z: ellipse.growth(z, mu)) -> Any:
    """On the slice the product of |1 + z| over n steps is at most ((2 - z_n)/(2 - z_0))^(1/mu).

    By convergence.inequality and 2 - z' = (1 + mu z + z^2)(2 - z). On the attractor z is at least -mu and at
    most 4 (1 + mu)^3/27 - mu < 2, the image of the critical point; so no finite stretch of it amplifies an
    imbalance by more than ((2 + mu)/(2 + mu - 4 (1 + mu)^3/27))^(1/mu). No cycle but the vertices z = 2
    repels across the slice, and the response to small noise has no heavy tail: there is no bubbling.
    """
    top = balanced.square_step((1 + mu) / 3, mu) - mu
    room = sp.factor(2 - top)
    t = 1 + mu
    return every(
        vanishes(2 - balanced.residual_step(z, mu) - factor(z) * (2 - z)),
        vanishes(sp.diff(balanced.square_step(A, mu), A).subs(A, t / 3), top - 4 * t**3 / 27 + mu),
        # positive below mu = 2
        vanishes(room - (2 - mu) * (2 * mu + 5) ** 2 / 27),
        growth_of_level_exceeds_growth_of_imbalance(),
    )


@claim("cycles.approach", "mu < 2, to leading order in e = 2 - mu; the density on the slice that of mu = 2")
def transverse_exponent_near_two(formula: Formula = approach) -> Any:
    """The transverse exponent of the slice attractor rises to 0 like -sqrt((2 - mu)/3).

    By telescoping (convergence.negative) mu times it is the mean of mu ln|1 + z| - ln(1 + mu z + z^2). With
    x = 1 + z that is -ln(1 + e (1 - x)/x^2) - e ln|x|, which vanishes with e except for x of the order of
    sqrt(e): there -ln(1 + e/x^2), whose integral is -2 pi sqrt(e), times the density at z = -1.
    """
    e, x = sp.Dummy("e", positive=True), sp.Dummy("x", positive=True)
    near = sp.expand(ellipse.growth(x - 1, 2 - e)) - (x**2 + e * (1 - x))
    primitive = x * sp.log(1 + e / x**2) + 2 * sp.sqrt(e) * sp.atan(x / sp.sqrt(e))
    integral = 2 * (sp.limit(primitive, x, sp.oo) - sp.limit(primitive, x, 0, "+"))
    exponent = -integral * ellipse.density(-1) / 2
    return every(
        vanishes(near, sp.diff(primitive, x) - sp.log(1 + e / x**2)),
        vanishes(integral - 2 * sp.pi * sp.sqrt(e), exponent - formula(2 - e), transverse_factor(x - 1) - x),
    )
