"""Closed forms and single steps of the page against those of the package, in ulps."""

from __future__ import annotations

import math

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
EPS = np.finfo(float).eps
MU = RNG.uniform(0.01, 1.99, N)
U, V = RNG.uniform(-3, 3, (2, N))
A, B = normal_form.to_modes(MU, U, V)
R = RNG.uniform(-2, 2, N)


def first(function):
    return lambda *args: function(*args)[0]


def second(function):
    return lambda *args: function(*args)[1]


def size(mu, a, b):
    return np.square(normal_form.from_modes(mu, a, b)).sum(axis=0)


# Ulps by which it may differ, how the package computes it, where. Where the package goes another way both
# round for themselves, each time by an ulp of the result at most, and the ulps are the number of all
# roundings: of a sharpness 3 on the page and 8 in the package, of a critical mu 6 and 7.
FORMS = {
    "modeA": (0, first(normal_form.to_modes), (MU, U, V)),
    "modeB": (0, second(normal_form.to_modes), (MU, U, V)),
    "factorU": (0, first(normal_form.from_modes), (MU, A, B)),
    "factorV": (0, second(normal_form.from_modes), (MU, A, B)),
    "residual": (0, normal_form.residual, (MU, A, B)),
    "ellipseLevel": (0, normal_form.ellipse_level, (MU, A, B)),
    "probeStart": (0, first(normal_form.probe_start), (MU,)),
    "residualDensity": (0, invariant_ellipse.residual_density, (R,)),
    "sharpness": (11, size, (MU, A, B)),
    "criticalMu": (13, normal_form.critical_mu, (U, V)),
}
OTHERS = ("loss", "scaledLevel", "batchSemiAxisA", "batchSemiAxisB")  # compared below


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_agree(name):
    ulps, expected, columns = FORMS[name]
    wanted = expected(*columns)
    assert np.isfinite(wanted).all()
    off = np.abs(tabulate("map.js", name, *columns) - wanted) / np.spacing(np.abs(wanted))
    assert off.max() <= ulps


def test_losses_and_levels_agree():
    r, level = normal_form.residual(MU, A, B), normal_form.ellipse_level(MU, A, B)
    np.testing.assert_array_equal(tabulate("map.js", "loss", MU, r), np.square(r / MU) / 2)
    scaled = tabulate("map.js", "scaledLevel", 1 / (2 + MU), 1 / (2 - MU), A, B)
    terms = A * A / (2 + MU) + B * B / (2 - MU) + 1
    assert (np.abs(scaled - level) <= 6 * EPS * terms).all()  # 6 and 5 roundings, of eps / 2 each


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
    drawn = RNG.uniform((0.01, 0, 0), (1.99, 2 * np.pi, 1), (n, 3))
    mu, angle, radius = np.ascontiguousarray(drawn.T)  # for other layouts the loops would be compiled again
    a, b = (radius * x for x in invariant_ellipse.ellipse_point(mu, angle))
    r = tabulate("map.js", "residual", mu, a, b)
    found = tabulate("map.js", "nextA", a, r), tabulate("map.js", "nextB", b, r)
    compiled = [x[:, 1] for x in kernels.orbits(mu, a, b, 0, 2)]
    ulp = EPS * (1 + a * a + b * b + mu)
    for start, mine, theirs in zip((a, b), found, compiled, strict=True):
        assert 0 < (np.abs(mine - theirs) / (ulp * np.abs(start))).max() <= 2


@pytest.mark.parametrize("n", [1, 7, 200])
def test_intervals_are_those_of_the_package(n):
    """The page adds up ln n! from n logarithms, each time within eps ln n!, and bisects down to 2^-60."""
    low, high = intervals(np.arange(n + 1), n)
    found = call("proportions.js", "intervals", n)
    rounding = EPS * (8 + n * math.lgamma(n + 1))
    np.testing.assert_allclose(found["low"], low, rtol=rounding)
    np.testing.assert_allclose(found["high"], high, rtol=0, atol=rounding)  # 1 - low


@pytest.mark.parametrize(("mu", "on_ellipse"), [(1.3, True), (2.0, False)])
def test_densities_follow_the_closed_form(mu, on_ellipse):
    options = {"mu": mu, "onEllipse": on_ellipse, "nOrbits": 20000, "nBins": 40, "seed": 3}
    found = call("densities.js", "densityCounts", options)
    share = np.diff(np.arcsin(np.linspace(-2, 2, 41) / 2)) / np.pi
    n = found["nCounted"]
    assert n == found["counts"].sum() > 19000  # on the ellipse a few leave by rounding
    chi_square = ((found["counts"] - n * share) ** 2 / (n * share * (1 - share))).mean()
    assert 0.4 < chi_square < 1.8  # of 40 bins: 1 +- sqrt(2 / 40), and once in a thousand outside


def test_a_batch_has_an_ellipse_of_its_own():
    """Claim minibatch.ellipse."""
    mu, curvature, target = 1.2, 1.1, 0.9
    along_a, along_b = call("batches.js", "batchEllipse", mu, curvature, target)
    for place in ((along_a, 0.0), (0.0, along_b)):
        assert abs(batch_ellipse(*place, mu, curvature, target)) <= 4 * EPS  # roundings of 1, eps / 2 each
    assert call("batches.js", "batchEllipse", mu, curvature, 2 / mu) is None
    assert call("batches.js", "batchEllipse", mu, 0, target) is None
