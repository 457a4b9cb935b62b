"""The command that reports what a file of tracked heads says, or what published numbers say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.kit import outputs
from lintrans.cli.kit.answers import emit_json, say, table
from lintrans.cli.kit.options import Json, command_group, example

if TYPE_CHECKING:
    from lintrans.circuits.heads import Tracked
    from lintrans.circuits.reports import Report

app = command_group()
KIND = "circuit_tracking"
LINE_HEAD = ("quantity", "model", "revision", "published", "re-derived", "status")


@app.command(epilog=example("lintrans circuits report --published"))
def report(
    file: Annotated[
        Path | None,
        typer.Argument(help="Result file of lintrans circuits measure.", metavar="FILE", show_default=False),
    ] = None,
    threshold: Annotated[
        float, typer.Option(help="Smallest ratio, attention to a target over that to random positions.")
    ] = 30.0,
    kind: Annotated[
        str,
        typer.Option(
            help="Report on this kind of heads alone: induction, previous token, duplicate, first token, "
            "self or local.  [default: all that are there]",
            show_default=False,
        ),
    ] = "",
    best: Annotated[
        bool,
        typer.Option("--best", help="Count a head only as the kind with its largest ratio, not as any."),
    ] = False,
    n_bootstrap: Annotated[int, typer.Option(help="Resamples of heads for the intervals of widths.")] = 1000,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Compare published numbers on three models of 1B parameters with their own tables instead.",
        ),
    ] = False,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", help="Also write all numbers as a table; the name ends in .csv.", show_default=False
        ),
    ] = None,
    parquet: Annotated[
        Path | None,
        typer.Option(
            help="Also write all numbers as a table; the name ends in .parquet.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    json: Json = False,
) -> None:
    """Say which heads form when: counts by class, shapes, milestones.

    Counts heads of every kind at every revision by best class (the kind with the largest ratio) and, in
    brackets, by any class. For each kind: heads at the threshold and 1 % beside it, the layers they are in,
    and a sigmoid fitted to their share over log2 of tokens, or of steps where no tokens are known: midpoint,
    width from 10 to 90 %, and its shape, which is unresolved if the width is below 1.5 grid steps. Last
    come milestones, and whether participation ratios rise before.

    With --published no file is read: the numbers of arXiv 2606.02378 are computed again from their tables,
    line by line, with ten points at which text and tables differ.
    """
    if published:
        _refuse_beside_published(file=file, csv=csv, parquet=parquet)
        _published(json=json)
        return
    from lintrans.circuits.reports import report as reported
    from lintrans.errors import InputError

    if file is None:
        raise InputError("FILE must be given, got none; name a result file, or write --published")
    _check_tables(file, csv, parquet, force=force)
    tracking = _read(file)
    found = reported(tracking, threshold, kinds=[kind] if kind else None, best=best, n_bootstrap=n_bootstrap)
    written = _write_tables(tracking, csv, parquet, force=force)
    if json:
        emit_json({**found.answer(), **written})
    else:
        _say(found)
        outputs.say_written(written)


def _refuse_beside_published(**given: Path | None) -> None:
    from lintrans.errors import InputError

    for name, value in given.items():
        if value is not None:
            word = "FILE" if name == "file" else f"--{name}"
            raise InputError(f"{word} must not stand beside --published, got {value}; leave one out")


def _check_tables(file: Path, csv: Path | None, parquet: Path | None, *, force: bool) -> None:
    """Refuse tables that could not be written, before any work."""
    from lintrans.circuits.export import EXTRA, check_path
    from lintrans.errors import require_extra

    for path, suffix in ((csv, ".csv"), (parquet, ".parquet")):
        if path is not None:
            check_path(path, suffix, force=force)
            outputs.check_differ(file, path)
    if parquet is not None:
        require_extra(EXTRA, "pyarrow", "a Parquet file")


def _write_tables(
    tracking: Tracked, csv: Path | None, parquet: Path | None, *, force: bool
) -> dict[str, str]:
    from lintrans.circuits.export import to_csv, to_parquet

    written = {}
    for name, path, write in (("csv", csv, to_csv), ("parquet", parquet, to_parquet)):
        if path is not None:
            written[name] = str(write(tracking, path, force=force))
    return written


def _read(file: Path) -> Any:
    from lintrans.errors import InputError
    from lintrans.sweeps.store import load

    found = load(file)
    if found.kind != KIND:
        raise InputError(
            f"file must be of lintrans circuits measure, got {file} with {found.kind}; choose another"
        )
    return found


def _say(found: Report) -> None:
    heads = found.table
    name = heads.model or "a model without a name"
    say(f"{name}: {heads.n_heads} heads, ratios >= {found.threshold:g}, by best class (by any class)", "")
    table(found.count_lines())
    if found.kinds:
        say("", f"kinds, by {found.counted} class")
        table(found.kind_lines())
    say("")
    table(found.milestone_lines())
    sentences = found.sentences()
    if sentences:
        say("", *sentences)
    missing = dict.fromkeys(line for one in found.kinds for line in one.missing)
    if missing:
        say("", *missing)


def _published(*, json: bool) -> None:
    from lintrans.circuits.disagreements import disagreements
    from lintrans.circuits.published import rederive
    from lintrans.circuits.published_data import MODELS, sink_transition

    lines, points = rederive(), disagreements()
    fits = {model: sink_transition(model) for model in MODELS}
    if json:
        emit_json(
            {
                "lines": [line._asdict() for line in lines],
                "transitions": {model: fit.answer() for model, fit in fits.items()},
                "disagreements": [point._asdict() for point in points],
            }
        )
        return
    table([LINE_HEAD, *(_cells(line) for line in lines)])
    say("", "widths from 10 to 90 %, lower asymptote 0 or more, intervals by resampling layers")
    for model, fit in fits.items():
        width = fit.width
        say(f"  {model}: {width.value:.2f} ({width.low:.2f} to {width.high:.2f}) doublings, {fit.verdict}")
    say("", "where text and tables differ")
    for point in points:
        say(f"{point.number}. {point.topic}", f"   text: {point.text}", f"   data: {point.data}")
        if point.computed:
            say(f"   here: {point.computed}")


def _cells(line: Any) -> tuple[str, ...]:
    note = f": {line.note}" if line.note else ""
    numbers = ("-" if value is None else f"{value:.6g}" for value in (line.published, line.rederived))
    return line.quantity, line.model or "-", line.revision or "-", *numbers, f"{line.status}{note}"
