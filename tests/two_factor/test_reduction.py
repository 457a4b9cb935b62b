"""The reduction and its inverse, against the oracle's gradient descent; prompts without normal form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lintrans as lt
from lintrans.attention import FullWeights, TwoFactorWeights
from lintrans.errors import NoNormalFormError
from lintrans.two_factor.reduction import Mode, iterate_unnormalized, reduce

EPS = np.finfo(np.float64).eps


def random_prompt(seed, n=5, d=3, scale=1.0):
    rng = np.random.default_rng(seed)
    return lt.Prompt.from_arrays(
        scale * rng.normal(size=(n, d)),
        scale * rng.normal(size=n),
        scale * rng.normal(size=d),
        scale * rng.choice([-1, 1]) * rng.uniform(0.2, 2),
    )


def one_step_error(prompt, mu, value, key_query, step=None):
    """Distance of the literal map (u, v) -> (u', v') from one step of the oracle, in weight units."""
    mode = Mode.of(prompt)
    nf = reduce(prompt, step_size=mu * mode.unit_step_size, value=value, key_query=key_query)
    u, v = (step or literal_step)(nf.mu, nf.u, nf.v)
    expected_value, expected_key_query = nf.weights(u, v)
    run = lt.train(prompt, TwoFactorWeights(value, key_query), step_size=nf.step_size, n_steps=1)
    scale = max(abs(value), np.linalg.norm(key_query), abs(run.value[1]), np.linalg.norm(run.key_query[1]))
    error = max(abs(expected_value - run.value[1]), np.linalg.norm(expected_key_query - run.key_query[1]))
    return error / scale


def literal_step(mu, u, v):
    return u - mu * v * (u * v - 1), v - mu * u * (u * v - 1)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 6),
    d=st.integers(1, 4),
    mu=st.floats(0.01, 2.2),
    power=st.integers(-60, 60),
)
def test_one_step_commutes_for_any_prompt_and_scale(seed, n, d, mu, power):
    """Negative labels and factors, d = 1, n = 1, scales from 1e-60 to 1e60 (h |y_q| from 1e-240 to 1e240)."""
    prompt = random_prompt(seed, n, d, scale=10.0**power)
    rng = np.random.default_rng(seed + 1)
    unit = Mode.of(prompt).weight_unit
    value, key_query = unit * rng.normal(), unit * rng.normal(size=(d, d))
    # The context moment may cancel; its sum and the prediction's lose that many digits.
    terms = np.abs(prompt.context / 10.0**power).T @ np.abs(prompt.labels / 10.0**power) / n
    condition = np.linalg.norm(terms) * 100.0**power / np.linalg.norm(prompt.context_moment)
    assert one_step_error(prompt, mu, value, key_query) <= 200 * EPS * condition * (1 + d)


MUTANTS = {
    "sign": lambda mu, u, v: (u + mu * v * (u * v - 1), v - mu * u * (u * v - 1)),
    "factors swapped": lambda mu, u, v: literal_step(mu, u, v)[::-1],
    "mu doubled": lambda mu, u, v: literal_step(2 * mu, u, v),
    "target of the other sign": lambda mu, u, v: (u - mu * v * (u * v + 1), v - mu * u * (u * v + 1)),
}


@pytest.mark.parametrize("name", list(MUTANTS))
def test_that_check_fails_for_a_wrong_map(name):
    prompt = random_prompt(4)
    weights = np.random.default_rng(5).normal(size=(3, 3))
    assert one_step_error(prompt, 0.7, 0.8, weights) < 1e-14
    assert one_step_error(prompt, 0.7, 0.8, weights, step=MUTANTS[name]) > 1e-3


@pytest.mark.parametrize("label", [-1.5, 1.5])
@pytest.mark.parametrize("value", [-0.5, 0.5])
def test_known_values_with_every_sign(label, value):
    prompt = lt.Prompt.from_arrays([[2.0]], [3.0], [1.0], label)  # M = 6, s = sqrt(1.5 / 6) = 1/2
    nf = reduce(prompt, step_size=0.1, value=value, key_query=[[0.25]])
    assert nf.mu == pytest.approx(0.9, rel=4 * EPS)
    assert (nf.u, nf.v) == (2 * value, np.sign(label) * 0.5)


def test_weights_and_back():
    prompt = random_prompt(7)
    weights = np.random.default_rng(8).normal(size=(3, 3))
    nf = reduce(prompt, step_size=0.1, value=-0.3, key_query=weights)
    value, key_query = nf.weights(nf.u, nf.v)
    assert value == pytest.approx(-0.3, rel=4 * EPS)
    assert key_query == pytest.approx(weights, abs=8 * EPS)
    direction = np.outer(nf.mode.context_direction, nf.mode.query_direction)
    assert abs((nf.frozen * direction).sum()) < 8 * EPS
    assert np.outer(prompt.context_moment, prompt.query) / np.linalg.norm(
        np.outer(prompt.context_moment, prompt.query)
    ) == pytest.approx(direction, abs=8 * EPS)
    histories = nf.mode.project(np.array([1.0, 2.0]), np.stack([weights, 2 * weights]))
    assert histories[0].shape == histories[1].shape == (2,)
    assert histories[1][1] == pytest.approx(2 * histories[1][0])


def test_mu_is_the_step_size_times_h_times_the_label():
    prompt = random_prompt(9)
    h = np.linalg.norm(np.outer(prompt.context_moment, prompt.query))
    nf = reduce(prompt, step_size=0.3, value=0.1, key_query=np.zeros((3, 3)))
    assert nf.mu == pytest.approx(0.3 * h * abs(prompt.query_label), rel=8 * EPS)
    rates = lt.critical_step_sizes(prompt)
    for name, mark in lt.landmarks().items():
        at = reduce(prompt, step_size=rates[name], value=0.1, key_query=np.zeros((3, 3)))
        assert at.mu == pytest.approx(mark.mu, rel=4 * EPS)


DEGENERATE = {
    "label": (lt.Prompt.from_arrays([[1.0, 2.0]], [1.0], [1.0, 1.0], 0.0), "query label y_q is 0"),
    "moment": (
        lt.Prompt.from_arrays([[1.0, 2.0], [1.0, 2.0]], [1.0, -1.0], [1.0, 1.0], 1.0),
        "context moment mean.* is 0",
    ),
    "query": (lt.Prompt.from_arrays([[1.0, 2.0]], [1.0], [0.0, 0.0], 1.0), "query x_q is 0"),
    "both": (lt.Prompt.from_arrays([[1.0, 2.0]], [0.0], [1.0, 1.0], 0.0), "label y_q is 0.*and.*moment"),
}


@pytest.mark.parametrize("name", list(DEGENERATE))
def test_prompts_without_normal_form_say_why_and_still_iterate(name):
    prompt, message = DEGENERATE[name]
    weights = np.array([[0.3, -0.2], [0.1, 0.4]])
    for call in (lambda: lt.critical_step_sizes(prompt), lambda: reduce_with(prompt, weights)):
        with pytest.raises(NoNormalFormError, match=message):
            call()
    w, k = iterate_unnormalized(prompt, step_size=0.1, value=0.5, key_query=weights, n_steps=20)
    run = lt.train(prompt, TwoFactorWeights(0.5, weights), step_size=0.1, n_steps=20)
    assert w == pytest.approx(run.value, abs=20 * 16 * EPS)
    moment, query = prompt.context_moment, prompt.query
    if moment.any() and query.any():
        trained = moment @ run.key_query @ query / np.linalg.norm(moment) / np.linalg.norm(query)
        assert k == pytest.approx(trained, abs=20 * 16 * EPS)


def reduce_with(prompt, weights):
    return reduce(prompt, step_size=0.1, value=0.5, key_query=weights)


def test_unnormalized_iteration_equals_the_normal_form_where_both_exist():
    prompt = random_prompt(11)
    nf = reduce(prompt, step_size=0.2, value=0.4, key_query=np.eye(3))
    w, k = iterate_unnormalized(prompt, step_size=0.2, value=0.4, key_query=np.eye(3), n_steps=15)
    path = lt.orbit(nf.mu, nf.u, nf.v, n_steps=15)
    assert w / nf.mode.weight_unit == pytest.approx(path.u, rel=1e-12)
    assert nf.mode.label_sign * k / nf.mode.weight_unit == pytest.approx(path.v, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"step_size": 0.0}, "step_size must be positive, got 0"),
        ({"step_size": -1.0}, "step_size must be positive"),
        ({"step_size": np.inf}, "step_size must be finite"),
        ({"value": np.nan}, "value must be finite"),
        ({"key_query": np.eye(2)}, r"key_query must have shape \(3, 3\)"),
        ({"key_query": [1.0]}, "key_query must have 2 axes"),
        ({"step_size": 1e308}, "step_size must give a finite mu"),
    ],
)
def test_bad_arguments(arguments, message):
    prompt = random_prompt(1, scale=1e3)
    good = {"step_size": 0.1, "value": 0.1, "key_query": np.eye(3)}
    with pytest.raises(lt.InputError, match=message):
        reduce(prompt, **(good | arguments))


def test_full_weights_started_in_one_eigenvector_are_the_normal_form_too():
    """p and K e_q / |e_q| along one eigenvector of G = E E^T / n: one mode, with h = |e_q| g."""
    prompt = random_prompt(13)
    tokens = np.column_stack([np.vstack([prompt.context.T, prompt.labels]), np.append(prompt.query, 0.0)])
    eigenvalues, eigenvectors = np.linalg.eigh(tokens @ tokens.T / prompt.n)
    query = tokens[:, -1]
    h = np.linalg.norm(query) * eigenvalues[-1]
    q = eigenvectors[:, -1]
    unit = np.sqrt(abs(prompt.query_label) / h)
    mu, u, v = 0.7, 0.5, 0.3
    P, K = np.zeros((4, 4)), np.outer(q, query / np.linalg.norm(query))
    P[-1] = unit * u * q
    K *= unit * v * np.sign(prompt.query_label)
    run = lt.train(prompt, FullWeights(P, K), step_size=mu / h / abs(prompt.query_label), n_steps=40)
    path = lt.orbit(mu, u, v, n_steps=40)
    # Rounding of the other modes grows by at most 1 + mu per step until the residual has died out.
    assert run.P[:, -1] @ q / unit == pytest.approx(path.u, abs=1e-12)
    assert run.predictions / prompt.query_label == pytest.approx(path.u * path.v, abs=1e-12)
