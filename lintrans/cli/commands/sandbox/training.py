"""Commands that train: many runs of one setting, or the same seeds in several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lintrans.cli.commands.sandbox.arguments import check_page_output, numbers, whole_numbers
from lintrans.cli.commands.sandbox.options import (
    ModelOptions,
    TaskOptions,
    TrainingOptions,
    naming_options,
    parse_seeds,
)
from lintrans.cli.kit import outputs
from lintrans.cli.kit.answers import emit_json, say, table
from lintrans.cli.kit.options import Files, Json, Workers, command_group, example, grouped

if TYPE_CHECKING:
    from lintrans.sandbox import Runs

app = command_group()
Seeds = Annotated[
    str, typer.Option(help="Seeds of the runs: start:stop without the stop, or numbers separated by commas.")
]


@app.command(epilog=example("lintrans sandbox train --seeds 0:8 --epochs 60 --output runs.h5"))
@grouped
def train(
    task: TaskOptions,
    model: ModelOptions,
    training: TrainingOptions,
    workers: Workers,
    files: Files,
    seeds: Seeds = "0:32",
    snapshots: Annotated[
        int,
        typer.Option(help="Number of snapshots that are kept, evenly spaced, with weights and both moments."),
    ] = 101,
    page: Annotated[
        Path | None,
        typer.Option(help="Page with one run of each kind; the name ends in .html.", show_default=False),
    ] = None,
    json: Annotated[
        bool,
        typer.Option("--json", help="Print the table as a JSON list, one object a seed, and nothing else."),
    ] = False,
) -> None:
    """Train many runs, one a seed, and name the circuit that each has found.

    Prints a table by seed: accuracy on the training set, the test set, the unseen sequences and all
    sequences; the circuit in attention; the epochs at which it was formed and read; the number of loss
    spikes. Then the share of each fate, with 95 % intervals. About 40 % of a test set with p = 2 and L = 12
    is in the training set, so that the unseen sequences say more.

    Writes sandbox.h5, the figure sandbox.png and the page sandbox.html, unless --output, --figure and --page
    name other files. The figure shows the best run, and the page the best run of each circuit: runs that
    solve the task first, then by circuit in the order clustering head, signed head, even-weight, irregular,
    none, then by the time to read it. With --json the answer is a list, one row a seed, and figure and page
    are written only if they are named.

    lintrans resume continues a training that was stopped and writes its file and figure; lintrans sandbox
    page writes a page of it.
    """
    from lintrans.sandbox import RunSweep
    from lintrans.sandbox.page import check_plane

    learned = task.made
    with naming_options():
        sweep = RunSweep(
            task=learned,
            model=model.made(learned),
            training=training.made,
            seeds=parse_seeds(seeds),
            n_snapshots=snapshots,
        )
    files = outputs.sweep_files(files, "sandbox", json=json)
    assert files.output is not None  # `sweep_files` has filled it in
    target = page or (None if json else files.output.with_suffix(".html"))
    if target is not None:
        check_page_output(target, force=files.force)
        for other in (files.output, files.figure):
            if other is not None:
                outputs.check_differ(other, target)
        if page is not None:
            check_plane(sweep.model)
    runs = outputs.run(sweep, files, {}, workers.start(), label="training", json=json, unit="runs")
    if not (json or files.quiet):
        _say(runs)
    written = {"output": str(files.output), **outputs.draw(runs, files)}
    left_out = (
        None if target is None else _write_gallery(runs, target, force=files.force, wanted=page is not None)
    )
    if target is not None and left_out is None:
        written["page"] = str(target)
    if json:
        emit_json(runs.table())
    elif not files.quiet:
        outputs.say_written(written)
        say(*filter(None, [left_out]))


def _write_gallery(runs: Runs, path: Path, *, force: bool, wanted: bool) -> str | None:
    """Write the page of a file of runs; where nobody asked for it, say why there is none."""
    from lintrans.errors import InputError
    from lintrans.sandbox import gallery_page

    try:
        page = gallery_page(runs)
    except InputError as error:
        if wanted:
            raise
        return f"no page: {error}"
    page.save(path, force=force)
    return None


def _say(runs: Runs) -> None:
    from lintrans.sandbox.runs import share_lines, table_lines

    table(table_lines(runs.table()))
    say("")
    table(share_lines(runs.fates))


@app.command(
    epilog=example(
        "lintrans sandbox study --seeds 0:8 --epochs 50 --widths 8,32 --rates 1e-3,3e-3 --output study.h5"
    )
)
@grouped
def study(
    task: TaskOptions,
    model: ModelOptions,
    training: TrainingOptions,
    workers: Workers,
    files: Files,
    seeds: Seeds = "0:32",
    rates: Annotated[str, typer.Option(help="Learning rates, separated by commas.", show_default=False)] = "",
    widths: Annotated[
        str, typer.Option(help="Numbers of hidden units, separated by commas.", show_default=False)
    ] = "",
    batch_sizes: Annotated[
        str, typer.Option(help="Batch sizes, separated by commas.", show_default=False)
    ] = "",
    json: Json = False,
) -> None:
    """Count the fates of runs in several settings, over the same seeds.

    Every combination of --rates, --widths and --batch-sizes is a setting; the other options hold for all.
    Prints for each setting how many runs solve the task, with a 95 % interval, how many have each circuit,
    and of those that solve it the median epoch at which the circuit is read and the mean number of loss
    spikes. Writes study.h5 and study.png unless --output and --figure name other files.
    """
    from lintrans.sandbox import StudySweep, cases

    learned = task.made
    for name, listed, one, usual in (
        ("rate", rates, training.rate, TrainingOptions.rate),
        ("width", widths, model.width, ModelOptions.width),
        ("batch-size", batch_sizes, training.batch_size, TrainingOptions.batch_size),
    ):
        _refuse_both(name, listed, one, usual)
    settings = cases(
        model.made(learned),
        training.made,
        rates=numbers("--rates", rates),
        widths=whole_numbers("--widths", widths),
        batch_sizes=whole_numbers("--batch-sizes", batch_sizes),
    )
    sweep = StudySweep(settings, task=learned, seeds=parse_seeds(seeds))
    files = outputs.sweep_files(files, "study", json=json)
    result = outputs.run(sweep, files, {}, workers.start(), label="training", json=json, unit="runs")
    outputs.answer(result, files, json=json)


def _refuse_both(name: str, listed: str, one: float, usual: float) -> None:
    from lintrans.errors import InputError

    if listed and one != usual:
        raise InputError(
            f"--{name} and --{name}s must not both be given, got {one:g} and {listed}; leave one out"
        )
