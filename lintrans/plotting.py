"""Figures: a result in, a Matplotlib figure out. The only file that imports Matplotlib.

Figures are one journal column wide (3.5 inches), coloured after the palette of Okabe and Ito, with the
lightness moved so that regimes can be told apart in grey too: they lie at least 8 apart in CIE L*.
Dense layers are rasterised: PDF and SVG stay small.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colors, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from lintrans.balanced_slice import landmarks
from lintrans.errors import InputError
from lintrans.exponents import LyapunovExponents
from lintrans.normal_form import critical_mu
from lintrans.orbits import BifurcationDiagram, Orbit
from lintrans.phase import PhaseDiagram
from lintrans.regimes import Evidence, Regime
from lintrans.results import Result
from lintrans.store import replacing
from lintrans.verification import Verification

FloatArray = NDArray[np.float64]
WIDTH = 3.5  # inches
MAX_CELLS_DRAWN = 3000  # along an axis: more than the pixels there are
FORMATS = (".png", ".pdf", ".svg")
STYLE: Any = {
    "font.size": 7,
    "axes.titlesize": 7,
    "axes.linewidth": 0.6,
    "lines.linewidth": 0.9,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "svg.hashsalt": "lintrans",  # equal results give equal files
}
COLORS = {
    Regime.UNRESOLVED: "#ffffff",
    Regime.MONOTONE: "#f7e69a",
    Regime.CATAPULT: "#e8b730",
    Regime.PERIODIC: "#4aa3d8",
    Regime.CHAOTIC: "#0b4a86",
    Regime.DIVERGENT: "#1c1c1c",
    Regime.SADDLE: "#c85200",
}
EDGE: dict[str, Any] = {"colors": "#d55e00", "linewidths": 0.9, "linestyles": "dashed"}
ALONG, TRANSVERSE = "#0072b2", "#d55e00"
LEGEND: dict[str, Any] = {"fontsize": 6, "handlelength": 1.2, "columnspacing": 1.2}
MU_LABEL = r"effective step size $\mu$"
ETA_LABEL = r"learning rate $\eta$"


def plot(result: Result, *, variable: str | None = None) -> Figure:
    """Draw any result as a figure.

    Parameters
    ----------
    result
        What a function of this package or `lintrans.load` returned.
    variable
        Of a bifurcation diagram only: "uv" (default), "a" or "loss".

    Raises
    ------
    InputError
        If there is no figure for the kind, or no such variable.
    """
    draw = _DRAW.get(result.kind)
    if draw is None:
        raise InputError(f"result must be of a kind with a figure, got {result.kind}; see plotting.plot")
    if variable is not None and result.kind != BifurcationDiagram.kind:
        raise InputError(
            f"variable needs a bifurcation diagram, got {variable!r} for {result.kind}; leave it out"
        )
    with rc_context(STYLE):
        return draw(result) if variable is None else draw(result, variable)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a figure as PNG, PDF or SVG, by the ending of ``path``; whole or not at all.

    Raises
    ------
    InputError
        If the ending is another one, or as `lintrans.store.check_output`.
    """
    check_figure_path(path)
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(Path(path).suffix)
    with rc_context(STYLE), replacing(path, force=force) as part:
        figure.savefig(part, dpi=300, metadata=metadata)
    return Path(path)


