"""Closed forms for mini-batches: what the theory says of one step, of a minimum and of many steps.

All in the modes of the full batch: Q is the level of its invariant ellipse, r = mu (uv - 1) its residual and
sigma = a_B r + mu (a_B - c_B) that of a batch. Derived in theory/10_minibatches and theory/11_sampling.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, finite, positive
from lintrans.minibatch.population import Moments, Population
from lintrans.minibatch.sampling import Batches
from lintrans.two_factor import normal_form

FloatArray = NDArray[np.float64]


def batch_moments(population: Population, batches: Batches) -> Moments:
    """Variances of curvature and mismatch over batches, and their covariance. Claim minibatch.unbiased.

    Examples
    --------
    >>> two = Population([1.0, 1.0], [0.5, 1.5])
    >>> batch_moments(two, Batches(1)).mismatch, batch_moments(two, Batches(4)).mismatch
    (0.25, 0.0625)
    """
    factor = batches.fit(population.n_prompts).variance_factor(population.n_prompts)
    return Moments(*(factor * moment for moment in population.variances))


def residual_variance(mu: float, r: ArrayLike, moments: Moments) -> FloatArray:
    """Variance V of sigma over batches at a residual. Claim minibatch.variance."""
    r = np.asarray(r, dtype=np.float64)
    return np.asarray(r * r * moments.curvature + 2 * mu * r * moments.both + mu * mu * moments.mismatch)


def level_drift(
    mu: float, a: ArrayLike, b: ArrayLike, moments: Moments, *, part: ArrayLike = 1.0
) -> FloatArray:
    """Mean change of the level Q in one step: (mu r + r^2) Q + V (1 + Q). Claim minibatch.drift.

    On the ellipse it is V: outwards, whatever the batch size, unless all batches move alike. In a step of a
    schedule, ``part`` kappa of mu from 0 to 1, r is kappa r, V is kappa^2 V and kappa (1 - kappa) r^2 goes
    off: smaller steps calm the drift, and turn that of interpolating batches inwards. Claim
    minibatch.schedule.

    Examples
    --------
    >>> two = Population([1.0, 1.0], [0.5, 1.5])  # at the minimum a^2 = mu, b = 0, where 1 + Q = 1/5
    >>> level_drift(0.5, np.sqrt(0.5), 0.0, batch_moments(two, Batches(1))).round(6).item()  # mu^2 / 20
    0.0125
    """
    level, r = normal_form.ellipse_level(mu, a, b), normal_form.residual(mu, a, b)
    part = np.asarray(part, dtype=np.float64)
    noise, moved = part * part * residual_variance(mu, r, moments), part * r
    return np.asarray((mu * moved + moved * moved) * level + noise * (1 + level) - (1 - part) * moved * r)


def crossing_range(mu: float, a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Batch residuals ``sigma_-``, ``sigma_+`` between which a step from inside the ellipse stays there.

    Exact: a step with sigma outside leaves. On the ellipse they are 0 and r. Claim minibatch.crossing.

    Raises
    ------
    InputError
        If a state lies outside the ellipse, or at the saddle.
    """
    level, r = normal_form.ellipse_level(mu, a, b), normal_form.residual(mu, a, b)
    if not ((level <= 0) & (level > -1)).all():
        raise InputError(f"states must have -1 < Q <= 0, got {np.max(level):g}; pass states in the ellipse")
    middle = r - mu * level
    root = np.sqrt(middle * middle - 4 * level * (1 + level))
    large = np.where(middle < 0, middle - root, middle + root) / 2  # of the two the one without cancellation
    small = np.divide(level, large, out=np.zeros_like(large), where=large != 0)
    large = large / (1 + level)
    return np.minimum(small, large), np.maximum(small, large)


def minimum_exponent(population: Population, S: float) -> float:
    """Growth of the residual at a minimum under single prompts: mean ln |1 - 2 a_i S|, S = a^2 + b^2.

    Negative: stable, almost surely. That is not where its mean square contracts, S < 1 / (1 + Var a_i).
    Claims sampling.exponent and sampling.mean_square.

    Examples
    --------
    Beyond the edge of the full batch, S = 1, but stable; the mean square grows from S = 0.8 on:

    >>> two = Population(np.sqrt([0.5, 1.5]), np.sqrt([0.5, 1.5]))
    >>> round(minimum_exponent(two, 1.2), 6)
    -0.326963
    """
    with np.errstate(divide="ignore"):
        return float(np.mean(np.log(np.abs(1 - 2 * finite("S", S) * population.curvatures))))


