"""How training goes in batches is one checked object; sweeps take it, keep it and tell it."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from problems import NEAR, NOISY, stopped_after

import lintrans as lt
from lintrans import registry
from lintrans.minibatch import (
    Batches,
    EscapeSweep,
    Population,
    PromptMoments,
    RiskSweep,
    TrainedRiskSweep,
    TrainingSweep,
    escape_times,
    risk_map,
    trained_escapes,
    trained_risk_map,
)
from lintrans.sweeps import store
from lintrans.sweeps.grid import compute

GOLDEN = Path(__file__).parents[1] / "golden"
BATCHES = Batches(2, sampling="epochs", n_steps=20, seed=3, schedule=[0.5, 1.0])
LEAKY = Population.from_prompts(NEAR)
WEIGHTS = {"value": 0.6, "key_query": np.eye(2)}
CASES = {  # function, sweep, arguments
    "escapes": (
        escape_times,
        EscapeSweep,
        [LEAKY, 0.9, 0.5, 0.4],
        {"batches": BATCHES, "n_trajectories": 200},
    ),
    "map": (
        risk_map,
        RiskSweep,
        [NOISY, [0.3, 1.0], [1, 4], 0.5, 0.4],
        {"batches": BATCHES, "n_trajectories": 50},
    ),
    "trainings": (
        trained_escapes,
        TrainingSweep,
        [NEAR],
        {"step_size": 0.4, **WEIGHTS, "batches": BATCHES, "n_trainings": 200},
    ),
    "trained map": (
        trained_risk_map,
        TrainedRiskSweep,
        [NEAR, [0.1, 0.4], [1, 4]],
        {**WEIGHTS, "batches": BATCHES, "n_trainings": 20},
    ),
}
every_case = pytest.mark.parametrize("name", CASES)


def sweep_of(name):
    _, sweep, arguments, options = CASES[name]
    return sweep(*arguments, **options)


def arrays(result):
    return {v.name: v.values.tobytes() for v in result.variables()}


def test_equal_batches_are_one_and_the_same_for_a_dictionary():
    same = Batches(2.0, sampling="epochs", n_steps=20, seed=3, schedule=np.array([0.5, 1.0]))
    assert same == BATCHES and len({same, BATCHES}) == 1 and same != replace(BATCHES, size=3)
    assert Batches.of(BATCHES.settings()) == BATCHES
    with pytest.raises(FrozenInstanceError):
        same.size = 3


def test_a_schedule_of_the_caller_may_change():
    schedule = np.array([0.5, 1.0])
    made = Batches(1, schedule=schedule)
    schedule[0] = 0.1
    assert made.schedule == (0.5, 1.0) and made.relative.tolist() == [0.5, 1.0]
    assert Batches(1, schedule=np.ones(9)) == Batches(1) and Batches(1).relative is None


@every_case
def test_a_function_shows_and_takes_the_arguments_of_its_sweep(name):
    function, sweep, arguments, options = CASES[name]
    shown = dict(inspect.signature(function).parameters)
    assert [shown.pop(own).default for own in ("n_threads", "progress")] == [None, None]
    assert shown == dict(inspect.signature(sweep).parameters)
    found = function(*arguments, **options, n_threads=1)
    assert found.settings == compute(sweep(*arguments, **options)).settings
    with pytest.raises(TypeError, match="unexpected keyword argument 'batch_size'"):
        function(*arguments, **options, batch_size=3)


@every_case
def test_results_tell_how_training_went(name):
    found = compute(sweep_of(name))
    told = found.batches(2) if "map" in name else found.batches
    assert told == BATCHES and found.schedule == (0.5, 1.0)
    assert found.trained == ("train" in name) and found.by_mode == (name == "escapes")


@every_case
def test_a_sweep_that_was_sent_away_computes_the_same(name):
    here = sweep_of(name)
    there = pickle.loads(pickle.dumps(here))
    assert arrays(compute(there)) == arrays(compute(here))


@every_case
def test_a_stopped_sweep_goes_on_with_the_arguments_it_had(tmp_path, monkeypatch, name):
    sweep = sweep_of(name)
    monkeypatch.setattr(type(sweep), "cells_per_tile", 1 if "map" in name else 64)
    whole = store.run_to_file(sweep, tmp_path / "whole.h5")
    stopped_after(2, sweep, tmp_path / "x.h5")
    monkeypatch.setattr("lintrans.minibatch.trained_risks.full_batch_step_size", pytest.fail)  # is kept
    assert store.resume(tmp_path / "x.h5").read_bytes() == whole.read_bytes()


@every_case
def test_what_a_journal_keeps_is_named_by_the_registry(name):
    sweep = sweep_of(name)
    values = (getattr(sweep, f.name) for f in fields(sweep))
    kept = {type(value) for value in values if is_dataclass(value)}
    assert kept and {registry.argument_named(kind.__name__) for kind in kept} == kept


def test_of_prompts_a_sweep_keeps_what_training_sees():
    seen = sweep_of("trainings").prompts
    assert isinstance(seen, PromptMoments) and PromptMoments.of(seen) is seen
    assert np.array_equal(seen.matrices[1], np.outer(NEAR[1].context_moment, NEAR[1].query))
    assert replace(sweep_of("trainings"), step_size=0.1).settings()["step_size"] == 0.1


OLD = {  # meaning of files of version 0.1: trained, by the mode, critical step size by the mode, scheduled
    "risk_map": (False, False, False, False),
    "risk_map_trained": (True, False, False, True),
    "risk_map_by_mode": (False, True, True, False),
    "escapes": (False, False, None, False),
    "escapes_trained": (True, False, None, False),
}


@pytest.mark.parametrize("name", OLD)
def test_older_files_keep_their_meaning(name):
    found = lt.load(GOLDEN / f"{name}.h5")
    critical = getattr(found, "critical_by_mode", None)
    assert (found.trained, found.by_mode, critical, found.schedule is not None) == OLD[name]
    for setting in ("trained", "by_mode", "schedule"):
        assert setting in found.settings


def test_settings_of_version_0_1_are_read_as_written_today():
    unmeasured = lt.load(GOLDEN / "risk_map_trained.h5").updated({"trained": True})
    assert unmeasured == {"trained": True, "by_mode": False, "schedule": None, "critical_step_size": None}
    verified = lt.load(GOLDEN / "batch_verification.h5")
    assert verified.batches == Batches(2, n_steps=40) and verified.settings["schedule"] is None
    assert lt.load(GOLDEN / "density.h5").batch_size is None
