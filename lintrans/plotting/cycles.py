"""Figures of cycles: their places in the plane, and how they appear and vanish over mu."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lintrans.plotting.mu_axis import MU_LABEL, mark_landmarks
from lintrans.plotting.style import ALONG, EDGE_COLOR, LEGEND, WIDTH, FloatArray
from lintrans.two_factor.arclength import EventKind
from lintrans.two_factor.continuation import CycleBranches, cycle_points
from lintrans.two_factor.cycles import CycleTable
from lintrans.two_factor.invariant_ellipse import ellipse_point
from lintrans.two_factor.normal_form import from_modes

TYPES: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "ms": 4.5, "mew": 0.5},
    "saddle": {"marker": "d", "ms": 3.5, "mew": 0.5},
    "unstable": {"marker": "x", "ms": 3.0, "mew": 0.8},
}
EVENTS: dict[EventKind, dict[str, Any]] = {
    EventKind.FOLD: {"marker": ">", "mfc": "white"},
    EventKind.FLIP: {"marker": "o", "mfc": "white"},
    EventKind.PITCHFORK: {"marker": "D", "mfc": "white"},
    EventKind.ACROSS: {"marker": "|", "mfc": "black"},
}
STABLE: dict[str, Any] = {"color": ALONG, "lw": 1.3, "ls": "-"}
UNSTABLE: dict[str, Any] = {"color": "0.45", "lw": 0.5, "ls": (0, (4, 2))}
_ROUNDING = 1e-9  # beyond 1, of a multiplier at an event, which belongs to both of its sides


def draw_cycles(result: CycleTable) -> Figure:
    """Points of all cycles in the plane of the factors, darker for shorter periods."""
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    axes = figure.subplots()
    longest = int(result.period.max())
    handles: dict[str, Any] = {}
    for cycle in result:
        shade = str(0.75 * (cycle.period - 1) / max(longest - 1, 1))
        look = TYPES[cycle.type] | {"color": shade, "ls": "none"}
        handles[cycle.type] = axes.plot(*cycle.points.T, **look, zorder=3 - cycle.period / 100)[0]
    reach = 1.1 * np.abs(from_modes(result.mu, result.a, result.b)).max()
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    curves = _draw_curves(axes, result.mu, reach)
    kinds = [
        Line2D([], [], color="k", ls="none", label=name, **TYPES[name]) for name in TYPES if name in handles
    ]
    figure.legend(handles=kinds + curves, loc="outside upper center", ncols=3, **LEGEND)
    text = rf"cycles up to period {longest}, shorter ones darker, $\mu={result.mu:.6g}$"
    axes.set(xlabel="factor $u$", ylabel="factor $v$", title=text)
    return figure


def _draw_curves(axes: Axes, mu: float, reach: float) -> list[Any]:
    """Slice, minima and, below 2, the ellipse; returns their handles."""
    handles = axes.plot([-reach, reach], [-reach, reach], color="0.5", lw=0.6, ls=":", label="slice $u=v$")
    u = np.linspace(1 / reach, reach, 400)
    for sign in (1, -1):
        line = axes.plot(sign * u, sign / u, color="#009e73", lw=0.8, label="minima $uv=1$")
    handles += line
    if mu < 2:
        turn = np.linspace(0, 2 * math.pi, 400)
        u, v = from_modes(mu, *ellipse_point(mu, turn))
        handles += axes.plot(u, v, color=EDGE_COLOR, lw=0.8, ls="--", label="ellipse")
    return handles


def draw_branches(result: CycleBranches, variable: str = "uv") -> Figure:
    """Bifurcation diagram of all balanced cycles: stable ones solid, unstable ones dashed, events marked."""
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    axes = figure.subplots()
    for i in result.branch:
        part = result.owner == i
        mu, points = result.mu[part], _points(result, part, variable)
        largest = np.maximum(np.abs(result.along[part]), np.abs(result.across[part]))
        stable = (largest <= 1 + _ROUNDING)[:, None]
        axes.plot(mu, np.where(stable, np.nan, points), **UNSTABLE)
        unstable = (largest > 1 + _ROUNDING)[:, None]
        axes.plot(mu, np.where(unstable, np.nan, points), **STABLE)
    handles = [Line2D([], [], label="stable", **STABLE), Line2D([], [], label="unstable", **UNSTABLE)]
    for kind, look in EVENTS.items():
        found = [event for event in result.events() if event.kind is kind]
        for event in found:
            y = _in(variable, event.mu, cycle_points(event.a, event.mu, event.period))
            axes.plot(np.full_like(y, event.mu), y, color="k", ls="none", ms=2.6, mew=0.5, **look)
        if found:
            handles.append(Line2D([], [], color="k", ls="none", ms=3.5, mew=0.5, label=kind.label, **look))
    mark_landmarks((axes,), np.unique(result.mu))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, **LEGEND | {"handlelength": 2.0})
    label = {"uv": "prediction $uv$, in units of the label", "a": "mean mode $a$"}[variable]
    axes.set(xlabel=MU_LABEL, ylabel=label)
    return figure


def _points(result: CycleBranches, part: Any, variable: str) -> FloatArray:
    """All points of a curve's cycles, shape (nodes, points), with their mirror images."""
    nodes = zip(result.a[part], result.mu[part], strict=True)
    period = int(result.period[result.owner[part][0]])
    return np.array([_in(variable, mu, cycle_points(a, mu, period)) for a, mu in nodes])


def _in(variable: str, mu: float, a: FloatArray) -> FloatArray:
    return a * a / mu if variable == "uv" else np.concatenate([a, -a])
