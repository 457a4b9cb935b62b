"""Commands that compute a sweep, write it and draw it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from lintrans.cli.commands.problem import EXAMPLE_PROMPT, Axis, Problem, Step, Variation, Weights, context
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.options import Files, Json, NSteps, Workers, command_group, example, grouped
from lintrans.two_factor import defaults

app = command_group()
WINDOW = "-3:3:512"
Transient = Annotated[int, typer.Option("--n-transient", help="Number of initial steps to discard.")]


@app.command(
    "phase-diagram",
    epilog=example(
        f"lintrans phase-diagram {EXAMPLE_PROMPT} --step-size 1e-6:1.6e-4:200 --output phase_diagram.h5"
    ),
)
@grouped
def phase_diagram(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    workers: Workers,
    files: Files,
    scales: Annotated[
        str, typer.Option(help="Second axis: factors that scale the start, e.g. 0.1:2:200.")
    ] = "",
    imbalances: Annotated[
        str, typer.Option(help="Second axis: imbalances u^2 - v^2 of the start, e.g. -4:4:200.")
    ] = "",
    n_transient: Transient = defaults.N_TRANSIENT,
    n_steps: NSteps = defaults.N_STEPS,
    max_period: Annotated[int, typer.Option(help="Longest period to detect.")] = defaults.MAX_PERIOD,
    verdicts_only: Annotated[
        bool,
        typer.Option(
            "--verdicts-only",
            help="Store the regimes only, not the measurements behind them: 1 byte per cell instead of 161.",
        ),
    ] = False,
    refine_from: Annotated[
        int | None,
        typer.Option(
            help="Compute every Nth cell first, e.g. 16, then others only where regimes differ.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Draw how training ends over the learning rate.

    The regime of each cell is monotone (the loss falls at every step and converges), catapult (it converges
    after rising at least once), periodic, chaotic, divergent, or unresolved (too few steps to tell). Starts
    can vary on a second axis. Writes phase_diagram.h5 and phase_diagram.png unless --output and --figure name
    other files. An interrupted run is continued by lintrans resume.
    """
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


@app.command(epilog=example("lintrans bifurcation --mu 0.8:2.02:300 --output bifurcation.h5"))
@grouped
def bifurcation(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    variation: Variation,
    workers: Workers,
    files: Files,
    n_transient: Transient = defaults.N_TRANSIENT,
    n_samples: Annotated[int, typer.Option(help="Number of steps to keep for each mu.")] = defaults.N_SAMPLES,
    json: Json = False,
) -> None:
    """Draw the long-run predictions over the learning rate.

    This is the bifurcation (orbit) diagram: one point where training converges, several where it ends on a
    cycle, a band where it is chaotic. Writes bifurcation.h5 and bifurcation.png unless --output and --figure
    name other files.
    """
    from lintrans.two_factor.orbits import BifurcationSweep

    grid = axis.resolve(problem, weights)
    variant = variation.resolve(problem)
    files = outputs.sweep_files(files, "bifurcation", json=json)
    sweep = BifurcationSweep(**grid, n_transient=n_transient, n_samples=n_samples, variant=variant)
    result = outputs.run(
        sweep, files, context(problem, weights), workers.start(), label="bifurcation", json=json
    )
    outputs.answer(result, files, json=json)


@app.command(epilog=example("lintrans lyapunov --mu 0.9:2.05:300 --n-steps 4096 --output lyapunov.h5"))
@grouped
def lyapunov(
    problem: Problem,
    axis: Axis,
    weights: Weights,
    workers: Workers,
    files: Files,
    n_transient: Transient = defaults.N_TRANSIENT,
    n_steps: NSteps = defaults.N_STEPS,
    along_only: Annotated[
        bool, typer.Option("--along-only", help="Skip the transverse exponent; faster for balanced starts.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure Lyapunov exponents over the learning rate.

    A Lyapunov exponent is the mean growth rate, in nats per step, of a small difference between two runs;
    above 0 training is chaotic. It is measured along the balanced slice u = v, and transverse to it: the
    growth of the imbalance u - v. Writes lyapunov.h5 and lyapunov.png unless --output and --figure name other
    files.
    """
    from lintrans.two_factor.exponents import LyapunovSweep

    grid = axis.resolve(problem, weights)
    files = outputs.sweep_files(files, "lyapunov", json=json)
    sweep = LyapunovSweep(**grid, n_transient=n_transient, n_steps=n_steps, transverse=not along_only)
    result = outputs.run(
        sweep, files, context(problem, weights), workers.start(), label="lyapunov", json=json
    )
    outputs.answer(result, files, json=json)


@app.command(epilog=example("lintrans basin --mu 0.9 --u=-2.5:2.5:200 --v=-2.5:2.5:200 --output basin.h5"))
@grouped
def basin(
    problem: Problem,
    step: Step,
    variation: Variation,
    workers: Workers,
    files: Files,
    u: Annotated[
        str, typer.Option(help="Values of u of the starts, start:stop:count.  [default: -3:3:512]")
    ] = "",
    v: Annotated[str, typer.Option(help="Values of v of the starts.  [default: -3:3:512]")] = "",
    a: Annotated[
        str,
        typer.Option(help="Values of the mode a = sqrt(mu) (u + v) / 2, with --b instead of --u and --v."),
    ] = "",
    b: Annotated[str, typer.Option(help="Values of the imbalance mode b = sqrt(mu) (u - v) / 2.")] = "",
    n_steps: NSteps = defaults.BASIN_STEPS,
    json: Json = False,
) -> None:
    """Map where training ends from every start u,v in a rectangle.

    For each start: its regime, the minimum it converges to, and after how many steps, at one learning rate.
    Writes basin.h5 and basin.png unless --output and --figure name other files.
    """
    from lintrans.two_factor.basins import BasinSweep

    texts = {"u": u, "v": v, "a": a, "b": b} if u or v or a or b else {"u": WINDOW, "v": WINDOW}
    window: dict[str, Any] = {
        name: ranges.parse_range(f"--{name}", text) for name, text in texts.items() if text
    }
    sweep = BasinSweep(step.effective(problem), **window, n_steps=n_steps, variant=variation.resolve(problem))
    files = outputs.sweep_files(files, "basin", json=json)
    result = outputs.run(sweep, files, context(problem), workers.start(), label="basin", json=json)
    outputs.answer(result, files, json=json)
