"""The commands: each parses, makes one public call, then saves, draws and answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli import options
from lintrans.cli.answers import emit_json, progress, say, table
from lintrans.cli.options import Axis, Files, Json, NSteps, Problem, Step, Weights, grouped

if TYPE_CHECKING:
    from lintrans.phase import PhaseDiagram
    from lintrans.results import Result

app = typer.Typer(
    name="lintrans",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
ResultFile = Annotated[Path, typer.Argument(help="HDF5 file written by lintrans.")]
Transient = Annotated[int, typer.Option("--n-transient", help="Steps thrown away first.")]


def _version(show: bool) -> None:
    if show:
        from importlib.metadata import version

        say(f"lintrans {version('lintrans')}")
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    _debug: Annotated[  # read, and taken away, before this is parsed: it may stand anywhere
        bool, typer.Option("--debug", help="Show the traceback of an error.")
    ] = False,
) -> None:
    """Large-step training dynamics of linear transformers: at which learning rate it breaks, and how."""


@app.command()
@grouped
def reduce(problem: Problem, step: Step, weights: Weights, json: Json = False) -> None:
    """Reduce training on a prompt to its effective step size mu; the regime now and the critical rates."""
    from lintrans.reduction import critical_step_sizes
    from lintrans.regimes import regime

    prompt, _, nf = options.normal_form(problem, weights, step)
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
            ("mu now", f"{nf.mu:.6g}", f"learning rate {nf.step_size:.4g}"),
            ("regime now", str(verdict), f"start u = {nf.u:.4g}, v = {nf.v:.4g}"),
            *_landmark_rows(rates),
        ]
    )


@app.command()
@grouped
def thresholds(problem: Problem, weights: Weights, json: Json = False) -> None:
    """List the learning rate at every landmark, and where training from the given start breaks."""
    from lintrans.normal_form import critical_mu
    from lintrans.reduction import Mode, critical_step_sizes

    prompt = problem.prompt()
    mode, rates = Mode.of(prompt), critical_step_sizes(prompt)
    drawn = weights.draw(prompt)
    u, v = mode.project(drawn.value, drawn.key_query)
    mu = float(critical_mu(u, v))
    bounded = {"u": float(u), "v": float(v), "mu_bounded": mu, "step_size_bounded": mu * mode.unit_step_size}
    if json:
        emit_json({"critical_step_sizes": rates, "start": bounded})
        return
    table(
        [
            *_landmark_rows(rates),
            (
                "start",
                f"{bounded['step_size_bounded']:.4g}",
                f"bounded from these weights up to mu = {mu:.6g}",
            ),
        ]
    )


@app.command()
def landmarks(json: Json = False) -> None:
    """List the values of mu at which the attractor of balanced training changes."""
    from lintrans.balanced_slice import landmarks

    marks = landmarks()
    if json:
        emit_json({name: {"mu": mark.mu, "exact": mark.exact} for name, mark in marks.items()})
        return
    table([(name, f"{mark.mu:.15g}", mark.meaning) for name, mark in marks.items()])


@app.command()
@grouped
def orbit(
    problem: Problem,
    step: Step,
    weights: Weights,
    files: Files,
    start: Annotated[str, typer.Option(help="Start u,v, without DATA.")] = "",
    n_steps: NSteps = 200,
    json: Json = False,
) -> None:
    """Follow one training run as the map sees it."""
    from lintrans.errors import InputError
    from lintrans.orbits import orbit
    from lintrans.regimes import regime

    if problem.is_absent():
        if not start or step.mu is None or step.step_size is not None:
            raise InputError(
                "orbit needs DATA, or --mu and --start u,v and no --step-size, got "
                f"--mu {step.mu}, --start {start or None}, --step-size {step.step_size}; "
                "as in --mu 1.5 --start 0.4,0.4"
            )
        mu, (u, v) = step.mu, options.parse_start(start)
    else:
        nf = options.normal_form(problem, weights, step)[2]
        mu, (u, v) = nf.mu, options.parse_start(start) if start else (nf.u, nf.v)
    _check(files)
    result = orbit(mu, u, v, n_steps=n_steps)
    written = _write(result, files, problem, weights)
    verdict = regime(mu, u, v)
    if json:
        emit_json(
            {
                "mu": mu,
                "regime": verdict.regime.label,
                "period": verdict.period or None,
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
        table([*rows, ("regime", str(verdict))])
        _say_written(written)


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
    files = _sweep_files(files, "phase_diagram", json=json)
    with progress("phase diagram", quiet=files.quiet or json) as report:
        result = phase_diagram(
            **grid,
            **second,
            n_transient=n_transient,
            n_steps=n_steps,
            max_period=max_period,
            progress=report,
        )
    written = _write(result, files, problem, weights)
    if json:
        emit_json({"counts": result.count(), "boundaries": result.boundaries(), **written})
    elif not files.quiet:
        _say_phase(result)
        _say_written(written)


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
    files = _sweep_files(files, "bifurcation", json=json)
    with progress("bifurcation", quiet=files.quiet or json) as report:
        result = bifurcation_diagram(**grid, n_transient=n_transient, n_samples=n_samples, progress=report)
    written = _write(result, files, problem, weights)
    if json:
        emit_json({"n_mu": result.mu.size, "n_samples": result.sample.size, **written})
    elif not files.quiet:
        say(f"{result.mu.size} values of mu, {result.sample.size} samples of each")
        _say_written(written)


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
    files = _sweep_files(files, "lyapunov", json=json)
    with progress("lyapunov", quiet=files.quiet or json) as report:
        result = lyapunov_exponents(**grid, n_transient=n_transient, n_steps=n_steps, progress=report)
    written = _write(result, files, problem, weights)
    if json:
        names = ("mu", "along", "along_error", "transverse", "transverse_error")
        emit_json({**{name: getattr(result, name) for name in names}, **written})
    elif not files.quiet:
        positive = int((result.along > 0).sum())
        say(f"{result.mu.size} values of mu, exponent along the loss positive at {positive}")
        _say_written(written)


@app.command()
@grouped
def verify(
    problem: Problem,
    step: Step,
    weights: Weights,
    files: Files,
    n_steps: NSteps = 4096,
    tol: Annotated[float, typer.Option(help="Distance up to which whole orbits agree.")] = 1e-6,
    json: Json = False,
) -> int:
    """Train the transformer by full gradient descent and hold the reduction against it at every step.

    Exits with 1 if a single step disagrees beyond rounding, or the two regimes contradict each other.
    """
    from lintrans.verification import verify

    prompt, drawn, nf = options.normal_form(problem, weights, step)
    _check(files)
    result = verify(
        prompt,
        step_size=nf.step_size,
        value=drawn.value,
        key_query=drawn.key_query,
        n_steps=n_steps,
        tol=tol,
    )
    written = _write(result, files, problem, weights)
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
        table([(name.replace("_", " "), _format(value)) for name, value in answer.items()])
        _say_written(written)
    return 0 if result.agrees else 1


@app.command()
def show(
    file: ResultFile,
    regime: Annotated[str, typer.Option(help="List the ranges of mu of one regime.")] = "",
    json: Json = False,
) -> None:
    """Print what a result file holds: settings, counts per regime, versions."""
    from lintrans.errors import InputError
    from lintrans.phase import PhaseDiagram
    from lintrans.regimes import Regime
    from lintrans.store import load

    wanted = Regime.from_label(regime) if regime else None
    result = load(file)
    answer: dict[str, Any] = {
        "kind": result.kind,
        "axes": {v.name: v.values.size for v in result.variables() if v.dims == (v.name,)},
        "settings": result.settings,
        "versions": result.versions,
    }
    if wanted is not None and not isinstance(result, PhaseDiagram):
        raise InputError(f"--regime needs a phase diagram, got {file} with {result.kind}; leave it out")
    if isinstance(result, PhaseDiagram):
        answer["counts"] = result.count()
        if wanted is not None:
            answer["ranges"] = result.ranges(wanted)
    if json:
        emit_json(answer)
        return
    for name, value in answer.items():
        say(f"{name}: {_on_one_line(value)}")


@app.command()
def plot(
    file: ResultFile,
    output: Annotated[Path | None, typer.Option(help="Figure: .png, .pdf or .svg.")] = None,
    variable: Annotated[str, typer.Option(help="Of a bifurcation diagram: uv, a or loss.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing figure.")] = False,
    json: Json = False,
) -> None:
    """Draw a result file again."""
    from lintrans import plotting
    from lintrans.store import check_output, load

    result = load(file)
    target = output or file.with_suffix(".png")
    _check_differ(file, target)
    check_output(target, force=force)
    plotting.check_figure_path(target)
    drawn = plotting.plot(result, variable=variable or None)
    plotting.save_figure(drawn, target, force=force)
    if json:
        emit_json({"kind": result.kind, "figure": str(target)})
    else:
        say(f"figure {target}")


def _landmark_rows(rates: dict[str, float]) -> list[tuple[str, ...]]:
    from lintrans.balanced_slice import landmarks

    marks = landmarks()
    return [
        (name, f"{eta:.4g}", f"mu = {marks[name].mu:.6g}: {marks[name].meaning}")
        for name, eta in rates.items()
    ]


def _sweep_files(files: Files, stem: str, *, json: bool) -> Files:
    """Fill in the default names of a sweep and check them before any work is done."""
    output = files.output or Path(f"{stem}.h5")
    figure = files.figure or (None if json else output.with_suffix(".png"))
    filled = Files(output, figure, files.force, files.quiet)
    _check(filled)
    return filled


def _check(files: Files) -> None:
    from lintrans.store import check_output

    for path in (files.output, files.figure):
        if path is not None:
            check_output(path, force=files.force)
    if files.output is not None and files.figure is not None:
        _check_differ(files.output, files.figure)
    if files.figure is not None:
        from lintrans.plotting import check_figure_path

        check_figure_path(files.figure)


def _check_differ(data: Path, figure: Path) -> None:
    from lintrans.errors import InputError

    if data.resolve() == figure.resolve():
        raise InputError(f"result and figure must be two files, got {data} for both; end the result in .h5")


def _write(result: Result, files: Files, problem: Problem, weights: Weights | None = None) -> dict[str, str]:
    """Save and draw what was asked for; returns the names of the files."""
    from dataclasses import replace

    from lintrans.store import save

    written = {}
    if files.output is not None:
        source = problem.settings()
        if source and weights is not None:
            source["weights"] = vars(weights)
        settings = {**result.settings, **({"problem": source} if source else {})}
        save(replace(result, settings=settings), files.output, force=files.force)
        written["output"] = str(files.output)
    if files.figure is not None:
        from lintrans.plotting import plot, save_figure

        save_figure(plot(result), files.figure, force=files.force)
        written["figure"] = str(files.figure)
    return written


def _say_written(written: dict[str, str]) -> None:
    if written:
        say("wrote " + " and ".join(written.values()))


def _say_phase(result: PhaseDiagram) -> None:
    total = result.regime.size
    table([(label, f"{n} cells", f"{n / total:.1%}") for label, n in result.count().items()])


def _on_one_line(value: Any) -> str:
    """Show a JSON value; strings keep their escapes, since the file may come from anywhere."""
    if isinstance(value, dict):
        return ", ".join(f"{json.dumps(k)[1:-1]} {_on_one_line(v)}" for k, v in value.items())
    return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)


def _format(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
