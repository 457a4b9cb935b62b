"""Full gradient descent of the transformer under schedules of step sizes, and an adversary.

Training loops over `lintrans.attention.transformer.gradient`; the map appears in the adversary, which chooses
the worst next step by it, and in the level Q that is measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from lintrans.attention.transformer import TwoFactorWeights, gradient
from lintrans.two_factor import normal_form
from lintrans.two_factor.reduction import Mode

N_STEPS = 150


def constant(t, rng):
    return 1.0


def warm_up(t, rng):
    return (t + 1) / N_STEPS


def decay(t, rng):
    return 0.5 * (1 + math.cos(math.pi * t / N_STEPS))


def cyclic(t, rng):
    return abs((t % 20) / 10 - 1)


def random(t, rng):
    return rng.uniform()


def on_or_off(t, rng):
    return float(rng.integers(2))


FRACTIONS = {f.__name__: f for f in (constant, warm_up, decay, cyclic, random, on_or_off)}
SCHEDULES = (*FRACTIONS, "greedy")


def start(prompt, u, v, seed=4):
    """Weights at (u, v) with a random part of W that training must not touch."""
    mode = Mode.of(prompt)
    frozen = mode.frozen_part(np.random.default_rng(seed).normal(size=(prompt.d, prompt.d)))
    value, key_query = mode.weights(u, v, frozen)
    return mode, TwoFactorWeights(float(value), key_query)


def descend(prompt, weights, step_size):
    slope = gradient(prompt, weights)
    return TwoFactorWeights(
        weights.value - step_size * slope.value, weights.key_query - step_size * slope.key_query
    )


def level_and_residual(mode, weights, max_mu):
    u, v = mode.project(weights.value, weights.key_query)
    a, b = normal_form.to_modes(max_mu, u, v)
    return float(normal_form.ellipse_level(max_mu, a, b)), float(normal_form.residual(max_mu, a, b))


def worst_fraction(mode, weights, max_mu):
    """The fraction that, with the best one to follow, brings Q highest in two steps.

    Resting is excluded: the fractions are 0.05 to 1, else the adversary would stay where it is.
    """
    first, second = np.meshgrid(np.linspace(0.05, 1, 39), np.linspace(0.05, 1, 39), indexing="ij")
    u, v = mode.project(weights.value, weights.key_query)
    a, b = normal_form.to_modes(max_mu, u, v)
    for kappa in (first, second):
        r = normal_form.residual(max_mu, a, b)
        a, b = (1 - kappa * r) * a, (1 + kappa * r) * b
    return float(first.flat[np.argmax(normal_form.ellipse_level(max_mu, a, b))])


def train(prompt, point, max_mu, schedule, seed=8) -> Iterator[tuple[float, float]]:
    """Yield the level Q and the residual r, both of ``max_mu``, after every step of training from (u, v)."""
    mode, weights = start(prompt, *point)
    rng = np.random.default_rng(seed)
    for t in range(N_STEPS):
        greedy = schedule == "greedy"
        kappa = worst_fraction(mode, weights, max_mu) if greedy else FRACTIONS[schedule](t, rng)
        weights = descend(prompt, weights, kappa * max_mu * mode.unit_step_size)
        yield level_and_residual(mode, weights, max_mu)
