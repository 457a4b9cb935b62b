"""Sigmoid fits on curves whose shape is known, on noise, and on runs of the sandbox."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import nnls

from lintrans.counting import transitions
from lintrans.counting.transitions import VERDICTS, WIDTH, fit_transition
from lintrans.errors import InputError
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.labels import circuit
from lintrans.sandbox.model import Model, unflatten
from lintrans.sandbox.stages import find_stages
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

FINE = np.arange(0.0, 20.01, 0.25)
COARSE = np.arange(10.0)


def curve(x, midpoint, width, lower=0.0, upper=1.0):
    """A sigmoid by its definition."""
    return lower + (upper - lower) / (1 + np.exp(-(np.asarray(x) - midpoint) * WIDTH / width))


def fit(x, y, **options):
    return fit_transition(x, y, **{"n_bootstrap": 0, **options})


@pytest.mark.parametrize(
    ("midpoint", "width", "lower", "upper"), [(9.3, 4.0, 0, 0.6), (4, 1.5, 0.5, 1), (12, 8, 0.1, 0.8)]
)
def test_a_sigmoid_is_found_again(midpoint, width, lower, upper):
    found = fit(FINE, curve(FINE, midpoint, width, lower, upper))
    got = found.midpoint.value, found.width.value, found.lower, found.upper
    assert got == pytest.approx((midpoint, width, lower, upper), abs=1e-5)  # flat minimum: root of 1e-12
    assert found.residual < 1e-7
    assert found.at(FINE) == pytest.approx(curve(FINE, midpoint, width, lower, upper), abs=1e-7)


def test_the_width_is_that_from_10_to_90_percent():
    found = fit(FINE, curve(FINE, 9, 4, upper=0.5))
    at = found.at([9 - 2, 9, 9 + 2])
    assert at == pytest.approx([0.05, 0.25, 0.45], abs=1e-6)


def brute_force(x, y, midpoints, widths):
    """Least-squares midpoint and width on a fine grid; asymptotes by non-negative least squares."""
    costs = {}
    for m in midpoints:
        for width in widths:
            u = curve(x, m, width)
            costs[m, width] = nnls(np.stack([1 - u, u], axis=1), y)[1]
    return min(costs, key=costs.get)


@pytest.mark.parametrize("seed", range(4))
def test_the_fit_agrees_with_a_fine_grid(seed):
    draws = np.random.default_rng(seed)
    y = curve(COARSE, draws.uniform(3, 6), draws.uniform(2, 5), upper=0.8) + draws.normal(0, 0.03, 10)
    y = np.clip(y, 0, 1)
    found = fit(COARSE, y)
    m, width = brute_force(COARSE, y, np.arange(2, 7, 0.05), np.arange(1, 8, 0.1))
    assert abs(found.midpoint.value - m) <= 0.05  # one step of the grid; the valley is oblique
    assert abs(found.width.value - width) <= 0.15
    assert found.upper < 1  # else the ceiling, which the grid lacks, would matter


def test_resamples_are_fitted_like_the_points():
    """The search on a grid, which resamples use, ends where least squares end."""
    y = np.clip(curve(COARSE, 4.4, 3, upper=0.7) + np.random.default_rng(5).normal(0, 0.03, 10), 0, 1)
    problem = transitions._Problem(COARSE, np.ones(10), 1.0)
    m, log_s = transitions._search(problem, y[None])[0]
    found = fit(COARSE, y)
    assert m == pytest.approx(found.midpoint.value, abs=1e-3)  # the last grid has steps of 1e-4
    assert WIDTH * math.exp(log_s) == pytest.approx(found.width.value, rel=1e-3)


def test_the_lower_asymptote_is_never_negative():
    """A concave ramp: a free lower asymptote would run away below 0, and the width with it."""
    x = np.log2([20, 41, 104, 209, 419, 838, 1677, 2516, 3355, 5117])
    y = np.array([9, 40, 108, 111, 130, 179, 183, 187, 190, 194]) / 256
    found = fit(x, y)
    assert found.lower == 0
    assert found.width.value == pytest.approx(6.2786, abs=1e-3)
    assert not found.is_complete  # 10 % lies before the first point


def test_the_ceiling_holds():
    y = np.array([0, 0, 0, 0.1, 0.2, 0.4, 0.7, 0.95])
    assert fit(range(8), y).upper == 1
    assert fit(range(8), y, ceiling=2).upper > 1.1
    assert fit(range(8), y, ceiling=math.inf).upper > 1.1


@pytest.mark.parametrize(
    ("grid", "width", "verdict"),
    [
        (0.1, 1.0, "sharp"),
        (1.0, 1.0, "unresolved"),
        (0.25, 2.5, "intermediate"),
        (0.25, 4.0, "ramp"),
        (4.0, 5.0, "unresolved"),  # although above 3 doublings
        (0.1, 1.9, "sharp"),
        (0.1, 2.1, "intermediate"),
        (0.1, 2.9, "intermediate"),
        (0.1, 3.1, "ramp"),
        (1.0, 1.45, "unresolved"),
        (1.0, 1.6, "sharp"),
    ],
)
def test_verdicts(grid, width, verdict):
    x = np.arange(0, 24.01, grid)
    found = fit(x, curve(x, 12.3, width, upper=0.7))
    assert found.verdict == verdict
    assert found.grid_step == pytest.approx(grid)
    assert found.reason.startswith(f"width {found.width.value:.3g} doublings")


def test_the_grid_step_is_that_at_the_midpoint():
    x = np.array([0, 1, 2, 3, 6, 7, 8, 9.0])
    assert fit(x, curve(x, 4.5, 1)).grid_step == 3
    assert fit(x, curve(x, 7.4, 1)).grid_step == 1


def test_a_jump_is_known_no_better_than_its_points():
    found = fit([1, 2, 3, 5, 6, 7], [0, 0, 0, 0.7, 0.7, 0.7], n_bootstrap=50)
    assert found.verdict == "unresolved"
    assert found.midpoint.value == pytest.approx(4, abs=0.02)  # the middle, by convention
    assert found.width.value == pytest.approx(0.1, abs=0.01)  # a tenth of a grid step
    assert found.largest_share.value == 1
    assert "below 1.5 grid steps of 2" in found.reason


RISING = [0, 0, 0.1, 0.3, 0.6, 0.8, 0.8, 0.8]


@pytest.mark.parametrize(
    ("y", "verdict"),
    [
        ([0.3] * 8, "none"),
        ([0] * 8, "none"),
        ([0, 0, 0, 0, 0, 0, 0, 0.004], "none"),
        (RISING[::-1], "none"),
        ([0.5, 0.52, 0.49, 0.51, 0.48, 0.52, 0.5, 0.51], "none"),  # noise
        ([0, 0, 0, 1, 0, 0, 0, 0], "non-monotone"),
        ([0, 0, 0.3, 0.8, 0.8, 0.8, 0.2, 0.8], "non-monotone"),  # one point does not make it noise
        ([0, 0, 0.5, 1, 1, 1, 0.5, 0.1], "non-monotone"),
        ([0, 0.2, 0.5, 0.8, 0.8, 0.8, 0.8, 0.6], "non-monotone"),  # a fall of 25 %
        ([0, 0.2, 0.5, 0.8, 0.8, 0.8, 0.8, 0.66], "intermediate"),  # of 18 %
        ([0, 0, 0, 0, 0.012, 0.023, 0.023, 0.023], "unresolved"),
        (RISING, "intermediate"),
    ],
)
def test_verdicts_of_other_shapes(y, verdict):
    found = fit(range(8), y)
    assert found.verdict == verdict
    assert verdict in VERDICTS
    assert found.answer()["verdict"] == verdict
    assert math.isnan(found.width.value) == (verdict == "none")


def test_a_flipped_sign_is_noticed():
    assert fit(range(8), RISING).verdict != "none"
    assert fit(range(8), 0.8 - np.array(RISING)).verdict == "none"


def test_noise_without_a_rise_is_seldom_called_a_transition():
    draws = np.random.default_rng(0)
    found = [fit(range(10), 0.5 + draws.normal(0, 0.03, 10)).verdict for _ in range(60)]
    assert found.count("none") >= 42  # 51 expected, less 3 standard deviations
    assert found.count("none") + found.count("non-monotone") >= 53  # 57.7 expected, less 3


def test_a_rise_beside_noise_is_still_called_one():
    draws = np.random.default_rng(1)
    y = [np.clip(curve(COARSE, 4.5, 4, upper=0.8) + draws.normal(0, 0.03, 10), 0, 1) for _ in range(20)]
    assert sum(fit(COARSE, one).verdict == "none" for one in y) <= 1


def test_another_unit_of_x_shifts_the_midpoint_only():
    y = curve(COARSE, 4.5, 4, upper=0.8)
    one, other = (fit(COARSE + shift, y, n_bootstrap=40) for shift in (0, 29.897352853986263))
    assert other.midpoint.value - one.midpoint.value == pytest.approx(29.897352853986263, abs=1e-5)
    assert other.width.value == pytest.approx(one.width.value, abs=1e-5)


def test_weights_leave_a_point_out():
    y = curve(COARSE, 4.5, 4, upper=0.8)
    wrong = np.where(COARSE == 7, 0.2, y)
    weights = np.where(COARSE == 7, 1e-12, 1.0)
    found = fit(COARSE, wrong, weights=weights)
    assert found.width.value == pytest.approx(4, abs=1e-3)
    assert abs(fit(COARSE, wrong).width.value - 4) > 0.1


def test_intervals_from_residuals_hold_the_truth():
    """Of intervals that are to hold it in 95 % of all cases, 80 % at least do: 20 points are few."""
    draws, held = np.random.default_rng(7), 0
    x = np.arange(0, 10, 0.5)
    for seed in range(40):
        y = np.clip(curve(x, 4.5, 4, lower=0.1, upper=0.7) + draws.normal(0, 0.02, x.size), 0, 1)
        width = fit(x, y, n_bootstrap=100, seed=seed).width
        held += width.low <= 4 <= width.high
    assert held >= 32


def test_units_are_resampled_whole():
    """Half of the heads form early, half late: the mean curve is exact, and its midpoint depends on them."""
    early, late = (curve(FINE, m, 2) for m in (7, 11))
    units = np.stack([early] * 6 + [late] * 6)
    by_units, by_residuals = fit(FINE, units, n_bootstrap=200), fit(FINE, units.mean(axis=0), n_bootstrap=200)
    assert (by_units.resampled, by_residuals.resampled) == ("units", "residuals")
    assert by_units.midpoint.value == by_residuals.midpoint.value
    spread = [found.midpoint.high - found.midpoint.low for found in (by_units, by_residuals)]
    assert spread[0] > 3 * spread[1]
    alike = fit(FINE, np.stack([early] * 5), n_bootstrap=20)
    assert alike.midpoint.high - alike.midpoint.low < 1e-6
    assert fit(FINE, early[None], n_bootstrap=20).resampled == "residuals"


def test_the_largest_share_is_that_of_the_largest_step():
    assert fit(range(6), [0, 0, 0.2, 0.8, 1, 1]).largest_share.value == pytest.approx(0.6)


def test_a_seed_gives_the_same_intervals_whatever_is_searched_at_once(monkeypatch):
    y = np.clip(curve(COARSE, 4.5, 4, upper=0.8) + np.random.default_rng(3).normal(0, 0.02, 10), 0, 1)
    first = fit(COARSE, y, n_bootstrap=70, seed=1)
    assert first == fit(COARSE, y, n_bootstrap=70, seed=1)
    assert first.width != fit(COARSE, y, n_bootstrap=70, seed=2).width
    monkeypatch.setattr(transitions, "CHUNK", 7)
    again = fit(COARSE, y, n_bootstrap=70, seed=1)
    assert again.width == pytest.approx(first.width, rel=1e-6)  # sums may be taken in another order


def test_a_verdict_is_sure_if_the_interval_says_the_same():
    draws = np.random.default_rng(0)
    calm, rough = (
        np.clip(curve(COARSE, 4.5, width, upper=0.8) + draws.normal(0, noise, 10), 0, 1)
        for width, noise in ((5, 0.005), (3.2, 0.05))
    )
    assert fit(COARSE, calm, n_bootstrap=100).is_sure is True
    assert fit(COARSE, rough, n_bootstrap=100).is_sure is False
    assert fit(COARSE, calm, n_bootstrap=100).answer()["is_sure"] is True


def test_no_resamples_no_intervals():
    found = fit(COARSE, curve(COARSE, 4.5, 4))
    assert found.is_sure is None
    assert math.isnan(found.width.low) and math.isnan(found.midpoint.high)
    assert found.resampled == "nothing"


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ([1, 2, 3, 4], [0] * 4, {}, "x must have at least 5 points, got 4"),
        ([1, 2, 2, 4, 5], [0] * 5, {}, "x must be increasing"),
        ([1, 2, 3, 4, -math.inf], [0] * 5, {}, "x must be finite"),
        (range(5), [0] * 6, {}, r"y must have 5 points as x, got shape \(6,\)"),
        (range(5), [0, 0, 0, 0, 1.1], {}, "y must be at most 1, got 1.1"),
        (range(5), [0, 0, 0, 0, -0.1], {}, "y must be at least 0, got -0.1"),
        (range(5), [0, 0, 0, 0, math.nan], {}, "y must be finite"),
        (range(5), np.zeros((0, 5)), {}, "y must have 5 points as x"),
        (range(5), np.zeros((2, 2, 5)), {}, "y must have 2 axes"),
        (range(5), [0] * 5, {"weights": [1, 1, 1, 1, 0]}, "weights must be 5 positive numbers"),
        (range(5), [0] * 5, {"weights": [1]}, "weights must be 5 positive numbers"),
        (range(5), [0] * 5, {"ceiling": 0}, "ceiling must be positive"),
        (range(5), [0] * 5, {"n_bootstrap": -1}, "n_bootstrap must lie between 0"),
        (range(5), [0] * 5, {"seed": 0.5}, "seed must be a whole number"),
    ],
)
def test_refusals(x, y, options, message):
    with pytest.raises(InputError, match=message) as refused:
        fit_transition(x, y, **options)
    assert "\n" not in str(refused.value) and ";" in str(refused.value)


def test_the_two_stages_of_the_sandbox_are_transitions():
    """Shares of runs that have formed, and that have read, their circuit; and the accuracy of one run."""
    task, model, n_epochs = Task(), Model(), 160
    block = Block(task, model, Training(n_epochs=n_epochs), (1, 14, 35, 49))
    steps = np.arange(0, n_epochs * 64 + 1, 640)
    done = block.advance(block.begin(), (0, int(steps[-1])), marks=steps.tolist())
    epochs, formed, read = np.arange(10, n_epochs + 1, 10), [], []
    for kept, accuracy in zip(done.kept[:, :, 0], done.accuracy[:, :, 2], strict=True):
        found = circuit(task, model, unflatten(task, model, kept[-1]), accuracy=accuracy[-1])
        stages = find_stages(task, model, found, steps // 64, kept, accuracy)
        formed.append(epochs >= (stages.formed or math.inf))
        read.append(epochs >= (stages.read or math.inf))
    first, second = (fit(np.log2(epochs), np.array(one, float), n_bootstrap=50) for one in (formed, read))
    assert first.resampled == second.resampled == "units"
    assert first.midpoint.value < second.midpoint.value
    every = np.log2(np.arange(1, n_epochs + 1))
    best = done.accuracy[:, -1, 2].argmax()
    one = fit(every, done.accuracy[best, :, 2])
    assert one.lower >= 0.4  # chance is a half
    assert one.upper > 0.9
    half = 2.0 ** np.interp(0.75, np.maximum.accumulate(done.accuracy[best, :, 2]), every)
    assert 2.0**one.midpoint.value == pytest.approx(half, rel=0.2)  # where it first is half-way
