"""Schedules with mini-batches: the experiment's own pieces with planted faults, and its kept table."""

from __future__ import annotations

import copy
import math
import re

import numpy as np
import pytest

from experiments import entry
from experiments.batch_schedules import drift, limits, long_run, shapes, times, training
from lintrans.counting import Proportion
from lintrans.minibatch import Population
from lintrans.two_factor.normal_form import critical_mu

README = entry.HERE / "batch_schedules" / "README.md"
CONFIG = shapes.CONFIG
LARGEST_Z = CONFIG["largest_z"]


@pytest.fixture(autouse=True)
def numbers():
    """The configuration, for a test to change; as it was after each."""
    kept = copy.deepcopy(CONFIG)
    yield CONFIG
    CONFIG.clear()
    CONFIG.update(kept)


@pytest.mark.parametrize("n_steps", [1000, 37])
@pytest.mark.parametrize("name", shapes.SCHEDULES)
def test_schedules_are_relative_step_sizes(name, n_steps):
    found = shapes.shape(name, n_steps)
    assert found.shape == (n_steps,)
    assert 0 <= found.min() <= found.max() <= 1
    if "warm-up" not in name:
        assert found[0] == 1
        assert (np.diff(found) <= 0).all()


def test_schedules_have_their_landmarks():
    warm, linear, both = (shapes.shape(name, 1000) for name in ("warm-up", "linear", "warm-up, linear"))
    assert warm[:3] == pytest.approx([0.01, 0.02, 0.03])
    assert warm[99:].tolist() == [1.0] * 901
    assert linear[500] == 0.5
    assert both == pytest.approx(warm * linear)
    assert shapes.shape("drop", 10).tolist() == [1.0] * 5 + [0.1] * 5
    assert shapes.shape("1/t", 10)[1] == 0.5
    assert shapes.shape("cosine", 4) == pytest.approx([1, (1 + 0.5**0.5) / 2, 0.5, (1 - 0.5**0.5) / 2])


@pytest.mark.parametrize("name", ["interpolating", "label noise", "both"])
def test_prompts_have_the_moments_that_were_drawn(name):
    drawn, found = Population.sampled(**CONFIG["populations"][name]), shapes.population_of(name)
    assert np.array_equal(found.moments, drawn.moments)
    assert np.array_equal(found.labels, drawn.labels)
    assert found.interpolates == (name == "interpolating")
    assert not found.leakage.any()


def test_drift_is_that_of_the_claim_and_wrong_ones_are_not(numbers):
    """Noise by kappa instead of kappa^2 and prompts stretched by 5 % must be seen."""
    numbers["drift"]["n_draws"] = 20_000
    largest = [
        max(abs(row.z) for row in drift.drift_rows(**wrong))
        for wrong in ({}, {"power": 1.0}, {"power": 3.0}, {"spread": 1.05})
    ]
    assert largest[0] < LARGEST_Z
    assert min(largest[1:3]) > 50
    assert largest[3] > 2 * LARGEST_Z


def test_drift_changes_its_sign_where_it_is_said_to(numbers):
    numbers["drift"]["n_draws"] = 100_000
    rows = list(drift.zero_rows())
    assert max(abs(row.z) for row in rows) < LARGEST_Z
    assert max(row.error for row in rows) < 0.01
    assert [row.derived for row in rows[::3]] == sorted({row.derived for row in rows})
    assert max(abs(row.z) for row in drift.zero_rows(spread=1.1)) > LARGEST_Z


def test_states_of_the_zero_lie_on_the_ellipse():
    mu = CONFIG["drift"]["mu"]
    for a, b in drift.on_ellipse():
        assert a * a / (2 + mu) + b * b / (2 - mu) == pytest.approx(1, rel=1e-14)
        assert abs(a * a - b * b - mu) > 0.1


def test_equal_prompts_are_limited_by_the_full_batch_alone():
    """Beyond its critical step size the start itself is outside, under every schedule."""
    equal, start, critical = Population([1.0, 1.0], [1.0, 1.0]), (1.4, 0.2), 1.3469049449433623
    assert critical == pytest.approx(float(critical_mu(*start)), rel=1e-12)
    for name in ("constant", "linear", "warm-up"):
        relative = shapes.shape(name, 50)
        (found,) = limits.limits(equal, start, 1, relative, [0.1], n_coarse=20, n_fine=20)
        assert found.value <= critical < found.high
        assert found.high - found.value < 0.02 * critical


def test_ratio_has_the_ends_of_both_intervals():
    base = limits.Peak("real", 0, 1, "constant", 0.1, 0.4, 0.38, 0.5)
    other = base._replace(schedule="linear", mu=0.6, low=0.5, high=0.76)
    found = limits.ratio(limits.index([base, other]), ("real", 0, 1), "linear", 0.1)
    assert found == pytest.approx((1.5, 1.0, 2.0))


def test_table_is_read_as_it_was_written(tmp_path):
    rows = [limits.Peak("label noise", 1, 64, "warm-up, linear", 0.01, 1.25, 1.0, math.nan)]
    limits.write(tmp_path / "table.csv", rows)
    (found,) = limits.read(tmp_path / "table.csv")
    assert found[:-1] == rows[0][:-1]
    assert math.isnan(found.high)


