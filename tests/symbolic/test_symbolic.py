"""The derivations: every claim holds, its negation fails, and the landmarks do what they say in floats."""

import math
import subprocess
import sys

import pytest
import sympy as sp
from controls import check_every_claim_has_one, check_fails_by_its_remainder

from lintrans.symbolic import landmarks, modes, reduction, slice
from lintrans.symbolic.claims import FAMILIES, Claim, claims, every, vanishes
from lintrans.symbolic.symbols import x

NAMES = ["monotone", "stable", "period_4", "accumulation", "band_merging", "period_3", "crisis", "chebyshev"]


@pytest.fixture(scope="module")
def mus() -> dict[str, float]:
    return {name: float(entry.mu) for name, entry in landmarks.landmarks().items()}


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: claim.id)
def test_claim_holds(claim):
    verdict = claim.check()
    assert verdict.passed, verdict.remainder
    assert claim.statement


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_claims(family):
    assert all(claim.id.startswith(family + ".") for claim in claims(family))
    assert len(claims(family)) >= 4


def test_unknown_family_is_an_error():
    with pytest.raises(ValueError, match="family must be one of reduction"):
        claims("modulus")


def uv_sign_flipped(u, v, mu):
    return u + mu * v * (u * v - 1), v - mu * u * (u * v - 1)


def modes_swapped(a, b, mu):
    r = modes.residual(a, b, mu)
    return (1 + r) * a, (1 - r) * b


def wk_ascending(w, k, h, y_q, eta):
    return reduction.step_wk(w, k, h, y_q, -eta)


# each entry is a wrong map, a wrong number or a dropped hypothesis: the proof must not go through
CONTROLS = {
    "reduction.prediction": lambda: reduction.prediction_is_bilinear(moment_sign=-1),
    "reduction.any_size": lambda: reduction.prediction_of_any_size(-1),
    "reduction.direction, loss without the 1/2": lambda: reduction.weights_move_along_moment(
        lambda p, y: (p - y) ** 2
    ),
    "reduction.closed, ascent": lambda: reduction.pair_is_closed(wk_ascending),
    "reduction.normal_form, sign flipped": lambda: reduction.normal_form_holds(uv_sign_flipped),
    "reduction.normal_form, sgn(y_q) dropped from v": lambda: reduction.normal_form_holds(
        sign_in_v=lambda _: 1
    ),
    "reduction.half": lambda: reduction.convention_doubles_mu(1),
    "reduction.degenerate, h not zero": lambda: reduction.degenerate_prompts(zero_h=1),
    "reduction.full_weights": lambda: reduction.full_weights_reduce(-1),
    "reduction.many_modes, s and d swapped": lambda: reduction.many_modes_hold(-1),
    "reduction.signed": lambda: reduction.signed_label_modes(-1),
    "modes.step": lambda: modes.step_in_modes(uv_sign_flipped),
    "modes.jacobian": lambda: modes.jacobian_in_modes(modes_swapped),
    "modes.residual_recursion": lambda: modes.residual_recursion(modes_swapped),
    "modes.fixed_points": lambda: modes.fixed_points(modes_swapped),
    "modes.multipliers": lambda: modes.multipliers(modes_swapped),
    "modes.stability": lambda: modes.stable_inside_unit_circle(4),
    "modes.along, the determinant itself": lambda: modes.growth_along_the_loss(
        lambda a, b, mu: modes.jacobian().det()
    ),
    "modes.saddle": lambda: modes.stable_set_of_the_origin(modes_swapped),
    "modes.imbalance": lambda: modes.imbalance_law(uv_sign_flipped),
    "modes.ellipse": lambda: modes.ellipse_identity(modes_swapped),
    "modes.critical_mu": lambda: modes.critical_mu_of_a_start(lambda u, v: 8 / (u**2 + v**2 + 4)),
    "slice.cubic": lambda: slice.cubic_is_the_slice(lambda a, mu: (1 - mu) * a - a**3),
    "slice.residual": lambda: slice.residual_map(lambda z, mu: z**3 + (mu - 2) * z**2 + (1 - mu) * z),
    "slice.bounded": lambda: slice.interval_is_invariant(3),
    "slice.monotone": lambda: slice.monotone_threshold(sp.Rational(5, 6)),
    "slice.monotone, another start": lambda: slice.monotone_threshold(start=lambda mu: sp.sqrt(1 / mu + 1)),
    "slice.stability": lambda: slice.minimum_is_stable_to_one(2),
    "slice.no_two_cycle": lambda: slice.no_two_cycle_below_one(second=2),
    "slice.families": lambda: slice.symmetric_and_asymmetric_cycles(lambda a, mu: (1 + mu) * a + a**3),
    "slice.two_cycle": lambda: slice.two_cycle_closed_form(lambda mu: (1 - mu, mu - 1)),
    "slice.doubling": lambda: slice.two_cycle_doubles(sp.sqrt(6) - 1),
    "slice.crisis": lambda: slice.crisis_of_the_critical_orbit(sp.sqrt(7) - 1),
    "slice.chebyshev, mu not 2": lambda: slice.chebyshev_at_two(value=1),
    "slice.chebyshev, exponent ln 2": lambda: slice.chebyshev_at_two(base=2),
    "landmarks.band_merging, second iterate": lambda: landmarks.band_merging_is_third_landing(2),
    "landmarks.period_3, multiplier -1": lambda: landmarks.period_3_is_a_saddle_node(-1),
    "landmarks.doubling, multiplier 1": lambda: landmarks.resultants_agree_with_closed_form(1),
    "landmarks.families, another map": lambda: landmarks.products_tell_the_family(
        lambda A, mu: A * (1 + mu + A) ** 2
    ),
    "landmarks.bounded, a larger disc": lambda: landmarks.neutral_cycles_lie_in_a_disc(4),
    "landmarks.even, without the shift": lambda: landmarks.slice_is_even(lambda t: 4 * t**3 / 27),
    "landmarks.slope, another map": lambda: landmarks.cycle_multiplier_factors(
        lambda A, mu: A * (mu - A) ** 2
    ),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, ("reduction", "modes", "slice", "landmarks"))


