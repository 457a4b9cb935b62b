"""The two-factor map in normal form: coordinates and closed forms, as float functions.

    F_mu:  u' = u - mu v (uv - 1),   v' = v - mu u (uv - 1)

with mu = eta h |y_q| for the loss (prediction - y_q)^2 / 2; without the 1/2 mu doubles. Mode
coordinates a = sqrt(mu) (u + v) / 2, b = sqrt(mu) (u - v) / 2 make every step two products,

    a' = (1 - r) a,   b' = (1 + r) b,   r = a^2 - b^2 - mu = mu (uv - 1).

All functions take numbers or arrays and broadcast. Derived in theory/02_modes.py, the two cycles in
theory/05_transverse_stability.py, `is_certified` in theory/07_schedules.py. Claims reduction.normal_form and
modes.step.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]


def to_modes(mu: ArrayLike, u: ArrayLike, v: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Mode coordinates (a, b) of a state (u, v).

    Examples
    --------
    >>> a, b = to_modes(0.25, 3.0, 1.0)
    >>> float(a), float(b)
    (1.0, 0.5)
    """
    half = np.sqrt(np.asarray(mu, dtype=np.float64)) / 2
    return half * np.add(u, v), half * np.subtract(u, v)


def from_modes(mu: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """State (u, v) of mode coordinates (a, b); the inverse of `to_modes`. NaN if both overflowed."""
    root = np.sqrt(np.asarray(mu, dtype=np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        return np.add(a, b) / root, np.subtract(a, b) / root


def residual(mu: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Residual r = a^2 - b^2 - mu = mu (uv - 1); the loss in units of y_q^2 is (r / mu)^2 / 2.

    NaN after an overflow. Claim modes.step.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.square(a) - (np.square(b) + mu), dtype=np.float64)


def ellipse_level(mu: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Level Q of the invariant ellipse, 0 < mu < 2: negative inside, positive outside.

    Q = a^2 / (2 + mu) + b^2 / (2 - mu) - 1 and Q' = (1 + mu r + r^2) Q, so training never changes sides.
    Claim modes.ellipse.
    """
    mu = np.asarray(mu, dtype=np.float64)
    return np.asarray(np.square(a) / (2 + mu) + np.square(b) / (2 - mu) - 1)


def critical_mu(u: ArrayLike, v: ArrayLike) -> FloatArray:
    """Largest mu for which the start (u, v) lies in the closed ellipse, so that training stays bounded.

    With S = u^2 + v^2 it is 8 / (S + sqrt(S^2 + 16 (1 - uv))), at most 2; beyond it almost every
    start diverges. It is 2 for a balanced start with u^2 <= 2, and at a minimum (uv = 1) it is 4 / S,
    twice the step that makes the minimum unstable. Claims modes.critical_mu, ellipse.nested,
    ellipse.level and convergence.outside.

    Examples
    --------
    >>> float(critical_mu(1.0, 1.0)), float(critical_mu(2.0, 2.0)), float(critical_mu(4.0, 0.25)) < 0.25
    (2.0, 0.6666666666666666, True)
    """
    with np.errstate(over="ignore"):  # 0 far out
        squares = np.square(u) + np.square(v)
    # S^2 + 16 (1 - uv) = (S - 4)^2 + 8 (u - v)^2: written so, it cannot turn negative by rounding
    root = np.hypot(squares - 4, np.sqrt(8.0) * np.subtract(u, v))
    return np.asarray(np.minimum(8 / (squares + root), 2.0))


def is_certified(u: ArrayLike, v: ArrayLike, max_mu: ArrayLike) -> NDArray[np.bool_]:
    """Return True where training from (u, v) stays bounded under every schedule up to ``max_mu``.

    The start lies in the closed ellipse of ``max_mu``, which no step of size 0 <= mu_t <= max_mu leaves:
    warm-up, decay, cycles, or an adversary. At every step |uv - 1| <= 2 / max_mu. The largest ``max_mu`` is
    `critical_mu`; one step above ``max_mu`` may leave the ellipse.

    Parameters
    ----------
    u, v : float or array
        Start in normal form.
    max_mu : float or array
        Largest effective step size of the schedule. In learning rates: reduce the prompt with the largest
        one, then pass the ``mu``, ``u`` and ``v`` of that normal form.

    Notes ----- This holds for full batches, and for mini-batches that share the minimum uv = 1, where a step
    is mu_t times the curvature of the batch relative to the mean. With any other noise it is false. It
    assumes exact arithmetic: rounding errors grow along the ellipse itself, so leave a margin of some ulps.
    Claims schedules.certificate, schedules.converse, schedules.sharp and schedules.batches.

    Examples
    --------
    >>> bool(is_certified(2.0, 2.0, 0.66)), bool(is_certified(2.0, 2.0, 0.67))
    (True, False)
    """
    bound = np.asarray(max_mu, dtype=np.float64)
    return np.asarray((bound >= 0) & (bound <= critical_mu(u, v)))


def certified_loss(max_mu: ArrayLike) -> FloatArray:
    """Largest loss, in units of y_q^2, of training that `is_certified` for ``max_mu``: 2 / max_mu^2.

    Attained where the ellipse is widest, at |uv - 1| = 2 / max_mu. NaN outside (0, 2], where there is no
    certificate. At 2 itself it holds for balanced weights only. Claims schedules.loss and schedules.slice.

    Examples
    --------
    >>> float(certified_loss(0.5)), float(certified_loss(2.0)), float(certified_loss(2.1))
    (8.0, 0.5, nan)
    """
    bound = np.asarray(max_mu, dtype=np.float64)
    return np.asarray(2 / np.square(np.where((bound > 0) & (bound <= 2), bound, np.nan)))


def minimum_multiplier(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Multiplier 1 - 2 (a^2 + b^2) of a minimum (a^2 - b^2 = mu) across the curve of minima.

    In (u, v) it is 1 - mu (u^2 + v^2): one minus the step times the sharpness. Claims
    modes.fixed_points, modes.multipliers and modes.stability.
    """
    return np.asarray(1 - 2 * (np.square(a) + np.square(b)))


def along_factor(mu: ArrayLike, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Factor of one step along the loss: the Jacobian determinant over 1 + r, the factor of b.

    1 - 3 r - 2 mu - 4 b^2 / (1 + r); on the slice b = 0 it is da'/da = 1 + mu - 3 a^2, at a minimum
    `minimum_multiplier`. Claims modes.along, modes.jacobian and slice.cubic.
    """
    r = residual(mu, a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        bent = np.where(np.equal(b, 0), 0.0, 4 * np.square(b) / (1 + r))  # not 0/0 where r = -1 on the slice
        return np.asarray(1 - 3 * r - 2 * np.asarray(mu) - bent)


def converges(mu: ArrayLike, a: ArrayLike, b: ArrayLike) -> NDArray[np.bool_]:
    """Return True where the orbit of (a, b) certainly converges to a minimum with falling loss from here on.

    A sufficient condition. With s = a^2 + b^2 and rho = |r| one step is r' = r (1 - 2 s + r (r + mu)), s' = s
    (1 + r^2) - 2 r (r + mu). Let gamma = (1 + |1 - 2 s|) / 2. As long as the factor of r stays within gamma
    and s <= 1, s moves in total by at most delta = rho (3 rho + 2 mu) / (1 - gamma); and it stays so, by
    induction, if |1 - 2 s| + 2 delta + rho (rho + mu) <= gamma and s + delta <= 1. Claims
    convergence.sufficient and modes.residual_recursion.

    Examples
    --------
    >>> bool(converges(0.5, 0.7, 0.0)), bool(converges(1.2, 1.1, 0.0))
    (True, False)
    """
    with np.errstate(all="ignore"):
        rho = np.abs(residual(mu, a, b))
        s = np.square(a) + np.square(b)
        slope = np.abs(1 - 2 * s)
        gamma = (1 + slope) / 2
        delta = rho * (3 * rho + 2 * np.asarray(mu)) / (1 - gamma)
        held = (slope + 2 * delta + rho * (rho + mu) <= gamma) & (s + delta <= 1)
        return np.asarray((slope < 1) & held)


def probe_start(mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """The balanced start (u, v) that shows which regime mu is in: a^2 = 1 + mu / 2, b = 0.

    On the slice the loss changes by the factor (z'/z)^2 with z'/z = z^2 + (mu - 2) z + 1 - 2 mu, which has
    its vertex at this start: the loss rises from here if it rises from any bounded balanced start. At mu = 2
    itself the probe sits on the (unstable) minimum. Claims slice.monotone and slice.residual.
    """
    root = np.sqrt(1 / np.asarray(mu, dtype=np.float64) + 0.5)
    return root, root.copy()


def two_cycle(mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Residuals of the balanced 2-cycle, the lower one first; NaN below mu = 1, where there is none.

    (1 - mu -+ sqrt((mu - 1) (mu + 3))) / 2, with a^2 = mu + r. Claims slice.two_cycle and
    slice.no_two_cycle.

    Examples
    --------
    >>> low, high = two_cycle(1.5)
    >>> float(low), float(high)
    (-1.0, 0.5)
    """
    mu = np.asarray(mu, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        root = np.sqrt((mu - 1) * (mu + 3))
    return np.asarray((1 - mu - root) / 2), np.asarray((1 - mu + root) / 2)


def two_cycle_multipliers(mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Multipliers of the balanced 2-cycle along and across the slice: 9 - 2 (1 + mu)^2 and 3 - 2 mu; mu >= 1.

    Half the logarithm of their size is the exponent per step. Claim transverse.two_cycle.

    Examples
    --------
    >>> along, transverse = two_cycle_multipliers(1.5)
    >>> float(along), float(transverse)
    (-3.5, 0.0)
    """
    mu = np.where(np.less(mu, 1), np.nan, np.asarray(mu, dtype=np.float64))
    return np.asarray(9 - 2 * (1 + mu) ** 2), np.asarray(3 - 2 * mu)


def two_cycle_averages(mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Mean prediction (in y_q) and mean loss (in y_q^2) on the balanced 2-cycle; mu >= 1, else NaN.

    (1 + mu) / (2 mu) and (mu^2 - 1) / (4 mu^2). Claim transverse.two_cycle_averages.
    """
    mu = np.where(np.less(mu, 1), np.nan, np.asarray(mu, dtype=np.float64))
    return np.asarray((1 + mu) / (2 * mu)), np.asarray((mu - 1) * (mu + 1) / (4 * mu**2))


def symmetric_cycle_multipliers(mu: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Multipliers along and across the slice of the cycle f(f(a)) = -a, over its period of 2 in uv.

    With t = 1 + mu and g = (t - sqrt(t^2 - 8)) / 2 they are 5 + 2 g^2 - 16 / g^2 and 3 - 2 g; NaN below
    mu = 2 sqrt(2) - 1, where the cycle is born. Claims slice.families and
    transverse.symmetric_cycles.

    Examples
    --------
    >>> along, transverse = symmetric_cycle_multipliers(2.0)
    >>> float(along), float(transverse)
    (-9.0, 1.0)
    """
    t = 1 + np.asarray(mu, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        gap = (t - np.sqrt(t * t - 8)) / 2
    return np.asarray(5 + 2 * gap**2 - 16 / gap**2), np.asarray(3 - 2 * gap)
