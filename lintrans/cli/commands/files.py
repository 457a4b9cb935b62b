"""Commands about a result file: what it holds, its figure again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from lintrans.cli import outputs
from lintrans.cli.answers import emit_json, say, say_items
from lintrans.cli.app import app
from lintrans.cli.options import Json

VARIABLES = (
    "Of a bifurcation diagram: uv, a or loss; of a basin map: regime, steps, sharpness or branch; "
    "of branches of cycles: uv or a; of a map of risks: left or diverged."
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
    from lintrans.phase import PhaseDiagram
    from lintrans.regimes import Regime
    from lintrans.store import load

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
    from lintrans.store import check_output, load

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
