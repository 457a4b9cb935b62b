"""Figure of a boundary's dimension: counts over scales, and dimensions between neighbouring scales."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from lintrans.plotting.style import ALONG, LEGEND, TRANSVERSE, WIDTH
from lintrans.two_factor.dimension import BoundaryDimension


def draw_dimension(result: BoundaryDimension) -> Figure:
    """Boxes that meet the boundary over their side, and the local dimension of boxes and of pairs."""
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    counts, local = figure.subplots(2, 1, sharex=True)
    scale, numbers = result.scale, result.n_boxes
    fit, error = result.dimension, result.standard_error
    middle = np.exp(np.average(np.log(scale), weights=result.mixed))
    level = np.exp(np.average(np.log(numbers), weights=result.mixed))
    counts.plot(scale, numbers, color=ALONG, marker="o", ms=3, ls="none", label="counted")
    text = rf"slope $-{fit:.3f} \pm {error:.3f}$"
    counts.plot(scale, level * (scale / middle) ** -fit, color="k", lw=0.7, label=text)
    counts.set(xscale="log", yscale="log", ylabel=r"boxes on the boundary $N$")
    counts.legend(loc="upper right", **LEGEND)
    between = np.sqrt(scale[1:] * scale[:-1])
    for values, events, color, marker, name in (
        (numbers, result.mixed, ALONG, "o", "boxes"),
        (result.uncertain / scale**2, result.different, TRANSVERSE, "s", "pairs"),
    ):
        slopes = -np.diff(np.log(values)) / np.diff(np.log(scale))
        errors = np.sqrt(1 / events[1:] + 1 / events[:-1]) / np.diff(np.log(scale))
        local.errorbar(
            between, slopes, errors, color=color, marker=marker, ms=3, lw=0.7, ls="none", label=name
        )
    local.axhspan(fit - error, fit + error, color="0.8", lw=0)
    local.axhline(1.0, color="0.4", lw=0.6, ls=":")
    local.annotate("smooth", (scale[-1], 1.0), ha="right", va="bottom", fontsize=5.5, color="0.3")
    local.set(xlabel=r"side of the box, distance of the pair, in units of $u$", ylabel="local dimension")
    local.legend(loc="center right", **LEGEND)
    mu, decay = result.settings["mu"], (result.settings.get("variant") or {}).get("weight_decay", 0.0)
    counts.set_title(rf"$\mu={mu:.6g}$, weight decay ${decay:.6g}$")
    return figure
