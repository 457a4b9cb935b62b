"""Tied positions stay tied on the population, to the last bit; drawn sequences take them apart."""

import numpy as np
import pytest

from lintrans.sandbox import network
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.model import Model, initial_weights, unflatten
from lintrans.sandbox.task import Task
from lintrans.sandbox.tied import descend, deviation, groups, symmetric_gradient, tie
from lintrans.sandbox.training import Training

OPTIMIZERS = [
    Training(),
    Training(optimizer="sgd", rate=0.03),
    Training(optimizer="sgd", rate=0.03, momentum=0.9, weight_decay=1e-3, clip=0.5),
]
SMALL = Task(length=6, positions=(1, 2, 4))
ALLOWED = 1e-14  # what is claimed; sums of sorted terms leave 0


def exchanged(array, first, second, axis=0):
    order = np.arange(array.shape[axis])
    order[[first, second]] = second, first
    return np.take(array, order, axis=axis)


@pytest.mark.parametrize(
    "model",
    [
        Model(),
        Model(d=3, attention_norm="smooth", feed_forward_norm="none"),
        Model(d=1, attention_norm="none", feed_forward_norm="smooth"),
    ],
    ids=str,
)
@pytest.mark.parametrize("task", [SMALL, Task(p=3, length=4, positions=2)], ids=str)
def test_symmetric_gradient_is_the_gradient(task, model):
    weights = initial_weights(task, model, 1)
    for sequences in (task.population(), task.data(1).train[:50]):
        found = symmetric_gradient(task, model, weights, sequences).flat
        reference = network.gradient(task, model, weights, sequences).flat
        np.testing.assert_allclose(
            found, reference, rtol=0, atol=1e-14
        )  # about 100 roundings of entries below 1


def test_it_is_symmetric_to_the_last_bit_and_the_plain_one_is_not():
    model, weights = Model(), initial_weights(SMALL, Model(), 2)
    moved = weights._replace(positions=exchanged(weights.positions, 1, 4))
    ways = {}
    for gradient in (symmetric_gradient, network.gradient):
        one, other = (gradient(SMALL, model, w, SMALL.population()) for w in (weights, moved))
        ways[gradient] = np.array_equal(one.positions, exchanged(other.positions, 1, 4))
        np.testing.assert_allclose(one.positions, exchanged(other.positions, 1, 4), rtol=0, atol=1e-15)
    assert ways == {symmetric_gradient: True, network.gradient: False}


def test_exchange_across_groups_is_no_symmetry():
    model, weights = Model(), initial_weights(SMALL, Model(), 2)
    moved = weights._replace(positions=exchanged(weights.positions, 0, 1))
    one, other = (symmetric_gradient(SMALL, model, w, SMALL.population()).positions for w in (weights, moved))
    assert abs(one - exchanged(other, 0, 1)).max() > 1e-3


def check_stays_tied(task, training, seed, n_steps):
    model = Model()
    weights = tie(task, initial_weights(task, model, seed))
    found = descend(task, model, training, weights, n_steps)
    assert abs(found.flat - weights.flat).max() > 0.1
    assert deviation(task, found) <= ALLOWED
    return network.is_right(
        network.layers(task, model, found, task.population()), task.labels(task.population())
    )


def test_ties_last_while_adam_learns():
    assert check_stays_tied(SMALL, Training(), 1, 4000).all()


@pytest.mark.parametrize("training", OPTIMIZERS[1:], ids=lambda t: str(t.momentum))
def test_ties_last_under_descent(training):
    check_stays_tied(SMALL, training, 1, 500)


def test_ties_last_with_more_tokens():
    check_stays_tied(Task(p=3, length=4, positions=(1, 3)), Training(), 1, 500)


@pytest.mark.thorough
@pytest.mark.parametrize("training", OPTIMIZERS[:2], ids=lambda t: t.optimizer)
@pytest.mark.parametrize("seed", range(3))
def test_ties_last_on_the_default_task(training, seed):
    check_stays_tied(Task(), training, seed, 4000)


@pytest.mark.parametrize("training", OPTIMIZERS[:2], ids=lambda t: t.optimizer)
def test_drawn_sequences_take_positions_apart(training):
    """All at once, and in batches as runs train: the training set is not symmetric."""
    task, model = Task(length=6, positions=3, n_train=40), Model()
    weights = tie(task, initial_weights(task, model, 1))
    found = descend(task, model, training, weights, 100, task.data(1).train)
    assert deviation(task, found) > 1e-3
    block = Block(task, model, training, (1,))
    state = np.zeros((1, 3, model.n_weights(task)))
    state[:, 0] = weights.flat
    after = block.advance(state, (0, 100), every=0).state
    assert deviation(task, unflatten(task, model, after[0, 0])) > 1e-3


def test_groups_part_from_each_other():
    """With one vector for all positions the summed ones are told apart by their labels."""
    model, weights = Model(), initial_weights(SMALL, Model(), 1)
    same = weights._replace(positions=np.repeat(weights.positions[:1], 6, axis=0))
    found = descend(SMALL, model, Training(), same, 100).positions
    assert deviation(SMALL, tie(SMALL, weights._replace(positions=found))) == 0
    assert abs(found[0] - found[1]).max() > 1e-2
    assert groups(SMALL) == ((1, 2, 4), (0, 3, 5))
    assert groups(Task(length=2, positions=2)) == ((0, 1),)


def test_a_small_difference_can_grow():
    """Why sums must be symmetric: with a large rate a difference of 1e-9 grows, by 40 here."""
    task, model = Task(length=6, positions=3), Model()
    weights = tie(task, initial_weights(task, model, 1))
    beside = weights.positions.copy()
    beside[0] += 1e-9
    found = descend(task, model, Training(rate=2e-2), weights._replace(positions=beside), 300)
    assert deviation(task, found) > 1e-8
