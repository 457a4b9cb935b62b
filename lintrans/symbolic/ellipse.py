"""The Chebyshev ellipse Q = 0: angle tripling, averages, exponents in closed form (theory/04_ellipse).

``theta`` is the angle of the ellipse, ``r`` the residual; on Q = 0 they are tied by r = 2 cos(2 theta).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.symbols import a, b, h, k, mu, r, theta, u, v, w, y_abs

Formula = Callable[[Any], Any]

AREA = sp.pi * sp.sqrt(4 - mu**2)
"""Area of the ellipse in (a, b)."""

AREA_UV = 2 / mu * AREA
"""Area of the ellipse in (u, v)."""

LYAPUNOV = sp.log(3)
"""Exponent along the ellipse, per step."""

MEAN_PREDICTION, MEAN_LOSS = sp.Integer(1), 1 / mu**2
"""Time averages on the ellipse, in units of y_q and of y_q^2."""

# a positive symbol would let the solvers drop the very condition to be found
_mu = sp.Dummy("mu", real=True)
_y = sp.Dummy("y")


def point(theta: Any, mu: Any) -> tuple[Any, Any]:
    """Return the point a = sqrt(2 + mu) cos(theta), b = sqrt(2 - mu) sin(theta) of the ellipse.

    Examples
    --------
    >>> point(0, sp.Rational(1, 4))
    (3/2, 0)
    """
    return sp.sqrt(2 + mu) * sp.cos(theta), sp.sqrt(2 - mu) * sp.sin(theta)


def next_angle(theta: Any) -> Any:
    """One step on the ellipse: theta' = pi - 3 theta."""
    return sp.pi - 3 * theta


def residual_step(r: Any) -> Any:
    """One step of the residual on the ellipse, the same for every mu: r' = r^3 - 3 r."""
    return r**3 - 3 * r


def density(r: Any) -> Any:
    """Return the invariant density 1/(pi sqrt(4 - r^2)) of the residual on (-2, 2)."""
    return 1 / (sp.pi * sp.sqrt(4 - r**2))


def growth(r: Any, mu: Any) -> Any:
    """Factor of the level Q in one step, 1 + mu r + r^2."""
    return 1 + mu * r + r**2


def transverse_cosh(mu: Any) -> Any:
    """Return the hyperbolic cosine of the transverse exponent, (1 + sqrt(25 - 4 mu^2))/4.

    Examples
    --------
    >>> transverse_cosh(0), transverse_cosh(2)
    (3/2, 1)
    """
    return (1 + sp.sqrt(25 - 4 * mu**2)) / 4


def transverse_exponent(mu: Any) -> Any:
    """Mean of ln(1 + mu r + r^2) over the invariant density: arccosh((1 + sqrt(25 - 4 mu^2))/4)."""
    return sp.acosh(transverse_cosh(mu))


def critical_step_size(w: Any, k: Any, h: Any, y_q: Any) -> Any:
    """Return the largest eta at which the weights (w, k) lie in the closed ellipse.

    8/(h (h N + sqrt(h^2 N^2 + 16 y_q (y_q - h w k)))) with N = w^2 + k^2; capped where mu reaches 2.

    Examples
    --------
    >>> critical_step_size(2, 2, 1, 1)
    2/3
    """
    size = h * (w**2 + k**2)
    return 8 / (h * (size + sp.sqrt(size**2 + 16 * y_q * (y_q - h * w * k))))


def minima_extent(mu: Any) -> tuple[Any, Any]:
    """Return the largest |ln(u/v)| of a stable minimum and of one inside: arccosh(1/mu), arccosh(2/mu).

    Examples
    --------
    >>> minima_extent(1)
    (0, acosh(2))
    """
    return tuple(sp.acosh(bound / sp.sympify(mu)) for bound in (1, 2))


@claim("ellipse.level", "0 < mu < 2; s = a^2 + b^2")
def level_in_residual_and_size(slope: Any = mu) -> Any:
    """(4 - mu^2) Q = 2 (s - 2) - mu r.

    So the points of the ellipse have s = 2 + mu r/2, and a minimum (r = 0) is inside iff s < 2, that is
    mu (u^2 + v^2) < 4: up to twice the sharpness at which it stops being stable.
    """
    line = 2 * (a**2 + b**2 - 2) - slope * modes.residual(a, b, mu)
    return vanishes((4 - mu**2) * modes.ellipse(a, b, mu) - line)


