"""Options shared by commands, each defined once, and how their texts become values.

A command takes a group as one argument; `grouped` unfolds it into its options. Heavy imports wait
until a method runs.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lintrans.executors import Executor
    from lintrans.prompt import Prompt
    from lintrans.reduction import Mode, NormalForm
    from lintrans.transformer import TwoFactorWeights
    from lintrans.variants import Variant

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
DECAY = "Weight decay lambda; without DATA in units of h |y_q|: a step then takes mu times this."
ALL_MUS = "0.002:2.2:1100"
MAX_RANGE = 10**7
NSteps = Annotated[int, typer.Option("--n-steps", help="Gradient descent steps.")]
DataArgument = typer.Argument(help="CSV or NPZ file with the regression problem.", show_default=False)


@dataclass(frozen=True)
class Problem:
    """The prompt, from a data file."""

    data: Annotated[Path | None, DataArgument] = None
    target: Annotated[str, typer.Option(help="CSV column with the labels.")] = ""
    context: Annotated[str, typer.Option(help="Rows of the context, as 0:64.")] = ""
    query: Annotated[int | None, typer.Option(help="Row of the query.", show_default=False)] = None
    features: Annotated[str, typer.Option(help="CSV columns to use, comma separated; default all.")] = ""
    standardize: Annotated[bool, typer.Option("--standardize", help="Scale columns by the context.")] = False
    center: Annotated[bool, typer.Option("--center", help="Subtract the mean label of the context.")] = False

    def prompt(self) -> Prompt:
        """Read the prompt from its file."""
        from lintrans.errors import InputError
        from lintrans.prompt import Prompt

        if self.data is None:
            raise InputError("DATA must be given, got none; name a CSV or NPZ file first")
        prepared = {"standardize": self.standardize, "center": self.center}
        if self.data.suffix.lower() == ".npz":
            self._forbid("CSV file", "target", "context", "query", "features")
            return Prompt.from_npz(self.data, **prepared)
        for name in ("target", "context", "query"):
            if getattr(self, name) in ("", None):
                raise InputError(
                    f"--{name} must be given for a CSV file, got none; see lintrans reduce --help"
                )
        return Prompt.from_csv(
            self.data,
            target=self.target,
            context=parse_slice("--context", self.context),
            query=int(self.query or 0),
            features=self.features.split(",") if self.features else None,
            **prepared,
        )

    def is_absent(self) -> bool:
        """Tell whether there is no data file; options that describe one are then refused."""
        if self.data is None:
            self._forbid("data file", *(f.name for f in fields(self)))
        return self.data is None

    def _forbid(self, needed: str, *names: str) -> None:
        from lintrans.errors import InputError

        for name in names:
            given = getattr(self, name)
            if given or (given == 0 and given is not False):  # row 0 is a query
                raise InputError(f"--{name} needs a {needed}, got {given!r} without one; leave it out")

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values, to be kept in result files."""
        return {} if self.data is None else {**vars(self), "data": self.data.name}


@dataclass(frozen=True)
class Weights:
    """Initial weights of the transformer."""

    value: Annotated[float, typer.Option(help="Initial weight w.")] = 0.1
    scale: Annotated[float, typer.Option(help="Standard deviation of W times sqrt(d).")] = 0.1
    seed: Annotated[int, typer.Option(help="Seed of the random W.")] = 0

    def draw(self, d: int) -> TwoFactorWeights:
        """Return the initial weights for d features."""
        from lintrans.transformer import initial_weights

        return initial_weights(d, value=self.value, scale=self.scale, seed=self.seed)


@dataclass(frozen=True)
class Step:
    """One learning rate, given as such or as mu."""

    step_size: Annotated[float | None, typer.Option(help="Learning rate.", show_default=False)] = None
    mu: Annotated[float | None, typer.Option(help="Effective step size instead.", show_default=False)] = None

    def effective(self, problem: Problem) -> float:
        """Return mu, from the learning rate for a prompt if there is one."""
        from lintrans.errors import InputError, positive
        from lintrans.reduction import Mode

        if not problem.is_absent():
            mode = Mode.of(problem.prompt())
            return self.eta(mode) / mode.unit_step_size
        if self.mu is None or self.step_size is not None:
            raise InputError(
                f"without DATA --mu must be given and --step-size not, got {self.mu} and {self.step_size}; "
                "as in --mu 0.9"
            )
        return positive("--mu", self.mu)

    def eta(self, mode: Mode) -> float:
        """Return the learning rate for a prompt."""
        from lintrans.errors import InputError, positive

        if (self.step_size is None) == (self.mu is None):
            raise InputError(
                "exactly one of --step-size and --mu must be given, "
                f"got {self.step_size} and {self.mu}; choose one"
            )
        if self.mu is not None:
            return positive("--mu", self.mu) * mode.unit_step_size
        return positive("--step-size", self.step_size)


