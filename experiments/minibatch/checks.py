"""Every statement on mini-batches with a number in it: derived, and measured on batches that are drawn.

A check yields rows; ``spread`` stretches the deviations of the prompts from their mean, in simulations only.
At 1 it is what training does; elsewhere updates are still unbiased, and the rows must notice.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from experiments.entry import configuration
from lintrans.counting.proportions import intervals
from lintrans.minibatch import (
    Batches,
    Population,
    batch_exponents,
    draw_batches,
    escape_times,
    geometry,
    kernels,
)
from lintrans.minibatch.walks import walk
from lintrans.symbolic import sampling as exact
from lintrans.symbolic import switching
from lintrans.two_factor import normal_form
from lintrans.two_factor.spectra import Exponent

CONFIG = configuration("minibatch")
NOISY = Population.sampled(**CONFIG["population"])
STATES = {name: tuple(state) for name, state in CONFIG["states"].items()}


class Row(NamedTuple):
    """One number: what theory says, what was measured, its standard error; a bound has none."""

    claim: str
    what: str
    derived: float
    measured: float
    error: float

    @property
    def z(self) -> float:
        """Deviation in standard errors; of a bound 0 where it holds, inf where not."""
        if math.isnan(self.error):
            return 0.0 if self.measured <= self.derived else math.inf
        return (self.measured - self.derived) / self.error if self.measured != self.derived else 0.0

    @property
    def passed(self) -> bool:
        return abs(self.z) <= CONFIG["largest_z"]


def two(s: float) -> Population:
    """Two prompts of curvature 1 + s and 1 - s that share their minimum."""
    return Population(np.sqrt([1 + s, 1 - s]), np.sqrt([1 + s, 1 - s]))


def labels(s: float) -> Population:
    """Two prompts of one curvature with targets 1 + s and 1 - s."""
    return Population([1.0, 1.0], [1 + s, 1 - s])


def seeds() -> Iterator[int]:
    """Seeds, so that the deviations of different rows are independent."""
    return itertools.count(1000 * CONFIG["seed"])


def one_step(
    population: Population, state: tuple[float, ...], size: int, sampling: str, spread: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Residuals sigma and levels Q' of many steps from one state, each by a batch of its own."""
    mu, a, _ = state
    n = CONFIG["n_draws"] // (1 if size <= 16 else 4)
    start = (np.full(n, x) for x in state)
    table = spread * population.for_kernels()
    _, ends = walk(table, *start, batches=Batches(size, sampling=sampling, n_steps=1, seed=seed))
    return 1 - ends[0] / a, normal_form.ellipse_level(mu, *ends)


def mean_row(claim: str, what: str, derived: float, values: np.ndarray) -> Row:
    return Row(claim, what, derived, float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)))


def moments_of_one_step(spread: float) -> Iterator[Row]:
    """Mean and variance of sigma, and the drift of Q, for every state, two batch sizes, three samplings."""
    seed, kinds = (
        seeds(),
        [("with-replacement", 1), ("with-replacement", 32), ("without-replacement", 32), ("epochs", 32)],
    )
    for name, state in STATES.items():
        mu, a, b = state
        r, level = float(normal_form.residual(mu, a, b)), float(normal_form.ellipse_level(mu, a, b))
        for sampling, size in kinds:
            moments = geometry.batch_moments(NOISY, Batches(size, sampling=sampling))
            sigma, after = one_step(NOISY, state, size, sampling, spread, next(seed))
            where = f"{name}, B = {size}, {sampling}"
            variance = float(geometry.residual_variance(mu, r, moments))
            yield mean_row("minibatch.unbiased", f"mean sigma, {where}", r, sigma)
            yield mean_row("minibatch.variance", f"variance of sigma, {where}", variance, (sigma - r) ** 2)
            drift = float(geometry.level_drift(mu, a, b, moments))
            yield mean_row("minibatch.drift", f"drift of Q, {where}", drift, after - level)


