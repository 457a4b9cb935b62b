"""The experiment on a real table: its fast trainings against training, its searches, and its predictions."""

from __future__ import annotations

import importlib.util
import math
import sys
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lintrans.minibatch import Population, trained_risk, verify_batches
from lintrans.prompt import Prompt

sys.path.insert(0, str(Path(__file__).parents[1] / "experiments" / "safe_step_size"))
import lanes
import safety

EXPERIMENT = Path(safety.__file__).parent
CONFIG = tomllib.loads((EXPERIMENT / "config.toml").read_text())
TABLE = {"target": "progression", "seed": 3}
START = (0.6, 0.4)


@cache
def real(features=None, n_prompts=100, **case):
    case |= {"context_length": 16} | ({"features": list(features)} if features else {})
    return safety.problem_of(safety.read_prompts(case, n_prompts=n_prompts, **TABLE), START)


def events_of(problem, eta, batch_size, n_steps, n_trainings, seed):
    """First steps out of the ellipse and of divergence, from the states of training itself."""
    found = []
    for i in range(n_trainings):
        run = verify_batches(
            problem.prompts,
            step_size=eta,
            value=problem.value,
            key_query=problem.key_query,
            batch_size=batch_size,
            n_steps=n_steps,
            seed=seed,
            trajectory=i,
        )
        mu = run.settings["mu"]
        a, b = (run.u + run.v) * math.sqrt(mu) / 2, (run.u - run.v) * math.sqrt(mu) / 2
        outside = a * a / (2 + mu) + b * b / (2 - mu) > 1
        gone = np.abs(mu * (run.u * run.v - 1)) > 1e4
        found.append([int(np.argmax(x)) if x.any() else -1 for x in (outside, gone)])
    return np.array(found)


@pytest.mark.parametrize("features", [("bmi",), ("bmi", "s5"), None])
@pytest.mark.parametrize("mu", [0.5, 0.8])
def test_fast_trainings_are_those_of_the_transformer(features, mu):
    """Below mu = 1 nothing is chaotic inside, and 60 steps do not bring rounding to an event."""
    problem = real(features)
    eta = mu * problem.population.unit_step_size
    batches = lanes.draw(problem, 2, 60, 12, seed=5)
    fast, slow = lanes.train(problem, eta, batches), events_of(problem, eta, 2, 60, 12, seed=5)
    assert np.array_equal(fast, slow)
    assert (fast >= 0).any()
    other = problem._replace(labels=problem.labels[::-1].copy())  # control: the wrong labels
    assert not np.array_equal(lanes.train(other, eta, batches), slow)


def test_fast_trainings_count_what_trained_risk_counts():
    problem = real()
    eta = 0.6 * problem.population.unit_step_size
    found = trained_risk(
        problem.prompts,
        step_size=eta,
        value=problem.value,
        key_query=problem.key_query,
        batch_size=4,
        n_steps=60,
        n_trainings=20,
        sampling="epochs",
        seed=2,
    )
    fast = lanes.train_all(problem, eta, 4, 60, 20, sampling="epochs", seed=2)
    assert safety.parts(fast).tolist() == [found.left.value, found.diverged.value]
    assert 0 < found.left.value < 1


def test_trainings_do_not_depend_on_their_parts(monkeypatch):
    problem = real(("bmi",))
    eta = 0.5 * problem.population.unit_step_size
    whole = lanes.train(problem, eta, lanes.draw(problem, 3, 50, 11, seed=1))
    monkeypatch.setattr(lanes, "PART", 4)
    assert np.array_equal(lanes.train_all(problem, eta, 3, 50, 11, seed=1), whole)


def test_one_feature_follows_the_map_and_ten_do_not():
    for features, same in ((("bmi",), True), (None, False)):
        problem = real(features)
        eta = 0.6 * problem.population.unit_step_size
        trained = lanes.train_all(problem, eta, 4, 60, 40, seed=1)
        assert np.array_equal(trained, lanes.follow(problem, eta, 4, 60, 40, seed=1)) == same


def test_search_finds_a_known_step_size():
    for eta in (1e-5, 0.3, 40.0):
        found = lanes.critical(lambda x, eta=eta: x / (x + eta), 0.2 * eta, 0.3 * eta, ratio=1.001)
        assert found == pytest.approx(eta, rel=0.001)
        low = lanes.critical(lambda x, eta=eta: x / (x + eta), 3 * eta, 5 * eta, level=0.1, ratio=1.001)
        assert low == pytest.approx(eta / 9, rel=0.001)
    assert math.isnan(lanes.critical(lambda x: 0.2, 1.0, 2.0))
    assert math.isnan(lanes.critical(lambda x: 0.9, 1.0, 2.0))


def test_deviations_of_equal_probabilities_are_normal_and_of_others_are_not():
    rng = np.random.default_rng(0)
    p, q = rng.binomial(5000, 0.2, 4000) / 5000, rng.binomial(500, 0.2, 4000) / 500
    off = safety.deviation(p, 5000, q, 500)
    assert off.std() == pytest.approx(1, rel=4 / math.sqrt(8000))  # 4 sigma
    assert abs(off.mean()) < 4 / math.sqrt(4000)
    assert safety.deviation(p, 5000, q + 0.1, 500).mean() > 4
    assert np.isnan(safety.deviation(0.0, 10, 0.0, 10))


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
            lanes.train_all(problem, factor * middle.eta, size, 80, 400, sampling="epochs", seed=9)
        )
        assert safety.deviation(middle.predicted, c["n_trajectories"], wrong, 400)[0] > 5


def test_leaky_predictions_are_too_large_and_own_lengths_help():
    c = {"seed": 0, "ratio": 1.02, "n_trajectories": 400, "risk": 0.1}
    found = safety.compare_leaky(real(n_prompts=300), 1, 60, c, 150)
    assert found.predicted["mode"] > 1.2 * found.trained
    assert found.trained < found.predicted["own length"] < 0.9 * found.predicted["mode"]
    assert found.safe["mode"] > 0.2  # where 10 % were predicted
    exact = safety.compare_leaky(real(("bmi",)), 1, 60, c, 150)
    for eta in exact.predicted.values():
        assert eta == pytest.approx(exact.trained, rel=1e-12)


def test_quick_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("safe_step_size_run", EXPERIMENT / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    run.main(["--quick", "--output", str(tmp_path)])
    printed = capsys.readouterr()
    assert "trainings as their trajectory" in printed.out
    assert "all 10, one query" in printed.out
    assert "trained: 8 epochs" in printed.err
    assert {path.name for path in tmp_path.iterdir()} == {"safe_step_size.png"}
