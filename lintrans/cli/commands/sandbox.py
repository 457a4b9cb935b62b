"""Commands of the sandbox: train runs, study settings, measure a run, label weights, show a run."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from lintrans.cli.commands.sandbox_options import ModelOptions, TaskOptions, TrainingOptions, parse_seeds
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, progress, say, table
from lintrans.cli.kit.options import Files, Json, Workers, command_group, example, grouped

if TYPE_CHECKING:
    from lintrans.sandbox import Runs

Number = TypeVar("Number", int, float)

app = command_group()
sandbox = command_group()
app.add_typer(
    sandbox,
    name="sandbox",
    help="Train small transformers on modular addition, and see every layer at every step.\n\n"
    "lintrans sandbox COMMAND --help explains a command and ends with an example of it.",
    epilog=example("lintrans sandbox train --seeds 0:8 --epochs 60 --output runs.h5"),
)
Seeds = Annotated[
    str, typer.Option(help="Seeds of the runs: start:stop without the stop, or numbers separated by commas.")
]
FAR = 99  # units from whole numbers
SPIKE_HEAD = ("spike", "steps", "loss before", "at the peak", "answers lost", "rank of |xi|", "rose first")
RunFile = Annotated[
    Path, typer.Argument(help="Result file of lintrans sandbox train.", metavar="FILE", show_default=False)
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of the run.  [default: the best run of the file]", show_default=False),
]
Label = Annotated[
    str,
    typer.Option(
        help="Take the best run with this circuit: clustering head, signed head, even-weight, irregular or "
        "none.",
        show_default=False,
    ),
]


@sandbox.command(epilog=example("lintrans sandbox train --seeds 0:8 --epochs 60 --output runs.h5"))
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
    json: Json = False,
) -> None:
    """Train many runs, one a seed, and name the circuit that each has found.

    Prints a table by seed: accuracy on the training set, the test set, the unseen sequences and all
    sequences; the circuit in attention; the epochs at which it was formed and read; the number of loss
    spikes. Then the share of each fate, with 95 % intervals. About 40 % of a test set with p = 2 and L = 12
    is in the training set, so that the unseen sequences say more.

    Writes sandbox.h5, the figure sandbox.png and the page sandbox.html, unless --output, --figure and --page
    name other files. The run that is shown is the best: runs that solve the task first, then by circuit in
    the order clustering head, signed head, even-weight, irregular, none, then by the time to read it. With
    --json the answer is a list, one row a seed, and figure and page are written only if they are named.

    lintrans resume continues a training that was stopped and writes its file and figure; lintrans sandbox
    page writes a page of it.
    """
    from lintrans.sandbox import RunSweep
    from lintrans.sandbox.page import check_plane

    learned = task.made
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
        _check_page(target, force=files.force)
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


@sandbox.command(
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
        rates=_numbers("--rates", rates),
        widths=_wholes("--widths", widths),
        batch_sizes=_wholes("--batch-sizes", batch_sizes),
    )
    sweep = StudySweep(settings, task=learned, seeds=parse_seeds(seeds))
    files = outputs.sweep_files(files, "study", json=json)
    result = outputs.run(sweep, files, {}, workers.start(), label="training", json=json, unit="runs")
    outputs.answer(result, files, json=json)


@sandbox.command(epilog=example("lintrans sandbox measure runs.h5 --seed 1 --steps 0:3840:4"))
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
    runs = _read(file)
    chosen = _seed(runs, seed, label)
    wanted = _steps(steps) if steps else None
    with progress("measures", quiet=files.quiet or json, unit="snapshots") as report:
        result = measure_run(
            runs, chosen, steps=wanted, curvature=not no_curvature, n_threads=n_workers, progress=report
        )
    explained = _explain(runs, chosen, n_workers, quiet=files.quiet or json) if spikes else None
    written = outputs.write(result, files, {"source": file.name})
    if json:
        emit_json({**result.answer(), **({} if explained is None else {"spikes": explained}), **written})
    elif not files.quiet:
        table(result.lines())
        if explained is not None:
            say("")
            table([SPIKE_HEAD, *map(_spike_line, explained)])
        outputs.say_written(written)


@sandbox.command(name="label", epilog=example("lintrans sandbox label runs.h5"))
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
        found = _labels_of_runs(_read(file), seed, step)
    if json:
        emit_json(found)
    elif not quiet:
        head = ("seed", "circuit", "pattern", "deviation", "share", "accuracy", "why")
        table([head, *(_label_line(one) for one in found)])


@sandbox.command(epilog=example("lintrans sandbox page runs.h5 --seed 1"))
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

    The page is one file that works offline. It has sixteen linked panels, from the token table to the
    accuracy, and a slider over all epochs. The example reads the file that the example of lintrans sandbox
    train writes.
    """
    from lintrans.errors import InputError
    from lintrans.sandbox.gallery import run_page

    if output is not None:
        _check_page(output, force=force)
    runs = _read(file)
    chosen = [_seed(runs, seed, label)] + ([] if compare is None else [compare])
    if len(set(chosen)) < len(chosen):
        raise InputError(f"--compare must be another run, got seed {compare} twice; choose two")
    target = output or _beside(file, chosen, ".html")
    _check_page(target, force=force)
    run_page(runs, *chosen).save(target, force=force)
    labels, size = [runs.label(one) for one in chosen], target.stat().st_size
    if json:
        emit_json({"seeds": chosen, "labels": labels, "output": str(target), "bytes": size})
    elif not quiet:
        say(*(f"seed {one}: {name}" for one, name in zip(chosen, labels, strict=True)))
        say(f"wrote {target} ({size / 1e6:.1f} MB), one file that works offline")


