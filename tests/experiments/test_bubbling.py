"""Noise on the balanced attractor: nothing in it amplifies an imbalance for ever; a larger factor would.

Small versions of experiments/bubbling. Every check has a control with the factor across the slice enlarged.
"""

from __future__ import annotations

import math
import os
from functools import cache

import numpy as np
import pytest

import lintrans as lt
from experiments.bubbling import bursts
from lintrans.symbolic import cycles as derived
from lintrans.two_factor import find_cycles

SURVIVALS = (1e-1, 1e-2, 1e-3, 1e-4)
STEPS = {"n_orbits": 20_000, "n_transient": 200, "n_steps": 400, "every": 4}
MUS = (1.3, 1.6, 1.95, 1.99)


@cache
def response(mu, sigma, gain=1.0, seed=1, both=False):
    return bursts.respond(mu, sigma, gain=gain, seed=seed, both=both, **STEPS)


def exponents(mus, n_steps=400_000):
    return lt.lyapunov_exponents(mus, start=(0.4321, 0.4321), n_steps=n_steps)


def test_exponent_across_is_negative_and_of_the_2_cycle_the_closed_one():
    """By 4 standard errors. At the minimum, mu < 1, it is 0: the control."""
    found = exponents(np.linspace(1, 2, 102)[1:-1])
    assert (found.transverse < -4 * found.transverse_error).all()
    cycle = found.mu < 1.23  # claim transverse.two_cycle; slow near its doubling
    assert found.transverse[cycle] == pytest.approx(np.log(3 - 2 * found.mu[cycle]) / 2, abs=1e-9)
    assert abs(exponents([0.9]).transverse[0]) < 1e-12


@cache
def cycles(mu):
    return list(bursts.balanced_cycles(find_cycles(mu, 7)))


@pytest.mark.parametrize("mu", [1.02, 1.2, *MUS, 1.45, 1.8, 1.8481, 1.9999])
def test_no_cycle_of_the_attractor_repels_across(mu):
    """Rounding of a product of 7 factors below 4 is below 1e-14; the nearest to 1 is 1 - 2e-5, at 1.9999."""
    assert {kind for _, kind, _ in cycles(mu)} == {"minimum", "vertices", "inside"}
    assert max(m for _, kind, m in cycles(mu) if kind == "inside") < 1 - 1e-6
    assert [m for _, kind, m in cycles(mu) if kind == "minimum"] == pytest.approx([1, 1], abs=1e-15)
    assert [m for _, kind, m in cycles(mu) if kind == "vertices"] == pytest.approx([9], rel=1e-12)
    assert max(1.4 * m ** (1 / p) for p, kind, m in cycles(mu) if kind != "vertices") > 1  # control


@pytest.mark.parametrize("mu", MUS)
def test_no_stretch_amplifies_beyond_the_bound(mu):
    """And the bound is not idle: stretches reach four fifths of it. With g = 1.2 they pass it."""
    found = bursts.largest_amplification(mu, n_orbits=2000, n_steps=1000, seed=2)
    assert 0.8 * bursts.bound(mu) < found < bursts.bound(mu)
    assert bursts.largest_amplification(mu, n_orbits=2000, n_steps=1000, seed=2, gain=1.2) > bursts.bound(mu)


def differences(first, second):
    """In standard errors, which come from 4 chunks and are themselves known to a third."""
    return [
        abs(first.quantile(s) - second.quantile(s)) / math.hypot(first.error(s), second.error(s))
        for s in (0.5, 0.01, 1e-3)
    ]


@pytest.mark.parametrize("mu", MUS)
def test_imbalance_is_proportional_to_the_noise(mu):
    """Over six decades, in quantiles with errors of 0.1 to 2 %; 8 of errors from 4 chunks happen to none."""
    small = response(mu, 1e-12)
    for other in (response(mu, 1e-6, seed=2), response(mu, 1e-9, seed=3, both=True)):
        assert max(differences(small, other)) < 8
        assert other.quantile(0.01) == pytest.approx(small.quantile(0.01), rel=0.02)
        assert other.escaped == 0


