"""The studies of the sandbox: their intervals and tests, and that they train what they say."""

from __future__ import annotations

import numpy as np
import pytest

from experiments import intervals
from experiments.sandbox_spikes import training as spikes
from experiments.sandbox_spikes import windows
from experiments.sandbox_success import settings
from experiments.sandbox_transfer import training as transfer
from lintrans.sandbox import Case, Task, Training, study, train
from lintrans.sandbox.curvature import preconditioned_sharpness, sharpness
from lintrans.sandbox.model import unflatten
from lintrans.sandbox.task import distinct

SHORT = Training(n_epochs=4)


# Intervals.


def test_a_median_of_six_lies_between_the_ends_and_of_five_has_no_interval():
    """All six on one side of the median: 2 / 2^6 = 3.1 %; all five: 6.3 %."""
    assert intervals.median([3, 1, 2, 6, 5, 4, np.nan]) == (3.5, 1.0, 6.0)
    five = intervals.median([1, 2, 3, 4, 5])
    assert five.value == 3
    assert np.isnan(five[1:]).all()
    assert np.isnan(intervals.median([np.nan])).all()


def test_the_interval_of_a_median_covers_it():
    """At least 95 % of the intervals of 21 numbers cover; 1,000 samples have an error of 0.7 %."""
    rng = np.random.default_rng(0)
    found = np.array([intervals.median(rng.exponential(size=21)) for _ in range(1000)])
    covers = (found[:, 1] <= np.log(2)) & (np.log(2) <= found[:, 2])
    assert covers.mean() > 0.93
    control = (found[:, 1] <= 1.0) & (found[:, 2] >= 1.0)  # the mean, which is another number
    assert control.mean() < 0.88  # 83 %, known to 1.2 %


def test_a_mean_has_the_interval_of_its_standard_error():
    """Of 400 normal numbers: 1.96 / 20 to both sides, of which resampling leaves 2 % open at each end."""
    values = np.random.default_rng(1).normal(size=400)
    found = intervals.mean(values)
    half = 1.96 * values.std() / 20
    assert found.value == values.mean()
    assert found.high - found.low == pytest.approx(2 * half, rel=0.07)
    assert np.isnan(intervals.mean([])).all()


def test_fisher_of_the_lady_tasting_tea():
    """Three of four against one of four: p = 34/70."""
    assert intervals.compare((3, 4), (1, 4)).p == pytest.approx(34 / 70, rel=1e-12)
    assert intervals.compare((1, 4), (3, 4)).odds.value == pytest.approx(
        1 / intervals.compare((3, 4), (1, 4)).odds.value, rel=1e-6
    )
    assert intervals.compare((0, 5), (0, 7)).p == 1


def test_power_of_equal_shares_is_below_the_level_and_grows_with_the_sample():
    assert intervals.power(20, (0.3, 0.3)) <= 0.05
    few, many = (intervals.power(n, (3 / 6, 1 / 17)) for n in (10, 22))
    assert few < 0.9 < many
    assert intervals.power(4, (0.0, 1.0)) == pytest.approx(1.0, rel=1e-12)  # p = 2/70


# Runs.


