"""Mini-batches: escapes, risks, statistics and closed forms, against counting and training."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp
from problems import MODE, NEAR, NOISY, check_refused, random_prompt

from lintrans import example_data
from lintrans.attention.batch_training import Problems, train_on_batches
from lintrans.attention.training import train
from lintrans.attention.transformer import FullWeights, Problem, TwoFactorWeights
from lintrans.counting.proportions import intervals, proportion
from lintrans.minibatch import (
    Batches,
    EscapeSweep,
    Population,
    RiskSweep,
    batch_exponents,
    draw_batches,
    escape_times,
    geometry,
    kernels,
    refine_step_size,
    risk_map,
    stationary_density,
)
from lintrans.prompts import prompts_from_csv
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import compute
from lintrans.symbolic import minibatch as exact
from lintrans.symbolic import sampling, switching
from lintrans.two_factor import normal_form
from lintrans.verification import trained_risk, verify_batches

BMI = {"target": "progression", "features": ["bmi"], "standardize": True, "center": True}


# The oracle.


@pytest.mark.parametrize("kind", [TwoFactorWeights, FullWeights])
def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_prompts(kind):
    """Prompts of different lengths; sums in another order differ by a few ulps of their terms."""
    rng = np.random.default_rng(2)
    prompts = [random_prompt(n, 3, seed) for seed, n in enumerate((1, 5, 9, 40))]
    weights = (
        TwoFactorWeights(0.7, rng.normal(size=(3, 3)))
        if kind is TwoFactorWeights
        else FullWeights(*rng.normal(size=(2, 4, 4)))
    )
    theta, batch = weights.to_vector(), np.array([0, 2, 3, 3])
    predicted, slope = Problems(prompts, weights).evaluate(theta, batch)
    single = [Problem(prompts[i], weights).evaluate(theta) for i in batch]
    assert predicted == pytest.approx([p for p, _ in single], rel=1e-12)
    mean = np.mean([s for _, s in single], axis=0)
    assert slope == pytest.approx(mean, rel=1e-11, abs=1e-12 * np.abs(mean).max())


def test_one_prompt_in_every_batch_is_full_batch_training():
    weights = TwoFactorWeights(0.3, [[0.2, 0.1], [0.0, 0.4]])
    run = train_on_batches(NEAR, weights, np.zeros((50, 3), int), step_size=0.05)
    full = train(NEAR[0], weights, step_size=0.05, n_steps=50)
    assert run.weights[:, 0] == pytest.approx(full.value, rel=1e-11)
    assert run.losses == pytest.approx(full.losses[:-1], rel=1e-10, abs=1e-14)


def test_divergence_ends_a_training_at_its_last_finite_weights():
    run = train_on_batches(MODE, TwoFactorWeights(3.0, [[3.0]]), np.zeros((50, 1), int), step_size=50.0)
    assert run.overflowed and run.n_steps < 50
    assert np.isfinite(run.weights).all() and len(run.weights) == run.n_steps + 1


@pytest.mark.parametrize(
    ("batches", "parts"),
    [([[3]], ["0 to 2", "got 3"]), ([[-1]], ["got -1"]), ([[0.5]], ["float64"]), ([0, 1], ["(n_steps"])],
)
def test_bad_batches_are_refused(batches, parts):
    weights = TwoFactorWeights(1.0, [[1.0]])
    check_refused(lambda: train_on_batches(MODE, weights, batches, step_size=0.1), parts)


# The map against the oracle.


@pytest.mark.parametrize("sampling_", ["with-replacement", "without-replacement", "epochs"])
@pytest.mark.parametrize("part", [0.1, 0.6, 1.3])
def test_training_on_a_real_table_commutes_with_the_map_at_every_step(sampling_, part):
    prompts = prompts_from_csv(example_data(), context_length=16, n_prompts=200, **BMI)
    eta = part * Population.from_prompts(prompts).unit_step_size
    batches = Batches(16, n_steps=300, sampling=sampling_)
    found = verify_batches(prompts, step_size=eta, value=0.3, key_query=[[0.2]], batches=batches)
    assert found.agrees and found.max_commutation_error < 1e-14
    assert not found.beside.any()


def test_another_batch_or_a_leak_does_not_commute():
    prompts = prompts_from_csv(example_data(), context_length=16, n_prompts=200, **BMI)
    population = Population.from_prompts(prompts)
    batches = Batches(4, n_steps=50)
    drawn = draw_batches(200, batches)
    eta = 0.2 * population.unit_step_size
    run = train_on_batches(prompts, TwoFactorWeights(0.3, [[0.2]]), drawn, step_size=eta)
    start = normal_form.to_modes(
        0.2, *population.project(0.3, run.weights[0, 1] * population.direction.item())
    )
    right, wrong = (
        kernels.follow(
            0.2,
            *map(float, start),
            1 + (population.curvatures - 1)[chosen].mean(axis=1),
            population.mismatches[chosen].mean(axis=1),
        )
        for chosen in (drawn, draw_batches(200, batches, trajectory=1))
    )
    trained = run.weights[:, 0] / population.weight_unit
    u = [normal_form.from_modes(0.2, a, b)[0] for a, b, _ in (right, wrong)]
    assert u[0] == pytest.approx(trained, rel=1e-11)
    assert np.abs(u[1] - trained).max() > 1e-3
    few = Batches(2, n_steps=40)
    leaky = verify_batches(NEAR, step_size=0.05, value=0.5, key_query=np.eye(2), batches=few)
    assert not leaky.agrees and leaky.beside.max() > 0.01


def test_trainings_do_what_their_trajectories_do():
    prompts = prompts_from_csv(example_data(), context_length=16, n_prompts=200, **BMI)
    eta = 0.5 * Population.from_prompts(prompts).unit_step_size
    asked = {"batches": Batches(4, n_steps=100), "n_trainings": 30}
    found = trained_risk(prompts, step_size=eta, value=0.3, key_query=[[0.2]], **asked)
    assert 0 < found.left.value < 1
    assert found.n_alike >= 29  # rounding grows in those that escape
    assert found.max_commutation_error < 1e-13


# Escapes and risks.


def test_survival_falls_from_one_to_what_is_left_and_hazards_agree():
    found = escape_times(NOISY, 1.2, 0.5, 0.5, batches=Batches(2, n_steps=200), n_trajectories=4000)
    for event in ("left", "diverged"):
        steps, alive, low, high = found.survival(event)
        assert steps.size == 201 and alive[0] == 1
        assert (np.diff(alive) <= 0).all() and (low <= alive).all() and (alive <= high).all()
        assert alive[-1] == pytest.approx(1 - found.probability(event).value)
        assert found.probability(event, 50).value == pytest.approx(1 - alive[50])
    value, low, high = found.hazard("left", 50, 60)
    steps, alive, *_ = found.survival("left")
    assert low < 1 - (alive[60] / alive[50]) ** 0.1 < high and value > 0
    with pytest.raises(ValueError, match="event must be one of left, diverged"):
        found.probability("lost")


def test_a_window_without_steps_at_risk_says_nothing():
    gone = escape_times(NOISY, 2.5, 0.5, 0.5, batches=Batches(1, n_steps=50), n_trajectories=20)
    assert (gone.left == 0).all()
    for first, last in ((5, 20), (5, 5)):
        value, low, high = gone.hazard("left", first, last)
        assert math.isnan(value) and (low, high) == (0, 1)


def test_results_do_not_depend_on_threads_or_on_the_number_of_trajectories():
    asked = NOISY, 0.9, 0.5, 0.5
    batches = Batches(3, sampling="epochs", n_steps=64, seed=3)
    whole = escape_times(*asked, batches=batches, n_trajectories=3000, n_threads=2)
    part = compute(EscapeSweep(*asked, batches=batches, n_trajectories=700), executor=Threads(1))
    for name in ("left", "diverged", "end_a"):
        assert np.array_equal(getattr(whole, name)[:700], getattr(part, name))


def test_a_start_outside_or_beyond_two_has_left_at_once():
    for mu, u, v in ((0.5, 3.0, 0.1), (2.1, 0.5, 0.5), (2.0, 0.5, 0.4)):
        found = escape_times(NOISY, mu, u, v, batches=Batches(20, n_steps=5), n_trajectories=50)
        assert (found.left == 0).all()
    alone, batches = Population([1.0], [1.0]), Batches(1, n_steps=20)
    on_slice = escape_times(alone, 2.0, 0.5, 0.5, batches=batches, n_trajectories=5)
    assert (on_slice.left == -1).all()


def test_risk_maps_answer_by_their_counts():
    axes, batches = (np.geomspace(0.05, 3, 12), [1, 4, 16]), Batches(1, n_steps=200)
    found = risk_map(NOISY, *axes, 0.5, 0.5, batches=batches, n_trajectories=200)
    risk, low, high = found.risk()
    assert ((low <= risk) & (risk <= high)).all()
    assert (risk[0] == 0).all() and (risk[-1] == 1).all()
    for size in (1, 4, 16):
        limit = found.largest_step_size(size, 0.05)
        assert limit.low <= limit.value < limit.high
        column = risk[:, list(found.batch_size).index(size)]
        assert (column[found.step_size <= limit.value] <= 0.05).all()
        fine = refine_step_size(found, size, 0.05, n_trajectories=1000)
        assert limit.low <= fine.low <= fine.value <= fine.high <= limit.high
    values = [found.largest_step_size(size, 0.05).value for size in (1, 4, 16)]
    assert values == sorted(values) and values[0] < values[-1]
    needed = found.smallest_batch_size(values[1], 0.05)
    assert needed.low <= needed.value <= needed.high
    assert math.isnan(found.smallest_batch_size(3.0, 0.05).value)
    assert found.critical_step_size == pytest.approx(
        float(normal_form.critical_mu(0.5, 0.5)) * NOISY.unit_step_size
    )


def test_a_cell_of_a_map_is_the_escapes_of_its_trajectories():
    eta = 0.8
    asked = {"batches": Batches(4, n_steps=100, seed=2), "n_trajectories": 300}
    found = risk_map(NOISY, [eta], [4], 0.5, 0.5, **asked)
    times = escape_times(NOISY, NOISY.mu(eta), 0.5, 0.5, **asked)
    assert found.batches(4) == times.batches == asked["batches"]
    assert found.left[0, 0] == (times.left >= 0).sum() and found.diverged[0, 0] == (times.diverged >= 0).sum()


FIVE, ALIKE, EPOCHS_OF_6 = (
    Population(np.ones(5), np.ones(5)),
    Population([1.0], [1.0]),
    Batches(6, sampling="epochs"),
)
REFUSED = {
    "sampling": (lambda: Batches(2, sampling="random"), ["sampling", "epochs", "'random'"]),
    "kind of sampling": (lambda: Batches(2, sampling=["epochs"]), ["sampling", "['epochs']"]),
    "no batch": (lambda: Batches(0), ["the batch size", "got 0"]),
    "part of a prompt": (lambda: Batches(1.5), ["the batch size", "got 1.5"]),
    "no steps": (lambda: Batches(1, n_steps=0), ["n_steps", "got 0"]),
    "seed": (lambda: Batches(1, seed=-1), ["seed"]),
    "not batches": (lambda: escape_times(NOISY, 1, 1, 1, batches=4), ["batches", "got 4", "Batches(...)"]),
    "size": (lambda: draw_batches(5, EPOCHS_OF_6), ["the batch size", "5 prompts", "got 6"]),
    "size of a moment": (lambda: geometry.batch_moments(FIVE, EPOCHS_OF_6), ["5 prompts", "got 6"]),
    "size of escapes": (lambda: EscapeSweep(FIVE, 1, 1, 1, batches=EPOCHS_OF_6), ["5 prompts", "got 6"]),
    "size of an axis": (lambda: RiskSweep(FIVE, [1], [2, 6], 1, 1, batches=EPOCHS_OF_6), ["got 6"]),
    "memory": (lambda: draw_batches(5, Batches(10**4, n_steps=10**6)), ["the batches", "GiB"]),
    "mu": (lambda: EscapeSweep(NOISY, 0, 1, 1, batches=Batches(1)), ["mu", "positive"]),
    "step sizes": (lambda: RiskSweep(NOISY, [0.2, 0.1], [1], 1, 1), ["step_sizes", "increasing"]),
    "zero step": (lambda: RiskSweep(NOISY, [0.0, 0.1], [1], 1, 1), ["step_sizes[0]", "positive"]),
    "batch size": (lambda: RiskSweep(NOISY, [0.1], [0, 1], 1, 1), ["batch size"]),
    "not of the map": (
        lambda: risk_map(NOISY, [0.1], [1], 1, 1, n_trajectories=5).largest_step_size(2, 0.1),
        ["batch_size", "got 2", "choose of 1"],
    ),
    "noise": (
        lambda: geometry.certified_step_size(NOISY, 1, 1, batches=Batches(1), risk=0.1),
        ["interpolate", "risk_map"],
    ),
    "risk": (
        lambda: geometry.certified_step_size(ALIKE, 1, 1, batches=Batches(1), risk=1),
        ["risk", "got 1", "0.01"],
    ),
    "exponents of a schedule": (
        lambda: batch_exponents(NOISY, 1, 1, 1, batches=Batches(1, schedule=[0.5])),
        ["constant step size", "got a schedule"],
    ),
    "outside": (lambda: geometry.crossing_range(0.5, 2.0, 0.0), ["-1 < Q <= 0"]),
    "empty density": (
        lambda: stationary_density(NOISY, 0.5, 1, 1, batches=Batches(1), n_trajectories=10, low=50, high=60),
        ["low and high", "widen"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_refused(name):
    check_refused(*REFUSED[name])


# Statistics and closed forms.


def test_intervals_cover_as_they_promise():
    """Exact: at every p the interval covers it with at least 95 % of the binomial probability."""
    n = 40
    low, high = intervals(np.arange(n + 1), n)
    for p in (0.001, 0.03, 0.2, 0.5, 0.99):
        weights = [math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)]
        assert sum(w for w, a, b in zip(weights, low, high, strict=True) if a <= p <= b) >= 0.95
    assert proportion(0, n).low == 0 and proportion(n, n).high == 1


def test_closed_forms_are_the_expressions():
    population, mu, a, b = Population.sampled(50, spread=0.3, noise=0.2, seed=2), 0.7, 0.6, 0.4
    moments = geometry.batch_moments(population, Batches(3))
    r, level = float(normal_form.residual(mu, a, b)), float(normal_form.ellipse_level(mu, a, b))
    V = exact.residual_variance(r, mu, moments.curvature, moments.both, moments.mismatch)
    assert geometry.residual_variance(mu, r, moments) == pytest.approx(V, rel=1e-13)
    drift = (mu * r + r * r) * level + V * (1 + level)
    assert geometry.level_drift(mu, a, b, moments) == pytest.approx(drift, rel=1e-12)
    ends = [float(x) for x in exact.crossing_interval(sp.Float(level, 30), sp.Float(r, 30), sp.Float(mu, 30))]
    assert [float(x) for x in geometry.crossing_range(mu, a, b)] == pytest.approx(ends, rel=1e-13)
    v = mu**2 * moments.mismatch
    expected = sampling.stationary_variance(0.3, v, moments.curvature)
    assert geometry.noise_at_minimum(mu, 0.3, moments) == pytest.approx(expected, rel=1e-13)
    assert all(map(math.isnan, geometry.noise_at_minimum(mu, 1.5, moments)))
    two = Population(np.sqrt([0.5, 1.5]), np.sqrt([0.5, 1.5]))
    assert geometry.minimum_exponent(two, 0.9) == pytest.approx(float(sampling.two_point_exponent(0.9, 0.5)))
    for value in (0.1, 1.0, 1.9):
        threshold = float(switching.switching_threshold(value))
        assert geometry.switching_threshold(value) == pytest.approx(threshold, rel=1e-12)


def test_on_the_ellipse_the_roots_are_zero_and_the_residual():
    mu = 0.8
    for angle in (0.3, 1.0, 2.0):
        a, b = (
            0.9999999 * math.sqrt(2 + mu) * math.cos(angle),
            0.9999999 * math.sqrt(2 - mu) * math.sin(angle),
        )
        low, high = geometry.crossing_range(mu, a, b)
        r = float(normal_form.residual(mu, a, b))
        assert (low, high) == pytest.approx((min(r, 0), max(r, 0)), abs=1e-5)


def test_exponents_of_what_stays_and_of_nothing():
    few = {"n_trajectories": 64}
    found = batch_exponents(NOISY, 1.2, 0.5, 0.5, batches=Batches(2, n_steps=64), n_transient=0, **few)
    assert 0 < found.n_stayed < 64 and math.isfinite(found.along.value)
    gone = batch_exponents(NOISY, 2.5, 2.0, 0.5, batches=Batches(1, n_steps=64), **few)
    assert gone.n_stayed == 0 and math.isnan(gone.along.value)


def test_the_stationary_density_is_that_of_the_linear_noise():
    """Small label noise of two signs at S = 0.4: r is a sum of signs, of the derived variance."""
    mu, s = 0.4, 0.01
    found = stationary_density(
        Population([1.0, 1.0], [1 - s, 1 + s]),
        mu,
        1.0,
        1.0,
        batches=Batches(1, n_steps=64),
        n_trajectories=20_000,
        low=-0.02,
        high=0.02,
        n_bins=400,
    )
    width = found.residual[1] - found.residual[0]
    assert found.density.sum() * width == pytest.approx(1)
    variance = (found.density * found.residual**2).sum() * width
    expected = sampling.stationary_variance(mu, (mu * s) ** 2)[0]
    assert variance == pytest.approx(expected, rel=0.05)  # 20,000 trajectories: 1 %; bins less
