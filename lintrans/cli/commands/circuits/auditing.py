"""The command that checks checkpoints before they are measured."""

from __future__ import annotations

from typing import Annotated

import typer

from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Json, command_group, example

app = command_group()


@app.command(epilog=example("lintrans circuits audit checkpoints --strict"))
def audit(
    source: Annotated[
        str,
        typer.Argument(
            help="Folder with a checkpoint or with one per subfolder, a .gguf file, or owner/name on the "
            "Hugging Face Hub. Some checkpoints only: owner/name@step1,step512.",
            metavar="SOURCE",
            show_default=False,
        ),
    ],
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail too.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but what --json asks for.")] = False,
    json: Json = False,
) -> None:
    """Check the checkpoints of a model before they are measured.

    Finds checkpoints with the same weights, missing files and steps, weights that are NaN or infinite, shapes
    that change, and tensors that do not lie where their neighbours in training say. Of the Hub only lists of
    files and their digests are fetched; files of torch.save, whose names end in .bin, need pip install
    'lintrans[circuits]'. The exit code is 1 if there are errors, with --strict also if there are warnings.
    """
    from lintrans.circuits.audit import audit as check
    from lintrans.circuits.sources import open_source

    opened = open_source(source)
    with progress("audit", quiet=quiet or json, unit="checkpoints") as report:
        found = check(opened, progress=report)
    if json:
        emit_json(found.answer())
    elif not quiet:
        say(found.verdict())
        if found.findings:
            say("")
            table(found.finding_lines())
        say("")
        table(found.lines())
    code = found.code(strict=strict)
    if code:
        raise typer.Exit(code)
