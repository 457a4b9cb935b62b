"""Exponents over windows and invariant densities: against sums and closed forms, and what is undefined."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from problems import check_refused

import lintrans as lt
from lintrans.cli import main
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.densities import invariant_density
from lintrans.two_factor.invariant_ellipse import ellipse_point, transverse_exponent
from lintrans.two_factor.spectra import orbit_exponents

CASES = {
    "converging": (0.6, 0.4, 0.9),
    "on a cycle": (1.2, 0.5, 0.3),
    "chaotic, balanced": (1.9, 0.4, 0.4),
    "chaotic": (1.9, 0.4, 0.3),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def jacobian(mu, a, b):
    r = a * a - b * b - mu
    return np.array([[1 - r - 2 * a * a, 2 * a * b], [2 * a * b, 1 + r - 2 * b * b]])


@every_case
def test_windows_are_means_of_logarithms_and_the_spectrum_that_of_a_qr(case):
    """The textbook: QR of the Jacobians along the orbit, from states of the kernels."""
    mu, u, v = case
    found = orbit_exponents(mu, u, v, n_transient=512, n_window=16, n_windows=64)
    a, b = normal_form.to_modes([mu], [u], [v])
    all_a, all_b = kernels.orbits(np.array([mu]), a, b, 512, 16 * 65)
    q, logs = np.linalg.qr(np.array([[1.0, -1.0], [1.0, 1.0]]))[0], []
    for x, y in zip(all_a[0], all_b[0], strict=True):
        q, triangle = np.linalg.qr(jacobian(mu, x, y) @ q)
        logs.append(np.log(np.abs(np.diag(triangle))))
    windows = np.array(logs).reshape(65, 16, 2).mean(axis=1)[1:]
    r = normal_form.residual(mu, all_a[0], all_b[0])
    across = np.log(np.abs(1 + r)).reshape(65, 16).mean(axis=1)[1:]
    # 16 logarithms of relative error 1e-15, the second by a difference
    assert found.largest == pytest.approx(windows[:, 0], abs=1e-9)
    assert found.smallest == pytest.approx(windows[:, 1], abs=1e-9)
    assert found.transverse == pytest.approx(across, abs=1e-12)
    assert found.along + found.transverse == pytest.approx(windows.sum(axis=1), abs=1e-9)
    assert found.exponents()["largest"].value == pytest.approx(windows[:, 0].mean(), abs=1e-9)


def test_measuring_a_tangent_changes_no_bit_of_the_orbit():
    mus, a, b = (np.full(300, x) for x in (1.9, 0.5, 0.1))
    b[::3] = 0.0
    a += np.linspace(0, 1e-3, 300)
    with_tangent = kernels.exponent_windows(mus, a, b, 256, 64, 16)
    without = kernels.exponents(mus, a, b, 256 + 64, 1024, True)
    assert with_tangent[:, :, :2].mean(axis=1) == pytest.approx(without[:, [0, 2]], abs=1e-12)


def test_errors_cover_the_true_exponent():
    """At mu = 2 on the slice, ln 3 and 0, from 40 starts: within two errors in 38 or so."""
    hits = 0
    for start in np.linspace(0.1, 0.9, 40):
        along, across, *_ = orbit_exponents(2 - 1e-13, start, start, n_windows=256).exponents().values()
        hits += abs(along.value - math.log(3)) < 2.2 * along.standard_error
        hits += abs(across.value) < 2.2 * across.standard_error
    assert 65 <= hits <= 80  # telescoping makes batches anticorrelated, and errors a little too large


def test_finite_time_exponents_scatter_like_the_inverse_root_or_where_they_telescope_the_inverse():
    ratios = {}
    for mu in (1.9, 2 - 1e-13):
        spreads = [orbit_exponents(mu, 0.4, 0.4, n_window=n, n_windows=4096).along.std() for n in (64, 256)]
        ratios[mu] = spreads[0] / spreads[1]
    assert ratios[1.9] == pytest.approx(2, rel=0.15)  # sqrt(4)
    assert ratios[2 - 1e-13] == pytest.approx(4, rel=0.15)


def test_both_directions_at_a_minimum_are_told_apart():
    found = orbit_exponents(0.6, 0.4, 0.9).exponents()
    end = lt.orbit(0.6, 0.4, 0.9, n_steps=6000)
    multiplier = math.log(abs(1 - 2 * (end.a[-1] ** 2 + end.b[-1] ** 2)))
    assert found["along"].value == pytest.approx(multiplier, abs=1e-9)
    assert found["transverse"].value == pytest.approx(0, abs=1e-12)
    assert found["largest"].value == pytest.approx(0, abs=1e-9)
    assert found["smallest"].value == pytest.approx(multiplier, abs=1e-9)


def test_zero_and_undefined():
    """An orbit whose imbalance becomes exactly 0 goes on, on the slice; an escape has no exponents."""
    zero = orbit_exponents(1.0, 1.0, 0.0, n_transient=0, n_windows=16)  # a = b = 1/2: r = -1, and b' = 0
    assert np.isfinite(zero.along).all() and (zero.transverse < 1e-12).all()
    gone = orbit_exponents(2.5, 0.4, 0.3).exponents()
    assert all(math.isnan(e.value) and math.isnan(e.standard_error) for e in gone.values())


def test_a_factor_of_exactly_zero_is_minus_infinity():
    """At mu = 2 the critical point a = 1 has both factors 0, then a' = 2, a'' = -2 for ever."""
    start = np.array([2.0]), np.array([1.0]), np.array([0.0])
    table = kernels.exponent_windows(*start, 0, 16, 16)[0]
    assert table[:, 0] == pytest.approx(np.log(9)) and table[:, 1] == pytest.approx(np.log(3))
    assert (table[:, 2] == -np.inf).all()  # the tangent was lost in the window left out
    mean = kernels.exponents(*start, 0, 256, True)[0]
    assert mean[0] == -np.inf and np.isnan(mean[1])
    away = orbit_exponents(2.0, math.sqrt(0.5), math.sqrt(0.5), n_transient=0, n_windows=16).exponents()
    assert all(not math.isnan(e.value) for e in away.values())


