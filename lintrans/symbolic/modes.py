"""The plane map in factors and in modes: steps, stability, the ellipse (theory/02_modes).

``step_uv`` and ``step_modes`` are plain arithmetic: they take numbers or SymPy expressions alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.symbols import a, b, mu, u, v

PlaneMap = Callable[[Any, Any, Any], tuple[Any, Any]]


def step_uv(u: Any, v: Any, mu: Any) -> tuple[Any, Any]:
    """One step of gradient descent on (u v - 1)^2/2 with step size mu.

    Examples
    --------
    >>> step_uv(2, 1, sp.Rational(1, 2))
    (3/2, 0)
    """
    return u - mu * v * (u * v - 1), v - mu * u * (u * v - 1)


def step_modes(a: Any, b: Any, mu: Any) -> tuple[Any, Any]:
    """One step in modes: a' = (1 - r) a, b' = (1 + r) b with r = a^2 - b^2 - mu."""
    r = residual(a, b, mu)
    return (1 - r) * a, (1 + r) * b


def residual(a: Any, b: Any, mu: Any) -> Any:
    """Return r = a^2 - b^2 - mu, equal to mu (u v - 1) = eta h (prediction - y_q) sgn(y_q)."""
    return a**2 - b**2 - mu


def to_modes(u: Any, v: Any, mu: Any) -> tuple[Any, Any]:
    """Return a = sqrt(mu)/2 (u + v) and b = sqrt(mu)/2 (u - v)."""
    scale = sp.sqrt(mu) / 2
    return scale * (u + v), scale * (u - v)


def from_modes(a: Any, b: Any, mu: Any) -> tuple[Any, Any]:
    """Return u = (a + b)/sqrt(mu) and v = (a - b)/sqrt(mu)."""
    return (a + b) / sp.sqrt(mu), (a - b) / sp.sqrt(mu)


def jacobian(step: PlaneMap = step_modes) -> Any:
    """Return the Jacobian matrix of one step in (a, b)."""
    return sp.Matrix(step(a, b, mu)).jacobian([a, b])


def ellipse(a: Any, b: Any, mu: Any) -> Any:
    """Return Q = a^2/(2 + mu) + b^2/(2 - mu) - 1, negative inside; for 0 < mu < 2."""
    return a**2 / (2 + mu) + b**2 / (2 - mu) - 1


def critical_mu(u: Any, v: Any) -> Any:
    """Return the largest mu in (0, 2] at which the start (u, v) has Q <= 0.

    8/(S + sqrt(S^2 + 16 (1 - u v))) with S = u^2 + v^2. Below it the orbit is bounded.

    Examples
    --------
    >>> critical_mu(0, 0), critical_mu(2, 2), sp.radsimp(critical_mu(2, 0))
    (2, 2/3, -2 + 2*sqrt(2))
    """
    size = sp.sympify(u**2 + v**2)
    # S^2 + 16 (1 - uv) written as a sum of squares: never negative, no cancellation
    return 8 / (size + sp.sqrt((size - 4) ** 2 + 8 * (u - v) ** 2))


def minimum_multiplier(a: Any, b: Any) -> Any:
    """Multiplier 1 - 2 (a^2 + b^2) of a minimum across the curve of minima; the other one is 1."""
    return 1 - 2 * (a**2 + b**2)


def along_factor(a: Any, b: Any, mu: Any) -> Any:
    """Factor of one step along the loss: the Jacobian determinant over 1 + r, the factor of b.

    Examples
    --------
    >>> along_factor(1, sp.Rational(1, 2), sp.Rational(3, 4))
    -3/2
    """
    r = residual(a, b, mu)
    return 1 - 3 * r - 2 * mu - 4 * b**2 / (1 + r)


@claim("modes.step", "mu > 0")
def step_in_modes(step: PlaneMap = step_uv) -> Any:
    """The step in (u, v) is, in modes, a' = (1 - r) a, b' = (1 + r) b; r = mu (uv - 1)."""
    new_modes = to_modes(*step(*from_modes(a, b, mu), mu), mu)
    r = mu * (u * v - 1) - residual(*to_modes(u, v, mu), mu)
    return vanishes(*(x - y for x, y in zip(new_modes, step_modes(a, b, mu), strict=True)), r)


@claim("modes.jacobian")
def jacobian_in_modes(step: PlaneMap = step_modes) -> Any:
    """The Jacobian is [[1-r-2a^2, 2ab], [2ab, 1+r-2b^2]]; det = 1 - r^2 - 2(a^2+b^2) - 2r(a^2-b^2)."""
    r = residual(a, b, mu)
    expected = sp.Matrix([[1 - r - 2 * a**2, 2 * a * b], [2 * a * b, 1 + r - 2 * b**2]])
    determinant = 1 - r**2 - 2 * (a**2 + b**2) - 2 * r * (a**2 - b**2)
    return vanishes(jacobian(step) - expected, jacobian(step).det() - determinant)


@claim("modes.residual_recursion")
def residual_recursion(step: PlaneMap = step_modes) -> Any:
    """With s = a^2 + b^2: r' = r (1 - 2s + r (r + mu)) and s' = s (1 + r^2) - 2 r (r + mu)."""
    r, s = residual(a, b, mu), a**2 + b**2
    new_a, new_b = step(a, b, mu)
    return vanishes(
        residual(new_a, new_b, mu) - r * (1 - 2 * s + r * (r + mu)),
        new_a**2 + new_b**2 - s * (1 + r**2) + 2 * r * (r + mu),
    )


@claim("modes.fixed_points", "mu > 0")
def fixed_points(step: PlaneMap = step_modes) -> Any:
    """The step moves a point by (-r a, r b): fixed are exactly the hyperbola r = 0 and the origin."""
    r = residual(a, b, mu)
    new_a, new_b = step(a, b, mu)
    return vanishes(new_a - a + r * a, new_b - b - r * b)


@claim("modes.multipliers", "mu > 0")
def multipliers(step: PlaneMap = step_modes) -> Any:
    """Multipliers: 1 and 1 - 2(a^2 + b^2) on the hyperbola r = 0; 1 + mu and 1 - mu at the origin."""
    minimum = jacobian(step).subs(mu, a**2 - b**2)
    root = minimum_multiplier(a, b)
    saddle = jacobian(step).subs({a: 0, b: 0})
    return vanishes(minimum.trace() - 1 - root, minimum.det() - root, saddle - sp.diag(1 + mu, 1 - mu))


@claim("modes.along", "r != -1, or b = 0")
def growth_along_the_loss(factor: Callable[[Any, Any, Any], Any] = along_factor) -> Any:
    """|J|/(1 + r) = 1 - 3 r - 2 mu - 4 b^2/(1 + r): on the slice da'/da, at a minimum 1 - 2 (a^2 + b^2)."""
    r = residual(a, b, mu)
    return vanishes(
        jacobian().det() - (1 + r) * factor(a, b, mu),
        factor(a, 0, mu) - sp.diff(step_modes(a, 0, mu)[0], a),
        factor(a, b, a**2 - b**2) - minimum_multiplier(a, b),
    )


