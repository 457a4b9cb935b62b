"""Axes of mu with their landmarks, and the mesh of regimes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from numpy.typing import NDArray

from lintrans.plotting.style import FloatArray, edges
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.palette import COLORS
from lintrans.two_factor.regimes import Regime

MU_LABEL = r"effective step size $\mu$"
ETA_LABEL = r"learning rate $\eta$"


def regime_mesh(axes: Axes, x: FloatArray, y: FloatArray, regime: NDArray[np.uint8]) -> None:
    """Cells in the colours of their regimes, around the points (x, y)."""
    palette = colors.ListedColormap([COLORS[r] for r in Regime])
    axes.pcolormesh(
        edges(x), edges(y), regime.T, cmap=palette, vmin=-0.5, vmax=len(Regime) - 0.5, rasterized=True
    )


def regime_handles(result: Any) -> list[Any]:
    """Legend patches of the regimes that occur."""
    present = [regime for regime in Regime if (result.regime == regime).any()]
    return [Patch(facecolor=COLORS[r], edgecolor="0.4", lw=0.4, label=r.label) for r in present]


def mark_landmarks(panels: tuple[Axes, ...], mu: FloatArray) -> None:
    """Thin lines at the landmarks in range, named above the first panel, names spread apart."""
    ends = edges(mu)[[0, -1]]
    marks = [mark for mark in landmarks().values() if ends[0] <= mark.mu <= ends[1]]
    for axes in panels:
        axes.set_xlim(*ends)
        for mark in marks:
            axes.axvline(mark.mu, color="0.55", lw=0.5, ls=":")
    span = ends[1] - ends[0]
    places = _spread([(mark.mu - ends[0]) / span for mark in marks], 0.042)
    for mark, place in zip(marks, places, strict=True):
        panels[0].annotate(
            mark.name.replace("_", " "),
            xy=((mark.mu - ends[0]) / span, 1.0),
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


def label_mu(axes: Axes, result: Any) -> None:
    """Name the axis of mu, and add one of learning rates below if they are known."""
    axes.set_xlabel(MU_LABEL)
    axes.locator_params(axis="x", nbins=8 if np.ptp(result.mu) > 0.2 else 4)  # longer numbers need room
    if result.step_size is None:
        return
    unit = result.step_size[0] / result.mu[0]
    second = axes.secondary_xaxis("bottom", functions=(lambda mu: mu * unit, lambda eta: eta / unit))
    second.spines["bottom"].set_position(("outward", 26))
    second.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
    second.set_xlabel(ETA_LABEL)
