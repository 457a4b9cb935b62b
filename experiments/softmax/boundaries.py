"""Where training stops converging, and where it escapes, for softmax and for linear attention.

The weights enter through w and g = W x_q alone, and gradient descent of W is W' = W - eta r w c x_q^T, so
with m = sum_i p_i y_i, c = dm/dg and r = w m - y_q

    w' = w - eta r m,   g' = g - eta r w |x_q|^2 c.

Many step sizes run side by side, one column each. `tests/attention/test_softmax_attention.py`
compares every step with `lintrans.attention.softmax`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lintrans.attention.transformer import TwoFactorWeights, initial_weights
from lintrans.prompts.prompt import Prompt

CHECK_EVERY = 10
UNSETTLED, CONVERGED, ESCAPED = 0, 1, 2
NAMES = ("converges", "converges_last", "bounded", "bounded_last")


def draw_prompt(n, d, seed, *, longest, label_tol):
    """x and x_q ~ N(0, I), y = <beta, x>, beta ~ N(0, I/d), all labels less their mean over the context.

    Of one seed, longer prompts extend shorter ones, but for the few drawn again for |y_q| <= label_tol.
    """
    rng = np.random.default_rng([seed, d])
    while True:
        beta, query = rng.normal(size=(2, d)) * [[1 / math.sqrt(d)], [1.0]]
        x = rng.normal(size=(longest, d))[:n]
        prompt = Prompt.from_arrays(x, x @ beta, query, query @ beta, center=True)
        if abs(prompt.query_label) > label_tol:
            return prompt


class Units(NamedTuple):
    """Of linear attention at temperature 1: mu = eta h |y_q|, and w and k of the balanced minimum."""

    curvature: float  # h |y_q|
    weight: float  # sqrt(|y_q| / h)

    @classmethod
    def of(cls, prompt):
        h = np.linalg.norm(prompt.context_moment) * np.linalg.norm(prompt.query)
        return cls(h * abs(prompt.query_label), math.sqrt(abs(prompt.query_label) / h))


def first_weights(prompt, temperature, *, start, seed):
    """w = start, W = start N(0, 1) / sqrt(d) in units of the balanced minimum at this temperature."""
    size = start * Units.of(prompt).weight * math.sqrt(temperature)
    return initial_weights(prompt.d, value=size, scale=size, seed=seed)


@dataclass
class Lanes:
    """States (w, g) of many runs on one prompt: ``w``, ``temperature``, ``eta`` (L,), ``g`` (d, L)."""

    prompt: Prompt
    w: np.ndarray
    g: np.ndarray
    temperature: np.ndarray
    eta: np.ndarray
    linear: bool = False

    @classmethod
    def start(cls, prompt, temperatures, eta, *, start, seed, linear=False):
        """One run per step size in ``eta`` (T, E), with the temperature of its row."""
        weights = [first_weights(prompt, t, start=start, seed=seed) for t in temperatures]
        columns = np.array([[x.value, *(x.key_query @ prompt.query)] for x in weights]).T
        columns = np.repeat(columns, eta.shape[1], axis=1)
        temperature = np.repeat(np.asarray(temperatures, float), eta.shape[1])
        return cls(prompt, columns[0], columns[1:], temperature, eta.ravel(), linear)

    def kept(self, mask):
        """The runs of a mask."""
        arrays = (self.w[mask], self.g[:, mask], self.temperature[mask], self.eta[mask])
        return Lanes(self.prompt, *arrays, self.linear)

    def shares(self):
        """Attention weights p, (n, L)."""
        scores = self.prompt.context @ (self.g / self.temperature)
        scores -= scores.max(axis=0)
        powers = np.exp(scores, out=scores)
        powers /= powers.sum(axis=0)
        return powers

    def label_and_slope(self):
        """m = sum_i p_i y_i and c = dm/dg."""
        if self.linear:
            slope = self.prompt.context_moment[:, None] / self.temperature
            return (slope * self.g).sum(axis=0), slope
        shares, labels = self.shares(), self.prompt.labels
        mean = labels @ shares
        shares *= labels[:, None] - mean
        return mean, self.prompt.context.T @ shares / self.temperature

    def sharpness(self, mean, slope):
        """|d prediction|^2, at a minimum the one eigenvalue of the Hessian that is not 0."""
        size = self.prompt.query @ self.prompt.query
        return mean**2 + self.w**2 * size * (slope**2).sum(axis=0)

    def step(self, mean, slope, residual):
        size = self.prompt.query @ self.prompt.query
        push = self.eta * residual
        self.w, self.g = self.w - push * mean, self.g - push * self.w * size * slope


def train(lanes, *, n_steps, tol, escape):
    """Train until settled, from ``lanes``, which moves on: status and last state (w, g) of every run."""
    target = lanes.prompt.query_label
    status, index = np.zeros(lanes.eta.size, np.int8), np.arange(lanes.eta.size)
    w, g = lanes.w.copy(), lanes.g.copy()
    with np.errstate(all="ignore"):
        for t in range(n_steps + 1):
            mean, slope = lanes.label_and_slope()
            residual = lanes.w * mean - target
            if t % CHECK_EVERY == 0 or t == n_steps:
                off = np.abs(residual / target)
                # a residual that passes through 0 is not convergence: the minimum must be stable too
                converged = (off < tol) & (lanes.eta * lanes.sharpness(mean, slope) < 2)
                escaped = ~(off < escape)
                status[index] = np.where(converged, CONVERGED, np.where(escaped, ESCAPED, UNSETTLED))
                w[index], g[:, index] = lanes.w, lanes.g
                on = ~(converged | escaped)
                if not on.any():
                    break
                if not on.all():
                    index, lanes = index[on], lanes.kept(on)
                    slope = slope if lanes.linear and slope.shape[1] == 1 else slope[:, on]
                    mean, residual = mean[on], residual[on]
            lanes.step(mean, slope, residual)
    return status, w, g


def flow(lanes, *, step, n_steps, tol):
    """The minimum that training with vanishing steps reaches: curvature limits every step instead of eta."""
    target = lanes.prompt.query_label
    for _ in range(n_steps):
        mean, slope = lanes.label_and_slope()
        residual = lanes.w * mean - target
        if (np.abs(residual / target) < tol).all():
            break
        # |r| |c| |x_q| is the negative curvature at the saddle, which the sharpness does not see
        saddle = np.abs(residual) * np.sqrt((slope**2).sum(axis=0)) * np.linalg.norm(lanes.prompt.query)
        lanes.eta = step / (lanes.sharpness(mean, slope) + saddle)
        lanes.step(mean, slope, residual)
    return lanes, np.abs(residual / target)


def grid(octaves, per_octave):
    """Step sizes of a scan, relative to mu = 1."""
    return 2.0 ** (np.arange(octaves[0] * per_octave, octaves[1] * per_octave + 1) / per_octave)


def find_boundaries(prompt, temperatures, *, start, seed, scan, settings, linear=False, octaves=None):
    """The four boundaries of every temperature, relative to mu = 1, and the statuses of the scan.

    Returns
    -------
    boundaries : (T, 4) array
        The largest step size seen to be good, in the order of `NAMES`: up to where all smaller ones
        of the scan converge, of all that converge, and the same for staying bounded. The bisection has seen
        a bad one next to it. NaN where the scan does not reach it.
    status : (T, E) array
        Of the scan.
    """
    ratios = grid(octaves or scan["octaves"], scan["per_octave"])
    unit = np.asarray(temperatures, float)[:, None] / Units.of(prompt).curvature

    def run(relative):
        lanes = Lanes.start(prompt, temperatures, relative * unit, start=start, seed=seed, linear=linear)
        return train(lanes, **settings)[0].reshape(relative.shape)

    status = run(np.tile(ratios, (len(temperatures), 1)))
    below = np.array([last_good(row) for row in status])
    reached = (below >= 0) & (below < ratios.size - 1)
    low = ratios[np.clip(below, 0, ratios.size - 2)]
    high = ratios[np.clip(below, 0, ratios.size - 2) + 1]
    for _ in range(scan["n_bisections"]):
        middle = np.sqrt(low * high)
        found = run(middle)
        good = np.concatenate([found[:, :2] == CONVERGED, found[:, 2:] != ESCAPED], axis=1)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return np.where(reached, low, np.nan), status


def last_good(status):
    """Index of the scan below each of the four boundaries; -1 if there is none."""
    indices = []
    for good in (status == CONVERGED, status != ESCAPED):
        failures, successes = np.flatnonzero(~good), np.flatnonzero(good)
        indices.append(failures[0] - 1 if failures.size else good.size - 1)
        indices.append(successes[-1] if successes.size else -1)
    return indices


def n_changes(good):
    """How often a scan returns to what it had left: 0 if the good step sizes are an interval from 0."""
    return int((np.diff(good.astype(int)) == 1).sum(axis=-1))


def effective_lengths(shares):
    """1 / sum p^2 and exp(entropy) of attention weights p, (n, ...)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.where(shares > 0, shares * np.log(shares), 0.0).sum(axis=0)
    return 1 / (shares**2).sum(axis=0), np.exp(entropy)


def weights_of(prompt, w, g):
    """Two-factor weights with W x_q = g, for the oracle."""
    query = prompt.query
    return TwoFactorWeights(float(w), np.outer(g, query) / (query @ query))
