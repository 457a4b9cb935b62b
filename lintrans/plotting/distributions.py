"""Figures of distributions: exponents over time windows, and invariant densities."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lintrans.plotting.style import ALONG, LEGEND, TRANSVERSE, WIDTH
from lintrans.two_factor.densities import InvariantDensity
from lintrans.two_factor.spectra import ExponentWindows

N_BINS = 60
ROUNDING = 1e-9  # below it windows do not scatter


def draw_exponent_windows(result: ExponentWindows) -> Figure:
    """Spread of the exponents of single windows about their means."""
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    axes = figure.subplots()
    exponents = result.exponents()
    for name, symbol, color, style in (
        ("along", r"\lambda_\parallel", ALONG, "-"),
        ("transverse", r"\lambda_\perp", TRANSVERSE, "--"),
    ):
        values, found = getattr(result, name), exponents[name]
        finite = values[np.isfinite(values)]
        text = f"{name} ${symbol}={found.value:.4f} \\pm {found.standard_error:.4f}$"
        if finite.size and np.ptp(finite) > ROUNDING * (1 + np.abs(finite).max()):
            axes.hist(finite, bins=N_BINS, density=True, histtype="step", color=color, ls=style, label=text)
        else:
            axes.plot([], [], color=color, ls=style, label=text)
        if np.isfinite(found.value):
            axes.axvline(found.value, color=color, lw=0.7, ls=":")
    axes.axvline(0, color="0.5", lw=0.5)
    length = result.settings["n_window"]
    axes.set(xlabel=f"exponent over {length} steps (nats per step)", ylabel="density")
    figure.legend(loc="outside upper center", ncols=1, **LEGEND)
    axes.set_title(rf"$\mu={result.mu:.6g}$")
    return figure


def draw_density(result: InvariantDensity) -> Figure:
    """Density of the residual, with the closed form if there is one."""
    figure = Figure(figsize=(WIDTH, 2.5), layout="constrained")
    axes = figure.subplots()
    axes.step(result.residual, result.density, where="mid", color=ALONG, lw=0.9, label="measured")
    if result.expected is not None:
        r = np.linspace(-1.999, 1.999, 800)
        closed = 1 / (np.pi * np.sqrt((2 - r) * (2 + r)))
        axes.plot(r, closed, color="k", lw=0.7, ls="--", label=r"$1/(\pi\sqrt{4-r^2})$")
    place = "ellipse" if result.settings["on_ellipse"] else "balanced slice"
    if result.batch_size is not None:
        place = f"batches of {result.batch_size}"
    axes.set(xlabel=r"residual $r=\mu\,(uv-1)$", ylabel="invariant density")
    axes.set(title=rf"{place}, $\mu={result.settings['mu']:.6g}$", ylim=(0, 1.08 * result.density.max()))
    axes.legend(loc="upper center", **LEGEND)
    return figure
