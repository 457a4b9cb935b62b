"""The compiled loops against the definition: functions, gradients, steps, and what must not matter."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from numba import njit
from scipy.special import log_ndtr

from lintrans.errors import InputError
from lintrans.sandbox import blocks, network
from lintrans.sandbox.blocks import Block, population_counts
from lintrans.sandbox.constructed import clustering_head
from lintrans.sandbox.fates import whole_population
from lintrans.sandbox.kernels import functions, layout
from lintrans.sandbox.kernels.draws import draw_kept, shuffle
from lintrans.sandbox.model import Model, unflatten
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training
from lintrans.sweeps.executors import Threads

CASES = {
    "default": (Task(), Model(), Training()),
    "p = 3": (
        Task(p=3, length=7, positions=(1, 4, 5)),
        Model(d=3, width=17, feed_forward_norm="smooth", attention_norm="none", extra_tokens=2),
        Training(batch_size=13, clip=0.1, weight_decay=0.1, feed_forward_rate=1e-3),
    ),
    "descent": (
        Task(p=5, length=5, positions=(1, 4)),
        Model(d=1, width=3, feed_forward_norm="none", bias=False),
        Training(batch_size=1, optimizer="sgd", momentum=0.5, rate=0.1, frozen=["query"], clip=0.2),
    ),
    "schedule": (
        Task(p=20, length=4, positions=2, n_train=100),
        Model(feed_forward_norm="none"),
        Training(batch_size=64, schedule=[1.0, 0.5, 0.0], beta2=0.9, rate=0.01),
    ),
    "dropout": (Task(n_train=70), Model(), Training(batch_size=33, dropout=0.3)),
}


def orders(block, epoch):
    found = np.zeros((layout.LANES, block.task.n_train), np.int64)
    seeds = [*block.seeds, *[block.seeds[-1]] * (layout.LANES - len(block.seeds))]
    shuffle(np.array(seeds, dtype=np.uint64), epoch, found)
    return found


def literal_gradient(block, lane, step, flat, sequences):
    """Gradient of a batch; a unit that dropout leaves out or raises does so through its column of W2."""
    task, model, weights = block.task, block.model, unflatten(block.task, block.model, flat)
    if block.training.dropout == 0:
        return network.gradient(task, model, weights, sequences).flat
    size = -(-len(sequences) // layout.SAMPLES)
    kept = np.empty((model.width, size, layout.COLUMNS))
    seeds = np.full(layout.LANES, block.seeds[lane], dtype=np.uint64)
    draw_kept(seeds, step, 0, size, block.training.dropout, kept)
    total = np.zeros_like(flat)
    for i, one in enumerate(sequences):
        row, part = divmod(i, layout.SAMPLES)
        factor = kept[:, row, part * layout.LANES]
        g = network.gradient(task, model, weights._replace(down=weights.down * factor), one[None])
        total += g._replace(down=g.down * factor).flat
    return total / len(sequences)


def literal_steps(block, lane, n_steps):
    """States after each step, by the definition of the network and of the optimiser."""
    task, model, training = block.task, block.model, block.training
    w, m, v = block.begin()[lane]
    data, states = task.data(block.seeds[lane]).train, []
    rates, schedule = training.rate * training.rates(task, model), training.factors(task)
    for step in range(n_steps):
        epoch, place = divmod(step, training.per_epoch(task))
        chosen = orders(block, epoch)[lane, place * training.batch_size : (place + 1) * training.batch_size]
        g = np.where(rates == 0, 0, literal_gradient(block, lane, step, w, data[chosen]))
        if training.clip is not None:
            g = g * min(1, training.clip / np.linalg.norm(g))
        if training.optimizer == "adam":
            m = training.momentum * m + (1 - training.momentum) * g
            v = training.beta2 * v + (1 - training.beta2) * g**2
            n = step + 1
            move = m / (1 - training.momentum**n) / (np.sqrt(v / (1 - training.beta2**n)) + training.epsilon)
        else:
            m = training.momentum * m + g
            move = m
        rate = rates * schedule[min(step, schedule.size - 1)]
        w = w - rate * (move + training.weight_decay * w)
        states.append(np.stack([w, m, v]))
    return np.array(states)


@pytest.mark.parametrize("name", CASES)
def test_steps_are_those_of_the_definition(name):
    block = Block(*CASES[name], seeds=(0, 5, 9))
    n_steps = 2 * block.training.per_epoch(block.task) + 1 if name == "schedule" else 5
    found = block.advance(block.begin(), (0, n_steps), marks=range(1, n_steps + 1)).kept
    for lane in range(3):
        expected = literal_steps(block, lane, n_steps)
        # Adam divides rounding errors of a gradient by its size: a step of 3e-3 times a few 1e-16 over the
        # smallest gradients, 1e-3 of the largest.
        assert np.abs(found[lane] - expected).max() < 1e-14 * np.abs(expected).max()


def test_a_wrong_sign_would_be_seen():
    block = Block(*CASES["default"], seeds=(0,))
    right = block.advance(block.begin(), (0, 1)).state[0, 0]
    start = block.begin()[0, 0]
    assert np.abs(2 * start - right - literal_steps(block, 0, 1)[-1, 0]).max() > 1e-3


def test_weights_that_are_not_trained_have_no_part_in_clipping_and_no_moments():
    """Their gradient is most of the whole, so that clipping all of it would make other steps far shorter."""
    task, parts = Task(), ("tokens", "positions", "up", "down")
    for optimizer in ("adam", "sgd"):
        training = Training(optimizer=optimizer, rate=0.01, clip=0.05, frozen=parts)
        block = Block(task, Model(bias=False), training, (0, 3))
        state = block.advance(block.begin(), (0, 3)).state
        places = block.model.places(task)
        for name in (*parts, "up_bias", "down_bias"):
            assert not state[:, 1:, places[name]].any(), name
        assert state[:, 1, places["value"]].all()
        expected = literal_steps(block, 0, 3)[-1]
        assert np.abs(state[0] - expected).max() < 1e-14 * np.abs(expected).max()


def test_frozen_parts_stay():
    task, model, training = CASES["descent"]
    block = Block(task, model, training, (0,))
    end = block.advance(block.begin(), (0, 50)).state[0, 0]
    place = model.places(task)["query"]
    assert (end[place] == block.begin()[0, 0, place]).all()
    assert not end[model.places(task)["up_bias"]].any()
    still = np.flatnonzero(end == block.begin()[0, 0])
    fixed = [model.places(task)[name] for name in ("query", "up_bias", "down_bias")]
    assert still.tolist() == np.concatenate([np.arange(end.size)[part] for part in fixed]).tolist()


@pytest.mark.parametrize("name", CASES)
def test_a_run_does_not_depend_on_its_block(name):
    """Alone, in another lane, beside others and interrupted: the same to the bit."""
    task, model, training = CASES[name]
    n = 2 * training.per_epoch(task) + 3
    together = Block(task, model, training, tuple(range(8)))
    expected = together.advance(together.begin(), (0, n))
    for seeds in ((6,), (2, 6, 1)):
        block = Block(task, model, training, seeds)
        half = block.advance(block.begin(), (0, n // 2))
        rest = block.advance(half.state, (n // 2, n))
        lane = seeds.index(6)
        assert (rest.state[lane] == expected.state[6]).all()
        assert (rest.loss[lane, -1] == expected.loss[6, -1]).all()


@pytest.mark.parametrize("name", ["default", "p = 3"])
def test_measures_are_those_of_the_definition(name):
    task, model, training = CASES[name]
    block = Block(task, model, replace(training, n_epochs=2), (3, 4))
    found = block.advance(block.begin(), (0, 2 * training.per_epoch(task)))
    data, population = task.data(4), task.population()
    unseen = population[~np.isin(task.number(population), task.number(data.train))]
    weights = unflatten(task, model, found.state[1, 0])
    for i, sequences in enumerate((data.train, data.test, population, unseen)[: len(block.sets)]):
        layers = network.layers(task, model, weights, sequences)
        labels = task.labels(sequences)
        assert found.loss[1, -1, i] == pytest.approx(network.losses(layers, labels).mean(), rel=1e-13)
        assert found.accuracy[1, -1, i] == pytest.approx(network.is_right(layers, labels).mean(), rel=1e-13)
    counts = population_counts(task, data)
    loss, right = block.measure(found.state[:, 0], population, counts)
    loss, right = (x[1, : len(block.sets)] / counts.sum(axis=1)[: len(block.sets)] for x in (loss, right))
    assert loss == pytest.approx(found.loss[1, -1], rel=1e-13)  # other order of the sum
    assert right.tolist() == found.accuracy[1, -1].tolist()


def test_batch_losses_are_means_over_an_epoch():
    task, model, training = Task(n_train=64), Model(), Training(batch_size=16)
    block = Block(task, model, training, (2,))
    found = block.advance(block.begin(), (0, 4), marks=range(4))
    order, data = orders(block, 0)[0], task.data(2).train
    losses = [
        network.loss(task, model, unflatten(task, model, w), data[order[16 * i : 16 * (i + 1)]])
        for i, w in enumerate(found.kept[0, :, 0])
    ]
    assert found.batch_loss[0, 0] == pytest.approx(np.mean(losses), rel=1e-13)


def test_xi_of_length_0_has_a_gradient():
    """The norm before the feed-forward network is then flat: 1e5 in every direction."""
    task, model, training = Task(), Model(), Training(scales={"value": 0.0}, optimizer="sgd", rate=1e-9)
    block = Block(task, model, training, (0,))
    found = block.advance(block.begin(), (0, 3), marks=[1, 2, 3]).kept
    expected = literal_steps(block, 0, 3)
    assert np.isfinite(expected).all()
    assert np.abs(found[0] - expected).max() < 1e-13 * np.abs(expected).max()


def test_a_process_that_compiles_gives_the_same_bits(tmp_path):
    """As those that find its machine code: no sum of two products is left to the compiler's choice."""
    code = """
from lintrans.sandbox import Block, Model, Task, Training
block = Block(Task(), Model(feed_forward_norm="smooth"), Training(), (1,))
found = block.advance(block.begin(), (0, 64))
print(found.state.tobytes().hex(), found.loss.tobytes().hex())
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    words = [sys.executable, "-c", code]
    first, again = (
        subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == again
    here = Block(Task(), Model(feed_forward_norm="smooth"), Training(), (1,))
    assert first.startswith(here.advance(here.begin(), (0, 64)).state.tobytes().hex())


def test_pauses_do_not_matter(monkeypatch):
    block = Block(Task(n_train=64), Model(), Training(batch_size=16), (2, 3))
    asked = {"span": (2, 27), "marks": [2, 4, 8, 9, 27]}
    whole = block.advance(block.begin(), **asked)
    monkeypatch.setattr(blocks, "WORK_AT_ONCE", 1)
    parts = block.advance(block.begin(), **asked)
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one, other, equal_nan=True)
    assert whole.kept.shape[1] == 5
    assert np.isnan(whole.batch_loss[:, 0]).all()  # the span begins within an epoch
    assert np.isfinite(whole.batch_loss[:, 1:]).all()


def test_work_that_nobody_waits_for_stops():
    block = Block(Task(), Model(), Training(n_epochs=10**6), (0,))

    def work(is_long):
        return is_long and block.advance(block.begin(), (0, 64 * 10**6), every=0)

    mapped = Threads(2).map(work, iter([True, False]))
    assert next(mapped) == (False, False)
    began = time.monotonic()
    mapped.close()
    assert time.monotonic() - began < 60  # of half an hour


def test_a_tie_is_no_answer():
    """Without a token table all logits are 0."""
    training = Training(scales={"tokens": 0.0}, frozen=["tokens"])
    block = Block(Task(), Model(), training, (0,))
    found = block.advance(block.begin(), (0, 64))
    assert (found.accuracy == 0).all()
    assert found.loss[0, -1] == pytest.approx(np.log(3), rel=1e-14)
    weights = unflatten(block.task, block.model, found.state[0, 0])
    population = block.task.population()
    layers = network.layers(block.task, block.model, weights, population)
    assert not network.is_right(layers, block.task.labels(population)).any()


def test_accuracy_of_all_right_is_one():
    for task in (Task(p=3, length=5, positions=3), Task(p=5, length=5, positions=2), Task(p=3, length=9)):
        head = clustering_head(task)
        state = np.zeros((1, 3, head.model.n_weights(task)))
        state[0, 0] = head.weights.flat
        block = Block(task, head.model, Training(batch_size=8), (0,))
        for accuracy in (block.measure_sets(state[:, 0])[1], whole_population(block, state[:, 0])[1]):
            assert set(accuracy[~np.isnan(accuracy)]) == {1.0}  # NaN where no sequence is unseen


def test_bad_sequences_and_marks_are_refused():
    block = Block(*CASES["default"], seeds=(0,))
    for marks in ([3, 2], [0, 9], [-1]):
        with pytest.raises(InputError, match="marks must increase from 0 to 5"):
            block.advance(block.begin(), (0, 5), marks=marks)
    for bad in ([[0] * 11], [[2] * 12], [[-1] * 12], [[0.5] * 12], [0] * 12):
        for use in (block.task.labels, lambda x: block.measure(block.begin()[:, 0], x, np.ones((1, 1)))):
            with pytest.raises(InputError, match="sequences must"):
                use(bad)


def test_bad_states_and_spans_are_refused():
    block = Block(*CASES["default"], seeds=(0,))
    for state, span in ((block.begin()[:, 0], (0, 1)), (block.begin(), (2, 1))):
        with pytest.raises(InputError, match="state must have shape"):
            block.advance(state, span)


def test_a_diverged_run_does_not_touch_its_neighbours():
    task, model = Task(), Model()
    block = Block(task, model, Training(optimizer="sgd", rate=0.1), (0, 1, 2))
    state = block.begin()
    alone = block.advance(state, (0, 70))
    state[1, 0, 7] = np.nan
    found = block.advance(state, (0, 70))
    assert np.isnan(found.loss[1]).all()
    assert np.isnan(found.accuracy[1]).all()
    assert np.isnan(found.batch_accuracy[1]).all()
    assert (found.state[[0, 2]] == alone.state[[0, 2]]).all()
    assert (found.loss[[0, 2]] == alone.loss[[0, 2]]).all()


@njit
def _functions(x, found):
    for i in range(x.size):
        found[0, i] = functions.exponential(-abs(x[i]))
        found[1, i] = functions.logarithm(1.0 + abs(x[i]))
        found[2, i], found[3, i] = functions.gelu_and_slope(x[i])
        found[4, i] = functions.gelu(x[i])


def test_polynomials_are_exact_to_a_few_ulp():
    x = np.concatenate(
        [np.random.default_rng(0).normal(0, 3, 20_000), np.linspace(-37, 37, 2001), [0.0, 1e-300]]
    )
    found = np.zeros((5, x.size))
    _functions(x, found)
    below = np.exp(
        log_ndtr(x)
    )  # accurate in both tails, but for the rounding of its logarithm: 700 eps there
    tail = 2e-15 * (1 + 0.2 * x**2)  # a rounded exponent x^2 / 2 shifts a tail by half its size in ulp
    assert (np.abs(found[0] / np.exp(-np.abs(x)) - 1) <= 5e-16).all()
    assert (np.abs(found[1] - np.log1p(np.abs(x))) <= 4e-16 * (1 + np.log1p(np.abs(x)))).all()
    assert (np.abs(found[2] - x * below) <= tail * np.abs(x * below) + 1e-300).all()
    density = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    assert (np.abs(found[3] - (below + x * density)) <= tail * (below + np.abs(x) * density)).all()
    assert (found[4] == found[2]).all()


def test_nan_stays_nan_and_far_ends_are_finite():
    x = np.array([np.nan, -1e9, 1e9, -800.0])
    found = np.zeros((5, 4))
    _functions(x, found)
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1:]).all()
    assert found[2].tolist()[1:] == [-0.0, 1e9, -0.0] or np.abs(found[2, [1, 3]]).max() < 1e-290


def test_an_epoch_is_a_permutation_of_its_own():
    block = Block(*CASES["default"], seeds=(0, 1))
    first, second = orders(block, 0), orders(block, 1)
    assert (np.sort(first, axis=1) == np.arange(2048)).all()
    assert (first[0] != first[1]).any()
    assert (first[0] != second[0]).any()
    places = np.array([orders(block, epoch)[0, 0] for epoch in range(300)])
    assert abs(places.mean() - 1023.5) < 4 * 2048 / np.sqrt(12 * 300)  # uniform


def test_dropout_leaves_out_its_share():
    kept = np.zeros((40, 4, layout.COLUMNS))
    draw_kept(np.arange(layout.LANES, dtype=np.uint64), 7, 0, 4, 0.3, kept)
    share, n = (kept == 0).mean(), kept.size
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / n)
    assert set(np.unique(kept)) == {0.0, 1 / 0.7}
