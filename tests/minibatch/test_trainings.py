"""Compiled trainings against training by definition."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from leaky_prompts import PROMPTS, project, start
from problems import NEAR, check_refused, stopped_after

from lintrans.attention import TwoFactorWeights
from lintrans.attention.batch_training import Problems, train_on_batches
from lintrans.minibatch import Batches, EscapeSweep, Population, draw_batches, escape_times, population
from lintrans.minibatch.sampling import SAMPLINGS
from lintrans.minibatch.trainings import TrainingSweep, trained_escapes
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps import store
from lintrans.sweeps.grid import compute
from lintrans.two_factor import normal_form

FAR = 1e4
ARRAYS = ("left", "diverged", "end_a", "end_b")
# Of the size of a state: sums in another order differ by a few ulps at every step, which escapes let grow.
CLOSE = 1e-9


def judged(mu, states):
    """Events and the end of one training, from its states (a, b)."""
    left = diverged = -1
    for t, (a, b) in enumerate(states):
        if left < 0 and normal_form.ellipse_level(mu, a, b) > 0:
            left = t
        if not abs(normal_form.residual(mu, a, b)) <= FAR:
            diverged = t
            break
    return left, diverged, float(a), float(b)


def by_definition(prompts, eta, weights, batches, n_trainings):
    population = Population.from_prompts(prompts)
    mu, theta = population.mu(eta), TwoFactorWeights(weights["value"], weights["key_query"])
    problems, found = Problems(prompts, theta), []
    for i in range(n_trainings):
        drawn = draw_batches(len(prompts), batches, i)
        run = train_on_batches(problems, theta, drawn, step_size=eta, schedule=batches.schedule)
        states = [project(population, mu, x[0], x[1:].reshape(theta.d, theta.d)) for x in run.weights]
        found.append(judged(mu, states))
    return dict(zip(ARRAYS, np.array(found).T, strict=True))


def literal(prompts, eta, weights, batches, n_trainings, wrong=None):
    """The step as it is written in the kernels' docstring, or wrong in one place."""
    population, found = Population.from_prompts(prompts), []
    mu = population.mu(eta)
    for i in range(n_trainings):
        w, W, states = weights["value"], np.array(weights["key_query"]), []
        drawn = draw_batches(len(prompts), batches, i)
        for t in range(batches.n_steps + 1):
            states.append(project(population, mu, w, W))
            if t == batches.n_steps or not abs(normal_form.residual(mu, *states[-1])) <= FAR:
                break
            dw, dW, share = 0.0, 0.0, 1 / batches.size
            for prompt in (prompts[k] for k in drawn[t]):
                m, q = prompt.context_moment, prompt.query
                p = m @ W @ q
                e = w * p - prompt.query_label * (-1 if wrong == "label" else 1)
                dw, dW = dw + share * e * p, dW + share * e * np.outer(m, q)
            rate = eta * (batches.size if wrong == "sum" else 1)
            old, w = w, w - rate * dw
            W = W - rate * (w if wrong == "order" else old) * dW * (-1 if wrong == "sign" else 1)
        found.append(judged(mu, states))
    return dict(zip(ARRAYS, np.array(found).T, strict=True))


def agree(found, expected):
    """Events to the step, and ends to rounding."""
    same = all(np.array_equal(found[name], expected[name]) for name in ("left", "diverged"))
    (a, b), (x, y) = ((ends["end_a"], ends["end_b"]) for ends in (found, expected))
    return same and (np.hypot(a - x, b - y) <= CLOSE * np.hypot(x, y)).all()


def trained(prompts, eta, weights, batches, n_trainings, n_threads=1):
    asked = {"batches": batches, "n_trainings": n_trainings, "n_threads": n_threads}
    found = trained_escapes(prompts, step_size=eta, **weights, **asked)
    return {name: getattr(found, name) for name in ARRAYS}


def identical(one, other, part=slice(None)):
    return all(np.array_equal(one[name][part], other[name]) for name in ARRAYS)


# Against training.


@pytest.mark.parametrize("name", PROMPTS)
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("schedule", [None, [0.2, 0.5, 1.0, 0.0, 0.7]])
def test_trainings_are_those_of_the_transformer(name, sampling, schedule):
    prompts, events = PROMPTS[name], 0
    weights, unit = start(prompts), Population.from_prompts(prompts).unit_step_size
    for size, mu, seed in ((1, 0.2, 0), (2, 0.7, 1), (3, 0.5, 2), (4, 0.9, 10**9)):
        batches = Batches(size, sampling=sampling, n_steps=30, seed=seed, schedule=schedule)
        run = prompts, mu * unit, weights, batches, 4
        found, expected = trained(*run), by_definition(*run)
        assert agree(found, expected), (size, mu)
        events += (found["left"] >= 0).sum()
    assert events > 0 or schedule or sampling != "with-replacement"


def test_batches_larger_than_a_group_and_than_the_population():
    prompts = PROMPTS["three features"]
    weights, unit = start(prompts), Population.from_prompts(prompts).unit_step_size
    for size in (5, 8, 11, 30):
        run = prompts, 0.8 * unit, weights, Batches(size, n_steps=25, seed=4), 3
        assert agree(trained(*run), by_definition(*run)), size


