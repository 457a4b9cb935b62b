"""What the parts of the experiment share: schedules, populations, and one compared number."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from experiments.entry import configuration
from lintrans import example_data
from lintrans.minibatch import Population
from lintrans.prompts import prompts_from_csv
from lintrans.prompts.prompt import Prompt

CONFIG = configuration("batch_schedules")


class Row(NamedTuple):
    """A number: what theory says, what was measured, and the standard error of that."""

    what: str
    derived: float
    measured: float
    error: float

    @property
    def z(self) -> float:
        return (self.measured - self.derived) / self.error if self.measured != self.derived else 0.0


def rising(t: np.ndarray) -> np.ndarray:
    """Warm-up: t = 0 to 1 over the whole run."""
    return np.minimum(1.0, (t + 1 / t.size) / CONFIG["schedules"]["warm_up"])


def dropping(t: np.ndarray) -> np.ndarray:
    when, to = CONFIG["schedules"]["drop"]
    return np.where(t < when, 1.0, to)


SCHEDULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": np.ones_like,
    "warm-up": rising,
    "linear": lambda t: 1 - t,
    "cosine": lambda t: (1 + np.cos(math.pi * t)) / 2,
    "warm-up, linear": lambda t: rising(t) * (1 - t),
    "1/t": lambda t: 1 / (1 + CONFIG["schedules"]["hyperbolic"] * t),
    "drop": dropping,
}


def shape(name: str, n_steps: int) -> np.ndarray:
    """Relative step sizes of a schedule, by step."""
    return SCHEDULES[name](np.arange(n_steps) / n_steps)


@cache
def prompts_of(name: str) -> list[Prompt]:
    """Prompts with one feature, on which the transformer can be trained."""
    asked = CONFIG["populations"][name]
    if name == "real":
        return prompts_from_csv(example_data(), standardize=True, center=True, **asked)
    made = Population.sampled(**asked)  # one row x = 1, y = 1 in the context: M is the query
    pairs = zip(made.moments.tolist(), made.labels.tolist(), strict=True)
    return [Prompt.from_arrays([[1.0]], [1.0], [h], y) for h, y in pairs]


@cache
def population_of(name: str) -> Population:
    return Population.from_prompts(prompts_of(name))


def by_size(values: list[int], batch_size: int) -> int:
    """One of the numbers that the configuration gives by batch size."""
    return values[CONFIG["batch_sizes"].index(batch_size)]


def failed(row: Row) -> bool:
    return not abs(row.z) <= CONFIG["largest_z"]
