"""Commands that measure: one run over its training, or the circuit of weights."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.commands.sandbox.arguments import (
    Label,
    RunFile,
    Seed,
    chosen_seed,
    read_runs,
    whole_numbers,
)
from lintrans.cli.commands.sandbox.options import ModelOptions, TaskOptions
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Files, Json, command_group, example, grouped

if TYPE_CHECKING:
    from lintrans.sandbox import Runs, Spike

app = command_group()
FAR = 99  # units from whole numbers
SPIKE_HEAD = ("spike", "steps", "loss before", "at the peak", "answers lost", "rank of |xi|", "rose first")


@app.command(epilog=example("lintrans sandbox measure runs.h5 --seed 1 --steps 0:3840:4"))
@grouped
def measure(
    file: RunFile,
    files: Files,
    seed: Seed = None,
    label: Label = "",
    steps: Annotated[
        str,
        typer.Option(
            help="Steps at which to measure: start:stop:count, or numbers separated by commas.  [default: "
            "all snapshots]",
            show_default=False,
        ),
    ] = "",
    no_curvature: Annotated[
        bool, typer.Option("--no-curvature", help="Leave out the Hessian, which takes most of the time.")
    ] = False,
    spikes: Annotated[
        bool,
        typer.Option(
            "--spikes",
            help="Also say of every loss spike which answers it cost, and which part of the weights had the "
            "curvature that rose first; a second or two each.",
        ),
    ] = False,
    n_workers: Annotated[
        int | None,
        typer.Option(help="Number of threads to start.  [default: one per core]", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Measure one run over its training: circuit, gradient, curvature.

    Prints at about ten steps the loss, the accuracy on all sequences, the shares of the variance of xi
    (between counts of the summed tokens, between orders of them, of all other positions), the attention on
    the summed positions, the clusters of xi, the least length of xi, and the largest eigenvalue of the
    Hessian: plain, and preconditioned by Adam. xi is what attention hands on to the feed-forward network. The
    example reads the file that the example of lintrans sandbox train writes. Writes measures.h5 and
    measures.png unless --output and --figure name other files.
    """
    from lintrans.sandbox import measure_run

    files = outputs.sweep_files(files, "measures", json=json)
    for path in (files.output, files.figure):
        if path is not None:
            outputs.check_differ(file, path)
    runs = read_runs(file)
    chosen = chosen_seed(runs, seed, label)
    wanted = _steps(steps) if steps else None
    explained = _explain(runs, chosen, n_workers, quiet=files.quiet or json) if spikes else None
    with progress("measures", quiet=files.quiet or json, unit="snapshots") as report:
        result = measure_run(
            runs,
            chosen,
            steps=wanted,
            curvature=not no_curvature,
            spikes=explained,
            n_threads=n_workers,
            progress=report,
        )
    written = outputs.write(result, files, {"source": file.name})
    if json:
        emit_json({**result.answer(), **written})
    elif not files.quiet:
        table(result.lines())
        if explained is not None:
            say("")
            found = [_spike_line(one) for one in result.spike_rows()]
            table([SPIKE_HEAD, *found] if found else [("no loss spikes",)])
        outputs.say_written(written)


def _steps(text: str) -> list[int]:
    if ":" in text:
        import numpy as np

        found: list[int] = np.unique(ranges.parse_range("--steps", text).round().astype(int)).tolist()
        return found
    return whole_numbers("--steps", text)


def _explain(runs: Runs, seed: int, n_workers: int | None, *, quiet: bool) -> list[Spike]:
    from lintrans.sandbox import spikes_of_run

    with progress("spikes", quiet=quiet, unit="spikes") as report:
        return spikes_of_run(runs, seed, n_threads=n_workers, progress=report)


def _spike_line(found: dict[str, Any]) -> tuple[str, ...]:
    rank = found["xi_rank"]
    return (
        str(found["epoch"]),
        f"{found['onset']} to {found['peak']}",
        f"{found['usual_loss']:.3g}",
        f"{found['peak_loss']:.3g}",
        str(found["lost"]),
        "-" if math.isnan(rank) else f"{rank:.2f}",
        found["leader"],
    )


