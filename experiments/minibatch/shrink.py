"""How the critical step size of the full batch shrinks with the batch size: measured, and certified."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from experiments.minibatch.checks import CONFIG
from lintrans.counting import Limit
from lintrans.minibatch import Batches, Population, geometry, refine_step_size, risk_map
from lintrans.two_factor import normal_form

START = 1.5, 0.6
RISK, N_STEPS = 0.1, 1000
RATIO = 1.001  # to which step sizes are bisected: the largest batches are within 3 % of the full batch
POPULATIONS = {
    "interpolating": Population.sampled(500, spread=0.4, noise=0.0, seed=6),
    "label noise": Population.sampled(500, spread=0.0, noise=0.5, seed=6),
    "both": Population.sampled(500, spread=0.4, noise=0.5, seed=6),
}


class Shrunk(NamedTuple):
    """Critical step sizes of one batch size over the full batch's; NaN where there is no certificate."""

    size: int
    measured: Limit
    certified: float


def shrinkage(population: Population, sizes: list[int], n_trajectories: int) -> list[Shrunk]:
    """Largest step size with a risk of 10 % of leaving the ellipse in 1,000 steps, by batch size."""
    critical = float(normal_form.critical_mu(*START)) * population.unit_step_size
    found = []
    for size in sizes:
        coarse = risk_map(
            population,
            np.geomspace(0.02, 1.02, 33) * critical,
            [size],
            *START,
            batches=Batches(size, n_steps=N_STEPS, seed=CONFIG["seed"]),
            n_trajectories=n_trajectories // 10,
        )
        limit = refine_step_size(coarse, size, RISK, n_trajectories=n_trajectories, ratio=RATIO)
        certified = np.nan
        if population.interpolates:
            asked = Batches(size, n_steps=N_STEPS)
            certified = geometry.certified_step_size(population, *START, batches=asked, risk=RISK) / critical
        found.append(Shrunk(size, Limit(*(x / critical for x in limit)), certified))
    return found


def slope(rows: list[Shrunk]) -> tuple[float, float]:
    """Power of the batch size in mu_c / mu - 1, over the larger batches, with its error; NaN from too few."""
    rows = [row for row in rows if row.size >= 16 and max(row.measured) < 0.99]
    if len(rows) < 3:
        return math.nan, math.nan
    x = np.log([row.size for row in rows])
    y = np.log([1 / row.measured.value - 1 for row in rows])
    ends = np.array([[np.log(1 / end - 1) for end in row.measured[1:]] for row in rows])
    error = np.abs(ends[:, 0] - ends[:, 1]) / 4  # an interval is four standard errors wide
    fit, covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
    scatter = max(1.0, float(np.mean(((y - np.polyval(fit, x)) / error) ** 2) * x.size / (x.size - 2)))
    return float(fit[0]), float(np.sqrt(covariance[0, 0] * scatter))


def report(found) -> None:
    """Print the table of every population."""
    config = CONFIG["shrinkage"]
    powers = found.table(
        "powers",
        "mu_c / mu - 1 falls like a power of B, from B = 16 on",
        prompts="<13",
        power="7.3f",
        error="6.3f",
    )
    rows = {name: shrinkage(x, config["sizes"], config["n_trajectories"]) for name, x in POPULATIONS.items()}
    for name, found_rows in rows.items():
        power, error = slope(found_rows)
        powers.row(prompts=name, power=power, error=error)
    table = found.table(
        "shrinkage", "largest mu with a risk of 10 %, over that of the full batch, with its interval",
        prompts="<13", B="5", measured="7.4f", low="7.4f", high="7.4f", certified="7.4f",
    )  # fmt: skip
    for name, found_rows in rows.items():
        for row in found_rows:
            value, low, high = row.measured
            table.row(prompts=name, B=row.size, measured=value, low=low, high=high, certified=row.certified)


def draw(found, axes) -> None:
    for name, style in zip(POPULATIONS, ("-", "--", ":"), strict=True):
        rows = found["shrinkage"].at(prompts=name)
        bars = np.abs([rows["low"] - rows["measured"], rows["high"] - rows["measured"]])
        look = {"color": "k", "ls": style, "marker": "o", "ms": 3, "lw": 0.9}
        axes.errorbar(rows["B"], rows["measured"], bars, label=name, **look)
        if np.isfinite(rows["certified"]).all():
            axes.plot(rows["B"], rows["certified"], color="0.55", lw=0.9, label="certified")
    axes.axhline(1, color="0.5", lw=0.6)
    axes.set(
        xscale="log", yscale="log", xlabel="batch size $B$", ylabel=r"step size of risk 10 %, over $\mu_c$"
    )
    axes.set_yticks([0.05, 0.1, 0.2, 0.5, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"])
    axes.legend(fontsize=6, frameon=False)
