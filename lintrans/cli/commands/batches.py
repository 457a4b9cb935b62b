"""Commands about mini-batch training: the risk of a step size and a batch size, and when training escapes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lintrans.cli import options, outputs
from lintrans.cli.answers import emit_json, progress, table
from lintrans.cli.app import app
from lintrans.cli.options import Files, Json, NSteps, Weights, Workers, grouped

if TYPE_CHECKING:
    from lintrans.minibatch import Population, RiskMap
    from lintrans.prompt import Prompt
    from lintrans.transformer import TwoFactorWeights


@dataclass(frozen=True)
class Prompts:
    """Many prompts: a table to be cut into them, or the numbers h and y of each."""

    data: Annotated[
        Path, typer.Argument(help="CSV table, or NPZ file with moments and labels.", show_default=False)
    ]
    target: Annotated[str, typer.Option(help="CSV column with the labels.")] = ""
    features: Annotated[str, typer.Option(help="CSV columns to use, comma separated; default all.")] = ""
    context_length: Annotated[int, typer.Option(help="Rows in the context of a prompt.")] = 32
    n_prompts: Annotated[
        int | None,
        typer.Option(
            help="Prompts of rows drawn at random.  [default: cut the table, no row twice]",
            show_default=False,
        ),
    ] = None
    standardize: Annotated[bool, typer.Option("--standardize", help="Scale columns by the table.")] = False
    center: Annotated[bool, typer.Option("--center", help="Subtract the mean label of the table.")] = False
    table_seed: Annotated[int, typer.Option(help="Seed of the rows drawn.")] = 0

    def read(self) -> tuple[list[Prompt], Population]:
        """Read the file: prompts, none where it holds numbers only, and the population."""
        import numpy as np

        from lintrans.errors import InputError
        from lintrans.minibatch import Population, prompts_from_csv
        from lintrans.readers import naming_file, read_npz

        if self.data.suffix.lower() == ".npz":
            with naming_file(self.data) as file:
                found = read_npz(file, ("moments", "labels"))
                return [], Population(found["moments"], found["labels"], direction=np.ones((1, 1)))
        if not self.target:
            raise InputError("--target must be given for a CSV file, got none; see lintrans minibatch --help")
        prompts = prompts_from_csv(
            self.data,
            target=self.target,
            features=self.features.split(",") if self.features else None,
            context_length=self.context_length,
            n_prompts=self.n_prompts,
            standardize=self.standardize,
            center=self.center,
            seed=self.table_seed,
        )
        return prompts, Population.from_prompts(prompts)

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, to be kept in result files."""
        return {**vars(self), "data": self.data.name}


@dataclass(frozen=True)
class Batches:
    """How training goes through the prompts."""

    batch_size: Annotated[int, typer.Option(help="Prompts in a batch.")] = 32
    sampling: Annotated[
        str, typer.Option(help="How batches are drawn: with-replacement, without-replacement or epochs.")
    ] = "with-replacement"
    n_steps: NSteps = 1000
    batch_seed: Annotated[int, typer.Option(help="Seed of the batches.")] = 0
    schedule: Annotated[
        str,
        typer.Option(
            help="Step sizes over the largest, by step, as 0.01:1:100,1 for a warm-up; the last goes on."
        ),
    ] = ""

    def drawn(self) -> dict[str, Any]:
        """Return the arguments that say what is drawn and how large the steps are, but for the batch size."""
        return {
            "sampling": self.sampling,
            "n_steps": self.n_steps,
            "seed": self.batch_seed,
            "schedule": options.parse_schedule(self.schedule),
        }