@pytest.mark.parametrize("wrong", ["sign", "order", "sum", "label"])
def test_a_wrong_step_is_seen(wrong):
    prompts = PROMPTS["three features"]
    eta = 0.3 * Population.from_prompts(prompts).unit_step_size
    run = prompts, eta, start(prompts), Batches(2, sampling="epochs", n_steps=12, seed=1), 3
    found = trained(*run)
    assert agree(found, literal(*run))
    assert not agree(found, literal(*run, wrong=wrong))


def test_other_batches_and_other_prompts_are_seen():
    prompts = PROMPTS["three features"]
    run = 0.3 * Population.from_prompts(prompts).unit_step_size, start(prompts)
    one, two = (Batches(2, n_steps=12, seed=seed) for seed in (1, 2))
    found = trained(prompts, *run, one, 3)
    assert not agree(found, by_definition(prompts, *run, two, 3))
    assert not agree(found, by_definition(prompts[::-1], *run, one, 3))


@pytest.mark.parametrize("name", ["mode of three", "mode of ten"])
def test_on_a_shared_mode_trainings_do_what_trajectories_do(name):
    """Below mu = 1 nothing is chaotic inside; sharp batches still stretch rounding, by 1e8 in 60 steps."""
    prompts = PROMPTS[name]
    population, weights, n_left = Population.from_prompts(prompts), start(prompts), []
    for mu, size, schedule in ((0.3, 1, None), (0.8, 3, None), (0.9, 2, [0.1, 0.5, 1.0])):
        batches = Batches(size, n_steps=60, seed=5, schedule=schedule)
        states = population.project_weights(**weights)
        map_ = escape_times(population, mu, *states, batches=batches, n_trajectories=200)
        eta = mu * population.unit_step_size
        found = trained_escapes(prompts, step_size=eta, **weights, batches=batches, n_trainings=200)
        assert np.array_equal(found.left, map_.left) and np.array_equal(found.diverged, map_.diverged)
        stayed = found.left < 0
        assert found.end_a[stayed] == pytest.approx(map_.end_a[stayed], rel=1e-5)
        n_left.append((found.left >= 0).sum())
    assert 0 < max(n_left) < 200


# What trainings do not depend on.


def test_neither_threads_nor_tiles_nor_the_number_of_trainings_change_a_bit(monkeypatch):
    """Most diverge, at different steps, so that lanes are given on."""
    prompts = PROMPTS["three features"]
    batches = Batches(2, sampling="epochs", n_steps=40, seed=3)
    run = prompts, 0.2 * Population.from_prompts(prompts).unit_step_size, start(prompts), batches
    whole = trained(*run, 300)
    assert 100 < (whole["diverged"] >= 0).sum() < 300
    assert identical(whole, trained(*run, 7), slice(7))
    sweep = TrainingSweep(prompts, step_size=run[1], **run[2], batches=batches, n_trainings=300)
    assert identical(whole, sweep.compute(slice(150, 156)), slice(150, 156))
    for name, x in by_definition(*run, 80).items():
        assert name.startswith("end") or np.array_equal(whole[name][:80], x)
    for size in (13, 64, 192):
        monkeypatch.setattr(TrainingSweep, "cells_per_tile", size)
        found = compute(sweep)
        assert identical(whole, {name: getattr(found, name) for name in ARRAYS}), size
        assert identical(whole, trained(*run, 300, n_threads=2)), size


def test_tiles_are_whole_blocks_and_smaller_the_more_work_there_is():
    prompts = PROMPTS["ten features"]
    batches = (Batches(size, n_steps=n) for size, n in ((1, 10), (32, 1000), (32, 10**5)))
    asked = {"step_size": 0.1, **start(prompts), "n_trainings": 10}
    sizes = [TrainingSweep(prompts, batches=each, **asked).cells_per_tile for each in batches]
    assert all(size % 64 == 0 for size in sizes) and sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 64 < sizes[0]


def test_coordinates_of_the_spans_are_the_same_training_with_fewer_numbers(monkeypatch):
    rng = np.random.default_rng(3)
    query = rng.normal(size=4)
    prompts = [
        Prompt.from_arrays(rng.normal(size=(9, 4)), rng.normal(size=9), query, rng.normal()) for _ in range(8)
    ]
    eta = 0.6 * Population.from_prompts(prompts).unit_step_size
    weights, asked = start(prompts), {"batches": Batches(2, n_steps=15), "n_trainings": 100}
    short = TrainingSweep(prompts, step_size=eta, **weights, **asked)
    assert shape_of_weights(short) == (4, 1) and short.table.shape == (8, 4 + 1 + 2)
    with monkeypatch.context() as patched:
        patched.setattr(population, "_in_span", lambda vectors: (vectors, np.eye(4)))
        whole = TrainingSweep(prompts, step_size=eta, **weights, **asked)
    assert shape_of_weights(whole) == (4, 4)
    found = short.compute(slice(0, 100))
    assert agree(found, whole.compute(slice(0, 100)))
    assert 0 < (found["left"] >= 0).sum() < 100
    ten, few, mode = (PROMPTS[name] for name in ("ten features", "fewer than features", "mode of ten"))
    assert shape_of_weights(TrainingSweep(few, step_size=eta, **start(ten), **asked)) == (4, 4)
    assert shape_of_weights(TrainingSweep(mode, step_size=1.0, **start(mode), **asked)) == (1, 1)