@app.command(name="label", epilog=example("lintrans sandbox label runs.h5"))
@grouped
def label_(
    task: TaskOptions,
    model: ModelOptions,
    file: Annotated[
        Path,
        typer.Argument(
            help="Result file of lintrans sandbox train, or NPZ file with the arrays tokens, positions, "
            "query, value, up, up_bias, down, down_bias.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    seed: Annotated[
        int | None, typer.Option(help="Seed of one run.  [default: all of the file]", show_default=False)
    ] = None,
    step: Annotated[
        int | None, typer.Option(help="Step of the runs.  [default: the last]", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but what --json asks for.")] = False,
    json: Json = False,
) -> None:
    """Name the circuit in attention, and say by which margins.

    The effect of a position is how far xi moves when its token changes; xi is what attention hands on to the
    feed-forward network. In units of one vector the effects of a circuit are whole numbers. A clustering head
    has 1 at the summed positions and 0 elsewhere. A signed head has 1 and -1, and an even-weight circuit odd
    numbers at the summed positions and even ones elsewhere; both are right modulo 2. Without such numbers the
    label is irregular if the network is better than chance, else none.

    Options of task and model are for NPZ files; result files hold theirs. The example reads the file that the
    example of lintrans sandbox train writes.
    """
    if file.suffix.lower() == ".npz":
        _refuse(file, "a result file", seed=seed, step=step)
        found = [_label_of_weights(task, model, file)]
    else:
        changed = {
            f.name: getattr(group, f.name)
            for group in (task, model)
            for f in fields(group)
            if getattr(group, f.name) != f.default
        }
        _refuse(file, "an NPZ file", **changed)
        found = _labels_of_runs(read_runs(file), seed, step)
    if json:
        emit_json(found)
    elif not quiet:
        head = ("seed", "circuit", "pattern", "deviation", "share", "accuracy", "why")
        table([head, *(_label_line(one) for one in found)])


def _refuse(file: Path, needed: str, **given: Any) -> None:
    """Refuse options that say nothing of this kind of file."""
    from lintrans.errors import InputError

    for name, value in given.items():
        if value is not None:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option} is for {needed}, got {value} with {file}; leave it out")


def _label_of_weights(task: TaskOptions, model: ModelOptions, file: Path) -> dict[str, Any]:
    from lintrans.prompts.readers import naming_file, read_npz
    from lintrans.sandbox import check_weights
    from lintrans.sandbox.model import PARTS

    learned = task.made
    with naming_file(file) as path:
        weights = check_weights(learned, model.made(learned), read_npz(path, PARTS))
    return {"seed": None} | _label(learned, model.made(learned), weights)


def _labels_of_runs(runs: Runs, seed: int | None, step: int | None) -> list[dict[str, Any]]:
    from lintrans.sandbox.model import unflatten

    seeds = runs.seed.tolist() if seed is None else [seed]
    at = int(runs.step[-1]) if step is None else step
    found = []
    for one in seeds:
        flat = runs.replay(one, [at])[0, 0]
        found.append({"seed": one} | _label(runs.task, runs.model, unflatten(runs.task, runs.model, flat)))
    return found


def _label(task: Any, model: Any, weights: Any) -> dict[str, Any]:
    from lintrans.sandbox import circuit

    found = circuit(task, model, weights)
    return {
        "label": found.label,
        "pattern": found.pattern,
        "deviation": found.deviation,
        "share": found.share,
        "nearest": found.nearest,
        "accuracy": found.accuracy,
        "margins": found.margins._asdict(),
        "reason": found.reason,
    }


def _label_line(found: dict[str, Any]) -> tuple[str, ...]:
    pattern = found["pattern"]
    return (
        "-" if found["seed"] is None else str(found["seed"]),
        found["label"],
        "-" if pattern is None else " ".join(map(str, pattern)),
        f"{found['deviation']:.2f}" if found["deviation"] < FAR else f"over {FAR}",
        f"{found['share']:.3f}",
        f"{found['accuracy']:.1%}",
        found["reason"],
    )
