"""Options of the commands of the sandbox: what is learned, by what, and how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from lintrans.cli.kit.ranges import parse_schedule, whole

if TYPE_CHECKING:
    from lintrans.sandbox import Model, Task, Training

MAX_SEEDS = 100_000
ENDS = 2  # of start:stop
OPTION_NAMES = {
    "feed_forward_norm": "--norm",
    "feed_forward_rate": "--ffn-rate",
    "frozen": "--freeze",
    "n_epochs": "--epochs",
    "n_frames": "--frames",
    "n_snapshots": "--snapshots",
    "scales": "--scale",
}
PARTS_NOTE = """\
Parts of the weights are tokens, positions, query, value, up, up_bias, down and down_bias. Groups of parts \
are embeddings (tokens, positions), attention (query, value) and feed_forward (the last four)."""


@dataclass(frozen=True)
class TaskOptions:
    """What is learned."""

    note: ClassVar[str] = """\
Task: a sequence has L tokens from 0 to p - 1, and its label is the sum of k of them modulo p. Model: a \
transformer of one head and one layer, with embeddings of d dimensions, two by default (arXiv \
2410.24050)."""

    p: Annotated[int, typer.Option("--p", help="Modulus, and number of tokens that occur.")] = 2
    length: Annotated[int, typer.Option(help="Length L of a sequence.")] = 12
    k: Annotated[int, typer.Option("--k", help="Number of positions that are summed: the first k.")] = 5
    positions: Annotated[
        str, typer.Option(help="Positions that are summed instead, from 0, e.g. 0,3,7.", show_default=False)
    ] = ""
    n_train: Annotated[int, typer.Option(help="Number of training sequences.")] = 2048
    n_test: Annotated[int, typer.Option(help="Number of test sequences.")] = 2048

    @property
    def made(self) -> Task:
        """The task."""
        from lintrans.errors import InputError
        from lintrans.sandbox import Task

        if self.positions and self.k != TaskOptions.k:
            raise InputError(
                f"--positions and --k must not both be given, got {self.positions} and {self.k}; "
                "leave one out"
            )
        listed: Any = [whole(word) for word in self.positions.split(",")] if self.positions else self.k
        with naming_options():
            return Task(
                p=self.p, length=self.length, positions=listed, n_train=self.n_train, n_test=self.n_test
            )


@dataclass(frozen=True)
class ModelOptions:
    """What learns it."""

    d: Annotated[int, typer.Option("--d", help="Dimension of the embeddings.")] = 2
    width: Annotated[int, typer.Option(help="Number of hidden units of the feed-forward network.")] = 32
    tokens: Annotated[
        int | None,
        typer.Option(
            help="Rows of the token table, at least p: room for another task later.  [default: p + 1]",
            show_default=False,
        ),
    ] = None
    attention_norm: Annotated[str, typer.Option(help="Norm before attention: rms, smooth or none.")] = "rms"
    norm: Annotated[str, typer.Option(help="Norm before the feed-forward network: rms, smooth or none.")] = (
        "rms"
    )
    smoothing: Annotated[
        float, typer.Option(help="Constant of the smooth norm: shorter vectors are not stretched to length.")
    ] = 0.1
    no_bias: Annotated[
        bool, typer.Option("--no-bias", help="Leave out the biases of the feed-forward network.")
    ] = False

    def made(self, task: Task) -> Model:
        """Model for a task."""
        from lintrans.errors import count
        from lintrans.sandbox import Model

        n_tokens = task.p + 1 if self.tokens is None else count("--tokens", self.tokens, minimum=task.p)
        with naming_options():
            return Model(
                d=self.d,
                width=self.width,
                extra_tokens=n_tokens - task.p,
                attention_norm=self.attention_norm,
                feed_forward_norm=self.norm,
                smoothing=self.smoothing,
                bias=not self.no_bias,
            )


@dataclass(frozen=True)
class TrainingOptions:
    """How it is trained."""

    note: ClassVar[str] = PARTS_NOTE

    rate: Annotated[float, typer.Option(help="Learning rate.")] = 3e-3
    batch_size: Annotated[int, typer.Option(help="Number of sequences in a step.")] = 32
    epochs: Annotated[int, typer.Option(help="Number of passes through the training set.")] = 1000
    optimizer: Annotated[str, typer.Option(help="Optimiser: adam or sgd.")] = "adam"
    momentum: Annotated[
        float | None,
        typer.Option(
            help="beta_1 of adam, or momentum of sgd.  [default: 0.9 for adam, 0 for sgd]", show_default=False
        ),
    ] = None
    beta2: Annotated[float, typer.Option(help="beta_2 of adam.")] = 0.999
    schedule: Annotated[
        str,
        typer.Option(
            help="Factors of the learning rate: constant, linear, cosine, or by step, as numbers and ramps "
            "start:stop:count separated by commas."
        ),
    ] = "constant"
    ffn_rate: Annotated[
        float | None,
        typer.Option(
            help="Learning rate of the feed-forward network.  [default: that of all]", show_default=False
        ),
    ] = None
    freeze: Annotated[
        str,
        typer.Option(help="Parts that stay as they begin, separated by commas.", show_default=False),
    ] = ""
    scale: Annotated[
        str,
        typer.Option(help="Factors of initial weights, e.g. embeddings=0.5,value=2.", show_default=False),
    ] = ""
    weight_decay: Annotated[float, typer.Option(help="Weight decay, decoupled from the gradient.")] = 0.0
    clip: Annotated[
        float | None,
        typer.Option(help="Largest norm of the gradient.  [default: no limit]", show_default=False),
    ] = None
    dropout: Annotated[
        float, typer.Option(help="Probability with which a hidden unit is left out in a step.")
    ] = 0.0

    @property
    def made(self) -> Training:
        """The training."""
        from lintrans.errors import InputError
        from lintrans.sandbox import Training
        from lintrans.sandbox.training import SCHEDULES

        by_name = self.schedule in SCHEDULES
        if not by_name and not set(self.schedule) & set("0123456789"):
            raise InputError(
                f"--schedule must be {', '.join(SCHEDULES)} or numbers, got {self.schedule!r}; choose one"
            )
        schedule: Any = self.schedule if by_name else parse_schedule(self.schedule)
        with naming_options():
            return Training(
                rate=self.rate,
                batch_size=self.batch_size,
                n_epochs=self.epochs,
                optimizer=self.optimizer,
                momentum=self.momentum,
                beta2=self.beta2,
                schedule=schedule,
                feed_forward_rate=self.ffn_rate,
                frozen=self.freeze.split(",") if self.freeze else (),
                scales=_factors(self.scale),
                weight_decay=self.weight_decay,
                clip=self.clip,
                dropout=self.dropout,
            )


@contextmanager
def naming_options() -> Iterator[None]:
    """Call a field by its option in an `InputError` raised inside, where they have different names."""
    from lintrans.errors import InputError

    try:
        yield
    except InputError as error:
        field = re.compile(rf"\b({'|'.join(OPTION_NAMES)})\b")
        raise InputError(field.sub(lambda found: OPTION_NAMES[found[0]], str(error))) from None


def parse_seeds(text: str) -> list[int]:
    """Read seeds: ``start:stop`` without the stop, or numbers separated by commas; increasing.

    Raises
    ------
    InputError
        If they are no whole numbers, or not increasing.
    """
    from lintrans.errors import InputError, count

    parts = text.split(":")
    numbers = [
        count("a seed", whole(word), minimum=0) for word in (parts if len(parts) == ENDS else text.split(","))
    ]
    if len(parts) == ENDS:
        start, stop = numbers
        seeds = list(range(start, min(stop, start + MAX_SEEDS + 1)))
    else:
        seeds = numbers
    if not seeds:
        raise InputError(f"--seeds must be at least one, got {text!r}; write start:stop, e.g. 0:32")
    if any(b <= a for a, b in pairwise(seeds)):
        raise InputError(f"--seeds must be increasing, got {text!r}; write e.g. 0:32 or 3,8,9")
    if len(seeds) > MAX_SEEDS:
        raise InputError(f"--seeds must be at most {MAX_SEEDS}, got {text!r}; split them over several files")
    return seeds


def _factors(text: str) -> list[tuple[str, float]]:
    """Read ``name=number`` pairs, separated by commas."""
    from lintrans.errors import InputError, finite

    pairs = []
    for word in text.split(",") if text else []:
        name, equals, number = word.partition("=")
        if not equals:
            raise InputError(f"--scale must be name=number, got {word!r}; write e.g. embeddings=0.5")
        pairs.append((name, finite(f"--scale of {name}", number)))
    return pairs
