"""Commands about mini-batch training: the risk of a step size and a batch size, and when training escapes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.commands.batch_options import Batches, Prompts, Task
from lintrans.cli.commands.problem import Weights, context
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, progress, table
from lintrans.cli.kit.options import Files, Json, Workers, command_group, grouped
from lintrans.minibatch import defaults

if TYPE_CHECKING:
    from lintrans.counting import Limit
    from lintrans.minibatch import EscapeTimes, RiskMap

app = command_group()
EVENTS = {"left": "leaves the safe region", "diverged": "diverges"}


@app.command()
@grouped
def minibatch(
    prompts: Prompts,
    batches: Batches,
    weights: Weights,
    workers: Workers,
    files: Files,
    step_size: Annotated[float | None, typer.Option(help="Learning rate.", show_default=False)] = None,
    risk: Annotated[float, typer.Option(help="Risk that is accepted.")] = defaults.RISK,
    event: Annotated[str, typer.Option(help="Of what: left (the safe region) or diverged.")] = defaults.EVENT,
    n_trajectories: Annotated[
        int | None,
        typer.Option(
            help="Trajectories of a cell of the map; ten times as many for the answer.  [default: 1000; 200 "
            "trainings where prompts share no mode]",
            show_default=False,
        ),
    ] = None,
    step_sizes: Annotated[
        str, typer.Option(help="Step sizes of the map, as 1e-5:1e-3:40.  [default: up to the full batch's]")
    ] = "",
    batch_sizes: Annotated[
        str, typer.Option(help="Batch sizes of the map, as 1,4,16.  [default: powers of 2 up to 256]")
    ] = "",
    verify: Annotated[
        int,
        typer.Option(help="Train by the definition of attention so many times too, on the same batches."),
    ] = 0,
    json: Json = False,
) -> None:
    """Answer for mini-batches: the risk of a learning rate, the largest safe one, the batch size it needs.

    Safe is the ellipse that full-batch training never leaves. Risks are measured, with 95 % intervals: where
    prompts share a mode on its random map, where not on trainings of the transformer itself.
    """
    from lintrans.counting.limits import check_risk
    from lintrans.errors import InputError, count
    from lintrans.minibatch import RiskSweep, TrainedRiskSweep
    from lintrans.minibatch.walks import check_event

    check_risk(risk)
    check_event(event)
    if count("--verify", verify, minimum=0) and step_size is None:
        raise InputError(f"--verify needs --step-size, got {verify} without it; add a learning rate")
    task = Task.read(prompts, weights)
    if verify and not task.prompts:
        raise InputError("--verify needs a table of prompts, got numbers only; leave it out")
    etas, sizes = _axes(task, batches, step_size, step_sizes, batch_sizes)
    files = outputs.sweep_files(files, "minibatch", json=json)
    default = defaults.MAP_TRAININGS if task.trained else defaults.MAP_TRAJECTORIES
    n = default if n_trajectories is None else count("--n-trajectories", n_trajectories)
    axes = {"step_sizes": etas, "batch_sizes": sizes, "batches": batches.made}
    sweep = (
        TrainedRiskSweep(**task.training(), **axes, n_trainings=n)
        if task.trained
        else RiskSweep(**task.on_the_mode(), **axes, n_trajectories=n)
    )
    result: RiskMap = outputs.run(
        sweep, files, context(prompts, weights), workers.start(), label="risk map", json=json
    )
    quiet = files.quiet or json
    found = _Answer(task, batches, result, risk, event, 10 * n, quiet=quiet)
    answer: dict[str, Any] = {
        **task.population.summary(),
        "answered_by": "trainings" if task.trained else "mode",
        "batch_size": batches.batch_size,
        "critical_step_size": result.critical_step_size,
        "largest_step_size": found.largest_step_size()._asdict(),
    }
    if task.trained:
        answer["largest_step_size_by_mode"] = found.by_mode()._asdict()
    if step_size is not None:
        answer |= {"step_size": step_size, "mu": task.population.mu(step_size)}
        answer["risk"] = found.times(step_size).summary()
        answer["batch_size_needed"] = found.batch_size_needed(step_size)._asdict()
        if verify:
            answer["verified"] = _verify(task, step_size, batches, verify, quiet=quiet)
    written = {"output": str(files.output)} | outputs.draw(result, files)
    if json:
        emit_json(answer | written)
    elif not files.quiet:
        _say(answer, risk, event, batches.n_steps, by_mode=result.critical_by_mode)
        outputs.say_written(written)


@app.command()
@grouped
def escapes(
    prompts: Prompts,
    batches: Batches,
    weights: Weights,
    workers: Workers,
    files: Files,
    step_size: Annotated[float, typer.Option(help="Learning rate.", show_default=False)],
    n_trajectories: Annotated[
        int, typer.Option(help="Trainings with different batches.")
    ] = defaults.N_TRAJECTORIES,
    json: Json = False,
) -> None:
    """Follow many mini-batch trainings from one start: when they leave the safe region, when they diverge."""
    from lintrans.minibatch import EscapeSweep, TrainingSweep

    task = Task.read(prompts, weights)
    found = task.population.summary()
    mu, n = task.population.mu(step_size), n_trajectories
    files = outputs.sweep_files(files, "escapes", json=json)
    sweep = (
        TrainingSweep(**task.training(), step_size=step_size, batches=batches.made, n_trainings=n)
        if task.trained
        else EscapeSweep(**task.on_the_mode(), mu=mu, batches=batches.made, n_trajectories=n)
    )
    result = outputs.run(sweep, files, context(prompts, weights), workers.start(), label="escapes", json=json)
    written = {"output": str(files.output)} | outputs.draw(result, files)
    answer = {**found, "answered_by": "trainings" if task.trained else "mode", "mu": mu}
    answer |= {"risk": result.summary()}
    if json:
        emit_json(answer | written)
    elif not files.quiet:
        table(_population_rows(answer) + _risk_rows(answer["risk"], batches.n_steps))
        outputs.say_written(written)


class _Answer:
    """What a map and a task say about a risk: by the mode, or by trainings where prompts share none."""

    def __init__(
        self, task: Task, batches: Batches, result: RiskMap, risk: float, event: str, n: int, *, quiet: bool
    ) -> None:
        self.task, self.batches, self.result, self.n, self.quiet = task, batches.made, result, n, quiet
        self.accepted: dict[str, Any] = {"risk": risk, "event": event}

    def largest_step_size(self) -> Limit:
        """Largest learning rate of the accepted risk."""
        from lintrans.minibatch import trained_step_size

        if not self.task.trained:
            return self.by_mode()
        with progress("largest step size", quiet=self.quiet, unit="trainings") as report:
            asked = {**self.task.training(), **self._around(), "progress": report}
            return trained_step_size(**asked, n_trainings=self.n)

    def by_mode(self) -> Limit:
        """Largest learning rate by the random map of the mode, looked for where the map of risks has it."""
        from lintrans.minibatch import largest_step_size

        with progress("largest step size", quiet=self.quiet, unit="trajectories") as report:
            asked = {**self.task.on_the_mode(), **self._around(), "progress": report}
            return largest_step_size(**asked, n_trajectories=self.n)

    def times(self, step_size: float) -> EscapeTimes:
        """When trainings with a learning rate leave and diverge."""
        from lintrans.minibatch import escape_times, trained_escapes

        with progress("risk", quiet=self.quiet, unit="trainings") as report:
            asked: dict[str, Any] = {"batches": self.batches, "progress": report}
            if self.task.trained:
                training = self.task.training()
                return trained_escapes(**training, step_size=step_size, n_trainings=self.n, **asked)
            mu = self.task.population.mu(step_size)
            return escape_times(**self.task.on_the_mode(), mu=mu, n_trajectories=self.n, **asked)

    def batch_size_needed(self, step_size: float) -> Limit:
        """Smallest batch size of the map with which a learning rate keeps the accepted risk."""
        from lintrans.minibatch import trained_batch_size

        if not self.task.trained:
            return self.result.smallest_batch_size(step_size, **self.accepted)
        with progress("batch size needed", quiet=self.quiet, unit="trainings") as report:
            asked = {**self.task.training(), **self.accepted, "batches": self.batches, "progress": report}
            sizes = self.result.batch_size.tolist()
            return trained_batch_size(sizes=sizes, step_size=step_size, n_trainings=self.n, **asked)

    def _around(self) -> dict[str, Any]:
        """Where to look for a learning rate, and with which batches."""
        low, high = self.result.bracket(self.batches.size, **self.accepted)
        return {"low": low, "high": high, "batches": self.batches, **self.accepted}


def _axes(
    task: Task, batches: Batches, step_size: float | None, step_sizes: str, batch_sizes: str
) -> tuple[Any, Any]:
    """Step sizes and batch sizes of the map: those asked for or of use, and those of the question."""
    import numpy as np

    from lintrans.errors import count, positive
    from lintrans.minibatch.risk import default_batch_sizes, default_step_sizes

    if step_sizes:
        etas = ranges.parse_positive_range("--step-sizes", step_sizes)
    else:
        n = {"n": defaults.TRAINED_STEP_SIZES} if task.trained else {}
        etas = default_step_sizes(task.critical_step_size(batches.n_steps), **n)
    if batch_sizes:
        sizes = [count("--batch-sizes", ranges.whole(part)) for part in batch_sizes.split(",")]
    else:
        sizes = default_batch_sizes(task.population)
    asked = [] if step_size is None else [positive("--step-size", step_size)]
    return np.unique([*etas, *asked]), np.unique([*sizes, count("--batch-size", batches.batch_size)])


def _verify(
    task: Task, step_size: float, batches: Batches, n_trainings: int, *, quiet: bool
) -> dict[str, Any]:
    """Train the transformer by its definition on the batches of the first trajectories."""
    from lintrans.verification import trained_risk

    with progress("training", quiet=quiet, unit="trainings") as report:
        found = trained_risk(
            **task.training(),
            step_size=step_size,
            batches=batches.made,
            n_trainings=n_trainings,
            progress=report,
        )
    return {
        "left": found.left._asdict(),
        "diverged": found.diverged._asdict(),
        "n_trainings": n_trainings,
        "n_alike": found.n_alike,
        "max_commutation_error": found.max_commutation_error,
    }


def _say(answer: dict[str, Any], risk: float, event: str, n_steps: int, *, by_mode: bool) -> None:
    """Print the answer for a person."""
    rows = _population_rows(answer)
    critical = answer["critical_step_size"]
    of = "critical learning rate of this start" + (", by the mode" if by_mode else "")
    rows.append(("full batch", f"{critical:.4g}", of))
    if "risk" in answer:
        rows.append(("learning rate", f"{answer['step_size']:.4g}", f"mu = {answer['mu']:.6g}"))
        rows += _risk_rows(answer["risk"], n_steps)
    what = f"with a risk of {risk:.3g} that training {EVENTS[event]}"
    limit = answer["largest_step_size"]
    share = f"{limit['value'] / critical:.3g} of the full batch's"
    rows.append(("largest learning rate", _limit(limit, ".4g"), f"{what}; {share}"))
    if answer["answered_by"] == "trainings":
        alone = _limit(answer["largest_step_size_by_mode"], ".4g")
        rows.append(("by the mode alone", alone, "with the prompts projected onto one, for comparison"))
    if "batch_size_needed" in answer:
        rows.append(("batch size needed", _limit(answer["batch_size_needed"], ".0f"), what))
    if "verified" in answer:
        found = answer["verified"]
        rows += [
            (f"by definition: {name}", _percent(found[name]), f"{found['n_trainings']} trainings")
            for name in EVENTS
        ]
        error = f"largest error of a step of the map {found['max_commutation_error']:.2g}"
        alike = f"{found['n_alike']} of {found['n_trainings']}"
        rows.append(("by definition: as predicted", alike, "" if answer["leakage"] else error))
    table(rows)


def _population_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    kind = "one minimum serves all" if found["interpolates"] else f"mismatch std {found['mismatch_std']:.3g}"
    curvature = f"std {found['curvature_std']:.3g}"
    rows: list[tuple[str, ...]] = [
        ("prompts", f"{found['n_prompts']}", kind),
        ("curvature", curvature, f"of mean 1; largest {found['largest_curvature']:.3g}"),
    ]
    if found["leakage"]:
        trained = found["answered_by"] == "trainings"
        so = "risks are measured on trainings" if trained else "rates come out too large"
        rows.append(("leakage", f"{found['leakage']:.3g}", f"part of prompts beside the mode: {so}"))
    return rows


def _risk_rows(found: dict[str, Any], n_steps: int) -> list[tuple[str, ...]]:
    return [(f"risk: {name}", _percent(found[name]), f"within {n_steps} steps") for name in EVENTS]


def _percent(found: dict[str, float]) -> str:
    return f"{100 * found['value']:.3g} % ({100 * found['low']:.3g} to {100 * found['high']:.3g})"


def _limit(found: dict[str, float], how: str) -> str:
    """Write a limit with its interval; what was not found is said so."""
    if math.isnan(found["value"]):
        return "beyond the map"
    low, high = (f"{found[end]:{how}}" if math.isfinite(found[end]) else "?" for end in ("low", "high"))
    return f"{found['value']:{how}} ({low} to {high})"