@dataclass(frozen=True)
class Variation:
    """What is added to plain gradient descent."""

    weight_decay: Annotated[float, typer.Option(help=DECAY)] = 0.0
    momentum: Annotated[float, typer.Option(help="Heavy-ball momentum, from 0 to below 1.")] = 0.0
    schedule: Annotated[
        str, typer.Option(help="Step sizes over mu, by step, as 0.1,0.5 or 0.01:1:100,1; the last goes on.")
    ] = ""

    def resolve(self, problem: Problem) -> Variant | None:
        """Return the variant for a prompt, or in normal form; None for plain gradient descent."""
        from lintrans.reduction import Mode
        from lintrans.variants import Variant, checked

        relative = parse_schedule(self.schedule)
        schedule = (1.0,) if relative is None else tuple(relative.tolist())
        unit = 1.0 if problem.is_absent() else Mode.of(problem.prompt()).unit_step_size
        return checked(Variant(self.weight_decay * unit, self.momentum, schedule))


@dataclass(frozen=True)
class Axis:
    """The axis of a sweep and the start, from numbers or from a prompt with weights."""

    step_size: Annotated[str, typer.Option(help="Learning rates, as 1e-5:2e-4:800; needs DATA.")] = ""
    mu: Annotated[str, typer.Option(help=f"Effective step sizes instead.  [default: {ALL_MUS}]")] = ""
    start: Annotated[str, typer.Option(help="Start u,v.  [default: from DATA, else the probe start]")] = ""

    def resolve(self, problem: Problem, weights: Weights) -> dict[str, Any]:
        """Return the arguments mus, start and unit_step_size of a sweep."""
        from lintrans.errors import InputError
        from lintrans.reduction import Mode

        start = parse_start(self.start) if self.start else None
        if self.step_size and self.mu:
            raise InputError(
                f"--step-size and --mu must not both be given, got {self.step_size} and {self.mu}; choose one"
            )
        if problem.is_absent():
            if self.step_size:
                raise InputError(
                    f"--step-size needs DATA to become mu, got {self.step_size} without it; "
                    "name a file, or use --mu"
                )
            return {"mus": parse_positive_range("--mu", self.mu or ALL_MUS), "start": start}
        prompt = problem.prompt()
        mode = Mode.of(prompt)
        unit = mode.unit_step_size
        mus = (
            parse_positive_range("--step-size", self.step_size) / unit
            if self.step_size
            else parse_positive_range("--mu", self.mu or ALL_MUS)
        )
        if start is None:
            drawn = weights.draw(prompt.d)
            u, v = mode.project(drawn.value, drawn.key_query)
            start = (float(u), float(v))
        return {"mus": mus, "start": start, "unit_step_size": unit}


@dataclass(frozen=True)
class Workers:
    """Who computes the tiles of a sweep."""

    executor: Annotated[str, typer.Option(help="Where to compute: threads, or dask.")] = "threads"
    scheduler: Annotated[
        str, typer.Option(help="Dask scheduler, as tcp://host:8786.  [default: start one here]")
    ] = ""
    n_workers: Annotated[
        int | None,
        typer.Option(help="Threads, or Dask processes, to start.  [default: all cores]", show_default=False),
    ] = None

    def start(self) -> Executor:
        """Return the executor; a cluster is started once there is work."""
        from lintrans.errors import InputError
        from lintrans.executors import Dask, Threads

        if self.executor == "dask":
            return Dask(self.scheduler or None, n_workers=self.n_workers)
        if self.executor != "threads":
            raise InputError(f"--executor must be threads or dask, got {self.executor!r}; choose one")
        if self.scheduler:
            raise InputError(
                f"--scheduler needs --executor dask, got {self.scheduler!r} without it; add --executor dask"
            )
        return Threads(self.n_workers)


