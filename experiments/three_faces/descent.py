"""Measurements: full gradient descent of the transformer, or plain NumPy steps where many starts are needed.

`descend` trains all weights of a prompt by `lintrans.train`; `step_uv` and `step_modes` are the map itself.
Of the closed forms only the equation of the ellipse enters: to put starts on it, and to say what Q is.
Averages on the ellipse are means over an ensemble, because rounding throws an orbit off it after 40 steps:
from a short arc of starts the map itself spreads over all angles in ten.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

import lintrans as lt
from experiments.three_faces.closed_form import CONFIG, Measured
from lintrans.attention import TwoFactorWeights, training

# M = (5, 12) (3, 4)^T / 1: h = 13 * 5 exactly
TWO_FACTORS = lt.Prompt.from_arrays([[10.0, 0.0], [0.0, 12.0]], [1.0, 2.0], [3.0, 4.0], -1.25)
MOMENT, H = np.outer([5.0, 12.0], [3.0, 4.0]), 65.0
MANY = lt.Prompt.from_arrays([[1.0, 0.5], [-0.5, 1.5], [0.3, -1.2]], [0.8, -0.4, 1.1], [0.6, -0.9], 0.7)
SMALL = 1e-5  # central differences: SMALL^2 truncation, eps / SMALL rounding
OFF = 1e-8  # off a minimum: first order in OFF, eps / OFF rounding
FAR = 1e3
ROUNDING = "some ulps, and the bracket is halved 50 times"
SECOND_ORDER = "starts are 1e-4 apart in a, and miss the extremum to second order"
NEARLY = "starts are 1e-8 off the minimum, and rounding leaves 8 digits of that"


def mean(samples) -> Measured:
    samples = np.asarray(samples, dtype=float)
    return Measured(float(samples.mean()), float(samples.std() / math.sqrt(samples.size)))


def rng(*point: float) -> np.random.Generator:
    """Another stream at every point, whatever was drawn before."""
    return np.random.default_rng([CONFIG["seed"], *(int(1000 * abs(x)) for x in point)])


def step_uv(mu, u, v):
    push = mu * (u * v - 1)
    return u - push * v, v - push * u


def step_modes(mu, a, b):
    r = a * a - b * b - mu
    return (1 - r) * a, (1 + r) * b


def descend(prompt, weights, eta, n_steps):
    return lt.train(prompt, weights, step_size=eta, n_steps=n_steps)


def tangent_growth(prompt, weights, eta, n_steps):
    return training.tangent_growth(prompt, weights, step_size=eta, n_steps=n_steps, n_discard=n_steps // 10)


def train(mu, u, v, n_steps=None, prompt=TWO_FACTORS):
    """Histories of u, v and of the residual mu (uv - 1), from gradient descent on w and W."""
    n_steps = CONFIG["n_steps"] if n_steps is None else n_steps
    label = prompt.query_label
    unit, sign = math.sqrt(abs(label) / H), math.copysign(1.0, label)
    along = sign * unit * v * MOMENT / H
    frozen = np.array([[4.0, -3.0], [0.0, 0.0]]) / 8  # orthogonal to M: training must not touch it
    run = descend(prompt, TwoFactorWeights(unit * u, along + frozen), mu / (H * abs(label)), n_steps)
    k = np.tensordot(run.key_query, MOMENT, 2) / H
    return run.value / unit, sign * k / unit, mu * (run.predictions / label - 1)


def escapes(mu, u, v, n_steps=None) -> bool:
    r = train(mu, u, v, n_steps)[2]
    n_steps = CONFIG["n_steps"] if n_steps is None else n_steps
    return r.size <= n_steps or not abs(r[-1]) < FAR


def any_escapes(mu, u, v, n_steps=None) -> bool:
    """Whether any of many starts escapes; a step size may differ from start to start and step to step."""
    with np.errstate(all="ignore"):
        for i in range(CONFIG["n_steps"] if n_steps is None else n_steps):
            u, v = step_uv(mu[i] if np.ndim(mu) == 2 else mu, u, v)
        return not (np.abs(u * v) < FAR).all()


def bisect(condition: Callable[[float], bool], low: float, high: float, n: int | None = None) -> float:
    """Where a condition turns from false to true."""
    for _ in range(CONFIG["n_bisections"] if n is None else n):
        middle = (low + high) / 2
        low, high = (low, middle) if condition(middle) else (middle, high)
    return (low + high) / 2


def with_label(prompt, label):
    return lt.Prompt.from_arrays(prompt.context, prompt.labels, prompt.query, label)


def grows_away(r):
    """Whether a perturbation has grown, if only for a while, or the run was cut short."""
    size = np.abs(r)
    return bool(r.size <= CONFIG["n_steps"] or size.max() > 10 * size[0] or size[-1] > size[0])


def factors_of(mu, a, b):
    return (a + b) / math.sqrt(mu), (a - b) / math.sqrt(mu)


def end_of_step(mu, start):
    u, v, _ = train(mu, *start, 1)
    return np.array([u[1], v[1]])


def fractions():
    """Midpoints of equal parts of (0, 1)."""
    return (np.arange(CONFIG["n_starts"]) + 0.5) / CONFIG["n_starts"]


def point_at(mu, angle):
    return math.sqrt(2 + mu) * np.cos(angle), math.sqrt(2 - mu) * np.sin(angle)


def level_of(mu, a, b):
    return a * a / (2 + mu) + b * b / (2 - mu) - 1


def mixed(mu, *point):
    """Points of the ellipse after ten steps from an arc of one radian."""
    a, b = point_at(mu, rng(mu, *point).uniform(0.3, 1.3, CONFIG["n_samples"]))
    for _ in range(10):
        a, b = step_modes(mu, a, b)
    return a, b


def balanced_residuals():
    return train(2.0, 0.4, 0.4, CONFIG["n_average"])[2][1000:]


def batched(samples):
    """Time average with the standard error of 20 batches."""
    means = [batch.mean() for batch in np.array_split(samples, 20)]
    return Measured(float(np.mean(means)), float(np.std(means, ddof=1) / math.sqrt(20)))
