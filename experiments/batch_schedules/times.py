"""When trainings leave: hazards over windows, and the part that leaves while a warm-up would last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr

from experiments.batch_schedules.limits import Case, Peaks, cases, label, ratio
from experiments.batch_schedules.shapes import CONFIG, SCHEDULES, by_size, population_of, shape
from experiments.tables import Check, Found, check
from lintrans.counting import Proportion
from lintrans.minibatch import Batches, EscapeTimes, Population, escape_times


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
        batches=Batches(
            size,
            n_steps=CONFIG["n_steps"],
            seed=CONFIG["seed"] + 1 + shift,  # not the trajectories by which the peak was found
            schedule=shape(schedule, CONFIG["n_steps"]),
        ),
        n_trajectories=n,
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
    batches = Batches(1, n_steps=CONFIG["n_steps"], seed=CONFIG["seed"] + 1)
    times = escape_times(population, mu, *CONFIG["starts"][0], batches=batches, n_trajectories=n)
    return float(population.targets.max()), times.probability("left")


def report(found: Found, peaks: Peaks) -> None:
    """When trainings with a constant step leave, and what schedules of the same peak change."""
    names = CONFIG["times"]["schedules"]
    length = round(CONFIG["schedules"]["warm_up"] * CONFIG["n_steps"])
    table = found.table(
        "times",
        f"at the constant peak of 10 % risk: early, the part by step {length} of those that left;"
        " median step; parts that leave under each schedule; ratios of its largest peak",
        population="<13", start="5", B="3", mu="6.4f", early="6.1%", median="6.0f",
        **{f"leave_{label(name)}": "8.2%" for name in names},
        **{f"peak_{label(name)}": "6.3f" for name in names[1:]},
    )  # fmt: skip
    for row in all_times(peaks):
        name, start, size = row.case
        table.row(
            population=name, start=start, B=size, mu=row.mu, early=row.early, median=row.median,
            **{f"leave_{label(one)}": row.risks[one] for one in names},
            **{f"peak_{label(one)}": ratio(peaks, row.case, one, 0.1).value for one in names[1:]},
        )  # fmt: skip
    report_ranks(found, table)
    report_means(found, peaks, [case for case in cases() if (case, "constant", 0.1) in peaks])
    report_samples(found, peaks)
    report_hazards(found, peaks)


def report_ranks(found: Found, table) -> None:
    ranks = found.table(
        "ranks",
        "rank correlation of the part that left early with the ratio of peaks, and of risks; ratios"
        " where less and where more than half left early",
        schedule="<8", peaks="6.2f", risks="6.2f", late_least="6.3f", late_most="6.3f", early_least="6.3f",
        early_most="6.3f",
    )  # fmt: skip
    early = table["early"]
    for name in CONFIG["times"]["schedules"][1:]:
        gains, left = table[f"peak_{label(name)}"], table[f"leave_{label(name)}"] / table["leave_constant"]
        late, soon = gains[early <= 0.5], gains[early > 0.5]
        ranks.row(
            schedule=name, peaks=spearmanr(early, gains).statistic, risks=spearmanr(early, left).statistic,
            late_least=late.min(), late_most=late.max(), early_least=soon.min(), early_most=soon.max(),
        )  # fmt: skip


def report_means(found: Found, peaks: Peaks, shown: list[Case]) -> None:
    table = found.table(
        "means", "mean step over the run: of the peak, and over that of constant steps of the same risk",
        schedule="<15", of_the_peak="6.3f", least="6.3f", most="6.3f",
    )  # fmt: skip
    for name in list(SCHEDULES)[1:]:
        mean = float(shape(name, CONFIG["n_steps"]).mean())
        gains = [mean * ratio(peaks, case, name, 0.1).value for case in shown]
        table.row(schedule=name, of_the_peak=mean, least=min(gains), most=max(gains))


def report_samples(found: Found, peaks: Peaks) -> None:
    mu = peaks[("label noise", 0, 1), "constant", 0.1].mu
    table = found.table(
        "samples", f"other samples of label noise, B = 1, mu = {mu:.4f}",
        prompts="7", seed="4", largest_target="8.2f", leave="7.2%",
    )  # fmt: skip
    for n_prompts, seed in CONFIG["times"]["samples"]:
        target, left = sample_risk(mu, n_prompts, seed)
        table.row(prompts=n_prompts, seed=seed, largest_target=target, leave=left.value)


def report_hazards(found: Found, peaks: Peaks) -> None:
    table = found.table(
        "hazards",
        f"hazard of leaving per step, {CONFIG['times']['n_cases']} trajectories, with its interval",
        population="<13", B="3", mu="6.4f", schedule="<8", after="5", to="5", hazard="8.2g", low="8.1e",
        high="8.1e",
    )  # fmt: skip
    for case in map(tuple, CONFIG["times"]["cases"]):
        mu = peaks[case, "constant", 0.1].mu
        for name, cells in hazards(case, mu).items():
            for (after, to), cell in zip(windows(), cells, strict=True):
                table.row(
                    population=case[0], B=case[2], mu=mu, schedule=name, after=after, to=to,
                    hazard=cell.value, low=cell.low, high=cell.high,
                )  # fmt: skip


def claims(found: Found) -> Iterator[Check]:
    ranks = {row: found["ranks"].at(schedule=row) for row in CONFIG["times"]["schedules"][1:]}
    warm, linear = ranks["warm-up"], ranks["linear"]
    yield check("most left early: warm-up raises the peak, least", warm["early_least"].item(), at_least=1.05)
    yield check("most left early: linear decay raises it, most", linear["early_most"].item(), at_most=1.05)
    yield check(
        "most left later: linear decay raises the peak, least", linear["late_least"].item(), at_least=1.06
    )
    yield check("most left later: warm-up raises it, most", warm["late_most"].item(), at_most=1.025)
    gap = np.abs(found["times"]["early"] - 0.5).min()
    yield check("early parts of all cases keep off one half by", gap, at_least=0.05, reason="44 and 71 %")
    yield check("rank correlation, early and warm-up", warm["peaks"].item(), at_least=0.7, reason="+0.83")
    yield check(
        "rank correlation, early and linear decay", linear["peaks"].item(), at_most=-0.5, reason="-0.65"
    )
    yield check("rank correlation with risks, warm-up", warm["risks"].item(), at_most=-0.7, reason="-0.90")
    yield check(
        "rank correlation with risks, linear decay", linear["risks"].item(), at_least=0.8, reason="+0.91"
    )
    table = found["hazards"].at(B=1)
    single, noisy = table.at(population="interpolating"), table.at(population="label noise")
    constant = single.at(schedule="constant")
    yield check(
        "single interpolating prompts: hazard of the first steps", constant["hazard"][0], at_least=5e-3
    )
    yield check("and after step 100", constant.where(constant["after"] >= 100)["hazard"].max(), at_most=1e-6)
    yield check(
        "the same with warm-up, any step",
        single.at(schedule="warm-up")["hazard"].max(),
        at_most=2e-5,
        reason="0 at most steps",
    )
    constant = noisy.at(schedule="constant")
    late = constant["hazard"][-1]
    yield check("label noise: late hazard", late, at_least=7e-5, at_most=1.5e-4, reason="one in 10,000 steps")
    yield check(
        "label noise, linear decay: late hazard over that",
        noisy.at(schedule="linear")["hazard"][-1] / late,
        at_most=0.05,
    )
