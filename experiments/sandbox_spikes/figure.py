"""The figure: losses with and without the norm, spikes by optimiser, and curvature around spikes."""

import numpy as np

from experiments.shared import panels


def draw(found, path):
    with panels(path, 2, 2, figsize=(7.2, 5.2)) as axes:
        (a, b), (c, d) = axes
        draw_losses(a, found["losses"])
        draw_settings(b, found["settings"])
        draw_branches(c, found["branches"])
        draw_windows(d, found["windows"])


def draw_losses(ax, table):
    """The solved run with most spikes, with the norm and without."""
    for setting, colour in (("norm on", "k"), ("norm off", "C0")):
        rows = table.at(setting=setting)
        if not len(rows):
            continue
        seeds = sorted(set(rows["seed"].tolist()))
        seed = max(seeds, key=lambda s: rows.at(seed=s)["begins"].sum())
        one = rows.at(seed=seed)
        ax.semilogy(one["epoch"], one["loss"], color=colour, lw=0.6, label=f"{setting}, seed {seed}")
    ax.set(xlabel="epoch", ylabel="training loss")
    ax.legend(frameon=False, fontsize=7)


def draw_settings(ax, table):
    y = np.arange(len(table))
    ends = [table["spikes"] - table["low"], table["high"] - table["spikes"]]
    ax.errorbar(table["spikes"], y, xerr=np.nan_to_num(ends), fmt="ko", ms=3, lw=0.8)
    names = [f"{s} ({n})" for s, n in zip(table["setting"], table["solved"], strict=True)]
    ax.set(yticks=y, yticklabels=names, xlabel="spikes of a solved run", ylim=(len(table) - 0.5, -0.5))
    ax.tick_params(axis="y", labelsize=6.5)


def draw_branches(ax, table):
    names = list(dict.fromkeys(table["optimizer"].tolist()))
    for setting, style in (("norm on", "ko"), ("norm off", "C0s")):
        rows = table.at(setting=setting)
        if len(rows):
            y = [names.index(name) for name in rows["optimizer"]]
            ends = [rows["spikes"] - rows["low"], rows["high"] - rows["spikes"]]
            ax.errorbar(rows["spikes"], y, xerr=np.nan_to_num(ends), fmt=style, ms=3, lw=0.8, label=setting)
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="spikes of a solved run that goes on")
    ax.invert_yaxis()
    ax.tick_params(axis="y", labelsize=6.5)
    ax.legend(frameon=False, fontsize=7)


def draw_windows(ax, table):
    for kind, colour in (("control", "0.7"), ("spike", "C3")):
        rows = table.at(kind=kind)
        for i in sorted(set(rows["window"].tolist())):
            one = rows.at(window=i)
            ax.semilogy(one["step"], one["preconditioned"], color=colour, lw=0.6)
        ax.plot([], [], color=colour, label={"spike": "spikes", "control": "elsewhere"}[kind])
    ax.axhline(1, color="k", lw=0.6, ls=":")
    ax.axvline(0, color="k", lw=0.4)
    ax.set(xlabel="steps after the onset", ylabel="preconditioned sharpness over its edge")
    ax.legend(frameon=False, fontsize=7)
