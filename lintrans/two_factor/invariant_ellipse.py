"""The Chebyshev ellipse, where bounded training ends: its size, its chaos and its time averages.

    a = sqrt(2 + mu) cos(t),   b = sqrt(2 - mu) sin(t),   t' = pi - 3 t,   r = mu (uv - 1) = 2 cos(2 t)

for 0 < mu < 2. Starts inside stay bounded. Training on the ellipse itself is chaotic, and the ellipse repels
its neighbourhood. Derived in theory/04_ellipse.py. Claims modes.ellipse and ellipse.tripling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, positive

FloatArray = NDArray[np.float64]
LYAPUNOV = math.log(3)


@dataclass(frozen=True)
class Ellipse:
    """The invariant ellipse of one mu. Averages are over time, for almost every start on it.

    Claims ellipse.sizes, ellipse.exponents, ellipse.transverse and ellipse.averages.

    Attributes
    ----------
    mu : float
        Effective step size.
    semi_axes, semi_axes_uv : (float, float)
        Along the balanced (u = v) and the anti-balanced (u = -v) direction, in (a, b) and in (u, v).
    area, area_uv : float
        Enclosed area in (a, b) and in (u, v).
    lyapunov, transverse : float
        Exponents per step along the ellipse, ln 3, and across it, positive: it repels.
    mean_prediction, mean_loss : float
        1, in units of y_q, and 1 / mu^2, in units of y_q^2.
    """

    mu: float
    semi_axes: tuple[float, float]
    semi_axes_uv: tuple[float, float]
    area: float
    area_uv: float
    lyapunov: float
    transverse: float
    mean_prediction: float
    mean_loss: float


def ellipse(mu: float) -> Ellipse:
    """Closed forms of the invariant ellipse a^2 / (2 + mu) + b^2 / (2 - mu) = 1. Claim modes.ellipse.

    Parameters
    ----------
    mu : float
        Effective step size eta h |y_q|, between 0 and 2.

    Raises
    ------
    InputError
        If mu is not between 0 and 2: there is no ellipse then.

    Examples
    --------
    >>> found = ellipse(1.0)
    >>> [round(x, 12) for x in found.semi_axes], found.mean_loss, round(found.lyapunov, 4)
    ([1.732050807569, 1.0], 1.0, 1.0986)
    """
    mu = positive("mu", mu)
    if mu >= 2:
        raise InputError(f"mu must be below 2, got {mu:g}; the invariant ellipse exists for 0 < mu < 2")
    axes, unit = (math.sqrt(2 + mu), math.sqrt(2 - mu)), math.sqrt(2 / mu)
    area = math.pi * axes[0] * axes[1]
    return Ellipse(
        mu=mu,
        semi_axes=axes,
        semi_axes_uv=(unit * axes[0], unit * axes[1]),
        area=area,
        area_uv=2 * area / mu,
        lyapunov=LYAPUNOV,
        transverse=float(transverse_exponent(mu)),
        mean_prediction=1.0,
        mean_loss=1 / mu / mu,
    )


def ellipse_point(mu: ArrayLike, angle: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Mode coordinates (a, b) of the angle t on the ellipse, in radians; r = 2 cos(2 t) there.

    Claim ellipse.tripling.

    Examples
    --------
    >>> a, b = ellipse_point(0.25, 0.0)
    >>> float(a), float(b)
    (1.5, 0.0)
    """
    mu = np.asarray(mu, dtype=np.float64)
    return np.sqrt(2 + mu) * np.cos(angle), np.sqrt(2 - mu) * np.sin(angle)


def next_angle(angle: ArrayLike) -> FloatArray:
    """Angle pi - 3 t after one step on the ellipse: t - pi/4 is multiplied by -3.

    In float64 each step loses 1.6 bits of t: draw t uniformly to sample the invariant density, and do not
    iterate. Claim ellipse.tripling.
    """
    return np.asarray(np.pi - 3 * np.asarray(angle, dtype=np.float64))


