"""Verdicts and exponents of the page against those of the compiled loops, which round differently."""

from __future__ import annotations

import numpy as np
import pytest
from node import call, call_many, needs_node

import lintrans as lt
from lintrans.two_factor import Regime, Variant, classify, gather_evidence, kernels, normal_form
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.basins import SETTLED
from lintrans.two_factor.variants import for_kernels

pytestmark = needs_node

EPS = np.finfo(float).eps
CHAOTIC_FROM = 30  # steps after which rounding shows in a chaotic transient


def starts(n, seed):
    """Random mu and starts, every third balanced and every tenth anti-balanced."""
    rng = np.random.default_rng(seed)
    mu, u, v = rng.uniform(0.02, 2.1, n), *rng.normal(0, 1, (2, n))
    v[::3] = u[::3]
    v[::10] = -u[::10]
    return mu, u, v


def verdicts(mu, u, v):
    """Verdicts of the page, with their evidence."""
    asked = [{"mu": m, "u": x, "v": y} for m, x, y in zip(mu.tolist(), u.tolist(), v.tolist(), strict=True)]
    return call_many([("regimes.js", "regime", [options], False) for options in asked])


def column(found, name):
    return np.array([verdict["evidence"][name] for verdict in found])


def check_verdicts(n, seed, transients=0):
    """Verdicts, periods and rises agree; steps of escapes where no chaotic transient came before.

    Up to ``transients`` starts may differ in one way: in a narrow window a chaotic transient, whose length
    rounding decides, has ended in one of the two only, so that one says periodic and the other chaotic.
    """
    mu, u, v = starts(n, seed)
    found, evidence = verdicts(mu, u, v), gather_evidence(mu, u, v)
    expected = classify(mu, evidence)
    assert set(expected) == set(range(len(Regime)))
    codes = np.array([verdict["code"] for verdict in found])
    differ = codes != expected
    assert differ.sum() <= transients
    assert set(codes[differ]) | set(expected[differ]) <= {Regime.PERIODIC, Regime.CHAOTIC}
    same = ~differ
    assert np.array_equal(column(found, "riseStep"), evidence.rise_step)
    assert np.array_equal(column(found, "periodUv")[same], evidence.period_uv[same])
    assert np.array_equal(column(found, "periodA")[same], evidence.period_a[same])
    late = np.minimum(column(found, "escapeStep"), evidence.escape_step) > CHAOTIC_FROM
    assert late.mean() < 0.01  # nearly all is compared: 4 of 2000 are late
    assert np.array_equal(column(found, "escapeStep")[~late], evidence.escape_step[~late])


def test_verdicts_agree():
    check_verdicts(2000, seed=2)


@pytest.mark.thorough
def test_many_more_verdicts_agree():
    """One of these differs: mu = 1.31365..., in a window of period 36."""
    check_verdicts(20_000, seed=3, transients=1)


def test_no_verdict_contradicts_another_next_to_a_landmark():
    """There rounding decides, and slow orbits are open: one may be unresolved, both never differ.

    None of the 120 differs on a processor that fuses products and sums; on others compiled steps round as the
    page does, and a few of those 1e-9 from a landmark may be decided differently.
    """
    offsets = np.concatenate([-(10.0 ** np.arange(-9, -1)), 10.0 ** np.arange(-9, -1)])
    mu = np.array([mark.mu for mark in landmarks().values()])[:, None] + offsets
    mu = mu[mu <= 2.0].ravel()
    u, v = normal_form.probe_start(mu)
    codes = np.array([verdict["code"] for verdict in verdicts(mu, u, v)])
    expected = classify(mu, gather_evidence(mu, u, v))
    differ = codes != expected
    assert differ.sum() <= 3
    assert ((codes == 0) | (expected == 0))[differ].all()


def test_evidence_agrees_where_training_settles():
    mu, u, v = starts(300, seed=3)
    evidence = gather_evidence(mu, u, v)
    settled = np.isin(classify(mu, evidence), (Regime.MONOTONE, Regime.CATAPULT, Regime.PERIODIC))
    found = verdicts(mu[settled], u[settled], v[settled])
    names = {"finalB": "final_b", "residual": "residual", "cycleAlong": "cycle_along"}
    names |= {"lossLow": "loss_low", "lossMean": "loss_mean", "lossHigh": "loss_high", "finalA": "final_a"}
    for mine, theirs in names.items():
        wanted = getattr(evidence, theirs)[settled]
        # A state that attracts by a factor f a step is known to eps / (1 - f), and the logarithm of a factor
        # to eps / f: both are below 1e5 eps here.
        np.testing.assert_allclose(column(found, mine), wanted, rtol=1e5 * EPS, atol=1e-12, equal_nan=True)


