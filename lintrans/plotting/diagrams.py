"""Figures over mu: phase diagrams, bifurcation diagrams, exponents."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lintrans.plotting.mu_axis import label_mu, mark_landmarks, regime_handles, regime_mesh
from lintrans.plotting.style import ALONG, EDGE, LEGEND, MAX_CELLS_DRAWN, TRANSVERSE, WIDTH, FloatArray, edges
from lintrans.two_factor.exponents import LyapunovExponents
from lintrans.two_factor.normal_form import critical_mu
from lintrans.two_factor.orbits import BifurcationDiagram
from lintrans.two_factor.phase import PhaseDiagram
from lintrans.two_factor.regimes import Evidence
from lintrans.two_factor.variants import is_varied


def draw_phase_diagram(result: PhaseDiagram) -> Figure:
    """Regimes over mu, with the measurements, or over mu and the starts."""
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
    mark_landmarks((loss, exponents), mu)
    _draw_strip(strip, result)
    return figure


def _draw_regimes(result: PhaseDiagram) -> Figure:
    """Regimes over mu alone, where no evidence was kept."""
    figure = Figure(figsize=(WIDTH, 1.9), layout="constrained")
    strip = figure.subplots()
    mark_landmarks((strip,), result.mu)
    _draw_strip(strip, result)
    return figure


def _draw_strip(strip: Axes, result: PhaseDiagram) -> None:
    """Regimes of a single start as a coloured strip over mu, with their legend below."""
    regime_mesh(strip, result.mu, np.array([0.0]), result.regime)
    strip.set(yticks=[])
    strip.set_ylabel("regime", rotation=0, ha="right", va="center")
    handles = regime_handles(result)
    ncols = 5 if len(handles) <= 5 else 4
    strip.figure.legend(handles=handles, loc="outside lower center", ncols=ncols, **LEGEND)
    label_mu(strip, result)


def _draw_phase_plane(result: PhaseDiagram) -> Figure:
    """Regimes over mu and the starts, with the edge of the ellipse from its closed form."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    rows, columns = (slice(None, None, -(-n // MAX_CELLS_DRAWN)) for n in result.regime.shape)
    mu, start = result.mu[rows], result.start[columns]
    regime_mesh(axes, mu, start, result.regime[rows, columns])
    beyond = mu[:, None] - critical_mu(*result.starts(rows, columns))
    has_edge = min(beyond.shape) > 1 and bool(beyond.min() < 0 < beyond.max())
    if has_edge:
        axes.contour(mu, start, beyond.T, levels=[0.0], **EDGE)
    name = result.settings["start_axis"]
    text = {"scale": "scale of the initial weights", "imbalance": "imbalance $u^2-v^2$ of the start"}[name]
    axes.set(ylabel=text)
    handles = regime_handles(result)
    if has_edge:
        handles += axes.plot([], [], "--", color=EDGE["colors"], lw=0.9, label="edge of the ellipse")
    figure.legend(handles=handles, loc="outside upper center", ncols=4, **LEGEND)
    label_mu(axes, result)
    return figure


def draw_bifurcation(result: BifurcationDiagram, variable: str = "uv") -> Figure:
    """Density of the samples over mu, darker where it is higher."""
    texts = {
        "uv": "prediction $uv$ (in units of $y_q$)",
        "a": r"mean mode $a=\sqrt{\mu}\,(u+v)/2$",
        "loss": r"loss $(uv-1)^2/2$",
    }
    values = result.a if variable == "a" else result.uv if variable == "uv" else (result.uv - 1) ** 2 / 2
    density, low, high = _column_histogram(values)
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    mesh = (edges(result.mu), np.linspace(low, high, density.shape[1] + 1))
    axes.pcolormesh(*mesh, np.sqrt(density).T, cmap="Greys", vmin=0, vmax=0.22, rasterized=True)
    axes.set(ylabel=texts[variable])
    if not is_varied(result.settings):
        mark_landmarks((axes,), result.mu)
    label_mu(axes, result)
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


def draw_lyapunov(result: LyapunovExponents) -> Figure:
    """Exponents over mu."""
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    _draw_exponents(axes, result.mu, result.along, result.transverse)
    mark_landmarks((axes,), result.mu)
    label_mu(axes, result)
    return figure


def _draw_exponents(axes: Axes, mu: FloatArray, along: FloatArray, transverse: FloatArray | None) -> None:
    axes.axhline(0, color="0.5", lw=0.5)
    axes.plot(mu, along, color=ALONG, lw=0.8, label=r"along $\lambda_\parallel$")
    if transverse is not None:
        axes.plot(mu, transverse, color=TRANSVERSE, lw=0.8, ls="--", label=r"transverse $\lambda_\perp$")
    axes.set(ylim=(-2.2, 1.3), ylabel="exponent\n(nats per step)")
    axes.legend(loc="best", fontsize=6)
