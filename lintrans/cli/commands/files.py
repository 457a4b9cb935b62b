"""Commands about a result file: what it holds, its figure again, going on with one that is unfinished."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lintrans import registry
from lintrans.cli.kit import outputs
from lintrans.cli.kit.answers import emit_json, progress, say, say_items
from lintrans.cli.kit.options import Files, Json, Workers, command_group, grouped

app = command_group()
VARIABLES = "What to show, where a figure has a choice.  " + "; ".join(
    f"{name.replace('_', ' ')}: {', '.join(kind.variables)}"
    for name, kind in registry.kinds().items()
    if kind.variables
)
ResultFile = Annotated[Path, typer.Argument(help="HDF5 file written by lintrans.")]


@app.command()
def show(
    file: ResultFile,
    regime: Annotated[str, typer.Option(help="List the ranges of mu of one regime.")] = "",
    json: Json = False,
) -> None:
    """Print what a result file holds: settings, versions, what was found."""
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


@app.command()
def plot(
    file: ResultFile,
    output: Annotated[Path | None, typer.Option(help="Figure: .png, .pdf or .svg.")] = None,
    variable: Annotated[
        str,
        typer.Option(help=VARIABLES),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing figure.")] = False,
    json: Json = False,
) -> None:
    """Draw a result file again."""
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


@app.command()
@grouped
def resume(
    file: Annotated[Path, typer.Argument(help="Result file of the unfinished sweep.")],
    workers: Workers,
    figure: Annotated[
        Path | None, typer.Option(help="Figure to draw: .png, .pdf or .svg.", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")] = False,
    json: Json = False,
) -> None:
    """Go on with a sweep that was stopped or killed, or that ran out of disk."""
    from lintrans.sweeps.store import load, resume

    outputs.check(Files(None, figure, force, quiet))
    with progress("resume", quiet=quiet or json) as report:
        output = resume(file, force=force, executor=workers.start(), progress=report)
    drawn = figure or (None if json else output.with_suffix(".png"))
    outputs.answer(load(output), Files(output, drawn, force, quiet), json=json)
