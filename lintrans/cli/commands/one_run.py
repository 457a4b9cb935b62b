"""Commands about one training run: its regime, its critical learning rates, its orbit, its check."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from lintrans.cli.commands.problem import (
    EXAMPLE_PROMPT,
    LANDMARKS,
    TRAINED,
    WEIGHTS,
    Problem,
    Step,
    Variation,
    Weights,
    context,
    normal_form,
)
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, say, table
from lintrans.cli.kit.options import Files, Json, NSteps, command_group, example, explained, grouped
from lintrans.two_factor import defaults

app = command_group()


@app.command(epilog=example(f"lintrans reduce {EXAMPLE_PROMPT} --step-size 7e-5"))
@grouped
@explained(LANDMARKS)
def reduce(problem: Problem, step: Step, weights: Weights, json: Json = False) -> None:
    """Find how training ends, and the critical learning rates.

    Prints the effective step size mu of the learning rate, the regime from these initial weights, and the
    learning rate at every landmark. A regime is how training ends: monotone (the loss falls at every step and
    converges), catapult (it converges after rising at least once), periodic (it ends on a cycle), chaotic or
    divergent.
    """
    from lintrans.two_factor.reduction import critical_step_sizes
    from lintrans.two_factor.regimes import regime

    prompt, _, nf = normal_form(problem, weights, step)
    verdict = regime(nf.mu, nf.u, nf.v)
    rates = critical_step_sizes(prompt)
    if json:
        emit_json(
            {
                "mu": nf.mu,
                "u": nf.u,
                "v": nf.v,
                "regime": verdict.regime.label,
                "period": verdict.period or None,
                "step_size": nf.step_size,
                "unit_step_size": nf.mode.unit_step_size,
                "critical_step_sizes": rates,
            }
        )
        return
    table(
        [
            TRAINED,
            ("mu now", f"{nf.mu:.6g}", f"learning rate {nf.step_size:.4g}"),
            ("regime now", str(verdict), f"start u = {nf.u:.4g}, v = {nf.v:.4g}"),
            *_landmark_rows(rates),
        ]
    )


@app.command(epilog=example(f"lintrans thresholds {EXAMPLE_PROMPT}"))
@grouped
@explained(LANDMARKS)
def thresholds(problem: Problem, weights: Weights, json: Json = False) -> None:
    """List the learning rates at which training changes.

    Prints the learning rate at every landmark, and the largest one at which training from these initial
    weights stays bounded.
    """
    from lintrans.two_factor.normal_form import critical_mu
    from lintrans.two_factor.reduction import Mode, critical_step_sizes

    prompt = problem.prompt()
    mode, rates = Mode.of(prompt), critical_step_sizes(prompt)
    drawn = weights.draw(prompt.d)
    u, v = mode.project(drawn.value, drawn.key_query)
    mu = float(critical_mu(u, v))
    bounded = {"u": float(u), "v": float(v), "mu_bounded": mu, "step_size_bounded": mu * mode.unit_step_size}
    if json:
        emit_json({"critical_step_sizes": rates, "start": bounded})
        return
    table(
        [
            TRAINED,
            *_landmark_rows(rates),
            (
                "start",
                f"{bounded['step_size_bounded']:.4g}",
                f"mu = {mu:.6g}: up to here training from these weights stays bounded",
            ),
        ]
    )


@app.command(epilog=example("lintrans orbit --mu 1.1 --start 0.4,0.4 --n-steps 12"))
@grouped
def orbit(
    problem: Problem,
    step: Step,
    weights: Weights,
    variation: Variation,
    files: Files,
    start: Annotated[
        str, typer.Option(help="Start u,v, e.g. 0.4,0.4.  [default with DATA: the initial weights]")
    ] = "",
    n_steps: NSteps = 200,
    json: Json = False,
) -> None:
    """Follow one training run, step by step.

    Training is iterated as an exact map of the two factors u and v. The loss is (u v - 1)^2 / 2, in units of
    y_q^2. Without DATA, give --mu and --start.
    """
    from lintrans.two_factor.orbits import orbit
    from lintrans.two_factor.regimes import regime

    mu, u, v = _start("orbit", problem, step, weights, start)
    outputs.check(files)
    variant = variation.resolve(problem)
    result = orbit(mu, u, v, n_steps=n_steps, variant=variant)
    written = outputs.write(result, files, context(problem, weights))
    verdict = regime(mu, u, v) if variant is None else None  # of the plain map
    if json:
        emit_json(
            {
                "mu": mu,
                "regime": verdict and verdict.regime.label,
                "period": (verdict and verdict.period) or None,
                "step": result.step,
                "u": result.u,
                "v": result.v,
                "loss": result.loss,
                **written,
            }
        )
    elif not files.quiet:
        rows = [("step", "u", "v", "loss")]
        shown = [*range(min(10, n_steps + 1)), *([n_steps] if n_steps >= 10 else [])]
        u_all, v_all, loss = result.u, result.v, result.loss
        rows += [(str(i), f"{u_all[i]:.6g}", f"{v_all[i]:.6g}", f"{loss[i]:.4g}") for i in shown]
        table([*rows, *([("regime", str(verdict))] if verdict else [])])
        outputs.say_written(written)


def _start(
    command: str, problem: Problem, step: Step, weights: Weights, start: str
) -> tuple[float, float, float]:
    """Return mu, u and v of one run, from a prompt or from numbers."""
    from lintrans.errors import InputError

    if not problem.is_absent():
        nf = normal_form(problem, weights, step)[2]
        return nf.mu, *(ranges.parse_start(start) if start else (nf.u, nf.v))
    if not start or step.mu is None or step.step_size is not None:
        raise InputError(
            f"{command} needs DATA, or --mu and --start u,v without --step-size, got "
            f"--mu {step.mu}, --start {start or None}, --step-size {step.step_size}; "
            "write e.g. --mu 1.5 --start 0.4,0.4"
        )
    return step.mu, *ranges.parse_start(start)


@app.command(epilog=example("lintrans exponents --mu 1.9 --start 0.4,0.3 --n-windows 256"))
@grouped
def exponents(
    problem: Problem,
    step: Step,
    weights: Weights,
    files: Files,
    start: Annotated[
        str, typer.Option(help="Start u,v, e.g. 0.4,0.4.  [default with DATA: the initial weights]")
    ] = "",
    n_transient: Annotated[
        int, typer.Option("--n-transient", help="Number of initial steps to discard.")
    ] = defaults.N_TRANSIENT,
    n_window: Annotated[int, typer.Option(help="Number of steps in one time window.")] = defaults.N_WINDOW,
    n_windows: Annotated[int, typer.Option(help="Number of time windows to measure.")] = defaults.N_WINDOWS,
    json: Json = False,
) -> None:
    """Measure the Lyapunov exponents of one training run.

    A Lyapunov exponent is the mean growth rate, in nats per step, of a small difference between two runs;
    above 0 training is chaotic. It is measured along the balanced slice u = v, transverse to it (the growth
    of the imbalance u - v), and as a spectrum, the largest first. The spread over time windows is printed
    too. Without DATA, give --mu and --start.
    """
    from lintrans.two_factor.spectra import orbit_exponents

    mu, u, v = _start("exponents", problem, step, weights, start)
    outputs.check(files)
    result = orbit_exponents(mu, u, v, n_transient=n_transient, n_window=n_window, n_windows=n_windows)
    written = outputs.write(result, files, context(problem, weights))
    found = result.exponents()
    if json:
        windows = {name: getattr(result, name) for name in found}
        emit_json({"mu": mu, "u": u, "v": v, **result.summary(), "windows": windows, **written})
    elif not files.quiet:
        rows = [("exponent", "nats per step", "error", "spread of windows")]
        for name, e in found.items():
            spread = float(getattr(result, name).std()) if math.isfinite(e.value) else math.nan
            rows.append((name, f"{e.value:.6f}", f"{e.standard_error:.2g}", f"{spread:.2g}"))
        table(rows)
        if math.isnan(found["along"].value):
            say("training diverged: it has no exponents")
        outputs.say_written(written)


@app.command(epilog=example(f"lintrans verify {EXAMPLE_PROMPT} --step-size 1.1e-4 --n-steps 1024"))
@grouped
def verify(
    problem: Problem,
    step: Step,
    weights: Weights,
    files: Files,
    n_steps: NSteps = 4096,
    tol: Annotated[float, typer.Option(help="Largest distance at which two whole runs still agree.")] = 1e-6,
    json: Json = False,
) -> int:
    """Check the exact map against full gradient descent.

    The transformer is trained from the definition of attention. Each of its steps is compared with one step
    of the map from the same weights: the commutation error, which must be at rounding. The two whole runs are
    compared as well; where training is chaotic they separate, at the horizon. Exits with 1 if one step
    differs by more than rounding, or if the two regimes contradict each other.
    """
    from lintrans.verification.full_batch import verify

    prompt, drawn, nf = normal_form(problem, weights, step)
    outputs.check(files)
    result = verify(
        prompt,
        step_size=nf.step_size,
        value=drawn.value,
        key_query=drawn.key_query,
        n_steps=n_steps,
        tol=tol,
    )
    written = outputs.write(result, files, context(problem, weights))
    answer = {
        "mu": nf.mu,
        "step_size": nf.step_size,
        "n_steps": int(result.step[-1]),
        "max_commutation_error": result.max_commutation_error,
        "regime_predicted": result.regime_predicted,
        "regime_trained": result.regime_trained,
        "horizon": result.horizon,
        "predicted_horizon": result.predicted_horizon,
        "agrees": result.agrees,
    }
    if json:
        emit_json({**answer, **written})
    elif not files.quiet:
        rows = [("trained weights", WEIGHTS)]
        table([*rows, *((name.replace("_", " "), _format(value)) for name, value in answer.items())])
        outputs.say_written(written)
    return 0 if result.agrees else 1


def _landmark_rows(rates: dict[str, float]) -> list[tuple[str, ...]]:
    from lintrans.two_factor.balanced_slice import landmarks

    marks = landmarks()
    return [
        (name, f"{eta:.4g}", f"mu = {marks[name].mu:.6g}: {marks[name].meaning}")
        for name, eta in rates.items()
    ]


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
