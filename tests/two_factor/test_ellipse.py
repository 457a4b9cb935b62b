"""Layer 2: what happens on the ellipse and across the slice, in simulation.

The single numbers are held together in test_three_faces.py. Here are one or a few steps of the plain map
below, from angles drawn from the invariant density: float64 loses 1.6 bits of the angle per step, so a long
orbit would sample rounding errors. Four standard errors are allowed everywhere; seeds are fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from lintrans.errors import InputError
from lintrans.symbolic import transverse
from lintrans.two_factor import invariant_ellipse, normal_form

MUS = (0.01, 0.3, 1.0, 1.5, 1.99)
N = 400_000
every_mu = pytest.mark.parametrize("mu", MUS)


def step(mu, a, b):
    r = a * a - b * b - mu
    return (1 - r) * a, (1 + r) * b


def random_angles(n=N, seed=3):
    return np.random.default_rng(seed).uniform(0, 2 * math.pi, n)


def on_ellipse(mu, n=N):
    return invariant_ellipse.ellipse_point(mu, random_angles(n))


def assert_mean(samples, expected):
    error = np.std(samples) / math.sqrt(len(samples))
    assert abs(np.mean(samples) - expected) < 4 * error


@every_mu
def test_step_triples_the_angle(mu):
    angles = random_angles(1000)
    found = step(mu, *invariant_ellipse.ellipse_point(mu, angles))
    expected = invariant_ellipse.ellipse_point(mu, invariant_ellipse.next_angle(angles))
    # a few ulp of numbers up to 6, carried by factors of size up to 3
    assert np.abs(np.subtract(found, expected)).max() < 2e-14


@every_mu
def test_density(mu):
    r = normal_form.residual(mu, *on_ellipse(mu))
    assert_mean(np.abs(r) < 1, 1 / 3)  # the integral of the arcsine density
    counts, edges = np.histogram(r, 40, (-1.9, 1.9))
    middles = (edges[1:] + edges[:-1]) / 2
    expected = invariant_ellipse.residual_density(middles) * np.diff(edges) * N
    # bins so narrow that the midpoint rule errs below a sigma; 5 sigma for the largest of 40
    inner = np.abs(middles) < 1.5
    assert (np.abs(counts - expected) / np.sqrt(expected))[inner].max() < 5


@every_mu
def test_residuals_are_uncorrelated_and_the_mean_prediction_errs_as_stated(mu):
    a, b = on_ellipse(mu, 100_000)
    history = []
    for _ in range(8):  # 13 of 53 bits are lost
        history.append(normal_form.residual(mu, a, b))
        a, b = step(mu, a, b)
    for lag in range(1, 8):
        assert_mean(history[0] * history[lag], 0)
    running = 1 + np.mean(history, axis=0) / mu
    spread = math.sqrt(2 / 8) / mu
    assert_mean((running - 1) ** 2, spread**2)


def test_limits_of_the_transverse_exponent():
    golden = (1 + math.sqrt(5)) / 2
    assert invariant_ellipse.transverse_exponent(1e-9) == pytest.approx(2 * math.log(golden), rel=1e-15)
    gap = 2.0**-40
    near = invariant_ellipse.transverse_exponent(2 - gap)
    assert near == pytest.approx(2 * math.sqrt(gap / 3), rel=1e-11)  # no cancellation
    assert np.isnan(invariant_ellipse.transverse_exponent([-0.1, 2.1])).all()
    values = invariant_ellipse.transverse_exponent(np.linspace(0, 2, 1001))
    assert (np.diff(values) < 0).all()


def test_ellipses_are_nested_in_factors():
    u, v = np.random.default_rng(2).normal(size=(2, 500, 1))
    mus = np.linspace(0.05, 1.95, 60)
    levels = normal_form.ellipse_level(mus, *normal_form.to_modes(mus, u, v))
    assert (np.diff(levels, axis=1) > 0).all()


def test_no_minimum_is_stable_above_one():
    stable, inside = invariant_ellipse.minima_extent([0.99, 1.01, 1.99])
    assert np.isnan(stable).tolist() == [False, True, True]
    assert not np.isnan(inside).any()


@pytest.mark.parametrize("mu", [0.0, -1.0, 2.0, math.nan])
def test_no_ellipse_is_an_error(mu):
    with pytest.raises(InputError, match="mu must be"):
        invariant_ellipse.ellipse(mu)


# Across the balanced slice: b starts at 1e-200, so that it never acts back on a


def two_steps_on_the_attractor(mu, a=0.9):
    for _ in range(20_000):
        a, _ = step(mu, a, 0.0)
    states = [(a, 1e-200)]
    for _ in range(2):
        states.append(step(mu, *states[-1]))
    return states


def test_two_cycle_attracts_where_it_is_stable():
    mu = 1.15
    (a, _), *_, (_, b) = two_steps_on_the_attractor(mu)
    assert normal_form.residual(mu, a, 0.0) == pytest.approx(
        min(normal_form.two_cycle(mu), key=lambda z: abs(z - (a * a - mu))), abs=1e-12
    )
    assert b / 1e-200 == pytest.approx(3 - 2 * mu, rel=1e-10)
    assert np.isnan(normal_form.two_cycle(0.9)).all()
    assert np.isnan(normal_form.two_cycle_multipliers(0.9)).all()
    assert np.isnan(normal_form.two_cycle_averages(0.9)).all()


def test_window_of_the_symmetric_cycle():
    low, high = (float(end) for end in transverse.PERIOD_2_WINDOW)
    mu = (low + high) / 2
    a = math.sqrt((1 + mu) / 3)  # the critical point finds the attracting cycle
    states = two_steps_on_the_attractor(mu, a)
    assert states[2][0] == pytest.approx(-states[0][0], abs=1e-12)  # period 2 in uv, 4 in a
    along, across = normal_form.symmetric_cycle_multipliers(mu)
    assert abs(along) < 1
    assert states[2][1] / 1e-200 == pytest.approx(across, abs=1e-10)
    for end, value in ((low + 1e-12, 1.0), (high, -1.0)):  # a square root ends at low
        assert normal_form.symmetric_cycle_multipliers(end)[0] == pytest.approx(value, abs=1e-4)
    assert np.isnan(normal_form.symmetric_cycle_multipliers(low - 1e-9)).all()


def test_transverse_exponent_at_two_is_zero_on_average_and_on_every_orbit():
    """Claims transverse.chebyshev and transverse.chebyshev_neutral."""
    a = 2 * np.cos(random_angles())
    assert_mean(np.log(np.abs(1 + (a * a - 2))), 0)
    assert_mean(a * a / 2, invariant_ellipse.ellipse(1.0).mean_prediction)
    assert_mean((a * a / 2 - 1) ** 2 / 2, 1 / 2**2)
    a, b = a[:1000], np.full(1000, 1e-200)
    size = b / np.sqrt(4 - a * a)
    for _ in range(12):
        a, b = step(2.0, a, b)
        clear = 4 - a * a > 1e-3  # closer to the end the rounding of a is amplified by 1/(4 - a^2)
        now = np.abs(b) / np.sqrt(np.where(clear, 4 - a * a, 1))
        assert np.median(np.abs(now / size - 1)[clear]) < 1e-12
        assert np.abs(now / size - 1)[clear].max() < 1e-6


# The Lyapunov function |b|^mu / |Q|


def random_inside(mu, n=20_000, largest=0.98):
    radius = np.sqrt(np.random.default_rng(11).uniform(0, largest, n))
    return [radius * x for x in invariant_ellipse.ellipse_point(mu, random_angles(n))]


@pytest.mark.parametrize("mu", [0.2, 0.7, 1.2, 1.9])
@pytest.mark.parametrize("scale", [1.0, 1.5], ids=["inside", "some outside"])
def test_imbalance_bound_never_rises(mu, scale):
    """Claims convergence.inequality and convergence.lyapunov_function."""
    a, b = random_inside(mu)
    a, b = scale * a, scale * b
    for _ in range(4):
        level = normal_form.ellipse_level(mu, a, b)
        before = invariant_ellipse.imbalance_bound(mu, a, b)
        a, b = step(mu, a, b)
        after = invariant_ellipse.imbalance_bound(mu, a, b)
        # Q is a difference of numbers near 1: compare where it and its image have 8 digits left
        clear = (np.abs(level) > 1e-6) & (np.abs(normal_form.ellipse_level(mu, a, b)) > 1e-6)
        assert (after <= before * (1 + 1e-8))[clear].all()


@pytest.mark.parametrize(("mu", "settles"), [(0.4, True), (0.8, True), (1.2, False), (1.8, False)])
def test_inside_orbits_settle_or_balance(mu, settles):
    a, b = random_inside(mu, 2000)
    for _ in range(3000):
        a, b = step(mu, a, b)
    settled = np.abs(normal_form.residual(mu, a, b)) < 1e-9
    balanced = np.abs(b) < 1e-9
    assert settled.all() == settles
    assert balanced.all() == (not settles)


def test_outside_orbits_are_lost():
    mu = 0.7
    a, b = (x * np.sqrt(1.05 / 0.98) for x in random_inside(mu))
    outside = normal_form.ellipse_level(mu, a, b) > 0.001
    a, b = a[outside], b[outside]
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(60):
            a, b = step(mu, a, b)
    assert not np.isfinite(a + b).any()


def test_slice_attracts_at_every_mu_of_a_sample():
    """Claim convergence.negative, on orbits of 50,000 steps across periodic and chaotic mu alike."""
    mus = np.linspace(1.01, 1.99, 50)
    a, total = np.full(50, 0.4321), np.zeros(50)
    for n in range(51_000):
        total += np.log(np.abs(1 + a * a - mus)) if n >= 1000 else 0
        a = (1 + mus - a * a) * a
    assert (total < -0.005 * 50_000).all()
