"""Figure of a demonstration: masses over steps with their fits, and what heads are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lintrans.plotting.style import LEGEND, STYLE, WIDTH

if TYPE_CHECKING:
    from lintrans.circuits.demo import ArmFindings

# Colours of Okabe and Ito, and marks, so that kinds differ in grey too.
LOOKS = {
    "induction": ("#d55e00", "o"),
    "previous token": ("#0b3c5d", "s"),
    "first token": ("#999999", "^"),
}
ZERO = 0.5  # where step 0 stands on the axis of log2
SHADES = {"none": "#bbbbbb", "heads": "#d55e00", "random": "#56b4e9"}


def draw_arms(arms: Sequence[ArmFindings]) -> Figure:
    """Largest masses of heads over the steps of each training, and losses with heads switched off."""
    with rc_context(STYLE):
        figure = Figure(figsize=(2 * WIDTH, 2.3), layout="constrained")
        panels: Any = figure.subplots(1, len(arms) + 1, width_ratios=[1.25] * len(arms) + [1])
        for i, one in enumerate(arms):
            _masses(panels[i], one)
            if i:
                panels[i].set(ylabel="")
        panels[0].legend(**LEGEND, loc="upper left")
        _losses(panels[-1], arms)
    return figure


def _masses(axes: Axes, found: ArmFindings) -> None:
    steps = found.tracking.step
    x = np.where(steps > 0, steps, ZERO)
    fine = np.linspace(0, np.log2(max(steps[-1], 2)), 300)
    for kind, (color, mark) in LOOKS.items():
        axes.plot(x, found.largest(kind), color=color, marker=mark, ms=2, lw=0, label=kind)
        fit = found.transitions.get(kind)
        if fit is not None and fit.verdict not in ("none", "non-monotone"):
            axes.plot(2**fine, fit.at(fine), color=color, lw=0.8)
            axes.axvline(2**fit.midpoint.value, color=color, lw=0.5, ls=":")
    axes.set(xscale="log", ylim=(0, 1), xlabel="step (0 at the left)", ylabel="largest mass of a head")
    axes.set_title(found.arm.title)


def _losses(axes: Axes, arms: Sequence[ArmFindings]) -> None:
    """Rise of the loss on the second copy: heads of induction, and random sets."""
    shown = [one for one in arms if one.ablations]
    for y, one in enumerate(shown):
        found = one.ablations["zero"]
        axes.barh(y, found.effect, height=0.5, color=SHADES["heads"], label="induction heads")
        axes.plot(
            found.random_effects,
            np.full(found.draw.size, y),
            color="k",
            marker="|",
            ls="",
            ms=6,
            mew=0.7,
            label="as many others",
        )
    names = [f"{one.arm.title}\n{', '.join(one.ablations['zero'].settings['heads'])}" for one in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=6)
    axes.axvline(0, color="k", lw=0.5)
    axes.set(xlabel="rise of loss on 2nd copy (nats)", ylim=(-0.9, max(len(shown), 1) - 0.1))
    axes.invert_yaxis()
    axes.set_title("heads set to zero")
    if shown:
        handles, labels = axes.get_legend_handles_labels()
        first = dict(zip(labels, handles, strict=True))
        axes.legend(first.values(), first.keys(), **LEGEND, loc="lower right")
    else:
        axes.text(0.5, 0.5, "no induction head", ha="center", transform=axes.transAxes)
