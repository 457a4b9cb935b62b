"""The model: its gradients against two other derivatives, and closed forms of its prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from problems import (
    GOOD,
    PROMPTS,
    UNIT,
    both_kinds,
    check_refused,
    every_prompt,
    random_prompt,
    random_weights,
)

from lintrans.attention import transformer
from lintrans.attention.transformer import (
    FullWeights,
    TwoFactorWeights,
    attention,
    embedding,
    gradient,
    initial_weights,
    loss,
    prediction,
)
from lintrans.errors import InputError
from lintrans.prompts.prompt import Prompt

EPS = np.finfo(float).eps


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
    genuine = transformer.differentiate

    def flipped(*arguments):
        predicted, dP, dK = genuine(*arguments)
        return predicted, dP, -dK

    monkeypatch.setattr(transformer, "differentiate", flipped)
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


def test_initial_weights_repeat_and_have_the_scale():
    weights = initial_weights(200, value=0.5, scale=3.0, seed=4)
    assert weights.value == 0.5
    assert np.array_equal(weights.key_query, initial_weights(200, value=0.5, scale=3.0, seed=4).key_query)
    # The deviation of 40000 normal numbers is known to 1/sqrt(80000) = 0.35 %: five sigma.
    assert weights.key_query.std() == pytest.approx(3 / math.sqrt(200), rel=5 / math.sqrt(80_000))


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
        (lambda: initial_weights(0, value=1.0, scale=1.0, seed=0), ["d ", "got 0"]),
        (lambda: initial_weights(2, value=1.0, scale=math.nan, seed=0), ["scale"]),
        (lambda: initial_weights(2, value=1.0, scale=1.0, seed=-1), ["seed", "got -1"]),
    ],
)
def test_bad_arguments_are_one_line_with_a_remedy(call, parts):
    check_refused(call, parts)


def test_complex_weights_aredifferentiated():
    step = TwoFactorWeights(2.0 + 1e-30j, [[3.0]])
    # d/dw (wW - 1)^2 / 2 = (wW - 1) W, and d/dw of that is W^2.
    assert loss(UNIT, step).imag == pytest.approx(15e-30, rel=4 * EPS)
    assert gradient(UNIT, step).value.imag == pytest.approx(9e-30, rel=4 * EPS)