def check_figure_path(path: str | os.PathLike[str]) -> None:
    """Check the ending of a figure's file name."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise InputError(
            f"figure must end in one of {', '.join(FORMATS)}, got {str(path)!r}; change the ending"
        )


def _draw_phase_diagram(result: PhaseDiagram) -> Figure:
    if result.start.size > 1:
        return _draw_phase_plane(result)
    return _draw_regimes(result) if result.evidence is None else _draw_phase_line(result, result.evidence)


def _draw_phase_line(result: PhaseDiagram, e: Evidence) -> Figure:
    """Loss, exponents and regimes over mu, one under the other."""
    figure = Figure(figsize=(WIDTH, 4.0), layout="constrained")
    loss, exponents, strip = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 0.7))
    mu = result.mu
    floor = 1e-16
    low, mean, high = (np.maximum(x[:, 0], floor) for x in (e.loss_low, e.loss_mean, e.loss_high))
    loss.fill_between(mu, low, high, color="0.75", lw=0, label="range", rasterized=True)
    loss.plot(mu, mean, color="k", label="mean")
    loss.set(yscale="log", ylim=(floor / 3, 30), ylabel="final loss\n" r"$(uv-1)^2/2$")
    loss.legend(loc="lower right", fontsize=6)
    _draw_exponents(exponents, mu, e.along[:, 0], e.transverse[:, 0])
    _mark_landmarks((loss, exponents), mu)
    _draw_strip(strip, result)
    return figure


def _draw_regimes(result: PhaseDiagram) -> Figure:
    """Regimes over mu alone, where no evidence was kept."""
    figure = Figure(figsize=(WIDTH, 1.9), layout="constrained")
    strip = figure.subplots()
    _mark_landmarks((strip,), result.mu)
    _draw_strip(strip, result)
    return figure


def _draw_strip(strip: Axes, result: PhaseDiagram) -> None:
    """Regimes of a single start as a coloured strip over mu, with their legend below."""
    _regime_mesh(strip, result.mu, np.array([0.0]), result.regime)
    strip.set(yticks=[])
    strip.set_ylabel("regime", rotation=0, ha="right", va="center")
    handles = _regime_handles(result)
    ncols = 5 if len(handles) <= 5 else 4
    strip.figure.legend(handles=handles, loc="outside lower center", ncols=ncols, **LEGEND)
    _label_mu(strip, result)


def _draw_phase_plane(result: PhaseDiagram) -> Figure:
    """Regimes over mu and the starts, with the edge of the ellipse from its closed form."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    rows, columns = (slice(None, None, -(-n // MAX_CELLS_DRAWN)) for n in result.regime.shape)
    mu, start = result.mu[rows], result.start[columns]
    _regime_mesh(axes, mu, start, result.regime[rows, columns])
    beyond = mu[:, None] - critical_mu(*result.starts(rows, columns))
    has_edge = min(beyond.shape) > 1 and bool(beyond.min() < 0 < beyond.max())
    if has_edge:
        axes.contour(mu, start, beyond.T, levels=[0.0], **EDGE)
    name = result.settings["start_axis"]
    text = {"scale": "scale of the initial weights", "imbalance": "imbalance $u^2-v^2$ of the start"}[name]
    axes.set(ylabel=text)
    handles = _regime_handles(result)
    if has_edge:
        handles += axes.plot([], [], "--", color=EDGE["colors"], lw=0.9, label="edge of the ellipse")
    figure.legend(handles=handles, loc="outside upper center", ncols=4, **LEGEND)
    _label_mu(axes, result)
    return figure


def _draw_bifurcation(result: BifurcationDiagram, variable: str = "uv") -> Figure:
    """Density of the samples over mu, dark where orbits go often."""
    texts = {
        "uv": "prediction $uv$ (in units of $y_q$)",
        "a": r"mean mode $a=\sqrt{\mu}\,(u+v)/2$",
        "loss": r"loss $(uv-1)^2/2$",
    }
    if variable not in texts:
        raise InputError(f"variable must be one of {', '.join(texts)}; got {variable!r}; choose one of these")
    values = result.a if variable == "a" else result.uv if variable == "uv" else (result.uv - 1) ** 2 / 2
    density, low, high = _column_histogram(values)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    mesh = (_edges(result.mu), np.linspace(low, high, density.shape[1] + 1))
    axes.pcolormesh(*mesh, np.sqrt(density).T, cmap="Greys", vmin=0, vmax=0.22, rasterized=True)
    axes.set(ylabel=texts[variable])
    _mark_landmarks((axes,), result.mu)
    _label_mu(axes, result)
    return figure