def shape_of_weights(sweep):
    _, weights = sweep.initial
    return weights.shape


# Events at the ends.


def test_events_at_the_first_and_at_the_last_state():
    prompts = PROMPTS["three features"]
    eta, few = 0.9 * Population.from_prompts(prompts).unit_step_size, Batches(1, n_steps=5, seed=2)
    out = trained(prompts, eta, start(prompts, 3.0), few, 3)
    assert (out["left"] == 0).all()
    gone = trained(prompts, eta, start(prompts, 300.0), few, 3)
    assert (gone["left"] == 0).all() and (gone["diverged"] == 0).all()
    assert gone["end_a"] == pytest.approx(300 * 0.75 * math.sqrt(0.9), rel=1e-12)
    whole = trained(prompts, eta, start(prompts), replace(few, n_steps=60), 20)
    for event in ("left", "diverged"):
        i = int(np.argmax(whole[event]))
        last = int(whole[event][i])
        assert last > 1
        for n_steps, expected in ((last, last), (last - 1, -1)):
            shorter = trained(prompts, eta, start(prompts), replace(few, n_steps=n_steps), 20)
            assert shorter[event][i] == expected


def test_beyond_two_everything_is_outside_and_overflows_are_divergence():
    prompts = PROMPTS["one feature"]
    unit = Population.from_prompts(prompts).unit_step_size
    for mu in (2.0, 2.5, 1e150):
        found = trained(prompts, mu * unit, start(prompts), Batches(3, n_steps=9), 70)
        assert (found["left"] == 0).all()
    assert (found["diverged"] <= 1).all()
    rests = trained(prompts, 3 * unit, start(prompts, 0.0), Batches(3, n_steps=9), 5)
    assert (rests["left"] == 0).all() and (rests["diverged"] == -1).all()


# Results, files and refusals.


def sweep_of():
    batches = Batches(2, n_steps=20, schedule=[0.5, 1.0])
    return TrainingSweep(NEAR, step_size=0.4, **start(NEAR), batches=batches, n_trainings=200)


def test_a_stopped_sweep_goes_on_to_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(TrainingSweep, "cells_per_tile", 64)
    whole = store.run_to_file(sweep_of(), tmp_path / "whole.h5")
    stopped_after(2, sweep_of(), tmp_path / "x.h5")
    assert store.resume(tmp_path / "x.h5").read_bytes() == whole.read_bytes()
    found = store.load(whole)
    assert found.kind == "escape_times" and found.trained and not found.by_mode
    assert found.batches == sweep_of().batches and found.settings["step_size"] == 0.4
    assert found.schedule == (0.5, 1.0)
    assert found.settings["mu"] == Population.from_prompts(NEAR).mu(0.4)
    assert (found.settings["u"], found.settings["v"]) == pytest.approx((1.2, 0.6))
    assert found.settings["n_trajectories"] == found.left.size == 200


def test_a_stopped_sweep_goes_on_as_what_it_was(tmp_path, monkeypatch):
    """Both kinds of sweep give one kind of result."""
    mode = Population([1.0, 1.0], [0.5, 1.5])
    batches = Batches(1, n_steps=20)
    of_the_map = EscapeSweep(mode, 0.9, 1.0, 0.5, batches=batches, n_trajectories=200)
    for sweep in (of_the_map, sweep_of()):
        monkeypatch.setattr(type(sweep), "cells_per_tile", 64)
        name = type(sweep).__name__
        whole = store.run_to_file(sweep, tmp_path / f"{name}.h5")
        stopped_after(2, sweep, tmp_path / f"{name} stopped.h5")
        assert store.resume(tmp_path / f"{name} stopped.h5").read_bytes() == whole.read_bytes()


REFUSED = {
    "no prompts": ({"prompts": []}, ["prompts", "got none"]),
    "shape": ({"key_query": [[1.0]]}, ["key_query", "(2, 2)", "(1, 1)"]),
    "value": ({"value": math.nan}, ["value", "finite"]),
    "step size": ({"step_size": 0.0}, ["step_size", "positive"]),
    "batch": ({"batches": Batches(5, sampling="epochs")}, ["the batch size", "4 prompts", "got 5"]),
    "memory": ({"batches": Batches(10**7)}, ["batches and weights", "GiB"]),
    "trainings": ({"n_trainings": 0}, ["n_trainings"]),
    "not batches": ({"batches": 32}, ["batches", "got 32"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_refused(name):
    changed, parts = REFUSED[name]
    asked = {"prompts": NEAR, "step_size": 0.1, "batches": Batches(1), **start(NEAR)} | changed
    check_refused(lambda: trained_escapes(**asked), parts)
