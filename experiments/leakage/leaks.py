"""Independent prompts of one task, what leaks out of their mode, and its law.

One prompt of n rows x ~ N(0, I_d), y = <beta, x> + noise, and a query x_q for all has M = m x_q^T with
m = (1/n) sum y x. Given the labels, the part of m across beta is normal with variance |y|^2 / n^2 in each of
k = d - 1 directions and independent of the part along it, <m, beta> = |y|^2 / n without noise. So

    leakage^2 = chi^2_k / (chi^2_n + chi^2_k),   mean k / (n + k):

a Beta variable. With noise of variance s |beta|^2 the same steps give the mean

    (k / 2) integral_0^1 x^((k - 1) / 2) ((s + x) / (1 + s))^((n - 1) / 2) dx   ~   (1 + s) k / n.
"""

from typing import NamedTuple

import numpy as np
from scipy.integrate import quad

from lintrans.counting import bisect_step_size
from lintrans.minibatch import Batches, Population, escape_times, trained_escapes
from lintrans.prompts.prompt import Prompt
from lintrans.verification import verify_batches

KINDS = ("shared query", "own queries", "one mode")


def draw_prompts(n, d, n_prompts, *, seed, noise=0.0, kind="shared query"):
    """Prompts of one task beta of length 1 and a query with <beta, x_q> = 1; the other kinds are controls.

    "own queries": x_q ~ N(0, I_d) for each prompt. "one mode": one context, and multiples of one query.
    """
    rng = np.random.default_rng([seed, n, d, KINDS.index(kind)])
    beta = rng.normal(size=d)
    beta /= np.linalg.norm(beta)
    across = rng.normal(size=d)
    query = beta + across - (across @ beta) * beta
    prompts, shared = [], rng.normal(size=(n, d))
    for _ in range(n_prompts):
        x, q = rng.normal(size=(n, d)), query
        if kind == "own queries":
            q = rng.normal(size=d)
        elif kind == "one mode":
            x, q = shared, rng.uniform(0.5, 1.5) * query
        errors = noise * rng.normal(size=n + 1)
        if kind == "one mode":
            errors[:n] = 0  # its contexts are one context
        prompts.append(Prompt(x, x @ beta + errors[:n], q, q @ beta + errors[n]))
    return prompts


def mean_square(n, d, noise=0.0):
    """Mean of leakage^2 of one prompt about the mode of infinitely many."""
    k, s = d - 1, noise**2

    def density(x):
        return x ** ((k - 1) / 2) * ((s + x) / (1 + s)) ** ((n - 1) / 2)

    width = min(1.0, 60 * (1 + s) / n)  # the rest is below 1e-12
    return k / 2 * quad(density, 1 - width, 1, epsabs=0, epsrel=1e-10)[0]


def law(n, d, n_prompts, noise=0.0):
    """Root mean square of the leakage about the mode that n_prompts themselves define.

    Their mode follows each of them by 1/N: a factor 1 - (1 - s) / N in the square, s from the query's label.
    """
    return np.sqrt(mean_square(n, d, noise) * (1 - (1 - noise**2) / n_prompts))


def control_law(n, d):
    """Root mean square with a query of its own for each prompt, about beta beta^T."""
    return np.sqrt(1 - n / (n + d - 1) / d)


class Fit(NamedTuple):
    """Straight line through points with known errors: slope, its error, chi square and degrees of freedom."""

    slope: float
    error: float
    chi2: float
    dof: int

    def off(self, slope):
        """Distance from a slope in standard errors."""
        return (self.slope - slope) / self.error


def fit_slope(x, y, errors):
    """Weighted least squares; the error of the slope is that of the given errors."""
    x, y, weights = np.asarray(x, float), np.asarray(y, float), np.asarray(errors, float) ** -2.0
    mean_x, mean_y = np.average(x, weights=weights), np.average(y, weights=weights)
    width = np.sum(weights * (x - mean_x) ** 2)
    slope = np.sum(weights * (x - mean_x) * (y - mean_y)) / width
    residuals = y - mean_y - slope * (x - mean_x)
    return Fit(slope, width**-0.5, np.sum(weights * residuals**2), x.size - 2)


def static(n, d, *, n_prompts, n_seeds, noise=0.0, kind="shared query"):
    """ln of the root mean square leakage and its standard error, by all prompts of all seeds."""
    squares = []
    for seed in range(n_seeds):
        prompts = draw_prompts(n, d, n_prompts, seed=seed, noise=noise, kind=kind)
        squares.append(Population.from_prompts(prompts).leakage ** 2)
    squares = np.concatenate(squares)
    if not squares.any():
        return -np.inf, 0.0
    mean = squares.mean()
    return np.log(mean) / 2, squares.std() / np.sqrt(squares.size) / mean / 2


def place(prompts, beside, start, seed):
    """Population and a start: u = v = start, and beside the mode a random part ``beside`` times that of W."""
    population = Population.from_prompts(prompts)
    mode, size = population.direction, start * population.weight_unit
    across = np.random.default_rng(seed).normal(size=mode.shape)
    across -= np.sum(across * mode) * mode
    across *= beside / np.linalg.norm(across)
    return population, size, size * (np.sign(population.mean_product) * mode + across)


def dynamic(prompts, mu, *, early, beside, start, batch_size, n_steps, seed):
    """Train; the part of the way of W beside the mode early and at the end, and the rms error of a step.

    NaN where training diverged.
    """
    population, value, key_query = place(prompts, beside, start, seed)
    found = verify_batches(
        prompts,
        step_size=mu * population.unit_step_size,
        value=value,
        key_query=key_query,
        batches=Batches(batch_size, n_steps=n_steps, seed=seed),
    )
    if found.settings["overflowed"]:
        return np.nan, np.nan, np.nan
    return found.beside[early], found.beside[-1], np.sqrt(np.mean(found.commutation_error[1:] ** 2))


def settled_way(d, n_prompts, start):
    """Root mean square way of W beside the mode over that along it, when training has converged.

    Least squares over N prompts: m_i leaves beta by a_i along it, of variance 2 / n, and by b_i across it, of
    variance 1 / n in each of k = d - 1 directions. Its minimum is off by -(mean b b^T)^-1 mean a b, which is
    sqrt(2 k / N) of <W, D>, whatever n is; W itself has come (1 - start) of that along the mode.
    """
    return np.sqrt(2 * (d - 1) / n_prompts) / (1 - start)


class Critical(NamedTuple):
    """Step sizes at which half of the trainings leave the ellipse, as effective ones.

    Attributes
    ----------
    predicted, trained : float
        Of the random map of the projected prompts, and of training, on the same batches.
    """

    predicted: float
    trained: float


def compare_risks(prompts, *, beside, start, batch_size, n_steps, n_trainings, seed, ratio):
    """Bisect both risks."""
    population, value, key_query = place(prompts, beside, start, seed)
    state, unit = population.project_weights(value, key_query), population.unit_step_size
    drawn = {"batches": Batches(batch_size, n_steps=n_steps, seed=seed)}

    def predicted(eta):
        return escape_times(population, population.mu(eta), *state, n_trajectories=n_trainings, **drawn)

    def trained(eta):
        weights = {"value": value, "key_query": key_query}
        return trained_escapes(prompts, step_size=eta, n_trainings=n_trainings, **weights, **drawn)

    def critical(run):
        found = bisect_step_size(
            lambda eta: run(eta).count("left"), n_trainings, 0.5, unit, 2 * unit, ratio=ratio
        )
        return found.value / unit

    return Critical(critical(predicted), critical(trained))
