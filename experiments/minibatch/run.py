"""Print every statement on mini-batches beside its simulation, and how critical step sizes shrink."""

import time

import numpy as np

from experiments.entry import progress
from experiments.minibatch import shrink
from experiments.minibatch.checks import CHECKS, moments_of_one_step
from experiments.shared import panels
from experiments.tables import check
from lintrans.errors import InputError

PARTS = (*CHECKS, "control", "shrinkage")
COLUMNS = {
    "claim": "<22", "what": "<54", "derived": "12.6g", "drawn": "12.6g", "error": "8.2g", "z": "6.2f",
    "verdict": "<7",
}  # fmt: skip


def options(parser):
    parser.add_argument("parts", nargs="*", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument(
        "--spread", type=float, default=1.0, help="deviations of the prompts simulated; a control"
    )


def measure(found):
    parts = found.options.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        raise InputError(
            f"parts must be some of {', '.join(PARTS)}, got {', '.join(unknown)}; choose of these"
        )
    if found.options.figure and "shrinkage" not in parts:
        raise InputError("--figure draws the part shrinkage, got others only; add it to the parts")
    statements = [name for name in CHECKS if name in parts]
    if statements:
        compare(found, statements)
    if "control" in parts:
        spread = found.config["control"]["spread"]
        title = (
            f"control: deviations of the prompts stretched by {spread:g}, so that updates are still unbiased"
        )
        table = found.table("control", title, **COLUMNS)
        for row in moments_of_one_step(spread):
            keep(table, row)
    if "shrinkage" in parts:
        began = time.monotonic()
        shrink.report(found)
        progress("shrinkage", began)


def compare(found, names):
    table = found.table("statements", "statements beside what is drawn; a bound has no error", **COLUMNS)
    for name in names:
        began = time.monotonic()
        for row in CHECKS[name](found.options.spread):
            keep(table, row)
        progress(name, began)


def keep(table, row):
    table.row(
        claim=row.claim, what=row.what, derived=row.derived, drawn=row.measured, error=row.error,
        z=row.z if np.isfinite(row.error) else np.nan, verdict="" if row.passed else "FAIL",
    )  # fmt: skip


def failures(table):
    return (table["verdict"] == "FAIL").sum()


def claims(found):
    if "statements" in found:
        yield from of_statements(found["statements"])
    if "control" in found:
        table = found["control"]
        yield check(
            "control: rows on the mean of sigma that fail",
            failures(table.at(claim="minibatch.unbiased")),
            equals=0,
        )
        yield check(
            "control: rows on the drift of Q that fail, of 20",
            failures(table.at(claim="minibatch.drift")),
            at_least=found.config["control"]["noticed"],
        )
    if "shrinkage" in found:
        yield from of_shrinkage(found)


def of_statements(table):
    yield check(f"rows that fail, of {len(table)}", failures(table), equals=0)
    z = table["z"][np.isfinite(table["z"])]
    if z.size >= 20:
        rms = np.sqrt(np.mean(z**2))
        reason = "rows of one state share their steps"
        yield check(
            f"rms of {z.size} deviations in standard errors", rms, at_least=0.6, at_most=1.5, reason=reason
        )
    claim = table["claim"]
    if "sampling.bernstein" in claim:
        row = table.at(what="P(|sigma - r| > eps), B = 256", derived=0.1)
        yield check(
            "Bernstein's bound is far from sharp: drawn where it allows 10 %",
            row["drawn"].item(),
            at_most=0.01,
        )
    if "switching.words" in claim:
        row = table.at(claim="switching.words")
        yield check("and so is that of words: alive where it allows 61 %", row["drawn"].item(), at_most=0.01)


def of_shrinkage(found):
    table = found["shrinkage"]
    for name in shrink.POPULATIONS:
        growth = np.diff(table.at(prompts=name)["measured"])
        yield check(f"{name}: least growth of the critical step size with B", growth.min(), at_least=0)
    certified = table.where(np.isfinite(table["certified"]))
    part = certified["certified"] / certified["measured"]
    yield check(
        "certified step size over the measured one, least", part.min(), at_least=0.15, reason="about a fifth"
    )
    yield check("and largest", part.max(), at_most=0.92, reason="about nine tenths")
    power, error = (found["powers"].at(prompts="interpolating")[key].item() for key in ("power", "error"))
    reason = f"4.5 errors of {error:.3f} about -1/2"
    yield check(
        "interpolating: power of B",
        power,
        at_least=-0.5 - 4.5 * error,
        at_most=-0.5 + 4.5 * error,
        reason=reason,
    )


def draw(found, path):
    with panels(path, dpi=300, style={}, figsize=(3.5, 2.8)) as axes:
        shrink.draw(found, axes)