@claim("ellipse.pair", "0 < mu < 2; P = (4 - mu^2) Q")
def residual_and_level_are_closed(step: modes.PlaneMap = modes.step_modes) -> Any:
    """In the whole plane r' = r^3 - 3 r - r P and P' = (1 + mu r + r^2) P.

    So the residual of the ellipse, P = 0, obeys r' = r^3 - 3 r for every mu.
    """
    old, new = (a, b), step(a, b, mu)
    (res, level), (new_res, new_level) = (
        (modes.residual(*p, mu), (4 - mu**2) * modes.ellipse(*p, mu)) for p in (old, new)
    )
    return vanishes(new_res - residual_step(res) + res * level, new_level - growth(res, mu) * level)


@claim("ellipse.tripling", "0 < mu < 2, Q = 0")
def angle_is_tripled(turn: Formula = next_angle) -> Any:
    """The step maps the angle theta to pi - 3 theta: theta - pi/4 is multiplied by -3; r = 2 cos(2 theta).

    The fixed angles are pi/4 + n pi/2, where r = 0: the ellipse meets the curve of minima there.
    """
    old = point(theta, mu)
    new = modes.step_modes(*old, mu)
    moved = point(turn(theta), mu)
    shift = turn(theta) - sp.pi / 4 + 3 * (theta - sp.pi / 4)
    fixed = sp.solveset(sp.cos(2 * theta), theta, sp.Interval(0, sp.pi))
    return every(
        vanishes(modes.ellipse(*old, mu), modes.residual(*old, mu) - 2 * sp.cos(2 * theta), shift),
        vanishes(*(sp.expand_trig(x - y) for x, y in zip(new, moved, strict=True))),
        same(fixed, sp.FiniteSet(sp.pi / 4, 3 * sp.pi / 4)),
    )


@claim("ellipse.density", "0 < mu < 2, Q = 0")
def arcsine_density_is_invariant(step: Formula = residual_step, weight: Formula = density) -> Any:
    """The uniform density in theta and 1/(pi sqrt(4 - r^2)) in r are invariant; uv = 1 + r/mu.

    r' = r^3 - 3 r has three branches, each onto (-2, 2): it turns at r = -1, 1 with values 2, -2. On each
    the density divided by |dr'/dr| is a third of the density at r'. Almost every angle has these
    time averages, because tripling is ergodic (Renyi).
    """
    slope = sp.diff(step(r), r)
    four_angles = 4 / (2 * sp.pi) / sp.diff(2 * sp.cos(2 * theta), theta)
    return every(
        vanishes((weight(r) / slope) ** 2 - (weight(step(r)) / 3) ** 2),
        same(sp.solveset(slope, r, sp.S.Reals), sp.FiniteSet(-1, 1)),
        same([step(x) for x in (-2, -1, 1, 2)], [-2, 2, -2, 2]),
        vanishes(sp.integrate(weight(r), (r, -2, 2)) - 1),
        vanishes(weight(2 * sp.cos(2 * theta)) ** 2 - four_angles**2),
    )


@claim("ellipse.exponents", "0 < mu < 2, Q = 0")
def exponents_on_the_ellipse(exponent: Any = LYAPUNOV) -> Any:
    """Along the ellipse the exponent is ln 3, across it the mean of ln(1 + mu r + r^2).

    The angle turns with speed 3 everywhere and Q is multiplied by 1 + mu r + r^2 in every step; the product
    of both factors is |det J|, det J = -3 (1 + mu r + r^2).
    """
    determinant = modes.jacobian().det().subs(dict(zip((a, b), point(theta, mu), strict=True)))
    speed = sp.Abs(sp.diff(next_angle(theta), theta))
    return vanishes(
        sp.log(speed) - exponent,
        determinant + sp.exp(exponent) * growth(2 * sp.cos(2 * theta), mu),
    )


