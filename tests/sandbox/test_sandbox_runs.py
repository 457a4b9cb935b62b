"""Runs and studies: what a file holds, what must not matter, and how one goes on from a snapshot."""

from __future__ import annotations

import numpy as np
import pytest

from lintrans.errors import InputError, Interrupted
from lintrans.sandbox import Case, Model, RunSweep, StudySweep, Task, Training, cases, circuit, study, train
from lintrans.sandbox.fates import Fates, whole_population
from lintrans.sandbox.histories import measure_run
from lintrans.sandbox.labels import LABELS
from lintrans.sandbox.model import unflatten
from lintrans.sandbox.network import is_right, layers
from lintrans.sweeps import store
from lintrans.sweeps.executors import Dask, Threads

TRAINING = Training(n_epochs=60)


@pytest.fixture(scope="module")
def runs():
    return train(seeds=[1, 2, 3, 5, 8, 13, 21, 34, 55], training=TRAINING, n_snapshots=7)


def same(a, b):
    return all(
        np.array_equal(x.values, y.values, equal_nan=x.values.dtype.kind == "f")
        for x, y in zip(a, b, strict=True)
    )


def test_a_run_is_that_of_its_seed_alone(runs):
    alone = train(seeds=[55], training=TRAINING, n_snapshots=7, n_threads=1)
    assert (alone.state[0] == runs.state[-1]).all()
    assert (alone.loss[0] == runs.loss[-1]).all()
    assert str(alone.table()) == str(runs.table()[-1:])  # NaN differs from itself


def test_a_file_holds_everything(runs, tmp_path):
    sweep = RunSweep(seeds=runs.seed.tolist(), training=TRAINING, n_snapshots=7)
    path = store.run_to_file(sweep, tmp_path / "runs.h5")
    found = store.load(path)
    assert same(list(found.variables()), list(runs.variables()))
    assert (found.task, found.model, found.training) == (Task(), Model(), TRAINING)
    assert found.weight[:2].tolist() == ["tokens[0,0]", "tokens[0,1]"]
    assert found.part.tolist() == ["weights", "first", "second"]
    assert found.step.tolist() == [640 * i for i in range(7)]


def test_an_interrupted_sweep_goes_on_to_the_same_file(runs, tmp_path):
    sweep = RunSweep(seeds=runs.seed.tolist(), training=TRAINING, n_snapshots=7)

    def stop_after_a_tile(done, total, found):
        if done:
            raise KeyboardInterrupt

    path = tmp_path / "runs.h5"
    with pytest.raises(Interrupted, match="lintrans resume"):
        store.run_to_file(sweep, path, executor=Threads(1), progress=stop_after_a_tile)
    assert not path.exists()
    found = store.load(store.resume(path))
    assert same(list(found.variables()), list(runs.variables()))
    study = StudySweep([Case("a", Model(width=3), Training(n_epochs=1, scales={"value": 2.0}))], seeds=[0, 1])
    with pytest.raises(Interrupted):
        store.run_to_file(study, tmp_path / "s.h5", executor=Threads(1), progress=stop_after_a_tile)
    assert store.load(store.resume(tmp_path / "s.h5")).cases == study.cases


def test_workers_of_a_cluster_give_the_same(runs, tmp_path):
    sweep = RunSweep(seeds=[1, 2], training=Training(n_epochs=2))
    here = store.load(store.run_to_file(sweep, tmp_path / "here.h5"))
    there = store.load(store.run_to_file(sweep, tmp_path / "there.h5", executor=Dask(n_workers=1)))
    assert same(list(here.variables()), list(there.variables()))


def test_a_snapshot_leads_to_every_other_step(runs):
    steps = [0, 5, 640, 641, 1300, 3840]
    whole = runs.replay(3, steps)
    assert (whole[[2, 5]] == runs.state[2, [1, 6]]).all()
    (later,) = runs.replay(3, [1300])
    assert (later == whole[4]).all()
    for steps, message in (
        ([0, 3841], "a step must lie between 0"),
        ([10, 5], "steps must be incr"),
    ):
        with pytest.raises(InputError, match=message):
            runs.replay(3, steps)
    with pytest.raises(InputError, match="a step must be a whole number"):
        runs.replay(3, [5.9])


def test_measures_at_snapshots_are_those_of_the_states(runs):
    i, task, model = runs.row(8), runs.task, runs.model
    population = task.population()
    for snapshot, epoch in ((0, 0), (3, 30), (6, 60)):
        weights = unflatten(task, model, runs.state[i, snapshot, 0])
        right = is_right(layers(task, model, weights, population), task.labels(population)).mean()
        assert runs.accuracy[i, epoch, 2] == pytest.approx(right, abs=1e-13)
    assert np.isnan(runs.batch_loss[:, 0]).all()
    assert np.isfinite(runs.batch_loss[:, 1:]).all()
    assert runs.fates.population == pytest.approx(runs.accuracy[:, -1, 2])


