"""Curves of balanced cycles over mu, followed by pseudo-arclength, with what happens along them.

A cycle is followed with all its points at once, x = (A_1 .. A_n, mu) with A = a^2 and A_{i+1} =
A_i (1 + mu - A_i)^2. A step goes along the tangent and is corrected across it by Newton's method; steps are
shorter where a curve bends. Between two points an event is where a test function changes its sign.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lintrans.two_factor.cycles import CycleTable, Place

FloatArray = NDArray[np.float64]

_SMALLEST_STEP = 1e-9
_MAX_BEND = 0.1  # of a step: how far the corrector may move the predicted point
_LEAST_COSINE = 0.95  # between the tangents at the ends of a step
_BEFORE_CROSSING = 0.9  # of a step: at the crossing itself Newton is singular, and the multiplier 1
_MAX_MULTIPLIER = 10.0  # at the beginning of a step to a crossing: its last tenth is not searched for events
_NEWTON_STEPS = 8
_TOL = 1e-13
_NOISE = 1e-9  # what rounding leaves of the last correction, close to a crossing

Tests: TypeAlias = Iterator[tuple["EventKind", Callable[[FloatArray], float]]]


class EventKind(IntEnum):
    """What happens to a cycle at a value of mu; the number is the code stored in result files."""

    FOLD = 0  #: multiplier 1: it is born together with another (a saddle-node)
    SUPERSTABLE = 1  #: multiplier 0: it contains a critical point
    FLIP = 2  #: multiplier -1: a cycle of twice the period branches off
    PITCHFORK = 3  #: a symmetric cycle sheds two mirror images; a period doubling of the prediction
    ACROSS = 4  #: multiplier 1 or -1 across the slice: a cycle of the ellipse branches off, at mu = 2

    @property
    def label(self) -> str:
        """Lower-case name, as printed."""
        return self.name.lower()


class Event(NamedTuple):
    """One event of one cycle.

    Attributes
    ----------
    kind : EventKind
        What happens.
    mu, a : float
        The effective step size of the event, and a point of the cycle in the mean mode.
    period, period_uv : int
        Period of the cycle, in the weights and in the prediction.
    branch : int
        Number of the curve it lies on.
    """

    kind: EventKind
    mu: float
    a: float
    period: int
    period_uv: int
    branch: int


@dataclass(frozen=True)
class Curve:
    """One curve: its cycles, rows (mu, a, along, across), and its events."""

    n: int  # points in A
    is_symmetric: bool
    nodes: list[tuple[float, float, float, float]]
    events: list[Event]

    @property
    def period(self) -> int:
        """Period in the weights."""
        return 2 * self.n if self.is_symmetric else self.n

    def note(self, x: FloatArray) -> None:
        """Add a cycle."""
        power, (A, mu) = self.period // self.n, (x[:-1], float(x[-1]))
        along = float(np.prod(1 + mu - 3 * A))
        self.nodes.append((mu, _mode(x), along**power, _across(x) ** power))


def _excess_mu(mu: float, x: FloatArray) -> float:
    return float(x[-1]) - mu


def _mode(x: FloatArray) -> float:
    return math.sqrt(max(x[0], 0.0))


def _along(x: FloatArray) -> float:
    """Multiplier of the prediction, along the slice."""
    A, t = x[:-1], 1 + x[-1]
    return float(np.prod((t - A) * (t - 3 * A)))


def _across(x: FloatArray) -> float:
    """Multiplier of an imbalance over the period of the prediction."""
    return float(np.prod(1 + x[:-1] - x[-1]))


def _system(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What is left of A_{i+1} = A_i (t - A_i)^2, shape (n,), and its Jacobian (n, n + 1)."""
    A, t = x[:-1], 1 + x[-1]
    n, factor = A.size, t - A
    jacobian = np.zeros((n, n + 1))
    rows = np.arange(n)
    jacobian[rows, (rows + 1) % n] = 1.0
    jacobian[rows, rows] -= factor * (t - 3 * A)
    jacobian[:, -1] = -2 * A * factor
    return np.roll(A, -1) - A * factor * factor, jacobian


