"""Layers 2 and 3: verdicts against closed forms, and against exponents measured by other code."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from lintrans.errors import InputError
from lintrans.symbolic import landmarks as derived
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.orbits import bifurcation_diagram, orbit
from lintrans.two_factor.phase import phase_diagram
from lintrans.two_factor.regimes import Regime, Verdict, classify, gather_evidence, regime

MU = {name: mark.mu for name, mark in landmarks().items()}
NEAR = 1e-3  # of a landmark, where "unresolved" is allowed


def slice_exponent(mu, n_steps=200_000, n_transient=20_000):
    """Exponent of the critical orbit of a' = (1 + mu) a - a^3, in plain NumPy: no code of the package.

    An odd cubic has negative Schwarzian derivative, so an attracting cycle attracts a critical orbit.
    """
    a = np.where(mu < 2, np.sqrt((1 + mu) / 3), 0.0)  # above 2 it would overflow, and is not asked for
    total = np.zeros_like(mu)
    for i in range(n_transient + n_steps):
        if i >= n_transient:
            total += np.log(np.abs(1 + mu - 3 * a * a))
        a = a * (1 + mu - a * a)
    return total / n_steps


def expected_by_closed_form(mu):
    """Regime codes from the thresholds alone; chaos or a window between accumulation and 2."""
    bounds = [MU["monotone"], MU["stable"], MU["accumulation"], MU["chebyshev"]]
    codes = [Regime.MONOTONE, Regime.CATAPULT, Regime.PERIODIC, Regime.CHAOTIC, Regime.DIVERGENT]
    return np.array([int(c) for c in codes])[np.searchsorted(bounds, mu)]


@pytest.fixture(scope="module")
def sweep():
    mu = np.linspace(0, 2.2, 2001)[1:]
    evidence = gather_evidence(mu, *normal_form.probe_start(mu))
    return mu, evidence, classify(mu, evidence)


def far_from_landmarks(mu):
    return np.abs(mu[:, None] - np.array(list(MU.values()))).min(axis=1) > NEAR


def disagreements(mu, codes, exponent):
    """Cells whose verdict contradicts closed form or exponent; none is excused far from landmarks."""
    expected = expected_by_closed_form(mu)
    windows = (mu > MU["accumulation"]) & (mu < MU["chebyshev"])
    expected[windows] = np.where(exponent[windows] < 0, Regime.PERIODIC, Regime.CHAOTIC)
    wrong = codes != expected
    excused = (codes == Regime.UNRESOLVED) & ~far_from_landmarks(mu)
    return np.flatnonzero(wrong & ~excused)


@pytest.fixture(scope="module")
def exponent(sweep):
    return slice_exponent(sweep[0])


def test_agrees_with_closed_forms_and_with_the_sign_of_the_exponent(sweep, exponent):
    mu, _, codes = sweep
    assert mu[disagreements(mu, codes, exponent)].tolist() == []


def test_that_comparison_notices_a_shifted_threshold(sweep, exponent):
    mu, _, codes = sweep
    moved = np.interp(mu, mu, mu * 1.002)
    assert disagreements(moved, codes, exponent).size > 0
    relabelled = np.where(codes == Regime.CATAPULT, Regime.MONOTONE, codes)
    assert disagreements(mu, relabelled, exponent).size > 100


def test_nearly_everything_is_resolved(sweep):
    _, _, codes = sweep
    assert (codes == Regime.UNRESOLVED).sum() <= 4


def test_period_doubling_cascade_has_the_right_periods(sweep):
    mu, evidence, codes = sweep
    period_8 = float(sp.N(derived.period_8()))
    for period, (low, high) in {2: (1.0, MU["period_4"]), 4: (MU["period_4"], period_8)}.items():
        inside = (mu > low + NEAR) & (mu < high - NEAR)
        assert (codes[inside] == Regime.PERIODIC).all()
        assert (evidence.period_uv[inside] == period).all()
    superstable = np.array([float(m) for m in derived.accumulation().superstable[1:7]])
    cycles = gather_evidence(superstable, *normal_form.probe_start(superstable))
    assert cycles.period_uv.tolist() == [2, 4, 8, 16, 32, 64]


def test_period_in_a_can_be_twice_the_period_in_uv():
    """Beyond the crisis the window of period 3 belongs to the family with product -1."""
    assert regime(1.701, 0.4, 0.4).evidence.period_a == 6
    assert regime(1.453, 0.4, 0.4).evidence.period_a == 3


@pytest.mark.parametrize("name", [n for n in MU if n != "accumulation"])
def test_closer_than_1e_3_to_a_landmark_the_verdict_is_not_wrong(name):
    offsets = np.concatenate([-np.logspace(-3, -9, 25), np.logspace(-9, -3, 25)])
    mu = MU[name] + offsets
    codes = classify(mu, gather_evidence(mu, *normal_form.probe_start(mu)))
    if name in ("monotone", "stable", "period_4", "chebyshev"):
        allowed = expected_by_closed_form(mu)
        wrong = (codes != allowed) & (codes != Regime.UNRESOLVED)
    else:  # windows are dense here: the sign of the exponent decides
        exponent = slice_exponent(mu, n_steps=100_000, n_transient=100_000)
        sure = np.abs(exponent) > 0.02
        contradicts = ((codes == Regime.PERIODIC) & (exponent > 0)) | (
            (codes == Regime.CHAOTIC) & (exponent < 0)
        )
        wrong = sure & contradicts
    assert mu[wrong].tolist() == []


# Convergence is certified, not guessed.


@settings(max_examples=200, deadline=None)
@given(mu=st.floats(1e-3, 1.2), x=st.floats(-1.5, 1.5), y=st.floats(-1.5, 1.5), size=st.floats(1e-6, 1.0))
def test_certified_orbits_converge_with_falling_loss(mu, x, y, size):
    """Starts near the curve of minima, where the certificate says yes often enough to be tested."""
    b = size * y
    a = np.sqrt(mu + b * b) + 0.2 * size * x
    if not normal_form.converges(mu, a, b):
        return
    r = a * a - b * b - mu
    for _ in range(200):
        a, b = (1 - r) * a, (1 + r) * b
        new = a * a - b * b - mu
        assert abs(new) <= abs(r) + 1e-15  # rounding of r
        r = new
    rate = (1 + abs(1 - 2 * (a * a + b * b))) / 2
    assert abs(r) <= 2 * rate**200 + 1e-14


def test_certificate_says_yes_to_most_converging_orbits_and_never_beyond_stability():
    mu = np.linspace(0.01, 2.0, 400)
    at_minimum = np.sqrt(mu) * (1 + 1e-7)
    yes = normal_form.converges(mu, at_minimum, np.zeros_like(mu))
    assert yes[mu < 0.995].all() and not yes[mu >= 1].any()


# Kinds of starts beyond the slice.


def test_anti_balanced_starts_run_into_the_saddle_or_away():
    assert regime(0.8, 0.5, -0.5).regime is Regime.SADDLE
    assert regime(0.8, 3.0, -3.0).regime is Regime.DIVERGENT
    assert regime(0.8, 0.0, 0.0).regime is Regime.SADDLE
    assert regime(0.8, 0.5, -0.5 + 1e-13).regime is not Regime.SADDLE


def test_inside_and_outside_of_the_ellipse():
    rng = np.random.default_rng(0)
    mu = rng.uniform(0.05, 1.95, 3000)
    u, v = rng.uniform(-3, 3, (2, 3000))
    a, b = normal_form.to_modes(mu, u, v)
    level = normal_form.ellipse_level(mu, a, b)
    clear = np.abs(level) > 1e-3
    diverges = classify(mu, gather_evidence(mu, u, v)) == Regime.DIVERGENT
    assert (diverges == (level > 0))[clear].all()
    assert ((mu > normal_form.critical_mu(u, v)) == (level > 0))[np.abs(level) > 1e-12].all()


def test_above_two_bounded_chaos_is_not_called_chaotic():
    mu = 2 + np.logspace(-8, -2, 30)
    codes = classify(mu, gather_evidence(mu, 0.4, 0.4, n_transient=128, n_steps=128))
    assert set(codes) <= {Regime.UNRESOLVED, Regime.DIVERGENT}


def test_chebyshev_exponent():
    e = regime(2.0, 0.4, 0.4).evidence
    assert abs(e.along - np.log(3)) < 4 * e.along_error < 0.05


def test_verdict_follows_the_evidence_not_the_other_way_round():
    evidence = regime(1.1, 0.4, 0.4).evidence
    assert str(Verdict.of(1.1, evidence)) == "periodic, period 2"
    assert Verdict.of(1.1, replace(evidence, separation=np.array(1e-6))).regime is Regime.UNRESOLVED
    assert Verdict.of(1.1, replace(evidence, cycle_along=np.array(0.1))).regime is Regime.UNRESOLVED
    assert Verdict.of(1.1, replace(evidence, escape_step=np.array(7))).regime is Regime.DIVERGENT
    chaotic = regime(1.5, 0.4, 0.4).evidence
    assert Verdict.of(1.5, replace(chaotic, along_error=chaotic.along)).regime is Regime.UNRESOLVED
    caught = regime(0.95, *map(float, normal_form.probe_start(0.95))).evidence
    assert Verdict.of(0.95, caught).regime is Regime.CATAPULT
    assert Verdict.of(0.95, replace(caught, rise_step=np.array(-1))).regime is Regime.MONOTONE


def test_leaving_an_unstable_cycle_is_not_called_chaos():
    """Near z = 0 the orbit grows like 1.2^n at mu = 1.1, steadily, until it reaches the 2-cycle."""
    for offset in (1e-4, 1e-7, 1e-12):
        u = np.sqrt(1 + offset)
        verdict = regime(1.1, u, u, n_transient=128, n_steps=128)
        assert verdict.regime in (Regime.UNRESOLVED, Regime.PERIODIC)


def test_too_few_steps_are_unresolved():
    assert regime(1.0001, 0.4, 0.4, n_transient=128, n_steps=128).regime is Regime.UNRESOLVED


def test_results_do_not_depend_on_the_number_of_threads():
    mu = np.linspace(0.1, 2.1, 5000)
    one = gather_evidence(mu, 0.4, 0.3, n_transient=128, n_steps=128, n_threads=1)
    two = gather_evidence(mu, 0.4, 0.3, n_transient=128, n_steps=128, n_threads=2)
    for name, values in vars(one).items():
        assert np.array_equal(values, getattr(two, name), equal_nan=True), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mu": 0.0}, "mu must be positive, got 0"),
        ({"mu": -1.0}, "mu must be positive, got -1"),
        ({"mu": np.nan}, "mu must be finite"),
        ({"u": np.inf}, "u must be finite"),
        ({"n_steps": 0}, "n_steps must lie between 1"),
        ({"n_steps": 10**12}, "n_steps must lie between"),
        ({"max_period": 0}, "max_period must lie between"),
        ({"n_threads": 0}, "n_threads must lie between"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        gather_evidence(**({"mu": 1.0, "u": 0.4, "v": 0.4} | arguments))


def test_unknown_regime_name():
    with pytest.raises(InputError, match=r"one of unresolved, monotone, .*'wild'"):
        Regime.from_label("wild")


def test_no_call_compiles_a_kernel_again():
    """Views, read-only arrays and other layouts must not reach Numba as types of their own."""
    frozen = np.linspace(0.5, 1.5, 6).reshape(2, 3)
    frozen.setflags(write=False)
    options = {"n_transient": 128, "n_steps": 128}
    for mu in (0.5, [0.5, 1.0], frozen, frozen.T, frozen[:, ::2], np.broadcast_to(frozen[0], (4, 3))):
        gather_evidence(mu, 0.4, 0.4, **options)
    phase_diagram([0.5, 1.0], scales=[0.5, 1.0], **options)
    bifurcation_diagram(frozen[0], n_transient=8, n_samples=4)
    orbit(0.5, 0.4, 0.4, n_steps=3)
    of_the_plain_map = [types for types in kernels.record.signatures if str(types[-1]) == "none"]
    assert len(kernels.evidence.signatures) == len(of_the_plain_map) == 1
