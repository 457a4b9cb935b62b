"""The two stages of learning, on histories written down by hand and on runs."""

from __future__ import annotations

import numpy as np
import pytest
from sandbox.hand_built import weighted_head

from lintrans.errors import InputError
from lintrans.sandbox import stages
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.labels import CLUSTERING, circuit
from lintrans.sandbox.model import Model, unflatten
from lintrans.sandbox.stages import Stages, find_stages, first_epoch
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

HEAD = (1,) * 5 + (0,) * 7
EPOCHS = (0, 10, 20, 30)


def history(*numbers):
    """Weights of heads with other effects, one after the other."""
    each = [weighted_head(Task(), one) for one in numbers]
    return each[0][0], np.stack([weights.flat for _, weights in each])


def stages_of(numbers, accuracy):
    model, flat = history(*numbers)
    found = circuit(Task(), model, unflatten(Task(), model, flat[-1]), accuracy=accuracy[-1])
    return find_stages(Task(), model, found, EPOCHS, flat, accuracy)


def test_formed_and_read_are_told_apart():
    accuracy = np.full(30, 0.5)
    accuracy[24:] = 0.995
    almost, off = (1, 1, 1, 1, 1, 0.2, *[0] * 6), (1, 1, 1, 1, 1, 0.5, *[0] * 6)
    assert stages_of((off, off, almost, HEAD), accuracy) == Stages(formed=20, not_before=10, read=25)
    assert stages_of((HEAD,) * 4, accuracy) == Stages(formed=0, not_before=None, read=25)


def test_a_pattern_that_does_not_tell_the_label_is_not_formed_yet(monkeypatch):
    """An almost perfect head is too little, once more of the sequences must be nearest to their label."""
    almost = (1, 1, 1, 1, 1, 0.3, 0.3, *[0] * 5)
    assert stages_of((almost, HEAD, HEAD, HEAD), np.ones(30)).formed == 0
    monkeypatch.setattr(stages, "MIN_NEAREST", 1.01)
    assert stages_of((almost, HEAD, HEAD, HEAD), np.ones(30)).formed is None


def test_the_pattern_must_be_that_of_the_end():
    even = (1, 1, 1, 1, 1, 2, *[0] * 6)
    found = stages_of((even, even, even, HEAD), np.ones(30))
    assert found == Stages(formed=30, not_before=20, read=1)


def test_stages_that_do_not_end_stay_open():
    assert stages_of((HEAD,) * 4, np.full(30, 0.98)).read is None
    none = (1, 1, 1, 1, 0.5, *[0] * 7)
    assert stages_of((HEAD, HEAD, HEAD, none), np.ones(30)) == Stages(None, None, 1)


def test_weights_that_are_not_finite_have_no_pattern():
    model, flat = history(HEAD, HEAD, HEAD, HEAD)
    found = circuit(Task(), model, unflatten(Task(), model, flat[-1]), accuracy=1.0)
    flat[0] = np.nan
    assert find_stages(Task(), model, found, EPOCHS, flat, np.ones(30)).formed == 10


def test_first_epoch_counts_from_one():
    assert first_epoch(np.array([False, True, True])) == 2
    assert first_epoch(np.array([True])) == 1
    assert first_epoch(np.array([False])) is None


def test_snapshots_and_epochs_must_match():
    model, flat = history(HEAD, HEAD)
    found = circuit(Task(), model, unflatten(Task(), model, flat[-1]), accuracy=1.0)
    with pytest.raises(
        InputError, match="epochs must be one of each snapshot, got 3 of 2; pass them together"
    ):
        find_stages(Task(), model, found, (0, 1, 2), flat, np.ones(2))


def test_runs_form_a_circuit_first_and_read_it_then():
    """Seeds that learned fast in a pilot. Orbits differ between machines by rounding: one may fail."""
    task, model, training = Task(), Model(), Training(n_epochs=160)
    block = Block(task, model, training, (1, 14, 35, 49))
    steps = np.arange(0, 160 * 64 + 1, 640)
    done = block.advance(block.begin(), (0, int(steps[-1])), marks=steps.tolist())
    heads = []
    for kept, accuracy in zip(done.kept[:, :, 0], done.accuracy[:, :, 2], strict=True):
        found = circuit(task, model, unflatten(task, model, kept[-1]), accuracy=accuracy[-1])
        stages = find_stages(task, model, found, steps // 64, kept, accuracy)
        if found.label == CLUSTERING and accuracy[-1] == 1:
            assert stages.formed is not None
            assert stages.read is not None
            assert 10 <= stages.formed < stages.read
            at = (steps // 64).tolist().index(stages.formed)
            labels = [circuit(task, model, unflatten(task, model, one)).label for one in kept[: at + 1]]
            assert labels[-1] == CLUSTERING  # by the whole rule
            assert CLUSTERING not in labels[:-1]
            heads.append(stages)
    assert len(heads) >= 3
