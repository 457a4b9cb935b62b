"""Whether long training is lost in the end: the hazard of leaving, under steps that stay and steps that fall.

A quasi-static account beside it: the hazard of steps that stay at a part kappa of the peak is measured, and
schedules are taken to have at every step that of their kappa. An approximation, not a theorem.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from peak_shapes import CONFIG, population_of

from lintrans.counting import Proportion
from lintrans.minibatch import EscapeTimes, escape_times


class Survival(NamedTuple):
    """Of one power of t: hazards and numbers that left by window, who never did, and sum kappa^2."""

    power: float
    hazards: list[Proportion]
    n_left: list[int]
    survived: Proportion
    squares: float
    times: EscapeTimes


def falling(power: float) -> np.ndarray:
    """Relative step sizes (1 + t / scale)^-power."""
    return (1 + np.arange(CONFIG["long"]["n_steps"]) / CONFIG["long"]["scale"]) ** -power


def walk_long(relative: np.ndarray, *, n: int, seed: int) -> EscapeTimes:
    c = CONFIG["long"]
    return escape_times(
        population_of(c["population"]),
        c["mu"],
        *c["start"],
        batch_size=c["batch_size"],
        n_steps=c["n_steps"],
        n_trajectories=n,
        seed=seed,
        schedule=relative,
    )


def follow(power: float) -> Survival:
    relative = falling(power)
    times = walk_long(relative, n=CONFIG["long"]["n_trajectories"], seed=CONFIG["seed"])
    windows = list(pairwise(CONFIG["long"]["edges"]))
    n_left = [int(((times.left > first) & (times.left <= last)).sum()) for first, last in windows]
    left = times.probability("left")
    survived = Proportion(1 - left.value, 1 - left.high, 1 - left.low)
    hazards = [times.hazard("left", *window) for window in windows]
    return Survival(power, hazards, n_left, survived, float(np.sum(relative**2)), times)


def steady(found: Survival) -> tuple[float, int]:
    """Chi square of one hazard in all windows but the first, and its degrees of freedom."""
    n, rates = np.array(found.n_left[1:]), np.array([hazard.value for hazard in found.hazards[1:]])
    expected = n.sum() / (n / rates).sum() * (n / rates)
    return float(np.sum((n - expected) ** 2 / expected)), n.size - 1


def resting_hazards() -> list[Proportion]:
    """Hazards of steps that stay at a part of the peak, each of which is in the configuration."""
    first, last = CONFIG["long"]["edges"][1], CONFIG["long"]["n_steps"]
    found = []
    for i, kappa in enumerate(CONFIG["long"]["kappas"]):
        times = walk_long(np.array([kappa]), n=CONFIG["long"]["n_resting"], seed=CONFIG["seed"] + 1 + i)
        found.append(times.hazard("left", first, last))
    return found


def quasi_static(relative: np.ndarray, kappas: list[float], hazards: list[Proportion]) -> float:
    """Part that never leaves if every step has the hazard of its kappa: powers between those measured.

    Below the least kappa the power of the last two goes on.
    """
    x, y = np.log(kappas)[::-1], np.log([hazard.value for hazard in hazards])[::-1]
    at = np.log(relative)
    slope = (y[1] - y[0]) / (x[1] - x[0])
    log_hazard = np.where(at < x[0], y[0] + slope * (at - x[0]), np.interp(at, x, y))
    return float(np.exp(-np.sum(np.exp(log_hazard))))


def powers(kappas: list[float], hazards: list[Proportion]) -> list[float]:
    """Local power of kappa in the hazard."""
    y = [hazard.value for hazard in hazards]
    return [float(np.log(y[i] / y[i + 1]) / np.log(kappas[i] / kappas[i + 1])) for i in range(len(y) - 1)]
