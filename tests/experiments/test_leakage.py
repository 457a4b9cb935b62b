"""Leakage of independent prompts: its law against counting, fits of known slopes, and the experiment."""

from __future__ import annotations

import numpy as np
import pytest

from experiments import entry
from experiments.leakage import leaks
from lintrans.minibatch import Population

LENGTHS = np.array([8.0, 16.0, 64.0, 256.0, 1024.0])
PLAIN = {"start": 0.5, "batch_size": 4, "seed": 1}


def test_fit_returns_the_slope_that_made_the_data():
    x = np.log(LENGTHS)
    exact = leaks.fit_slope(x, 3 - 0.7 * x, np.full(5, 0.1))
    assert exact.slope == pytest.approx(-0.7, rel=1e-12)
    assert exact.chi2 < 1e-20
    assert exact.off(-0.5) == pytest.approx(-0.2 / exact.error)
    rng, errors = np.random.default_rng(1), np.array([0.01, 0.02, 0.05, 0.1, 0.2])
    fits = [leaks.fit_slope(x, 3 - 0.7 * x + errors * rng.normal(size=5), errors) for _ in range(4000)]
    slopes, chi2 = np.array([fit.slope for fit in fits]), np.array([fit.chi2 for fit in fits])
    # Errors as told, and chi square of mean 3 and variance 6: 4 sigma of 4000.
    assert slopes.std() == pytest.approx(fits[0].error, rel=4 / np.sqrt(8000))
    assert slopes.mean() == pytest.approx(-0.7, abs=4 * fits[0].error / np.sqrt(4000))
    assert chi2.mean() == pytest.approx(3, abs=4 * np.sqrt(6 / 4000))


def test_a_bent_curve_is_no_line():
    """k / (n + k) is straight over ln (n + k) only."""
    y, errors = np.log(15 / (LENGTHS + 15)) / 2, np.full(5, 0.01)
    assert leaks.fit_slope(np.log(LENGTHS + 15), y, errors).slope == pytest.approx(-0.5, rel=1e-12)
    bent = leaks.fit_slope(np.log(LENGTHS), y, errors)
    assert bent.chi2 > 100
    assert bent.off(-0.5) > 10


@pytest.mark.parametrize(("n", "d"), [(1, 2), (8, 4), (50, 16), (4096, 3)])
def test_mean_square_has_its_closed_forms(n, d):
    """Without noise that of a Beta variable, to the tolerance of the integral; with one feature nothing."""
    assert leaks.mean_square(n, d) == pytest.approx((d - 1) / (n + d - 1), rel=1e-9)
    k = d - 1
    far = leaks.mean_square(10**7, d, 0.8)
    assert far == pytest.approx(1.64 * k / 1e7, rel=1e-5)  # corrections of order k / n