def test_raising_proof_fails():
    verdict = Claim("control", "division", "", lambda: 1 / 0).check()
    assert not verdict.passed
    assert isinstance(verdict.remainder, ZeroDivisionError)


def test_truthy_is_not_true():
    assert not Claim("control", "returns a remainder", "", lambda: sp.Integer(1)).check().passed
    assert every(True, vanishes(0), x) == x


def test_top_level_does_not_import_the_theory():
    code = "import sys, lintrans; sys.exit('lintrans.symbolic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_landmarks_have_the_agreed_names_in_order():
    table = landmarks.landmarks()
    assert list(table) == NAMES
    assert [entry.name for entry in table.values()] == NAMES
    assert all(sp.sympify(entry.exact) == entry.mu for entry in table.values() if entry.exact)
    assert [name for name in NAMES if table[name].exact is None] == ["accumulation"]


def test_landmark_polynomials_are_minimal():
    assert landmarks.band_merging_polynomial().is_irreducible
    assert landmarks.period_3_polynomial().is_irreducible
    assert landmarks.band_merging_polynomial().degree() == 17
    assert landmarks.period_3_polynomial().degree() == 8


def test_isolation_refuses_an_ambiguous_interval():
    with pytest.raises(ValueError, match="must hold one root, got 2"):
        landmarks.isolated_root(sp.Poly((x - 1) * (x - 2), x), 0, 3)


# Below: plain Python floats, sharing nothing with the derivation but the map itself.


def orbit(mu: float, n_steps: int, *, a: float | None = None, n_discard: int = 20_000) -> list[float]:
    """Values of a along the orbit, by default on the attractor of the critical point."""
    a = math.sqrt((1 + mu) / 3) if a is None else a
    found = []
    for step in range(n_discard + n_steps):
        if step >= n_discard:
            found.append(a)
        a = (1 + mu) * a - a**3
    return found


def attractor_period(mu: float, max_period: int = 64) -> int | None:
    points = orbit(mu, max_period + 1)
    # 1e-6 is far above rounding after contraction and far below the distance of cycle points here
    return next((p for p in range(1, max_period + 1) if abs(abs(points[p]) - abs(points[0])) < 1e-6), None)


def largest_loss_ratio(mu: float) -> float:
    starts = (math.sqrt((i + 0.5) / 20_000 * (2 + mu)) for i in range(20_000))
    return max(abs(((1 + mu - a * a) * a) ** 2 - mu) / abs(a * a - mu) for a in starts)


def lyapunov_exponent(mu: float, n_steps: int = 100_000) -> float:
    points = orbit(mu, n_steps, a=0.5123)
    return sum(math.log(abs(1 + mu - 3 * a * a)) for a in points) / n_steps


