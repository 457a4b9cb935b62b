"""Options of the commands on one prompt: the prompt, its weights, the learning rate, the axis of a sweep."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol

import typer

from lintrans.cli.kit.ranges import parse_positive_range, parse_schedule, parse_slice, parse_start

if TYPE_CHECKING:
    from lintrans.attention.transformer import TwoFactorWeights
    from lintrans.prompts.prompt import Prompt
    from lintrans.two_factor.reduction import Mode, NormalForm
    from lintrans.two_factor.variants import Variant

ALL_MUS = "0.002:2.2:1100"
EXAMPLE = "example"
EXAMPLE_PROMPT = "example --target progression --context 0:64 --query 64 --standardize --center"
PROMPT_NOTE = """\
Model: a linear transformer trained on one prompt: context rows x_i with labels y_i, and a query row x_q \
whose label y_q it must predict. Trained weights: P = diag(0, w) and K = diag(W, 0), with a number w and a \
d x d matrix W for d features. This is the two-factor model of the paper (arXiv 2605.21292): d^2 + 1 of the \
2 (d+1)^2 weights; the others stay 0. The effective step size mu is the learning rate times h |y_q|, where \
h is the norm of the matrix mean(y_i x_i) x_q^T. The factors u and v are w and the part of W that training \
moves, rescaled so that the prediction is u v in units of y_q."""
LANDMARKS = """\
A landmark is a value of the effective step size mu at which balanced training changes; balanced means that \
both factors are equal, u = v. In the table, a window is a range of mu with a stable cycle amid chaos; the \
crisis is where the weights begin to change sign."""
WEIGHTS = "P = diag(0, w), K = diag(W, 0)"
TRAINED = ("trained", "w, W", f"{WEIGHTS}: the two-factor model; all other weights stay 0")


def data_file(text: str) -> Path:
    """Return the file that DATA names; the word ``example`` names the table of the package.

    Where a file of that name exists, the bare word is refused, since it could mean either: ``./example`` is
    the file.
    """
    if text != EXAMPLE:
        return Path(text)
    if Path(text).exists():
        raise typer.BadParameter(
            f"DATA must mean one table, got {EXAMPLE!r} where a file has that name too; write ./{EXAMPLE} "
            "for the file, or work in another folder for the table of the package"
        )
    from lintrans.prompts.prompt import example_data

    return example_data()


DataArgument = typer.Argument(
    help="CSV or NPZ file with the prompt. The word example is the diabetes table of the package; a file "
    "of that name is ./example.",
    parser=data_file,
    metavar="DATA",
    show_default=False,
)


@dataclass(frozen=True)
class Problem:
    """The prompt, from a data file."""

    note: ClassVar[str] = PROMPT_NOTE

    data: Annotated[Path | None, DataArgument] = None
    target: Annotated[str, typer.Option(help="CSV column of the labels.")] = ""
    context: Annotated[str, typer.Option(help="Data rows of the context, e.g. 0:64 for rows 0 to 63.")] = ""
    query: Annotated[
        int | None, typer.Option(help="Data row of the query, outside the context.", show_default=False)
    ] = None
    features: Annotated[
        str,
        typer.Option(help="CSV columns of the features, separated by commas.  [default: all but the target]"),
    ] = ""
    standardize: Annotated[
        bool,
        typer.Option(
            "--standardize", help="Scale each feature to mean 0 and standard deviation 1 over the context."
        ),
    ] = False
    center: Annotated[
        bool, typer.Option("--center", help="Subtract the mean label of the context from all labels.")
    ] = False

    def prompt(self) -> Prompt:
        """Return the prompt of the file, which is read once."""
        return self._prompt

    @functools.cached_property
    def _prompt(self) -> Prompt:
        from lintrans.errors import InputError
        from lintrans.prompts.prompt import Prompt

        if self.data is None:
            raise InputError("DATA must be given, got none; name a CSV or NPZ file, or write example")
        prepared = {"standardize": self.standardize, "center": self.center}
        if self.data.suffix.lower() == ".npz":
            self._forbid("CSV file", "target", "context", "query", "features")
            return Prompt.from_npz(self.data, **prepared)
        for name in ("target", "context", "query"):
            if getattr(self, name) in ("", None):
                raise InputError(
                    f"--{name} must be given for a CSV file, got none; see lintrans reduce --help for an "
                    "example"
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
        """Return True without a data file; options that describe one are then refused."""
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
        """Return the options as plain values, for the settings of a result file."""
        return {} if self.data is None else {**_plain(self), "data": self.data.name}


@dataclass(frozen=True)
class Weights:
    """Initial weights of the transformer."""

    value: Annotated[float, typer.Option(help="Initial value of the weight w.")] = 0.1
    scale: Annotated[
        float,
        typer.Option(help="Size of the initial W: its entries are normal with deviation scale/sqrt(d)."),
    ] = 0.1
    seed: Annotated[int, typer.Option(help="Random seed of the initial W.")] = 0

    def draw(self, d: int) -> TwoFactorWeights:
        """Return the initial weights for d features."""
        from lintrans.attention.transformer import initial_weights

        return initial_weights(d, value=self.value, scale=self.scale, seed=self.seed)


@dataclass(frozen=True)
class Step:
    """One learning rate, given itself or as mu."""

    step_size: Annotated[
        float | None,
        typer.Option(
            help="Learning rate for the loss (prediction - y_q)^2 / 2; needs DATA.", show_default=False
        ),
    ] = None
    mu: Annotated[
        float | None,
        typer.Option(help="Effective step size mu, instead of --step-size.", show_default=False),
    ] = None

    def effective(self, problem: Problem) -> float:
        """Return mu, from the learning rate for a prompt if there is one."""
        from lintrans.errors import InputError, positive
        from lintrans.two_factor.reduction import Mode

        if not problem.is_absent():
            mode = Mode.of(problem.prompt())
            return self.eta(mode) / mode.unit_step_size
        if self.mu is None or self.step_size is not None:
            raise InputError(
                f"without DATA, --mu must be given and --step-size left out, got {self.mu} and "
                f"{self.step_size}; write e.g. --mu 0.9"
            )
        return positive("--mu", self.mu)

    def eta(self, mode: Mode) -> float:
        """Return the learning rate for a prompt."""
        from lintrans.errors import InputError, positive

        if (self.step_size is None) == (self.mu is None):
            raise InputError(
                "exactly one of --step-size and --mu must be given, "
                f"got {self.step_size} and {self.mu}; give one of them"
            )
        if self.mu is not None:
            return positive("--mu", self.mu) * mode.unit_step_size
        return positive("--step-size", self.step_size)


@dataclass(frozen=True)
class Variation:
    """What is added to plain gradient descent."""

    weight_decay: Annotated[
        float,
        typer.Option(
            help="Weight decay lambda. Without DATA it is in units of h |y_q|: a step then shrinks the "
            "weights by mu times this value."
        ),
    ] = 0.0
    momentum: Annotated[float, typer.Option(help="Heavy-ball momentum, at least 0 and below 1.")] = 0.0
    schedule: Annotated[
        str,
        typer.Option(
            help="Factors on the step size, step by step, e.g. 0.1,0.5,1 or 0.01:1:100,1 for a warm-up of "
            "100 steps. The last one is kept."
        ),
    ] = ""

    def resolve(self, problem: Problem) -> Variant | None:
        """Return the variant for a prompt, or in normal form; None for plain gradient descent."""
        from lintrans.two_factor.reduction import Mode
        from lintrans.two_factor.variants import Variant, checked

        relative = parse_schedule(self.schedule)
        schedule = (1.0,) if relative is None else tuple(relative.tolist())
        unit = 1.0 if problem.is_absent() else Mode.of(problem.prompt()).unit_step_size
        return checked(Variant(self.weight_decay * unit, self.momentum, schedule))


@dataclass(frozen=True)
class Axis:
    """The axis of a sweep and the start, from numbers or from a prompt with weights."""

    step_size: Annotated[
        str, typer.Option(help="Learning rates start:stop:count, e.g. 1e-5:2e-4:800; needs DATA.")
    ] = ""
    mu: Annotated[
        str,
        typer.Option(
            help=f"Effective step sizes mu, start:stop:count, instead of --step-size.  [default: {ALL_MUS}]"
        ),
    ] = ""
    start: Annotated[
        str,
        typer.Option(
            help="Start u,v, e.g. 0.4,0.4.  [default: the initial weights; without DATA, for each mu, a "
            "balanced start from which the loss rises if it rises from any]"
        ),
    ] = ""

    def resolve(self, problem: Problem, weights: Weights) -> dict[str, Any]:
        """Return the arguments mus, start and unit_step_size of a sweep."""
        from lintrans.errors import InputError
        from lintrans.two_factor.reduction import Mode

        start = parse_start(self.start) if self.start else None
        if self.step_size and self.mu:
            raise InputError(
                f"--step-size and --mu must not both be given, got {self.step_size} and {self.mu}; "
                "leave one out"
            )
        if problem.is_absent():
            if self.step_size:
                raise InputError(
                    f"--step-size needs DATA, got {self.step_size} without it; name a data file, or use --mu"
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


class Data(Protocol):
    """A group of options that says where the data came from."""

    def settings(self) -> dict[str, Any]:
        """Return the options as plain values."""
        ...


def context(problem: Data, weights: Weights | None = None) -> dict[str, Any]:
    """Return settings of a result that say where mu and the start came from."""
    source = problem.settings()
    if source and weights is not None:
        source["weights"] = _plain(weights)
    return {"problem": source} if source else {}


def _plain(group: Any) -> dict[str, Any]:
    return {f.name: getattr(group, f.name) for f in fields(group)}


def normal_form(
    problem: Problem, weights: Weights, step: Step
) -> tuple[Prompt, TwoFactorWeights, NormalForm]:
    """Prompt, initial weights and their normal form, from three groups of options."""
    from lintrans.two_factor.reduction import Mode, reduce

    prompt = problem.prompt()
    drawn = weights.draw(prompt.d)
    eta = step.eta(Mode.of(prompt))
    return prompt, drawn, reduce(prompt, step_size=eta, value=drawn.value, key_query=drawn.key_query)
