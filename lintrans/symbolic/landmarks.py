"""The landmarks of the balanced slice as exact numbers (theory/03_balanced_slice).

Algebraic landmarks are radicals or isolated roots of integer polynomials; the accumulation of the
period doubling has no closed form and is extrapolated. ``t = 1 + mu`` and ``A = a^2`` throughout.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import sympy as sp
from mpmath import mp, mpf

from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.slice import CRISIS, MONOTONE, PERIOD_4, cubic, square_step, two_cycle_multiplier
from lintrans.symbolic.symbols import A, a, mu, x

# rationals just outside [sqrt(5) - 1, crisis], for Sturm counts
_LOW, _HIGH = sp.Rational(1236, 1000), sp.Rational(1599, 1000)

_t = sp.Dummy("t", real=True)


@dataclass(frozen=True)
class Landmark:
    """One threshold in mu on the balanced slice.

    ``mu`` is a SymPy number, exact if a closed form exists and a Float of 23 digits otherwise; ``exact``
    is the string that ``sympy.sympify`` reads back to ``mu``, None without a closed form.
    """

    name: str
    mu: Any
    exact: str | None
    meaning: str


@dataclass(frozen=True)
class Accumulation:
    """Limit of the period doubling, its error estimate, and the sequence it was extrapolated from.

    All are mpmath numbers of 60 digits, whatever the digits that are right.
    ``superstable[k]`` is the mu at which the cycle of period 2^k contains the critical point;
    ``ratios`` are the quotients of successive gaps and tend to Feigenbaum's delta.
    """

    mu: Any
    error: Any
    superstable: tuple[Any, ...]
    ratios: tuple[Any, ...]


def landmarks() -> dict[str, Landmark]:
    """Return the landmarks of the balanced slice in increasing mu.

    Loss (prediction - y_q)^2 / 2, mu = eta h |y_q|. Periods are those of uv; a itself may need twice
    as many steps. The first call takes about two seconds.

    Examples
    --------
    >>> table = landmarks()
    >>> list(table)
    ['monotone', 'stable', 'period_4', 'accumulation', 'band_merging', 'period_3', 'crisis', 'chebyshev']
    >>> table["monotone"].exact
    '-2 + 2*sqrt(2)'
    >>> sp.N(table["period_3"].mu, 12)
    1.45044096449
    """
    exact = (
        ("monotone", MONOTONE, "the loss never rises up to here; above, it rises first from some starts"),
        ("stable", sp.Integer(1), "the minimum loses stability; up to here every bounded orbit converges"),
        ("period_4", PERIOD_4, "the 2-cycle born at mu = 1 doubles its period"),
        ("band_merging", band_merging(), "two chaotic bands merge into one at the unstable minimum"),
        ("period_3", period_3(), "a 3-cycle is born by a saddle-node: the period-3 window opens"),
        ("crisis", CRISIS, "the critical orbit reaches 0; above, a changes sign and the mirror images merge"),
        (
            "chebyshev",
            sp.Integer(2),
            "a = 2 cos(theta), the angle triples; above, almost every start diverges",
        ),
    )
    found = [Landmark(name, value, str(value), meaning) for name, value, meaning in exact]
    meaning = "the period doublings accumulate; chaos begins here, with periodic windows above"
    limit = sp.Float(mp.nstr(accumulation().mu, 23), 23)  # sympify would round an mpf to 15 digits
    found.append(Landmark("accumulation", limit, None, meaning))
    return {entry.name: entry for entry in sorted(found, key=lambda entry: float(entry.mu))}


@cache
def band_merging() -> Any:
    """Return the mu at which the critical orbit lands on the minimum in its third step."""
    return isolated_root(band_merging_polynomial())


@cache
def period_3() -> Any:
    """Return the mu at which the only period-3 window between band merging and crisis opens."""
    return isolated_root(period_3_polynomial())


@cache
def period_8() -> Any:
    """Return the mu at which the 4-cycle of the cascade doubles to period 8: degree 32, some seconds.

    The polynomial has a second root below the crisis, near 1.549, in the later period-4 window.
    """
    return isolated_root(multiplier_polynomial(4, -1), high=sp.Rational(1303, 1000))


def isolated_root(polynomial: Any, low: Any = _LOW, high: Any = _HIGH) -> Any:
    """Return the only root of the polynomial in (low, high), as a CRootOf.

    Raises
    ------
    ValueError
        If the interval does not contain exactly one root, counted by Sturm's theorem.
    """
    n_roots = polynomial.count_roots(low, high)
    if n_roots != 1:
        raise ValueError(f"({low}, {high}) must hold one root, got {n_roots}; choose another interval")
    return sp.CRootOf(polynomial.as_expr(), polynomial.count_roots(None, low))


def critical_orbit(n: int) -> Any:
    """Return the n-th iterate of the critical point A = (1 + mu)/3 as a polynomial in x = mu."""
    square = sp.Poly((1 + x) / 3, x)
    for _ in range(n):
        square = square_step(square, sp.Poly(x, x))
    return square


@cache
def band_merging_polynomial() -> Any:
    """Return the primitive factor of degree 17 of A_3 = mu, without the parameters where A_2 = mu.

    As A' - mu = (A - mu)(A^2 - (2 + mu) A + 1), the second factor at A = A_2 is what remains; a further
    factor 2 mu - 1 belongs to the superstable minimum.
    """
    second = critical_orbit(2)
    landing = second**2 - sp.Poly(2 + x, x) * second + 1
    return _factor_of_degree(landing, 17)


@cache
def period_3_polynomial() -> Any:
    """Return the factor of degree 8 of the discriminant of the 3-cycles that keep the sign of a.

    The other two factors, 4 mu^2 - 6 mu + 3 and mu^2 + 3 mu + 3, have no real roots: there complex
    3-cycles branch off the minimum and the saddle.
    """
    cycles = sp.Poly(cycle_polynomial(3, _t), A, _t)
    discriminant = sp.Poly(sp.discriminant(cycles, A), _t)
    return _factor_of_degree(sp.Poly(discriminant.as_expr().subs(_t, 1 + x), x), 8)


def cycle_polynomial(period: int, t: Any) -> Any:
    """Return the polynomial in A of all points of exact period whose cycle keeps the sign of a.

    A point closes if the product of t - A_i over its cycle is 1; points of a divisor of the period,
    with product 1 or -1, are removed. Below the crisis a keeps its sign, so no real cycle is missed.
    """
    numerator = _closing(period, t, 1)
    for divisor in sp.divisors(period)[:-1]:
        for sign in (1, -1):
            numerator = sp.quo(numerator, sp.gcd(numerator, _closing(divisor, t, sign)))
    return numerator


def multiplier_polynomial(period: int, multiplier: int) -> Any:
    """Return the primitive polynomial in x = mu of product over cycles of (multiplier_c - multiplier).

    The resultant over A is the n-th power of that product. It is computed at integers t and interpolated:
    a cycle of even a complex A has |A| <= t + 1, so each multiplier is at most (4 t + 3)^n and the product
    has degree at most n per cycle. For t > 3 the critical orbits diverge, so every cycle repels (Fatou),
    no factor vanishes for t >= 5 and the product keeps one sign there.
    """
    degree = cycle_polynomial(period, 5).degree()
    points = []
    for t in range(5, 6 + degree):
        cycles = cycle_polynomial(period, t)
        power = sp.resultant(cycles, _multiplier(period, t, cycles) - multiplier)
        root, is_power = sp.integer_nthroot(abs(int(power)), period)
        if not is_power:
            raise ArithmeticError(f"resultant at t={t} is no {period}-th power: cycles are missing")
        points.append((t, root))
    return sp.Poly(sp.interpolate(points, x).subs(x, 1 + x), x).primitive()[1]


@cache
def accumulation(max_doublings: int = 13) -> Accumulation:
    """Extrapolate the superstable parameters of period 2^k, k up to max_doublings, to k = infinity.

    Wynn's epsilon algorithm, which sums the geometric corrections; the error estimate is the change when
    the last parameter is left out. Thirteen doublings give 23 digits in a second; each more doubles the
    time and gives about two digits.
    """
    if max_doublings < 4:
        raise ValueError(f"max_doublings must be at least 4, got {max_doublings}; use the default of 13")
    with mp.workdps(60):
        found = _superstable(max_doublings)
        limit = _wynn(found)
        gaps = [right - left for left, right in pairwise(found)]
        ratios = tuple(left / right for left, right in pairwise(gaps))
        return Accumulation(limit, abs(limit - _wynn(found[:-1])), tuple(found), ratios)


@claim("landmarks.band_merging", "critical orbit A_0 = (1 + mu)/3, A_1, A_2, A_3")
def band_merging_is_third_landing(n: int = 3) -> Any:
    """A_3 = mu at the root, A_2 and A_1 not; it is the only such root between sqrt(5) - 1 and the crisis."""
    polynomial = band_merging_polynomial()
    landing = critical_orbit(n) - sp.Poly(x, x)
    earlier = [sp.gcd(critical_orbit(m) - sp.Poly(x, x), polynomial).degree() for m in (1, 2)]
    window = polynomial.count_roots(_LOW, _HIGH)
    return every(vanishes(sp.rem(landing, polynomial).as_expr()), same(earlier, [0, 0]), same(window, 1))


@claim("landmarks.period_3", "3-cycles of z on which a keeps its sign")
def period_3_is_a_saddle_node(multiplier: int = 1) -> Any:
    """At the root a 3-cycle has multiplier +1; no other such mu lies between sqrt(5) - 1 and the crisis."""
    polynomial = period_3_polynomial()
    crossings = multiplier_polynomial(3, multiplier)
    window = crossings.count_roots(_LOW, _HIGH)
    return every(vanishes(sp.rem(crossings, polynomial).as_expr()), same(window, 1))


@claim("landmarks.doubling", "2-cycles of z on which a keeps its sign")
def resultants_agree_with_closed_form(multiplier: int = -1) -> Any:
    """The resultant for period 2 and multiplier -1 is that of the closed form: mu^2 + 2 mu - 4."""
    closed = sp.Poly(two_cycle_multiplier(x) + 1, x).primitive()[1]
    found = multiplier_polynomial(2, multiplier)
    return vanishes((found.monic() - closed.monic()).as_expr(), closed.eval(PERIOD_4))


@claim("landmarks.slope", "A' = A (1 + mu - A)^2")
def cycle_multiplier_factors(step: Callable[[Any, Any], Any] = square_step) -> Any:
    """The slope dA'/dA is (t - A)(t - 3A); if the t - A_i of a cycle multiply to 1, the t - 3A_i remain."""
    return vanishes(sp.diff(step(A, mu), A) - (1 + mu - A) * (1 + mu - 3 * A))


