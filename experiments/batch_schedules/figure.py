"""The figure: what schedules gain, by batch size, and when trainings are lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from experiments.batch_schedules.limits import Peaks, ratio
from experiments.batch_schedules.shapes import CONFIG
from experiments.shared import panels
from lintrans.minibatch import EscapeTimes

LINES = {"constant": "-", "linear": "--", "warm-up": ":"}
MARKERS = {"interpolating": "o", "label noise": "s", "real": "^"}
GREYS = {"interpolating": "k", "label noise": "0.5", "real": "0.3"}
PLACES = {"interpolating": (0.36, 0.62), "label noise": (0.3, 0.3)}  # of the legends in (b)
FONTS = {"font.family": "serif", "font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"}


def draw(path: Path, peaks: Peaks, lost: dict[tuple[str, str], EscapeTimes]) -> None:
    """Ratios of the first start for a risk of 10 %, and the parts lost of one-prompt batches."""
    style = FONTS | {"font.serif": ["cmr10", "DejaVu Serif"], "axes.formatter.use_mathtext": True}
    with panels(path, 1, 2, style=style, figsize=(7, 3.1)) as (left, right):
        draw_ratios(left, peaks)
        draw_lost(right, lost)


def draw_ratios(ax: Any, peaks: Peaks) -> None:
    sizes = np.array(CONFIG["batch_sizes"])
    ax.axhline(1, color="0.7", lw=0.6, zorder=0)
    for i, (name, marker) in enumerate(MARKERS.items()):
        for schedule in ("warm-up", "linear"):
            found = np.array([ratio(peaks, (name, 0, size), schedule, 0.1) for size in sizes])
            bars = np.abs(found[:, 1:].T - found[:, 0])
            ax.errorbar(
                sizes * 1.07 ** (i - 1), found[:, 0], bars, color=GREYS[name], ls=LINES[schedule], lw=1,
                marker=marker, ms=4, mfc="w" if schedule == "linear" else GREYS[name], elinewidth=0.6,
                label=f"{name}, {'warm-up' if schedule == 'warm-up' else 'linear decay'}",
            )  # fmt: skip
    ax.set(
        xscale="log",
        xlabel=r"batch size $B$",
        ylabel=r"largest peak step size over constant $\bar\mu / \bar\mu_\mathrm{const}$",
    )
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.legend(frameon=False, fontsize=6.5, handlelength=3.4)


def draw_lost(ax: Any, lost: dict[tuple[str, str], EscapeTimes]) -> None:
    from matplotlib.legend import Legend

    handles = {}
    for (name, schedule), times in lost.items():
        steps, alive, low, high = times.survival("left")
        every = np.unique(np.geomspace(1, steps[-1], 9).astype(int))
        (handles[name, schedule],) = ax.plot(
            steps[1:], 100 * (1 - alive[1:]), color=GREYS[name], ls=LINES[schedule], lw=1.1,
            marker=MARKERS[name], ms=3.5, markevery=(every - 1).tolist(),
            mfc="w" if schedule == "linear" else GREYS[name],
        )  # fmt: skip
        ax.fill_between(steps[1:], 100 * (1 - high[1:]), 100 * (1 - low[1:]), color="0.88", lw=0)
    ax.set(xscale="log", xlim=(0.9, None), xlabel=r"step $t$", ylabel=r"part that has left $P(t)$, in %")
    for name in dict.fromkeys(name for name, _ in lost):
        here = {schedule: line for (one, schedule), line in handles.items() if one == name}
        labels = ["linear decay" if schedule == "linear" else schedule for schedule in here]
        legend = Legend(
            ax, list(here.values()), labels, title=name, frameon=False, fontsize=6.5, title_fontsize=7,
            handlelength=3.4, alignment="left", loc="lower left", bbox_to_anchor=PLACES[name],
        )  # fmt: skip
        ax.add_artist(legend)  # an axis keeps but one of its own