def _column_histogram(values: FloatArray, n_bins: int = 400) -> tuple[FloatArray, float, float]:
    """Share of each row's samples in every bin, shape (n_mu, n_bins), and the range of the bins."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    size = max(abs(low), abs(high)) or 1.0
    pad = 0.03 * (high - low) if high - low > 1e-9 * size else 0.5 * size  # a constant, up to rounding
    low, high = low - pad, high + pad
    bins = np.floor((values - low) / (high - low) * n_bins)
    rows, columns = np.nonzero(np.isfinite(values))
    density = np.zeros((values.shape[0], n_bins))
    np.add.at(density, (rows, bins[rows, columns].astype(np.int64)), 1 / values.shape[1])
    return density, low, high


def _draw_lyapunov(result: LyapunovExponents) -> Figure:
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    _draw_exponents(axes, result.mu, result.along, result.transverse)
    _mark_landmarks((axes,), result.mu)
    _label_mu(axes, result)
    return figure


def _draw_exponents(axes: Axes, mu: FloatArray, along: FloatArray, transverse: FloatArray | None) -> None:
    axes.axhline(0, color="0.5", lw=0.5)
    axes.plot(mu, along, color=ALONG, lw=0.8, label=r"along $\lambda_\parallel$")
    if transverse is not None:
        axes.plot(mu, transverse, color=TRANSVERSE, lw=0.8, ls="--", label=r"transverse $\lambda_\perp$")
    axes.set(ylim=(-2.2, 1.3), ylabel="exponent\n(nats per step)")
    axes.legend(loc="best", fontsize=6)


def _draw_orbit(result: Orbit) -> Figure:
    """Loss and the two factors over the first steps."""
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    loss, factors = figure.subplots(2, 1, sharex=True)
    left = np.flatnonzero(~(result.loss < 1e6))  # shown up to the first state far out
    keep = slice(0, left[0] + 1 if left.size else None)
    step = result.step[keep]
    loss.plot(step, np.maximum(result.loss[keep], 1e-33), color="k", marker=".", ms=2)
    loss.set(yscale="log", ylabel=r"loss $(uv-1)^2/2$", title=rf"$\mu={result.mu:.6g}$")
    factors.plot(step, result.u[keep], color=ALONG, marker=".", ms=2, label="$u$")
    factors.plot(step, result.v[keep], color=TRANSVERSE, marker=".", ms=2, ls="--", label="$v$")
    factors.set(xlabel="gradient descent step", ylabel="factors")
    factors.legend(loc="best", fontsize=6)
    return figure


def _draw_verification(result: Verification) -> Figure:
    """Error of single steps, and how whole orbits part."""
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    shown = slice(0, min(result.step.size, max(200, 4 * result.horizon if result.horizon < 1000 else 200)))
    floor = 1e-18
    for values, color, style, label in (
        (result.orbit_difference, TRANSVERSE, "-", "whole orbits"),
        (result.commutation_error, ALONG, "--", "single steps"),
    ):
        axes.plot(result.step[shown], np.maximum(values[shown], floor), color=color, ls=style, label=label)
    axes.axhline(result.settings["tol"], color="0.5", lw=0.5)
    if np.isfinite(result.predicted_horizon):
        axes.axvline(result.predicted_horizon, color="0.3", lw=0.7, ls=":", label="predicted horizon")
    axes.set(yscale="log", xlabel="gradient descent step", ylabel="relative difference,\nmap to training")
    axes.set_title(rf"$\mu={result.settings['mu']:.6g}$: {result.regime_trained}")
    axes.legend(loc="best", fontsize=6)
    return figure


def _regime_mesh(axes: Axes, x: FloatArray, y: FloatArray, regime: NDArray[np.uint8]) -> None:
    palette = colors.ListedColormap([COLORS[r] for r in Regime])
    axes.pcolormesh(
        _edges(x), _edges(y), regime.T, cmap=palette, vmin=-0.5, vmax=len(Regime) - 0.5, rasterized=True
    )


def _regime_handles(result: PhaseDiagram) -> list[Any]:
    """Legend patches of the regimes that occur."""
    present = [regime for regime in Regime if (result.regime == regime).any()]
    return [Patch(facecolor=COLORS[r], edgecolor="0.4", lw=0.4, label=r.label) for r in present]


def _edges(centres: FloatArray) -> FloatArray:
    """Cell edges half way between the centres."""
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    inner = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])


def _mark_landmarks(panels: tuple[Axes, ...], mu: FloatArray) -> None:
    """Thin lines at the landmarks in range, named above the first panel, names spread apart."""
    edges = _edges(mu)
    marks = [mark for mark in landmarks().values() if edges[0] <= mark.mu <= edges[-1]]
    for axes in panels:
        axes.set_xlim(edges[0], edges[-1])
        for mark in marks:
            axes.axvline(mark.mu, color="0.55", lw=0.5, ls=":")
    span = edges[-1] - edges[0]
    places = _spread([(mark.mu - edges[0]) / span for mark in marks], 0.042)
    for mark, place in zip(marks, places, strict=True):
        panels[0].annotate(
            mark.name.replace("_", " "),
            xy=((mark.mu - edges[0]) / span, 1.0),
            xytext=(place, 1.07),
            xycoords="axes fraction",
            textcoords="axes fraction",
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=5.5,
            arrowprops={"arrowstyle": "-", "color": "0.55", "lw": 0.4, "shrinkA": 0, "shrinkB": 0},
        )


def _spread(places: list[float], gap: float) -> list[float]:
    """Move ascending places as little as needed to lie at least ``gap`` apart, within [0, 1]."""
    spread = np.array(places)
    for _ in range(200):
        for i in range(1, spread.size):
            overlap = gap - (spread[i] - spread[i - 1])
            if overlap > 0:
                spread[i - 1] -= overlap / 2
                spread[i] += overlap / 2
    return [float(x) for x in spread]


def _label_mu(axes: Axes, result: Any) -> None:
    """Name the axis of mu, and add one of learning rates below where they are known."""
    axes.set_xlabel(MU_LABEL)
    axes.locator_params(axis="x", nbins=8 if np.ptp(result.mu) > 0.2 else 4)  # longer numbers need room
    if result.step_size is None:
        return
    unit = result.step_size[0] / result.mu[0]
    second = axes.secondary_xaxis("bottom", functions=(lambda mu: mu * unit, lambda eta: eta / unit))
    second.spines["bottom"].set_position(("outward", 26))
    second.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
    second.set_xlabel(ETA_LABEL)


_DRAW: dict[str, Callable[..., Figure]] = {
    PhaseDiagram.kind: _draw_phase_diagram,
    BifurcationDiagram.kind: _draw_bifurcation,
    LyapunovExponents.kind: _draw_lyapunov,
    Orbit.kind: _draw_orbit,
    Verification.kind: _draw_verification,
}
