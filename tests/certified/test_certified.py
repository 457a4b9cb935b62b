"""Proved landmarks against floats, derivation and orbits, and wrong statements that must not be proved."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import mpmath
import pytest
import sympy as sp
from commands import check_refusal

import lintrans as lt
from lintrans.certified import balls, certified_landmarks, cycles, renormalization
from lintrans.errors import MissingExtraError
from lintrans.symbolic import landmarks as derived
from lintrans.symbolic.symbols import x

flint = pytest.importorskip("flint")
arb, fmpz_poly = flint.arb, flint.fmpz_poly

MAX_PERIOD = 6
EVENTS = ("saddle_node", "superstable", "doubling")


@pytest.fixture(scope="module")
def marks():
    return certified_landmarks(30, max_period=MAX_PERIOD)


@pytest.fixture(scope="module")
def windows(marks):
    """Every window of a stable cycle: its period, sign, and the mu of its three events."""
    found = {}
    for name, mark in marks.items():
        kind = next((k for k in EVENTS if name.startswith(k)), None)
        if kind:
            found.setdefault(name.removeprefix(kind + "_"), {})[kind] = mark.mu
    for name, window in found.items():
        period, family, _ = name.split("_")
        window |= {"period": int(period), "sign": cycles.FAMILIES[family]}
    return found


# The named landmarks


@pytest.mark.parametrize("name", list(lt.landmarks()))
def test_named_landmark_encloses_the_derived_number(marks, name):
    mark, plain = marks[name], lt.landmarks()[name]
    assert (mark.exact, mark.minimal_polynomial, mark.meaning, mark.mu) == (
        plain.exact, plain.minimal_polynomial, plain.meaning, plain.mu,
    )  # fmt: skip
    # the extrapolation of the derivation knows 23 digits of the accumulation, by its own estimate
    margin = sp.Rational(mark.radius) + (sp.Rational(1, 10**22) if name == "accumulation" else 0)
    with mpmath.workdps(60):
        assert abs(sp.Rational(mark.value) - sp.N(derived.landmarks()[name].mu, 50)) <= margin
    assert len(mark.value.replace(".", "").lstrip("0")) == 30


def test_order(marks):
    values = [mark.mu for mark in marks.values()]
    assert values == sorted(values)


# Cycles


def n_windows(period):
    """How many times a cycle of that period becomes superstable between 0 and 2, for a map with two folds.

    The count of kneading sequences, (1/2n) sum of mu(d) (3^(n/d) - 1) over odd d that divide n.
    """
    odd = [d for d in range(1, period + 1, 2) if period % d == 0]
    moebius = {1: 1, 3: -1, 5: -1}
    return sum(moebius[d] * (3 ** (period // d) - 1) for d in odd) // (2 * period)


def test_no_window_is_missing(windows):
    found = Counter(window["period"] for window in windows.values())
    assert found == {n: n_windows(n) for n in range(1, MAX_PERIOD + 1)}


def test_every_window_opens_by_a_saddle_node_or_where_half_its_period_doubles(windows):
    doublings = {(w["period"], w["doubling"]) for w in windows.values()}
    opened_by_doubling = 0
    for w in windows.values():
        if "saddle_node" in w:
            assert w["saddle_node"] < w["superstable"] < w["doubling"]
            continue
        halves = [mu for period, mu in doublings if 2 * period == w["period"] and mu < w["superstable"]]
        between = [v["superstable"] for v in windows.values()]
        assert w["period"] == 1 or not [s for s in between if max(halves) < s < w["superstable"]]
        opened_by_doubling += 1
    assert opened_by_doubling == 1 + sum(n_windows(n) for n in (1, 2, 3))


def slice_orbit(mu, n_steps, square=None):
    square = (1 + mu) / 3 if square is None else square
    for _ in range(n_steps):
        yield square
        square *= (1 + mu - square) ** 2


def attracting_cycle(mu, max_period=12, n_steps=60_000):
    """Period of what the critical orbit tends to, sign of the product and multiplier; None if neither."""
    *_, square = slice_orbit(mu, n_steps)
    points = list(slice_orbit(mu, 2 * max_period, square))
    period = next((n for n in range(1, max_period + 1) if abs(points[n] - square) < 1e-9), None)
    if period is None:
        return None
    cycle = points[:period]
    product = math.prod(1 + mu - p for p in cycle)
    return period, round(product), product * math.prod(1 + mu - 3 * p for p in cycle)


def test_superstable_cycles_hold_the_critical_point(windows):
    for w in windows.values():
        *orbit, back = slice_orbit(w["superstable"], w["period"] + 1)
        # mu is rounded to 1e-16, and A_n moves by up to some 1e6 times as much
        assert back == pytest.approx(orbit[0], abs=1e-9)
        assert all(abs(p - orbit[0]) > 1e-3 for p in orbit[1:])
        assert math.prod(1 + w["superstable"] - p for p in orbit) == pytest.approx(w["sign"], abs=1e-6)


def test_inside_a_window_orbits_have_its_period_and_the_multiplier_runs_from_one_to_minus_one(windows):
    wide = [w for w in windows.values() if "saddle_node" in w and w["doubling"] - w["saddle_node"] > 1e-6]
    assert len(wide) > 50
    for w in wide:
        low, middle, high = w["saddle_node"], w["superstable"], w["doubling"]
        first = attracting_cycle(low + 0.05 * (middle - low))
        last = attracting_cycle(high - 0.05 * (high - middle))
        assert first[:2] == last[:2] == (w["period"], w["sign"])
        assert 0.5 < first[2] < 1 and -1 < last[2] < -0.8
        before, after = (
            attracting_cycle(low - 0.5 * (middle - low)),
            attracting_cycle(high + 0.1 * (high - middle)),
        )
        assert before is None or before[0] != w["period"]
        assert after is None or after[0] == 2 * w["period"]


@pytest.mark.parametrize(("period", "multiplier"), [(2, -1), (3, 1), (3, -1), (4, 1), (4, -1)])
def test_polynomials_are_those_of_the_derivation(period, multiplier):
    factors = derived.multiplier_polynomial(period, multiplier).factor_list()[1]
    expected = {tuple(map(int, f.as_expr().as_poly(x).all_coeffs())) for f, _ in factors}
    births, doublings = cycles.neutral_polynomials(period, 1)
    found = births if multiplier == 1 else doublings
    in_mu = [f(fmpz_poly([1, 1])) for f in found]
    ours = {tuple(int(c) for c in reversed(f.coeffs())) for f in in_mu}
    assert ours <= expected
    missing = [f for f in expected - ours if any(sp.Poly(f, x).count_roots(0, 2) for _ in (0,))]
    # what the derivation counts too: cycles that branch off where half the period doubles
    assert all(any(abs(sp.Poly(f, x).eval(mu)) < 1e-6 for mu in doubled(period)) for f in missing)


def doubled(period):
    named = certified_landmarks(15, max_period=period // 2)
    return [mark.mu for name, mark in named.items() if name.startswith(f"doubling_{period // 2}_")]


def test_polynomials_are_irreducible_in_mu(marks):
    for name, mark in marks.items():
        if name.startswith(EVENTS) and len(mark.minimal_polynomial) < 40:
            assert sp.Poly(mark.minimal_polynomial, x).is_irreducible


# The accumulation


@pytest.mark.parametrize("shift", [-3e-2, -1e-4, -1e-7, 1e-7, 1e-4, 2e-2])
def test_side_of_the_accumulation_is_that_of_a_plain_itinerary(shift):
    mu = lt.landmarks()["accumulation"].mu + shift
    assert renormalization.side_of_accumulation(arb(1 + mu), 12) == plain_side(mu)
    assert plain_side(mu) == math.copysign(1, shift)


def plain_side(mu):
    """First difference from the period-doubling itinerary, iterating the slice itself at 400 digits."""
    with mpmath.workdps(400):
        square, n_right = 4 * mpmath.mpf(1 + mu) ** 3 / 27, 1
        for n in range(2, 10_000):
            square *= (1 + mpmath.mpf(mu) - square) ** 2
            right = square > (1 + mpmath.mpf(mu)) / 3
            if right != ((n & -n).bit_length() % 2 == 1):
                return (1 if right else -1) * (-1) ** n_right
            n_right += right
    pytest.fail("no difference found")


def test_nothing_is_claimed_closer_than_the_digits_asked_for():
    with balls.digits(50):
        t = 1 + renormalization.accumulation(32)
    assert renormalization.side_of_accumulation(t.mid(), 10) == 0


def test_a_candidate_off_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(renormalization, "_candidate", lambda _: arb("2.30228346270072"))
    with pytest.raises(ArithmeticError, match="not proved"):
        renormalization.accumulation(20)


def test_renormalized_function_is_the_second_iterate():
    with balls.digits(40):
        t = arb("2.3")
        h = renormalization.slice_map(t, 200)
        image = renormalization.renormalized(h, balls.power_of_ten(-30))
        scale = h(arb(1))
        for s in ("0.1", "0.5", "1", "1.7"):
            inner = h(scale * scale * arb(s))
            direct = h(inner * inner) / scale
            assert image(arb(s)).overlaps(direct)
            assert image(arb(s)).rad() < 1e-20


def test_slice_map_is_the_slice():
    t = 2.3
    h = renormalization.slice_map(arb(t), 60)

    def coordinate(square):
        return (square - t / 3) * math.sqrt(t - square + t / 3)

    orbit = list(slice_orbit(t - 1, 6))
    unit = coordinate(orbit[1])
    for now, following in pairwise(orbit[1:]):
        q = arb(coordinate(now) / unit)
        assert float(h(q * q)) == pytest.approx(coordinate(following) / unit, abs=1e-12)


def test_error_of_a_function_covers_what_was_dropped():
    exact = renormalization.Function(flint.arb_poly([1, "0.5", "0.25", "0.125"]), arb(0))
    rough = exact.times(exact, arb("0.2"))
    assert rough.polynomial.degree() < 6
    for w in (-0.9, 0.3, 0.9):
        s = 1 + w * arb(renormalization.RADIUS)
        truth = exact(s) * exact(s)
        assert rough(s).contains(truth)
    assert not rough.polynomial(arb(w)).contains(truth)


def test_outside_the_disc_nothing_is_evaluated():
    with pytest.raises(ArithmeticError, match="outside the disc"):
        renormalization.slice_map(arb("2.3"), 30)(arb(3))


# What must not be proved


@pytest.mark.parametrize(
    ("polynomial", "near"),
    [([1, 0, 1], 0.1), ([1, -2, 1], 1.0), ([-2, 0, 1], 1.5)],
    ids=["no real root", "double root", "root elsewhere"],
)
def test_interval_newton_refuses(polynomial, near):
    radius = balls.power_of_ten(-15)

    def prove():
        return balls.only_root(fmpz_poly(polynomial), arb(near), radius)

    if polynomial == [-2, 0, 1]:  # Newton's method walks to the root: what is returned is proved, there
        assert prove().overlaps(arb(2).sqrt())
    else:
        with pytest.raises(ArithmeticError, match="proves no root"):
            prove()


def test_interval_newton_in_the_plane_refuses_a_point_that_is_no_root():
    def system(a, b):
        return a * b - 1, a - b

    assert balls.only_root_in_plane(system, (arb(1), arb(1)), arb("0.01"))[0].contains(1)
    with pytest.raises(ArithmeticError, match="proves no root"):
        balls.only_root_in_plane(system, (arb("1.1"), arb(1)), arb("0.01"))


def test_a_cycle_of_the_wrong_multiplier_is_refused():
    from lintrans.certified import landmarks

    right = landmarks._Event("doubling", 2, "pair", fmpz_poly([-5, 0, 1]), arb(5).sqrt())
    radius = balls.power_of_ten(-10)
    landmarks._prove_cycle(right, right.t, radius)
    for kind, period, family in [
        ("saddle_node", 2, "pair"),
        ("doubling", 3, "pair"),
        ("doubling", 2, "symmetric"),
    ]:
        wrong = landmarks._Event(kind, period, family, right.polynomial, right.t)
        with pytest.raises(ArithmeticError):
            landmarks._prove_cycle(wrong, wrong.t, radius)


def test_decimals_refuse_what_is_not_known():
    with pytest.raises(ArithmeticError, match="not known to 30 digits"):
        balls.decimal(arb("1.5", "1e-20"), 30)


# The surface


def test_command_prints_what_the_library_proves(answer, run):
    got = answer("landmarks", "--digits", "20", "--max-period", "2")
    expected = certified_landmarks(20, max_period=2)
    assert list(got) == list(expected)
    assert got["doubling_2_symmetric_1"]["minimal_polynomial"] == [2, 8, -1, -18, -36]
    for name, mark in expected.items():
        assert (got[name]["value"], got[name]["radius"], got[name]["exact"]) == (
            mark.value,
            mark.radius,
            mark.exact,
        )
    code, out, err = run("landmarks", "--max-period", "1")
    assert (code, err) == (0, "")
    assert "superstable_1_pair_1" in out and "1.30228346270071216078230538027" in out


@pytest.mark.parametrize(
    ("words", "needles"),
    [
        (["--digits", "3"], ["digits", 3]),
        (["--digits", "100000"], ["digits", 100000]),
        (["--max-period", "7"], ["max_period", 7]),
        (["--max-period", "-1"], ["max_period", -1]),
    ],
)
def test_refusals(run, words, needles):
    check_refusal(*run("landmarks", *words), needles)


def test_without_the_extra_there_is_one_line_with_the_remedy(run, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "flint" else found(name, *a)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'lintrans\[certify\]'"):
        certified_landmarks()
    code, out, err = run("landmarks", "--digits", "30")
    assert (code, out) == (1, "") and err.count("\n") == 1 and "lintrans[certify]" in err
    assert run("landmarks")[0] == 0


def test_claims_hold_without_the_extra():
    """SymPy computes with FLINT's integers where they are installed; the proofs do not need them."""
    code = "from lintrans.cli import main; raise SystemExit(main(['derive', 'landmarks']))"
    without = {**os.environ, "SYMPY_GROUND_TYPES": "python"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=without, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