@claim("modes.stability", "u v = 1, mu > 0")
def stable_inside_unit_circle(bound: int = 2) -> Any:
    """The sharpness (top Hessian eigenvalue) of a minimum is u^2 + v^2; it is stable iff mu (u^2 + v^2) < 2.

    In modes that is a^2 + b^2 < 1.
    """
    sharpness = u**2 + v**2
    hessian = sp.hessian((u * v - 1) ** 2 / 2, (u, v)).subs(v, 1 / u)
    circle = sum(x**2 for x in to_modes(u, v, mu)) - mu * sharpness / 2
    product = sp.Dummy("product", real=True)  # mu (u^2 + v^2)
    stable = sp.solveset(sp.Abs(1 - product) < 1, product, sp.S.Reals)
    return every(
        vanishes(hessian.det(), hessian.trace() - sharpness.subs(v, 1 / u), circle),
        same(stable, sp.Interval.open(0, bound)),
    )


@claim("modes.imbalance")
def imbalance_law(step: PlaneMap = step_uv) -> Any:
    """u'^2 - v'^2 = (1 - r^2)(u^2 - v^2): the axes a = 0 and b = 0 are invariant."""
    new_u, new_v = step(u, v, mu)
    r = mu * (u * v - 1)
    axes = (step_modes(0, b, mu)[0], step_modes(a, 0, mu)[1])
    return vanishes(new_u**2 - new_v**2 - (1 - r**2) * (u**2 - v**2), *axes)


@claim("modes.saddle", "a = 0, 0 < mu < 2")
def stable_set_of_the_origin(step: PlaneMap = step_modes) -> Any:
    """On a = 0 the origin attracts b^2 < 2 - mu: b^2 falls in every step, to 0; beyond, it rises.

    b'^2/b^2 = (1 - mu - b^2)^2 is less than 1 by (2 - mu - b^2)(mu + b^2).
    """
    new_a, new_b = step(0, b, mu)
    return vanishes(new_a, b**2 - new_b**2 - b**2 * (2 - mu - b**2) * (mu + b**2))


@claim("modes.ellipse", "0 < mu < 2")
def ellipse_identity(step: PlaneMap = step_modes) -> Any:
    """Q' = (1 + mu r + r^2) Q, and the factor (r + mu/2)^2 + 1 - mu^2/4 is positive."""
    r = residual(a, b, mu)
    factor = 1 + mu * r + r**2
    return vanishes(
        ellipse(*step(a, b, mu), mu) - factor * ellipse(a, b, mu),
        factor - (r + mu / 2) ** 2 - (1 - mu**2 / 4),
    )


@claim("modes.critical_mu", "0 < mu < 2; S = u^2 + v^2")
def critical_mu_of_a_start(formula: Callable[[Any, Any], Any] = critical_mu) -> Any:
    """Q <= 0 exactly for mu up to 8/(S + sqrt(S^2 + 16 (1 - uv))), which never exceeds 2.

    Here (4 - mu^2) Q = q(mu) = (1 - uv) mu^2 + S mu - 4 with q(0) < 0 <= q(2) = 2 (u - v)^2. For uv <= 1 it
    increases; for uv > 1 it is concave. Either way its sign changes at its first positive root, once
    before 2; the other root 8/(S - sqrt(.)) is negative or larger.
    """
    size, product = u**2 + v**2, u * v
    quadratic = (1 - product) * mu**2 + size * mu - 4
    root = sp.sqrt(size**2 + 16 * (1 - product))
    return vanishes(
        (4 - mu**2) * ellipse(*to_modes(u, v, mu), mu) - quadratic,
        quadratic.subs(mu, 2) - 2 * (u - v) ** 2,
        quadratic.subs(mu, formula(u, v)),
        quadratic.subs(mu, 8 / (size - root)),
        # root^2 >= (4 - S)^2, hence S + root >= 4
        root**2 - (4 - size) ** 2 - 8 * (u - v) ** 2,
        formula(u, v) - 8 / (size + root),
    )