def test_monotone_landmark_in_floats(mus):
    assert largest_loss_ratio(mus["monotone"] - 1e-3) < 1
    assert largest_loss_ratio(mus["monotone"] + 1e-3) > 1


def test_stable_landmark_in_floats(mus):
    assert attractor_period(mus["stable"] - 1e-2) == 1
    assert attractor_period(mus["stable"] + 1e-2) == 2


def test_period_4_landmark_in_floats(mus):
    assert attractor_period(mus["period_4"] - 1e-3) == 2
    assert attractor_period(mus["period_4"] + 1e-3) == 4


def test_accumulation_landmark_in_floats(mus):
    # the superstable 64-cycle lies 8.3e-5 below the limit
    assert attractor_period(mus["accumulation"] - 8.3e-5) == 64
    assert lyapunov_exponent(mus["accumulation"] - 1e-4) < 0
    assert lyapunov_exponent(mus["accumulation"] + 1e-3) > 0.01


def test_band_merging_landmark_in_floats(mus):
    mu = mus["band_merging"]
    third = orbit(mu, 4, n_discard=0)[3]
    assert third == pytest.approx(math.sqrt(mu), abs=1e-13)  # three steps of slope at most 4, a few ulp
    below, above = orbit(mu - 1e-3, 20_000), orbit(mu + 1e-3, 20_000)
    assert max(min(below[::2]), min(below[1::2])) > min(max(below[::2]), max(below[1::2]))
    assert max(min(above[::2]), min(above[1::2])) < min(max(above[::2]), max(above[1::2]))


def test_period_3_landmark_in_floats(mus):
    assert attractor_period(mus["period_3"] + 1e-4) == 3
    assert attractor_period(mus["period_3"] - 1e-4) is None
    assert lyapunov_exponent(mus["period_3"] - 1e-4) > 0.01


def test_crisis_landmark_in_floats(mus):
    assert min(orbit(mus["crisis"] - 1e-3, 200_000)) > 0
    assert min(orbit(mus["crisis"] + 1e-3, 200_000)) < 0
    assert orbit(mus["crisis"], 3, n_discard=0)[2] == pytest.approx(0, abs=1e-14)


def test_chebyshev_landmark_in_floats(mus):
    mu = mus["chebyshev"]
    # 200 starts stay inside below 2, and above 2 some leave; the exponent is a mean of 1e5 terms of
    # standard deviation near 1, correlated over a few steps: 0.02 is more than four sigma
    assert all(abs(orbit(mu - 1e-3, 1, a=i / 101, n_discard=500)[0]) <= 2 for i in range(1, 200))
    assert lyapunov_exponent(mu - 1e-9) == pytest.approx(math.log(3), abs=0.02)
    a = math.sqrt((1 + 2.05) / 3)
    assert ((1 + 2.05) * a - a**3) ** 2 > 2 + 2.05


def test_eight_cycle_is_born_where_the_four_cycle_multiplier_is_minus_one():
    mu = float(landmarks.period_8())
    assert mu == pytest.approx(1.288031754482842762, abs=1e-15)  # the reported value
    assert attractor_period(mu - 1e-4) == 4
    assert attractor_period(mu + 1e-4) == 8


def test_accumulation_agrees_with_float_bisection(mus):
    """Superstable parameters by bisection on the return of the critical point; then Aitken."""
    found = [0.5, 3 / math.sqrt(2) - 1]
    for doublings in range(2, 9):
        width = (found[-1] - found[-2]) / 4.6692
        found.append(bisect_superstable(found[-1] + 0.8 * width, found[-1] + 1.2 * width, 2**doublings))
    first, second, third = found[-3:]
    limit = third - (third - second) ** 2 / (third - 2 * second + first)
    assert limit == pytest.approx(mus["accumulation"], abs=1e-9)  # Aitken's error: a gap times delta^-k


def bisect_superstable(low: float, high: float, period: int) -> float:
    def excess(mu: float) -> float:
        points = orbit(mu, period + 1, n_discard=0)
        return points[period] - points[0]

    assert excess(low) * excess(high) < 0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(low) * excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def test_accumulation_has_twenty_digits_and_feigenbaum_ratios():
    result = landmarks.accumulation()
    assert result.error < 1e-20
    assert abs(landmarks.accumulation(12).mu - result.mu) < 1e-19  # its own estimate is 4e-21
    gaps = [abs(float(ratio) - 4.669201609102990672) for ratio in result.ratios]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < 1e-7
    with pytest.raises(ValueError, match="max_doublings must be at least 4, got 2"):
        landmarks.accumulation(2)
