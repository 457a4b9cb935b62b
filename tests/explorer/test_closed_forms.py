"""Closed forms and single steps of the page against those of the package, in ulps."""

from __future__ import annotations

import numpy as np
import pytest
from node import call, needs_node, tabulate

from lintrans.counting import intervals
from lintrans.symbolic.minibatch import batch_ellipse
from lintrans.two_factor import invariant_ellipse, kernels, normal_form
from lintrans.two_factor.balanced_slice import landmarks

pytestmark = needs_node

RNG = np.random.default_rng(15)
N = 2000
MU = RNG.uniform(0.01, 1.99, N)
ABOVE_ONE = RNG.uniform(1.0, 2.0, N)
U, V = RNG.uniform(-3, 3, (2, N))
A, B = normal_form.to_modes(MU, U, V)
R = RNG.uniform(-2, 2, N)


def first(function):
    return lambda *args: function(*args)[0]


def second(function):
    return lambda *args: function(*args)[1]


def size(mu, a, b):
    return np.square(normal_form.from_modes(mu, a, b)).sum(axis=0)


FORMS = {  # ulps by which it may differ; in the package; where. More than 0: libraries, or another order.
    "modeA": (0, first(normal_form.to_modes), (MU, U, V)),
    "modeB": (0, second(normal_form.to_modes), (MU, U, V)),
    "factorU": (0, first(normal_form.from_modes), (MU, A, B)),
    "factorV": (0, second(normal_form.from_modes), (MU, A, B)),
    "residual": (0, normal_form.residual, (MU, A, B)),
    "ellipseLevel": (0, normal_form.ellipse_level, (MU, A, B)),
    "minimumMultiplier": (0, normal_form.minimum_multiplier, (A, B)),
    "probeStart": (0, first(normal_form.probe_start), (MU,)),
    "twoCycleLow": (0, first(normal_form.two_cycle), (ABOVE_ONE,)),
    "twoCycleHigh": (0, second(normal_form.two_cycle), (ABOVE_ONE,)),
    "twoCycleMultiplierAlong": (0, first(normal_form.two_cycle_multipliers), (ABOVE_ONE,)),
    "twoCycleMultiplierTransverse": (0, second(normal_form.two_cycle_multipliers), (ABOVE_ONE,)),
    "residualDensity": (0, invariant_ellipse.residual_density, (R,)),
    "sharpness": (8, size, (MU, A, B)),
    "criticalMu": (4, normal_form.critical_mu, (U, V)),
    "transverseExponent": (4, invariant_ellipse.transverse_exponent, (MU,)),
    "minimaStable": (4, first(invariant_ellipse.minima_extent), (MU / 2,)),
    "minimaInside": (4, second(invariant_ellipse.minima_extent), (MU,)),
}


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_agree(name):
    ulps, expected, columns = FORMS[name]
    wanted = expected(*columns)
    assert np.isfinite(wanted).all()
    off = np.abs(tabulate("map.js", name, *columns) - wanted) / np.spacing(np.abs(wanted))
    assert off.max() <= ulps


def test_losses_and_levels_agree():
    r, level = normal_form.residual(MU, A, B), normal_form.ellipse_level(MU, A, B)
    loss = tabulate("map.js", "loss", MU, r)
    np.testing.assert_allclose(loss, np.square(r / MU) / 2, rtol=1e-15)
    scaled = tabulate("map.js", "scaledLevel", 1 / (2 + MU), 1 / (2 - MU), A, B)
    np.testing.assert_allclose(scaled, level, rtol=1e-14, atol=1e-15)


def test_constants_are_those_of_the_package():
    assert call("certificates.js", "CRISIS") == landmarks()["crisis"].mu
    assert call("certificates.js", "ESCAPED") == kernels.ESCAPED
    assert call("certificates.js", "RISE_FLOOR") == kernels.RISE_FLOOR


