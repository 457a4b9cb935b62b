"""The commands on mini-batches: what they answer, and what they refuse."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import typer
from commands import BATCHES, TABLE

import lintrans as lt
from lintrans.cli.app import app
from lintrans.minibatch import (
    Batches,
    Population,
    escape_times,
    trained_batch_size,
    trained_escapes,
    trained_risk_map,
)
from lintrans.minibatch.escapes import EscapeSweep
from lintrans.minibatch.risk import RiskSweep
from lintrans.minibatch.trained_risks import TrainedRiskSweep
from lintrans.minibatch.trainings import TrainingSweep
from lintrans.prompts import prompts_from_csv

MAP = ["--step-sizes", "0.0001:0.002:3", "--batch-sizes", "1,8", "--batch-size", "4"]
BMI = [*TABLE, "--standardize"]


@pytest.fixture
def numbers(folder):
    rng = np.random.default_rng(0)
    moments = np.exp(0.2 * rng.standard_normal(30))
    np.savez(folder / "prompts.npz", moments=moments, labels=2 * moments)
    return "prompts.npz"


def test_minibatch_answers_with_intervals(answer, folder):
    found = answer("minibatch", *BMI, *MAP, "--step-size", "0.001", "--verify", "3", "--risk", "0.2")
    assert found["n_prompts"] == 20 and found["leakage"] == 0
    for event in ("left", "diverged"):
        assert found["risk"][event]["low"] <= found["risk"][event]["value"] <= found["risk"][event]["high"]
    assert set(found["largest_step_size"]) == set(found["batch_size_needed"]) == {"value", "low", "high"}
    assert found["verified"]["n_alike"] == 3 and found["verified"]["max_commutation_error"] < 1e-13
    assert found["answered_by"] == "mode" and "largest_step_size_by_mode" not in found
    saved = lt.load(folder / "minibatch.h5")
    assert saved.batch_size.tolist() == [1, 4, 8] and 0.001 in saved.step_size
    assert saved.settings["problem"]["context_length"] == 8
    assert found["critical_step_size"] == pytest.approx(saved.critical_step_size)


def test_the_answer_for_a_person_names_what_was_asked(run, folder):
    code, out, _ = run("minibatch", *BMI, *MAP, "--step-size", "0.001", "--event", "diverged")
    assert code == 0
    for words in ("full batch", "risk: left", "risk: diverged", "largest learning rate", "batch size needed"):
        assert words in out
    assert "training diverges" in out and "minibatch.png" in out


def test_escapes_are_those_of_the_library(answer, folder):
    found = answer("escapes", *BMI, "--step-size", "0.001", "--batch-size", "4", "--value", "0.3")
    prompts = prompts_from_csv(
        lt.example_data(),
        target="progression",
        features=["bmi"],
        context_length=8,
        n_prompts=20,
        standardize=True,
        center=True,
    )
    population = Population.from_prompts(prompts)
    weights = lt.initial_weights(1, value=0.3, scale=0.1, seed=0)
    start = population.project_weights(weights.value, weights.key_query)
    batches = Batches(4, n_steps=20)
    expected = escape_times(population, population.mu(0.001), *start, batches=batches, n_trajectories=8)
    assert found["risk"] == expected.summary() and found["mu"] == pytest.approx(population.mu(0.001))
    assert np.array_equal(lt.load(folder / "escapes.h5").left, expected.left)


def test_numbers_in_an_archive_are_prompts_of_one_feature(answer, numbers):
    found = answer("minibatch", numbers, *MAP, "--n-trajectories", "8", "--n-steps", "20")
    assert found["interpolates"] and found["n_prompts"] == 30 and "risk" not in found


LEAKY = [word for word in TABLE if word not in ("--features", "bmi")] + ["--standardize"]


def test_where_prompts_leak_trainings_answer(run, folder):
    code, out, _ = run("minibatch", *LEAKY, *MAP)
    assert code == 0 and "outside the mode: risks are measured on trainings" in out
    assert "by the mode alone" in out
    code, out, _ = run("minibatch", *LEAKY, *MAP, "--by-mode", "--force")
    assert code == 0 and "outside the mode: the learning rates are too large" in out
    assert "by the mode alone" not in out


def test_trainings_are_those_of_the_library_and_of_the_definition(answer, folder):
    asked = [
        "--step-size",
        "4e-5",
        "--batch-size",
        "4",
        "--verify",
        "8",
        "--n-trajectories",
        "40",
        "--risk",
        "0.2",
    ]
    found = answer("minibatch", *LEAKY, "--step-sizes", "1e-5:1e-3:3", "--batch-sizes", "1,8", *asked)
    prompts = prompts_from_csv(
        lt.example_data(),
        target="progression",
        context_length=8,
        n_prompts=20,
        standardize=True,
        center=True,
    )
    weights = lt.initial_weights(10, value=0.1, scale=0.1, seed=0)
    start = {"value": weights.value, "key_query": weights.key_query, "batches": Batches(4, n_steps=20)}
    expected = trained_escapes(prompts, step_size=4e-5, n_trainings=400, **start)
    assert found["risk"] == expected.summary()
    assert found["answered_by"] == "trainings" and found["verified"]["n_alike"] == 8
    needed = trained_batch_size(prompts, [1, 4, 8], step_size=4e-5, risk=0.2, n_trainings=400, **start)
    assert [found["batch_size_needed"][end] for end in ("value", "low")] == [needed.value, needed.low]
    saved = lt.load(folder / "minibatch.h5")
    expected = trained_risk_map(prompts, saved.step_size, saved.batch_size, n_trainings=40, **start)
    assert np.array_equal(saved.left, expected.left) and saved.trained


def test_escapes_of_prompts_that_leak_are_trained(answer, folder):
    words = [*LEAKY, "--step-size", "1e-4"]
    found = answer("escapes", *words)
    assert found["answered_by"] == "trainings" and lt.load(folder / "escapes.h5").trained
    assert answer("escapes", *words, "--by-mode", "--force")["answered_by"] == "mode"
    assert lt.load(folder / "escapes.h5").by_mode


def test_defaults_are_those_of_what_is_called():
    commands = typer.main.get_command(app).commands
    options = {name: {p.name: p.default for p in commands[name].params} for name in ("minibatch", "escapes")}
    batches, escapes = (inspect.signature(kind).parameters for kind in (Batches, EscapeSweep))
    for given in options.values():
        same = {name: given[name] for name in ("sampling", "n_steps")}
        assert same == {name: batches[name].default for name in same}
        assert given["batch_seed"] == batches["seed"].default
    assert options["escapes"]["n_trajectories"] == escapes["n_trajectories"].default
    assert options["minibatch"]["event"] == inspect.signature(trained_batch_size).parameters["event"].default


def test_a_warm_up_is_taken_from_ramps(answer, folder):
    words = [*BMI, "--step-size", "2e-4", "--batch-size", "4"]
    found = answer("escapes", *words, "--schedule", "0.1:1:10,0.5")
    schedule = lt.load(folder / "escapes.h5").settings["schedule"]
    assert schedule == [*np.linspace(0.1, 1, 10).tolist(), 0.5]
    ends = lt.load(folder / "escapes.h5").end_a
    assert found["mu"] == answer("escapes", *words, "--force")["mu"]
    assert (ends != lt.load(folder / "escapes.h5").end_a).all()


@pytest.mark.parametrize(
    ("words", "needles"),
    [
        (["--risk", "0"], ["risk", "between 0 and 1", "got 0"]),
        (["--event", "lost"], ["event", "left, diverged", "'lost'"]),
        (["--verify", "2"], ["--verify", "--step-size"]),
        (["--schedule", "0.5,2"], ["schedule", "at most 1", "schedule[1]=2"]),
        (["--schedule", "1:2"], ["--schedule", "start:stop:count"]),
        (["--batch-sizes", "1,x"], ["--batch-sizes", "'x'"]),
        (["--n-trajectories", "0"], ["--n-trajectories", "got 0"]),
        (["--value", "1e200"], ["the start must leave a step size", "lower the weights"]),
        (["--batch-size", "0"], ["batch", "got 0"]),
        (["--step-size", "-1"], ["step-size", "positive"]),
        (["--sampling", "random"], ["sampling", "'random'"]),
        (["--context-length", "500"], ["context_length", "500"]),
        (["--features", "nothing"], ["features", "'nothing'"]),
        (["--target", ""], ["--target", "CSV"]),
    ],
)
def test_bad_words_are_refused_before_any_work(refused, words, needles):
    refused("minibatch", *TABLE, *words, needles=needles)


def test_verification_needs_a_table(refused, numbers):
    words = ["--step-size", "0.1", "--verify", "2", "--n-trajectories", "8", "--n-steps", "9"]
    refused("minibatch", numbers, *MAP, *words, needles=["--verify", "table"])


def test_an_archive_without_the_keys_is_refused(refused, folder):
    np.savez(folder / "other.npz", moments=[1.0])
    refused("minibatch", "other.npz", needles=["other.npz", "moments, labels", "no 'labels'"])


STOPPED = {
    "map": ("minibatch", BATCHES["minibatch"], RiskSweep),
    "trained map": ("minibatch", [*LEAKY, *MAP, "--step-size", "4e-5"], TrainedRiskSweep),
    "trajectories": ("escapes", [*BATCHES["escapes"], "--n-trajectories", "600"], EscapeSweep),
    "trainings": ("escapes", [*LEAKY, "--step-size", "1e-4", "--n-trajectories", "200"], TrainingSweep),
}


@pytest.mark.parametrize("name", STOPPED)
def test_a_sweep_goes_on_after_a_stop(run, folder, monkeypatch, name):
    command, words, sweep = STOPPED[name]
    whole, calls = sweep.compute, []

    def interrupted(self, *place):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return whole(self, *place)

    monkeypatch.setattr(sweep, "cells_per_tile", 1 if "map" in name else 64)
    monkeypatch.setattr(sweep, "compute", interrupted)
    code, _, err = run(command, *words, "--output", "a.h5", "--n-workers", "1")
    assert code == 130 and "lintrans resume" in err
    monkeypatch.setattr(sweep, "compute", whole)
    code, out, _ = run("resume", "a.h5")
    assert code == 0 and "wrote a.h5 and a.png" in out
    assert ("largest_step_size: 1 " if "map" in name else "left: value") in out
    assert run(command, *words, "--output", "b.h5")[0] == 0
    assert (folder / "a.h5").read_bytes() == (folder / "b.h5").read_bytes()