def test_kept_table_is_complete_and_in_order():
    peaks = limits.index(limits.read(limits.KEPT))
    assert len(peaks) == 4 * 2 * 4 * len(shapes.SCHEDULES) * 2
    for case in limits.cases():
        for schedule in shapes.SCHEDULES:
            low, high = (peaks[case, schedule, risk] for risk in CONFIG["risks"])
            for peak in (low, high):
                assert not peak.low > peak.mu
                assert not peak.mu > peak.high
            assert low.mu <= high.mu


def test_readme_has_the_numbers_of_the_kept_table():
    """Rows of its tables: prompts, B, mu, the part that left early, then ratios by the header."""
    peaks = limits.index(limits.read(limits.KEPT))
    start, checked, header = -1, 0, None
    for line in README.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| prompts | B | mu |"):
            header, start = cells[4:], start + 1
        elif not line.startswith("|"):
            header = None
        elif header and cells[0] in CONFIG["names"]:
            case = cells[0], start, int(cells[1])
            assert float(cells[2]) == pytest.approx(peaks[case, "constant", 0.1].mu, abs=6e-4)
            for schedule, cell in zip(header, cells[4:], strict=True):
                expected = limits.ratio(peaks, case, schedule, 0.1)
                found = [float(x) for x in re.findall(r"\d+\.\d+", cell)]
                assert found == pytest.approx(expected[: len(found)], abs=6e-3)
                checked += 1
    assert start == 1
    assert checked > 60


def test_hazards_of_powers_are_found_and_carried_to_a_schedule(numbers):
    """A hazard c kappa^4, known at four kappas, along (1 + t / scale)^-1: the sum in closed form."""
    numbers["long"] |= {"n_steps": 5000, "scale": 1000}
    kappas = [1.0, 0.8, 0.6, 0.5]
    hazards = [Proportion(1e-3 * kappa**4, 0.0, 1.0) for kappa in kappas]
    assert long_run.powers(kappas, hazards) == pytest.approx([4.0] * 3)
    falling = long_run.falling(1.0)
    expected = math.exp(-1e-3 * float(np.sum(falling**4)))
    assert long_run.quasi_static(falling, kappas, hazards) == pytest.approx(expected, rel=1e-12)
    wrong = [Proportion(1e-3 * kappa**2, 0.0, 1.0) for kappa in kappas]
    assert long_run.quasi_static(falling, kappas, wrong) < 0.95 * expected


def test_steady_tells_one_hazard_from_two():
    def survival(rates):
        counts = [1000, *(round(1e5 * rate) for rate in rates)]
        hazards = [Proportion(rate, 0.0, 1.0) for rate in (1e-2, *rates)]
        return long_run.Survival(0.0, hazards, counts, hazards[0], 0.0, None)

    assert long_run.steady(survival([1e-2] * 3)) == pytest.approx((0.0, 2))
    assert long_run.steady(survival([1e-2, 1e-2, 1.2e-2]))[0] > 20


def test_single_interpolating_prompts_are_lost_at_the_start_and_noisy_labels_are_not(numbers):
    """The finding, with 3,000 trajectories each: errors of 0.006."""
    numbers["times"]["n_trajectories"] = [3000] * 4
    peaks = limits.index(limits.read(limits.KEPT))
    settling, noisy = (times.times_of((name, 0, 1), peaks) for name in ("interpolating", "label noise"))
    for found in (settling, noisy):
        assert found.risks["constant"] == pytest.approx(0.1, abs=0.03)
    assert settling.early > 0.98
    assert settling.risks["warm-up"] < 0.002
    assert settling.risks["linear"] > 0.08
    assert noisy.early < 0.2
    assert noisy.risks["linear"] < 0.01
    assert noisy.risks["warm-up"] > 0.055


def test_trainings_under_a_schedule_are_their_trajectories(numbers):
    """Below mu = 1 each leaves and diverges at the very step; another schedule is not as often lost."""
    numbers["training"] |= {"n_trainings": 20, "n_trajectories": 4000}
    numbers["n_steps"] = 100
    found = training.train(("real", 0, 16), "warm-up, linear", 0.95)
    assert found.found.n_alike == 20
    assert found.found.max_commutation_error < 1e-12
    assert abs(found.z) < LARGEST_Z
    other = training.train(("real", 0, 16), "constant", 0.95)
    assert other.predicted.value > found.predicted.value + 0.2


def test_quick_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["batch_schedules", "--quick", "--output", "found.h5", "--figure", "gains.png"]
    assert entry.main([*words, "--table", "peaks.csv"]) == 0
    printed = capsys.readouterr()
    assert "zero of the drift" in printed.out
    assert "never left" in printed.out
    assert "FAIL" not in printed.out
    assert "training, " in printed.err
    assert {path.name for path in tmp_path.iterdir()} == {"found.h5", "peaks.csv", "gains.png"}
    assert len(limits.read(tmp_path / "peaks.csv")) == 2 * 2 * len(shapes.SCHEDULES) * 2
    assert entry.main(["batch_schedules", "drift", "--quick", "--power", "1"]) == 1
    assert "FAIL" in capsys.readouterr().out
    assert entry.main(["batch_schedules", "drifts"]) == 2