def crossing(spread: float) -> Iterator[Row]:
    """Steps out of the ellipse, against all prompts, or pairs of them, counted one by one."""
    seed = seeds()
    for name in ("inside", "chaotic"):
        mu, a, b = STATES[name]
        low, high = (float(end) for end in geometry.crossing_range(mu, a, b))
        r = float(normal_form.residual(mu, a, b))
        single = NOISY.curvatures * r + mu * NOISY.mismatches
        of_batches = {1: single, 2: (single[:, None] + single).ravel() / 2}
        for size, every in of_batches.items():
            derived = float(((every < low) | (every > high)).mean())
            _, after = one_step(NOISY, STATES[name], size, "with-replacement", spread, next(seed))
            what = f"part of the steps that cross, {name}, B = {size}"
            yield mean_row("minibatch.crossing", what, derived, (after > 0).astype(float))


def stability(spread: float) -> Iterator[Row]:
    """Growth of the residual at a minimum: its logarithm, where it is 0, and its mean square."""
    seed = seeds()
    for S, s in ((0.4, 0.6), (0.9, 0.5), (1.2, 0.5), (1.4, 0.5), (0.6, 0.8), (0.7, 0.8), (2.4, 0.8)):
        derived, found = float(exact.two_point_exponent(S, s)), growth(two(s * spread), S, next(seed))
        yield Row("sampling.two_point", f"exponent at S = {S}, s = {s}", derived, *found)
    for S, s in ((0.7, 0.5), (0.8, 0.5), (0.9, 0.5)):
        what, derived = f"E r'^2 / r^2 at S = {S}, s = {s}", (1 - 2 * S) ** 2 + (2 * S * s) ** 2
        yield mean_row("sampling.mean_square", what, derived, square_growth(two(s * spread), S, next(seed)))


def growth(population: Population, S: float, seed: int, size: int = 1) -> Exponent:
    """Exponent at the balanced minimum, S = mu, over 16 steps: r stays tiny, whatever the batches do."""
    how = {"n_transient": 0, "n_trajectories": CONFIG["n_trajectories"]}
    batches = Batches(size, n_steps=16, seed=seed)
    return batch_exponents(population, S, 1.0, 1.0, batches=batches, **how).along


def square_growth(population: Population, S: float, seed: int) -> np.ndarray:
    """Squared growth over one step of tiny residuals at the balanced minimum, S = mu."""
    n, tiny = CONFIG["n_draws"], 1e-7
    a, mu, b = np.full(n, math.sqrt(S + tiny)), np.full(n, S), np.zeros(n)
    _, ends = walk(population.for_kernels(), mu, a, b, batches=Batches(1, n_steps=1, seed=seed))
    return (normal_form.residual(mu, *ends) / normal_form.residual(mu, a, b)) ** 2


def edge(spread: float) -> Iterator[Row]:
    """Where the exponent of batches of 16 is 0, by a straight line between two measurements around it."""
    population, size, seed = Population.sampled(500, spread=0.08, noise=0.0, seed=5), 16, seeds()
    third = float(np.mean((population.curvatures - 1) ** 3)) / size**2
    derived = float(exact.lyapunov_edge(geometry.batch_moments(population, Batches(size)).curvature, third))
    ends = [1 + part * (derived - 1) for part in (0.5, 1.5)]
    low, high = (growth(stretched(population, spread), S, next(seed), size) for S in ends)
    slope = (high.value - low.value) / (ends[1] - ends[0])
    error = math.hypot(low.standard_error, high.standard_error) / 2 / slope
    what = f"S at which the exponent is 0, B = {size}"
    yield Row("sampling.edge", what, derived, ends[0] - low.value / slope, error)


def stretched(population: Population, spread: float) -> Population:
    """Interpolating prompts with the deviations of their curvature stretched."""
    curvature = 1 + spread * (population.curvatures - 1)
    return Population(np.sqrt(curvature), np.sqrt(curvature))