@sandbox.command(epilog=example("lintrans sandbox movie runs.h5 --seed 1 --output run.gif --frames 60"))
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
    fps: Annotated[int, typer.Option(help="Frames a second.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print neither progress nor a summary.")] = False,
    json: Json = False,
) -> None:
    """Write a movie of a run: its layers over the epochs.

    A name that ends in .mp4 needs pip install 'lintrans[movie]'. The example reads the file that the example
    of lintrans sandbox train writes.
    """
    from lintrans.sandbox.movie import check_movie_path, save_movie

    if output is not None:
        check_movie_path(output, force=force)
    runs = _read(file)
    chosen = _seed(runs, seed, label)
    target = check_movie_path(output or _beside(file, [chosen], ".gif"), force=force)
    with progress("movie", quiet=quiet or json, unit="frames") as report:
        n = save_movie(runs, chosen, target, n_frames=frames, fps=fps, force=force, progress=report)
    answer = {"seed": chosen, "label": runs.label(chosen), "frames": n, "output": str(target)}
    if json:
        emit_json(answer)
    elif not quiet:
        say(f"seed {chosen}: {answer['label']}", f"wrote {target}, {n} frames")


def _say(runs: Runs) -> None:
    from lintrans.sandbox.runs import share_lines, table_lines

    table(table_lines(runs.table()))
    say("")
    table(share_lines(runs.fates))


def _explain(runs: Runs, seed: int, n_workers: int | None, *, quiet: bool) -> list[dict[str, Any]]:
    from lintrans.sandbox.histories import spike_rows, spikes_of_run

    with progress("spikes", quiet=quiet, unit="spikes") as report:
        return spike_rows(spikes_of_run(runs, seed, n_threads=n_workers, progress=report))


def _spike_line(found: dict[str, Any]) -> tuple[str, ...]:
    rank = found["xi_rank"]
    return (
        str(found["epoch"]),
        f"{found['onset']} to {found['peak']}",
        f"{found['usual_loss']:.3g}",
        f"{found['peak_loss']:.3g}",
        str(found["crossed"]),
        "-" if math.isnan(rank) else f"{rank:.2f}",
        found["leader"] or "none",
    )


def _read(file: Path) -> Runs:
    """Runs of a file; an InputError if it holds something else."""
    from lintrans.errors import InputError
    from lintrans.sandbox import Runs
    from lintrans.sweeps.store import load

    found = load(file)
    if not isinstance(found, Runs):
        raise InputError(
            f"file must be of lintrans sandbox train, got {file} with {found.kind}; choose another"
        )
    return found


def _seed(runs: Runs, seed: int | None, label: str) -> int:
    from lintrans.errors import InputError

    if seed is None:
        return runs.best(label)
    if label:
        raise InputError(f"--seed and --label must not both be given, got {seed} and {label}; leave one out")
    runs.row(seed)
    return seed


def _beside(file: Path, seeds: list[int], suffix: str) -> Path:
    """Name of what shows runs of a file."""
    return file.with_name(f"{file.stem}_seed{'_'.join(map(str, seeds))}{suffix}")


def _check_page(path: Path, *, force: bool) -> None:
    from lintrans.pages.page import check_page_path
    from lintrans.sweeps.store import check_output

    check_output(check_page_path(path), force=force)


def _steps(text: str) -> list[int]:
    if ":" in text:
        import numpy as np

        found: list[int] = np.unique(ranges.parse_range("--steps", text).round().astype(int)).tolist()
        return found
    return _wholes("--steps", text)


def _wholes(name: str, text: str) -> list[int]:
    from lintrans.errors import count

    return _different(name, [count(name, ranges.whole(word), minimum=0) for word in text.split(",") if text])


def _numbers(name: str, text: str) -> list[float]:
    from lintrans.errors import positive

    return _different(name, [positive(name, word) for word in text.split(",") if text])


def _different(name: str, values: list[Number]) -> list[Number]:
    from lintrans.errors import InputError

    if len(set(values)) < len(values):
        listed = ",".join(f"{value:g}" for value in values)
        raise InputError(f"{name} must be different, got {listed}; write each once")
    return values


def _refuse_both(name: str, listed: str, one: float, usual: float) -> None:
    from lintrans.errors import InputError

    if listed and one != usual:
        raise InputError(
            f"--{name} and --{name}s must not both be given, got {one:g} and {listed}; leave one out"
        )


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