@claim("ellipse.averages", "0 < mu < 2, Q = 0, almost every angle")
def averages_on_the_ellipse(loss: Any = MEAN_LOSS) -> Any:
    """The mean prediction is y_q, the mean loss 1/mu^2 (in y_q^2), and residuals are uncorrelated in time.

    From cos(3 x) = 4 cos(x)^3 - 3 cos(x) the residual after n steps is 2 cos(3^n 2 theta), orthogonal to
    2 cos(2 theta) for n > 0. The mean prediction over n steps errs by sqrt(2/n)/mu, one sigma.
    """
    lag = sp.Dummy("lag", integer=True, positive=True)

    def mean(expression: Any) -> Any:
        return sp.integrate(expression, (theta, 0, 2 * sp.pi)) / (2 * sp.pi)

    res = 2 * sp.cos(2 * theta)
    other = 2 * sp.cos(2 * (lag + 1) * theta)  # any higher multiple of the angle, 3^n among them
    tripled = residual_step(2 * sp.cos(theta)) - 2 * sp.expand_trig(sp.cos(3 * theta))
    product = sp.expand(sp.cos(2 * lag * theta) + sp.cos(2 * (lag + 2) * theta)) * 2
    return vanishes(
        mean(1 + res / mu) - MEAN_PREDICTION,
        mean((res / mu) ** 2 / 2) - loss,
        tripled,
        sp.expand_trig(sp.expand(res * other - product)),
        mean(product),
        *(mean(part) for part in point(theta, mu)),
    )


@claim("ellipse.transverse", "0 < mu < 2, Q = 0")
def transverse_exponent_closed_form(cosh: Formula = transverse_cosh) -> Any:
    """The mean of ln(1 + mu r + r^2) is arccosh((1 + sqrt(25 - 4 mu^2))/4), positive: the ellipse repels.

    With r = y + 1/y, |y| = 1, it is the logarithmic Mahler measure of y^4 + mu y^3 + 3 y^2 + mu y + 1
    = (y^2 + p y + L)(y^2 + p y/L + 1/L), p = mu L/(1 + L), where C = (L + 1/L)/2 solves
    4 C^2 - 2 C + mu^2 = 6. Roots of the first factor are conjugate with modulus sqrt(L) > 1, those of the
    second their inverses, so by Jensen the mean is ln L = arccosh C.
    """
    L = sp.Dummy("L", positive=True)
    c, p = (L + 1 / L) / 2, mu * L / (1 + L)
    quartic = _y**4 + mu * _y**3 + 3 * _y**2 + mu * _y + 1
    gap = sp.expand(quartic - (_y**2 + p * _y + L) * (_y**2 + p / L * _y + 1 / L))
    # (2 sqrt(L) Im root)^2, a sum of positive terms: the roots are not real
    discriminant = L * (4 - mu**2 / 4 + mu**2 * (1 - L) ** 2 / (1 + L) ** 2 / 4)
    above_one = sp.solveset(cosh(_mu) > 1, _mu, sp.Interval(0, sp.Rational(5, 2)))
    return every(
        vanishes(growth(_y + 1 / _y, mu) * _y**2 - quartic),
        vanishes(gap.subs(mu, sp.sqrt(6 + 2 * c - 4 * c**2)), 4 * L - p**2 - discriminant),
        vanishes(4 * cosh(mu) ** 2 - 2 * cosh(mu) + mu**2 - 6),
        same(above_one, sp.Interval.Ropen(0, 2)),
    )


@claim("ellipse.transverse_limits", "0 < mu < 2")
def limits_of_the_transverse_exponent(exponent: Formula = transverse_exponent) -> Any:
    """It falls from ln((3 + sqrt 5)/2), twice the log of the golden ratio, at mu = 0 to 0 at mu = 2.

    Near 2 it is 2 sqrt((2 - mu)/3): its cosine hyperbolicus has the derivative -mu/sqrt(25 - 4 mu^2).
    """
    golden = (1 + sp.sqrt(5)) / 2
    start, end = sp.limit(exponent(mu), mu, 0), sp.limit(exponent(mu), mu, 2, "-")
    return vanishes(
        sp.exp(start.rewrite(sp.log)) - golden**2,
        end,
        sp.limit(exponent(mu) / sp.sqrt(2 - mu), mu, 2, "-") - 2 / sp.sqrt(3),
        sp.diff(sp.cosh(exponent(mu)), mu) + mu / sp.sqrt(25 - 4 * mu**2),
    )