def test_settings_are_trained_as_a_study_does():
    case = Case("default", training=SHORT)
    ours = settings.run(case, range(10), every=1, n_snapshots=5)
    theirs = study([case], seeds=range(10)).of("default")
    for name in ("train", "population", "label", "spikes"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    coarse = settings.run(case, range(10), every=4, n_snapshots=5)
    np.testing.assert_array_equal(ours.population, coarse.population)


def test_times_are_in_epochs_however_often_sets_are_measured(monkeypatch):
    """A task of one position is read within the first epochs."""
    monkeypatch.setattr(settings, "Task", lambda: Task(length=3, positions=1))
    case = Case("easy", training=Training(n_epochs=20))
    fine, coarse = (settings.run(case, range(4), every=n, n_snapshots=5).read_epoch for n in (1, 5))
    assert np.isfinite(fine).any()
    np.testing.assert_array_equal(coarse, 5 * np.ceil(fine / 5))


def test_a_setting_of_the_config_changes_what_it_names():
    case = settings.case_of({"group": "width", "name": "8", "model": {"width": 8}})
    assert (case.name, case.model.width, case.training) == ("width 8", 8, Training())


def solved_runs(training=SHORT):
    """Two short runs, the first of them declared solved."""
    runs = spikes.train(Case("short", training=training), [3, 5], 3)
    runs.accuracy[0, -1] = 1.0
    return runs


def test_a_branch_with_the_same_optimiser_is_the_longer_run():
    longer = train(seeds=[3], training=Training(n_epochs=6))
    loss, accuracy = spikes.go_on(solved_runs(), Training(n_epochs=2))
    np.testing.assert_array_equal(loss[0, 4:], longer.loss[0, 5:, 0])
    assert accuracy[0] == longer.accuracy[0, -1, 2]
    control, _ = spikes.go_on(solved_runs(), Training(n_epochs=2, beta2=0.9))
    assert abs(control[0, 4:] / loss[0, 4:] - 1).max() > 1e-6


def test_plain_descent_leaves_the_moments_of_adam_behind():
    """With a momentum of 0 and the smallest rate nothing moves, whatever Adam's first moment was."""
    still = Training(n_epochs=2, optimizer="sgd", momentum=0.9, rate=1e-300)
    loss, _ = spikes.go_on(solved_runs(), still)
    np.testing.assert_allclose(loss[0, 4:], loss[0, 3], rtol=1e-13)  # rounding of the mean


def test_curvature_of_a_window_is_that_of_the_whole_hessian():
    """Lanczos stops at 1e-3 of the eigenvalue, and is much closer as a rule."""
    runs = solved_runs()
    steps = np.array([130, 140])
    found = windows.look(runs, 0, 3, steps, 140)
    task, case, data = Task(), runs.case, distinct(Task().data(3).train)
    state = spikes.Block(task, case.model, case.training, (3,)).advance(runs.states[:1, 1], (128, 140)).state
    weights = unflatten(task, case.model, state[0, 0])
    assert found.steps.tolist() == [-10, 0]
    assert found.plain[1] == pytest.approx(sharpness(task, case.model, weights, *data)[0], rel=1e-3)
    whole = preconditioned_sharpness(
        task, case.model, weights, *data, training=case.training, second_moment=state[0, 2], n_steps=140
    )
    assert found.preconditioned[1] == pytest.approx(whole[0] * 0.003 / 38, rel=1e-3)
    assert found.preconditioned[0] != pytest.approx(found.preconditioned[1], rel=1e-3)


def test_controls_are_far_from_spikes():
    runs = solved_runs(Training(n_epochs=60))
    runs.accuracy[0, 30:] = 1.0
    runs.loss[0] = 1.0
    runs.loss[0, 49] = 3.0
    assert windows.sample(runs, 5, 4, 0) == [(0, 50)]
    assert windows.sample(runs, 5, 0, 0) == []
    for seed in range(20):
        ((place, epoch),) = windows.controls(runs, [(0, 50)], 10, seed)
        assert place == 0
        assert 31 < epoch < 40


def test_separation_is_a_probability():
    low, high = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert windows.separation(high, low) == 1
    assert windows.separation(low, high) == 0
    assert windows.separation(low, low) == 0.5
    seeds = np.array([1, 2])
    crossed = windows.resampled((seeds, low), (seeds, low[::-1]), 0)
    assert crossed.tolist() == [0, 1]  # either run may be drawn twice, with both of its windows
    assert windows.resampled((seeds, high), (seeds, low), 0).tolist() == [1, 1]


def test_a_transfer_begins_at_the_weights_of_its_source():
    """The tables are equally large, so that weights of parity are weights of sums modulo 3."""
    parents = transfer.sources([3, 5], 4, SHORT)
    still = Training(n_epochs=1, optimizer="sgd", rate=1e-300)
    task = Task(p=3, length=6, positions=2)
    short = transfer.model_of(task, 4)
    assert short.n_tokens(task) == transfer.model_of(Task(), 4).n_tokens(Task()) == 4
    weights = parents.weights[:, : short.n_weights(task)]
    from_source = transfer.runs(task, [3, 5], 4, still, every=1, weights=weights)
    block = spikes.Block(task, short, still, (3, 5))
    np.testing.assert_array_equal(from_source.test, block.measure_sets(weights)[1][:, 1])
    scratch = transfer.runs(task, [3, 5], 4, still, every=1)
    assert (from_source.test != scratch.test).any()