def residual_density(residual: ArrayLike) -> FloatArray:
    """Invariant density 1 / (pi sqrt(4 - r^2)) of the residual on the ellipse; 0 outside (-2, 2).

    The same for every mu, and at mu = 2 on the balanced slice, where it is also the density of a. Claims
    ellipse.density and transverse.chebyshev_averages.

    Examples
    --------
    >>> float(residual_density(0.0) * 2 * np.pi), float(residual_density(3.0))
    (1.0, 0.0)
    """
    r = np.asarray(residual, dtype=np.float64)
    square = (2 - r) * (2 + r)
    inside = np.where(square > 0, square, np.inf)
    return np.asarray(1 / (np.pi * np.sqrt(inside)))


def transverse_exponent(mu: ArrayLike) -> FloatArray:
    """Exponent of the level Q about the ellipse: arccosh((1 + sqrt(25 - 4 mu^2)) / 4) per step.

    The mean of ln(1 + mu r + r^2). It falls from ln((3 + sqrt 5) / 2), twice the log of the golden ratio, at
    mu = 0 to 0 at mu = 2, where it vanishes like 2 sqrt((2 - mu) / 3). NaN outside [0, 2]. Claims
    ellipse.transverse and ellipse.transverse_limits.

    Examples
    --------
    >>> float(np.exp(transverse_exponent(0.0))), float(transverse_exponent(2.0))
    (2.618033988749895, 0.0)
    """
    mu = np.asarray(mu, dtype=np.float64)
    square = np.where((mu >= 0) & (mu <= 2), mu * mu, np.nan)
    # arccosh(1 + x) = 2 arcsinh(sqrt(x / 2)), without the cancellation near mu = 2
    x = (2 - mu) * (2 + mu) / (3 + np.sqrt(25 - 4 * square))
    return np.asarray(2 * np.arcsinh(np.sqrt(x / 2)))


def imbalance_bound(mu: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Lyapunov function |b|^mu / |Q| of the plane map, 0 < mu < 2: it never rises in one step.

    Inside the ellipse |Q| <= 1, so |b| never exceeds the bound to the power 1 / mu. Along an orbit it falls
    to a limit; so an orbit inside converges to a minimum or to the slice b = 0, and an orbit outside is
    unbounded or, from a set of measure zero, meets an unstable minimum. Infinite on the ellipse itself, NaN
    at its vertices. Derived in theory/05_transverse_stability.py. Claims convergence.lyapunov_function,
    convergence.inside and convergence.outside.

    Examples
    --------
    >>> before, after = imbalance_bound(1.0, 0.5, 0.5), imbalance_bound(1.0, 1.0, 0.0)  # r = -1: b' = 0
    >>> round(float(before), 12), float(after)
    (0.75, 0.0)
    """
    mu = np.asarray(mu, dtype=np.float64)
    level = np.square(a) / (2 + mu) + np.square(b) / (2 - mu) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.abs(b) ** mu / np.abs(level))


def minima_extent(mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Largest |ln(u/v)| of a minimum uv = 1 that is stable, and of one that lies inside the ellipse.

    arccosh(1 / mu) and arccosh(2 / mu): the sharpness u^2 + v^2 is 2 cosh(ln(u/v)). NaN where there is none:
    no minimum is stable for mu > 1. Claim ellipse.minima.

    Examples
    --------
    >>> stable, inside = minima_extent(1.0)
    >>> float(stable), round(float(inside), 12)
    (0.0, 1.316957896925)
    """
    mu = np.asarray(mu, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        # arccosh(1 + x) = 2 arcsinh(sqrt(x / 2)), without the cancellation near mu = 1 and mu = 2
        halves = [np.arcsinh(np.sqrt((bound - mu) / (2 * mu))) for bound in (1, 2)]
    return np.asarray(2 * halves[0]), np.asarray(2 * halves[1])
