"""Cycles of A' = A (t - A)^2, t = 1 + mu: the parameters at which they appear, are superstable, and double.

A point closes after n steps if the product of t - A_i is 1 (the cycle keeps the sign of a: a mirror pair)
or -1 (the cycle in a is its own mirror image, and twice as long); its multiplier is that sign times the
product of t - 3 A_i. Claims landmarks.families, landmarks.slope and landmarks.bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from flint import fmpz, fmpz_poly, nmod_poly

FAMILIES = {"pair": 1, "symmetric": -1}
WORD = 62  # bits of the primes


def products(A: Any, t: Any, n: int) -> tuple[Any, Any]:
    """Products of t - A_i and of t - 3 A_i over n steps, for A and t from any ring."""
    closing, slope = 1, 1
    for i in range(n):
        factor = t - A
        closing, slope = factor * closing, (factor - 2 * A) * slope
        if i < n - 1:
            A = A * factor * factor
    return closing, slope


@cache
def superstable_polynomials(period: int, sign: int) -> list[Any]:
    """Irreducible polynomials in t for cycles of exact period that contain the critical point A = t/3."""
    found = _irreducible(_superstable(period, sign))
    shorter = [_superstable(d, s) for d, s in _shorter(period, sign)]
    return [f for f in found if not any(other % f == 0 for other in shorter)]


@cache
def neutral_polynomials(period: int, sign: int) -> tuple[list[Any], list[Any]]:
    """Irreducible polynomials in t for cycles of multiplier 1 (saddle-node) and -1 (doubling).

    Of those for multiplier 1, the ones left out belong to cycles that branch off a cycle of half the
    period, where that one doubles.
    """
    births, doublings = (_irreducible(f) for f in _multiplier_polynomials(period, sign))
    doubled = [f for d, s in _shorter(period, sign) if 2 * d == period for f in neutral_polynomials(d, s)[1]]
    return [f for f in births if f not in doubled], doublings


def _superstable(period: int, sign: int) -> Any:
    """Closing condition of the critical point, as a polynomial in t with 3 A_0 = t."""
    c = fmpz_poly([0, 1])  # A_0
    polynomial = products(c, 3 * c, period)[0] - sign
    degree = polynomial.degree()
    return fmpz_poly([coefficient * 3 ** (degree - i) for i, coefficient in enumerate(polynomial.coeffs())])


def _multiplier_polynomials(period: int, sign: int) -> list[Any]:
    """Product over all cycles of (multiplier - lambda) for lambda = 1 and -1, as polynomials in t.

    The resultant of the cycle polynomial with multiplier - lambda is that product to the power of the period.
    It is computed modulo primes at roots of unity, and put together by the Chinese remainder theorem: all
    roots have |t| <= 3 (beyond, 4 |t|^3 / 27 > |t| + 1, the critical point escapes and no cycle is neutral),
    and the leading coefficient is a power of 2, at most one 2 for each point (t - 3 A is close to t or -2 t
    for large t). In t^2 if the period is even.
    """
    power = 2 if period % 2 == 0 else 1
    n_points = _n_points(period, sign)
    degree = n_points // power
    bits = n_points + degree * math.log2(1 + 3**power) + 2
    moduli, residues = [], []
    for p in _primes(power * (period * degree + 1)):
        found = [_root_of_power(f) for f in _resultants_mod(period, sign, p, period * degree + 1, power)]
        if all(f.degree() == degree for f in found):  # else the prime divides a discriminant
            moduli.append(p)
            residues.append(found)
        if len(moduli) * (WORD - 1) > bits:
            break
    return [_lift(fs, moduli, 2**n_points).inflate(power) for fs in zip(*residues, strict=True)]


def _resultants_mod(period: int, sign: int, p: int, n: int, power: int) -> list[Any]:
    """Resultants of the cycle polynomial with multiplier - 1 and + 1 modulo p, polynomials in t^power.

    Evaluated at the n-th roots of unity, and transformed back.
    """
    root = _root_of_unity(p, power * n)
    values: list[list[int]] = [[], []]
    for j in range(n):
        t = pow(root, j, p)
        cycle = _cycle_polynomial(period, sign, t, p)
        multiplier = sign * _products_mod(period, t, p)[1] % cycle
        for row, target in zip(values, (1, -1), strict=True):
            row.append(int(cycle.resultant(multiplier - target)))
    back, inverse_n = pow(root, -power, p), pow(n, -1, p)
    return [
        nmod_poly([int(f(pow(back, k, p))) * inverse_n % p for k in range(n)], p)
        for f in (nmod_poly(row, p) for row in values)
    ]


def _cycle_polynomial(period: int, sign: int, t: int, p: int) -> Any:
    """Polynomial in A, modulo p, of the points of exact period with that product of t - A_i."""
    polynomial = _products_mod(period, t, p)[0] - sign
    for d, s in _shorter(period, sign):
        polynomial //= _cycle_polynomial(d, s, t, p)
    return polynomial


def _products_mod(period: int, t: int, p: int) -> tuple[Any, Any]:
    return products(nmod_poly([0, 1], p), nmod_poly([t], p), period)


def _root_of_power(f: Any) -> Any:
    """Monic g modulo p with the roots of f, each once."""
    g = f // f.gcd(f.derivative())
    return g * (1 / g.leading_coefficient())


def _lift(residues: Sequence[Any], moduli: Sequence[int], scale: int) -> Any:
    """Primitive integer polynomial whose product with a rational is each residue; ``scale`` clears it."""
    modulus = math.prod(moduli)
    weights = [modulus // p * pow(modulus // p, -1, p) for p in moduli]
    coefficients = []
    for k in range(residues[0].degree() + 1):
        value = scale * sum(int(f[k]) * w for f, w in zip(residues, weights, strict=True)) % modulus
        coefficients.append(value - modulus if 2 * value > modulus else value)
    polynomial = fmpz_poly(coefficients)
    return polynomial // polynomial.content()


def _irreducible(polynomial: Any) -> list[Any]:
    """Irreducible factors, each with a positive leading coefficient."""
    factors = [f for f, _ in polynomial.factor()[1]]
    return [f if f.leading_coefficient() > 0 else -f for f in factors]


def _shorter(period: int, sign: int) -> Iterator[tuple[int, int]]:
    """Yield (divisor, sign) of the shorter cycles that close with that product after ``period`` steps too."""
    for divisor in range(1, period):
        if period % divisor == 0:
            yield from ((divisor, s) for s in (1, -1) if s ** (period // divisor) == sign)


def _n_points(period: int, sign: int) -> int:
    """Number of points of exact period: the degree in A of the cycle polynomial."""
    closed: int = (3**period - 1) // 2
    return closed - sum(_n_points(d, s) for d, s in _shorter(period, sign))


def _primes(step: int) -> Iterator[int]:
    """Yield primes of 62 bits that are 1 modulo ``step``, largest first."""
    for p in range((1 << WORD) // step * step + 1, 0, -step):
        if fmpz(p).is_prime():
            yield p


def _root_of_unity(p: int, order: int) -> int:
    """Return an element of that multiplicative order modulo p."""
    primes = [int(q) for q, _ in fmpz(order).factor()]
    for base in range(2, p):
        root = pow(base, (p - 1) // order, p)
        if all(pow(root, order // q, p) != 1 for q in primes):
            return root
    raise ArithmeticError(f"{p} has no root of unity of order {order}")
