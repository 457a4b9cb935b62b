"""The figure: share of solved runs by setting, labels by setting, and the stages of runs."""

import numpy as np

from experiments.shared import panels


def draw(found, path):
    with panels(path, 1, 2, figsize=(7.2, 4.2), width_ratios=(1.2, 1)) as (left, right):
        draw_settings(left, found["settings"])
        draw_stages(right, found["runs"].at(group="default"))


def draw_settings(ax, table):
    """Solved runs of every setting with their interval; clustering heads among them."""
    names = [f"{g} {s}".strip() for g, s in zip(table["group"], table["setting"], strict=True)]
    y, share = np.arange(len(table)), table["solved"] / table["n"]
    ax.axvspan(table["low"][0], table["high"][0], color="0.9", lw=0)
    ax.errorbar(
        share, y, xerr=[share - table["low"], table["high"] - share], fmt="ko", ms=3, lw=0.8, label="solved"
    )
    ax.plot(table["solved_heads"] / table["n"], y, "s", mfc="none", color="C0", ms=4, label="clustering head")
    ax.set(yticks=y, yticklabels=names, xlabel="share of runs", ylim=(len(table) - 0.5, -0.5), xlim=(0, None))
    ax.tick_params(axis="y", labelsize=6.5)
    ax.legend(frameon=False, fontsize=7, loc="lower right")


def draw_stages(ax, runs):
    """When each run of the default with a pattern formed it, and when it read it."""
    for label, style in (("clustering head", "o"), ("signed head", "^"), ("even-weight", "s")):
        one = runs.at(label=label)
        read = ~np.isnan(one["read_epoch"])
        line = ax.plot(one["formed_epoch"][read], one["read_epoch"][read], style, ms=3.5, label=label)
        unread = one["formed_epoch"][~read]
        ax.plot(unread, np.full(unread.size, 1050), style, ms=3.5, mfc="none", color=line[0].get_color())
    ax.plot([0, 1000], [0, 1000], color="0.6", lw=0.7)
    ax.axhline(1020, color="0.6", lw=0.7, ls=":")
    ax.text(15, 1065, "formed and not read within 1,000 epochs", fontsize=6.5)
    ax.set(xlabel="epoch at which the circuit is formed", ylabel="epoch at which it is read", ylim=(0, 1120))
    ax.legend(frameon=False, fontsize=7, loc="lower right")
