"""Spikes: where the rule finds them, and what it says about one that was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lintrans.errors import InputError
from lintrans.sandbox.blocks import Block, states_at
from lintrans.sandbox.histories import measure_run
from lintrans.sandbox.model import GROUPS, Model, Weights, initial_weights, unflatten
from lintrans.sandbox.network import gradient, is_right, layers, loss
from lintrans.sandbox.runs import train
from lintrans.sandbox.spike_records import spikes_of_run
from lintrans.sandbox.spikes import curvature_along_gradient, explain_spike, find_spikes, rising_edges
from lintrans.sandbox.task import Task, distinct
from lintrans.sandbox.training import Training
from lintrans.sweeps import store

KICK = 200  # step of the large rate, in the fourth epoch of 64 steps


@given(st.lists(st.one_of(st.floats(0, 10), st.just(float("nan"))), max_size=80))
def test_spikes_follow_the_rule(losses):
    high = [
        i >= 20 and all(np.isfinite(losses[i - 20 : i + 1])) and losses[i] > 2 * np.median(losses[i - 20 : i])
        for i in range(len(losses))
    ]
    expected = [i + 1 for i in range(len(losses)) if high[i] and not (i and high[i - 1])]
    assert find_spikes(losses) == expected
    both = rising_edges(np.array([losses, losses]))
    assert [(np.flatnonzero(row) + 1).tolist() for row in both] == [expected, expected]


def test_a_spike_is_a_rise_above_twice_the_median_after_20_epochs():
    losses = np.ones(50)
    losses[[5, 19, 25, 26, 40]] = 5, 5, 2.1, 9, 2.0
    assert find_spikes(losses) == [26]
    assert find_spikes(np.ones(20)) == []
    assert find_spikes([]) == []
    losses[30] = np.inf
    losses[45] = 3
    assert find_spikes(losses) == [26], "epochs within 20 of a loss that is not finite are not judged"


def test_losses_of_several_runs_are_refused():
    with pytest.raises(InputError, match="losses must be of one run"):
        find_spikes(np.ones((2, 30)))


def test_spikes_of_a_run_are_explained_and_kept(tmp_path):
    """Weights rest for 22 epochs, and then make one step that is far too long."""
    n = 22 * 64
    runs = train(seeds=[0, 3], training=replace(kicked(n), n_epochs=24), n_snapshots=3)
    told = []
    (found,) = spikes_of_run(runs, 3, progress=lambda *words: told.append(words[:2]))
    assert runs.spikes(3) == [found.epoch] == [23]
    assert (found.onset, found.peak) == (n, n + 1)
    assert told == [(1, 1)]
    history = measure_run(runs, 3, curvature=False, spikes=[found])
    assert store.load(store.save(history, tmp_path / "m.h5")).spike_rows() == history.spike_rows()
    (row,) = history.answer()["spikes"]
    assert len(row["lost_sequences"]) == row["lost"] == len(found.crossed) > 0
    assert row["leader"] == (found.leader or "none")
    assert measure_run(runs, 3, curvature=False, spikes=[]).answer()["spikes"] == []
    before, after = (unflatten(Task(), Model(), runs.replay(3, [at])[0, 0]) for at in (n, n + 1))
    for word in row["lost_sequences"][:5]:
        sequence = np.array([[int(letter) for letter in word]])
        label = Task().labels(sequence)
        assert is_right(layers(Task(), Model(), before, sequence), label)[0]
        assert not is_right(layers(Task(), Model(), after, sequence), label)[0]
    with pytest.raises(InputError, match="seed must be one of the 2 runs"):
        spikes_of_run(runs, 1)


@pytest.fixture(scope="module")
def solved():
    """A run after 160 epochs, and its first step: weights and moments of one seed."""
    block = Block(Task(), Model(), Training(), (1,))
    return block.advance(block.begin(), (0, 160 * 64), every=0).state[0]


def kicked(step):
    """Training that rests but for one step of SGD with a large rate."""
    return Training(optimizer="sgd", rate=50.0, schedule=[0.0] * step + [1.0, 0.0])


def planted(solved, curvature=None, step=KICK):
    """The spike of such a step, and the state before it."""
    state = solved.copy()
    state[1:] = 0
    weights = unflatten(Task(), Model(), state[0])
    state[0] = weights._replace(value=weights.value * 0.6).flat  # so that there is a gradient
    found = explain_spike(Task(), Model(), kicked(step), 1, [0], state[None], 4, curvature=curvature)
    return found, state


def test_a_planted_step_is_found(solved):
    found, _ = planted(solved)
    assert (found.onset, found.peak) == (KICK, KICK + 1)
    assert found.peak_loss > 2 * found.usual_loss
    assert found.steps[0] == 64
    assert found.steps[-1] == KICK + 1


def test_the_usual_loss_is_that_of_the_first_epoch(solved):
    """The loss is high in most of the two others."""
    found, state = planted(solved, lambda *_: {"a": 1.0}, step=150)
    weights = unflatten(Task(), Model(), state[0])
    assert (found.onset, found.peak) == (150, 151)
    # the same sum over distinct sequences with their shares
    assert found.usual_loss == pytest.approx(loss(Task(), Model(), weights, Task().data(1).train), rel=1e-12)


def test_crossed_sequences_were_right_and_are_wrong(solved):
    found, state = planted(solved)
    task, model = Task(), Model()
    before = layers(task, model, unflatten(task, model, state[0]), found.crossed)
    assert len(found.crossed)
    assert is_right(before, task.labels(found.crossed)).all()
    block = Block(task, model, kicked(KICK), (1,))
    path = states_at(block, np.array([0]), state[None], [KICK, KICK + 1])
    after = layers(task, model, unflatten(task, model, path[1, 0]), found.crossed)
    assert not is_right(after, task.labels(found.crossed)).any()
    lengths = np.linalg.norm(before.xi, axis=1)
    assert (np.diff(lengths) >= 0).all()
    assert np.allclose(found.crossed_xi, lengths, atol=1e-13)  # one row computed among others
    assert 0 <= found.xi_rank <= 1


def test_the_group_that_rose_first_leads(solved):
    rises = {"late": KICK, "early": KICK - 5, "never": 10**6, "again": KICK - 9}
    step = iter([*range(64, 129, 4), *range(KICK - 15, KICK + 2)])

    def curvature(*_):
        now = next(step)
        found = {name: 1.0 + 4 * (now >= at) for name, at in rises.items()}
        return {**found, "again": found["again"] if now != KICK else 1.0}

    found, _ = planted(solved, curvature)
    assert found.leader == "early"
    assert found.risen == {"late": KICK, "early": KICK - 5, "never": None, "again": KICK + 1}


def test_without_a_rise_nothing_leads(solved):
    found, _ = planted(solved, lambda *_: {"a": 1.0, "b": 0.0})
    assert found.leader is None


def test_an_epoch_without_a_rise_is_refused(solved):
    training = Training(schedule=[0.0])
    with pytest.raises(InputError, match="epoch must be one in which the loss rises"):
        explain_spike(Task(), Model(), training, 1, [0], solved[None], 4)


def test_a_replay_needs_an_earlier_snapshot(solved):
    with pytest.raises(InputError, match="a step must lie between 100 and"):
        explain_spike(Task(), Model(), Training(), 1, [100], solved[None], 4)


def test_a_replay_is_the_run():
    """The same bits, from whichever snapshot it starts."""
    task, model, training = Task(), Model(), Training()
    block = Block(task, model, training, (7,))
    run = block.advance(block.begin(), (0, 200), every=0, marks=range(201)).kept[0]
    for at in ([0], [0, 64, 150, 190]):
        found = states_at(block, np.array(at), run[at], range(150, 201))
        assert (found == run[150:]).all()


@pytest.mark.parametrize("seed", [0, 3])
def test_curvatures_are_those_of_a_complex_step(seed):
    """H g is exact by both ways, to rounding of sums over 200 sequences."""
    task, model = Task(n_train=200), Model()
    weights = initial_weights(task, model, seed)
    sequences, shares = distinct(task.data(seed).train)
    slope = gradient(task, model, weights, sequences, shares)
    found = curvature_along_gradient(task, model, weights, sequences, shares)
    for group, parts in GROUPS.items():
        along = Weights(*(part if name in parts else 0 * part for name, part in slope._asdict().items()))
        moved = Weights(*(w + 1e-30j * g for w, g in zip(weights, along, strict=True)))
        by_step = gradient(task, model, moved, sequences, shares).flat.imag / 1e-30
        expected = along.flat @ by_step / (along.flat @ along.flat)
        assert found[group] == pytest.approx(expected, rel=1e-11, abs=1e-13)
        assert found[group] != pytest.approx(-expected, rel=1e-6, abs=1e-8), "the sign is checked"


def test_weights_that_are_not_trained_have_no_curvature(solved):
    task, model = Task(), Model()
    weights = unflatten(task, model, solved[0])
    sequences, shares = distinct(task.data(1).train)
    trained = Training(frozen=["embeddings", "up"]).rates(task, model) > 0
    found = curvature_along_gradient(task, model, weights, sequences, shares, trained=trained)
    whole = curvature_along_gradient(task, model, weights, sequences, shares)
    assert found["embeddings"] == 0.0 != whole["embeddings"]
    assert found["attention"] == pytest.approx(whole["attention"], rel=1e-12)
    assert found["feed_forward"] != pytest.approx(whole["feed_forward"], rel=1e-3)
