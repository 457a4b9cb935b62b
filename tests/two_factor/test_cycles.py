"""Cycles: found where they can be, as many as theory asks for; multipliers from the Jacobian."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from controls import check_every_claim_has_one, check_fails_by_its_remainder
from problems import check_refused

import lintrans as lt
from lintrans.symbolic import cycles, modes
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.symbols import mu as mu_symbol
from lintrans.two_factor import kernels, normal_form
from lintrans.two_factor.cycles import MAX_PERIOD, Place, expected_counts, find_cycles

EPS = np.finfo(float).eps
MUS = (0.05, 0.7, 1.0, 1.1, 1.3, 1.5, 1.7, 1.9, 1.99, 2.0, 2.5)
every_mu = pytest.mark.parametrize("mu", MUS)


def step(mu, points):
    """One step of the map in (u, v), written out."""
    u, v = points.T
    return np.stack([u - mu * v * (u * v - 1), v - mu * u * (u * v - 1)], axis=1)


def jacobian(mu, point):
    u, v = point
    return np.array([[1 - mu * v * v, mu - 2 * mu * u * v], [mu - 2 * mu * u * v, 1 - mu * u * u]])


# Every cycle is one


@every_mu
def test_points_are_visited_in_order_and_periods_are_least(mu):
    for cycle in find_cycles(mu, 6):
        assert cycle.points.shape == (cycle.period, 2)
        # one step of points that are each within some ulps of the cycle; slopes are at most 5 + 2 mu
        error = np.abs(step(mu, cycle.points) - np.roll(cycle.points, -1, axis=0)).max()
        assert error < 200 * EPS * max(1, 1 / mu)
        for n in range(1, cycle.period):
            assert np.abs(cycle.points - np.roll(cycle.points, -n, axis=0)).max() > 1e-6
        back = [n for n in range(1, cycle.period + 1) if same_prediction(cycle.points, n)]
        assert back[0] == cycle.period_uv


def same_prediction(points, n):
    predictions = points.prod(axis=1)
    return np.allclose(predictions, np.roll(predictions, -n), rtol=0, atol=1e-9)


@every_mu
def test_multipliers_are_eigenvalues_of_the_jacobian_along_the_cycle(mu):
    for cycle in find_cycles(mu, 4):
        product = np.eye(2)
        for point in cycle.points:
            product = jacobian(mu, point) @ product
        found = sorted(np.linalg.eigvals(product).real)
        # the product of slopes up to 9 a step is what rounding errors are relative to
        assert sorted(cycle.multipliers) == pytest.approx(
            found, abs=1e-10 * max(1, abs(found[0]), abs(found[1]))
        )


def test_multipliers_against_closed_forms():
    for mu in (1.1, 1.4, 1.9):
        table = find_cycles(mu, 2)
        pairs = [c for c in table if c.period == c.period_uv == 2]
        assert len(pairs) == 2
        for cycle in pairs:
            along, across = float(balanced.two_cycle_multiplier(mu)), 3 - 2 * mu
            assert cycle.multipliers == pytest.approx((along, across), abs=1e-12)
        (vertices,) = [c for c in table if c.period == 2 and c.place is Place.SLICE and c.period_uv == 1]
        assert vertices.multipliers == pytest.approx(((5 + 2 * mu) ** 2, 9), rel=1e-12)


def test_the_minimum_and_the_origin_are_exact():
    table = find_cycles(0.81, 1)
    balanced_points = {tuple(c.points[0].tolist()): c for c in table if c.place is Place.SLICE}
    assert set(balanced_points) == {(0.0, 0.0), (1.0, 1.0), (-1.0, -1.0)}
    assert balanced_points[1.0, 1.0].multipliers == pytest.approx((1 - 2 * 0.81, 1.0), abs=4 * EPS)
    assert balanced_points[1.0, 1.0].stable and balanced_points[1.0, 1.0].type == "stable"
    assert balanced_points[0.0, 0.0].type == "saddle"
    minima = [c for c in table if c.place is Place.ELLIPSE]
    assert len(minima) == 4 and all(c.type == "saddle" for c in minima)
    assert [c.multipliers for c in minima] == [pytest.approx((-3, 1), abs=8 * EPS)] * 4


def test_stable_cycles_are_where_orbits_end():
    """Of a period for every window up to 4, against the verdict on the probe start."""
    for mu, period in ((0.9, 1), (1.1, 2), (1.25, 4), (1.452, 3), (1.548, 4), (1.83, 4)):
        stable = [c for c in find_cycles(mu, 4) if c.stable]
        assert {c.period for c in stable} == {period}
        verdict = lt.regime(mu, *map(float, normal_form.probe_start(mu)))
        if period > 1:
            assert verdict.period == stable[0].period_uv
            end = verdict.evidence.final_a
            points = np.concatenate([c.points[:, 0] for c in stable]) * math.sqrt(mu)
            assert np.abs(points - float(end)).min() < 1e-7  # PERIOD_TOL, and as close as that


# As many as there must be


@every_mu
def test_counts_are_those_of_theory(mu):
    found, expected = find_cycles(mu, 8).count(), expected_counts(mu, 8)
    assert found["ellipse"] == {n: k for n, k in expected["ellipse"].items() if k}
    if mu >= 2:
        assert found["slice"] == expected["slice"]
        assert sum(n * k for n, k in found["slice"].items() if 8 % n == 0) == 3**8  # fixed by 8 steps
    else:
        assert set(expected["slice"].values()) == {None}
        assert sum(n * k for n, k in found["ellipse"].items() if 6 % n == 0) + 2 == 3**6 - 1


@pytest.mark.parametrize("mu", [Fraction(1, 2), Fraction(11, 10), Fraction(3, 2), Fraction(19, 10), 3])
def test_counts_on_the_slice_are_those_of_sturm(mu):
    """Real roots of f^n(a) = a in exact arithmetic, from the polynomial itself."""
    a = sp.Symbol("a")
    iterate = a
    table = find_cycles(float(mu), 4).count()["slice"]
    for n in range(1, 5):
        iterate = sp.expand(balanced.cubic(iterate, sp.Rational(mu)))
        real = sp.Poly(iterate - a, a).count_roots()
        assert sum(k * count for k, count in table.items() if n % k == 0) == real


@pytest.mark.parametrize("mu", [0.5, 1.3, 1.8, 2.0, 2.4])
def test_no_other_cycle_is_found_by_newton_from_everywhere(mu):
    """Newton on F^n(x) = x from 4,000 random starts of the plane; minima aside, all it finds is listed."""
    rng = np.random.default_rng(1)
    listed = np.concatenate([c.points for c in find_cycles(mu, 4)])
    n_found = 0
    for period in (1, 2, 3, 4):
        x = rng.uniform(-4, 4, (1000, 2)) / math.sqrt(max(mu, 1))
        for _ in range(60):
            x = x[np.isfinite(x).all(axis=1) & (np.abs(x).max(axis=1) < 50)]
            image, product = x, np.broadcast_to(np.eye(2), (len(x), 2, 2))
            with np.errstate(all="ignore"):
                for _ in range(period):
                    product = np.array([jacobian(mu, p) for p in image]) @ product
                    image = step(mu, image)
                matrix = product - np.eye(2)
                det = np.linalg.det(matrix)
                keep = np.isfinite(det) & (det != 0) & np.isfinite(image).all(axis=1)
                x, image, matrix = x[keep], image[keep], matrix[keep]
                x = x - np.linalg.solve(matrix, (image - x)[..., None])[..., 0]
        back = x
        with np.errstate(all="ignore"):
            for _ in range(period):
                back = step(mu, back)
        # Where a multiplier is 1, at minima and at mu = 2, the distance is the cube root of what is left.
        x = x[np.abs(back - x).max(axis=1) < 1e-12]
        x = x[np.abs(x.prod(axis=1) - 1) > 1e-3]  # not the curve of minima
        distances = np.abs(x[:, None] - listed).max(axis=2).min(axis=1)
        assert distances.max(initial=0.0) < 1e-3
        n_found += len(x)
    assert n_found > 100


def test_periods_up_to_the_longest():
    table = find_cycles(1.9, MAX_PERIOD)
    assert table.count()["ellipse"][12] == expected_counts(1.9, 12)["ellipse"][12]
    assert table.count()["slice"][12] > 5000


def test_a_mirror_image_is_a_cycle_of_its_own_or_the_same():
    for cycle in (table := list(find_cycles(1.95, 4))):
        images = [c for c in table if np.abs(c.points[:, None] + cycle.points).max(axis=2).min() < 1e-12]
        assert len(images) == 1
        if cycle.place is Place.SLICE:
            assert (images[0] is cycle) == (cycle.period_uv < cycle.period or not cycle.points.any())


def test_cycles_stay_cycles_in_the_kernels():
    """The compiled map returns to every point after one period, but for rounding and the multipliers."""
    table = find_cycles(1.7, 5)
    for cycle, part in zip(
        table, np.split(np.arange(table.a.size), np.cumsum(table.period)[:-1]), strict=True
    ):
        mus = np.full(part.size, 1.7)
        end_a, end_b = kernels.advance(mus, table.a[part], table.b[part], cycle.period)
        slack = 100 * EPS * max(1, *map(abs, cycle.multipliers)) * 9**2
        assert np.abs(end_a - table.a[part]).max() < slack
        assert np.abs(end_b - table.b[part]).max() < slack


# Bad input


@pytest.mark.parametrize(
    ("arguments", "needles"),
    [
        ((-1.0, 2), ("mu", "positive", "-1")),
        ((1.0, 0), ("max_period", "between 1 and 12", "0")),
        ((1.0, 13), ("max_period", "between 1 and 12", "13")),
        ((1e8, 4), ("period", "float64", "100000000.0")),
    ],
)
def test_refusals(arguments, needles):
    check_refused(lambda: find_cycles(*arguments), needles)


@pytest.mark.parametrize("mu", [1e-12, 1e-6, 1.0, 1 + EPS, math.sqrt(5) - 1, 2 - 2 * EPS, 2.0, 2 + 4 * EPS])
def test_at_and_beside_bifurcations_nothing_breaks(mu):
    counts = find_cycles(mu, 4).count()["slice"]
    assert counts[1] == 3 and counts[2] in (1, 3)


# The theorems behind it


def modes_swapped(a, b, mu):
    r = modes.residual(a, b, mu)
    return (1 + r) * a, (1 - r) * b


CONTROLS = {
    "cycles.below_two": lambda: cycles.cycles_are_minima_balanced_or_on_the_ellipse(modes_swapped),
    "cycles.at_two, V's logarithm alone": lambda: cycles.no_other_cycles_at_two(
        lambda a, b: sp.log(sp.Abs(b)) + sp.sympify(a) ** 2 / 4 / b**2
    ),
    "cycles.above_two": lambda: cycles.no_other_cycles_above_two(1),
    "cycles.ellipse, without the sign": lambda: cycles.cycles_of_the_ellipse(
        lambda n, k: sp.pi / 4 + 2 * sp.pi * k / (3**n - 1)
    ),
    "cycles.laps, other sign of the cube": lambda: cycles.at_most_three_fixed_points_on_a_lap(
        lambda x: (1 + mu_symbol) * x + x**3
    ),
    "cycles.symmetric": lambda: cycles.product_of_factors_tells_the_symmetry(lambda z: 1 + z),
    "cycles.amplification": lambda: cycles.imbalance_is_amplified_by_a_bounded_factor(
        lambda z: 1 - mu_symbol * z + z**2
    ),
    "cycles.approach, that of the ellipse": lambda: cycles.transverse_exponent_near_two(
        lambda mu: 2 * sp.sqrt((2 - mu) / 3)
    ),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, ("cycles",))


def test_the_bound_at_two_rises_along_orbits():
    """Claim cycles.at_two, on random orbits off the slice."""
    rng = np.random.default_rng(3)
    a, b = rng.uniform(-2, 2, (2, 1000))
    with np.errstate(all="ignore"):
        r = a * a - b * b - 2
        new_a, new_b = (1 - r) * a, (1 + r) * b
        old, new = (np.log(np.abs(y)) + (x * x / 4 - 1) / y**2 for x, y in ((a, b), (new_a, new_b)))
    assert (new > old)[np.abs(r) > 1e-6].all()
    assert (np.abs(r) > 1e-6).sum() > 990
