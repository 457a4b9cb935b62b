"""Schedules with mini-batches: the random map against literal steps, training and the drift."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from problems import MODE, NOISY, check_refused

import lintrans as lt
from lintrans.attention.batch_training import train_on_batches
from lintrans.attention.transformer import TwoFactorWeights
from lintrans.minibatch import (
    Batches,
    Population,
    draw_batches,
    escape_times,
    geometry,
    kernels,
    refine_step_size,
    risk_map,
)
from lintrans.minibatch.walks import walk
from lintrans.two_factor import normal_form
from lintrans.verification import trained_risk, verify_batches

WARM_UP = np.linspace(0.05, 1.0, 21)
BATCHES = Batches(2, n_steps=25, seed=7)
SCHEDULED = replace(BATCHES, schedule=WARM_UP)
START = {"mu": 0.8, "u": 0.9, "v": 0.4, "n_trajectories": 70}


def literal(schedule, trajectory, late=0):
    """Last u, v by steps in u, v; ``late`` shifts the schedule."""
    u, v = 0.9, 0.4
    for t, batch in enumerate(draw_batches(NOISY.n_prompts, BATCHES, trajectory)):
        mu = 0.8 * schedule[max(0, min(t - late, len(schedule) - 1))]
        sigma = mu * (NOISY.curvatures[batch].mean() * u * v - NOISY.targets[batch].mean())
        u, v = u - sigma * v, v - sigma * u
    return u, v


def test_trajectories_are_the_literal_steps_of_a_schedule():
    """The last step size goes on; rounding of 1e-16 grows by at most 1e6 in these steps."""
    found = escape_times(NOISY, **START, batches=SCHEDULED)
    stayed = np.flatnonzero(found.diverged < 0)
    ends = np.array(normal_form.from_modes(0.8, found.end_a, found.end_b)).T
    assert stayed.size > 20
    for i in stayed[::7]:
        assert ends[i] == pytest.approx(literal(WARM_UP, i), rel=1e-9)
        assert ends[i] != pytest.approx(literal(WARM_UP, i, late=1), rel=1e-6)


def test_a_schedule_of_ones_is_none_to_the_bit():
    of_ones = replace(BATCHES, schedule=[1.0, 1.0])
    plain, ones = (escape_times(NOISY, **START, batches=batches) for batches in (BATCHES, of_ones))
    assert np.array_equal(plain.end_a.view(np.int64), ones.end_a.view(np.int64))
    assert plain.settings == ones.settings and plain.settings["schedule"] is None and of_ones == BATCHES


def test_a_half_step_is_the_map_of_half_the_step_size():
    """In u, v; the ellipse is that of the whole step size, and inside the other."""
    options, one = START | {"mu": 1.5}, replace(BATCHES, size=1)
    half = escape_times(NOISY, **options, batches=replace(one, schedule=[0.5]))
    small = escape_times(NOISY, **(options | {"mu": 0.75}), batches=one)
    stayed = np.flatnonzero(half.diverged < 0)
    assert stayed.size > 20
    for one, other in zip(
        normal_form.from_modes(1.5, half.end_a, half.end_b),
        normal_form.from_modes(0.75, small.end_a, small.end_b),
        strict=True,
    ):
        assert one[stayed] == pytest.approx(other[stayed], rel=1e-9)
    left = half.left >= 0
    assert (left | (small.left < 0)).all() and left.sum() > (small.left >= 0).sum()


def test_without_variance_no_schedule_leaves_the_ellipse():
    """Claim schedules.certificate, for equal prompts; a step size above the ellipse's own does leave."""
    equal = Population(np.full(5, 0.3), np.full(5, -0.7))
    rng = np.random.default_rng(3)
    n, mu = 400, 1.8
    a, b = np.sqrt([2 + mu, 2 - mu])[:, None] * rng.uniform(-0.7, 0.7, (2, n))
    batches = Batches(1, sampling="epochs", n_steps=500, schedule=rng.uniform(0, 1, 499))
    table, mus = equal.for_kernels(), np.full(n, mu)
    inside, _ = walk(table, mus, a, b, batches=batches)
    too_large, ellipse = rng.uniform(0, 1.3, 499), np.array([1 / (2 + mus), 1 / (2 - mus)])
    drawing = *batches.for_kernels(), np.uint64(0)
    beyond, _ = kernels.walk(table, *drawing, mus, a, b, ellipse, 500, too_large)
    assert (inside < 0).all() and (beyond[:, 0] >= 0).mean() > 0.5