@claim("landmarks.families", "t = 1 + mu; n = 1, 2, 3, the step from n to n + 1 being the same for all")
def products_tell_the_family(step: Callable[[Any, Any], Any] = square_step) -> Any:
    """A_n - A = A (P - 1)(P + 1) and a_n = a P, P = product of 1 - z_i = t - A_i over n steps.

    So a cycle closes with P = 1, where a returns too (one of a pair of mirror images), or with P = -1,
    where a_n = -a: a symmetric cycle, twice as long in a.
    """
    t, square, line, product = 1 + mu, A, a, sp.Integer(1)
    differences = []
    for _ in range(3):
        product, line = product * (t - square), cubic(line, mu)
        square = step(square, mu)
        differences.append(square - A * product**2)
        differences.append(line - a * product.subs(A, a**2))
    return vanishes(*differences)


@claim("landmarks.bounded", "complex t = 1 + mu")
def neutral_cycles_lie_in_a_disc(radius: int = 3) -> Any:
    """A cycle of multiplier 1 or -1 needs abs(t) <= 3: beyond, the critical orbit escapes (Fatou).

    4 x^3/27 - x - 1 = (x - 3)(2 x + 3)^2/27 > 0 for x = abs(t) > 3, so abs(A_1) > abs(t) + 1; from there
    abs(A') >= abs(A) (abs(A) - abs(t))^2 grows. The other critical point, A = t, falls on the origin,
    whose multiplier is t^2.
    """
    excess = 4 * x**3 / 27 - x - 1
    origin = sp.diff(square_step(A, mu), A).subs(A, 0)
    return vanishes(
        excess - (x - radius) * (2 * x + 3) ** 2 / 27,
        square_step(x / 3, x - 1) - 4 * x**3 / 27,
        sp.diff(square_step(A, mu), A).subs(A, (1 + mu) / 3),
        square_step(1 + mu, mu),
        origin - (1 + mu) ** 2,
    )


