"""Figures of one training run: its orbit, and the map against full gradient descent."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lintrans.plotting.style import ALONG, TRANSVERSE, WIDTH
from lintrans.two_factor.orbits import Orbit
from lintrans.verification.full_batch import Verification


def draw_orbit(result: Orbit) -> Figure:
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


def draw_verification(result: Verification) -> Figure:
    """Error of single steps, and the distance of whole orbits."""
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
