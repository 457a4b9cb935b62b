"""Commands about a result file: show what it contains, draw its figure, continue an unfinished one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lintrans import registry
from lintrans.cli.kit import outputs
from lintrans.cli.kit.answers import emit_json, progress, say, say_items
from lintrans.cli.kit.options import Files, Json, Workers, command_group, example, grouped

app = command_group()
VARIABLES = "Quantity to draw, for the kinds of results that offer a choice.  " + "; ".join(
    f"{name.replace('_', ' ')}: {', '.join(kind.variables)}"
    for name, kind in registry.kinds().items()
    if kind.variables
)
ResultFile = Annotated[Path, typer.Argument(help="HDF5 result file written by lintrans.", metavar="FILE")]


@app.command(epilog=example("lintrans show phase_diagram.h5 --regime catapult"))
def show(
    file: ResultFile,
    regime: Annotated[
        str,
        typer.Option(help="Also list the ranges of mu with this regime, e.g. catapult; phase diagrams only."),
    ] = "",
    json: Json = False,
) -> None:
    """Print what a result file contains.

    Prints its kind, axes, settings, the versions of the packages that computed it, and a summary of the
    result. The example reads the file that lintrans phase-diagram writes.
    """
    from lintrans.errors import InputError
    from lintrans.sweeps.store import load
    from lintrans.two_factor.phase import PhaseDiagram
    from lintrans.two_factor.regimes import Regime

    wanted = Regime.from_label(regime) if regime else None
    result = load(file)
    answer: dict[str, Any] = {
        "kind": result.kind,
        "axes": {v.name: v.values.size for v in result.variables() if v.dims == (v.name,)},
        "settings": result.settings,
        "versions": result.versions,
    }
    if wanted is not None and not isinstance(result, PhaseDiagram):
        raise InputError(f"--regime needs a phase diagram, got {file} with {result.kind}; leave it out")
    answer |= result.summary()
    if isinstance(result, PhaseDiagram) and wanted is not None:
        answer["ranges"] = result.ranges(wanted)
    if json:
        emit_json(answer)
        return
    say_items(answer)


@app.command(epilog=example("lintrans plot phase_diagram.h5 --output regimes.svg"))
def plot(
    file: ResultFile,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Figure to write; the name ends in .png, .pdf or .svg.  [default: FILE as .png]",
            show_default=False,
        ),
    ] = None,
    variable: Annotated[
        str,
        typer.Option(help=VARIABLES),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a figure that exists.")] = False,
    json: Json = False,
) -> None:
    """Draw the figure of a result file.

    The example draws the file that lintrans phase-diagram writes.
    """
    from lintrans import plotting
    from lintrans.sweeps.store import check_output, load

    result = load(file)
    target = output or file.with_suffix(".png")
    outputs.check_differ(file, target)
    check_output(target, force=force)
    plotting.check_figure_path(target)
    drawn = plotting.plot(result, variable=variable or None)
    plotting.save_figure(drawn, target, force=force)
    if json:
        emit_json({"kind": result.kind, "figure": str(target)})
    else:
        say(f"figure {target}")


@app.command(epilog=example("lintrans resume phase_diagram.h5"))
@grouped
def resume(
    file: Annotated[Path, typer.Argument(help="Result file of the unfinished run.", metavar="FILE")],
    workers: Workers,
    figure: Annotated[
        Path | None,
        typer.Option(help="Figure to draw; the name ends in .png, .pdf or .svg.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor a summary.")] = False,
    json: Json = False,
) -> None:
    """Continue a run that was stopped or ran out of disk.

    A large run is computed in tiles, parts that do not depend on each other. Finished tiles are kept in a
    journal, a file named after the result with .sweep at the end, until all are done; the result is the same
    as that of an uninterrupted run. The example continues an interrupted lintrans phase-diagram.
    """
    from lintrans.sweeps.store import load, resume

    outputs.check(Files(None, figure, force, quiet))
    with progress("resume", quiet=quiet or json) as report:
        output = resume(file, force=force, executor=workers.start(), progress=report)
    drawn = figure or (None if json else output.with_suffix(".png"))
    outputs.answer(load(output), Files(output, drawn, force, quiet), json=json)
