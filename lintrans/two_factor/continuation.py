"""Continuation: the balanced cycles as curves over mu, and their bifurcations.

A cycle is followed with all its points at once, x = (A_1 .. A_n, mu) with A = a^2 and A_{i+1} = A_i (1 + mu -
A_i)^2, by pseudo-arclength, around its folds, from the largest mu down, where `find_cycles` lists them. The
multiplier of the prediction shows the events on the way: 1 at a fold, 0 where the cycle is superstable, -1
where it loses its stability to one of twice the period in uv; in the weights that is a pitchfork if the cycle
is its own mirror image (claim cycles.symmetric). Off the slice there is nothing to follow: the angles of the
cycles on the ellipse do not depend on mu.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, positive
from lintrans.sweeps.results import Result, axis, on
from lintrans.two_factor.arclength import Event, EventKind, curves
from lintrans.two_factor.cycles import find_cycles

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MAX_PERIOD = 8
LARGEST_STEP = 0.02  # of arc length in the plane of mu and A


@dataclass(frozen=True, eq=False, kw_only=True)
class CycleBranches(Result):
    """Curves of balanced cycles over mu, one for both mirror images, and the events on them."""

    kind: ClassVar[str] = "cycle_branches"

    branch: IntArray = axis("number of the curve")
    period: IntArray = on("branch", text="steps after which the weights return")
    period_uv: IntArray = on("branch", text="steps after which the prediction returns")
    node: IntArray = axis("number of the computed cycle, curve by curve")
    owner: IntArray = on("node", text="number of the curve the cycle belongs to")
    mu: FloatArray = on("node", text="effective step size")
    a: FloatArray = on("node", text="mean mode of a point of the cycle, not negative")
    along: FloatArray = on("node", text="multiplier along the slice, over one period of the weights")
    across: FloatArray = on("node", text="multiplier across the slice, over one period of the weights")
    event: IntArray | None = axis("number of the event, in the order of mu", optional=True)
    event_kind: NDArray[np.uint8] | None = on(
        "event", text="event: " + ", ".join(f"{k.value} {k.label}" for k in EventKind), optional=True
    )
    event_mu: FloatArray | None = on("event", text="effective step size of the event", optional=True)
    event_a: FloatArray | None = on("event", text="mean mode of a point of the cycle there", optional=True)
    event_branch: IntArray | None = on("event", text="number of the curve it lies on", optional=True)

    def check(self) -> None:
        """Refuse numbers of curves or events that do not exist."""
        for name, values, largest in (
            ("owner", self.owner, self.branch.size - 1),
            ("event_branch", self.event_branch, self.branch.size - 1),
            ("event_kind", self.event_kind, len(EventKind) - 1),
        ):
            if values is not None and (values.min() < 0 or values.max() > largest):
                raise InputError(f"{name} must lie between 0 and {largest}, got others; compute it again")

    def events(self) -> list[Event]:
        """Events in the order of mu."""
        if self.event_kind is None or self.event_mu is None:
            return []
        assert self.event_a is not None
        assert self.event_branch is not None
        return [
            Event(EventKind(kind), float(mu), float(a), int(self.period[i]), int(self.period_uv[i]), int(i))
            for kind, mu, a, i in zip(
                self.event_kind, self.event_mu, self.event_a, self.event_branch, strict=True
            )
        ]

    def summary(self) -> dict[str, Any]:
        """Events by kind."""
        return {"counts": self.count()}

    def count(self) -> dict[str, int]:
        """Events by kind."""
        kinds = [event.kind for event in self.events()]
        return {kind.label: kinds.count(kind) for kind in EventKind}

    def alive(self, mu: float) -> IntArray:
        """Number of times each curve passes one mu, i.e. of its cycles there; for checks against counts."""
        passes = [np.count_nonzero(np.diff(np.sign(self.mu[self.owner == i] - mu)) != 0) for i in self.branch]
        return np.array(passes)


def follow_cycles(
    low: float, high: float, max_period: int, *, largest_step: float = LARGEST_STEP
) -> CycleBranches:
    """Follow all balanced cycles that exist at ``high`` down to ``low``, and around their folds back up.

    No cycle is known that exists only below ``high``: the tests compare with `find_cycles`, and with the
    certified list of all events up to period 6. An event exactly at ``low`` or ``high`` may be left out,
    since rounding decides on which side it lies.

    Parameters
    ----------
    low, high
        Range of mu, 0 < low < high.
    max_period
        Longest period in the weights, 1 to 8.
    largest_step
        Largest step along a curve, in mu and A = a^2; steps become smaller automatically where a curve bends.

    Raises
    ------
    InputError
        If an argument is out of range, or two cycles at ``high`` cannot be told apart.
    ArithmeticError
        If a curve cannot be followed (never observed); pass a smaller ``largest_step``.

    Examples
    --------
    The balanced minimum doubles at mu = 1, its 2-cycle at sqrt(5) - 1.

    >>> found = follow_cycles(0.9, 1.28, 4)
    >>> [(e.kind.label, round(e.mu, 12), e.period) for e in found.events()]
    [('flip', 1.0, 1), ('superstable', 1.12132034356, 2), ('flip', 1.2360679775, 2),
     ('superstable', 1.262989654536, 4)]
    """
    low, high = positive("low", low), positive("high", high)
    if low >= high:
        raise InputError(f"high must exceed low={low:g}, got {high:g}; swap them")
    max_period = count("max_period", max_period, maximum=MAX_PERIOD)
    largest_step = positive("largest_step", largest_step)
    found = list(curves(find_cycles(high, max_period), low, high, largest_step))
    events = sorted(
        (event._replace(branch=i) for i, curve in enumerate(found) for event in curve.events),
        key=lambda event: (event.mu, event.branch),
    )
    owner = np.repeat(np.arange(len(found)), [len(curve.nodes) for curve in found])
    nodes = np.array([node for curve in found for node in curve.nodes])
    marks: dict[str, Any] = {
        "event": np.arange(len(events)),
        "event_kind": np.array([e.kind for e in events], dtype=np.uint8),
        "event_mu": np.array([e.mu for e in events]),
        "event_a": np.array([e.a for e in events]),
        "event_branch": np.array([e.branch for e in events]),
    }
    mu, a, along, across = np.ascontiguousarray(nodes.T)
    return CycleBranches(
        branch=np.arange(len(found)),
        period=np.array([curve.period for curve in found]),
        period_uv=np.array([curve.n for curve in found]),
        node=np.arange(owner.size),
        owner=owner,
        mu=mu,
        a=a,
        along=along,
        across=across,
        **(marks if events else {}),
        settings={"low": low, "high": high, "max_period": max_period, "largest_step": largest_step},
    )


def cycle_points(a: float, mu: float, period: int) -> FloatArray:
    """Points of a balanced cycle in the mean mode, from one of them; shape (period,).

    Examples
    --------
    >>> cycle_points(2.0, 2.0, 2).tolist()
    [2.0, -2.0]
    """
    step = itertools.accumulate(range(period - 1), lambda x, _: (1 + mu - x * x) * x, initial=a)
    return np.array(list(step))
