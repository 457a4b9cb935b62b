"""Measures of a circuit during training: how xi varies, its clusters, and the gradient of each part.

**Attention mass is a poor indicator** of a circuit. It says where attention looks, and not what the value
matrix makes of it: a position can have its share of attention and no effect, as both tokens may add the
same vector, or effects of the wrong size. Attention may also lie on the summed positions by chance, 5 of 12
by default. Of 200 default runs 54 end with 99 % of the answers and a mass of 0.17 to 0.69, 84 no better than
chance and with a mass of 0.18 to 0.64 (experiments/sandbox_labels). The effects of `lintrans.sandbox.labels`
do tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lintrans.sandbox.labels import classes, share_between
from lintrans.sandbox.model import BIASES, Model, Weights, unflatten
from lintrans.sandbox.network import gradient
from lintrans.sandbox.task import Task
from lintrans.sandbox.xi import CHUNK, FloatArray, Grid, sequence_grid, xi_and_mass

GAP = 0.2  # between clusters, over the standard deviation of xi
CELLS = 4  # of the grid that xi is rounded to, in a gap


@dataclass(frozen=True)
class Measures:
    """Measures of one set of weights, or of many: arrays have the leading axes of the weights.

    Attributes
    ----------
    between_counts : (...) array
        Share of the variance of xi between sequences whose summed tokens differ in their counts: all of it
        in an exact clustering head.
    order : (...) array
        Share between orders of the same tokens at the summed positions.
    suffix : (...) array
        Share of all other positions. The three add up to 1.
    mass : (...) array
        Mean attention on the summed positions.
    clusters : (...) int array
        Clusters of xi, against C(k + p - 1, p - 1) of a clustering head; 0 if xi is not finite.
    least_xi, mean_xi : (...) array
        Least and mean length of xi. The norm before the feed-forward network bends most where xi is short.
    """

    between_counts: FloatArray
    order: FloatArray
    suffix: FloatArray
    mass: FloatArray
    clusters: NDArray[np.int64]
    least_xi: FloatArray
    mean_xi: FloatArray


def measure_circuit(task: Task, model: Model, flat: ArrayLike) -> Measures:
    """Measure xi over the population, or over the fixed sample that stands for a large one.

    In a sample of crossed prefixes and suffixes of which n are crossed with each prefix, ``order`` holds
    about 1/n of the variance of the suffix.

    Parameters
    ----------
    task, model
        What the weights are of.
    flat
        Weights (..., n_weights) with any leading axes, as of snapshots.

    Examples
    --------
    >>> from lintrans.sandbox.model import initial_weights
    >>> found = measure_circuit(Task(), Model(), initial_weights(Task(), Model()).flat)
    >>> round(float(found.between_counts + found.order + found.suffix), 12)
    1.0
    """
    weights = np.asarray(flat, dtype=np.float64)
    lead, rows = weights.shape[:-1], weights.reshape(-1, weights.shape[-1])
    grid = sequence_grid(task)
    step = max(1, CHUNK // (len(grid.sequences) * (model.d + 2)))
    with np.errstate(invalid="ignore", over="ignore"):
        parts = [_of_some(task, model, rows[i : i + step], grid) for i in range(0, len(rows), step)]
    columns = [np.concatenate(column).reshape(lead) for column in zip(*parts, strict=True)]
    return Measures(*columns)


def variance_shares(task: Task, xi: FloatArray, grid: Grid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Shares of the variance of xi (..., n, d): between counts, between orders, and of the suffix."""
    cells = xi.reshape(*xi.shape[:-2], grid.n_prefixes, grid.n_suffixes, xi.shape[-1])
    means = cells.mean(axis=-2)
    total = xi.var(axis=-2).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_prefix = means.var(axis=-2).sum(axis=-1) / total
        heads = grid.sequences[:: grid.n_suffixes]
        group = np.unique(task.counts(heads), axis=0, return_inverse=True)[1].reshape(-1)
        counts = share_between(means, group) * by_prefix
        return (
            counts,
            np.maximum(by_prefix - counts, 0),
            cells.var(axis=-2).mean(axis=-2).sum(axis=-1) / total,
        )


def pattern_shares(task: Task, xi: FloatArray, pattern: NDArray[np.int64], grid: Grid) -> FloatArray:
    """Share of the variance of xi (..., n, d) between the classes of a pattern, as of a `Circuit`."""
    return share_between(xi, classes(task, pattern, grid.sequences))


def count_clusters(xi: FloatArray) -> int:
    """Clusters of points (n, d): single linkage, cut at 0.2 standard deviations.

    Points closer than that are in one cluster, and so are those that a chain of such points joins. They are
    rounded to a quarter of it first. In 14 of 15 clustering heads of default runs it finds the 6 clusters, in
    one 7. With p = 3 it finds fewer than there are (experiments/sandbox_labels).

    Examples
    --------
    >>> count_clusters(np.array([[0.0, 0], [0, 0.1], [4, 0], [4.1, 0]]))
    2
    """
    spread = float(np.sqrt(xi.var(axis=0).sum()))
    if not np.isfinite(spread):
        return 0
    if spread <= 1e-12 * abs(xi).max():
        return 1
    cells = np.unique(np.rint(xi / (GAP * spread / CELLS)), axis=0)
    pairs = cKDTree(cells).query_pairs(CELLS, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(cells), len(cells)))
    return int(connected_components(links, directed=False)[0])


def gradient_norms(
    task: Task, model: Model, weights: Weights, sequences: NDArray[Any], shares: ArrayLike | None = None
) -> dict[str, float]:
    """Norm of the gradient of the mean loss of sequences, by part of the weights; 0 of absent biases.

    Equal sequences can be given once with their shares, as of `lintrans.sandbox.task.distinct`.

    Examples
    --------
    >>> from lintrans.sandbox.model import initial_weights
    >>> from lintrans.sandbox.task import distinct
    >>> task, model = Task(), Model()
    >>> sequences, shares = distinct(task.data(0).train)
    >>> len(sequences)
    1607
    >>> sorted(gradient_norms(task, model, initial_weights(task, model), sequences, shares))
    ['down', 'down_bias', 'positions', 'query', 'tokens', 'up', 'up_bias', 'value']
    """
    found = gradient(task, model, weights, sequences, shares)
    absent = () if model.bias else BIASES
    return {
        name: 0.0 if name in absent else float(np.linalg.norm(part)) for name, part in found._asdict().items()
    }


def _of_some(task: Task, model: Model, flat: FloatArray, grid: Grid) -> tuple[NDArray[Any], ...]:
    xi, mass = xi_and_mass(task, model, unflatten(task, model, flat), grid.sequences)
    lengths = np.sqrt((xi**2).sum(axis=-1))
    clusters = np.array([count_clusters(one) for one in xi], dtype=np.int64)
    shares = variance_shares(task, xi, grid)
    return (*shares, mass.mean(axis=-1), clusters, lengths.min(axis=-1), lengths.mean(axis=-1))
