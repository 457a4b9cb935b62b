"""The Hessian against the complex step of the gradient, and edges of stability against linear recurrences."""

from functools import cache

import numpy as np
import pytest

from lintrans.errors import InputError
from lintrans.sandbox import curvature, hessian_products, network
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.curvature import (
    curvature_by_part,
    edge,
    hessian,
    preconditioned_sharpness,
    preconditioner,
    sharpness,
)
from lintrans.sandbox.model import Model, initial_weights, unflatten
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.training import Training

SMALL = Task(p=3, length=5, positions=(1, 3), n_train=100)
MODELS = [
    Model(width=5),
    Model(d=3, width=4, attention_norm="smooth", feed_forward_norm="none"),
    Model(d=1, width=3, attention_norm="none", feed_forward_norm="smooth"),
    Model(d=4, width=1, extra_tokens=0, feed_forward_norm="none"),
]
# Both sides add about 100 sequences, with entries up to about 1: some hundred rounding errors of 1e-16 each.
ROUNDING = 1e-13


def small_case(model, seed=0):
    weights = initial_weights(SMALL, model, seed)
    return (SMALL, model, weights, *distinct(SMALL.data(seed).train))


def by_complex_step(task, model, weights, sequences, shares):
    """Columns Im gradient(w + i h e)/h: no difference is taken, so that h may be as small as one likes."""
    columns = 1e-30j * np.eye(model.n_weights(task))
    moved = [unflatten(task, model, weights.flat + column) for column in columns]
    return np.array([network.gradient(task, model, w, sequences, shares).flat.imag / 1e-30 for w in moved])


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_hessian_is_the_complex_step_of_the_gradient(model):
    case = small_case(model)
    found = hessian(*case)
    np.testing.assert_allclose(found, by_complex_step(*case), rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(found, found.T, rtol=0, atol=ROUNDING)
    assert abs(found).max() > 0.1


def test_wrong_sign_in_the_norm_is_seen(monkeypatch):
    right = hessian_products.norm_at

    def wrong(*arguments):
        at = right(*arguments)
        return at._replace(slope=-at.slope)

    case = small_case(MODELS[0])
    monkeypatch.setattr(hessian_products, "norm_at", wrong)
    assert abs(hessian(*case) - by_complex_step(*case)).max() > 1e-3


def test_default_hessian_is_symmetric_and_that_of_all_sequences():
    task, model = Task(), Model()
    weights, train = initial_weights(task, model, 3), task.data(3).train
    sequences, shares = distinct(train)
    assert len(sequences) < 1700 < len(train)
    found = hessian(task, model, weights, sequences, shares)
    assert abs(found - found.T).max() < 1e-12
    directions = np.random.default_rng(0).standard_normal((3, 198))
    whole = hessian_products.products(task, model, weights, directions, train)
    # products of norm about 10, from sums over 2,048 sequences
    np.testing.assert_allclose(directions @ found, whole, rtol=0, atol=1e-12)


def test_chunks_of_directions_do_not_matter(monkeypatch):
    case = small_case(MODELS[0])
    found = hessian(*case)
    monkeypatch.setattr(hessian_products, "CHUNK_NUMBERS", 7 * 100 * 5)
    np.testing.assert_allclose(hessian(*case), found, rtol=0, atol=ROUNDING)


def test_sharpness_is_the_largest_eigenvalue_by_either_way(monkeypatch):
    case = small_case(MODELS[1])
    whole = np.sort(np.linalg.eigvalsh(hessian(*case)))[::-1]
    np.testing.assert_allclose(sharpness(*case, n=4), whole[:4], rtol=1e-12)
    monkeypatch.setattr(curvature, "MAX_WHOLE", 0)
    np.testing.assert_allclose(sharpness(*case, n=4), whole[:4], rtol=1e-7)  # Lanczos stops at 1e-8


def test_factors_are_step_sizes_by_weight(monkeypatch):
    case = small_case(MODELS[0])
    factors = np.random.default_rng(1).uniform(0, 2, len(case[2].flat))
    expected = np.linalg.eigvals(factors[:, None] * hessian(*case)).real.max()  # of F H, as of F^1/2 H F^1/2
    assert sharpness(*case, factors=factors)[0] == pytest.approx(expected, rel=1e-9)
    monkeypatch.setattr(curvature, "MAX_WHOLE", 0)
    assert sharpness(*case, factors=factors)[0] == pytest.approx(expected, rel=1e-7)


def test_no_part_is_sharper_than_the_whole():
    case = small_case(MODELS[0])
    parts, whole = curvature_by_part(*case), hessian(*case)
    assert list(parts) == list(case[2]._fields)
    assert max(parts.values()) <= sharpness(*case)[0]
    place = case[1].places(SMALL)["value"]
    assert parts["value"] == pytest.approx(np.linalg.eigvalsh(whole[place, place]).max(), rel=1e-12)
    frozen = Training(frozen="value").rates(SMALL, case[1])
    assert curvature_by_part(*case, factors=frozen)["value"] == 0


def test_preconditioned_sharpness_by_definition():
    """D^-1/2 H D^-1/2 with D = sqrt(v/(1 - beta_2^n)) + epsilon over the relative rate of each part."""
    case, training = small_case(MODELS[0]), Training(feed_forward_rate=1e-3, frozen="query", epsilon=1e-3)
    moment = np.random.default_rng(2).uniform(0, 1e-4, len(case[2].flat))
    place = case[1].places(SMALL)
    relative = np.ones(len(moment))
    relative[place["up"].start :] = 1 / 3
    relative[place["query"]] = 0
    root = np.sqrt(relative / (np.sqrt(moment / (1 - 0.999**7)) + 1e-3))
    expected = np.linalg.eigvalsh(root[:, None] * hessian(*case) * root)[::-1][:3]
    found = preconditioned_sharpness(*case, training=training, second_moment=moment, n_steps=7, n=3)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@cache
def trained_state(training, n_steps=200):
    task, model = Task(), Model()
    block = Block(task, model, training, (5,))
    state = block.advance(block.begin(), (0, n_steps), every=0).state[0]
    return (task, model, unflatten(task, model, state[0]), *distinct(task.data(5).train)), state[2]


def test_preconditioner_is_what_adam_divides_by():
    """One step with known moments: by it the step of the run is predicted, up to rounding."""
    training = Training(feed_forward_rate=1e-3)
    case, second = trained_state(training)
    task, model = case[:2]
    factors = preconditioner(task, model, training, second, 200)
    block = Block(task, model, training, (5,))
    state = block.advance(block.begin(), (0, 200), every=0).state
    before = block.advance(block.begin(), (0, 199), every=0).state
    moved = state[0, 0] - before[0, 0]
    mean = state[0, 1] / (1 - 0.9**200)
    # steps of 1e-3 are differences of weights of 1: rounding 1e-16/1e-3
    np.testing.assert_allclose(moved, -training.rate * factors * mean, rtol=1e-10, atol=1e-15)


def size_after(values, training, relative, n_steps=300):
    """Size after steps of the linear recurrence with the positive part of the Hessian."""
    positive = values > values[0] / 100  # directions of negative curvature grow under any optimiser
    rate, beta = relative * training.rate * edge(training) / values[0], training.momentum
    y, m = np.random.default_rng(0).standard_normal(positive.sum()), np.zeros(positive.sum())
    weight = 1 - beta if training.optimizer == "adam" else 1.0
    for _ in range(n_steps):
        m = beta * m + weight * values[positive] * y
        y = y - rate * m
    return abs(y).max()


@pytest.mark.parametrize(
    "training",
    [
        Training(optimizer="sgd", rate=0.1),
        Training(optimizer="sgd", rate=0.1, momentum=0.9),
        Training(),
        Training(momentum=0.5),
    ],
    ids=lambda t: f"{t.optimizer}, {t.momentum}",
)
def test_edge_is_where_the_recurrence_of_the_network_grows(training):
    """Three percent below the edge of the largest, all eigenvalues above 1 percent of it shrink in 300 steps.

    The slowest root is 1 - 0.97 * 2/100 in size without momentum: 0.3 percent are left. Above, one is 1.06.
    """
    case, second = trained_state(Training())
    if training.optimizer == "adam":
        values = preconditioned_sharpness(*case, training=training, second_moment=second, n_steps=200, n=198)
    else:
        values = sharpness(*case, n=198)
    assert size_after(values, training, 0.97) < 1e-2
    assert size_after(values, training, 1.03) > 1e2


def test_edge_by_definition():
    assert edge(Training(optimizer="sgd", rate=0.01)) == pytest.approx(200)
    assert edge(Training(optimizer="sgd", rate=0.01, momentum=0.9)) == pytest.approx(380)
    assert edge(Training(rate=0.01)) == pytest.approx(3800)  # 38/eta
    assert edge(Training(rate=0.01), relative=0.5) == pytest.approx(7600)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda case: sharpness(*case, n=0), "n must lie between"),
        (lambda case: sharpness(*case, factors=[1.0, 2.0]), "factors must be"),
        (lambda case: sharpness(*case, factors=-np.ones(len(case[2].flat))), "factors must be"),
        (
            lambda case: preconditioner(*case[:2], Training(optimizer="sgd"), np.ones(3), 5),
            "optimizer must be adam",
        ),
        (lambda case: preconditioner(*case[:2], Training(), case[2].flat ** 2, 0), "n_steps must lie"),
        (lambda case: preconditioner(*case[:2], Training(), np.ones(3), 5), "second_moment must be"),
        (
            lambda case: preconditioner(*case[:2], Training(), -np.ones(len(case[2].flat)), 5),
            "second_moment must be",
        ),
        (lambda case: edge(Training(), relative=0.0), "relative must be positive"),
        (
            lambda case: sharpness(*case[:2], case[2]._replace(query=case[2].query * np.nan), *case[3:]),
            "weights must be finite",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call(small_case(MODELS[0]))