@dataclass(frozen=True)
class Files:
    """Where results go."""

    output: Annotated[Path | None, typer.Option(help="HDF5 file to write.", show_default=False)] = None
    figure: Annotated[
        Path | None, typer.Option(help="Figure to draw: .png, .pdf or .svg.", show_default=False)
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")] = False


def grouped(command: Callable[..., Any]) -> Callable[..., Any]:
    """Unfold every dataclass argument of a command into its fields, as options of their own."""
    groups: dict[str, Any] = {}
    parameters = []
    hints = get_type_hints(command, include_extras=True)
    for name, parameter in inspect.signature(command).parameters.items():
        group = hints[name]
        if not is_dataclass(group):
            parameters.append(parameter.replace(annotation=group, kind=parameter.KEYWORD_ONLY))
            continue
        groups[name] = group
        field_hints = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                f.name, parameter.KEYWORD_ONLY, default=f.default, annotation=field_hints[f.name]
            )
            for f in fields(group)
        ]

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        built = {
            name: group(**{f.name: given.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        return command(**built, **given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def parse_range(name: str, text: str) -> NDArray[np.float64]:
    """``start:stop:count`` (both ends included) upwards, or one number."""
    from lintrans.errors import InputError

    values = parse_ramp(name, text)
    parts = text.split(":")
    if values.size > 1 and values[0] == values[-1]:
        raise InputError(f"{name} must have two different ends, got {text}; write {parts[0]} for one value")
    if values[0] > values[-1]:
        raise InputError(f"{name} must run upwards, got {text}; write {parts[1]}:{parts[0]}:{parts[2]}")
    return values


def parse_ramp(name: str, text: str) -> NDArray[np.float64]:
    """``start:stop:count`` (both ends included) in any direction, or one number."""
    import numpy as np

    from lintrans.errors import InputError, count, finite

    parts = text.split(":")
    if len(parts) == 1:
        return np.array([finite(name, text)])
    if len(parts) != 3:
        raise InputError(f"{name} must be start:stop:count or a number, got {text!r}; as in 0.01:2.2:800")
    start, stop = finite(f"{name} start", parts[0]), finite(f"{name} stop", parts[1])
    return np.linspace(start, stop, count(f"{name} count", whole(parts[2]), minimum=2, maximum=MAX_RANGE))


def parse_schedule(text: str) -> NDArray[np.float64] | None:
    """Relative step sizes: numbers and ramps ``start:stop:count``, by commas; None for an empty text."""
    import numpy as np

    return np.concatenate([parse_ramp("--schedule", part) for part in text.split(",")]) if text else None


def parse_positive_range(name: str, text: str) -> NDArray[np.float64]:
    """Like `parse_range`, and above 0."""
    from lintrans.errors import positive

    values = parse_range(name, text)
    positive(name if values.size == 1 else f"{name} start", values[0])
    return values


def parse_start(text: str) -> tuple[float, float]:
    """``u,v``."""
    from lintrans.errors import InputError, finite

    parts = text.split(",")
    if len(parts) != 2:
        raise InputError(f"--start must be two numbers u,v, got {text!r}; as in 0.4,0.4")
    return finite("--start u", parts[0]), finite("--start v", parts[1])


def parse_slice(name: str, text: str) -> slice:
    """``start:stop`` of rows."""
    from lintrans.errors import InputError, count

    parts = text.split(":")
    if len(parts) != 2:
        raise InputError(f"{name} must be start:stop, got {text!r}; as in 0:64")
    start, stop = (count(f"{name} row", whole(part), minimum=0) for part in parts)
    return slice(start, stop)


def whole(text: str) -> int | str:
    """Return the integer a text spells, or the text for the check that will refuse it."""
    try:
        return int(text)
    except ValueError:
        return text


def normal_form(
    problem: Problem, weights: Weights, step: Step
) -> tuple[Prompt, TwoFactorWeights, NormalForm]:
    """Prompt, initial weights and their normal form, from three groups of options."""
    from lintrans.reduction import Mode, reduce

    prompt = problem.prompt()
    drawn = weights.draw(prompt.d)
    eta = step.eta(Mode.of(prompt))
    return prompt, drawn, reduce(prompt, step_size=eta, value=drawn.value, key_query=drawn.key_query)
