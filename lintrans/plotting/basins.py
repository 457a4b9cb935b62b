"""Figures of the plane of starts: basin maps, with curves from the theory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from lintrans.plotting.mu_axis import regime_handles, regime_mesh
from lintrans.plotting.style import EDGE_COLOR, LEGEND, MAX_CELLS_DRAWN, WIDTH, FloatArray, edges
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.basins import BasinMap
from lintrans.two_factor.normal_form import ellipse_level, residual
from lintrans.two_factor.regimes import Regime
from lintrans.two_factor.variants import is_varied

LABELS = {
    "uv": ("factor $u$ of the start", "factor $v$ of the start"),
    "ab": ("mean mode $a$ of the start", "imbalance mode $b$ of the start"),
}
CONVERGED = (Regime.MONOTONE, Regime.CATAPULT)
N_CURVE = 500  # points along an axis for the curves
CURVES: dict[str, tuple[Callable[[float, FloatArray, FloatArray], FloatArray], dict[str, Any]]] = {
    "edge of the ellipse": (ellipse_level, {"color": EDGE_COLOR, "lw": 1.0, "ls": "--"}),
    "minima $uv=1$": (residual, {"color": "#009e73", "lw": 1.0, "ls": "-"}),
    "edge of stability": (lambda mu, a, b: a * a + b * b - 1, {"color": "#cc79a7", "lw": 1.0, "ls": "-."}),
    "$u=v$, $u=-v$": (lambda mu, a, b: a * b, {"color": "0.5", "lw": 0.6, "ls": ":"}),
}
OF_THE_PLAIN_MAP = {  # what is worth showing beside a variant of it
    "edge of the ellipse": "ellipse of the plain map",
    "$u=v$, $u=-v$": "$u=v$, $u=-v$",
}


def draw_basin_map(result: BasinMap, variable: str | None = None) -> Figure:
    """One variable over the rectangle of starts; cells without a value have the colour of their regime."""
    variable = variable or _default(result)
    has_scale = variable in ("sharpness", "steps")
    figure = Figure(figsize=(WIDTH, 3.2 if has_scale else 3.6), layout="constrained")
    axes = figure.subplots()
    places = tuple(slice(None, None, -(-n // MAX_CELLS_DRAWN)) for n in result.regime.shape)
    regime_mesh(axes, result.x[places[0]], result.y[places[1]], result.regime[places])
    _LAYERS[variable](figure, axes, result, places)
    told = {"sharpness": CONVERGED, "steps": (*CONVERGED, Regime.DIVERGENT)}
    names = {regime.label for regime in told.get(variable, ())}
    handles = [patch for patch in regime_handles(result) if patch.get_label() not in names]
    handles += (
        [Patch(facecolor="white", edgecolor="0.4", lw=0.4, label="lighter: ends at $a<0$")]
        if variable == "branch"
        else []
    )
    handles += _draw_curves(axes, result)
    figure.legend(handles=handles, loc="outside upper center", ncols=3, **LEGEND | {"handlelength": 2.0})
    if 1 / 4 < np.ptp(result.x) / max(np.ptp(result.y), 1e-300) < 4:
        axes.set_aspect("equal")
    x_label, y_label = LABELS[result.settings["coordinates"]]
    axes.set(xlabel=x_label, ylabel=y_label, title=rf"$\mu={result.mu:.6g}$")
    axes.locator_params(nbins=6)
    return figure


def _default(result: BasinMap) -> str:
    """What is worth seeing: the minima, then the two mirror-image attractors, then how fast others leave."""
    marks = landmarks()
    if result.mu < marks["stable"].mu and not _is_varied(result):
        return "sharpness"
    return "branch" if result.mu < marks["crisis"].mu else "steps"


def _is_varied(result: BasinMap) -> bool:
    return is_varied(result.settings)


def _draw_curves(axes: Axes, result: BasinMap) -> list[Any]:
    """Curves of the theory that cross the window; returns their handles for a legend."""
    rows, columns = (slice(None, None, max(1, n // N_CURVE)) for n in result.regime.shape)
    a, b = result.modes(rows, columns)
    handles = []
    curves = {n: c for n, c in CURVES.items() if not _is_varied(result) or n in OF_THE_PLAIN_MAP}
    for name, (level, look) in curves.items():
        if min(a.shape) < 2 or (level is ellipse_level and result.mu >= 2):
            continue
        values = level(result.mu, a, b)
        if values.min() < 0 < values.max():
            style = {"colors": look["color"], "linewidths": look["lw"], "linestyles": look["ls"]}
            axes.contour(result.x[rows], result.y[columns], values.T, levels=[0.0], **style)
            label = OF_THE_PLAIN_MAP[name] if _is_varied(result) else name
            handles += axes.plot([], [], label=label, **look)
    return handles


def _draw_values(
    figure: Figure, axes: Axes, result: BasinMap, places: tuple[slice, ...], values: FloatArray, label: str
) -> None:
    """A colour for every value that is a number, light to dark, and their scale."""
    if not np.isfinite(values).any():
        return
    mesh = axes.pcolormesh(
        edges(result.x[places[0]]),
        edges(result.y[places[1]]),
        np.ma.masked_invalid(values).T,
        cmap="YlGnBu",
        rasterized=True,
    )
    figure.colorbar(mesh, ax=axes, label=label, shrink=0.8)


def _draw_sharpness(figure: Figure, axes: Axes, result: BasinMap, places: tuple[slice, ...]) -> None:
    values = result.sharpness[places]
    _draw_values(figure, axes, result, places, values, "sharpness $u^2+v^2$ of the minimum")


def _draw_steps(figure: Figure, axes: Axes, result: BasinMap, places: tuple[slice, ...]) -> None:
    ended = np.isin(result.regime[places], (*CONVERGED, Regime.DIVERGENT))
    values = np.where(ended, np.log10(np.maximum(result.steps[places], 1)), np.nan)
    _draw_values(figure, axes, result, places, values, r"$\log_{10}$ steps until escaped or settled")


def _draw_branch(figure: Figure, axes: Axes, result: BasinMap, places: tuple[slice, ...]) -> None:
    """Lighten what ends at a negative mean mode."""
    del figure
    negative: NDArray[Any] = np.ma.masked_equal((result.branch[places] < 0).astype(float), 0.0)
    white = colors.ListedColormap(["white"])
    axes.pcolormesh(
        edges(result.x[places[0]]),
        edges(result.y[places[1]]),
        negative.T,
        cmap=white,
        alpha=0.5,
        rasterized=True,
    )


_LAYERS: dict[str, Callable[[Figure, Axes, BasinMap, tuple[slice, ...]], None]] = {
    "regime": lambda *_: None,
    "sharpness": _draw_sharpness,
    "branch": _draw_branch,
    "steps": _draw_steps,
}
