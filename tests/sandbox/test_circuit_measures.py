"""Measures of xi during training: shares of its variance, attention mass, clusters, and gradients by part."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sandbox.hand_built import signed_head, weighted_head

from lintrans.sandbox.measures import (
    count_clusters,
    gradient_norms,
    measure_circuit,
    pattern_shares,
    variance_shares,
)
from lintrans.sandbox.model import Model, initial_weights
from lintrans.sandbox.network import gradient, layers
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.xi import sequence_grid

TRIANGLE = ((1.0, 0.0), (-0.5, 0.75**0.5), (-0.5, -(0.75**0.5)))


def shares_by_definition(task, xi, sequences):
    """Law of total variance, group by group."""

    def between(key):
        found = np.zeros_like(xi)
        for g in np.unique(key):
            found[key == g] = xi[key == g].mean(axis=0)
        return found

    prefix = sequences[:, list(task.summed)].astype(int) @ task.p ** np.arange(task.k)
    count = task.counts(sequences) @ (task.k + 1) ** np.arange(task.p)
    total = xi.var(axis=0).sum()
    by_prefix, by_count = between(prefix), between(count)
    return [x.var(axis=0).sum() / total for x in (by_count, by_prefix - by_count, xi - by_prefix)]


@pytest.mark.parametrize("task", [Task(length=8), Task(p=3, length=5, positions=(1, 3, 4)), Task(length=5)])
def test_shares_are_those_of_the_law_of_total_variance(task):
    model = Model()
    weights = initial_weights(task, model, 2)
    population = task.population()
    xi = layers(task, model, weights, population).xi
    found = measure_circuit(task, model, weights.flat)
    # means of at most 256 numbers near 1
    expected = pytest.approx(shares_by_definition(task, xi, population), abs=1e-12)
    assert [float(found.between_counts), float(found.order), float(found.suffix)] == expected


@given(st.integers(0, 2**32), st.floats(1e-3, 1e3))
def test_shares_add_up_to_one_and_have_no_scale(seed, scale):
    task = Task(length=6, positions=3)
    grid = sequence_grid(task)
    xi = np.random.default_rng(seed).normal(size=(64, 2))
    shares = np.array(variance_shares(task, xi, grid))
    assert shares.sum() == pytest.approx(1, abs=1e-12)  # 64 terms near 1
    assert (shares >= 0).all()
    assert np.allclose(variance_shares(task, scale * xi, grid), shares, atol=1e-12)


def test_kinds_of_circuits_have_their_shares():
    """With effects n_t the variance of xi is a multiple of the sum of n_t^2, and counts see the mean."""
    task = Task()
    for numbers, shares in (
        ((1,) * 5 + (0,) * 7, (1, 0, 0)),
        ((1, 1, 1, 1, 1, 2, *[0] * 6), (5 / 9, 0, 4 / 9)),
        ((1, 1, 3, 1, 1, *[0] * 7), (49 / 5 / 13, 1 - 49 / 5 / 13, 0)),
    ):
        model, weights = weighted_head(task, numbers)
        found = measure_circuit(task, model, weights.flat)
        measured = [float(found.between_counts), float(found.order), float(found.suffix)]
        assert measured == pytest.approx(shares, abs=1e-12)  # rounding
    model, weights = signed_head(task, (1, -1, 1, -1, 1, *[0] * 7))
    assert float(measure_circuit(task, model, weights.flat).between_counts) == pytest.approx(1 / 25, abs=0.01)


def test_a_pattern_explains_what_counts_do_not():
    task, signs = Task(), np.array((1, -1, 1, -1, 1, *[0] * 7))
    model, weights = signed_head(task, signs)
    xi = layers(task, model, weights, task.population()).xi
    grid = sequence_grid(task)
    order = task.number(grid.sequences)
    assert pattern_shares(task, xi[order], signs, grid) == pytest.approx(1, abs=1e-12)
    assert pattern_shares(task, xi[order], abs(signs), grid) < 0.1, "the wrong signs explain little"


def test_mass_is_attention_and_not_the_circuit():
    """Two heads with all attention on the summed positions, of which one has no circuit."""
    task = Task()
    for vectors in (((-1.0,), (1.0,)), ((1.0,), (1.0,))):
        model, weights = weighted_head(task, (1,) * 5 + (0,) * 7, vectors)
        assert float(measure_circuit(task, model, weights.flat).mass) == pytest.approx(1, abs=1e-12)
    model = Model()
    uniform = initial_weights(task, model, scales={"query": 0.0})
    assert float(measure_circuit(task, model, uniform.flat).mass) == pytest.approx(5 / 12, abs=1e-12)


@pytest.mark.parametrize(
    ("task", "vectors", "n"),
    [
        (Task(), ((-1.0,), (1.0,)), 6),
        (Task(length=9, positions=8), ((-1.0,), (1.0,)), 9),
        (Task(p=3, length=6, positions=3), TRIANGLE, 10),
        (
            Task(p=3, length=6, positions=3),
            ((0.0,), (1.0,), (2.0,)),
            7,
        ),  # on a line some classes fall together
    ],
)
def test_clusters_of_a_head(task, vectors, n):
    numbers = [int(t in task.summed) for t in range(task.length)]
    model, weights = weighted_head(task, numbers, vectors)
    assert int(measure_circuit(task, model, weights.flat).clusters) == n
    assert n == task.n_classes or len(vectors[0]) == 1


@pytest.mark.parametrize(("gap", "n"), [(0.3, 2), (0.1, 1)])
def test_a_gap_is_relative_to_the_spread(gap, n):
    line = np.arange(101) * 0.05
    line[50:] += gap * 1.5 - 0.05  # the spread is about 1.5
    for scale in (1e-6, 1.0, 1e6):
        points = scale * np.stack([line, 0 * line], axis=1)
        assert count_clusters(points) == n


def test_clusters_of_what_has_none():
    assert count_clusters(np.ones((5, 2))) == 1
    assert count_clusters(np.full((5, 2), np.nan)) == 0


def test_lengths_of_xi():
    task, model = Task(), Model()
    weights = initial_weights(task, model, 1)
    lengths = np.linalg.norm(layers(task, model, weights, task.population()).xi, axis=1)
    found = measure_circuit(task, model, weights.flat)
    assert float(found.least_xi) == pytest.approx(lengths.min(), abs=1e-13)  # another order of 12 terms
    assert float(found.mean_xi) == pytest.approx(lengths.mean(), abs=1e-13)


def test_many_weights_are_measured_as_each():
    task, model = Task(length=7), Model()
    flat = np.stack([[initial_weights(task, model, 3 * i + j).flat for j in range(3)] for i in range(2)])
    found = measure_circuit(task, model, flat)
    for name, values in vars(found).items():
        each = [[getattr(measure_circuit(task, model, one), name) for one in row] for row in flat]
        assert np.allclose(values, each, atol=1e-13), name  # matrix products of other shapes


def test_weights_that_are_not_finite_measure_as_nan():
    task, model = Task(length=6), Model()
    flat = initial_weights(task, model).flat
    flat[model.places(task)["value"]] = np.nan
    found = measure_circuit(task, model, flat)
    assert math.isnan(found.suffix)
    assert math.isnan(found.least_xi)
    assert int(found.clusters) == 0


def test_a_sampled_population_has_nearly_the_shares_of_the_whole():
    """The same head with more positions that it does not look at, so that its shares stay."""
    numbers = (1, 1, 3, 1, 1, 2, 2)
    expected = measure_circuit(Task(length=7), *_flat(Task(length=7), numbers))
    task = Task(length=20)
    found = measure_circuit(task, *_flat(task, (*numbers, *[0] * 13)))
    # 512 suffixes: the share of the suffix is off by sqrt(2 / 512) of itself, 0.38, at one standard deviation
    assert float(found.suffix) == pytest.approx(float(expected.suffix), abs=4 * 0.38 * math.sqrt(2 / 512))
    assert float(found.order) == pytest.approx(float(expected.order), abs=4 * 0.38 * math.sqrt(2 / 512))


def _flat(task, numbers):
    model, weights = weighted_head(task, numbers)
    return model, weights.flat


def test_gradient_norms_are_those_of_the_training_set():
    task, model = Task(n_train=300), Model()
    weights, train = initial_weights(task, model, 4), task.data(4).train
    sequences, shares = distinct(train)
    assert len(sequences) < 300
    found = gradient_norms(task, model, weights, sequences, shares)
    for name, part in gradient(task, model, weights, train)._asdict().items():
        assert found[name] == pytest.approx(np.linalg.norm(part), rel=1e-11)  # sums of 300 terms that cancel
    assert gradient_norms(task, model, weights, sequences)["value"] != pytest.approx(found["value"], rel=1e-6)
