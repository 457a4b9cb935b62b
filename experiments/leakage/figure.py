"""The figure: leakage against prompt length with its law, and what the mode leaves out of training."""

import numpy as np

from experiments.leakage import leaks
from experiments.shared import panels

MARKERS = "osD^v"


def draw(found, path):
    with panels(path, 1, 2, figsize=(7, 3.3)) as (left, right):
        draw_static(left, found.config["static"], found["curves"])
        own = found["controls"].at(kind="own queries")
        d = found.config["controls"]["features"]
        left.loglog(own["n"], own["leakage"], "x", color="0.3", ms=4, label=f"{d}, own queries")
        left.legend(frameon=False, fontsize=6.5, loc="lower left", title="features $d$", title_fontsize=6.5)
        draw_training(right, found)


def draw_static(ax, c, curves):
    """Points measured, lines of the law: solid without noise of the labels, dashed with it."""
    fine = np.geomspace(c["lengths"][0], c["lengths"][-1], 60)
    for i, d in enumerate(c["features"]):
        for noise in c["noises"]:
            rows = curves.at(d=d, noise=noise)
            style = {"mfc": "white" if noise else "k", "ms": 3.5, "lw": 0.8}
            label = f"{d}, noisy labels" if noise else f"{d}"
            ax.errorbar(rows["n"], rows["leakage"], rows["error"], fmt="k" + MARKERS[i], label=label, **style)
            law = [leaks.law(x, d, c["n_prompts"], noise) for x in fine]
            ax.loglog(fine, law, "--" if noise else "-", color="0.5", lw=0.9, zorder=0)
    ax.set(xlabel="prompt length $n$", ylabel="leakage out of the shared mode (rms)")


def draw_training(ax, found):
    mu, turning = found.config["dynamic"]["mus"]
    rows = [
        ((mu, 0.0, "way_early"), "way of $W$ beside the mode", "ko", "white", -0.5),
        ((turning, 0.0, "error"), "error of a step, start on the mode", "ks", "white", -1),
        ((turning, 1.0, "error"), "error of a step, start beside it", "ks", "k", -0.5),
    ]
    for case, label, style, fill, slope in rows:
        way = found["ways"].at(**dict(zip(("mu", "beside", "measured"), case, strict=True)))
        n, value = way["n"], way["value"]
        ax.errorbar(n, value, way["error"], fmt=style, mfc=fill, ms=4, lw=0.8, label=label)
        ax.loglog(n, value[-1] * (n / n[-1]) ** slope, "--", color="0.5", lw=0.8, zorder=0)
    risk = found["risk"].at(beside=1.0)
    label = r"$1-\eta_{1/2}$ trained / predicted"
    ax.errorbar(risk["n"], risk["short"], risk["error"], fmt="k^", mfc="0.7", ms=4, lw=0.8, label=label)
    ax.set(xlabel="prompt length $n$", ylabel="part that the mode leaves out", ylim=(1e-6, None))
    ax.legend(frameon=False, fontsize=6.5, loc="lower left")
