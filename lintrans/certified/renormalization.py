"""The accumulation of the period doubling, enclosed by ball arithmetic on functions.

With y = A - t/3 and x = y sqrt(t - y) the slice map is even, x' = h(x^2), h(s) = (v - s) sqrt(t - v + s),
v = 4 t^3 / 27 - t / 3: claim landmarks.even. Scaled to h(0) = 1 it can be renormalized,

    (R h)(s) = h(h(lambda^2 s)^2) / lambda,   lambda = h(1),

as long as lambda < 0 < -lambda < x_3 and x_4 < -lambda, with x_n the orbit of the critical point 0. Its
itinerary, the signs of x_n, is then that of R h at half the time, turned over: so both lie on the same side
of the itinerary of the accumulation, whose sign at n is (-1)^(how often 2 divides n). After k rounds the
first difference is seen after a few steps instead of 2^k. Itineraries are compared in the order of
Milnor and Thurston, in which they depend on mu without jumping over one another (the intermediate value
theorem of Collet and Eckmann, 1980): an accumulation lies between a mu below and one above it.

A function is a polynomial in w = (s - 1) / RADIUS and a bound on the sum of the absolute Taylor
coefficients of what is missing, a norm in which products and compositions are bounded by the factors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from flint import arb, arb_poly

from lintrans.certified import balls

RADIUS = 1.2  # R maps the disc |s - 1| < 1.2 inside itself; h has its branch point at s = -0.94
N_ORBIT = 40  # steps of the critical orbit looked at in each round
START = "2.3023"  # near the accumulation; it only places Newton's method
DIGITS_PER_ROUND = math.log10(4.6692)  # by Feigenbaum's constant: what a round resolves of mu
LOSS_PER_ROUND = 1.05  # digits of the bound, measured: a factor of 10.8 (the error itself grows by 4.7)
DIGITS_PER_TERM = 0.2  # of h: (1.2 / 1.94)^n


@dataclass(frozen=True)
class Function:
    """All functions polynomial + E on the disc |w| <= 1 with the norm of E at most ``error``."""

    polynomial: Any
    error: Any

    def __call__(self, s: Any) -> Any:
        """Ball of the values at s."""
        w = (s - 1) / arb(RADIUS)
        if not abs(w) <= 1:
            raise ArithmeticError(f"s = {s} may lie outside the disc of radius {RADIUS} about 1")
        return self.polynomial(w) + arb(0, self.error)

    @cached_property
    def size(self) -> Any:
        """Sum of the absolute coefficients of the polynomial."""
        return sum(map(abs, self.polynomial.coeffs()), arb(0))

    @cached_property
    def norm(self) -> Any:
        """Bound of the sum of the absolute coefficients, and so of every value on the disc."""
        return self.size + self.error

    def scaled(self, factor: Any) -> Function:
        """Return the function times a number."""
        return Function(self.polynomial * factor, _upper(self.error * abs(factor)))

    def plus(self, constant: Any) -> Function:
        """Return the function plus a number."""
        return Function(self.polynomial + constant, self.error)

    def times(self, other: Function, tolerance: Any) -> Function:
        """Product, with terms below the tolerance moved into the error."""
        error = self.size * other.error + self.error * other.norm
        return _shortened(self.polynomial * other.polynomial, error, tolerance)

    def after(self, inner: Function, tolerance: Any) -> Function:
        """Composition with ``inner``, whose values are w: Horner's scheme."""
        if not inner.norm < 1:
            raise ArithmeticError("a round of renormalization leaves the disc; mu is too far from the limit")
        *lower, highest = self.polynomial.coeffs()
        result = Function(arb_poly([highest]), arb(0))
        for coefficient in reversed(lower):
            result = result.times(inner, tolerance).plus(coefficient)
        return Function(result.polynomial, _upper(result.error + self.error))


@cache
def accumulation(n_digits: int) -> Any:
    """Ball of mu that contains a parameter at which the period doublings accumulate, to ``n_digits`` digits.

    A candidate where the scale lambda stops changing from round to round, then a proof that the kneading
    sequence is below that of the accumulation on one side of the candidate and above it on the other.

    Raises
    ------
    ArithmeticError
        If a side cannot be decided.
    """
    radius = balls.power_of_ten(-n_digits - 2)
    t = _candidate(n_digits + 3)
    sides = [side_of_accumulation((t + shift).mid(), n_digits + 2) for shift in (-radius, radius)]
    if sides != [-1, 1]:
        raise ArithmeticError(
            f"the accumulation is not proved to lie within {radius} of {t - 1}, got {sides}"
        )
    return arb(t, radius * 2) - 1


