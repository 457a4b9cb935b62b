"""The experiment on a real table: its prompts, its predictions, and its checks of them."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from experiments import entry
from experiments.safe_step_size import safety
from lintrans.minibatch import Population
from lintrans.minibatch.escapes import EVENTS
from lintrans.prompts.prompt import Prompt

CONFIG = entry.configuration("safe_step_size")
TABLE = {"target": "progression", "seed": 3}
START = (0.6, 0.4)


@cache
def real(features=None, n_prompts=100, **case):
    case |= {"context_length": 16} | ({"features": list(features)} if features else {})
    return safety.problem_of(safety.read_prompts(case, n_prompts=n_prompts, **TABLE), START)


def test_one_feature_follows_the_map_and_ten_do_not():
    for features, same in ((("bmi",), True), (None, False)):
        problem = real(features)
        asked = problem, 0.6 * problem.population.unit_step_size, 4, 60, 40
        for sampling in ("with-replacement", "epochs"):
            trained, map_ = (f(*asked, sampling=sampling, seed=1) for f in (safety.train, safety.follow))
            alike = [np.array_equal(getattr(trained, x), getattr(map_, x)) for x in EVENTS]
            assert alike == [same, same]
            assert 0 < safety.parts(trained)[0] < 1
        others = safety.train(*asked, sampling="epochs", seed=2)  # control: other batches
        assert not np.array_equal(others.left, map_.left)


def test_parts_are_of_trainings_that_left_and_that_diverged():
    problem = real(("bmi",))
    found = safety.follow(problem, 0.6 * problem.population.unit_step_size, 4, 60, 40)
    left, diverged = safety.parts(found)
    assert left == np.mean(found.left >= 0)
    assert diverged == np.mean(found.diverged >= 0) < left


def test_deviations_of_equal_probabilities_are_normal_and_of_others_are_not():
    rng = np.random.default_rng(0)
    p, q = rng.binomial(5000, 0.2, 4000) / 5000, rng.binomial(500, 0.2, 4000) / 500
    off = safety.deviation(p, 5000, q, 500)
    assert off.std() == pytest.approx(1, rel=4 / math.sqrt(8000))  # 4 sigma
    assert abs(off.mean()) < 4 / math.sqrt(4000)
    assert safety.deviation(p, 5000, q + 0.1, 500).mean() > 4
    assert np.isnan(safety.deviation(0.0, 10, 0.0, 10))


def test_chance_at_an_estimated_limit_is_as_allowed():
    """Runs that diverge from uniform step sizes on: the risk at a limit is the limit itself."""
    rng, n, others, risk = np.random.default_rng(0), 1000, 500, 0.02
    low, high = safety.allowed(risk, n, others)
    limits = np.sort(rng.random((4000, n)))[:, int(risk * n) - 1 : int(risk * n) + 1]
    for ends in (limits[:, 0], limits.mean(axis=1), limits[:, 1]):
        counts = rng.binomial(others, ends)
        assert 0.94 < np.mean((low <= counts) & (counts <= high)) < 0.99  # counts are whole numbers
    middle = limits.mean(axis=1)
    for factor in (0.4, 2):  # controls: limits that are wrong
        counts = rng.binomial(others, factor * middle)
        assert np.mean((low <= counts) & (counts <= high)) < 0.75
    exact = binom.interval(0.95, others, risk)  # control: the chance of the limit left out
    counts = rng.binomial(others, middle)
    assert np.mean((exact[0] <= counts) & (counts <= exact[1])) < 0.94


def test_prompts_of_one_query_share_it_and_never_hold_it():
    prompts = safety.read_prompts({"context_length": 20, "query_quantile": 0.9}, n_prompts=30, **TABLE)
    assert len({prompt.query_label for prompt in prompts}) == 1
    for prompt in prompts:
        assert np.array_equal(prompt.query, prompts[0].query)
        assert not (prompt.context == prompt.query).all(axis=1).any()
        assert prompt.n == len(np.unique(prompt.context, axis=0)) == 20
    labels = np.array([prompt.labels for prompt in prompts])
    assert np.mean(labels < prompts[0].query_label) == pytest.approx(0.9, abs=0.06)  # 4 sigma of 600
    leaks = [Population.from_prompts(x).summary()["leakage"] for x in (prompts, real().prompts)]
    assert leaks[0] < 0.6
    assert leaks[1] > 0.8


def test_start_is_on_the_mode():
    problem = real()
    found = problem.population.project_weights(problem.value, problem.key_query)
    assert found == pytest.approx(START, rel=1e-12)
    size = np.linalg.norm(problem.key_query)
    assert abs(np.sum(problem.key_query * problem.population.direction)) == pytest.approx(size, rel=1e-12)


@pytest.mark.parametrize("name", safety.PREDICTORS)
def test_predictors_agree_where_the_mode_is_shared(name):
    problem = real(("bmi",))
    for size in (1, 8):
        found = safety.PREDICTORS[name](problem, size)
        assert found.moments == pytest.approx(problem.population.moments, rel=1e-12)
        assert found.unit_step_size == pytest.approx(problem.population.unit_step_size, rel=1e-12)


def test_own_lengths_go_from_the_whole_moment_to_the_mode():
    problem = real()
    sizes = np.array([np.linalg.norm(np.outer(p.context_moment, p.query)) for p in problem.prompts])
    h = problem.population.moments
    assert np.abs(safety.by_own_length(problem, 1).moments) == pytest.approx(sizes, rel=1e-12)
    far = safety.by_own_length(problem, 10**12).moments
    assert far == pytest.approx(h, rel=1e-6, abs=1e-5 * sizes.max())
    assert np.array_equal(np.sign(safety.by_own_length(problem, 3).moments), np.sign(h))


def test_sharpest_direction_has_the_largest_curvature():
    problem = real()
    found = safety.by_sharpest(problem, 1)
    assert np.linalg.norm(found.direction) == pytest.approx(1, rel=1e-12)
    assert found.mean_product > 0
    M = safety.moments_of(problem)
    largest = np.linalg.svd(M, compute_uv=False)[0] ** 2 / len(M)
    assert found.mean_square == pytest.approx(largest, rel=1e-10)
    assert found.mean_square > problem.population.mean_square


def test_made_up_prompts_have_the_sharpest_direction_that_made_them():
    rng = np.random.default_rng(1)
    prompts = [
        Prompt(np.array([[x, z]]), np.array([1.0]), np.array([1.0, 0.0]), x)
        for x, z in zip(2 + rng.normal(size=200), 0.1 * rng.normal(size=200), strict=True)
    ]
    found = safety.by_sharpest(safety.problem_of(prompts, START), 1)
    assert found.direction == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.0]]), abs=0.02)


def test_prediction_holds_and_a_wrong_one_fails():
    """Trained at the predicted step size: within 4 standard errors; at 1.3 times it, or with B = 2: not."""
    c = CONFIG["one"] | CONFIG["quick"]["one"] | {"risks": [0.3], "n_literal": 2, "n_trainings": 400}
    problem = real(("bmi",))
    limits = safety.predict(problem, 4, "epochs", c, 80)
    assert limits["diverged", 0.3].value > limits["left", 0.3].value
    cells = list(safety.compare(problem, 4, "epochs", c, 80, limits))
    assert [cell.factor for cell in cells] == c["factors"]
    for cell in cells:
        off = safety.deviation(cell.predicted, c["n_trajectories"], cell.trained, c["n_trainings"])
        assert np.abs(np.nan_to_num(off)).max() < 4
        assert cell.n_alike == 2
        assert cell.error < 1e-12
    middle = cells[1]
    assert middle.predicted[0] == pytest.approx(0.3, abs=0.07)
    for factor, size in ((1.3, 4), (1.0, 2)):
        wrong = safety.parts(
            safety.train(problem, factor * middle.eta, size, 80, 400, sampling="epochs", seed=9)
        )
        assert safety.deviation(middle.predicted, c["n_trajectories"], wrong, 400)[0] > 5


def test_leaky_predictions_are_too_large_and_trainings_keep_the_risk():
    c = {"ratio": 1.02, "risk": 0.1}
    found = safety.compare_leaky(real(n_prompts=300), 1, c, 150, 300, 400, seed=0)
    assert found.predicted["mode"] > 1.2 * found.half
    assert found.half < found.predicted["own length"] < 0.9 * found.predicted["mode"]
    low, high = safety.allowed(0.1, 300, 300)
    assert low <= found.diverge["trained"] <= high
    assert found.diverge["mode"] > 2 * high  # control
    assert found.limit.low < found.limit.value < found.limit.high < found.half


def test_predictions_are_the_trainings_where_the_mode_is_shared():
    c = {"ratio": 1.02, "risk": 0.1}
    exact = safety.compare_leaky(real(("bmi",)), 1, c, 150, 60, 60, seed=0)
    for name in safety.PREDICTORS:
        assert exact.predicted[name] == pytest.approx(exact.half, rel=1e-12)
        assert exact.diverge[name] == exact.diverge["trained"]
    other = safety.compare_leaky(real(("bmi",)), 1, c, 150, 60, 60, seed=5)  # control: other batches
    assert other.half != pytest.approx(exact.half, rel=1e-12)


def test_quick_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["safe_step_size", "--quick", "--output", "found.h5", "--figure", "safe.png"]
    assert entry.main(words) == 0
    printed = capsys.readouterr()
    assert "not alike to their trajectory" in printed.out
    assert "all 10, one query" in printed.out
    assert "trained: 8 epochs" in printed.err
    assert {path.name for path in tmp_path.iterdir()} == {"found.h5", "safe.png"}


def test_the_full_batch_is_that_of_the_mode_only_where_it_is_shared():
    trained, by_mode = safety.full_batch(real(("bmi",)), 100)
    assert trained == pytest.approx(by_mode, rel=2e-4)
    trained, by_mode = safety.full_batch(real(), 100)
    assert trained < 0.9 * by_mode
