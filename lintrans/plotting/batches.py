"""Figures of mini-batch training: risk over step and batch size, survival curves, map against training."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, ScalarFormatter
from numpy.typing import NDArray

from lintrans.minibatch.escapes import EscapeTimes
from lintrans.minibatch.risk import RiskMap
from lintrans.minibatch.walks import EVENTS
from lintrans.plotting.mu_axis import ETA_LABEL
from lintrans.plotting.style import ALONG, EDGE_COLOR, LEGEND, TRANSVERSE, WIDTH, log_edges
from lintrans.verification.mini_batch import BatchVerification

LEVELS = (0.01, 0.1, 0.5)
FloatArray = NDArray[np.float64]

EVENT_NAMES = {"left": "leaving the ellipse", "diverged": "divergence"}
STAYED = {"left": "has not left the ellipse", "diverged": "has not diverged"}
FLOOR = 1e-18
NOTES = {"schedule": "scheduled", "by_mode": "by the mode alone", "trained": "trained"}


def draw_risk_map(result: RiskMap, variable: str = "left") -> Figure:
    """Risk over step size and batch size, with the step size that is critical for the full batch."""
    figure = Figure(figsize=(WIDTH, 2.9), layout="constrained")
    axes = figure.subplots()
    risk, _, _ = result.risk(variable)
    x, y = result.step_size, result.batch_size.astype(np.float64)
    mesh = axes.pcolormesh(
        log_edges(x), log_edges(y), risk.T, cmap="cividis_r", vmin=0, vmax=1, rasterized=True, lw=0
    )
    _draw_levels(axes, x, y, risk)
    critical = result.critical_step_size
    full_batch = "full batch, by mode" if result.critical_by_mode else "full batch"
    axes.axvline(critical, color=EDGE_COLOR, lw=1.0, ls="--", label=full_batch)
    of = ETA_LABEL if result.schedule is None else f"largest {ETA_LABEL} of the schedule"
    axes.set(xscale="log", yscale="log", xlabel=of, ylabel="batch size $B$")
    axes.set_xlim(log_edges(x)[0], max(log_edges(x)[-1], 1.02 * critical) if np.isfinite(critical) else None)
    _label_sizes(axes, y)
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    n_steps, notes = result.settings["n_steps"], _notes(by_mode=result.by_mode, trained=result.trained)
    bar.set_label(f"risk of {EVENT_NAMES[variable]}\nin {n_steps} steps{notes}")
    bar.ax.tick_params(labelsize=6)
    figure.legend(loc="outside upper center", ncols=4, **LEGEND)
    return figure


def draw_escape_times(result: EscapeTimes) -> Figure:
    """Share of the trajectories without the event so far, over the steps, with its interval."""
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    axes = figure.subplots()
    lowest = 1.0
    for event, color, style in zip(EVENTS, (ALONG, TRANSVERSE), ("-", "--"), strict=True):
        steps, survival, low, high = result.survival(event)
        found = result.probability(event)
        text = f"{STAYED[event]}: {1 - found.value:.4g} in the end"
        lowest = min(lowest, low[-1])
        axes.plot(steps, survival, color=color, ls=style, label=text)
        axes.fill_between(steps, low, high, color=color, alpha=0.3, lw=0)
    axes.set(xlabel="gradient descent step", ylabel="part of the trajectories")
    axes.set_ylim(0 if lowest < 0.5 else 1 - 1.3 * (1 - lowest), None if lowest < 1 else 1.03)
    axes.set_title(_title(result) + _notes(by_mode=result.by_mode, trained=result.trained))
    figure.legend(loc="outside lower center", **LEGEND)
    return figure


def draw_batch_verification(result: BatchVerification) -> Figure:
    """Error of single steps and of the whole trajectory, and the part of W outside the mode."""
    figure = Figure(figsize=(WIDTH, 2.6), layout="constrained")
    axes = figure.subplots()
    for values, color, style, label in (
        (result.orbit_difference, TRANSVERSE, "-", "whole trajectories"),
        (result.commutation_error, ALONG, "--", "single steps"),
        (result.beside, "k", ":", "way beside the mode"),
    ):
        if values.any():
            axes.plot(result.step, np.maximum(values, FLOOR), color=color, ls=style, label=label)
    axes.set(yscale="log", xlabel="gradient descent step", ylabel="relative difference,\nmap to training")
    axes.set_title(_title(result))
    axes.legend(loc="best", fontsize=6)
    return figure


def _title(result: EscapeTimes | BatchVerification) -> str:
    batches = result.batches
    scheduled = _notes(schedule=batches.schedule is not None)
    return rf"$\mu={result.settings['mu']:.6g}$, batches of {batches.size}{scheduled}"


def _notes(**unusual: bool) -> str:
    """Say what was done otherwise than usual."""
    return "".join(f", {NOTES[name]}" for name, is_so in unusual.items() if is_so)


def _draw_levels(axes: Axes, x: FloatArray, y: FloatArray, risk: FloatArray) -> None:
    """Lines of equal risk: for every batch size the step size at which it is first met."""
    for level, style in zip(LEVELS, ("-", "--", ":"), strict=True):
        found = np.array([_first_met(x, column, level) for column in risk.T])
        if np.isfinite(found).any():
            axes.plot(found, y, color="k", lw=0.8, ls=style, marker=".", ms=2.5, label=f"risk {level:.0%}")


def _first_met(x: FloatArray, risk: FloatArray, level: float) -> float:
    """Step size at which the risk rises to a level, between two of the map; NaN if it does not."""
    above = int(np.argmax(risk > level))
    if above == 0:
        return math.nan
    low, high = risk[above - 1], risk[above]
    part = (level - low) / (high - low)
    return float(x[above - 1] * (x[above] / x[above - 1]) ** part)


def _label_sizes(axes: Axes, sizes: FloatArray) -> None:
    """Name the batch sizes of the map themselves, as far as there is room."""
    shown = sizes if sizes.size <= 12 else sizes[:: -(-sizes.size // 12)]
    axes.set_yticks(shown, [f"{size:.0f}" for size in shown])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_major_formatter(ScalarFormatter(useMathText=True))
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3))
    axes.xaxis.set_minor_locator(NullLocator())