@app.command()
@grouped
def minibatch(
    prompts: Prompts,
    batches: Batches,
    weights: Weights,
    workers: Workers,
    files: Files,
    step_size: Annotated[float | None, typer.Option(help="Learning rate.", show_default=False)] = None,
    risk: Annotated[float, typer.Option(help="Risk that is accepted.")] = 0.01,
    event: Annotated[str, typer.Option(help="Of what: left (the safe region) or diverged.")] = "left",
    n_trajectories: Annotated[
        int, typer.Option(help="Trajectories of a cell of the map; ten times as many for the answer.")
    ] = 1000,
    step_sizes: Annotated[
        str, typer.Option(help="Step sizes of the map, as 1e-5:1e-3:40.  [default: up to the full batch's]")
    ] = "",
    batch_sizes: Annotated[
        str, typer.Option(help="Batch sizes of the map, as 1,4,16.  [default: powers of 2 up to 256]")
    ] = "",
    trainings: Annotated[
        int, typer.Option(help="Train the transformer so many times too, on the same batches.")
    ] = 0,
    json: Json = False,
) -> None:
    """Answer for mini-batches: the risk of a learning rate, the largest safe one, the batch size it needs.

    Safe is the ellipse that full-batch training never leaves. Risks are measured on the random map of the
    mode that the prompts share, with 95 % intervals; leakage says how far they are from one.
    """
    from lintrans.errors import InputError, count
    from lintrans.minibatch import refine_step_size, risk_sweep
    from lintrans.minibatch.risk import check_risk

    check_risk(risk, event)
    if count("--trainings", trainings, minimum=0) and step_size is None:
        raise InputError(f"--trainings needs --step-size, got {trainings} without it; add a learning rate")
    many, population = prompts.read()
    if trainings and not many:
        raise InputError("--trainings needs a table of prompts, got numbers only; leave it out")
    drawn, (u, v) = _start(population, weights)
    axes = _axes(population, (u, v), batches, step_size, step_sizes, batch_sizes)
    files = outputs.sweep_files(files, "minibatch", json=json)
    sweep = risk_sweep(population, *axes, u, v, n_trajectories=n_trajectories, **batches.drawn())
    result: RiskMap = outputs.run(
        sweep, files, prompts, weights, workers.start(), label="risk map", json=json
    )
    limit = refine_step_size(result, batches.batch_size, risk, event, n_trajectories=10 * n_trajectories)
    answer: dict[str, Any] = {
        **population.summary(),
        "batch_size": batches.batch_size,
        "critical_step_size": result.critical_step_size,
        "largest_step_size": limit._asdict(),
    }
    if step_size is not None:
        answer |= _at(population, step_size, (u, v), batches, 10 * n_trajectories)
        answer["batch_size_needed"] = result.smallest_batch_size(step_size, risk, event)._asdict()
        if trainings:
            answer["trained"] = _train(many, drawn, step_size, batches, trainings, quiet=files.quiet or json)
    written = {"output": str(files.output)} | outputs.draw(result, files)
    if json:
        emit_json(answer | written)
    elif not files.quiet:
        _say(answer, risk, event, batches.n_steps)
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
    n_trajectories: Annotated[int, typer.Option(help="Trainings with different batches.")] = 10_000,
    json: Json = False,
) -> None:
    """Follow many mini-batch trainings from one start: when they leave the safe region, when they diverge."""
    from lintrans.minibatch import escape_sweep

    _, population = prompts.read()
    _, (u, v) = _start(population, weights)
    mu = population.mu(step_size)
    files = outputs.sweep_files(files, "escapes", json=json)
    sweep = escape_sweep(
        population,
        mu,
        u,
        v,
        batch_size=batches.batch_size,
        n_trajectories=n_trajectories,
        **batches.drawn(),
    )
    result = outputs.run(sweep, files, prompts, weights, workers.start(), label="escapes", json=json)
    written = {"output": str(files.output)} | outputs.draw(result, files)
    if json:
        emit_json({**population.summary(), "mu": mu, "risk": result.summary(), **written})
    elif not files.quiet:
        table(_population_rows(population.summary()) + _risk_rows(result.summary(), batches.n_steps))
        outputs.say_written(written)


def _start(population: Population, weights: Weights) -> tuple[TwoFactorWeights, tuple[float, float]]:
    """Initial weights, and the state (u, v) they are projected to."""
    assert population.direction is not None  # of a file there always is one
    drawn = weights.draw(len(population.direction))
    return drawn, population.project_weights(drawn.value, drawn.key_query)


def _axes(
    population: Population,
    start: tuple[float, float],
    batches: Batches,
    step_size: float | None,
    step_sizes: str,
    batch_sizes: str,
) -> tuple[Any, Any]:
    """Step sizes and batch sizes of the map: those asked for or of use, and those of the question."""
    import numpy as np

    from lintrans.errors import count, positive
    from lintrans.minibatch.risk import default_batch_sizes, default_step_sizes

    if step_sizes:
        etas = options.parse_positive_range("--step-sizes", step_sizes)
    else:
        etas = default_step_sizes(population, *start)
    if batch_sizes:
        sizes = [count("--batch-sizes", options.whole(part)) for part in batch_sizes.split(",")]
    else:
        sizes = default_batch_sizes(population)
    asked = [] if step_size is None else [positive("--step-size", step_size)]
    return np.unique([*etas, *asked]), np.unique([*sizes, count("--batch-size", batches.batch_size)])


