"""The figure: probabilities and step sizes, predicted and trained, and what diverges at 1 %."""

import numpy as np

from experiments.safe_step_size import safety
from experiments.shared import panels
from lintrans.counting import intervals

SHADES = {1: "0.75", 8: "0.45", 64: "0.0"}
MARKERS = {"with-replacement": "o", "epochs": "s"}
STYLES = {"mode": ("o", "0.75"), "sharpest": ("^", "0.45"), "own length": ("s", "0.0"), "trained": ("D", "w")}


def draw(found, path):
    shape = {"figsize": (9, 3.4), "width_ratios": (1.2, 1, 0.8)}
    with panels(path, 1, 3, **shape) as axes:
        draw_risks(axes[0], found.config["one"], found["cells"])
        draw_ratios(axes[1], found["leaky"])
        draw_divergence(axes[2], found.config["many"]["risk"], found["leaky"])
        name_rows(axes[1:], found.config["many"]["cases"], found["leaky"])


def draw_risks(ax, c, cells):
    n, floor = c["n_trainings"], 0.3 / c["n_trainings"]
    for size, sampling in c["columns"]:
        column = cells.at(B=size, batches=sampling)
        trained = column["trained_left"]
        low, high = intervals(np.rint(trained * n), n)
        y = np.maximum(trained, floor)
        error = np.array([np.maximum(y - low, 0), np.maximum(high - y, 0)])
        look = {"color": SHADES.get(size, "0.3"), "mec": "k", "mew": 0.4, "ms": 3.5, "lw": 0.7}
        label = f"$B = {size}$, {sampling}"
        ax.errorbar(np.maximum(column["left"], floor), y, error, fmt=MARKERS[sampling], label=label, **look)
    ax.plot([floor, 1], [floor, 1], "-", color="0.6", lw=0.8, zorder=0)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="predicted probability to leave the ellipse $p$",
        ylabel="part of the trainings that left",
        ylim=(0.6 * floor, 1.6),
    )
    ax.legend(frameon=False, fontsize=6.5, loc="upper left")


def heights(rows):
    """Where rows are drawn: one case below the other, batch sizes closer."""
    cases, sizes = list(dict.fromkeys(rows["prompts"])), list(dict.fromkeys(rows["B"]))
    places = zip(rows["prompts"], rows["B"], strict=True)
    return [-cases.index(case) + 0.22 * (1 - sizes.index(size)) for case, size in places]


def name_rows(axes, cases, rows):
    names = []
    for case in cases:
        leakage = rows.at(prompts=case["name"])["leakage"][0]
        names.append(f"{case['name']}\n$n = {case['context_length']}$, leakage {leakage:.2f}")
    for ax, shown in zip(axes, (names, []), strict=True):
        ax.set_yticks(range(0, -len(names), -1), shown or [""] * len(names))
        ax.tick_params("y", labelsize=6)
        ax.set_ylim(0.5 - len(names), 0.5)


def mark(ax, x, rows, name, label):
    marker, shade = STYLES[name]
    ax.plot(x, heights(rows), marker, color=shade, mec="k", mew=0.4, ms=3.5, label=label)


def draw_ratios(ax, rows):
    for name in safety.PREDICTORS:
        mark(ax, rows[f"half_{name.replace(' ', '_')}"], rows, name, f"by {name}")
    ax.axvline(1, color="0.6", lw=0.8, zorder=0)
    sizes = ", ".join(map(str, dict.fromkeys(rows["B"])))
    ax.set(xlabel=r"step size $\eta_{1/2}$, predicted over trained" + f"\n(downwards: $B = {sizes}$)")
    ax.legend(frameon=False, fontsize=6.5)


def draw_divergence(ax, risk, rows):
    """At the step size of the accepted risk, by the mode and by trainings."""
    for name, label in (("mode", "by mode"), ("trained", "by trainings")):
        k, n = rows[f"n_{name}"], rows["n"]
        low, high = np.array([intervals(*x) for x in zip(k, n, strict=True)]).T
        floor = 0.3 / n
        mark(ax, np.maximum(k / n, floor), rows, name, label)
        ax.hlines(heights(rows), np.maximum(low, floor), high, color="0.4", lw=0.6, zorder=1)
    ax.axvline(risk, color="0.6", lw=0.8, zorder=0)
    ax.set(
        xscale="log", xlim=(5e-4, 1), xlabel=f"part that diverges at the step size\nof a risk of {risk:.0%}"
    )
    ax.legend(frameon=False, fontsize=6.5, loc="lower right", handlelength=1)
