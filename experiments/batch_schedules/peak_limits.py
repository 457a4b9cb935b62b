"""The largest peak step size of every schedule for a risk of leaving, measured, and its table kept."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from peak_shapes import CONFIG, by_size, population_of, shape

from lintrans.counting import Limit
from lintrans.minibatch import Population, refine_step_size, risk_map
from lintrans.two_factor import normal_form

Case = tuple[str, int, int]  # population, number of the start, batch size


class Peak(NamedTuple):
    """Largest peak step size mu of one schedule, with its interval; NaN where it is beyond the map."""

    population: str
    start: int
    batch_size: int
    schedule: str
    risk: float
    mu: float
    low: float
    high: float


Peaks = dict[tuple[Case, str, float], Peak]


def limits(
    population: Population,
    start: tuple[float, float],
    size: int,
    schedule: np.ndarray,
    risks: list[float],
    *,
    n_coarse: int,
    n_fine: int,
) -> list[Limit]:
    """Largest peak step sizes, in mu, for risks of leaving: one coarse map, then finer ones."""
    low, high, number = CONFIG["limits"]["step_sizes"]
    critical = float(normal_form.critical_mu(*start)) * population.unit_step_size
    coarse = risk_map(
        population,
        np.geomspace(low, high, number) * critical,
        [size],
        *start,
        n_steps=schedule.size,
        n_trajectories=n_coarse,
        seed=CONFIG["seed"],
        schedule=schedule,
    )
    found = [refine_step_size(coarse, size, risk, n_trajectories=n_fine) for risk in risks]
    return [Limit(*(x / population.unit_step_size for x in limit)) for limit in found]


def measure(case: Case, schedules: list[str]) -> Iterator[Peak]:
    """Peaks of one population, start and batch size."""
    name, start, size = case
    c, risks = CONFIG["limits"], CONFIG["risks"]
    counts = {key: by_size(c[key], size) for key in ("n_coarse", "n_fine")}
    for schedule in schedules:
        relative = shape(schedule, CONFIG["n_steps"])
        found = limits(population_of(name), tuple(CONFIG["starts"][start]), size, relative, risks, **counts)
        for risk, limit in zip(risks, found, strict=True):
            yield Peak(*case, schedule, risk, *limit)


def cases() -> list[Case]:
    return [
        (name, start, size)
        for name in CONFIG["names"]
        for start in range(len(CONFIG["starts"]))
        for size in CONFIG["batch_sizes"]
    ]


def index(peaks: list[Peak]) -> Peaks:
    return {((p.population, p.start, p.batch_size), p.schedule, p.risk): p for p in peaks}


def ratio(peaks: Peaks, case: Case, schedule: str, risk: float) -> Limit:
    """Peak over that of the constant step size; the interval is that of both ends."""
    peak, base = peaks[case, schedule, risk], peaks[case, "constant", risk]
    return Limit(peak.mu / base.mu, peak.low / base.high, peak.high / base.low)


def write(path: Path, peaks: list[Peak]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(Peak._fields)
        rows.writerows([*p[:5], *(f"{x:.5g}" for x in p[5:])] for p in peaks)


def read(path: Path) -> list[Peak]:
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        kinds = (str, int, int, str, float, float, float, float)
        return [
            Peak(*(kind(row[field]) for kind, field in zip(kinds, Peak._fields, strict=True))) for row in rows
        ]
