"""Print how much further schedules let the step size go with mini-batches."""

from __future__ import annotations

import time
from pathlib import Path

from experiments.batch_schedules import drift, figure, limits, long_run, times, training
from experiments.batch_schedules.shapes import CONFIG
from experiments.entry import progress
from experiments.tables import Found
from lintrans.errors import InputError
from lintrans.sweeps.store import check_output, replacing

PARTS = ("limits", "times", "drift", "long", "training")


def options(parser) -> None:
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}; without limits the kept ones")
    parser.add_argument("--spread", type=float, default=1.0, help="deviations of the prompts; a control")
    parser.add_argument("--power", type=float, default=2.0, help="of kappa in the noise; a control")
    parser.add_argument("--table", type=Path, metavar="FILE.csv", help="keep the table of peaks")


def measure(found: Found) -> None:
    given = found.options
    parts = given.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        raise InputError(
            f"parts must be some of {', '.join(PARTS)}, got {', '.join(unknown)}; choose of these"
        )
    if given.table:
        check_output(given.table, force=given.force)
    peaks = limits.index(limits.read(limits.KEPT))
    for name in (part for part in PARTS if part in parts):
        began = time.monotonic()
        if name == "limits":
            measured = limits.report(found, peaks)
            peaks |= limits.index(measured)
            if given.table:
                with replacing(given.table, force=given.force) as file:
                    limits.write(file, measured)
        elif name == "times":
            times.report(found, limits.index(limits.read(limits.KEPT)) if given.quick else peaks)
        elif name == "drift":
            drift.report(found)
        elif name == "long":
            long_run.report(found)
        else:
            training.report(found, peaks)
        progress(name, began)


def claims(found: Found):
    if "limits" in found:
        yield from limits.claims(found)
    if "times" in found:
        yield from limits.claims_of_kept(limits.index(limits.read(limits.KEPT)))
        yield from times.claims(found)
    if "drift" in found:
        yield from drift.claims(found)
    if "long" in found:
        yield from long_run.claims(found)
    if "training" in found:
        yield from training.claims(found)


def draw(found: Found, path: Path) -> None:
    peaks = limits.index(limits.read(limits.KEPT))
    if "peaks" in found:
        rows = found["peaks"]
        columns = (rows[name].tolist() for name in limits.Peak._fields)
        peaks |= limits.index([limits.Peak(*row) for row in zip(*columns, strict=True)])
    lost = {
        (name, schedule): times.run(
            (name, 0, 1), peaks[(name, 0, 1), "constant", 0.1].mu, schedule, CONFIG["times"]["n_cases"], 1
        )
        for name in ("interpolating", "label noise")
        for schedule in CONFIG["times"]["schedules"]
    }
    figure.draw(path, peaks, lost)
