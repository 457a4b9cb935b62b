"""The oracle: its gradients against two other derivatives, closed forms, training and tangents."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lintrans import transformer
from lintrans.errors import InputError
from lintrans.prompt import Prompt, example_data
from lintrans.transformer import (
    FullWeights,
    TwoFactorWeights,
    attention,
    embedding,
    gradient,
    initial_weights,
    loss,
    prediction,
    tangent_growth,
    train,
)

EPS = np.finfo(float).eps
LONGLEY = Path(__file__).parent / "data" / "longley.csv"
UNIT = Prompt.from_arrays([[1.0]], [1.0], [1.0], 1.0)  # prediction w W: mu = step size, u = w, v = W


def random_prompt(n: int, d: int, seed: int = 0) -> Prompt:
    rng = np.random.default_rng(seed)
    return Prompt.from_arrays(rng.normal(size=(n, d)), rng.normal(size=n), rng.normal(size=d), rng.normal())


def real_prompt(path: Path, target: str, **settings) -> Prompt:
    return Prompt.from_csv(path, target=target, context=slice(0, 14), query=15, **settings)


PROMPTS = {
    "one token, one feature": random_prompt(1, 1),
    "one token": random_prompt(1, 4),
    "one feature": random_prompt(6, 1),
    "random": random_prompt(7, 3),
    "longley raw": real_prompt(LONGLEY, "TOTEMP"),
    "longley": real_prompt(LONGLEY, "TOTEMP", standardize=True, center=True),
    "diabetes raw": real_prompt(example_data(), "progression"),
    "diabetes": real_prompt(example_data(), "progression", standardize=True, center=True),
}


def random_weights(kind: type, d: int, seed: int = 5):
    rng = np.random.default_rng(seed)
    if kind is TwoFactorWeights:
        return TwoFactorWeights(rng.normal(), rng.normal(size=(d, d)))
    return FullWeights(*rng.normal(size=(2, d + 1, d + 1)))


every_prompt = pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
both_kinds = pytest.mark.parametrize("kind", [TwoFactorWeights, FullWeights])


def literal_prediction(E, weights, vector, n, d):
    """Entry (d+1, n+1) of the whole attention matrix, which `prediction` never forms."""
    return attention(E, *weights.matrices(vector, d), n)[-1, -1]


def moduli(prompt, weights, reach=0.0):
    """Return the prediction and its derivatives with every term replaced by its modulus.

    Rounding errors of any summation order are below (number of operations) * EPS times these.
    """
    E, vector = np.abs(embedding(prompt)), np.abs(weights.to_vector()) + reach
    value = literal_prediction(E, weights, vector, prompt.n, prompt.d)
    steps = np.eye(vector.size) * 1e-30j
    slope = [literal_prediction(E, weights, vector + step, prompt.n, prompt.d).imag / 1e-30 for step in steps]
    return value + abs(prompt.query_label), np.array(slope)


def check_gradient(prompt, weights, computed):
    """Compare a gradient with complex step and with central differences of the literal loss."""
    E, vector, n, d = embedding(prompt), weights.to_vector(), prompt.n, prompt.d

    def literal_loss(vector):
        residual = literal_prediction(E, weights, vector, n, d) - prompt.query_label
        return residual * residual / 2

    identity = np.eye(vector.size)
    operations = 4 * (n + d) + 20
    value, slope = moduli(prompt, weights)
    complex_step = np.array([literal_loss(vector + 1e-30j * row).imag / 1e-30 for row in identity])
    assert (np.abs(computed.to_vector() - complex_step) <= operations * EPS * value * slope).all()
    # The loss is quadratic in each single weight, so the central difference has no truncation error,
    # a large step is exact, and only the rounding of the two losses remains.
    step = 0.5 * np.abs(vector).max()
    central = [(literal_loss(vector + step * row) - literal_loss(vector - step * row)) / (2 * step)
               for row in identity]  # fmt: skip
    value, _ = moduli(prompt, weights, reach=step)
    assert (np.abs(computed.to_vector() - central) <= operations * EPS * value**2 / step).all()


@every_prompt
@both_kinds
def test_gradient_is_the_derivative_of_the_literal_loss(prompt, kind):
    weights = random_weights(kind, prompt.d)
    check_gradient(prompt, weights, gradient(prompt, weights))


@every_prompt
@both_kinds
def test_a_flipped_sign_is_noticed(prompt, kind, monkeypatch):
    weights = random_weights(kind, prompt.d)
    genuine = transformer._differentiate

    def flipped(*arguments):
        predicted, dP, dK = genuine(*arguments)
        return predicted, dP, -dK

    monkeypatch.setattr(transformer, "_differentiate", flipped)
    with pytest.raises(AssertionError):
        check_gradient(prompt, weights, gradient(prompt, weights))


@every_prompt
@both_kinds
def test_prediction_and_loss_are_those_of_the_whole_attention(prompt, kind):
    weights = random_weights(kind, prompt.d)
    literal = literal_prediction(embedding(prompt), weights, weights.to_vector(), prompt.n, prompt.d)
    bound = (4 * (prompt.n + prompt.d) + 20) * EPS * moduli(prompt, weights)[0]
    assert abs(prediction(prompt, weights) - literal) <= bound
    assert loss(prompt, weights) == (prediction(prompt, weights) - prompt.query_label) ** 2 / 2


@every_prompt
def test_two_factor_prediction_in_closed_form(prompt):
    weights = random_weights(TwoFactorWeights, prompt.d)
    M = np.outer(prompt.labels @ prompt.context / prompt.n, prompt.query)
    bound = (4 * (prompt.n + prompt.d) + 20) * EPS * moduli(prompt, weights)[0]
    assert abs(prediction(prompt, weights) - weights.value * (weights.key_query * M).sum()) <= bound


@every_prompt
def test_full_prediction_in_closed_form(prompt):
    weights = random_weights(FullWeights, prompt.d)
    E = embedding(prompt)
    query = E[:, -1]
    size = np.linalg.norm(query)
    p, k, G = weights.P[-1], weights.K @ query / size, E @ E.T / prompt.n
    bound = (4 * (prompt.n + prompt.d) + 20) * EPS * moduli(prompt, weights)[0]
    assert abs(prediction(prompt, weights) - size * p @ G @ k) <= bound


def test_the_two_models_agree_on_shared_weights():
    prompt = PROMPTS["random"]
    two = random_weights(TwoFactorWeights, prompt.d)
    full = FullWeights(*two.matrices(two.to_vector(), prompt.d))
    assert prediction(prompt, full) == prediction(prompt, two)
    # Without the zero blocks held at 0, the full gradient restricted to the factors is the same.
    slope, full_slope = gradient(prompt, two), gradient(prompt, full)
    assert full_slope.P[-1, -1] == slope.value
    assert np.array_equal(full_slope.K[:-1, :-1], slope.key_query)


@both_kinds
def test_vectors_and_weights_invert_each_other(kind):
    vector = random_weights(kind, 3).to_vector()
    again = kind.from_vector(vector, 3)
    assert np.array_equal(again.to_vector(), vector)
    assert np.array_equal(kind.restrict(*kind.matrices(vector, 3)), vector)


@pytest.mark.parametrize("scale", [1e-150, 1e150])
def test_extreme_features_with_a_representable_prediction(scale):
    small = random_prompt(5, 3)
    prompt = Prompt.from_arrays(scale * small.context, small.labels, scale * small.query, small.query_label)
    weights = random_weights(TwoFactorWeights, 3)
    shrunk = TwoFactorWeights(weights.value / scale, weights.key_query / scale)
    # Scaling by a number that is no power of two costs one rounding per factor.
    assert prediction(prompt, shrunk) == pytest.approx(prediction(small, weights), rel=100 * EPS)
    slope, expected = gradient(prompt, shrunk), gradient(small, weights)
    np.testing.assert_allclose(slope.value / scale, expected.value, rtol=200 * EPS)
    np.testing.assert_allclose(slope.key_query / scale, expected.key_query, rtol=200 * EPS)


def test_unrepresentable_gradient_is_told():
    with pytest.raises(InputError, match="finite gradient"):
        gradient(UNIT, TwoFactorWeights(1e200, [[1e150]]))
    assert loss(UNIT, TwoFactorWeights(1e150, [[1e150]])) == math.inf


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
    growth = tangent_growth(UNIT, TwoFactorWeights(0.3, [[0.3]]), step_size=2.0, n_steps=20_000)
    assert not math.isnan(growth.exponent)
    assert abs(growth.exponent - math.log(3)) < 5 * growth.standard_error  # 5 sigma
    assert 0 < growth.standard_error < 0.02


def test_chaos_and_the_two_cycle_differ_in_sign():
    chaotic = tangent_growth(UNIT, TwoFactorWeights(0.3, [[0.3]]), step_size=1.9, n_steps=5000, n_discard=100)
    periodic = tangent_growth(
        UNIT, TwoFactorWeights(0.3, [[0.3]]), step_size=1.1, n_steps=5000, n_discard=1000
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


def test_initial_weights_repeat_and_have_the_scale():
    weights = initial_weights(200, value=0.5, scale=3.0, seed=4)
    assert weights.value == 0.5
    assert np.array_equal(weights.key_query, initial_weights(200, value=0.5, scale=3.0, seed=4).key_query)
    # The deviation of 40000 normal numbers is known to 1/sqrt(80000) = 0.35 %: five sigma.
    assert weights.key_query.std() == pytest.approx(3 / math.sqrt(200), rel=5 / math.sqrt(80_000))


GOOD = TwoFactorWeights(1.0, [[1.0]])


@pytest.mark.parametrize(
    ("call", "parts"),
    [
        (lambda: TwoFactorWeights(math.nan, [[1.0]]), ["value", "nan"]),
        (lambda: TwoFactorWeights("x", [[1.0]]), ["value", "'x'"]),
        (lambda: TwoFactorWeights(1.0, [[1.0, 2.0]]), ["key_query", "square", "(1, 2)"]),
        (lambda: TwoFactorWeights(1.0, np.empty((0, 0))), ["key_query", "(0, 0)"]),
        (lambda: TwoFactorWeights(1.0, [1.0]), ["key_query", "2 axes"]),
        (lambda: TwoFactorWeights(1.0, [[math.inf]]), ["key_query", "inf"]),
        (lambda: FullWeights(np.eye(2), np.eye(3)), ["P and K", "(2, 2)", "(3, 3)"]),
        (lambda: FullWeights([[1.0]], [[1.0]]), ["d >= 1"]),
        (lambda: FullWeights(np.eye(2), np.full((2, 2), np.nan)), ["K", "nan"]),
        (lambda: prediction(UNIT, 3.0), ["weights", "float"]),
        (lambda: prediction(3.0, GOOD), ["prompt", "float"]),
        (lambda: prediction(UNIT, initial_weights(2, value=1, scale=1, seed=0)), ["1 features", "got 2"]),
        (lambda: attention(np.eye(2), np.eye(3), np.eye(2), 1), ["match the rows of E", "(3, 3)"]),
        (lambda: attention(np.eye(2), np.eye(2), np.eye(2), 0), ["n ", "got 0"]),
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
        (lambda: initial_weights(0, value=1.0, scale=1.0, seed=0), ["d ", "got 0"]),
        (lambda: initial_weights(2, value=1.0, scale=math.nan, seed=0), ["scale"]),
        (lambda: initial_weights(2, value=1.0, scale=1.0, seed=-1), ["seed", "got -1"]),
    ],
)
def test_bad_arguments_are_one_line_with_a_remedy(call, parts):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message
    for part in parts:
        assert part in message


def test_complex_weights_are_differentiated():
    step = TwoFactorWeights(2.0 + 1e-30j, [[3.0]])
    # d/dw (wW - 1)^2 / 2 = (wW - 1) W, and d/dw of that is W^2.
    assert loss(UNIT, step).imag == pytest.approx(15e-30, rel=4 * EPS)
    assert gradient(UNIT, step).value.imag == pytest.approx(9e-30, rel=4 * EPS)
