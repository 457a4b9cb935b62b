"""The figure: accuracy on the test set by epoch, from sources of both kinds and from scratch."""

import numpy as np

from experiments.shared import panels

COLOURS = {"clustering head": "C0", "other": "C1", "from scratch": "0.6"}


def draw(found, path):
    curves, tasks = found["curves"], sorted(set(found["curves"]["p"].tolist()))
    with panels(path, 1, len(tasks), figsize=(7.2, 2.8), sharex=True) as axes:
        for ax, p in zip(np.ravel(axes), tasks, strict=True):
            for name, colour in reversed(COLOURS.items()):
                draw_curves(ax, curves.at(p=p, source=name), colour)
                ax.plot([], [], color=colour, label=name)
            ax.axhline(1 / p, color="k", lw=0.5, ls=":")
            ax.set(xlabel="epoch", ylabel=f"accuracy on the test set, $p = {p}$", ylim=(0, 1.03))
        np.ravel(axes)[0].legend(frameon=False, fontsize=7, title="source", title_fontsize=7)


def draw_curves(ax, table, colour):
    for seed in sorted(set(table["seed"].tolist())):
        one = table.at(seed=seed)
        ax.plot(one["epoch"], one["accuracy"], color=colour, lw=0.6, alpha=0.8)
