"""The transformer trained at the peaks found: as its trajectories, and as often lost as predicted."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from experiments.batch_schedules.limits import Case, Peaks
from experiments.batch_schedules.shapes import CONFIG, population_of, prompts_of, shape
from experiments.tables import Check, Found, check
from lintrans.counting import Proportion
from lintrans.minibatch import Batches, escape_times
from lintrans.verification import TrainedRisk, trained_risk

ROUNDING = 1e-12  # of one step of training, as in `lintrans.verification.mini_batch`


class Trained(NamedTuple):
    """Trainings of one case and schedule, beside other trajectories of the random map."""

    case: Case
    schedule: str
    mu: float
    predicted: Proportion
    found: TrainedRisk

    @property
    def z(self) -> float:
        """Deviation of the part that left in standard errors of the prediction."""
        p, n = self.predicted.value, CONFIG["training"]["n_trainings"]
        n_map = CONFIG["training"]["n_trajectories"]
        error = math.sqrt(p * (1 - p) * (1 / n + 1 / n_map))
        return (self.found.left.value - p) / error if error else math.inf * (self.found.left.value > 0)


def train(case: Case, schedule: str, mu: float) -> Trained:
    """Train with the batches of one seed, and predict with those of another."""
    (name, start, size), c = case, CONFIG["training"]
    population, (u, v) = population_of(name), CONFIG["starts"][start]
    relative = shape(schedule, CONFIG["n_steps"])
    batches = Batches(size, n_steps=CONFIG["n_steps"], seed=CONFIG["seed"] + 3, schedule=relative)
    predicted = escape_times(population, mu, u, v, batches=batches, n_trajectories=c["n_trajectories"])
    unit, sign = population.weight_unit, math.copysign(1.0, population.mean_product)
    found = trained_risk(
        prompts_of(name),
        step_size=mu * population.unit_step_size,
        value=u * unit,
        key_query=sign * v * unit * population.direction,
        n_trainings=c["n_trainings"],
        batches=replace(batches, seed=CONFIG["seed"] + 4),
    )
    return Trained(case, schedule, mu, predicted.probability("left"), found)


def report(found: Found, peaks: Peaks) -> None:
    """The transformer trained at the peaks of 10 % risk."""
    c = CONFIG["training"]
    table = found.table(
        "training",
        f"{c['n_trainings']} trainings of {CONFIG['n_steps']} steps at the peak: parts that left,"
        " predicted and trained, off in standard errors; alike to their trajectory; largest error of a"
        " step",
        population="<13", B="3", schedule="<15", mu="6.4f", predicted="7.2%", trained="7.1%", low="6.1%",
        high="6.1%", off="5.1f", alike="5", error="7.1e",
    )  # fmt: skip
    for name, size in c["cases"]:
        for schedule in c["schedules"]:
            case = (name, 0, size)
            row = train(case, schedule, peaks[case, schedule, c["risk"]].mu)
            left, run = row.found.left, row.found
            table.row(
                population=name, B=size, schedule=schedule, mu=row.mu, predicted=row.predicted.value,
                trained=left.value, low=left.low, high=left.high, off=row.z, alike=run.n_alike,
                error=run.max_commutation_error,
            )  # fmt: skip


def claims(found: Found) -> Iterator[Check]:
    table = found["training"]
    off = np.abs(table["off"]).max()
    yield check("trainings: part that left, off in standard errors", off, at_most=CONFIG["largest_z"])
    below = table.where(table["mu"] < 1)
    strange = CONFIG["training"]["n_trainings"] * len(below) - below["alike"].sum()
    yield check("trainings below mu = 1 that are not alike to their trajectory", strange, equals=0)
    yield check("trainings: largest error of one step", table["error"].max(), at_most=ROUNDING)
    outside = (table["predicted"] < table["low"]) | (table["predicted"] > table["high"])
    reason = "of 95 % intervals"
    yield check(
        "predictions outside the interval of the trainings",
        outside.sum(),
        at_most=len(table) // 8,
        reason=reason,
    )