@claim("ellipse.sizes", "0 < mu < 2")
def areas_and_axes(area: Any = AREA, area_uv: Any = AREA_UV) -> Any:
    """The area is pi sqrt(4 - mu^2) in (a, b) and 2/mu times that in (u, v).

    Semi-axes are sqrt(2 + mu), sqrt(2 - mu) in (a, b); times sqrt(2/mu) in (u, v), along u = v and u = -v.
    """

    def enclosed(x: Any, y: Any) -> Any:
        return sp.integrate((x * sp.diff(y, theta) - y * sp.diff(x, theta)) / 2, (theta, 0, 2 * sp.pi))

    factors = modes.from_modes(*point(theta, mu), mu)
    (u0, v0), (u1, v1) = (tuple(x.subs(theta, t) for x in factors) for t in (0, sp.pi / 2))
    return vanishes(
        enclosed(*point(theta, mu)) - area,
        enclosed(*reversed(factors)) - area_uv,  # (u, v) has the opposite orientation
        u0 - v0,
        u1 + v1,
        u0**2 + v0**2 - 2 / mu * (2 + mu),
        u1**2 + v1**2 - 2 / mu * (2 - mu),
    )


@claim("ellipse.nested", "0 < mu < 2, (u, v) fixed and not 0")
def ellipses_are_nested(coordinates: modes.PlaneMap = modes.to_modes) -> Any:
    """In (u, v) the ellipses shrink as mu grows: Q of a state increases with mu.

    dQ/dmu = (u + v)^2/(2 (2 + mu)^2) + (u - v)^2/(2 (2 - mu)^2).
    """
    slope = sp.diff(modes.ellipse(*coordinates(u, v, mu), mu), mu)
    squares = (u + v) ** 2 / (2 * (2 + mu) ** 2) + (u - v) ** 2 / (2 * (2 - mu) ** 2)
    return vanishes(slope - squares)


@claim("ellipse.critical_eta", "h > 0, y_q != 0; N = w^2 + k^2; as long as eta h |y_q| < 2")
def critical_step_size_of_a_start(formula: Callable[..., Any] = critical_step_size) -> Any:
    """Weights (w, k) are in the ellipse for eta up to 8/(h (h N + sqrt(h^2 N^2 + 16 y_q (y_q - h w k))))."""
    outcomes = []
    scale, size = sp.sqrt(y_abs / h), (w**2 + k**2) * h / y_abs
    for sign in (1, -1):
        in_eta = formula(w, k, h, sign * y_abs) * h * y_abs
        in_mu = modes.critical_mu(w / scale, sign * k / scale)
        # both are 8/(size + root) with a root that is not negative: compare the squares of the roots
        outcomes.append(vanishes((8 / in_eta - size) ** 2 - (8 / in_mu - size) ** 2))
    return every(*outcomes, vanishes(modes.critical_mu(u, v).subs({u: 0, v: 0}) - 2))


@claim("ellipse.minima", "0 < mu < 2; u/v = exp(2 x) on the curve of minima uv = 1")
def arcs_of_minima(bound: Any = 1, extent: Formula = minima_extent) -> Any:
    """A minimum is inside iff |ln(u/v)| < arccosh(2/mu), stable iff < arccosh(1/mu).

    It has a^2 + b^2 = mu cosh(2 x). On the unit circle (4 - mu^2) Q <= (mu + 2)(mu - 1): the circle lies
    inside the ellipse iff mu < 1, the only case with stable minima.
    """
    x = sp.Dummy("x", real=True)
    start = modes.to_modes(sp.exp(x), sp.exp(-x), mu)
    circle = (4 - mu**2) * modes.ellipse(sp.cos(x), sp.sin(x), mu)
    inside = sp.solveset((_mu + 2) * (_mu - 1) < 0, _mu, sp.Interval.open(0, 2))
    sizes = [mu * sp.cosh(end) for end in extent(mu)]  # a^2 + b^2 at the ends of the arcs
    return every(
        vanishes(*(size - s for size, s in zip(sizes, (1, 2), strict=True))),
        vanishes(modes.residual(*start, mu), sum(c**2 for c in start) - mu * sp.cosh(2 * x).rewrite(sp.exp)),
        vanishes((mu + 2) * (mu - 1) - circle - 2 * mu * sp.cos(x) ** 2),
        same(inside, sp.Interval.open(0, bound)),
    )