def test_labels_are_those_of_the_final_weights(runs):
    for i, seed in enumerate(runs.seed.tolist()):
        weights = unflatten(runs.task, runs.model, runs.state[i, -1, 0])
        assert runs.label(seed) == circuit(runs.task, runs.model, weights).label
    assert {LABELS[i] for i in runs.fates.label} > {"none"}


def test_a_large_population_is_measured_at_the_end_only():
    task = Task(p=3, length=9, positions=2, n_train=64)
    found = train(task=task, seeds=[0], training=Training(n_epochs=2))
    assert found.measured.tolist() == ["train", "test"]
    weights = unflatten(task, found.model, found.state[0, -1, 0])
    population = task.population()
    right = is_right(layers(task, found.model, weights, population), task.labels(population))
    unseen = ~np.isin(task.number(population), task.number(task.data(0).train))
    assert found.fates.population[0] == pytest.approx(right.mean(), abs=1e-12)
    assert found.fates.unseen[0] == pytest.approx(right[unseen].mean(), abs=1e-12)


def test_nothing_unseen_is_nan():
    task = Task(length=3, positions=2, n_train=512)
    found = train(task=task, seeds=[0], training=Training(n_epochs=1))
    assert np.isnan(found.fates.unseen[0])
    assert found.table()[0]["unseen"] != found.table()[0]["unseen"]


def test_the_run_that_is_shown_is_the_best(runs):
    fates = Fates(
        train=np.ones(4),
        test=np.ones(4),
        population=np.array([0.5, 1, 1, 1]),
        unseen=np.ones(4),
        train_loss=np.ones(4),
        label=np.array([0, 1, 0, 0], dtype=np.int8),
        formed_epoch=np.full(4, 20.0),
        read_epoch=np.array([np.nan, 30, 90, 80]),
        spikes=np.zeros(4, dtype=int),
    )
    four = object.__new__(type(runs))
    object.__setattr__(four, "seed", np.array([4, 5, 6, 7]))
    object.__setattr__(four, "fates", fates)
    assert four.best() == 7
    assert four.best("signed head") == 5
    assert four.gallery() == {"clustering head": 7, "signed head": 5}
    assert fates.success().value == 0.75
    with pytest.raises(InputError, match="label must be one of"):
        four.best("head")
    with pytest.raises(InputError, match="a run must have the label 'irregular'"):
        four.best("irregular")


def test_a_study_is_its_runs(runs, tmp_path):
    settings = (Case("short", training=TRAINING), Case("narrow", Model(width=4), TRAINING))
    sweep = StudySweep(settings, seeds=runs.seed.tolist())
    found = store.load(store.run_to_file(sweep, tmp_path / "study.h5"))
    assert found.cases == settings
    assert (found.of("short").label == runs.fates.label).all()
    assert found.of("short").train_loss == pytest.approx(runs.fates.train_loss, rel=1e-15)
    with pytest.raises(InputError, match="case must be one of short, narrow, got 'wide'"):
        found.of("wide")


def test_cases_are_all_combinations():
    found = cases(training=TRAINING, rates=[1e-3, 1e-2], batch_sizes=[16])
    assert [(case.training.rate, case.training.batch_size) for case in found] == [(1e-3, 16), (1e-2, 16)]
    with pytest.raises(InputError, match="cases must have different names"):
        study([found[0], found[0]], seeds=[0])


def test_a_history_says_what_happened(runs):
    found = measure_run(runs, 1, steps=[0, 640, 3840])
    assert found.label[-1] == runs.fates.label[runs.row(1)]
    assert found.between_counts + found.order + found.suffix == pytest.approx(1)
    assert np.isnan(found.preconditioned[0]).all()
    assert (found.sharpness[:, 0] > 0).all()
    assert (np.diff(found.sharpness, axis=1) <= 0).all()
    assert found.edge == pytest.approx(38 / 3e-3)
    assert found.lines()[0][7] == "clusters of 6"
    at_snapshots = measure_run(runs, 1, curvature=False)
    assert at_snapshots.loss[-1] == pytest.approx(found.loss[-1], rel=1e-13)
    assert at_snapshots.sharpness is None


def test_whole_population_counts_each_run_by_its_own_unseen(runs):
    from lintrans.sandbox import Block

    block = Block(runs.task, runs.model, runs.training, (2, 3))
    rows = [runs.row(2), runs.row(3)]
    loss, accuracy = whole_population(block, runs.state[rows, -1, 0])
    assert accuracy == pytest.approx(runs.accuracy[rows, -1, 2:], abs=1e-12)
    assert loss == pytest.approx(runs.loss[rows, -1, 2:], rel=1e-12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": [2, 1]}, "seeds must be increasing"),
        ({"seeds": []}, "seeds must be increasing and at least one"),
        ({"n_snapshots": 1}, "n_snapshots must lie between 2"),
        ({"training": Training(batch_size=4096)}, "batch_size must be at most the 2048"),
    ],
)
def test_refusals_of_a_sweep(given, message):
    with pytest.raises(InputError, match=message):
        RunSweep(**given)
