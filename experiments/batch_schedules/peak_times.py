"""When trainings leave: hazards over windows, and the part that leaves while a warm-up would last."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from peak_limits import Case, Peaks, cases
from peak_shapes import CONFIG, by_size, population_of, shape

from lintrans.counting import Proportion
from lintrans.minibatch import EscapeTimes, Population, escape_times


class Times(NamedTuple):
    """Of trainings at the constant step size of 10 % risk: when they leave, and what schedules change.

    Attributes
    ----------
    early : float
        Of those that leave with a constant step, the part that does so while the warm-up would last.
    median : float
        Median step of leaving of those that do.
    risks : dict
        Probability of leaving under each schedule with the same peak.
    """

    case: Case
    mu: float
    early: float
    median: float
    risks: dict[str, float]


def run(case: Case, mu: float, schedule: str, n: int, shift: int = 0) -> EscapeTimes:
    name, start, size = case
    return escape_times(
        population_of(name),
        mu,
        *CONFIG["starts"][start],
        batch_size=size,
        n_steps=CONFIG["n_steps"],
        n_trajectories=n,
        seed=CONFIG["seed"] + 1 + shift,  # not the trajectories by which the peak was found
        schedule=shape(schedule, CONFIG["n_steps"]),
    )


def times_of(case: Case, peaks: Peaks) -> Times:
    mu, n = peaks[case, "constant", 0.1].mu, by_size(CONFIG["times"]["n_trajectories"], case[2])
    found = {name: run(case, mu, name, n) for name in CONFIG["times"]["schedules"]}
    steps = found["constant"].left
    steps = steps[steps >= 0]
    length = CONFIG["schedules"]["warm_up"] * CONFIG["n_steps"]
    risks = {name: times.probability("left").value for name, times in found.items()}
    return Times(case, mu, float(np.mean(steps <= length)), float(np.median(steps)), risks)


def all_times(peaks: Peaks) -> list[Times]:
    return [times_of(case, peaks) for case in cases() if (case, "constant", 0.1) in peaks]


def windows() -> list[tuple[int, int]]:
    edges = [round(x * CONFIG["n_steps"] / 1000) for x in CONFIG["times"]["edges"]]
    return list(pairwise(edges))


def hazards(case: Case, mu: float) -> dict[str, list[Proportion]]:
    """Probability per step of leaving, by schedule and window, at one peak step size."""
    found = {}
    for name in CONFIG["times"]["schedules"]:
        times = run(case, mu, name, CONFIG["times"]["n_cases"], shift=1)
        found[name] = [times.hazard("left", *window) for window in windows()]
    return found


def sample_risk(mu: float, n_prompts: int, seed: int) -> tuple[float, Proportion]:
    """Largest target c_i of another sample of label noise, and its risk with single prompts."""
    asked = CONFIG["populations"]["label noise"] | {"n_prompts": n_prompts, "seed": seed}
    population, n = Population.sampled(**asked), by_size(CONFIG["times"]["n_trajectories"], 1)
    settings = {
        "batch_size": 1,
        "n_steps": CONFIG["n_steps"],
        "n_trajectories": n,
        "seed": CONFIG["seed"] + 1,
    }
    times = escape_times(population, mu, *CONFIG["starts"][0], **settings)
    return float(population.targets.max()), times.probability("left")
