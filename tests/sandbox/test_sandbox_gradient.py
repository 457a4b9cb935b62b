"""The gradient by hand against a complex step of the loss, for every kind of model."""

from __future__ import annotations

import numpy as np
import pytest

from lintrans.sandbox import network
from lintrans.sandbox.model import PARTS, Model, initial_weights, unflatten
from lintrans.sandbox.task import Task

CASES = {
    "default": (Task(), Model()),
    "smooth": (Task(), Model(feed_forward_norm="smooth", attention_norm="smooth", smoothing=0.3)),
    "no norms": (Task(), Model(feed_forward_norm="none", attention_norm="none")),
    "p = 3, d = 3": (Task(p=3, length=5, positions=(0, 2, 4)), Model(d=3, width=7, extra_tokens=2)),
    "d = 1": (Task(p=5, length=3, positions=2), Model(d=1, width=3, extra_tokens=0)),
}


def complex_step(task, model, flat, sequences, shares=None):
    """Gradient to rounding: the imaginary part of the loss at a step too small to be seen in the real one."""
    h, n = 1e-30, flat.size
    moved = [flat + 1j * h * np.eye(1, n, i)[0] for i in range(n)]
    losses = [network.loss(task, model, unflatten(task, model, w), sequences, shares) for w in moved]
    return np.imag(losses) / h


@pytest.mark.parametrize("name", CASES)
def test_gradient_is_that_of_the_loss(name):
    task, model = CASES[name]
    for seed in range(3):
        weights, sequences = initial_weights(task, model, seed), task.data(seed).train[:40]
        found = network.gradient(task, model, weights, sequences).flat
        expected = complex_step(task, model, weights.flat, sequences)
        assert np.abs(found - expected).max() <= 1e-13 * max(
            1, np.abs(expected).max()
        )  # the figure asked for


def test_sequences_count_by_their_shares():
    task, model = CASES["default"]
    weights, sequences = initial_weights(task, model), task.population()[:30]
    shares = np.random.default_rng(0).random(30)
    found = network.gradient(task, model, weights, sequences, shares).flat
    assert np.abs(found - complex_step(task, model, weights.flat, sequences, shares)).max() <= 1e-13


@pytest.mark.parametrize("part", PARTS)
def test_a_wrong_sign_would_be_seen(part):
    task, model = CASES["default"]
    weights, sequences = initial_weights(task, model), task.data(0).train[:40]
    found = network.gradient(task, model, weights, sequences)
    wrong = found._replace(**{part: -getattr(found, part)}).flat
    assert np.abs(wrong - complex_step(task, model, weights.flat, sequences)).max() > 1e-6


def test_attention_looks_up_what_the_definition_says():
    task, model = CASES["p = 3, d = 3"]
    weights, sequences = initial_weights(task, model, 1), task.population()[:20]
    found = network.layers(task, model, weights, sequences)
    for n, tokens in enumerate(sequences):
        z = weights.tokens[tokens] + weights.positions
        z = z / (np.sqrt((z**2).mean(axis=1, keepdims=True)) + 1e-5)
        raised = np.exp(z @ weights.query / np.sqrt(model.d))
        xi = sum(a * weights.value @ x for a, x in zip(raised / raised.sum(), z, strict=True))
        assert np.abs(found.xi[n] - xi).max() < 1e-14  # a few sums of five terms of size 1
