"""Safe step sizes predicted from the prompts of a real table, and what training does at them."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom

from lintrans import example_data
from lintrans.counting import Limit, bisect_step_size
from lintrans.minibatch import (
    Batches,
    Population,
    escape_times,
    full_batch_step_size,
    refine_step_size,
    risk_map,
    trained_escapes,
    trained_step_size,
)
from lintrans.minibatch.escapes import EVENTS
from lintrans.prompts import prompts_from_csv
from lintrans.prompts.prompt import Prompt
from lintrans.prompts.readers import read_table
from lintrans.two_factor import normal_form
from lintrans.verification import trained_risk


class Problem(NamedTuple):
    """Prompts, the population they are projected to, and a start."""

    prompts: list
    population: Population
    value: float
    key_query: np.ndarray


def read_prompts(case, *, target, n_prompts, seed):
    """Prompts of random rows of the shipped table; with ``query_quantile`` one row is the query of all."""
    features, n = case.get("features"), case["context_length"]
    if "query_quantile" not in case:
        return prompts_from_csv(
            example_data(),
            target=target,
            features=features,
            context_length=n,
            n_prompts=n_prompts,
            standardize=True,
            center=True,
            seed=seed,
        )
    _, x, y = read_table(Path(example_data()), target=target, features=features)
    whole = Prompt.from_arrays(x, y, x[0], 0.0, standardize=True, center=True)
    x, y = whole.context, whole.labels
    query = int(np.argmin(np.abs(y - np.quantile(y, case["query_quantile"]))))
    others, rng = np.delete(np.arange(len(y)), query), np.random.default_rng(seed)
    chosen = [rng.choice(others, n, replace=False) for _ in range(n_prompts)]
    return [Prompt(x[c], y[c], x[query], y[query]) for c in chosen]


def problem_of(prompts, start):
    """Prompts with a start on their mode, at (u, v)."""
    population = Population.from_prompts(prompts)
    (u, v), unit = start, population.weight_unit
    mode = np.sign(population.mean_product) * population.direction
    return Problem(prompts, population, u * unit, v * unit * mode)


def train(problem, eta, batch_size, n_steps, n_trainings, *, sampling="with-replacement", seed=0):
    """Compiled trainings of the prompts."""
    return trained_escapes(
        problem.prompts,
        step_size=eta,
        value=problem.value,
        key_query=problem.key_query,
        batches=Batches(batch_size, sampling=sampling, n_steps=n_steps, seed=seed),
        n_trainings=n_trainings,
    )


def follow(problem, eta, batch_size, n_steps, n_trajectories, *, sampling="with-replacement", seed=0):
    """Trajectories of the random map of the projected population, on the same batches."""
    population = problem.population
    return escape_times(
        population,
        population.mu(eta),
        *population.project_weights(problem.value, problem.key_query),
        batches=Batches(batch_size, sampling=sampling, n_steps=n_steps, seed=seed),
        n_trajectories=n_trajectories,
    )


def parts(found):
    """Parts of trajectories or trainings that left, and that diverged."""
    return np.array([found.probability(event).value for event in EVENTS])


class Cell(NamedTuple):
    """One step size: what was predicted, and what trainings did; pairs are (left, diverged).

    Attributes
    ----------
    risk, factor : float
        The step size is ``factor`` times that of this predicted risk of leaving.
    eta : float
    predicted, trained, literal : pairs of float
        Parts of trajectories, of compiled trainings, of trainings by definition.
    n_alike : int
        Of the last, those that leave and diverge at the very steps of their trajectory.
    error : float
        Largest error of a step of the map, over all of the last.
    """

    risk: float
    factor: float
    eta: float
    predicted: np.ndarray
    trained: np.ndarray
    literal: np.ndarray
    n_alike: int
    error: float


def predict(problem, batch_size, sampling, c, n_steps):
    """Largest step sizes of each risk of leaving and of diverging, before anything is trained."""
    population = problem.population
    first, last, number = c["step_sizes"]
    coarse = risk_map(
        population,
        np.geomspace(first, last, number) * population.unit_step_size,
        [batch_size],
        *population.project_weights(problem.value, problem.key_query),
        batches=Batches(batch_size, sampling=sampling, n_steps=n_steps, seed=c["seed"]),
        n_trajectories=c["n_coarse"],
    )
    return {
        (event, risk): refine_step_size(coarse, batch_size, risk, event, n_trajectories=c["n_fine"])
        for event in EVENTS
        for risk in c["risks"]
    }


def compare(problem, batch_size, sampling, c, n_steps, limits):
    """Train at the predicted step sizes, and at factors of them; all of them on batches of their own."""
    seed = c["seed"]
    for risk in c["risks"]:
        for factor in c["factors"]:
            eta, seed = factor * limits["left", risk].value, seed + 2
            predicted = follow(
                problem, eta, batch_size, n_steps, c["n_trajectories"], sampling=sampling, seed=seed
            )
            trained = train(
                problem, eta, batch_size, n_steps, c["n_trainings"], sampling=sampling, seed=seed + 1
            )
            literal = trained_risk(
                problem.prompts,
                step_size=eta,
                value=problem.value,
                key_query=problem.key_query,
                batches=Batches(batch_size, sampling=sampling, n_steps=n_steps, seed=seed + 1),
                n_trainings=c["n_literal"],
            )
            yield Cell(
                risk,
                factor,
                eta,
                parts(predicted),
                parts(trained),
                np.array([literal.left.value, literal.diverged.value]),
                literal.n_alike,
                literal.max_commutation_error,
            )


def deviation(predicted, n_predicted, trained, n_trained):
    """Difference of two counted parts in standard errors of equal probabilities; NaN if all or none."""
    whole = (predicted * n_predicted + trained * n_trained) / (n_predicted + n_trained)
    variance = whole * (1 - whole) * (1 / n_predicted + 1 / n_trained)
    return np.where(
        variance > 0, (trained - predicted) / np.sqrt(np.where(variance > 0, variance, 1)), np.nan
    )


# Populations that leaky prompts may be projected to


def moments_of(problem):
    """M = m x_q^T of all prompts, (N, d d)."""
    return np.array([np.outer(prompt.context_moment, prompt.query).ravel() for prompt in problem.prompts])


def by_mode(problem, batch_size):
    """The mode along mean y M: what `Population.from_prompts` does."""
    return problem.population


def by_sharpest(problem, batch_size):
    """The eigenvector of E[M (x) M] of largest eigenvalue: the direction of largest full-batch curvature."""
    M, labels = moments_of(problem), problem.population.labels
    top = np.linalg.eigh(M.T @ M)[1][:, -1]
    top = top * np.sign(labels @ M @ top)
    return Population(M @ top, labels, top.reshape(problem.key_query.shape))


def by_own_length(problem, batch_size):
    """The mode, with h^2 + (|M|^2 - h^2) / B in the place of h^2.

    One step changes the prediction of prompt i by all <M_i, M_j> / B of the batch. What M_i has beside the
    mode is left out by the mode, but meets itself, j = i, in every batch that holds i.
    """
    M, mode = moments_of(problem), problem.population
    h = mode.moments
    beside = np.maximum(np.sum(M * M, axis=1) - h * h, 0)
    size = np.where(h < 0, -1, 1) * np.sqrt(h * h + beside / batch_size)
    return Population(size, mode.labels, mode.direction)


PREDICTORS = {"mode": by_mode, "sharpest": by_sharpest, "own length": by_own_length}


def full_batch(problem, n_steps):
    """Effective step sizes up to which the full batch stays in the ellipse, trained and by the mode."""
    population = problem.population
    start = population.project_weights(problem.value, problem.key_query)
    weights = {"value": problem.value, "key_query": problem.key_query}
    trained = full_batch_step_size(problem.prompts, **weights, n_steps=n_steps)
    return population.mu(trained), float(normal_form.critical_mu(*start))


class Leaky(NamedTuple):
    """Effective step sizes at which trainings diverge, and how safe the safe ones are.

    Attributes
    ----------
    half : float
        Half of the trainings diverge.
    predicted : dict
        The same by each predictor, with the same batches.
    limit : Limit
        Trainings keep a small risk of divergence.
    diverge : dict
        Number of other trainings that diverge where the risk is to be small: by trainings, "trained", and by
        each predictor.
    """

    half: float
    predicted: dict
    limit: Limit
    diverge: dict


def compare_leaky(problem, batch_size, c, n_steps, n_trainings, n_trajectories, *, seed):
    """Bisect the risk of divergence, of trainings and of all predictors; then train on other batches."""
    unit, others = problem.population.unit_step_size, seed + 1
    bracket = 0.4 * unit, 0.8 * unit

    def predicted(population, risk, n, seed):
        there = problem._replace(population=population)

        def count_events(eta):
            return follow(there, eta, batch_size, n_steps, n, seed=seed).count("diverged")

        return bisect_step_size(count_events, n, risk, *bracket, ratio=c["ratio"]).value

    def trained(risk, seed):
        found = trained_step_size(
            problem.prompts,
            *bracket,
            value=problem.value,
            key_query=problem.key_query,
            batches=Batches(batch_size, n_steps=n_steps, seed=seed),
            risk=risk,
            event="diverged",
            n_trainings=n_trainings,
            ratio=c["ratio"],
        )
        return Limit(*(eta / unit for eta in found))

    populations = {name: predictor(problem, batch_size) for name, predictor in PREDICTORS.items()}
    half = {name: predicted(there, 0.5, n_trainings, others) / unit for name, there in populations.items()}
    safe = {
        name: predicted(there, c["risk"], n_trajectories, seed) / unit for name, there in populations.items()
    }
    limit = trained(c["risk"], seed)
    diverge = {
        name: train(problem, mu * unit, batch_size, n_steps, n_trainings, seed=others).count("diverged")
        for name, mu in {"trained": limit.value, **safe}.items()
    }
    return Leaky(trained(0.5, others).value, half, limit, diverge)


def allowed(risk, n_limit, n_others, confidence=0.95):
    """Smallest and largest count of n_others that chance allows at a limit found by n_limit runs.

    A run happens from a step size of its own on, and the limit lies between the k-th smallest of these and
    the next, k = risk n_limit: its risk is a Beta variable, and the count of others binomial given the risk.
    """
    k, tail = int(risk * n_limit), (1 - confidence) / 2
    low = betabinom.ppf(tail, n_others, k, n_limit - k + 1)
    high = betabinom.ppf(1 - tail, n_others, k + 1, n_limit - k)
    return int(low), int(high)
