"""Print how many cells refined diagrams compute, how many verdicts differ from full ones, and the time."""

import time

import numpy as np

import lintrans as lt
from experiments.tables import check
from lintrans.two_factor import Regime


def measure(found):
    config = found.config
    stride = config["stride"]
    lt.phase_diagram([0.5, 1.0], refine_from=2)  # compiles
    table = found.table(
        "diagrams",
        f"diagrams of size x size cells, refined from {stride}; seconds of the full and of the refined one",
        family="<10", size="5", computed="6.1%", proved="6.1%", differ="6", full="6.2f", refined="6.2f",
        ratio="5.1f",
    )  # fmt: skip
    for name, family in config["families"].items():
        for n in config["sizes"]:
            axes = {k: np.linspace(*v, n) for k, v in family.items() if k != "start"}
            mus, start = np.linspace(*config["mu"], n), tuple(family["start"])
            full, seconds_full = timed(mus, start=start, **axes, verdicts_only=True)
            refined, seconds = timed(mus, start=start, **axes, refine_from=stride)
            shares = {k: v / n**2 for k, v in refined.count_sources().items()}
            table.row(
                family=name, size=n, computed=shares["computed"], proved=shares["proved"],
                differ=(full.regime != refined.regime).sum(), full=seconds_full, refined=seconds,
                ratio=seconds_full / seconds,
            )  # fmt: skip
    line(found, **config["line"])


def line(found, mu, size, stride):
    """Boundaries of the probe start, from a few cells of a fine axis."""
    mus = np.linspace(*mu, size)
    refined, seconds = timed(mus, refine_from=stride)
    n, spacing = refined.count_sources()["computed"], mus[1] - mus[0]
    table = found.table(
        "line", f"line of {size} cells, {n} computed in {seconds:.2f} s, spacing {spacing:.1e}",
        regime="<10", first="10.7f", closed_form="10.7f", spacing="8.1e", computed="8",
    )  # fmt: skip
    marks = lt.landmarks()
    for name, end in (("monotone", "catapult"), ("stable", "periodic"), ("chebyshev", "divergent")):
        first = mus[np.flatnonzero(refined.regime[:, 0] == Regime.from_label(end))[0]]
        table.row(regime=end, first=first, closed_form=marks[name].mu, spacing=spacing, computed=n)


def timed(mus, **options):
    began = time.perf_counter()
    return lt.phase_diagram(mus, **options), time.perf_counter() - began


def claims(found):
    table, line = found["diagrams"], found["line"]
    differ = (table["differ"] / table["size"] ** 2).max()
    yield check("part of the cells that differ", differ, at_most=4e-5, reason="4 in 100,000")
    large = table.where(table["size"] >= 512)
    yield check(
        "part of the cells that is computed, from 512 x 512 on", large["computed"].max(), at_most=0.102
    )
    sizes = np.unique(table["size"])
    finer = max(np.diff(table.at(family=name)["computed"]).max() for name in found.config["families"])
    yield check(f"how much that grows as cells get finer, {sizes[0]} to {sizes[-1]}", finer, at_most=0)
    faster = table.at(size=sizes[-1])
    yield check("least ratio of the times, full over refined", faster["ratio"].min(), at_least=1)
    cells = 1 / faster["computed"]
    yield check("which over that of the cells is", (faster["ratio"] / cells).max(), at_most=1)
    off = line["first"] - line["closed_form"]
    sharp = np.isin(line["regime"], ("catapult", "divergent"))
    yield check(
        "catapult and divergence begin off their closed form, in cells",
        (off / line["spacing"])[sharp].max(),
        at_most=1,
        at_least=0,
    )
    yield check(
        "periodic verdicts begin beyond mu = 1 by",
        off[~sharp].max(),
        at_least=0,
        at_most=1e-4,
        reason="orbits settle slowly there",
    )
    yield check("cells computed on the line, of a million", line["computed"].max(), at_most=1400)
