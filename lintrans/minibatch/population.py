"""Populations of prompts on one shared mode: what full-batch and mini-batch training of them depends on.

Prompt i predicts h_i <W, D> w for a label y_i, with one direction D of unit norm for all. With

    A = mean h_i^2,   C = mean h_i y_i,   s = sqrt(|C| / A),   mu = eta |C|,
    u = w / s,   v = sign(C) <W, D> / s,   a_i = h_i^2 / A,   c_i = h_i y_i / C,

a step by a batch B is that of the normal form with sigma = a_B r + mu (a_B - c_B) in the place of the
residual r = mu (uv - 1), where a_B and c_B are means over the batch: over all prompts both are 1. Claims
minibatch.reduction and minibatch.residual. Prompts *interpolate* if one minimum serves them all, a_i = c_i.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import (
    InputError,
    NoNormalFormError,
    count,
    finite,
    finite_array,
    frozen_array,
    positive,
    settle,
)
from lintrans.prompts.prompt import Prompt

FloatArray = NDArray[np.float64]

ROUNDING = 32 * np.finfo(float).eps  # mismatches below this times the curvature come from rounding h_i y_i
MAX_PROMPTS = 10**7


class Moments(NamedTuple):
    """Second moments of one prompt drawn at random.

    Attributes
    ----------
    curvature, mismatch : float
        Variances of a_i and of a_i - c_i.
    both : float
        Their covariance.
    """

    curvature: float
    mismatch: float
    both: float


@dataclass(frozen=True, eq=False)
class Population:
    """Prompts on one shared mode, or projected onto one.

    Attributes
    ----------
    moments : (N,) array
        Signed sizes h_i of the moments M_i along the mode, in label times feature^2 units.
    labels : (N,) array
        Query labels y_i.
    direction : (d, d) array or None
        The mode D, of unit Frobenius norm; None where only numbers were given.
    leakage : (N,) array or None
        Norm of the part of M_i outside the mode, over the norm of M_i; 0 if the mode is shared exactly.

    Raises
    ------
    InputError
        If the arrays are not finite or differ in shape.
    NoNormalFormError
        If mean h_i^2 or mean h_i y_i is zero: nothing is to be learned along the mode.

    Examples
    --------
    >>> two = Population([1.0, 2.0], [1.0, 1.0])
    >>> two.mean_square, two.mean_product, two.unit_step_size
    (2.5, 1.5, 0.6666666666666666)
    >>> two.curvatures.tolist(), two.targets.round(6).tolist()
    ([0.4, 1.6], [0.666667, 1.333333])
    """

    moments: FloatArray
    labels: FloatArray
    direction: FloatArray | None = None
    leakage: FloatArray | None = None

    def __post_init__(self) -> None:
        for name, ndim in (("moments", 1), ("labels", 1), ("direction", 2), ("leakage", 1)):
            if getattr(self, name) is not None:
                settle(self, **{name: frozen_array(name, getattr(self, name), ndim)})
        count("the number of prompts", self.moments.size, maximum=MAX_PROMPTS)
        if self.labels.size != self.moments.size:
            raise InputError(
                f"labels must match the {self.moments.size} moments, got {self.labels.size}; "
                "pass one label per prompt"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            sizes = {"mean h^2": self.mean_square, "mean h y": abs(self.mean_product)}
        for name, size in sizes.items():
            if size == 0:
                raise NoNormalFormError(
                    f"prompts must have a {name} other than 0, got 0; nothing is learned along this mode"
                )
            if not 1e-150 < size < 1e150:
                raise InputError(
                    f"prompts must have a {name} in the range of float64, got {size:g}; rescale the data"
                )

    @classmethod
    def sampled(cls, n_prompts: int, *, spread: float, noise: float, seed: int) -> Population:
        """Draw moments h_i = exp(spread g_i) and labels y_i = h_i + noise g'_i with standard normal g, g'.

        Parameters
        ----------
        n_prompts
            Number of prompts.
        spread
            Standard deviation of ln h_i: of the curvature a batch may have. 0 for equal prompts.
        noise
            Standard deviation of the labels about those of one minimum; 0 for interpolating prompts.
        seed
            Of ``numpy.random.default_rng``.

        Examples
        --------
        >>> Population.sampled(100, spread=0.3, noise=0.0, seed=1).interpolates
        True
        """
        n_prompts = count("n_prompts", n_prompts, maximum=MAX_PROMPTS)
        spread, noise = finite("spread", spread), finite("noise", noise)
        rng = np.random.default_rng(count("seed", seed, minimum=0))
        moments = np.exp(spread * rng.standard_normal(n_prompts))
        return cls(moments, moments + noise * rng.standard_normal(n_prompts))

    @classmethod
    def from_prompts(cls, prompts: Sequence[Prompt] | PromptMoments) -> Population:
        """Project prompts onto the direction in which training first moves W: D along mean y_i M_i.

        It is the shared mode if there is one. ``leakage`` is the part of each prompt outside it. A population
        with leakage does not describe the training of its prompts exactly, but a problem close to it.

        Raises
        ------
        InputError
            If there is no prompt, or they differ in their number of features.
        NoNormalFormError
            If mean y_i M_i is zero.

        Examples
        --------
        >>> prompts = [Prompt.from_arrays([[x]], [1.0], [2.0], 3.0) for x in (1.0, 1.5)]
        >>> found = Population.from_prompts(prompts)
        >>> found.moments.tolist(), found.leakage.tolist()
        ([2.0, 3.0], [0.0, 0.0])
        """
        seen = PromptMoments.of(prompts)
        labels, matrices = seen.labels, seen.matrices
        slope = np.einsum("i,ijk->jk", labels, matrices) / labels.size
        size = float(np.linalg.norm(slope))
        if size == 0:
            raise NoNormalFormError(
                "prompts must have a mean of y_i M_i other than 0, got 0; training does not leave W = 0"
            )
        direction = slope / size
        moments = np.einsum("ijk,jk->i", matrices, direction)
        beside = np.linalg.norm(matrices - moments[:, None, None] * direction, axis=(1, 2))
        whole = np.linalg.norm(matrices, axis=(1, 2))
        leakage = np.divide(beside, whole, out=np.zeros_like(whole), where=whole > 0)
        return cls(moments, labels, direction, np.where(leakage < ROUNDING, 0.0, leakage))

    @property
    def n_prompts(self) -> int:
        """Number of prompts N."""
        return self.moments.size

    @property
    def mean_square(self) -> float:
        """A = mean h_i^2; exactly h^2 if all are equal."""
        return _mean(np.square(self.moments))

    @property
    def mean_product(self) -> float:
        """C = mean h_i y_i; exactly h y if all are equal."""
        return _mean(self.moments * self.labels)

    @property
    def unit_step_size(self) -> float:
        """Learning rate at mu = 1, namely 1 / |C|."""
        return 1 / abs(self.mean_product)

    @property
    def weight_unit(self) -> float:
        """Unit s = sqrt(|C| / A): weights w and <W, D> in units of s are u and (up to sign) v."""
        return math.sqrt(abs(self.mean_product) / self.mean_square)

    @property
    def curvatures(self) -> FloatArray:
        """a_i = h_i^2 / A, of mean 1."""
        return np.square(self.moments) / self.mean_square

    @property
    def targets(self) -> FloatArray:
        """c_i = h_i y_i / C, of mean 1."""
        return self.moments * self.labels / self.mean_product

    @property
    def mismatches(self) -> FloatArray:
        """a_i - c_i, of mean 0; exactly 0 where that is only rounding."""
        difference = self.curvatures - self.targets
        is_rounding = np.abs(difference) <= ROUNDING * self.curvatures
        return np.where(is_rounding, 0.0, difference)

    @property
    def interpolates(self) -> bool:
        """Whether one minimum serves every prompt. Claim minibatch.interpolating."""
        return not self.mismatches.any()

    @property
    def leaks(self) -> bool:
        """Whether a prompt has a part outside the mode; the random map is then only close to training."""
        return self.leakage is not None and bool(self.leakage.any())

    @property
    def variances(self) -> Moments:
        """Second moments of curvature and mismatch over the prompts."""
        a, d = self.curvatures - 1, self.mismatches
        return Moments(float(np.mean(a * a)), float(np.mean(d * d)), float(np.mean(a * d)))

    def mu(self, step_size: float) -> float:
        """Effective step size eta |C|."""
        return positive("step_size", step_size) * abs(self.mean_product)

    def project(self, value: float, along: float) -> tuple[float, float]:
        """State (u, v) of weights w and <W, D>."""
        unit, sign = self.weight_unit, math.copysign(1.0, self.mean_product)
        return finite("value", value) / unit, sign * finite("along", along) / unit

    def project_weights(self, value: float, key_query: ArrayLike) -> tuple[float, float]:
        """State (u, v) of weights w and W.

        Raises
        ------
        InputError
            If the population has no direction, or W another shape.
        """
        if self.direction is None:
            raise InputError("population must have a direction, got numbers only; use project with <W, D>")
        weights = finite_array("key_query", key_query, 2)
        if weights.shape != self.direction.shape:
            raise InputError(
                f"key_query must have shape {self.direction.shape}, got {weights.shape}; "
                "one row and one column per feature"
            )
        return self.project(value, float(np.sum(weights * self.direction)))

    def for_kernels(self) -> FloatArray:
        """Excess curvatures a_i - 1 and mismatches, (2, N)."""
        return np.array([self.curvatures - 1, self.mismatches])

    def summary(self) -> dict[str, Any]:
        """Numbers that describe what training on the prompts will be like."""
        return {
            "n_prompts": self.n_prompts,
            "unit_step_size": self.unit_step_size,
            "largest_curvature": float(self.curvatures.max()),
            "curvature_std": math.sqrt(self.variances.curvature),
            "mismatch_std": math.sqrt(self.variances.mismatch),
            "interpolates": self.interpolates,
            "leakage": None if self.leakage is None else float(np.sqrt(np.mean(self.leakage**2))),
        }


@dataclass(frozen=True, eq=False)
class PromptMoments:
    """What training sees of many prompts, whatever their lengths: M_i = m_i q_i^T and y_i.

    Attributes
    ----------
    contexts : (N, d) array
        Context moments m_i.
    queries : (N, d) array
        Queries q_i.
    labels : (N,) array
        Query labels y_i.
    """

    contexts: FloatArray
    queries: FloatArray
    labels: FloatArray

    @classmethod
    def of(cls, prompts: Sequence[Prompt] | PromptMoments) -> PromptMoments:
        """Return what training sees of prompts; it is returned unchanged if it is given instead of prompts.

        Raises
        ------
        InputError
            If there is no prompt, or they differ in their number of features.
        """
        if isinstance(prompts, PromptMoments):
            return prompts
        if not prompts:
            raise InputError("prompts must not be empty, got none; pass at least one")
        many = list(prompts)
        d = {prompt.d for prompt in many}
        if len(d) > 1:
            raise InputError(f"prompts must have one number of features, got {sorted(d)[:3]}; choose columns")
        contexts, queries = ([getattr(p, name) for p in many] for name in ("context_moment", "query"))
        return cls(np.array(contexts), np.array(queries), np.array([p.query_label for p in many]))

    @property
    def matrices(self) -> FloatArray:
        """M_i, (N, d, d)."""
        return self.contexts[:, :, None] * self.queries[:, None, :]

    @functools.cached_property
    def population(self) -> Population:
        """The prompts projected onto one mode."""
        return Population.from_prompts(self)

    @functools.cached_property
    def spans(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Contexts in coordinates of their span with its basis, (d, rank); then the same for queries."""
        return *_in_span(self.contexts), *_in_span(self.queries)


def _in_span(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coordinates of vectors in an orthonormal basis of their span, (N, r), and the basis, (d, r).

    If their span is the whole space, the vectors are returned unchanged.
    """
    _, sizes, basis = np.linalg.svd(vectors, full_matrices=False)
    rank = int((sizes > ROUNDING * sizes[0]).sum())
    if rank == vectors.shape[1]:
        return vectors, np.eye(rank)
    return vectors @ basis[:rank].T, basis[:rank].T


def _mean(values: FloatArray) -> float:
    """Mean that is exact where all values are equal."""
    return float(values[0] + np.mean(values - values[0]))