def stationary(spread: float) -> Iterator[Row]:
    """Variances of r and of sigma near the balanced minimum, under small label noise."""
    mu, s = 0.6, 0.004
    ends = escape_times(
        labels(s * spread), mu, 1.0, 1.0, batches=Batches(1, n_steps=200), n_trajectories=CONFIG["n_draws"]
    )
    r = normal_form.residual(mu, ends.end_a, ends.end_b)
    of_r, of_sigma = geometry.noise_at_minimum(mu, mu, geometry.batch_moments(labels(s), Batches(1)))
    yield mean_row("sampling.stationary", f"variance of r, mu = S = {mu}", of_r, r**2)
    signs = np.random.default_rng(CONFIG["seed"]).choice([-1.0, 1.0], r.size)
    yield mean_row(
        "sampling.stationary",
        f"variance of sigma, mu = S = {mu}",
        of_sigma,
        (r + mu * s * spread * signs) ** 2,
    )


def flattening(spread: float) -> Iterator[Row]:
    """Label noise drives an imbalance to 0: its rate at the flat end, and the time between two minima."""
    mu, s = 0.4, 0.005
    v = (mu * s) ** 2
    found = batch_exponents(
        labels(s * spread),
        mu,
        1.0,
        1.0,
        batches=Batches(1, n_steps=16384, seed=CONFIG["seed"]),
        n_transient=256,
    )
    rate = -geometry.noise_at_minimum(mu, mu, geometry.batch_moments(labels(s), Batches(1)))[1]
    yield Row("sampling.flattening", f"rate of the imbalance at S = mu = {mu}", rate, *found.transverse)
    start, end = 0.7, 0.5
    n_steps = round(float(exact.flattening_time(start, end, mu, v)))
    product = math.sqrt(start**2 - mu**2) / 2  # a b at the start, a^2 - b^2 = mu
    a = math.sqrt((start + mu) / 2)
    n = CONFIG["n_trajectories"] // 10
    _, ends = walk(
        labels(s * spread).for_kernels(),
        *(np.full(n, x) for x in (mu, a, product / a)),
        batches=Batches(1, n_steps=n_steps, seed=CONFIG["seed"]),
    )
    logarithm = np.log(np.abs(ends[0] * ends[1]))
    derived = math.log(math.sqrt(end**2 - mu**2) / 2)
    what = f"ln |ab| after {n_steps} steps from S = {start} to {end}"
    yield mean_row("sampling.flattening", what, derived, logarithm)


def concentration(spread: float) -> Iterator[Row]:
    """Tails of sigma, and of whole trainings, under Bernstein's bound."""
    state = STATES["inside"]
    r = float(normal_form.residual(*state))
    for size in (1, 16, 256):
        sigma, _ = one_step(NOISY, state, size, "with-replacement", spread, CONFIG["seed"])
        for delta in (0.1, 0.001):
            bound = geometry.concentration(NOISY, state[0], r, size, math.log(2 / delta))
            measured = float((np.abs(sigma - r) > bound).mean())
            what = f"P(|sigma - r| > eps), B = {size}"
            yield Row("sampling.bernstein", what, delta, measured, math.nan)
    yield Row("sampling.every_step", "trainings of 200 steps that ever break it", 0.1, ever(spread), math.nan)


def ever(spread: float, n: int = 1000, n_steps: int = 200, delta: float = 0.1) -> float:
    """Part of the trainings in which some step breaks the bound of its own state."""
    mu, a, b = STATES["inside"]
    table = spread * NOISY.for_kernels()
    log_term, broken = math.log(2 * n_steps / delta), 0
    grid = np.linspace(-2, 2, 401)  # the bound is convex in r: between its points a chord is above it
    bounds = [geometry.concentration(NOISY, mu, x, 32, log_term) for x in grid]
    for i in range(n):
        batches = draw_batches(NOISY.n_prompts, Batches(32, n_steps=n_steps, seed=CONFIG["seed"]), i)
        excess, mismatch = table[:, batches].mean(axis=2)
        _, _, r = kernels.follow(mu, a, b, 1 + excess, mismatch)
        deviation = np.abs(excess * r[:-1] + mu * mismatch)
        broken += bool((deviation > np.interp(r[:-1], grid, bounds)).any())
    return broken / n