def test_a_response_that_is_not_linear_is_seen():
    """At mu = 1.99 kicks of 2e-3 cross the ellipse now and then, and come close to it always."""
    linear, large = response(1.99, 1e-9), response(1.99, 2e-3)
    assert min(differences(linear, large)) > 8
    assert large.quantile(0.5) > 1.05 * linear.quantile(0.5)


@pytest.mark.parametrize("mu", MUS)
def test_tail_steepens(mu):
    slopes = response(mu, 1e-9).slopes(SURVIVALS)
    assert (np.diff(slopes) > 1.5).all()
    assert slopes[-1] > 8


@pytest.mark.parametrize(("mu", "gain"), [(1.6, 1.5), (1.8, 1.25)])
def test_control_bursts_with_the_predicted_power(mu, gain):
    """The attractor still attracts across, its minimum does not. 10 %: events in bursts, 20,000 orbits."""
    across = exponents([mu]).transverse[0] + math.log(gain)
    assert across < -0.1
    found, plain = response(mu, 1e-12, gain), response(mu, 1e-12)
    predicted = bursts.tail_exponent(mu, gain)
    slope, error = found.slope(SURVIVALS[1:])
    assert slope == pytest.approx(predicted, rel=0.1)
    assert error < 0.1 * predicted
    assert found.quantile(1e-4) > 20 * plain.quantile(1e-4)
    assert abs(np.diff(found.slopes(SURVIVALS[1:]))[0]) < 0.5  # no steepening


def test_map_itself_has_no_power():
    assert math.isnan(bursts.tail_exponent(1.6, 1.0))


@pytest.mark.parametrize(
    ("mu", "power", "expected"),
    [
        (1.6, 0.0, 0.0),  # probabilities add up
        (2.0, 0.5, 0.0),  # at mu = 2 the product is sin(3^n t)/sin(t), by (5.6),
        (2.0, 2.0, math.log(3)),  # and the mean of its square 3^n
        (1.6, 10.0, -math.log(2.2)),  # a high power sees the minimum alone: share 1/(2 mu - 1) stays
    ],
)
def test_growth_of_moments(mu, power, expected):
    assert bursts.moment_rate(mu, power) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("mu", [1.6, 1.8])
def test_slope_of_the_growth_at_0_is_the_exponent(mu):
    found = exponents([mu], n_steps=4_000_000)
    assert bursts.moment_rate(mu, 1e-3) / 1e-3 == pytest.approx(found.transverse[0], abs=5e-3)


def test_orbits_escape_when_the_noise_is_large_only():
    assert response(1.95, 1e-3).escaped == 0
    assert response(1.95, 1e-1).escaped > 0.9
    assert response(1.95, 1e-1).largest == math.inf


def test_answer_does_not_depend_on_the_threads(monkeypatch):
    first = response(1.6, 1e-9)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert np.array_equal(bursts.respond(1.6, 1e-9, seed=1, **STEPS).counts, first.counts)


def test_quantiles_of_a_known_tail():
    """P(x) = x^-2 above 1, counted in the bins: slope 2, median sqrt(2)."""
    above = np.minimum(bursts._edges(), 1e9) ** -2.0
    counts = -np.diff(np.minimum(np.concatenate([[1.0], above]), 1)) * 1e15
    made = bursts.Response(np.round([counts, counts]), 1.0, 0.0)
    assert made.quantile(0.5) == pytest.approx(math.sqrt(2), rel=1e-4)
    assert made.slope(SURVIVALS)[0] == pytest.approx(2, rel=1e-4)
    assert made.slopes(SURVIVALS) == pytest.approx([2, 2, 2], rel=1e-4)


def test_exponent_across_reaches_0_like_the_square_root():
    """Medians over an octave, errors 0.3 %; two octaves with a distance of 64 tell the power to 0.002."""
    medians = []
    for k in (10, 16):
        gaps = 2.0 ** (-k - np.linspace(-0.5, 0.5, 48))
        found = exponents(2 - gaps, n_steps=4_000_000)
        law = np.array([float(derived.approach(mu)) for mu in found.mu])
        medians.append(np.median(found.transverse / law))
    assert medians == pytest.approx([1.014, 1.0], abs=0.012)
    power = 0.5 - math.log(medians[1] / medians[0]) / (6 * math.log(2))
    assert power == pytest.approx(0.5, abs=0.006)