def test_a_verdict_says_its_name_and_period():
    found = call("regimes.js", "regime", {"mu": 1.1, "u": 0.4, "v": 0.4})
    assert (found["regime"], found["period"]) == ("periodic", 2)
    assert call("regimes.js", "REGIMES") == [regime.label for regime in Regime]


@pytest.mark.parametrize("start", [None, (0.5, 0.4)])
def test_exponents_agree(start):
    mus = np.linspace(0.21, 2.1, 400)
    expected = lt.lyapunov_exponents(mus, start=start, n_transient=1024, n_steps=4096)
    starts = None if start is None else dict(zip("uv", start, strict=True))
    options = {"mus": mus, "starts": starts, "nTransient": 1000, "nSteps": 4000}  # rounded up
    found = call("exponents.js", "lyapunov", options)
    escaped = np.isnan(expected.along)
    assert np.array_equal(np.isnan(found["along"]), escaped)
    assert 0 < escaped.sum() < 60
    for name in ("along", "transverse"):
        mine, theirs = found[name][~escaped], getattr(expected, name)[~escaped]
        errors = np.hypot(found[f"{name}Error"], getattr(expected, f"{name}_error"))[~escaped]
        settled = errors < 1e-12  # on a minimum or a cycle, throughout the steps measured
        assert 150 < settled.sum() < mus.size - 100
        # The logarithm of a factor f is known to eps / |f|; close to superstable cycles f is about 1e-5.
        np.testing.assert_allclose(mine[settled], theirs[settled], rtol=1e-10, atol=1e-12)
        assert (np.abs(mine - theirs) <= 6 * errors + 1e-12).all()  # of 16 batches: themselves within a fifth


def test_exponents_without_transverse():
    mus = np.array([0.5, 1.9])
    found = call("exponents.js", "lyapunov", {"mus": mus, "transverse": False})
    assert np.isfinite(found["along"]).all()
    assert np.isnan(found["transverse"]).all()


VARIANTS = {  # in a long warm-up minima are reached that get unstable, and rounding decides who leaves them
    "decay": Variant(weight_decay=0.1),
    "momentum": Variant(momentum=0.5),
    "warm-up": Variant(schedule=(0.3, 0.6, 1.0)),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_endings_of_variants_agree(name):
    variant = VARIANTS[name]
    mu, u, v = starts(300, seed=4)
    a, b = normal_form.to_modes(mu, u, v)
    ends = np.empty((mu.size, 3))
    codes, steps = kernels.fates(mu, a, b, 2000, SETTLED, False, ends, for_kernels(variant))
    words = {"weightDecay": variant.weight_decay, "momentum": variant.momentum}
    words["schedule"] = list(variant.schedule)
    rows = zip(mu.tolist(), a.tolist(), b.tolist(), strict=True)
    asked = [{"mu": m, "a": x, "b": y, "variant": words} for m, x, y in rows]
    found = call_many([("endings.js", "variedEnding", [options], False) for options in asked])
    names = ["unresolved", "converged", "diverged"]
    assert [x["code"] for x in found] == [names[code] for code in codes]
    early = steps <= CHAOTIC_FROM
    assert np.array_equal(np.array([x["step"] for x in found])[early], steps[early])
    settled = codes == kernels.CONVERGED
    assert 0 < settled.sum() < mu.size
    assert np.array_equal(np.array([x["rose"] for x in found])[settled], ends[settled, 2] > 0)


def test_a_variant_beyond_its_edge_has_a_period():
    """Heavy ball is stable up to mu = 1 + momentum on the slice. Claim variants.heavy_ball."""
    for mu, code, period in ((1.4, "converged", 1), (1.6, "unresolved", 2)):
        options = {"mu": mu, "a": 1.2, "b": 0, "variant": {"momentum": 0.5}, "nSteps": 4000}
        found = call("endings.js", "variedEnding", options)
        assert (found["code"], found["period"]) == (code, period)