def test_the_ellipse_repels_at_the_rate_of_its_closed_form():
    """Finite-time transverse growth of Q on orbits started on the ellipse, before rounding has grown."""
    rng = np.random.default_rng(0)
    for mu in (0.5, 1.0, 1.6):
        a, b = ellipse_point(mu, rng.uniform(0, 2 * np.pi, 200_000))
        r = normal_form.residual(mu, *kernels.advance(np.full(a.size, mu), a, b, 6))
        growth = np.log(1 + mu * r + r * r)
        error = growth.std() / math.sqrt(growth.size)
        assert growth.mean() == pytest.approx(float(transverse_exponent(mu)), abs=4 * error)


@pytest.mark.parametrize("mu", [0.05, 0.5, 1.0, 1.5, 1.95])
def test_density_of_the_ellipse_is_the_arcsine(mu):
    found = invariant_density(mu, on_ellipse=True, n_orbits=400_000)
    assert found.settings["n_counted"] > 399_000  # the ends are rounded beyond 2
    assert 0.6 < found.chi_square() < 1.6  # 100 bins: 1 +- 0.14
    assert found.expected.sum() * 0.04 == pytest.approx(1, abs=1e-12)


def test_density_of_the_slice_at_two_is_the_arcsine_from_any_starts():
    assert 0.6 < invariant_density(2.0, n_orbits=400_000).chi_square() < 1.6
    early = invariant_density(2.0, n_orbits=400_000, n_steps=0)  # uniform starts are not
    assert early.chi_square() > 20


def test_density_has_the_bands_of_the_attractor():
    """Beyond the accumulation 4 bands, then 2 until band_merging, then 1, each with gaps of exactly 0."""
    bands = {}
    for mu in (1.31, 1.35, 1.40):
        density = invariant_density(mu, n_orbits=200_000, n_bins=4000).density
        occupied = np.flatnonzero(density)
        bands[mu] = 1 + int((np.diff(occupied) > 40).sum())
    assert bands == {1.31: 4, 1.35: 2, 1.40: 1}
    assert 1.35 < landmarks()["band_merging"].mu < 1.40


def test_density_is_an_error_bar_wide():
    one, two = (invariant_density(1.9, n_orbits=200_000, n_bins=50, seed=s) for s in (0, 1))
    both = np.hypot(one.density_error, two.density_error)
    keep = both > 0
    assert np.mean(((one.density - two.density)[keep] / both[keep]) ** 2) == pytest.approx(1, abs=0.5)
    assert one.expected is None and math.isnan(one.chi_square())


@pytest.mark.parametrize(
    ("call", "needles"),
    [
        (lambda: orbit_exponents(-1, 1, 1), ("mu", "positive")),
        (lambda: orbit_exponents(1, 1, 1, n_windows=3), ("n_windows", "between 16", "3")),
        (lambda: orbit_exponents(1, 1, 1, n_windows=10**9), ("windows", "GiB")),
        (lambda: invariant_density(2.1), ("mu", "at most 2", "2.1")),
        (lambda: invariant_density(2.0, on_ellipse=True), ("mu", "below 2", "2")),
        (lambda: invariant_density(1.0, n_orbits=1), ("n_orbits", "between 100")),
    ],
)
def test_refusals(call, needles):
    check_refused(call, needles)


def test_the_commands(capsys):
    assert main(["exponents", "--mu", "1.9", "--start", "0.4,0.3", "--n-windows", "32", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = orbit_exponents(1.9, 0.4, 0.3, n_windows=32)
    assert answer["largest"]["value"] == found.exponents()["largest"].value
    assert answer["windows"]["along"] == found.along.tolist()
    assert main(["exponents", "--mu", "2.5", "--start", "1,1"]) == 0
    assert "training diverged: it has no exponents" in capsys.readouterr().out
    assert main(["exponents", "--mu", "1.9"]) == 2
    assert "--start" in capsys.readouterr().err
    assert main(["density", "--mu", "2", "--n-orbits", "1000", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["chi_square_per_bin"] < 2
