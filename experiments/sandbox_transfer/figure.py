"""The figure: accuracy on the test set by epoch, from sources of both kinds and from scratch."""

import numpy as np

from experiments.shared import panels

LOOKS = {
    "clustering head": {"color": "#0b3c5d"},
    "other": {"color": "#d55e00", "ls": "--"},
    "from scratch": {"color": "0.65"},
}


def draw(found, path):
    curves, tasks = found["curves"], sorted(set(found["curves"]["p"].tolist()))
    with panels(path, 1, len(tasks), figsize=(7.2, 2.8), sharex=True) as axes:
        for ax, p in zip(np.ravel(axes), tasks, strict=True):
            for name, look in reversed(LOOKS.items()):
                draw_curves(ax, curves.at(p=p, source=name), look)
                ax.plot([], [], label=name, **look)
            ax.axhline(1 / p, color="k", lw=0.5, ls=":")
            ax.set(xlabel="epoch", ylabel=f"accuracy on the test set, $p = {p}$", ylim=(0, 1.03))
        np.ravel(axes)[-1].legend(fontsize=7, ncols=3, loc="lower center", frameon=False)


def draw_curves(ax, table, look):
    for seed in sorted(set(table["seed"].tolist())):
        one = table.at(seed=seed)
        ax.plot(one["epoch"], one["accuracy"], lw=0.6, alpha=0.8, **look)
