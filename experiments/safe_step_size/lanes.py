"""Many trainings of the two-factor transformer at a time, and the step size at which half of them escape.

The gradients are those of `lintrans.transformer` with the sum over the context done once: a prompt enters by
m = (1/n) sum y x, its query and its label, the prediction is w <W, m x_q^T>. No mode is assumed.
"""

from typing import NamedTuple

import numpy as np

from lintrans import normal_form
from lintrans.minibatch import draw_batches, escape_times

FAR = 1e4  # of the residual: as `lintrans.minibatch.escape_times`
PART = 250  # trainings at a time
EVENTS = ("left", "diverged")


class Problem(NamedTuple):
    """Prompts as arrays, the population they are projected to, and a start."""

    prompts: list
    contexts: np.ndarray  # m, (N, d)
    queries: np.ndarray
    labels: np.ndarray
    population: object
    value: float
    key_query: np.ndarray

    @classmethod
    def of(cls, prompts, population, value, key_query):
        contexts = np.array([prompt.context_moment for prompt in prompts])
        queries = np.array([prompt.query for prompt in prompts])
        labels = np.array([prompt.query_label for prompt in prompts])
        return cls(prompts, contexts, queries, labels, population, value, np.array(key_query, dtype=float))


def draw(problem, batch_size, n_steps, n_trainings, *, sampling="with-replacement", seed=0, first=0):
    """Batches of trainings first, first + 1, ...: those of `trained_risk`, as (training, step, place)."""
    n = len(problem.labels)
    return np.array(
        [
            draw_batches(n, batch_size, n_steps, sampling=sampling, seed=seed, trajectory=i)
            for i in range(first, first + n_trainings)
        ]
    )


def train(problem, eta, batches):
    """First state outside the full-batch ellipse and first with |r| > 1e4 of each training; -1 is never."""
    n_trainings, n_steps, size = batches.shape
    mu = problem.population.mu(eta)
    events = np.full((n_trainings, 2), -1)
    running = np.arange(n_trainings)
    w = np.full(n_trainings, float(problem.value))
    W = np.repeat(problem.key_query[None], n_trainings, axis=0)
    with np.errstate(all="ignore"):
        for t in range(n_steps + 1):
            for j, happens in enumerate(look(problem.population, mu, w, W)):
                new = happens & (events[running, j] < 0)
                events[running[new], j] = t
            alive = events[running, 1] < 0
            if not alive.all():
                running, w, W = running[alive], w[alive], W[alive]
            if t == n_steps or not running.size:
                break
            chosen = batches[running, t]
            m, q = problem.contexts[chosen], problem.queries[chosen]
            along = np.einsum("lbd,lbd->lb", m @ W, q)
            scaled = (w[:, None] * along - problem.labels[chosen]) / size
            dW = np.swapaxes(m * scaled[:, :, None], 1, 2) @ q
            w, W = w - eta * np.sum(scaled * along, axis=1), W - eta * w[:, None, None] * dW
    return events


def train_all(problem, eta, batch_size, n_steps, n_trainings, *, sampling="with-replacement", seed=0):
    """`train` on batches that are drawn for a part of the trainings at a time, to save memory."""
    events = []
    for first in range(0, n_trainings, PART):
        n = min(PART, n_trainings - first)
        asked = {"sampling": sampling, "seed": seed, "first": first}
        events.append(train(problem, eta, draw(problem, batch_size, n_steps, n, **asked)))
    return np.concatenate(events)


def look(population, mu, w, W):
    """Whether the projected weights are outside the ellipse, and whether they have diverged."""
    unit, sign = population.weight_unit, np.sign(population.mean_product)
    v = sign * np.sum(W * population.direction, axis=(1, 2)) / unit
    a, b = normal_form.to_modes(mu, w / unit, v)
    outside = normal_form.ellipse_level(mu, a, b) > 0 if mu < 2 else np.ones(w.size, bool)
    gone = ~(np.abs(normal_form.residual(mu, a, b)) <= FAR)
    return outside | gone, gone


def follow(problem, eta, batch_size, n_steps, n_trainings, *, sampling="with-replacement", seed=0):
    """Return the same events of the random map of the projected population, on the same batches."""
    population = problem.population
    found = escape_times(
        population,
        population.mu(eta),
        *population.project_weights(problem.value, problem.key_query),
        batch_size=batch_size,
        n_steps=n_steps,
        n_trajectories=n_trainings,
        sampling=sampling,
        seed=seed,
    )
    return np.stack([found.left, found.diverged], axis=1)


def critical(risk, low, high, *, level=0.5, ratio=1.01):
    """Largest step size with a risk up to a level, of a risk that grows with it; bisected to a ratio.

    The bracket is moved until it holds the answer, which is its lower end. NaN if none is found within 2^10.
    """
    for _ in range(10):
        if risk(low) <= level:
            break
        low, high = low / 2, low
    else:
        return np.nan
    for _ in range(10):
        if risk(high) > level:
            break
        low, high = high, 2 * high
    else:
        return np.nan
    while high / low > ratio:
        middle = np.sqrt(low * high)
        low, high = (middle, high) if risk(middle) <= level else (low, middle)
    return low
