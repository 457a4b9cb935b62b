"""Gradient descent and the growth of tangents, against repeated gradients and known exponents."""

from __future__ import annotations

import math

import numpy as np
import pytest
from problems import GOOD, PROMPTS, UNIT, both_kinds, check_refused, random_weights

from lintrans.attention.training import tangent_growth, train
from lintrans.attention.transformer import FullWeights, TwoFactorWeights, gradient, loss, prediction

EPS = np.finfo(float).eps


def stable_step_size(prompt, weights):
    """An eighth of the limit 2 / |grad prediction|^2 at the start: the residual shrinks geometrically."""
    residual = prediction(prompt, weights) - prompt.query_label
    return 0.25 * (residual / np.linalg.norm(gradient(prompt, weights).to_vector())) ** 2


@pytest.mark.parametrize("prompt", [PROMPTS["random"], PROMPTS["diabetes"]], ids=["random", "diabetes"])
@both_kinds
def test_training_is_repeated_gradient_steps(prompt, kind):
    weights = random_weights(kind, prompt.d)
    eta = stable_step_size(prompt, weights)
    run = train(prompt, weights, step_size=eta, n_steps=4)
    fields = ("value", "key_query") if kind is TwoFactorWeights else ("P", "K")
    for step in range(5):
        for field in fields:
            assert np.array_equal(getattr(run, field)[step], getattr(weights, field))
        assert run.predictions[step] == prediction(prompt, weights)
        assert run.losses[step] == loss(prompt, weights)
        vector = weights.to_vector() - eta * gradient(prompt, weights).to_vector()
        weights = kind.from_vector(vector, prompt.d)
    assert (run.n_steps, run.overflowed, run.step_size) == (4, False, eta)


@both_kinds
def test_small_steps_reach_the_label(kind):
    prompt = PROMPTS["diabetes"]
    weights = random_weights(kind, prompt.d)
    run = train(prompt, weights, step_size=stable_step_size(prompt, weights), n_steps=400)
    assert not run.overflowed
    assert run.losses[-1] < 1e-20 * run.losses[0]


@both_kinds
def test_overflow_stops_training_with_finite_states(kind):
    weights = random_weights(kind, 3)
    run = train(PROMPTS["random"], weights, step_size=1e3, n_steps=500)
    assert run.overflowed
    assert 0 < run.n_steps < 20
    assert run.predictions.shape == run.losses.shape == (run.n_steps + 1,)
    histories = (run.value, run.key_query) if kind is TwoFactorWeights else (run.P, run.K)
    for array in (run.predictions, *histories):
        assert len(array) == run.n_steps + 1
        assert np.isfinite(array).all()
    shorter = train(PROMPTS["random"], weights, step_size=1e3, n_steps=run.n_steps)
    assert not shorter.overflowed
    assert np.array_equal(shorter.predictions, run.predictions)


@pytest.mark.parametrize("mu", [0.25, 1.0, 1.5])
def test_tangent_at_the_saddle(mu):
    growth = tangent_growth(UNIT, TwoFactorWeights(0.0, [[0.0]]), step_size=mu, n_steps=100)
    # Multiplier 1 + mu along the equal entries that stand in for a vanishing gradient.
    assert growth.exponent == pytest.approx(math.log(1 + mu), abs=8 * EPS)
    across = tangent_growth(
        UNIT,
        TwoFactorWeights(0.0, [[0.0]]),
        step_size=0.25,
        n_steps=20,
        direction=TwoFactorWeights(1.0, [[-1.0]]),
    )
    # Rounding puts EPS of the growing direction in, which grows by (5/3)^20 = 3e4 against the other.
    assert across.exponent == pytest.approx(math.log(0.75), abs=1e-10)


def test_tangent_at_an_unstable_minimum():
    growth = tangent_growth(UNIT, TwoFactorWeights(1.0, [[1.0]]), step_size=1.5, n_steps=100)
    # 1 - mu (u^2 + v^2) = -2 at u = v = 1.
    assert growth.exponent == pytest.approx(math.log(2), abs=8 * EPS)
    assert growth.standard_error < 8 * EPS


def test_tangent_that_vanishes_is_minus_infinity():
    # mu (u^2 + v^2) = 1 with uv = 1 at mu = 1/2: the minimum is superstable.
    growth = tangent_growth(UNIT, TwoFactorWeights(1.0, [[1.0]]), step_size=0.5, n_steps=40)
    assert growth.exponent == -math.inf
    assert math.isnan(growth.standard_error)


@both_kinds
def test_converged_training_is_neutral_along_the_minima(kind):
    prompt = PROMPTS["random"]
    weights = random_weights(kind, prompt.d)
    eta = stable_step_size(prompt, weights)
    growth = tangent_growth(prompt, weights, step_size=eta, n_steps=1000, n_discard=500)
    assert abs(growth.exponent) < 1e-12
    assert growth.standard_error < 1e-12