def test_training_under_a_schedule_commutes_at_every_step():
    options, batches = {"step_size": 0.1, "value": 0.5, "key_query": [[0.5]]}, Batches(2, n_steps=40)
    found = verify_batches(MODE, **options, batches=replace(batches, schedule=WARM_UP))
    assert found.agrees and found.max_commutation_error < 1e-14
    assert found.settings["schedule"] == WARM_UP.tolist()
    assert not np.allclose(found.u, verify_batches(MODE, **options, batches=batches).u)


def test_a_scheduled_step_of_training_is_one_of_its_own_learning_rate():
    start, batches = TwoFactorWeights(0.5, [[0.5]]), draw_batches(3, Batches(2, n_steps=3))
    run = train_on_batches(MODE, start, batches, step_size=0.1, schedule=[0.5, 0.0])
    once = train_on_batches(MODE, start, batches[:1], step_size=0.05)
    assert np.array_equal(run.weights[1], once.weights[1])
    assert np.array_equal(run.weights[1], run.weights[3])  # the last, 0, goes on


def test_trainings_under_a_schedule_do_what_their_trajectories_do():
    options, batches = {"step_size": 0.2, "value": 0.5, "key_query": [[0.5]]}, Batches(1, n_steps=60)
    found = trained_risk(MODE, **options, batches=replace(batches, schedule=WARM_UP), n_trainings=20)
    assert found.n_alike >= 19 and 0 < found.left.value < 1  # rounding grows in those that escape


def test_risks_of_a_map_and_their_refinement_are_of_the_schedule(tmp_path):
    start, cells = {"u": 0.5, "v": 0.5}, ([0.1, 0.3, 1.0], [1, 4])
    batches = Batches(4, n_steps=50, schedule=WARM_UP)
    found = risk_map(NOISY, *cells, **start, batches=batches, n_trajectories=100)
    cell = escape_times(NOISY, NOISY.mu(1.0), **start, batches=batches, n_trajectories=100)
    assert found.left[2, 1] == (cell.left >= 0).sum()
    again = lt.load(lt.save(found, tmp_path / "x.h5"))
    assert again.settings["schedule"] == WARM_UP.tolist()
    assert again.schedule == tuple(WARM_UP) and again.batches(4) == batches
    etas, limits = np.geomspace(0.1, 2, 12), []
    for schedule in (None, np.linspace(1, 0, 50)):
        scheduled = replace(batches, schedule=schedule)
        coarse = risk_map(NOISY, etas, [1], **start, batches=scheduled, n_trajectories=400)
        limits.append(refine_step_size(coarse, 1, 0.1, n_trajectories=4000))
    assert limits[0].high < limits[1].low


@pytest.mark.parametrize("part", [1.0, 0.7, 0.2])
def test_the_drift_in_a_part_of_a_step_is_the_derived_one(part):
    """200,000 batches: 5 standard errors are exceeded once in a million."""
    mu, a, b, n = 0.8, 1.1832159566199232, 0.7745966692414834, 200_000  # on the ellipse
    a, b = 0.9 * a, 0.9 * b
    batches = Batches(2, n_steps=1, seed=1, schedule=[part])
    start = (np.full(n, x) for x in (mu, a, b))
    _, ends = walk(NOISY.for_kernels(), *start, batches=batches)
    change = normal_form.ellipse_level(mu, *ends) - normal_form.ellipse_level(mu, a, b)
    moments = geometry.batch_moments(NOISY, batches)
    error = change.std() / math.sqrt(n)
    assert abs(change.mean() - geometry.level_drift(mu, a, b, moments, part=part)) < 5 * error
    if part != 1:
        assert abs(change.mean() - geometry.level_drift(part * mu, a, b, moments)) > 10 * error


@pytest.mark.parametrize(
    ("schedule", "parts"),
    [
        ([], ("schedule", "must not be empty", "omit it")),
        ([0.5, -0.1], ("schedule", "at least 0", "schedule[1]=-0.1")),
        ([0.5, 1.5], ("schedule", "at most 1", "schedule[1]=1.5", "divide by the largest")),
        ([np.nan], ("schedule", "finite", "nan")),
        ([[1.0]], ("schedule", "axes", "(1, 1)")),
    ],
)
def test_bad_schedules_are_refused(schedule, parts):
    check_refused(lambda: Batches(2, schedule=schedule), parts)
