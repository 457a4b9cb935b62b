"""Commands about mini-batch training: risks over learning rate and batch size, and times of escape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli.commands.batch_options import EXAMPLE_TABLE, Batches, Prompts, Task
from lintrans.cli.commands.problem import TRAINED, Weights, context
from lintrans.cli.kit import outputs, ranges
from lintrans.cli.kit.answers import emit_json, progress, table
from lintrans.cli.kit.options import Files, Json, Workers, command_group, example, grouped
from lintrans.minibatch import defaults

if TYPE_CHECKING:
    from lintrans.counting import Limit
    from lintrans.minibatch import EscapeTimes, RiskMap

app = command_group()
EVENTS = {"left": "leaves the safe region", "diverged": "diverges"}


@app.command(
    epilog=example(
        f"lintrans minibatch {EXAMPLE_TABLE} --n-steps 200 --n-trajectories 100 --batch-size 16 --step-size "
        "3e-4 --output minibatch.h5"
    )
)
@grouped
def minibatch(
    prompts: Prompts,
    batches: Batches,
    weights: Weights,
    workers: Workers,
    files: Files,
    step_size: Annotated[
        float | None,
        typer.Option(help="Learning rate for the loss (prediction - label)^2 / 2.", show_default=False),
    ] = None,
    risk: Annotated[
        float, typer.Option(help="Accepted risk: the share of trainings with the event.")
    ] = defaults.RISK,
    event: Annotated[
        str, typer.Option(help="The event: left (training leaves the safe region) or diverged.")
    ] = defaults.EVENT,
    n_trajectories: Annotated[
        int | None,
        typer.Option(
            help="Number of trainings for each learning rate and batch size; the printed answers use ten "
            "times as many.  [default: 1000, or 200 if prompts share no mode]",
            show_default=False,
        ),
    ] = None,
    step_sizes: Annotated[
        str,
        typer.Option(
            help="Learning rates of the risk map, e.g. 1e-5:1e-3:40.  [default: up to 1.2 times the "
            "critical one of the full batch]"
        ),
    ] = "",
    batch_sizes: Annotated[
        str,
        typer.Option(help="Batch sizes of the risk map, e.g. 1,4,16.  [default: powers of 2 up to 256]"),
    ] = "",
    verify: Annotated[
        int,
        typer.Option(
            help="Number of trainings to repeat from the definition of attention, on the same batches."
        ),
    ] = 0,
    json: Json = False,
) -> None:
    """Find safe learning rates and batch sizes for mini-batches.

    Prints the risk of --step-size, the largest learning rate with the accepted risk, and the batch size that
    --step-size needs. The risk is the probability that training leaves the safe region within --n-steps: the
    ellipse in the plane of (u, v) that full-batch training never leaves. It is measured, with 95 % intervals.

    A prompt's mode is the direction in which it trains W. If all prompts share one, e.g. with a single
    feature, the risk is measured on an exact map of two numbers, u and v. If not, the leakage is the part of
    a prompt outside the common mode, and the transformer itself is trained. Writes the risks over learning
    rate and batch size to minibatch.h5 and minibatch.png unless --output and --figure name other files.
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
        raise InputError("--verify needs a table of prompts, got a file of numbers only; leave it out")
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


@app.command(
    epilog=example(
        f"lintrans escapes {EXAMPLE_TABLE} --n-steps 200 --n-trajectories 1000 --batch-size 16 --step-size "
        "3e-4 --output escapes.h5"
    )
)
@grouped
def escapes(
    prompts: Prompts,
    batches: Batches,
    weights: Weights,
    workers: Workers,
    files: Files,
    step_size: Annotated[
        float, typer.Option(help="Learning rate for the loss (prediction - label)^2 / 2.", show_default=False)
    ],
    n_trajectories: Annotated[
        int, typer.Option(help="Number of trainings, each with its own batches.")
    ] = defaults.N_TRAJECTORIES,
    json: Json = False,
) -> None:
    """Measure when mini-batch training leaves the safe region.

    Many trainings start from the same weights and see different batches. For each, the step at which it
    leaves the safe region is recorded, and the step at which it diverges. The safe region is the ellipse in
    the plane of (u, v) that full-batch training never leaves.

    A prompt's mode is the direction in which it trains W. If all prompts share one, an exact map of two
    numbers, u and v, is followed; if not, the transformer itself is trained, and the leakage is the part of a
    prompt outside the common mode. Writes escapes.h5 and escapes.png unless --output and --figure name other
    files.
    """
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
        rate = ("learning rate", f"{step_size:.4g}", f"mu = {mu:.6g}")
        table([*_population_rows(answer), rate, *_risk_rows(answer["risk"], batches.n_steps)])
        outputs.say_written(written)


class _Answer:
    """What a risk map and a task answer: by the mode, or by trainings where prompts share none."""

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
        """Largest learning rate by the random map of the mode, searched where the risk map has it."""
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
    """Step sizes and batch sizes of the map: those given or the defaults, and those of the question."""
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
    of = "critical learning rate of these initial weights" + (", by the mode" if by_mode else "")
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
        rows.append(("by the mode alone", alone, "with the prompts projected onto one mode, for comparison"))
    if "batch_size_needed" in answer:
        rows.append(("batch size needed", _limit(answer["batch_size_needed"], ".0f"), what))
    if "verified" in answer:
        found = answer["verified"]
        rows += [
            (f"from the definition: {name}", _percent(found[name]), f"{found['n_trainings']} trainings")
            for name in EVENTS
        ]
        error = f"largest error of one step of the map: {found['max_commutation_error']:.2g}"
        alike = f"{found['n_alike']} of {found['n_trainings']}"
        rows.append(("from the definition: as predicted", alike, "" if answer["leakage"] else error))
    table(rows)


def _population_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    kind = "all share one minimum" if found["interpolates"] else f"mismatch std {found['mismatch_std']:.3g}"
    curvature = f"std {found['curvature_std']:.3g}"
    rows: list[tuple[str, ...]] = [
        TRAINED,
        ("prompts", f"{found['n_prompts']}", kind),
        ("curvature", curvature, f"mean 1, largest {found['largest_curvature']:.3g}"),
    ]
    if found["leakage"]:
        trained = found["answered_by"] == "trainings"
        so = "risks are measured on trainings" if trained else "the learning rates are too large"
        rows.append(("leakage", f"{found['leakage']:.3g}", f"part of the prompts outside the mode: {so}"))
    return rows


def _risk_rows(found: dict[str, Any], n_steps: int) -> list[tuple[str, ...]]:
    return [(f"risk: {name}", _percent(found[name]), f"within {n_steps} steps") for name in EVENTS]


def _percent(found: dict[str, float]) -> str:
    return f"{100 * found['value']:.3g} % ({100 * found['low']:.3g} to {100 * found['high']:.3g})"


def _limit(found: dict[str, float], how: str) -> str:
    """Write a limit with its interval, or that the risk map does not reach it."""
    if math.isnan(found["value"]):
        return "outside the map"
    low, high = (f"{found[end]:{how}}" if math.isfinite(found[end]) else "?" for end in ("low", "high"))
    return f"{found['value']:{how}} ({low} to {high})"
