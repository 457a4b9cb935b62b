"""Commands that compute a sweep, write it and draw it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lintrans.cli.commands.problem import Axis, Problem, Step, Variation, Weights, context
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.options import Files, Json, NSteps, Workers, command_group, grouped

app = command_group()
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
    from lintrans.two_factor.phase import PhaseSweep

    grid = axis.resolve(problem, weights)
    second: dict[str, Any] = {
        name: ranges.parse_range(f"--{name}", text)
        for name, text in (("scales", scales), ("imbalances", imbalances))
        if text
    }
    files = outputs.sweep_files(files, "phase_diagram", json=json)
    sweep = PhaseSweep(
        **grid,
        **second,
        n_transient=n_transient,
        n_steps=n_steps,
        max_period=max_period,
        verdicts_only=verdicts_only,
        refine_from=refine_from,
    )
    result = outputs.run(
        sweep, files, context(problem, weights), workers.start(), label="phase diagram", json=json
    )
    outputs.answer(result, files, json=json)


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
    from lintrans.two_factor.orbits import BifurcationSweep

    grid = axis.resolve(problem, weights)
    variant = variation.resolve(problem)
    files = outputs.sweep_files(files, "bifurcation", json=json)
    sweep = BifurcationSweep(**grid, n_transient=n_transient, n_samples=n_samples, variant=variant)
    result = outputs.run(
        sweep, files, context(problem, weights), workers.start(), label="bifurcation", json=json
    )
    outputs.answer(result, files, json=json)


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
    from lintrans.two_factor.exponents import LyapunovSweep

    grid = axis.resolve(problem, weights)
    files = outputs.sweep_files(files, "lyapunov", json=json)
    sweep = LyapunovSweep(**grid, n_transient=n_transient, n_steps=n_steps, transverse=not along_only)
    result = outputs.run(
        sweep, files, context(problem, weights), workers.start(), label="lyapunov", json=json
    )
    outputs.answer(result, files, json=json)


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
    from lintrans.two_factor.basins import BasinSweep

    texts = {"u": u, "v": v, "a": a, "b": b} if u or v or a or b else {"u": WINDOW, "v": WINDOW}
    window: dict[str, Any] = {
        name: ranges.parse_range(f"--{name}", text) for name, text in texts.items() if text
    }
    sweep = BasinSweep(step.effective(problem), **window, n_steps=n_steps, variant=variation.resolve(problem))
    files = outputs.sweep_files(files, "basin", json=json)
    result = outputs.run(sweep, files, context(problem), workers.start(), label="basin", json=json)
    outputs.answer(result, files, json=json)