def certificates(spread: float) -> Iterator[Row]:
    """Interpolating prompts at the certified step sizes: for ever, and with a risk of 1 % in 1000 steps."""
    population = Population.sampled(500, spread=0.4, noise=0.0, seed=6)
    u, v = 1.5, 0.6
    critical = float(normal_form.critical_mu(u, v))
    n = CONFIG["n_trajectories"]
    for_ever = critical / population.curvatures.max()
    table = stretched(population, spread) if spread != 1 else population
    left = escape_times(table, for_ever, u, v, batches=Batches(1), n_trajectories=n).probability("left")
    yield Row("minibatch.certificate", "left at mu_c / max a_i, B = 1", 0.0, left.value, math.nan)
    for size in (16, 256):
        eta = geometry.certified_step_size(population, u, v, batches=Batches(size), risk=0.01)
        left = escape_times(
            table, population.mu(eta), u, v, batches=Batches(size), n_trajectories=n // 20
        ).probability("left")
        what = f"left at {population.mu(eta) / critical:.3f} mu_c, B = {size}"
        yield Row("sampling.critical_mu", what, 0.01, left.value, math.nan)


def switching_escapes(spread: float) -> Iterator[Row]:
    """Two targets in turn on the slice: nothing escapes below the threshold, everything above."""
    n = CONFIG["n_trajectories"] // 5
    for mu, factor, n_steps in (
        (0.8, 0.999, 10**4),
        (1.5, 0.999, 10**4),
        (0.8, 1.25, 10**5),
        (1.5, 1.25, 10**5),
    ):
        s = factor * float(geometry.switching_threshold(mu))
        count = n if factor < 1 else n // 20
        a = np.random.default_rng(1).uniform(0.01, 0.999, count) * math.sqrt(2 + mu * (1 - s))
        events, _ = walk(
            labels(s * spread).for_kernels(),
            np.full(count, mu),
            a,
            np.zeros(count),
            batches=Batches(1, n_steps=n_steps, seed=CONFIG["seed"]),
        )
        escaped = float((events[:, 1] >= 0).mean())
        if factor < 1:
            what = f"diverged in {n_steps:,} steps, mu = {mu}, s = {factor} s*"
            yield Row("switching.threshold", what, 0.0, escaped, math.nan)
        else:
            what = f"not diverged in {n_steps:,} steps, mu = {mu}, s = {factor} s*"
            yield Row("switching.escape", what, 0.0, 1 - escaped, math.nan)
    yield from word_bound(spread)


def word_bound(spread: float) -> Iterator[Row]:
    """Survival at a certified (mu, s), against the geometric bound from its words."""
    mu, s = 1.0, 0.6
    n = switching.escape_words("1", "3/5", "1/10")
    trials = CONFIG["n_trajectories"]
    starts = np.random.default_rng(2).uniform(0.1, math.sqrt(2 + mu), trials)
    events, _ = walk(
        labels(s * spread).for_kernels(),
        np.full(trials, mu),
        starts,
        np.zeros(trials),
        batches=Batches(1, n_steps=4000, seed=CONFIG["seed"]),
    )
    alive = (events[:, 1] < 0) | (events[:, 1] > 1000 + 40)  # 40 more steps: from R to |r| > 1e4
    bound = (1 - 2.0**-n) ** (1000 // n)
    _, high = intervals(int(alive.sum()), trials)
    yield Row("switching.words", f"alive after 1,000 steps, words of {n}", bound, float(high), math.nan)


CHECKS: dict[str, Callable[[float], Iterator[Row]]] = {
    "one step": moments_of_one_step,
    "crossing": crossing,
    "stability": stability,
    "edge": edge,
    "stationary": stationary,
    "flattening": flattening,
    "concentration": concentration,
    "certificates": certificates,
    "switching": switching_escapes,
}