@claim("landmarks.even", "0 < mu < crisis, -t/3 <= y < 2 t/3, t = 1 + mu")
def slice_is_even(critical_value: Callable[[Any], Any] = lambda t: 4 * t**3 / 27 - t / 3) -> Any:
    """In q = y sqrt(t - y), y = A - t/3, the slice map is even: q' = h(q^2), h(s) = (v - s) sqrt(t - v + s).

    v = 4 t^3/27 - t/3. The coordinate rises, with slope (2 t - 3 y)/(2 sqrt(t - y)), so itineraries about
    the critical point are the signs of q.
    """
    t, y = sp.symbols("t y", positive=True)
    v, square = critical_value(t), y**2 * (t - y)
    following = square_step(t / 3 + y, t - 1) - t / 3
    coordinate = y * sp.sqrt(t - y)
    image = (v - square) * sp.sqrt(t - v + square)
    return vanishes(
        following - (v - square),
        image - coordinate.subs(y, v - square),
        sp.diff(coordinate, y) - (2 * t - 3 * y) / (2 * sp.sqrt(t - y)),
    )


def _closing(n: int, t: Any, sign: int) -> Any:
    square, product = sp.Poly(A, A), sp.Poly(1, A)
    for _ in range(n):
        factor = sp.Poly(t, A) - square
        square, product = square * factor**2, product * factor
    return product - sign


