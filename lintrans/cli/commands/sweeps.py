"""Commands that compute a sweep, write it and draw it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from lintrans.cli import options, outputs
from lintrans.cli.answers import emit_json, progress, say, say_items, table
from lintrans.cli.app import app
from lintrans.cli.options import (
    Axis,
    Files,
    Json,
    NSteps,
    Problem,
    Step,
    Variation,
    Weights,
    Workers,
    grouped,
)

WINDOW = "-3:3:512"
Transient = Annotated[int, typer.Option("--n-transient", help="Steps thrown away first.")]


@app.command("phase-diagram")
@grouped
def phase_diagram(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    workers: Workers,
    files: Files,
    scales: Annotated[str, typer.Option(help="Second axis: factors on the start, as 0.1:2:200.")] = "",
    imbalances: Annotated[str, typer.Option(help="Second axis: values of u^2 - v^2, as -4:4:200.")] = "",
    n_transient: Transient = 4096,
    n_steps: NSteps = 12288,
    max_period: Annotated[int, typer.Option(help="Longest period looked for.")] = 64,
    verdicts_only: Annotated[
        bool, typer.Option("--verdicts-only", help="Keep no evidence: 1 byte a cell, not 161.")
    ] = False,
    refine_from: Annotated[
        int | None,
        typer.Option(
            help="Compute every so many-th cell, others only where verdicts differ; as 16.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw the regime over mu or the learning rate, in one parameter or two."""
    from lintrans.phase import phase_sweep

    grid = axis.resolve(problem, weights)
    second: dict[str, Any] = {
        name: options.parse_range(f"--{name}", text)
        for name, text in (("scales", scales), ("imbalances", imbalances))
        if text
    }
    files = outputs.sweep_files(files, "phase_diagram", json=json)
    sweep = phase_sweep(
        **grid,
        **second,
        n_transient=n_transient,
        n_steps=n_steps,
        max_period=max_period,
        verdicts_only=verdicts_only,
        refine_from=refine_from,
    )
    result = outputs.run(sweep, files, problem, weights, workers.start(), label="phase diagram", json=json)
    _answer(result, files, json=json)


@app.command()
@grouped
def bifurcation(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    variation: Variation,
    workers: Workers,
    files: Files,
    n_transient: Transient = 4096,
    n_samples: Annotated[int, typer.Option(help="States kept for each mu.")] = 512,
    json: Json = False,
) -> None:
    """Draw where training ends up over mu: the orbit (bifurcation) diagram."""
    from lintrans.orbits import bifurcation_sweep

    grid = axis.resolve(problem, weights)
    variant = variation.resolve(problem)
    files = outputs.sweep_files(files, "bifurcation", json=json)
    sweep = bifurcation_sweep(**grid, n_transient=n_transient, n_samples=n_samples, variant=variant)
    result = outputs.run(sweep, files, problem, weights, workers.start(), label="bifurcation", json=json)
    _answer(result, files, json=json)


@app.command()
@grouped
def lyapunov(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    workers: Workers,
    files: Files,
    n_transient: Transient = 4096,
    n_steps: NSteps = 12288,
    along_only: Annotated[
        bool, typer.Option("--along-only", help="Leave out the transverse exponent; faster if balanced.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure the Lyapunov exponents along the loss and transverse to the slice, over mu."""
    from lintrans.exponents import lyapunov_sweep

    grid = axis.resolve(problem, weights)
    files = outputs.sweep_files(files, "lyapunov", json=json)
    sweep = lyapunov_sweep(**grid, n_transient=n_transient, n_steps=n_steps, transverse=not along_only)
    result = outputs.run(sweep, files, problem, weights, workers.start(), label="lyapunov", json=json)
    _answer(result, files, json=json)


@app.command()
@grouped
def basin(
    problem: Problem,
    step: Step,
    variation: Variation,
    workers: Workers,
    files: Files,
    u: Annotated[
        str, typer.Option(help="Window of starts, as -3:3:512; with --v.  [default: -3:3:512]")
    ] = "",
    v: Annotated[str, typer.Option(help="Its other side.  [default: -3:3:512]")] = "",
    a: Annotated[str, typer.Option(help="Window in modes instead, a = sqrt(mu) (u + v) / 2; with --b.")] = "",
    b: Annotated[str, typer.Option(help="Its other side, b = sqrt(mu) (u - v) / 2.")] = "",
    n_steps: NSteps = 2000,
    json: Json = False,
) -> None:
    """Map where training ends from every start of a window, at one learning rate."""
    from lintrans.basins import basin_sweep

    texts = {"u": u, "v": v, "a": a, "b": b} if u or v or a or b else {"u": WINDOW, "v": WINDOW}
    window: dict[str, Any] = {
        name: options.parse_range(f"--{name}", text) for name, text in texts.items() if text
    }
    sweep = basin_sweep(
        step.effective(problem), **window, n_steps=n_steps, variant=variation.resolve(problem)
    )
    files = outputs.sweep_files(files, "basin", json=json)
    result = outputs.run(sweep, files, problem, None, workers.start(), label="basin", json=json)
    _answer(result, files, json=json)


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
    from lintrans.store import load, resume

    outputs.check(Files(None, figure, force, quiet))
    with progress("resume", quiet=quiet or json) as report:
        output = resume(file, force=force, executor=workers.start(), progress=report)
    drawn = figure or (None if json else output.with_suffix(".png"))
    _answer(load(output), Files(output, drawn, force, quiet), json=json)


def _answer(result: Any, files: Files, *, json: bool) -> None:
    """Draw a sweep's result, and say or print what it holds and what was written."""
    written = {"output": str(files.output), **outputs.draw(result, files)}
    if json:
        summary = _SUMMARIES[result.kind](result) if result.kind in _SUMMARIES else result.summary()
        emit_json({**summary, **written})
    elif not files.quiet:
        if result.kind in _LINES:
            _LINES[result.kind](result)
        else:
            say_items(result.summary())
        outputs.say_written(written)


def _lyapunov_arrays(result: Any) -> dict[str, Any]:
    return {v.name: v.values for v in result.variables()}


def _regime_summary(result: Any) -> dict[str, Any]:
    boundaries = result.boundaries() if result.start.size == 1 else []
    return {"counts": result.count(), "sources": result.count_sources(), "boundaries": boundaries}


def _say_regimes(result: Any) -> None:
    refined = getattr(result, "source", None) is not None
    for counts in (result.count(), result.count_sources() if refined else {}):
        if counts:
            table([(label, f"{n} cells", f"{n / result.regime.size:.1%}") for label, n in counts.items()])


def _say_samples(result: Any) -> None:
    say(f"{result.mu.size} values of mu, {result.sample.size} samples of each")


def _say_exponents(result: Any) -> None:
    positive = int((result.along > 0).sum())
    say(f"{result.mu.size} values of mu, exponent along the loss positive at {positive}")


_SUMMARIES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "phase_diagram": _regime_summary,
    "basin_map": lambda result: {"mu": result.mu, "counts": result.count()},
    "bifurcation_diagram": lambda result: {"n_mu": result.mu.size, "n_samples": result.sample.size},
    "lyapunov_exponents": _lyapunov_arrays,
}
_LINES: dict[str, Callable[[Any], None]] = {
    "phase_diagram": _say_regimes,
    "basin_map": _say_regimes,
    "bifurcation_diagram": _say_samples,
    "lyapunov_exponents": _say_exponents,
}
