"""The transformer trained at the peaks found: as its trajectories, and as often lost as predicted."""

from __future__ import annotations

import math
from typing import NamedTuple

from peak_limits import Case
from peak_shapes import CONFIG, population_of, prompts_of, shape

from lintrans.counting import Proportion
from lintrans.minibatch import escape_times
from lintrans.verification import TrainedRisk, trained_risk


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
    options = {"batch_size": size, "n_steps": CONFIG["n_steps"], "schedule": relative}
    predicted = escape_times(
        population, mu, u, v, n_trajectories=c["n_trajectories"], seed=CONFIG["seed"] + 3, **options
    )
    unit, sign = population.weight_unit, math.copysign(1.0, population.mean_product)
    found = trained_risk(
        prompts_of(name),
        step_size=mu * population.unit_step_size,
        value=u * unit,
        key_query=sign * v * unit * population.direction,
        n_trainings=c["n_trainings"],
        seed=CONFIG["seed"] + 4,
        **options,
    )
    return Trained(case, schedule, mu, predicted.probability("left"), found)
