"""Measure where softmax attention crosses the boundaries, and fit laws of the effective length.

A quick run measures a few cells again, holds them against the kept table, and fits that.
"""

import time
from pathlib import Path

import numpy as np

from experiments.entry import HERE, progress
from experiments.softmax import figure, laws, report
from experiments.softmax import measure as cells
from experiments.softmax.report import OBSERVED
from experiments.tables import check
from lintrans.errors import InputError
from lintrans.sweeps.store import check_output, replacing

KEPT = HERE / "softmax" / "boundaries.csv"
NOT_CHAOTIC = ("h", "y_q", "max_label", "linear_converges", "flow_stable", "flow_weight", "flow_n_ipr")


def options(parser):
    parser.add_argument("--data", type=Path, metavar="FILE.csv", help="fit this table instead of measuring")
    parser.add_argument("--table", type=Path, metavar="FILE.csv", help="keep the table of all cells")


def measure(found):
    given = found.options
    if given.table:
        check_output(given.table, force=given.force)
    if given.data:
        t = read(given.data)
    else:
        rows = collect(found.config)
        t = {name: np.array([float(f"{row[name]:.6g}") for row in rows]) for name in cells.COLUMNS}
        if given.table:
            with replacing(given.table, force=given.force) as part:
                cells.write(part, rows)
        print(f"{len(rows)} cells measured")
        found.keep("measured", **t)
        changes(found, t)
    if given.quick and not given.data:
        compare(found, t)
        t = cells.read(KEPT)
    found.keep("boundaries", **t)
    report.add_columns(t)
    report.tell(found, t)


def read(path):
    try:
        return cells.read(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--data must be a table that --table kept, got {path} ({error}); check its name"
        ) from None


def collect(config, *, n_seeds=None, label="main"):
    """All rows, with a line of progress per seed."""
    began, rows, n_seeds = time.monotonic(), [], n_seeds or config["n_seeds"]
    for seed in range(n_seeds):
        for n in config["lengths"]:
            rows.extend(cells.rows_of(n, seed, config))
        progress(f"{label}: seed {seed + 1}/{n_seeds}", began)
    return rows


def compare(found, t):
    """The cells measured beside the same of the kept table: largest and median |ln| of their ratio."""
    kept, places = cells.read(KEPT), []
    for seed, n, temperature in zip(t["seed"], t["n"], t["temperature"], strict=True):
        same = (kept["seed"] == seed) & (kept["n"] == n) & (kept["temperature"] == temperature)
        places += np.flatnonzero(same).tolist()
    table = found.table(
        "kept", "the cells measured over those of the kept table",
        column="<20", cells="5", largest_off="8.1e", median_off="8.1e",
    )  # fmt: skip
    for name in (*NOT_CHAOTIC, "softmax_converges", "softmax_bounded"):
        off = np.abs(np.log(t[name] / kept[name][places]))
        table.row(column=name, cells=len(places), largest_off=off.max(), median_off=np.median(off))


def changes(found, t):
    """How much ln rho changes with more steps, a smaller start, and another start of the same size."""
    config, settings = found.config, found.config["checks"]
    longer = config["train"] | {"n_steps": config["train"]["n_steps"] * settings["more_steps"]}
    changed = {
        "more steps": {"train": longer},
        "smaller start": {"start": config["start"] * settings["smaller_start"]},
        "another start": {"start_seed": settings["start_seed"]},
    }
    table = found.table(
        "changes",
        f"change of ln rho with {settings['more_steps']} times the steps, {settings['smaller_start']}"
        " times the start, another start: part above 0.02, root mean square, largest, mean",
        change="<14", boundary="<9", cells="5", above="6.1%", rms="6.3f", largest="7.2f", mean="6.3f",
    )  # fmt: skip
    for label, one in changed.items():
        n_seeds = settings["n_starts" if "start_seed" in one else "n_seeds"]
        rows = collect(config | one, n_seeds=n_seeds, label=label)
        base = laws.rows(t, t["seed"] < n_seeds)
        for name in OBSERVED:
            column = "flow_stable" if name == "stable" else f"softmax_{name}"
            change = np.log([row[column] for row in rows]) - np.log(base[column])
            change = change[np.isfinite(change)]
            size = np.abs(change)
            table.row(
                change=label, boundary=name, cells=size.size, above=np.mean(size > 0.02),
                rms=report.rms(size), largest=size.max(), mean=change.mean(),
            )  # fmt: skip


def claims(found):
    if "kept" in found:
        table = found["kept"]
        fixed = table.where(np.isin(table["column"], NOT_CHAOTIC))
        yield check(
            "measured again: what is not chaotic, largest |ln ratio|",
            fixed["largest_off"].max(),
            at_most=1e-5,
            reason="six digits are kept",
        )
        chaotic = table.where(~np.isin(table["column"], NOT_CHAOTIC))
        yield check(
            "and what is, median",
            chaotic["median_off"].max(),
            at_most=0.02,
            reason="boundaries are bisected to 0.5 %",
        )
    if "changes" in found:
        yield from of_changes(found)
    yield from report.claims(found)


def of_changes(found):
    table = found["changes"]
    steps, start = (table.at(change=change) for change in ("more steps", "another start"))
    yield check(
        "more steps: rms change of the bounded boundary",
        steps.at(boundary="bounded")["rms"].item(),
        at_most=0.01,
    )
    depends = start.at(boundary="converges")
    yield check(
        "another start: part of the convergent boundaries that move", depends["above"].item(), at_least=0.25
    )
    if not found.options.quick:  # a few cells do not tell a variance
        left = found["fits"].at(boundary="converges", law=laws.HEADLINE.name)["rms"].item()
        part = depends["rms"].item() ** 2 / 2 / left**2
        yield check(
            "which is of the variance that the law leaves",
            part,
            at_least=0.1,
            at_most=0.17,
            reason="a seventh",
        )


def draw(found, path):
    figure.draw(found, path)
