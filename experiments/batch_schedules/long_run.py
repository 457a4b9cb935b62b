"""Whether long training is lost in the end: the hazard of leaving, under steps that stay and steps that fall.

A quasi-static account beside it: the hazard of steps that stay at a part kappa of the peak is measured, and
schedules are taken to have at every step that of their kappa. An approximation, not a theorem.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import chi2

from experiments.batch_schedules.shapes import CONFIG, population_of
from experiments.tables import Check, Found, check
from lintrans.counting import Proportion
from lintrans.minibatch import Batches, EscapeTimes, escape_times


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
        batches=Batches(c["batch_size"], n_steps=c["n_steps"], seed=seed, schedule=relative),
        n_trajectories=n,
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


def report(found: Found) -> None:
    """Survival under steps that stay and that fall, beside the quasi-static account."""
    c = CONFIG["long"]
    resting = resting_hazards()
    local = [*powers(c["kappas"], resting), np.nan]
    table = found.table(
        "resting",
        f"{c['population']}, B = {c['batch_size']}, mu = {c['mu']}: hazard of steps that stay at kappa"
        " mu; power of kappa to the next",
        kappa="5g", hazard="9.3e", low="9.3e", high="9.3e", power="5.1f",
    )  # fmt: skip
    for kappa, hazard, power in zip(c["kappas"], resting, local, strict=True):
        table.row(kappa=kappa, hazard=hazard.value, low=hazard.low, high=hazard.high, power=power)
    table = found.table(
        "long",
        f"steps of (1 + t / {c['scale']})^-p, {c['n_steps']} of them: part that never left, quasi-static",
        p="6g", sum_of_squares="8.0f", never_left="7.2%", low="7.2%", high="7.2%", quasi_static="7.2%",
    )  # fmt: skip
    runs = [follow(power) for power in c["powers"]]
    for run in runs:
        guess = quasi_static(falling(run.power), c["kappas"], resting)
        value, low, high = run.survived
        table.row(
            p=run.power, sum_of_squares=run.squares, never_left=value, low=low, high=high, quasi_static=guess
        )
    table = found.table(
        "windows", "hazard of leaving in windows of steps, with its interval, and how many left",
        p="6g", after="6", to="7", hazard="8.2g", low="7.1g", high="7.1g", left="5",
    )  # fmt: skip
    for run in runs:
        for (after, to), x, n in zip(pairwise(c["edges"]), run.hazards, run.n_left, strict=True):
            table.row(p=run.power, after=after, to=to, hazard=x.value, low=x.low, high=x.high, left=n)
    square, freedom = steady(runs[c["powers"].index(0)])
    table = found.table(
        "steady", "constant steps, one hazard in all windows but the first", chi2="6.1f", dof="3", p="6.2g"
    )
    table.row(chi2=square, dof=freedom, p=float(chi2.sf(square, freedom)))


def claims(found: Found) -> Iterator[Check]:
    reason = "less happens by chance once in 100,000"
    yield check(
        "long training, constant steps: p of one hazard",
        found["steady"]["p"].item(),
        at_least=1e-5,
        reason=reason,
    )
    table, windows = found["long"], found["windows"]
    off = np.abs(table["never_left"] - table["quasi_static"])
    slack = CONFIG["long"]["quasi_static_off"]
    yield check("never left, off the quasi-static account", off.max(), at_most=slack)
    last = {p: windows.at(p=p)["hazard"][-1] for p in (0.0, 0.25, 0.5)}
    yield check(
        "p = 1/4: last hazard over that of constant steps",
        last[0.25] / last[0.0],
        at_most=0.15,
        reason="levels off",
    )
    yield check("p = 1/2: the same", last[0.5] / last[0.0], at_most=0.01)
    found_powers = found["resting"]["power"][:-1]
    yield check(
        "hazard of steps that stay: least power of kappa",
        found_powers.min(),
        at_least=2.5,
        reason="a step has 2",
    )
    yield check("least growth of the power as kappa falls", np.diff(found_powers).min(), at_least=0)
