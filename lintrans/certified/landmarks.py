"""What is known about every landmark of the balanced slice, to any number of digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from typing import Any

import sympy as sp
from flint import arb, fmpq, fmpz_poly

from lintrans.certified import balls, cycles, renormalization
from lintrans.two_factor import balanced_slice

ISOLATION_DIGITS = 60  # far below the narrowest window of period 6, which is 1e-8 wide

_MEANINGS = {
    "saddle_node": "a {} of period {} is born, with multiplier 1",
    "superstable": "a {} of period {} holds the critical point, multiplier 0",
    "doubling": "a {} of period {} doubles, with multiplier -1",
}
_CYCLES = {"pair": "mirror pair of cycles", "symmetric": "symmetric cycle"}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Event:
    """A root of an irreducible polynomial in t = 1 + mu, isolated, and the cycle it belongs to."""

    kind: str
    period: int
    family: str
    polynomial: Any
    t: Any


Found = tuple[str, float, str | None, tuple[int, ...] | None, str, str, str]


def enclose(digits: int, max_period: int, progress: Progress | None) -> list[Found]:
    """Fields of a `CertifiedLandmark` for every landmark, in ascending order of mu."""
    events = _numbered(_events(max_period, progress))
    with balls.digits(digits + 10):
        found = [(mu, _named(mark, mu, digits)) for mark, mu in _with_balls(digits)]
        found += [(mu, _event(name, event, mu, digits)) for name, event, mu in _certain(events, digits)]
    return [mark for _, mark in sorted(found, key=lambda pair: float(pair[0]))]


def _with_balls(digits: int) -> Iterator[tuple[balanced_slice.Landmark, Any]]:
    for mark in balanced_slice.landmarks().values():
        if mark.minimal_polynomial is None:
            yield mark, renormalization.accumulation(digits + 2)
        else:
            polynomial = fmpz_poly(list(reversed(mark.minimal_polynomial)))
            yield mark, balls.only_root(polynomial, arb(mark.mu), balls.power_of_ten(-digits - 2))


def _named(mark: balanced_slice.Landmark, mu: Any, digits: int) -> Found:
    return *astuple(mark), *balls.decimal(mu, digits)


def _event(name: str, event: _Event, mu: Any, digits: int) -> Found:
    in_mu = event.polynomial(fmpz_poly([1, 1])).coeffs()
    meaning = _MEANINGS[event.kind].format(_CYCLES[event.family], event.period)
    polynomial = tuple(int(c) for c in reversed(in_mu))
    return name, float(mu), None, polynomial, meaning, *balls.decimal(mu, digits)


def _events(max_period: int, progress: Progress | None) -> list[_Event]:
    """All parameters 0 < mu <= 2 at which a cycle is born, superstable or doubles."""
    todo = [(n, family) for n in range(1, max_period + 1) for family in cycles.FAMILIES]
    weights = [3**n for n, _ in todo]
    found = []
    for i, (period, family) in enumerate(todo):
        sign = cycles.FAMILIES[family]
        births, doublings = cycles.neutral_polynomials(period, sign)
        kinds = {
            "saddle_node": births,
            "superstable": cycles.superstable_polynomials(period, sign),
            "doubling": doublings,
        }
        for kind, polynomials in kinds.items():
            found += [_Event(kind, period, family, f, t) for f in polynomials for t in _roots(f)]
        if progress:
            progress(sum(weights[: i + 1]), sum(weights))
    return found


def _roots(polynomial: Any) -> list[Any]:
    """Balls of all real roots 1 < t <= 3 (0 < mu <= 2): SymPy isolates them, bisection refines."""
    deflated, power = polynomial.deflation()
    rational = sp.Poly([int(c) for c in reversed(deflated.coeffs())], sp.Symbol("x"))
    with balls.digits(ISOLATION_DIGITS + _digits_of(deflated)):
        isolated = [ends for ends, _ in rational.intervals(inf=1, sup=3**power)]
        return [_bisected(deflated, low, high).root(power) for low, high in isolated if high > 1]


def _bisected(polynomial: Any, low: Any, high: Any) -> Any:
    """Ball of the only root between two rationals."""
    low, high = (arb(fmpq(int(end.p), int(end.q))) for end in (low, high))
    if low.overlaps(high):
        return low
    falls = polynomial(low) > 0
    while not high - low < balls.power_of_ten(-ISOLATION_DIGITS / 2):
        middle = ((low + high) / 2).mid()
        low, high = (middle, high) if (polynomial(middle) > 0) == falls else (low, middle)
    return low.union(high)


def _numbered(events: list[_Event]) -> list[tuple[str, _Event]]:
    """Name every event by its cycle: the windows of one period and family are counted from the left.

    Raises
    ------
    ArithmeticError
        If births, superstable values and doublings do not alternate, as they must: the multiplier of a
        cycle falls from 1 through 0 to -1.
    """
    named = []
    for key in sorted({(event.period, event.family) for event in events}):
        mine = sorted((e for e in events if (e.period, e.family) == key), key=lambda e: float(e.t))
        number, before = 0, "doubling"
        for event in mine:
            if event.kind == "saddle_node" or before == "doubling":
                number += 1
            expected = {"saddle_node": ("doubling",), "doubling": ("superstable",)}
            if before not in expected.get(event.kind, ("saddle_node", "doubling")):
                raise ArithmeticError(f"{event.kind} of period {key} follows a {before} at {event.t - 1}")
            named.append((f"{event.kind}_{event.period}_{event.family}_{number}", event))
            before = event.kind
    return named


def _certain(named: list[tuple[str, _Event]], digits: int) -> Iterator[tuple[str, _Event, Any]]:
    """Refine the root of every event, and prove that the cycle is there."""
    radius = balls.power_of_ten(-digits - 2)
    for name, event in named:
        needed = digits + _digits_of(event.polynomial)
        with balls.digits(2 * needed):  # on a wider ball the slope is lost to cancellation
            t = balls.only_root(event.polynomial, event.t, balls.power_of_ten(-needed))
        if event.kind != "superstable":
            _prove_cycle(event, t, radius)
        yield name, event, t - 1


def _digits_of(polynomial: Any) -> float:
    """Digits that cancel when the polynomial is evaluated at t <= 3, or at most t^2 <= 9."""
    bits = polynomial.height_bits() + 4 * polynomial.degree()
    return float(bits / balls.BITS_PER_DIGIT)


def _prove_cycle(event: _Event, t: Any, radius: Any) -> None:
    """Prove that a cycle of that period, family and multiplier exists within the radius of t.

    It has a point near the critical point A = t/3, since its window holds a superstable cycle.
    """
    sign, period = cycles.FAMILIES[event.family], event.period
    multiplier = 1 if event.kind == "saddle_node" else -1

    def system(A: balls.Jet, t: balls.Jet) -> tuple[balls.Jet, balls.Jet]:
        closing, slope = cycles.products(A, t, period)
        return closing - sign, slope - sign * multiplier

    A = (t / 3).mid()
    for _ in range(60):
        value = system(balls.Jet(A, (1, 0)), balls.Jet(t.mid()))[1]
        change = (value.value / value.slopes[0]).mid()
        A = (A - change).mid()
        if abs(change) < radius:
            break
    A, found = balls.only_root_in_plane(system, (A, t), radius)
    if not found.overlaps(t):
        raise ArithmeticError(f"the cycle at {found - 1} is not the root of the polynomial at {t - 1}")
    points = [A]
    for _ in range(period - 1):
        points.append(points[-1] * (found - points[-1]) ** 2)
    if any(A.overlaps(point) for point in points[1:]):
        raise ArithmeticError(f"the cycle at {found - 1} may have a shorter period than {period}")
