"""The largest peak step size of every schedule for a risk of leaving, measured, and its table kept."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.batch_schedules.shapes import CONFIG, SCHEDULES, by_size, population_of, shape
from experiments.entry import HERE, progress
from experiments.tables import Check, Found, check
from lintrans.counting import Limit
from lintrans.minibatch import Batches, Population, refine_step_size, risk_map
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
KEPT = HERE / "batch_schedules" / "peaks.csv"


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
        batches=Batches(size, n_steps=schedule.size, seed=CONFIG["seed"], schedule=schedule),
        n_trajectories=n_coarse,
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


def cases(names: list[str] | None = None, sizes: list[int] | None = None) -> list[Case]:
    """All cases, or those of some populations and batch sizes."""
    return [
        (name, start, size)
        for name in names or CONFIG["names"]
        for start in range(len(CONFIG["starts"]))
        for size in sizes or CONFIG["batch_sizes"]
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


def label(schedule: str) -> str:
    """Name of a column."""
    return {"1/t": "one_over_t"}.get(schedule, schedule.replace(", ", "_and_").replace("-", "_"))


def report(found: Found, kept: Peaks) -> list[Peak]:
    """Measure the peaks, and print them by case."""
    others = list(SCHEDULES)[1:]
    table = found.table(
        "limits",
        f"largest peak step size mu in {CONFIG['n_steps']} steps, constant; then over it with each schedule",
        population="<13", start="5", B="3", risk="4.0%", mu="6.4f", low="6.4f", high="6.4f",
        **{label(name): "6.3f" for name in others},
    )  # fmt: skip
    peaks: list[Peak] = []
    for case in cases(CONFIG["limits"]["names"], CONFIG["limits"]["batch_sizes"]):
        measured = list(measure(case, list(SCHEDULES)))
        for risk in CONFIG["risks"]:
            here = index(measured)
            _, mu, low, high = here[case, "constant", risk][4:]
            ratios = {label(name): ratio(here, case, name, risk).value for name in others}
            name, start, size = case
            table.row(population=name, start=start, B=size, risk=risk, mu=mu, low=low, high=high, **ratios)
        peaks += measured
        progress(f"limits: {case[0]}, start {case[1]}, B = {case[2]}")
    found.keep("peaks", **dict(zip(Peak._fields, zip(*peaks, strict=True), strict=True)))
    apart = [(one, kept[key]) for key, one in index(peaks).items() if key in kept]
    beyond = [one.low > other.high or other.low > one.high for one, other in apart]
    found.keep("against_kept", apart=beyond)
    return peaks


def claims(found: Found) -> Iterator[Check]:
    table, apart = found["peaks"], found["against_kept"]["apart"]
    reason = "of 95 % intervals, two in a hundred may be"
    yield check("peaks apart from the kept ones, part", apart.mean(), at_most=0.02, reason=reason)
    critical = np.array([float(normal_form.critical_mu(*start)) for start in CONFIG["starts"]])
    over = (table["mu"] / critical[table["start"]]).max()
    yield check("largest peak over the critical mu of the full batch", over, at_most=1)


def claims_of_kept(peaks: Peaks) -> Iterator[Check]:
    """What the table of all peaks says, be it kept or measured."""
    gain = {
        (schedule, risk): np.array([ratio(peaks, case, schedule, risk).value for case in cases()])
        for schedule in SCHEDULES
        for risk in CONFIG["risks"]
    }
    both = gain["warm-up, linear", 0.1]
    yield check("warm-up and decay together raise the peak, least", both.min(), at_least=1.07)
    yield check("and most", both.max(), at_most=1.96, reason="1.95")
    product = both / (gain["warm-up", 0.1] * gain["linear", 0.1])
    yield check("over the product of the two gains, least", product.min(), at_least=0.99)
    yield check("and largest", product.max(), at_most=1.31, reason="1.30")
    more = np.nanmax(gain["cosine", 0.1] - gain["linear", 0.1])
    yield check("cosine decay gains more than linear decay by", more, at_most=0)
    yield check("a drop gains at most", gain["drop", 0.1].max(), at_most=1.175, reason="1.17")
    rare = [gain["warm-up", 0.01][cases().index(("interpolating", start, 1))] for start in (0, 1)]
    yield check("warm-up at 1 % risk, single interpolating prompts, least", min(rare), at_least=2.2)