def _at(
    population: Population, step_size: float, start: tuple[float, float], batches: Batches, n: int
) -> dict[str, Any]:
    """Risks of one learning rate."""
    from lintrans.minibatch import escape_times

    mu, size = population.mu(step_size), batches.batch_size
    times = escape_times(population, mu, *start, batch_size=size, n_trajectories=n, **batches.drawn())
    return {"step_size": step_size, "mu": mu, "risk": times.summary()}


def _train(
    prompts: list[Prompt],
    drawn: TwoFactorWeights,
    step_size: float,
    batches: Batches,
    n_trainings: int,
    *,
    quiet: bool,
) -> dict[str, Any]:
    """Train the transformer on the batches of the first trajectories."""
    from lintrans.minibatch import trained_risk

    with progress("training", quiet=quiet, unit="trainings") as report:
        found = trained_risk(
            prompts,
            step_size=step_size,
            value=float(drawn.value.real),
            key_query=drawn.key_query,
            batch_size=batches.batch_size,
            n_trainings=n_trainings,
            progress=report,
            **batches.drawn(),
        )
    return {
        "left": found.left._asdict(),
        "diverged": found.diverged._asdict(),
        "n_trainings": n_trainings,
        "n_alike": found.n_alike,
        "max_commutation_error": found.max_commutation_error,
    }


def _say(answer: dict[str, Any], risk: float, event: str, n_steps: int) -> None:
    """Print the answer for a person."""
    rows = _population_rows(answer)
    rows.append(("full batch", f"{answer['critical_step_size']:.4g}", "critical learning rate of this start"))
    if "risk" in answer:
        rows.append(("learning rate", f"{answer['step_size']:.4g}", f"mu = {answer['mu']:.6g}"))
        rows += _risk_rows(answer["risk"], n_steps)
    what = f"with a risk of {risk:.3g} that training {_EVENTS[event]}"
    limit = answer["largest_step_size"]
    share = limit["value"] / answer["critical_step_size"]
    rows.append(("largest learning rate", _limit(limit, ".4g"), f"{what}; {share:.3g} of the full batch's"))
    if "batch_size_needed" in answer:
        rows.append(("batch size needed", _limit(answer["batch_size_needed"], ".0f"), what))
    if "trained" in answer:
        found = answer["trained"]
        rows += [
            (f"trained: {name}", _percent(found[name]), f"{found['n_trainings']} trainings")
            for name in _EVENTS
        ]
        error = f"largest error of a step {found['max_commutation_error']:.2g}"
        rows.append(("trained as predicted", f"{found['n_alike']} of {found['n_trainings']}", error))
    table(rows)


def _population_rows(found: dict[str, Any]) -> list[tuple[str, ...]]:
    kind = "one minimum serves all" if found["interpolates"] else f"mismatch std {found['mismatch_std']:.3g}"
    curvature = f"std {found['curvature_std']:.3g}"
    leakage = found["leakage"]
    rows: list[tuple[str, ...]] = [
        ("prompts", f"{found['n_prompts']}", kind),
        ("curvature", curvature, f"of mean 1; largest {found['largest_curvature']:.3g}"),
    ]
    if leakage:
        rows.append(("leakage", f"{leakage:.3g}", "part beside the mode: rates come out too large"))
    return rows


def _risk_rows(found: dict[str, Any], n_steps: int) -> list[tuple[str, ...]]:
    return [(f"risk: {name}", _percent(found[name]), f"within {n_steps} steps") for name in _EVENTS]


def _percent(found: dict[str, float]) -> str:
    return f"{100 * found['value']:.3g} % ({100 * found['low']:.3g} to {100 * found['high']:.3g})"


def _limit(found: dict[str, float], how: str) -> str:
    """Write a limit with its interval; what is beyond the map is said so."""
    if math.isnan(found["value"]):
        return "beyond the map"
    low, high = (f"{found[end]:{how}}" if math.isfinite(found[end]) else "?" for end in ("low", "high"))
    return f"{found['value']:{how}} ({low} to {high})"


_EVENTS = {"left": "leaves the safe region", "diverged": "diverges"}
