"""The constructed head solves every task exactly, and descent from beside it keeps it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lintrans.errors import InputError
from lintrans.sandbox import constructed, network
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.constructed import Head, certain_loss, clustering_head, least_margin
from lintrans.sandbox.curvature import hessian, sharpness
from lintrans.sandbox.labels import circuit
from lintrans.sandbox.model import NORMS, Model, unflatten
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.tied import descend, deviation
from lintrans.sandbox.training import Training

MANY = 5_000  # sequences beyond which a sample is looked at


def sequences_of(task):
    """The population, or a sample of it with the extremes: all tokens the same, or only the summed ones."""
    if task.n_sequences <= MANY:
        return task.population()
    sample = np.random.default_rng(0).integers(0, task.p, (MANY, task.length))
    same = np.repeat(np.arange(task.p)[:, None], task.length, axis=1)
    mixed = np.where(np.isin(np.arange(task.length), task.summed), same[:, None], same[None]).reshape(
        -1, task.length
    )
    return np.concatenate([sample, same, mixed])


def check_solves(task, head, margin=10.0):
    found = least_margin(task, *head, sequences_of(task))
    # the first coordinates of xi, and tokens elsewhere, move logits by less than one part in 100
    assert 0.99 * margin < found <= 1.001 * margin


@pytest.mark.parametrize("p", range(2, 8))
@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_every_number_of_positions_is_solved(p, length):
    for k in range(1, length + 1):
        task = Task(p=p, length=length, positions=k)
        check_solves(task, clustering_head(task))


@settings(max_examples=60)
@given(st.data())
def test_any_task_and_model_is_solved(data):
    p, length = data.draw(st.integers(2, 9)), data.draw(st.integers(1, 9))
    positions = data.draw(st.sets(st.integers(0, length - 1), min_size=1))
    task = Task(p=p, length=length, positions=sorted(positions))
    model = Model(
        d=data.draw(st.integers(2, 9)),
        width=data.draw(st.integers(1, 40)),
        extra_tokens=data.draw(st.integers(0, 3)),
        attention_norm=data.draw(st.sampled_from(NORMS)),
        feed_forward_norm=data.draw(st.sampled_from(NORMS)),
    )
    margin = data.draw(st.sampled_from([1.0, 10.0, 100.0]))
    head = clustering_head(task, model, margin=margin)
    assert head.model.width == max(model.width, 2 * task.k * (p - 1))
    check_solves(task, head, margin)


def test_large_task_is_solved():
    task = Task(p=17, length=40, positions=tuple(range(1, 40, 2)))
    check_solves(task, clustering_head(task))


def test_default_head_is_a_clustering_head():
    """Equal effects and attention on the summed positions, none elsewhere, and k + 1 clusters of xi."""
    task = Task()
    model, weights = clustering_head(task)
    assert model == Model()
    found = network.layers(task, model, weights, task.population())
    bits = task.population().astype(bool)
    effects = np.array(
        [found.xi[bits[:, t]].mean(axis=0) - found.xi[~bits[:, t]].mean(axis=0) for t in range(12)]
    )
    # attention elsewhere is exp(-20) = 2e-9 of that on a summed position
    np.testing.assert_allclose(effects[:5], np.tile([0, 0.4], (5, 1)), atol=1e-7)
    assert abs(effects[5:]).max() < 1e-7
    np.testing.assert_allclose(found.attention[:, :5], 0.2, atol=1e-7)
    assert len(np.unique(found.xi.round(5), axis=0)) == task.k + 1 == task.n_classes
    assert deviation(task, weights) == 0


@pytest.mark.parametrize(
    "task", [Task(), Task(p=3, length=8, positions=(1, 4)), Task(p=5, length=5, positions=3)]
)
def test_its_label_is_clustering_head(task):
    assert circuit(task, *clustering_head(task)).label == "clustering head"


def test_clusters_of_one_sum_are_close_for_more_tokens():
    """Sums, not counts, are apart: within a sum xi spreads over less than a quarter of the gaps between."""
    task = Task(p=5, length=6, positions=4)
    found = network.layers(task, *clustering_head(task), task.population())
    sums = task.population()[:, :4].sum(axis=1)
    seen = [found.normed_xi[sums == total, 1] for total in range(17)]
    gaps = [above.min() - below.max() for below, above in pairwise(seen)]
    assert max(np.ptp(x) for x in seen) < min(gaps) / 4


@pytest.mark.parametrize("part", ["value", "down", "query"])
def test_wrong_sign_is_seen(part):
    task = Task()
    model, weights = clustering_head(task)
    wrong = Head(model, weights._replace(**{part: -getattr(weights, part)}))
    assert least_margin(task, *wrong, task.population()) < 0


def test_distance_is_needed(monkeypatch):
    task = Task(p=5, length=6, positions=6)
    monkeypatch.setattr(constructed, "distance", lambda task, contrast: 8.0)
    assert least_margin(task, *clustering_head(task), task.population()) < 0


@pytest.mark.parametrize(
    ("training", "noise"),
    [
        (Training(), 0.03),
        (Training(rate=3e-4), 0.03),
        (Training(optimizer="sgd", rate=3e-3), 0.03),
        (Training(optimizer="sgd", rate=3e-2), 0.01),
    ],
    ids=lambda x: getattr(x, "optimizer", x),
)
def test_descent_on_drawn_batches_keeps_the_head(training, noise):
    """From eight neighbours, for 1,280 steps: right on the population after every epoch, same label."""
    task = Task()
    model, weights = clustering_head(task)
    block = Block(task, model, training, tuple(range(8)))
    state = np.zeros((8, 3, 198))
    state[:, 0] = weights.flat + noise * np.random.default_rng(1).standard_normal((8, 198))
    found = block.advance(state, (0, 20 * 64))
    assert found.accuracy[..., 2].min() == 1
    assert (found.loss[:, -1, 2] < found.loss[:, 0, 2]).all()
    assert abs(found.state[:, 0] - state[:, 0]).max() > 1e-3
    for flat in found.state[:, 0]:
        assert circuit(task, model, unflatten(task, model, flat)).label == "clustering head"


def test_a_large_step_loses_it():
    """The other side of the edge: a rate far beyond 2 over the sharpness of a head of small margin."""
    task = Task(length=6, positions=3)
    model, weights = clustering_head(task, margin=5.0)
    sharpest = sharpness(task, model, weights, *distinct(task.population()))[0]
    training = Training(optimizer="sgd", rate=20 / sharpest)
    moved = descend(task, model, training, weights, 20)
    assert least_margin(task, model, moved, task.population()) < 0


def test_descent_on_the_population_keeps_it_for_ever():
    """Below (ln 2)/p^L, and falling at a rate below the edge of stability: no answer can be lost any more."""
    task = Task(length=6, positions=3)
    model, weights = clustering_head(task)
    population = task.population()
    training = Training(optimizer="sgd", rate=0.1)
    values = [network.loss(task, model, weights, population)]
    for _ in range(20):
        assert sharpness(task, model, weights, population)[0] < 2 / training.rate
        weights = descend(task, model, training, weights, 5)
        values.append(network.loss(task, model, weights, population))
    assert values[0] < certain_loss(task)
    assert (np.diff(values) < 0).all()
    assert least_margin(task, model, weights, population) > 9


def test_curvature_falls_with_the_margin():
    """All of loss, gradient and both ends of the spectrum fall as exp(-m), up to powers of m.

    From one margin to the next, 5 higher, that is a factor 0.0067; m^2 changes by less than 4.
    """
    task, found = Task(length=6), []
    for margin in (5.0, 10.0, 15.0, 20.0):
        head = clustering_head(task, margin=margin)
        sequences = distinct(task.population())
        matrix = hessian(task, *head, *sequences)
        values = np.linalg.eigvalsh((matrix + matrix.T) / 2)
        slope = np.linalg.norm(network.gradient(task, *head, *sequences).flat)
        found.append([network.loss(task, *head, *sequences), slope, values[-1], -values[0]])
    ratios = np.array(found)[1:] / np.array(found)[:-1]
    assert ratios.min() > np.exp(-5) / 4
    assert ratios.max() < np.exp(-5) * 4
    # an escape along the most negative curvature is slower than the step of the sharpest by this much
    assert all(negative < 0.005 * sharpest for _, _, sharpest, negative in found)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: clustering_head(Task(), Model(d=1)), "model must have d of at least 2"),
        (lambda: clustering_head(Task(), Model(bias=False)), "model must have d of at least 2"),
        (lambda: clustering_head(Task(), margin=0), "margin must be positive"),
        (lambda: clustering_head(Task(), contrast=-1), "contrast must be positive"),
        (lambda: clustering_head(Task(p=64, length=40, positions=40)), "at most 4096 hidden units"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message):
        call()
