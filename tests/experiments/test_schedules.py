"""The schedule certificate, on full gradient descent of the transformer with its own gradient.

The training is that of experiments/schedules; the map appears in the random searches at the end too. Starts
are certified with a margin of 0.1%: exact arithmetic needs none, rounding close to the ellipse itself does.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from problems import PROMPTS, random_prompt

from experiments.schedules.descent import SCHEDULES, descend, level_and_residual, start, train
from lintrans.symbolic import schedules as derived
from lintrans.two_factor import normal_form

MARGIN = 0.999
STARTS = [(0.3, 2.0), (-1.5, 0.4), (1.2, 1.6), (2.5, 0.5), (0.9, -0.7)]


@pytest.mark.parametrize("prompt", [PROMPTS["random"], PROMPTS["diabetes"]], ids=["random", "diabetes"])
@pytest.mark.parametrize("name", list(SCHEDULES))
@pytest.mark.parametrize("point", STARTS, ids=str)
def test_certified_start_stays_inside_under_every_schedule(prompt, name, point):
    max_mu = MARGIN * float(normal_form.critical_mu(*point))
    assert normal_form.is_certified(*point, max_mu)
    for level, residual in train(prompt, point, max_mu, name):
        assert level <= 0
        assert abs(residual) <= 2  # so the loss is at most 2/max_mu^2, claim schedules.loss


@pytest.mark.parametrize("point", STARTS, ids=str)
def test_just_above_the_certificate_a_schedule_escapes(point):
    """1% above the critical size the plainest schedule, all full steps, keeps Q > 0 until it overflows."""
    prompt = PROMPTS["random"]
    mode, weights = start(prompt, *point)
    max_mu = 1.01 * float(normal_form.critical_mu(*point))
    assert not normal_form.is_certified(*point, max_mu)
    level = 0.0
    for _ in range(400):
        weights = descend(prompt, weights, max_mu * mode.unit_step_size)
        level, _ = level_and_residual(mode, weights, max_mu)
        assert level > 0
        if level > 1e6:
            break
    assert level > 1e6


def test_one_step_above_the_bound_is_enough():
    """The start of claim schedules.sharp: certified for mu = 1, lost by a single step of 1.05."""
    prompt, (u, v) = PROMPTS["diabetes"], (2.0, 1.0)  # a = 3/2, b = 1/2
    assert normal_form.is_certified(u, v, 1.0)
    mode, weights = start(prompt, u, v)
    weights = descend(prompt, weights, 1.05 * mode.unit_step_size)
    # Q' = kappa (kappa - 1) r^2 with r = 1
    assert level_and_residual(mode, weights, 1.0)[0] == pytest.approx(1.05 * 0.05, rel=1e-9)
    for _ in range(100):
        weights = descend(prompt, weights, mode.unit_step_size)
        if level_and_residual(mode, weights, 1.0)[0] > 1e6:
            break
    else:
        pytest.fail("training must escape")


def worst_levels(factor, fractions, n=20_000, n_steps=50, seed=5):
    """Largest level reached from random starts, at ``factor`` times their critical mu (below 1.9)."""
    rng = np.random.default_rng(seed)
    u, v = rng.uniform(-3, 3, (2, n))
    max_mu = factor * normal_form.critical_mu(u, v)
    u, v, max_mu = (x[max_mu < 1.9] for x in (u, v, max_mu))
    a, b = normal_form.to_modes(max_mu, u, v)
    worst = np.full(a.size, -np.inf)
    for _ in range(n_steps):
        kappa = fractions(rng, a.size)
        r = normal_form.residual(max_mu, a, b)
        with np.errstate(over="ignore", invalid="ignore"):
            a, b = (1 - kappa * r) * a, (1 + kappa * r) * b
            worst = np.fmax(worst, normal_form.ellipse_level(max_mu, a, b))
    return worst


def test_random_search_finds_no_escape_from_certified_starts():
    """Some 800,000 steps; fractions 0 and 1 as often as in between, as extremes are the dangerous ones."""
    worst = worst_levels(MARGIN, lambda rng, n: np.clip(rng.uniform(-0.5, 1.5, n), 0, 1))
    assert worst.max() <= 0


def test_the_same_search_beyond_the_certificate_escapes():
    """Constant steps at 1.05 times the critical size; almost all starts are gone after 50 steps."""
    assert (worst_levels(1.05, lambda rng, n: 1.0) > 1e3).mean() > 0.95


def test_step_of_a_schedule_is_the_derived_one():
    a, b, max_mu, kappa = 0.7, -0.4, 1.3, 0.6
    u, v = normal_form.from_modes(max_mu, a, b)
    mu = kappa * max_mu
    residual = u * v - 1
    found = normal_form.to_modes(max_mu, u - mu * v * residual, v - mu * u * residual)
    assert found == pytest.approx(derived.step_fraction(a, b, max_mu, kappa), rel=1e-13)


def test_batches_with_one_target_are_certified_and_with_two_are_not():
    """From a minimum close to the ellipse noise in the target escapes, noise in the curvature does not."""
    max_mu = 0.8
    mu = max_mu / 1.3  # the largest batch curvature is 1.3
    size = 0.99 * math.acosh(2 / max_mu) / 2
    first = normal_form.to_modes(max_mu, math.exp(size), math.exp(-size))
    rng = np.random.default_rng(6)

    def largest_level(spread):
        a, b = np.full((2, 500), np.reshape(first, (2, 1)))
        a = a * 1.001  # not exactly at the minimum, or one target would leave it at rest
        worst = -np.inf
        for _ in range(200):
            curvature, target = rng.choice([0.7, 1.3], 500), 1 + spread * rng.choice([-1, 1], 500)
            sigma = mu * (curvature * (1 + normal_form.residual(max_mu, a, b) / max_mu - target))
            with np.errstate(over="ignore", invalid="ignore"):
                a, b = (1 - sigma) * a, (1 + sigma) * b
                worst = np.fmax(worst, np.nanmax(normal_form.ellipse_level(max_mu, a, b)))
        return worst

    assert largest_level(0.0) <= 0
    assert largest_level(0.2) > 1e3


@pytest.mark.parametrize(
    ("u", "v", "max_mu", "expected"),
    [(1, 1, 2.0, True), (1, 1, 2.1, False), (1.5, 1.5, 2.0, False), (1, -1, 0.0, True), (1, 1, -0.1, False)],
)
def test_edges_of_the_certificate(u, v, max_mu, expected):
    assert normal_form.is_certified(u, v, max_mu) == expected


def test_certificate_broadcasts_and_says_no_to_nan():
    found = normal_form.is_certified([1.0, 4.0, math.nan], 1.0, 0.5)
    assert found.tolist() == [True, False, False]


def test_part_of_the_weights_across_the_mode_is_untouched():
    prompt = random_prompt(5, 3)
    mode, weights = start(prompt, 0.4, 0.8)
    before = mode.frozen_part(weights.key_query)
    for kappa in (0.3, 1.0, 0.0, 0.7):
        weights = descend(prompt, weights, kappa * mode.unit_step_size)
    assert mode.frozen_part(weights.key_query) == pytest.approx(before, rel=1e-12, abs=1e-13)