@pytest.mark.parametrize("noise", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(("n", "d"), [(3, 2), (12, 5)])
def test_mean_square_with_noise_is_that_of_three_random_numbers(n, d, noise):
    rng, s, size = np.random.default_rng(2), noise**2, 400_000
    across = (1 + s) * rng.chisquare(d - 1, size)
    along = (np.sqrt(rng.chisquare(n, size)) + noise * rng.normal(size=size)) ** 2
    squares = across / (across + along)
    error = squares.std() / np.sqrt(size)
    assert leaks.mean_square(n, d, noise) == pytest.approx(squares.mean(), abs=4 * error)
    assert abs(leaks.mean_square(n, d) - squares.mean()) > 20 * error  # without the noise it is another


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize(("n", "d"), [(8, 4), (64, 4), (64, 16)])
def test_prompts_leak_by_the_law(n, d, noise):
    """4 sigma; the law of one feature more, or of half of the length, is off by far more."""
    y, error = leaks.static(n, d, n_prompts=100, n_seeds=12, noise=noise)
    assert y == pytest.approx(np.log(leaks.law(n, d, 100, noise)), abs=4 * error)
    assert abs(y - np.log(leaks.law(n // 2, d, 100, noise))) > 8 * error
    if d < 16:
        assert abs(y - np.log(leaks.law(n, d + 1, 100, noise))) > 5 * error


def test_slope_of_prompts_is_minus_one_half_over_n_plus_d_minus_1():
    lengths = np.array([8, 32, 128, 512])
    y, error = np.array([leaks.static(n, 8, n_prompts=100, n_seeds=8) for n in lengths]).T
    assert abs(leaks.fit_slope(np.log(lengths + 7), y, error).off(-0.5)) < 4
    assert leaks.fit_slope(np.log(lengths), y, error).off(-0.5) > 20


def test_own_queries_leak_at_every_length():
    """The control: to 4 sigma sqrt(1 - 1/d) at long prompts, and a slope that is not -1/2."""
    lengths = np.array([8, 64, 512])
    found = [leaks.static(n, 4, n_prompts=100, n_seeds=8, kind="own queries") for n in lengths]
    for n, (y, error) in zip(lengths, found, strict=True):
        # The mode of 100 prompts is off by (d - 1) / 100 in the square at most.
        assert y == pytest.approx(np.log(leaks.control_law(n, 4)), abs=4 * error + 0.015)
    y, error = np.array(found).T
    assert leaks.fit_slope(np.log(lengths), y, error).off(-0.5) > 50


def test_prompts_on_one_mode_do_not_leak():
    assert leaks.static(16, 4, n_prompts=20, n_seeds=2, kind="one mode") == (-np.inf, 0.0)
    prompts = leaks.draw_prompts(16, 4, 20, seed=0, kind="one mode")
    early, end, error = leaks.dynamic(prompts, 0.5, early=5, beside=1.0, n_steps=50, **PLAIN)
    assert early == end == 0
    assert error < 1e-14


def test_start_is_where_it_is_said_to_be():
    prompts = leaks.draw_prompts(16, 4, 20, seed=0)
    for beside in (0.0, 2.0):
        population, value, key_query = leaks.place(prompts, beside, 0.5, seed=3)
        assert population.project_weights(value, key_query) == pytest.approx((0.5, 0.5), rel=1e-12)
        along = np.sum(key_query * population.direction)
        across = np.linalg.norm(key_query - along * population.direction)
        assert across == pytest.approx(beside * abs(along), rel=1e-12, abs=1e-15)


def test_longer_prompts_stay_nearer_to_the_mode():
    """Three decades of n: an error of a step falls by about n from the mode, by its root from beside it."""
    slopes = []
    for beside in (0.0, 1.0):
        errors = []
        for n in (16, 4096):
            prompts = [leaks.draw_prompts(n, 4, 32, seed=seed) for seed in range(6)]
            settings = PLAIN | {"early": 5, "beside": beside, "n_steps": 40, "batch_size": 16}
            errors.append(np.mean([np.log(leaks.dynamic(p, 1.2, **settings)[2]) for p in prompts]))
        slopes.append((errors[1] - errors[0]) / np.log(256))
    assert slopes[0] == pytest.approx(-1.0, abs=0.3)
    assert slopes[1] == pytest.approx(-0.5, abs=0.2)


def test_divergence_is_nan():
    prompts = leaks.draw_prompts(16, 4, 20, seed=0)
    settings = PLAIN | {"early": 5, "beside": 0.0, "n_steps": 200}
    assert np.isnan(leaks.dynamic(prompts, 4.0, **settings)).all()


@pytest.mark.parametrize("n_prompts", [100, 400])
def test_least_squares_lie_beside_the_mode_as_derived(n_prompts):
    """At w = 1, by linear algebra instead of training; 4 sigma and the next order in 1 / N and d / n."""
    squares, d = [], 4
    for seed in range(40):
        prompts = leaks.draw_prompts(400, d, n_prompts, seed=seed)
        M = np.array([np.outer(p.context_moment, p.query).ravel() for p in prompts])
        labels, mode = np.ones(n_prompts), Population.from_prompts(prompts).direction.ravel()
        W = np.linalg.lstsq(M, labels, rcond=1e-8)[0]
        squares.append(np.sum((W - (W @ mode) * mode) ** 2) / (W @ mode) ** 2)
    error = np.std(squares) / np.sqrt(len(squares))
    assert np.mean(squares) == pytest.approx(
        leaks.settled_way(d, n_prompts, 0.0) ** 2, rel=0.1, abs=4 * error
    )


def test_risks_agree_on_one_mode_and_differ_with_leakage():
    settings = {"beside": 0.0, "start": 0.5, "batch_size": 2, "n_steps": 100, "n_trainings": 60, "seed": 2}
    ratios = []
    for kind in ("one mode", "shared query"):
        prompts = leaks.draw_prompts(8, 4, 60, seed=1, kind=kind)
        found = leaks.compare_risks(prompts, ratio=1.001, **settings)
        ratios.append(found.trained / found.predicted)
    assert ratios[0] == pytest.approx(1, abs=0.003)  # bisected to 0.1 %, twice
    assert ratios[1] < 0.995


def test_quick_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert entry.main(["leakage", "--quick", "--output", "found.h5", "--figure", "leakage.png"]) == 0
    printed = capsys.readouterr()
    assert "law chi2" in printed.out
    assert "own queries" in printed.out
    assert "1 - trained / predicted" in printed.out
    assert "dynamic: seed 4/4" in printed.err
    assert {path.name for path in tmp_path.iterdir()} == {"found.h5", "leakage.png"}
