"""What all figures share: sizes, colours, looks, cells around their centres."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
WIDTH = 3.5  # inches
MAX_CELLS_DRAWN = 3000  # along an axis: more than the pixels there are
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
EDGE_COLOR = "#d55e00"
EDGE: dict[str, Any] = {"colors": EDGE_COLOR, "linewidths": 0.9, "linestyles": "dashed"}
ALONG, TRANSVERSE = "#0072b2", "#d55e00"
LEGEND: dict[str, Any] = {"fontsize": 6, "handlelength": 1.2, "columnspacing": 1.2}


def edges(centres: FloatArray) -> FloatArray:
    """Cell edges half way between the centres."""
    if centres.size == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    inner = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])


def log_edges(centres: FloatArray) -> FloatArray:
    """Cell edges half way between the centres on a logarithmic axis; of a single cell a factor 2 apart."""
    if centres.size == 1:
        return np.array([centres[0] / np.sqrt(2), centres[0] * np.sqrt(2)])
    return np.exp(edges(np.log(centres)))
