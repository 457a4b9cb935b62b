"""Safe step sizes predicted from the prompts of a real table, and what training does at them."""

from pathlib import Path
from typing import NamedTuple

import lanes
import numpy as np

from lintrans import example_data
from lintrans.minibatch import Population, prompts_from_csv, refine_step_size, risk_map, trained_risk
from lintrans.prompt import Prompt
from lintrans.readers import read_table


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
    return lanes.Problem.of(prompts, population, u * unit, v * unit * mode)


class Cell(NamedTuple):
    """One step size: what was predicted, and what trainings did; pairs are (left, diverged).

    Attributes
    ----------
    risk, factor : float
        The step size is ``factor`` times that of this predicted risk of leaving.
    eta : float
    predicted, trained, literal : pairs of float
        Parts of trajectories, of trainings with the context summed once, of trainings by definition.
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
        sampling=sampling,
        n_steps=n_steps,
        n_trajectories=c["n_coarse"],
        seed=c["seed"],
    )
    return {
        (event, risk): refine_step_size(coarse, batch_size, risk, event, n_trajectories=c["n_fine"])
        for event in lanes.EVENTS
        for risk in c["risks"]
    }


def parts(events):
    """Parts of trainings that left and that diverged."""
    return np.mean(events >= 0, axis=0)


def compare(problem, batch_size, sampling, c, n_steps, limits):
    """Train at the predicted step sizes, and at factors of them; all of them on batches of their own."""
    seed = c["seed"]
    for risk in c["risks"]:
        for factor in c["factors"]:
            eta, seed = factor * limits["left", risk].value, seed + 2
            predicted = lanes.follow(
                problem, eta, batch_size, n_steps, c["n_trajectories"], sampling=sampling, seed=seed
            )
            trained = lanes.train_all(
                problem, eta, batch_size, n_steps, c["n_trainings"], sampling=sampling, seed=seed + 1
            )
            literal = trained_risk(
                problem.prompts,
                step_size=eta,
                value=problem.value,
                key_query=problem.key_query,
                batch_size=batch_size,
                n_steps=n_steps,
                n_trainings=c["n_literal"],
                sampling=sampling,
                seed=seed + 1,
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
    return np.einsum("ni,nj->nij", problem.contexts, problem.queries).reshape(len(problem.labels), -1)


def by_mode(problem, batch_size):
    """The mode along mean y M: what `Population.from_prompts` does."""
    return problem.population


def by_sharpest(problem, batch_size):
    """The eigenvector of E[M (x) M] of largest eigenvalue: the direction of largest full-batch curvature."""
    M, d = moments_of(problem), problem.contexts.shape[1]
    top = np.linalg.eigh(M.T @ M)[1][:, -1]
    top = top * np.sign(problem.labels @ M @ top)
    return Population(M @ top, problem.labels, top.reshape(d, d))


def by_own_length(problem, batch_size):
    """The mode, with h^2 + (|M|^2 - h^2) / B in the place of h^2.

    One step changes the prediction of prompt i by all <M_i, M_j> / B of the batch. What M_i has beside the
    mode is left out by the mode, but meets itself, j = i, in every batch that holds i.
    """
    M, h = moments_of(problem), problem.population.moments
    beside = np.maximum(np.sum(M * M, axis=1) - h * h, 0)
    size = np.where(h < 0, -1, 1) * np.sqrt(h * h + beside / batch_size)
    return Population(size, problem.labels, problem.population.direction)


PREDICTORS = {"mode": by_mode, "sharpest": by_sharpest, "own length": by_own_length}


class Leaky(NamedTuple):
    """Effective step sizes at which half of the trainings diverge, and how safe the safe ones are.

    Attributes
    ----------
    trained : float
    predicted : dict
        By each predictor, with the same batches.
    safe : dict
        Part of trainings that diverge at the step size that a predictor gives a small risk of it.
    """

    trained: float
    predicted: dict
    safe: dict


def compare_leaky(problem, batch_size, n_trainings, c, n_steps):
    """Bisect the risk of divergence of training and of the maps of all predictors."""
    asked, unit = {"seed": c["seed"] + 1}, problem.population.unit_step_size
    bracket = {"low": 0.4 * unit, "high": 0.8 * unit, "ratio": c["ratio"]}
    predicted, small = {}, {}
    for name, predictor in PREDICTORS.items():
        there = problem._replace(population=predictor(problem, batch_size))

        def risk(eta, there=there, n=n_trainings, seed=c["seed"] + 1):
            return parts(lanes.follow(there, eta, batch_size, n_steps, n, seed=seed))[1]

        predicted[name] = lanes.critical(risk, **bracket)
        safely = {"n": c["n_trajectories"], "seed": c["seed"]}
        small[name] = lanes.critical(lambda eta: risk(eta, **safely), level=c["risk"], **bracket)  # noqa: B023
    batches = lanes.draw(problem, batch_size, n_steps, n_trainings, **asked)  # only now

    def trained(eta):
        return parts(lanes.train(problem, eta, batches))[1]

    return Leaky(
        lanes.critical(trained, **bracket) / unit,
        {name: eta / unit for name, eta in predicted.items()},
        {name: trained(eta) for name, eta in small.items()},
    )
