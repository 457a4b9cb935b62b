"""How a run trains: optimiser, learning rates, batches, and what stays as it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, count, finite, listed, positive, settle, short, step_schedule
from lintrans.sandbox.kernels import ADAM, SGD, Steps
from lintrans.sandbox.model import BIASES, GROUPS, PARTS, Model, parts_of
from lintrans.sandbox.task import Task

FloatArray = NDArray[np.float64]

OPTIMIZERS = {"adam": ADAM, "sgd": SGD}
SCHEDULES = ("constant", "linear", "cosine")
RATE, BATCH_SIZE, N_EPOCHS = 3e-3, 32, 1000
MAX_STEPS = 10**9
PAIR = 2


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a run trains.

    Parameters
    ----------
    rate : float
        Learning rate eta.
    batch_size : int
        Sequences in a step. The training set is shuffled in every epoch and cut into batches; what is left
        over at its end and too small for a batch is dropped.
    n_epochs : int
        Passes through the training set.
    optimizer : str
        "adam" (Kingma and Ba, 2015) or "sgd".
    momentum : float
        beta_1 of Adam, 0.9 unless given; heavy-ball momentum of SGD, 0 unless given.
    beta2, epsilon : float
        Of Adam.
    schedule : str or sequence of float
        Factors of the learning rate by step: "constant", "linear" and "cosine" fall from 1 to 0 over the run,
        and a sequence gives them one by one; its last goes on.
    feed_forward_rate : float
        Learning rate of the feed-forward network, if it has its own.
    frozen : sequence of str
        Parts (tokens, positions, query, value, up, up_bias, down, down_bias) or groups of them (embeddings,
        attention, feed_forward) that stay as they begin.
    scales : mapping of str to float
        Factors of initial weights, by part or group.
    weight_decay : float
        Decoupled from the gradient (Loshchilov and Hutter, 2019).
    clip : float
        Largest norm of the gradient of all weights; a longer one is scaled to it. None never clips.
    dropout : float
        Probability with which a hidden unit is left out in a step.

    Raises
    ------
    InputError
        If a field is out of range.

    Examples
    --------
    >>> Training(optimizer="sgd", rate=0.1).momentum
    0.0
    >>> Training().n_steps(Task())
    64000
    """

    rate: float = RATE
    batch_size: int = BATCH_SIZE
    n_epochs: int = N_EPOCHS
    optimizer: str = "adam"
    momentum: float | None = None
    beta2: float = 0.999
    epsilon: float = 1e-8
    schedule: str | Sequence[float] = "constant"
    feed_forward_rate: float | None = None
    frozen: Sequence[str] = ()
    scales: Mapping[str, float] | Sequence[tuple[str, float]] = ()
    weight_decay: float = 0.0
    clip: float | None = None
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, str) or self.optimizer not in OPTIMIZERS:
            raise InputError(
                f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {short(self.optimizer)}; choose one"
            )
        usual = 0.9 if self.optimizer == "adam" else 0.0
        settle(
            self,
            rate=positive("rate", self.rate),
            batch_size=count("batch_size", self.batch_size),
            n_epochs=count("n_epochs", self.n_epochs),
            momentum=_share("momentum", usual if self.momentum is None else self.momentum),
            beta2=_share("beta2", self.beta2),
            epsilon=positive("epsilon", self.epsilon),
            schedule=_schedule(self.schedule),
            frozen=_frozen(self.frozen),
            scales=_scales(self.scales),
            weight_decay=_at_least_0("weight_decay", self.weight_decay),
            dropout=_share("dropout", self.dropout),
        )
        if self.clip is not None:
            settle(self, clip=positive("clip", self.clip))
        if self.feed_forward_rate is not None:
            rate = _at_least_0("feed_forward_rate", self.feed_forward_rate)
            settle(self, feed_forward_rate=rate)

    def per_epoch(self, task: Task) -> int:
        """Steps of an epoch.

        Raises
        ------
        InputError
            If the training set does not fill a batch.
        """
        if self.batch_size > task.n_train:
            raise InputError(
                f"batch_size must be at most the {task.n_train} training sequences, got {self.batch_size}; "
                "lower it, or draw more sequences"
            )
        return task.n_train // self.batch_size

    def n_steps(self, task: Task) -> int:
        """Steps of the run; an InputError if there are too many to be counted."""
        steps = self.n_epochs * self.per_epoch(task)
        if steps > MAX_STEPS:
            raise InputError(f"steps of a run must be at most {MAX_STEPS:g}, got {steps:g}; lower n_epochs")
        return steps

    def factors(self, task: Task) -> FloatArray:
        """Factors of the learning rate by step."""
        if not isinstance(self.schedule, str):
            return np.asarray(self.schedule)
        if self.schedule == "constant":
            return np.ones(1)
        done = np.arange(self.n_steps(task)) / self.n_steps(task)
        return 1 - done if self.schedule == "linear" else np.asarray((1 + np.cos(math.pi * done)) / 2)

    def rates(self, task: Task, model: Model) -> FloatArray:
        """Factor of the learning rate of every weight, (n_weights,): 0 for what is frozen."""
        factors = np.ones(model.n_weights(task))
        for part, place in model.places(task).items():
            if part in GROUPS["feed_forward"] and self.feed_forward_rate is not None:
                factors[place] = self.feed_forward_rate / self.rate
            if part in self.frozen or (not model.bias and part in BIASES):
                factors[place] = 0.0
        return factors

    @property
    def steps(self) -> Steps:
        """As the compiled loops take it."""
        assert self.momentum is not None
        return Steps(
            OPTIMIZERS[self.optimizer],
            self.rate,
            self.momentum,
            self.beta2,
            self.epsilon,
            self.weight_decay,
            math.inf if self.clip is None else self.clip,
            self.dropout,
        )

    def settings(self) -> dict[str, Any]:
        """All fields, as settings of a result."""
        return {**vars(self), "frozen": list(self.frozen), "scales": dict(self.scales)}


def _frozen(given: Sequence[str]) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else listed("frozen", given)
    found = {part for name in names for part in parts_of(name, name="frozen")}
    return tuple(part for part in PARTS if part in found)


def _scales(given: Mapping[str, float] | Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    items = listed("scales", given.items() if isinstance(given, Mapping) else given)
    if any(isinstance(item, str) or len(listed("an entry of scales", item)) != PAIR for item in items):
        raise InputError(f"scales must be pairs of a name and a number, got {short(given)}; pass a dict")
    names = [name for name, _ in items]
    if len(set(names)) < len(names):
        raise InputError(f"scales must name each part once, got {', '.join(names)}; multiply the factors")
    for name in names:
        parts_of(name, name="scales")
    return tuple((name, finite(f"scales of {name}", value)) for name, value in items)


def _schedule(given: str | Sequence[float]) -> str | tuple[float, ...]:
    if isinstance(given, str):
        if given not in SCHEDULES:
            raise InputError(
                f"schedule must be one of {', '.join(SCHEDULES)}, got {short(given)}; choose one"
            )
        return given
    return tuple(step_schedule(given).tolist())


def _share(name: str, value: Any) -> float:
    number = finite(name, value)
    if not 0 <= number < 1:
        raise InputError(f"{name} must be at least 0 and below 1, got {number:g}; choose a value in range")
    return number


def _at_least_0(name: str, value: Any) -> float:
    number = finite(name, value)
    if number < 0:
        raise InputError(f"{name} must be at least 0, got {number:g}; pass 0 for none")
    return number
