"""What Python writes into the page of the sandbox, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from page_runs import record

from lintrans.errors import InputError
from lintrans.sandbox.model import Model
from lintrans.sandbox.page import MAX_BYTES, MAX_RUNS, PageRun, sandbox_page
from lintrans.sandbox.task import Task, shown_sequences
from lintrans.sandbox.training import Training

SHORT = Training(n_epochs=16)


def page_with(runs, task=None, model=None, training=SHORT, **words):
    return sandbox_page(runs, task=task or Task(), model=model or Model(), training=training, **words)


def long_run(seed, n_epochs=1000, n_weights=198):
    """A run of random numbers, as long as the default."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n_epochs + 1) * 64
    return PageRun(
        seed=seed,
        label="irregular",
        steps=steps,
        weights=rng.standard_normal((n_epochs + 1, n_weights)),
        marks=steps[::50],
        states=rng.standard_normal((len(steps[::50]), 3, n_weights)),
        loss=rng.random((n_epochs + 1, 4)),
        accuracy=rng.random((n_epochs + 1, 4)),
        batch_loss=rng.random(n_epochs + 1),
    )


def test_it_has_the_runs_as_they_were_recorded(recorded):
    runs, states = recorded
    data = page_with(runs).data
    assert data["task"] == {"p": 2, "length": 12, "positions": [0, 1, 2, 3, 4], "nTokens": 3, "nTrain": 2048}
    assert data["epochs"] == {"n": 16, "steps": 64} and data["sequences"] is None
    for found, run, state in zip(data["runs"], runs, states, strict=True):
        np.testing.assert_array_equal(found["states"], state[::4])
        np.testing.assert_array_equal(found["weights"], run.weights.astype(np.float32))
        np.testing.assert_array_equal(found["train"], Task().data(run.seed).train)
        assert found["stages"] == [{"name": "clusters", "epoch": 8}, {"name": "solved", "epoch": None}]
        assert found["seed"] == str(run.seed) and found["isWhole"]


def test_options_of_a_step_are_those_of_the_training():
    training = Training(
        n_epochs=2, optimizer="sgd", rate=0.1, schedule="linear", clip=1.0, frozen="query", weight_decay=0.1
    )
    runs, _ = record(Task(), Model(bias=False), training, (3,))
    data = page_with(runs, model=Model(bias=False), training=training).data["training"]
    np.testing.assert_array_equal(data.pop("schedule"), training.factors(Task()))
    assert data == {
        **{
            "rate": 0.1,
            "batchSize": 32,
            "optimizer": "sgd",
            "momentum": 0.0,
            "beta2": 0.999,
            "epsilon": 1e-8,
        },
        **{"feedForwardRate": None, "frozen": ["query"], "weightDecay": 0.1, "clip": 1.0, "dropout": 0.0},
        "bias": False,
    }


def test_a_large_population_is_sampled():
    task = Task(p=3, length=9, positions=(0, 4))
    training = Training(n_epochs=2)
    runs, _ = record(task, Model(), training, (0,))
    sequences = page_with(runs, task=task, training=training).data["sequences"]
    assert sequences.shape == (4096, 9) and sequences.dtype == np.uint8 and sequences.max() == 2
    expected = shown_sequences(task)
    assert (sequences == expected).all()


@pytest.mark.parametrize("n", [2, MAX_RUNS])
def test_long_runs_fit_into_6_megabytes(n):
    page = page_with([long_run(seed) for seed in range(n)], training=Training())
    assert page.size <= MAX_BYTES
    kept = [len(run["steps"]) for run in page.data["runs"]]
    assert kept[:2] == [1001, 1001]
    assert all(run["steps"][-1] == 64_000 for run in page.data["runs"])  # the last snapshot is always there
    assert [run["isWhole"] for run in page.data["runs"]] == [length == 1001 for length in kept]
    assert n == 2 or page.size > MAX_BYTES * 0.6  # no more is left out than has to be


def test_runs_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="runs must fit into a page of 6 MB, got 1 that do not"):
        run = long_run(0)
        full = np.repeat(run.states[:1], len(run.steps), axis=0)
        page_with([run._replace(marks=run.steps, states=full)], training=Training())


REFUSED = [
    (lambda runs: page_with([]), "runs must be 1 to 6 on a page, got 0"),
    (lambda runs: page_with(runs * 4), "runs must be 1 to 6 on a page, got 8"),
    (lambda runs: page_with(runs, model=Model(d=3)), "d must be 2 on a page, .* got 3; train with d = 2"),
    (lambda runs: page_with(runs, model=Model(width=8)), r"weights of seed 1 must have shape \(17, 78\)"),
    (lambda runs: page_with([runs[0]._replace(spikes=[17])]), "spikes of seed 1 must be epochs from 0 to 16"),
    (lambda runs: page_with([runs[0]._replace(loss=runs[0].loss[1:])]), r"loss of seed 1 .* \(17, 4\)"),
    (
        lambda runs: page_with([runs[0]._replace(steps=runs[0].steps[::-1])]),
        "steps of seed 1 must be increasing",
    ),
    (lambda runs: page_with(runs, epoch=17), "epoch must be 0 to 16, got 17"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_what_does_not_fit_is_refused_in_one_line(recorded, call, words):
    with pytest.raises(InputError, match=words) as caught:
        call(recorded[0])
    assert "\n" not in str(caught.value)