def side_of_accumulation(t: Any, n_digits: int) -> int:
    """Return -1 if the exact number t = 1 + mu is below the accumulation, 1 above, 0 if undecided.

    Decided for |t - accumulation| down to about 10^-n_digits.
    """
    n_rounds = math.ceil(n_digits / DIGITS_PER_ROUND) + 8
    needed = n_digits + LOSS_PER_ROUND * n_rounds + 5
    with balls.digits(needed):
        tolerance = balls.power_of_ten(-needed)
        h = slice_map(t, math.ceil(needed / DIGITS_PER_TERM))
        for _ in range(n_rounds):
            side = compare_itineraries(h)
            if side or not _can_be_renormalized(h):
                return side
            h = renormalized(h, tolerance)
    return 0


def slice_map(t: Any, n_terms: int) -> Function:
    """Return h of the balanced slice, scaled to h(0) = 1, with the tail of its series in the error."""
    v = 4 * t**3 / 27 - t / 3
    unit = v * (t - v).sqrt()
    square = unit * unit
    middle, ratio = t - v + square, square * arb(RADIUS) / (t - v + square)
    if not abs(ratio) < 1:
        raise ArithmeticError(f"the series of h does not converge at t = {t}; mu is too far from the limit")
    series, term = [], middle.sqrt()
    for k in range(n_terms):
        series.append(term)
        term *= (arb(1) / 2 - k) / (k + 1) * ratio
    tail = abs(term) / (1 - abs(ratio))  # the binomials of 1/2 do not grow
    root = Function(arb_poly(series), _upper(tail))
    line = Function(arb_poly([v - square, -square * arb(RADIUS)]), arb(0))
    return root.times(line, arb(0)).scaled(1 / unit)


def renormalized(h: Function, tolerance: Any) -> Function:
    """Return R h."""
    scale = h(arb(1))
    square = scale * scale
    shrink = Function(arb_poly([(square - 1) / arb(RADIUS), square]), arb(0))  # s -> lambda^2 s, in w
    first = h.after(shrink, tolerance)
    second = first.times(first, tolerance).plus(-1).scaled(1 / arb(RADIUS))
    return h.after(second, tolerance).scaled(1 / scale)


def compare_itineraries(h: Function) -> int:
    """Return -1, 1 for a critical orbit below, above the accumulation's; 0 if no difference is certain."""
    x, n_positive = arb(1), 1
    for n in range(2, N_ORBIT):
        x = h(x * x)
        sign = 1 if x > 0 else -1 if x < 0 else 0
        expected = _sign_at_accumulation(n)
        if sign == 0:
            return 0
        if sign != expected:
            return sign if n_positive % 2 == 0 else -sign
        n_positive += sign > 0
    return 0


def _sign_at_accumulation(n: int) -> int:
    """Sign of x_n at the accumulation."""
    return 1 if ((n & -n).bit_length() - 1) % 2 == 0 else -1


def _can_be_renormalized(h: Function) -> bool:
    scale = h(arb(1))
    third = h(scale * scale)
    return bool(scale < 0 and third > -scale and h(third * third) < -scale)


def _candidate(n_digits: int) -> Any:
    """Solve lambda_k = lambda_(k-1) for growing k: right to about (0.16 / 4.67)^k."""
    t, n_rounds = arb(START), 4
    last = math.ceil(n_digits / math.log10(4.67 / 0.16)) + 1
    while True:
        t = _stationary(t, n_rounds)
        if n_rounds == last:
            return t
        n_rounds = min(last, n_rounds * 3 // 2)


def _stationary(near: Any, n_rounds: int) -> Any:
    """Solve lambda_k = lambda_(k-1), k = n_rounds, by the secant method."""
    needed = 2 * n_rounds * math.log10(29) + 6
    with balls.digits(needed):
        tolerance = balls.power_of_ten(-needed)
        left, right = near.mid(), (near + balls.power_of_ten(-n_rounds * DIGITS_PER_ROUND - 1)).mid()
        change = _last_change(left, n_rounds, needed, tolerance)
        for _ in range(20):
            following = _last_change(right, n_rounds, needed, tolerance)
            step = (following * (right - left) / (following - change)).mid()
            left, right, change = right, (right - step).mid(), following
            if abs(step) < balls.power_of_ten(-n_rounds * math.log10(29) - 4):
                return right
    raise ArithmeticError(f"the secant method did not settle after {n_rounds} rounds")


def _last_change(t: Any, n_rounds: int, needed: float, tolerance: Any) -> Any:
    h = slice_map(t, math.ceil(needed / DIGITS_PER_TERM))
    for _ in range(n_rounds):
        before, h = h, renormalized(h, tolerance)
    return (h(arb(1)) - before(arb(1))).mid()


def _shortened(polynomial: Any, error: Any, tolerance: Any) -> Function:
    """Move the highest terms, while they sum to less than the tolerance, into the error."""
    coefficients = polynomial.coeffs()
    tail = arb(0)
    while len(coefficients) > 1 and tail + abs(coefficients[-1]) < tolerance:
        tail += abs(coefficients.pop())
    return Function(arb_poly(coefficients), _upper(error + tail))


def _upper(number: Any) -> Any:
    return arb(number).upper()