def _multiplier(n: int, t: int, modulus: Any) -> Any:
    square, product = sp.Poly(A, A), sp.Poly(1, A)
    for _ in range(n):
        product = sp.rem(product * (t - 3 * square), modulus)
        square = sp.rem(square * (t - square) ** 2, modulus)
    return product


def _factor_of_degree(polynomial: Any, degree: int) -> Any:
    factored = polynomial.clear_denoms(convert=True)[1].factor_list()[1]
    factors = [factor for factor, _ in factored if factor.degree() == degree]
    if len(factors) != 1:
        raise ArithmeticError(f"expected one factor of degree {degree}, got {len(factors)}")
    return factors[0]


def _superstable(max_doublings: int) -> list[Any]:
    """Return mu for k = 0..max_doublings at which the critical point has period 2^k, by Newton's method."""
    # 2 mu - 1 = 0 at k = 0; at k = 1 the multiplier 9 - 2 (1 + mu)^2 vanishes
    found = [mpf(1) / 2, 3 / mp.sqrt(2) - 1]
    ratio = mpf(14) / 3  # any value near 4.67: it only places the first start
    for doublings in range(2, max_doublings + 1):
        start = found[-1] + (found[-1] - found[-2]) / ratio
        found.append(_newton(start, 2**doublings))
        ratio = (found[-2] - found[-3]) / (found[-1] - found[-2])
    return found


def _newton(start: Any, period: int) -> Any:
    value = start
    for _ in range(20):
        square, slope = (1 + value) / 3, mpf(1) / 3
        for _ in range(period):
            factor = 1 + value - square
            square, slope = square * factor**2, factor * (slope * (factor - 2 * square) + 2 * square)
        change = (square - (1 + value) / 3) / (slope - mpf(1) / 3)
        value -= change
        if abs(change) < mpf(10) ** -35:
            return value
    raise ArithmeticError(f"Newton's method found no superstable cycle of period {period} near {start}")


def _wynn(sequence: list[Any]) -> Any:
    """Return the last entry of the deepest even column of Wynn's epsilon table."""
    previous, current = [mpf(0)] * (len(sequence) + 1), list(sequence)
    limit = current[-1]
    for column in range(1, len(sequence)):
        differences = [1 / (current[i + 1] - current[i]) for i in range(len(current) - 1)]
        following = [previous[i + 1] + d for i, d in enumerate(differences)]
        previous, current = current, following
        if column % 2 == 0:
            limit = current[-1]
    return limit