def noise_at_minimum(mu: float, S: float, moments: Moments) -> tuple[float, float]:
    """Stationary variances of r and of sigma near a minimum, to first order. Claim sampling.stationary.

    NaN from the mean-square edge on, where there are none.
    """
    room, v = 1 - S * (1 + moments.curvature), mu * mu * moments.mismatch
    return (S * v / room, v / room) if room > 0 else (math.nan, math.nan)


def concentration(population: Population, mu: float, r: float, batch_size: int, log_term: float) -> float:
    """Bound on |sigma - r| of a batch, by Bernstein's inequality: like the inverse root of the batch size.

    ``log_term`` = ln(2 T / delta): then all of T steps keep to it with probability 1 - delta, though each
    state, and so the bound, depends on the batches before. Claims sampling.bernstein, sampling.every_step.
    """
    sigma = (population.curvatures - 1) * r + mu * population.mismatches
    return _bernstein(batch_size, float(np.mean(sigma * sigma)), float(np.abs(sigma).max()), log_term)


def certified_step_size(
    population: Population, u: float, v: float, *, batches: Batches, risk: float
) -> float:
    """Learning rate that keeps interpolating prompts in the ellipse for all steps but with this risk.

    The critical learning rate of the full batch over 1 + eps, a bound on the curvature of every batch: eps
    by Bernstein's inequality, or what the sharpest prompt has if that is less. Claim sampling.critical_mu.
    Not an estimate but a bound: `lintrans.minibatch.risk_map` measures how much more is possible.

    Parameters
    ----------
    population
        Prompts that one minimum serves.
    u, v
        Start.
    batches
        Their size and number count; prompts of a batch are taken to be drawn independently.
    risk
        Accepted probability to leave, 0.01 for example.

    Raises
    ------
    InputError
        If the prompts do not interpolate: then every ellipse is left in the end, in the mean.

    Examples
    --------
    >>> two = Population(np.sqrt([0.5, 1.5]), np.sqrt([0.5, 1.5]))
    >>> sizes = [certified_step_size(two, 1.2, 0.8, batches=Batches(n), risk=0.01) for n in (1, 10**4)]
    >>> np.round(sizes, 3).tolist(), round(float(normal_form.critical_mu(1.2, 0.8)), 3)
    ([1.238, 1.813], 1.857)
    """
    if not population.interpolates:
        raise InputError(
            "population must interpolate for a certificate, got labels with noise; measure with risk_map"
        )
    if not 0 < positive("risk", risk) < 1:
        raise InputError(f"risk must lie between 0 and 1, got {risk:g}; pass 0.01, for example")
    excess, variance = population.curvatures - 1, population.variances.curvature
    top = float(excess.max())
    bound = _bernstein(batches.size, variance, max(top, 0.0), math.log(batches.n_steps / risk))
    mu = float(normal_form.critical_mu(finite("u", u), finite("v", v))) / (1 + min(bound, top))
    return mu * population.unit_step_size


def switching_threshold(mu: ArrayLike) -> FloatArray:
    """Largest s with which two batches of targets 1 + s and 1 - s keep the slice bounded, 0 < mu <= 2.

    Up to it no sequence of the two leads out of |a|^2 <= 2 + mu (1 - s), beyond which one of them diverges
    by itself. Above it escape is almost sure wherever the origin repels and words that lead out were found.
    Claims minibatch.slice, minibatch.interval, switching.threshold and switching.origin.

    Examples
    --------
    >>> switching_threshold([1.0, 2.0]).round(6).tolist()
    [0.548328, 0.0]
    """
    mu = np.asarray(mu, dtype=np.float64)
    return np.asarray((3 * np.sinh(np.arcsinh(3 + 2 * mu) / 3) - 1 - mu) / mu)


def _bernstein(batch_size: int, variance: float, largest: float, log_term: float) -> float:
    linear = log_term * largest / (3 * batch_size)
    return linear + math.sqrt(linear * linear + 2 * log_term * variance / batch_size)
