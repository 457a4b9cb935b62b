"""The figure: deviation and accuracy of runs with the thresholds, and attention mass against accuracy."""

from experiments.shared import panels
from lintrans.sandbox.labels import LABELS, MAX_DEVIATION, MIN_SKILL

STYLES = dict(zip(LABELS, ("o", "^", "s", "D", "x"), strict=True))
FARTHEST = 2.0  # units, on the axis


def draw(found, path):
    runs = found["runs " + found.config["shown"]]
    with panels(path, 1, 2, figsize=(7.2, 3.2)) as (left, right):
        for label, style in STYLES.items():
            one = runs.at(label=label)
            look = {"ls": "", "marker": style, "ms": 4, "mfc": "none", "mew": 0.8, "label": label}
            left.plot(one["deviation"].clip(max=FARTHEST), one["accuracy"], **look)
            right.plot(one["mass"], one["accuracy"], **look)
        left.axvline(MAX_DEVIATION, color="0.5", lw=0.8, ls="--")
        left.axhline(0.5 + MIN_SKILL / 2, color="0.5", lw=0.8, ls=":")
        left.set(xlabel="largest deviation from whole numbers, in units", ylabel="accuracy on all sequences")
        left.set_xlim(-0.05, FARTHEST + 0.1)
        right.set(xlabel="mean attention on the summed positions", ylabel="accuracy on all sequences")
        left.legend(frameon=False, fontsize=7, loc="center right")
