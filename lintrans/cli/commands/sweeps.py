"""Commands that compute a sweep, write it and draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli import options, outputs
from lintrans.cli.answers import emit_json, progress, say, table
from lintrans.cli.app import app
from lintrans.cli.options import Axis, Files, Json, NSteps, Problem, Weights, grouped

if TYPE_CHECKING:
    from lintrans.phase import PhaseDiagram

Transient = Annotated[int, typer.Option("--n-transient", help="Steps thrown away first.")]


@app.command("phase-diagram")
@grouped
def phase_diagram(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    files: Files,
    scales: Annotated[str, typer.Option(help="Second axis: factors on the start, as 0.1:2:200.")] = "",
    imbalances: Annotated[str, typer.Option(help="Second axis: values of u^2 - v^2, as -4:4:200.")] = "",
    n_transient: Transient = 4096,
    n_steps: NSteps = 12288,
    max_period: Annotated[int, typer.Option(help="Longest period looked for.")] = 64,
    json: Json = False,
) -> None:
    """Draw the regime over mu or the learning rate, in one parameter or two."""
    from lintrans.phase import phase_diagram

    grid = axis.resolve(problem, weights)
    second: dict[str, Any] = {
        name: options.parse_range(f"--{name}", text)
        for name, text in (("scales", scales), ("imbalances", imbalances))
        if text
    }
    files = outputs.sweep_files(files, "phase_diagram", json=json)
    with progress("phase diagram", quiet=files.quiet or json) as report:
        result = phase_diagram(
            **grid,
            **second,
            n_transient=n_transient,
            n_steps=n_steps,
            max_period=max_period,
            progress=report,
        )
    written = outputs.write(result, files, problem, weights)
    if json:
        emit_json({"counts": result.count(), "boundaries": result.boundaries(), **written})
    elif not files.quiet:
        _say_phase(result)
        outputs.say_written(written)


@app.command()
@grouped
def bifurcation(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    files: Files,
    n_transient: Transient = 4096,
    n_samples: Annotated[int, typer.Option(help="States kept for each mu.")] = 512,
    json: Json = False,
) -> None:
    """Draw where training ends up over mu: the orbit (bifurcation) diagram."""
    from lintrans.orbits import bifurcation_diagram

    grid = axis.resolve(problem, weights)
    files = outputs.sweep_files(files, "bifurcation", json=json)
    with progress("bifurcation", quiet=files.quiet or json) as report:
        result = bifurcation_diagram(**grid, n_transient=n_transient, n_samples=n_samples, progress=report)
    written = outputs.write(result, files, problem, weights)
    if json:
        emit_json({"n_mu": result.mu.size, "n_samples": result.sample.size, **written})
    elif not files.quiet:
        say(f"{result.mu.size} values of mu, {result.sample.size} samples of each")
        outputs.say_written(written)


@app.command()
@grouped
def lyapunov(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    files: Files,
    n_transient: Transient = 4096,
    n_steps: NSteps = 12288,
    json: Json = False,
) -> None:
    """Measure the Lyapunov exponents along the loss and transverse to the slice, over mu."""
    from lintrans.exponents import lyapunov_exponents

    grid = axis.resolve(problem, weights)
    files = outputs.sweep_files(files, "lyapunov", json=json)
    with progress("lyapunov", quiet=files.quiet or json) as report:
        result = lyapunov_exponents(**grid, n_transient=n_transient, n_steps=n_steps, progress=report)
    written = outputs.write(result, files, problem, weights)
    if json:
        names = ("mu", "along", "along_error", "transverse", "transverse_error")
        emit_json({**{name: getattr(result, name) for name in names}, **written})
    elif not files.quiet:
        positive = int((result.along > 0).sum())
        say(f"{result.mu.size} values of mu, exponent along the loss positive at {positive}")
        outputs.say_written(written)


def _say_phase(result: PhaseDiagram) -> None:
    total = result.regime.size
    table([(label, f"{n} cells", f"{n / total:.1%}") for label, n in result.count().items()])
