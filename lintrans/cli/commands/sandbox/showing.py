"""Commands that show runs: as a page, or as a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lintrans.cli.commands.sandbox.arguments import (
    Label,
    RunFile,
    Seed,
    check_page_output,
    chosen_seed,
    read_runs,
)
from lintrans.cli.commands.sandbox.options import naming_options
from lintrans.cli.kit.answers import emit_json, progress, say
from lintrans.cli.kit.options import Json, command_group, example

app = command_group()


@app.command(epilog=example("lintrans sandbox page runs.h5 --seed 1"))
def page(
    file: RunFile,
    seed: Seed = None,
    label: Label = "",
    compare: Annotated[
        int | None, typer.Option(help="Seed of a second run, to be shown beside it.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Page to write; the name ends in .html.  [default: FILE_seedN.html]", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print no summary.")] = False,
    json: Json = False,
) -> None:
    """Write a page that shows every layer of a run at every epoch, and trains on in the browser.

    The model must have d = 2. Epochs between snapshots are trained again. The page is one file that works
    offline. It has sixteen linked panels, from the token table to the accuracy, and a slider over all epochs.
    The example reads the file that the example of lintrans sandbox train writes.
    """
    from lintrans.errors import InputError
    from lintrans.sandbox.gallery import run_page

    if output is not None:
        check_page_output(output, force=force)
    runs = read_runs(file)
    chosen = [chosen_seed(runs, seed, label)] + ([] if compare is None else [compare])
    if len(set(chosen)) < len(chosen):
        raise InputError(f"--compare must be another run, got seed {compare} twice; choose two")
    target = output or beside(file, chosen, ".html")
    check_page_output(target, force=force)
    run_page(runs, *chosen).save(target, force=force)
    labels, size = [runs.label(one) for one in chosen], target.stat().st_size
    if json:
        emit_json({"seeds": chosen, "labels": labels, "output": str(target), "bytes": size})
    elif not quiet:
        say(*(f"seed {one}: {name}" for one, name in zip(chosen, labels, strict=True)))
        say(f"wrote {target} ({size / 1e6:.1f} MB), one file that works offline")


@app.command(epilog=example("lintrans sandbox movie runs.h5 --seed 1 --output run.gif --frames 60"))
def movie(
    file: RunFile,
    seed: Seed = None,
    label: Label = "",
    output: Annotated[
        Path | None,
        typer.Option(
            help="Movie to write; the name ends in .gif or .mp4.  [default: FILE_seedN.gif]",
            show_default=False,
        ),
    ] = None,
    frames: Annotated[int, typer.Option(help="Number of frames, evenly spaced over the epochs.")] = 200,
    fps: Annotated[int, typer.Option(help="Frames a second, at most 120; of a GIF at most 50.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor a summary.")] = False,
    json: Json = False,
) -> None:
    """Write a movie of a run with d = 2: its layers over the epochs.

    A name that ends in .mp4 needs pip install 'lintrans[movie]'. The example reads the file that the example
    of lintrans sandbox train writes.
    """
    from lintrans.sandbox.movie import check_movie_path, save_movie

    if output is not None:
        check_movie_path(output, force=force)
    runs = read_runs(file)
    chosen = chosen_seed(runs, seed, label)
    target = check_movie_path(output or beside(file, [chosen], ".gif"), force=force)
    with progress("movie", quiet=quiet or json, unit="frames") as report, naming_options():
        n = save_movie(runs, chosen, target, n_frames=frames, fps=fps, force=force, progress=report)
    answer = {"seed": chosen, "label": runs.label(chosen), "frames": n, "output": str(target)}
    if json:
        emit_json(answer)
    elif not quiet:
        say(f"seed {chosen}: {answer['label']}", f"wrote {target}, {n} frames")


def beside(file: Path, seeds: list[int], suffix: str) -> Path:
    """Name of what shows runs of a file."""
    return file.with_name(f"{file.stem}_seed{'_'.join(map(str, seeds))}{suffix}")