def test_chebyshev_exponent_at_two():
    # mu = 2 on the balanced slice is the third Chebyshev polynomial: exponent ln 3.
    growth = tangent_growth(UNIT, TwoFactorWeights(0.3, [[0.3]]), step_size=2.0, n_steps=8000)
    assert not math.isnan(growth.exponent)
    assert abs(growth.exponent - math.log(3)) < 5 * growth.standard_error  # 5 sigma
    assert 0 < growth.standard_error < 0.02


def test_chaos_and_the_two_cycle_differ_in_sign():
    chaotic = tangent_growth(UNIT, TwoFactorWeights(0.3, [[0.3]]), step_size=1.9, n_steps=2000, n_discard=100)
    periodic = tangent_growth(
        UNIT, TwoFactorWeights(0.3, [[0.3]]), step_size=1.1, n_steps=2000, n_discard=1000
    )
    assert chaotic.exponent > 0.3
    # Product of the slopes 1 + mu - 3 a^2 over the 2-cycle of a' = (1 + mu) a - a^3.
    a = 0.3 * math.sqrt(1.1)
    for _ in range(2000):
        a = 2.1 * a - a**3
    slopes = [2.1 - 3 * x**2 for x in (a, 2.1 * a - a**3)]
    assert periodic.exponent == pytest.approx(math.log(abs(slopes[0] * slopes[1])) / 2, abs=1e-10)


def test_the_first_direction_is_forgotten():
    prompt = PROMPTS["random"]
    weights = random_weights(TwoFactorWeights, prompt.d)
    arguments = {"step_size": stable_step_size(prompt, weights), "n_steps": 1000, "n_discard": 500}
    other = tangent_growth(prompt, weights, direction=random_weights(TwoFactorWeights, 3, 8), **arguments)
    assert other.exponent == pytest.approx(tangent_growth(prompt, weights, **arguments).exponent, abs=1e-10)


def test_tangent_after_an_overflow_is_nan():
    growth = tangent_growth(UNIT, TwoFactorWeights(3.0, [[3.0]]), step_size=1.9, n_steps=50, n_discard=0)
    assert math.isnan(growth.exponent)
    assert math.isnan(growth.standard_error)


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: train(UNIT, GOOD, step_size=0.0, n_steps=1), ["step_size", "got 0"]),
        (lambda: train(UNIT, GOOD, step_size=-1.0, n_steps=1), ["step_size", "got -1"]),
        (lambda: train(UNIT, GOOD, step_size=math.nan, n_steps=1), ["step_size", "nan"]),
        (lambda: train(UNIT, GOOD, step_size=math.inf, n_steps=1), ["step_size", "inf"]),
        (lambda: train(UNIT, GOOD, step_size="fast", n_steps=1), ["step_size", "'fast'"]),
        (lambda: train(UNIT, GOOD, step_size=1.0, n_steps=0), ["n_steps", "got 0"]),
        (lambda: train(UNIT, GOOD, step_size=1.0, n_steps=1.5), ["n_steps", "1.5"]),
        (lambda: train(UNIT, GOOD, step_size=1.0, n_steps=10**9), ["1 GiB", "lower n_steps to 33554431"]),
        (lambda: train(UNIT, GOOD, step_size=1.0, n_steps=10**30), ["n_steps"]),
        (lambda: train(UNIT, TwoFactorWeights(1j, [[1.0]]), step_size=1.0, n_steps=1), ["real"]),
        (lambda: train(UNIT, TwoFactorWeights(1e200, [[1e200]]), step_size=1.0, n_steps=1), ["prediction"]),
        (lambda: tangent_growth(UNIT, GOOD, step_size=0.0, n_steps=40), ["step_size"]),
        (lambda: tangent_growth(UNIT, GOOD, step_size=1.0, n_steps=5), ["n_steps", "20"]),
        (lambda: tangent_growth(UNIT, GOOD, step_size=1.0, n_steps=40, n_discard=30), ["n_discard", "20"]),
        (lambda: tangent_growth(UNIT, GOOD, step_size=1.0, n_steps=10**9), ["GiB"]),
        (
            lambda: tangent_growth(
                UNIT, GOOD, step_size=1.0, n_steps=40, direction=TwoFactorWeights(0.0, [[0.0]])
            ),
            ["direction", "not be 0"],
        ),
        (
            lambda: tangent_growth(
                UNIT, GOOD, step_size=1.0, n_steps=40, direction=FullWeights(np.eye(2), np.eye(2))
            ),
            ["direction", "TwoFactorWeights", "FullWeights"],
        ),
    ],
)
def test_bad_arguments_are_one_line_with_a_remedy(call, parts):
    check_refused(call, parts)