def _bordered(x: FloatArray, tangent: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The system, and its Jacobian with the tangent as its last row: regular at folds too."""
    left, jacobian = _system(x)
    return left, np.vstack([jacobian, tangent])


def _corrected(ahead: FloatArray, tangent: FloatArray) -> FloatArray | None:
    """Point of the curve in the plane across the tangent at ``ahead``, by Newton; None if there is none."""
    x = ahead
    for _ in range(_NEWTON_STEPS):
        left, matrix = _bordered(x, tangent)
        change = np.linalg.solve(matrix, np.append(left, np.dot(tangent, x - ahead)))
        x = x - change
        size = np.abs(change).max()
        if size < _TOL:
            return x
        if not size < 1:
            return None
    return x if size < _NOISE else None


def _next_tangent(x: FloatArray, tangent: FloatArray) -> tuple[FloatArray, float]:
    """Unit tangent at x in the direction of the last one, and the sign of the bordered determinant.

    That sign changes where two curves cross, and only there.
    """
    matrix = _bordered(x, tangent)[1]
    new = np.linalg.solve(matrix, np.append(np.zeros(x.size - 1), 1.0))
    new /= np.linalg.norm(new)
    return new, float(np.linalg.slogdet(_bordered(x, new)[1])[0])


def _first_tangent(x: FloatArray) -> FloatArray:
    """Unit tangent at x towards smaller mu."""
    tangent = np.linalg.svd(_system(x)[1])[2][-1]
    return np.asarray(tangent if tangent[-1] < 0 else -tangent)


def curves(table: CycleTable, low: float, high: float, largest_step: float) -> Iterator[Curve]:
    """Every curve through the balanced cycles of a table, once; of mirror images one."""
    todo = []
    for cycle, part in zip(table, np.split(table.a, np.cumsum(table.period)[:-1]), strict=True):
        is_symmetric = cycle.period_uv < cycle.period
        is_mirror_image = not is_symmetric and part[np.argmax(np.abs(part))] < 0
        if cycle.place is Place.SLICE and not is_mirror_image:
            todo.append((Curve(cycle.period_uv, is_symmetric, [], []), np.square(part[: cycle.period_uv])))
    while todo:
        curve, points = todo.pop(0)
        back = _follow(curve, np.append(points, high), low, high, largest_step)
        if back is not None:  # up again, as another cycle of the table
            alike = [
                i for i, (c, _) in enumerate(todo) if (c.n, c.is_symmetric) == (curve.n, curve.is_symmetric)
            ]
            todo.pop(min(alike, key=lambda i: np.abs(np.sort(todo[i][1]) - np.sort(back)).max()))
        yield curve


def _follow(curve: Curve, x: FloatArray, low: float, high: float, largest_step: float) -> FloatArray | None:
    """Follow a curve down from x, filling it in; returns its points in A if it comes back up to ``high``."""
    tangent = _first_tangent(x)
    tangent, side = _next_tangent(x, tangent)
    curve.note(x)
    step = largest_step / 8
    while True:
        piece, new, new_side, step = _next_piece(x, tangent, side, step, largest_step)
        y = piece.point(piece.length)
        # Where two curves cross, the cycle has shrunk to one of half the period, and goes on as itself.
        has_shrunk = new_side != side
        end = low if y[-1] <= low else high if y[-1] >= high else None
        if has_shrunk:
            y = piece.crossing()
            piece = replace(piece, length=_BEFORE_CROSSING * float(np.dot(y - x, tangent)))
        elif end is not None:
            piece = replace(piece, length=piece.root(functools.partial(_excess_mu, end)))
            y = piece.point(piece.length)
        for kind, p in piece.events(y, _tests(curve, has_shrunk=has_shrunk)):
            curve.events.append(Event(kind, float(p[-1]), _mode(p), curve.period, curve.n, -1))
            curve.note(p)
        curve.note(y)
        if has_shrunk or end is not None:
            return y[:-1] if end == high and not has_shrunk else None
        x, tangent, side = y, new, new_side


def _next_piece(
    x: FloatArray, tangent: FloatArray, side: float, step: float, largest_step: float
) -> tuple[_Piece, FloatArray, float, float]:
    """Next piece, the tangent and the side of the determinant at its end, next step.

    Steps are shorter in bends, and before a crossing, where the multiplier falls to 1 from any size.
    """
    while step > _SMALLEST_STEP:
        ahead = x + step * tangent
        y = _corrected(ahead, tangent)
        if y is not None and np.linalg.norm(y - ahead) <= _MAX_BEND * step:
            new, new_side = _next_tangent(y, tangent)
            leaps = new_side != side and abs(_along(x)) > _MAX_MULTIPLIER
            if np.dot(new, tangent) > _LEAST_COSINE and not leaps:
                return _Piece(x, tangent, step), new, new_side, min(1.5 * step, largest_step)
        step /= 2
    raise ArithmeticError(
        f"a cycle of {x.size - 1} points could not be followed beyond mu = {x[-1]!r}; "
        "choose a smaller largest_step"
    )


@dataclass(frozen=True)
class _Piece:
    """A piece of a curve: the points across its tangent at x, up to ``length`` along it."""

    x: FloatArray
    tangent: FloatArray
    length: float

    def point(self, s: float) -> FloatArray:
        """Point of the curve at that length along the tangent."""
        found = _corrected(self.x + s * self.tangent, self.tangent)
        if found is None:
            raise ArithmeticError(f"no cycle close to mu = {self.x[-1]!r}; choose a smaller largest_step")
        return found

    def root(self, test: Callable[[FloatArray], float]) -> float:
        """Length at which a function of the point changes its sign."""
        from scipy.optimize import brentq

        return float(brentq(lambda s: test(self.point(s)), 0.0, self.length, xtol=1e-15, rtol=1e-15))

    def events(self, y: FloatArray, tests: Tests) -> Iterator[tuple[EventKind, FloatArray]]:
        """Events on the piece, up to y, in the order in which they are met."""
        found = [(self.root(test), kind) for kind, test in tests if test(self.x) * test(y) < 0]
        yield from ((kind, self.point(s)) for s, kind in sorted(found))

    def crossing(self) -> FloatArray:
        """Where the curve crosses one of half the period, on this piece: the flip of that, listed twice."""
        from scipy.optimize import root

        def half(p: FloatArray) -> FloatArray:
            return np.append(_system(p)[0], _along(p) + 1)

        middle = self.point(self.length / 2)
        n = (middle.size - 1) // 2
        found = root(half, np.append((middle[:n] + middle[n:-1]) / 2, middle[-1]), tol=_TOL).x
        return np.concatenate([found[:-1], found])


def _tests(curve: Curve, *, has_shrunk: bool) -> Tests:
    """Functions of x = (A_1 .. A_n, mu) that change their sign at an event, by kind."""
    yield EventKind.SUPERSTABLE, _along
    kind = EventKind.PITCHFORK if curve.is_symmetric else EventKind.FLIP
    yield kind, lambda x: _along(x) + 1
    if has_shrunk:  # where the multiplier is 1, and across it may be
        return
    yield EventKind.FOLD, lambda x: _along(x) - 1
    mu, a, _, _ = curve.nodes[0]
    is_minimum = curve.n == 1 and abs(a * a - mu) < 1e-9 * mu  # where it is 1 for every mu
    if not is_minimum:
        yield EventKind.ACROSS, lambda x: abs(_across(x)) - 1
