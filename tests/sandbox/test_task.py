"""Sparse modular addition: labels, the population, what is drawn, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintrans.errors import InputError
from lintrans.sandbox import task as tasks
from lintrans.sandbox.task import Task


@given(st.integers(2, 5), st.integers(1, 5), st.data())
def test_labels_are_sums_modulo_p(p, length, data):
    places = data.draw(st.sets(st.integers(0, length - 1), min_size=1))
    task = Task(p=p, length=length, positions=tuple(places))
    population = task.population()
    expected = [sum(int(x[t]) for t in places) % p for x in population]
    assert task.labels(population).tolist() == expected


@given(st.integers(2, 5), st.integers(1, 5))
def test_the_population_holds_every_sequence_once(p, length):
    task = Task(p=p, length=length, positions=1)
    population = task.population()
    assert population.shape == (p**length, length)
    assert len(np.unique(population, axis=0)) == p**length
    assert task.number(population).tolist() == list(range(p**length))


def test_as_many_classes_as_counts():
    for p, k in ((2, 5), (3, 4), (5, 3)):
        task = Task(p=p, length=k, positions=k)
        assert (
            len(np.unique(task.counts(task.population()), axis=0))
            == task.n_classes
            == math.comb(k + p - 1, p - 1)
        )


def test_draws_are_those_of_the_seed_and_uniform():
    task = Task()
    first, again, other = task.data(3), task.data(3), task.data(4)
    assert (first.train == again.train).all()
    assert (first.test == again.test).all()
    assert (first.train != other.train).any()
    assert (first.train != first.test).any()
    tokens = np.concatenate([np.concatenate(task.data(seed)).ravel() for seed in range(20)])
    error = math.sqrt(tokens.size / 4)  # standard deviation of a sum of fair coins
    assert abs(tokens.sum() - tokens.size / 2) < 4 * error


def test_forty_percent_of_a_test_set_is_in_the_training_set():
    task = Task()
    shares = [np.isin(task.number(d.test), task.number(d.train)).mean() for d in map(task.data, range(50))]
    error = np.std(shares) / math.sqrt(50)
    assert abs(np.mean(shares) - task.overlap) < 4 * error
    assert round(task.overlap, 2) == 0.39


def test_a_population_too_large_is_sampled():
    task = Task(p=2, length=30, positions=3)
    assert not task.is_enumerable
    sample = task.population()
    assert sample.shape == (tasks.MAX_POPULATION, 30)
    assert abs(sample.mean() - 0.5) < 4 * 0.5 / math.sqrt(sample.size)
    with pytest.raises(InputError, match="sequences must be at most"):
        task.number(sample)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"p": 1}, "p must lie between 2"),
        ({"positions": 13}, "k must be at most the length 12, got 13"),
        ({"positions": (1, 1)}, "positions must be different"),
        ({"positions": ()}, "positions must be different"),
        ({"positions": (3, 12)}, "a position must lie between 0 and 11"),
        ({"length": 0}, "length must lie between 1"),
        ({"length": 100}, "length must lie between 1 and 64, got 100"),
        ({"n_train": 10**7}, "n_train must lie between 1 and 1000000"),
        ({"n_train": 2.5}, "n_train must be a whole number"),
    ],
)
def test_refusals(given_, message):
    with pytest.raises(InputError, match=message):
        Task(**given_)