def test_certificates_are_those_of_the_package():
    near = normal_form.to_modes(MU, 1 + 0.05 * U, 1 + 0.05 * V)
    found = tabulate("certificates.js", "converges", MU, *near)
    assert 0.1 < found.mean() < 0.9
    assert np.array_equal(found == 1, normal_form.converges(MU, *near))
    beyond = tabulate("certificates.js", "isFar", 50 * A, 50 * B)
    assert 0.1 < beyond.mean() < 0.9
    assert np.array_equal(beyond == 1, ~(np.square(50 * A) + np.square(50 * B) <= kernels.ESCAPED / 2))


def test_one_step_is_within_two_ulps_of_the_compiled_one():
    """In ulps of the sizes of all terms together, |a| (1 + a^2 + b^2 + mu), where training is bounded.

    The sum a - (a^2 - b^2 - mu) a may cancel to a number as small as one likes, so its own ulps say nothing.
    The source rounds seven times; the compiled step, which fuses products with sums, four times.
    """
    n = 20000
    mu, angle, radius = RNG.uniform((0.01, 0, 0), (1.99, 2 * np.pi, 1), (n, 3)).T
    a, b = (radius * x for x in invariant_ellipse.ellipse_point(mu, angle))
    r = tabulate("map.js", "residual", mu, a, b)
    found = tabulate("map.js", "nextA", a, r), tabulate("map.js", "nextB", b, r)
    compiled = [x[:, 1] for x in kernels.orbits(mu, a, b, 0, 2)]
    ulp = np.finfo(float).eps * (1 + a * a + b * b + mu)
    for start, mine, theirs in zip((a, b), found, compiled, strict=True):
        assert 0 < (np.abs(mine - theirs) / (ulp * np.abs(start))).max() <= 2


def test_intervals_are_those_of_the_package():
    for n in (1, 7, 200):
        low, high = intervals(np.arange(n + 1), n)
        found = call("proportions.js", "intervals", n)
        np.testing.assert_allclose(found["low"], low, rtol=1e-10, atol=1e-15)
        np.testing.assert_allclose(found["high"], high, rtol=1e-10)


def test_expected_density_is_the_mean_over_the_bin():
    edges = np.linspace(-2, 2, 41)
    wanted = np.diff(np.arcsin(edges / 2)) / np.pi / 0.1
    np.testing.assert_allclose(call("densities.js", "expectedDensity", 40), wanted, rtol=1e-12)


@pytest.mark.parametrize(("mu", "on_ellipse"), [(1.3, True), (2.0, False)])
def test_densities_follow_the_closed_form(mu, on_ellipse):
    options = {"mu": mu, "onEllipse": on_ellipse, "nOrbits": 20000, "nBins": 40, "seed": 3}
    found = call("densities.js", "densityCounts", options)
    share = call("densities.js", "expectedDensity", 40) * 0.1
    n = found["nCounted"]
    assert n == found["counts"].sum() > 19000
    chi_square = ((found["counts"] - n * share) ** 2 / (n * share * (1 - share))).mean()
    assert 0.4 < chi_square < 1.8  # 40 bins: 1 +- 0.22


def test_a_batch_has_an_ellipse_of_its_own():
    """Claim minibatch.ellipse."""
    mu, curvature, target = 1.2, 1.1, 0.9
    along_a, along_b = call("batches.js", "batchEllipse", mu, curvature, target)
    for place in ((along_a, 0.0), (0.0, along_b)):
        assert abs(batch_ellipse(*place, mu, curvature, target)) < 1e-15
    assert call("batches.js", "batchEllipse", mu, curvature, 2 / mu) is None
    assert call("batches.js", "batchEllipse", mu, 0, target) is None


def test_states_go_to_modes_and_back():
    modes = call("states.js", "toModes", 0.7, 1.3, -0.4)
    np.testing.assert_allclose(call("states.js", "fromModes", 0.7, *modes), (1.3, -0.4), rtol=1e-15)
