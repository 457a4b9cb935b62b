"""The many-mode map: training of unrestricted weights P, K in the eigenbasis of G = E E^T / n.

Only p, the last row of P, and k = K e_q / |e_q| move, with e_q = (x_q, 0); the prediction is
|e_q| p^T G k. With eigenvalues g_i of G and curvatures m_i = |e_q| g_i, the sums s_i = p_i + k_i and
differences d_i = p_i - k_i of every mode obey, for the loss (prediction - y_q)^2 / 2,

    s_i' = (1 - eta m_i e) s_i,   d_i' = (1 + eta m_i e) d_i,   e = sum_i m_i (s_i^2 - d_i^2) / 4 - y_q.

One mode is the two-factor normal form with mu = eta m |y_q|. Large steps favour the modes of small
curvature, which gradient flow does not. Derived in theory/06_many_modes.py. Claims many_modes.attention,
many_modes.eigenbasis, many_modes.one_mode, many_modes.gradient_flow, many_modes.drift and
many_modes.one_survives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
MAX_HISTORY_BYTES = 2**30


@dataclass(frozen=True, eq=False)
class ManyModes:
    """The directions in which training moves unrestricted weights, and the curvature of each.

    Claims many_modes.attention, many_modes.eigenbasis and many_modes.equal_curvatures.

    States are pairs of arrays s, d with the modes on the last axis, in the units of the weights. Modes
    with eigenvalue 0 (more features than tokens) never move: they belong to the frozen part.

    Attributes
    ----------
    curvatures : (n_modes,) array
        m_i = |e_q| g_i, positive and descending, in units of feature * token^2; empty if x_q = 0.
    query_label : float
        y_q, of any sign; 0 is allowed.
    directions : (d+1, n_modes) array
        Unit eigenvectors of G, one per column. Their signs, and their choice among equal eigenvalues,
        are arbitrary; predictions, residuals and weights do not depend on it.
    query_direction : (d+1,) array
        e_q / |e_q|; 0 if x_q = 0.

    Raises
    ------
    InputError
        If the shapes do not match, or the curvatures are not positive and descending.

    Examples
    --------
    G = diag(1, 2, 0) and |e_q| = 1:

    >>> prompt = Prompt.from_arrays([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0], [1.0, 0.0], 0.5)
    >>> many = ManyModes.of(prompt)
    >>> many.curvatures.round(12).tolist(), round(many.largest_stable_step_size, 12)
    ([2.0, 1.0], 2.0)
    """

    curvatures: FloatArray
    query_label: float
    directions: FloatArray
    query_direction: FloatArray

    def __post_init__(self) -> None:
        for name, ndim in (("curvatures", 1), ("directions", 2), ("query_direction", 1)):
            settle(self, **{name: frozen_array(name, getattr(self, name), ndim)})
        settle(self, query_label=finite("query_label", self.query_label))
        expected = (self.query_direction.size, self.curvatures.size)
        if self.directions.shape != expected:
            raise InputError(
                f"directions must have shape {expected}, one column per curvature, got "
                f"{self.directions.shape}; transpose it, or start from ManyModes.of"
            )
        if (self.curvatures <= 0).any() or (np.diff(self.curvatures) > 0).any():
            raise InputError(
                f"curvatures must be positive and descending, got {self.curvatures}; sort the modes and "
                "leave out those that never move"
            )

    @classmethod
    def of(cls, prompt: Prompt) -> ManyModes:
        """Modes of a prompt, from the singular values of E: directions below rounding count as frozen.

        Raises
        ------
        InputError
            If the curvatures leave the range of float64.
        """
        # E is built here, not taken from `transformer`: the oracle stays independent of the map.
        tokens = np.zeros((prompt.d + 1, prompt.n + 1))
        tokens[:-1, :-1], tokens[-1, :-1], tokens[:-1, -1] = prompt.context.T, prompt.labels, prompt.query
        exponent = int(np.frexp(np.abs(tokens).max())[1])
        tokens = np.ldexp(tokens, -exponent)  # squares stay in range
        vectors, values, _ = np.linalg.svd(tokens, full_matrices=False)
        query, length = _unit(tokens[:, -1])
        moving = values > max(tokens.shape) * np.finfo(np.float64).eps * values[0] if length else values < 0
        with np.errstate(over="ignore", under="ignore"):
            curvatures = np.ldexp(np.square(values[moving]) / prompt.n * length, 3 * exponent)
        if not ((curvatures > 0) & (curvatures < np.inf)).all():
            raise InputError(
                f"prompt must have curvatures in the range of float64, got {curvatures}; "
                "rescale the features or the labels"
            )
        return cls(curvatures, prompt.query_label, vectors[:, moving], query)

    @property
    def n_modes(self) -> int:
        """Number of modes that move, at most d + 1 and at most n + 1."""
        return self.curvatures.size

    def mus(self, step_size: float) -> FloatArray:
        """Effective step size eta m_i |y_q| of every mode, shape (n_modes,).

        At the origin the mode grows by 1 + mu_i per step. Claims many_modes.one_mode and many_modes.saddle.
        """
        return np.asarray(positive("step_size", step_size) * self.curvatures * abs(self.query_label))

    def project(self, P: ArrayLike, K: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """State s, d (..., n_modes) of weights, or of histories of weights, (..., d+1, d+1)."""
        p, k = self._pairs(P, K)
        return p + k, p - k

    def frozen_part(self, P: ArrayLike, K: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """P and K without their components along the modes: what training never changes.

        Claim many_modes.attention.
        """
        p, k = self._pairs(P, K)
        frozen_P, frozen_K = np.array(P, dtype=np.float64), np.array(K, dtype=np.float64)
        frozen_P[..., -1, :] -= p @ self.directions.T
        frozen_K -= np.multiply.outer(k @ self.directions.T, self.query_direction)
        return frozen_P, frozen_K

    def weights(
        self, s: ArrayLike, d: ArrayLike, frozen_P: ArrayLike, frozen_K: ArrayLike
    ) -> tuple[FloatArray, FloatArray]:
        """Weights P, K (..., d+1, d+1) of a state and a frozen part; the inverse of `project`."""
        p, k = np.add(s, d) / 2, np.subtract(s, d) / 2
        moved = np.zeros((*p.shape[:-1], self.query_direction.size, self.query_direction.size))
        moved[..., -1, :] = p @ self.directions.T
        return (
            np.asarray(frozen_P + moved),
            np.asarray(frozen_K + np.multiply.outer(k @ self.directions.T, self.query_direction)),
        )

    def contributions(self, s: ArrayLike, d: ArrayLike) -> FloatArray:
        """The part c_i = m_i p_i k_i of the prediction that each mode carries, (..., n_modes).

        At a stable minimum sum_i m_i |c_i| < 1 / eta. Claim many_modes.cap.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.curvatures * (np.add(s, d) * np.subtract(s, d)) / 4)

    def residual(self, s: ArrayLike, d: ArrayLike) -> FloatArray:
        """Residual e = prediction - y_q, shape (...), in label units; NaN after an overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(self.contributions(s, d).sum(axis=-1) - self.query_label)

    def step(self, s: ArrayLike, d: ArrayLike, *, step_size: float) -> tuple[FloatArray, FloatArray]:
        """One step of gradient descent, of any number of states (..., n_modes). Claim many_modes.step."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            push = positive("step_size", step_size) * self.residual(s, d)[..., None] * self.curvatures
            return np.multiply(1 - push, s), np.multiply(1 + push, d)

    def iterate(
        self, s: ArrayLike, d: ArrayLike, *, step_size: float, n_steps: int
    ) -> tuple[FloatArray, FloatArray]:
        """Iterate the map from one state (n_modes,) or many (..., n_modes).

        Parameters
        ----------
        s, d
            The start, as `project` gives it.
        step_size
            Learning rate eta of the loss with the 1/2.
        n_steps
            Number of steps; the history must stay below 1 GiB. If only the end matters, loop over `step`.

        Returns
        -------
        s, d : (n_steps + 1, ..., n_modes) arrays
            NaN or inf after an overflow.

        Raises
        ------
        InputError
            If the last axes are not the modes, the start is not finite or the history is too large.

        Examples
        --------
        A minimum stays where it is:

        >>> many = ManyModes([2.0, 1.0], 0.5, [[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
        >>> many.iterate([1.0, 0.0], [0.0, 0.0], step_size=0.3, n_steps=2)[0].tolist()
        [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
        """
        s, d = self._state("s", s), self._state("d", d)
        shape = np.broadcast_shapes(s.shape, d.shape)
        n_steps = count("n_steps", n_steps, minimum=0)
        largest = MAX_HISTORY_BYTES // (16 * max(math.prod(shape), 1)) - 1
        if n_steps > largest:
            raise InputError(
                f"n_steps must keep the history below 1 GiB, got {n_steps}; lower it to {largest}"
            )
        all_s, all_d = np.empty((n_steps + 1, *shape)), np.empty((n_steps + 1, *shape))
        all_s[0], all_d[0] = s, d
        for i in range(n_steps):
            all_s[i + 1], all_d[i + 1] = self.step(all_s[i], all_d[i], step_size=step_size)
        return all_s, all_d

    def normal_form(
        self, s: ArrayLike, d: ArrayLike, *, step_size: float, tol: float = 1e-12
    ) -> tuple[float, float, float]:
        """Normal form (mu, u, v) of a state in which a single mode is excited. Claim many_modes.one_mode.

        Parameters
        ----------
        s, d : (n_modes,) arrays
            The state.
        step_size
            Learning rate eta; mu = eta m |y_q| with the curvature m of that mode.
        tol
            Modes below this fraction of the largest count as not excited; raise it for weights with rounding
            errors. What is neglected may grow later.

        Raises
        ------
        NoNormalFormError
            If y_q is 0, or not exactly one mode is excited.

        Examples
        --------
        >>> many = ManyModes([2.0, 1.0], -0.5, [[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
        >>> many.normal_form([0.0, 0.0], [1.0, 0.0], step_size=0.3)  # p = 1/2, k = -1/2: a minimum
        (0.3, 1.0, 1.0)
        """
        s, d = finite_array("s", self._state("s", s), 1), finite_array("d", self._state("d", d), 1)
        size = np.hypot(s, d)
        excited = np.flatnonzero(size > tol * size.max(initial=0.0))
        if self.query_label == 0 or excited.size != 1:
            raise NoNormalFormError(
                f"s and d must excite one mode, with a label y_q other than 0, got modes {excited.tolist()} "
                f"and y_q = {self.query_label:g}; use iterate"
            )
        i = int(excited[0])
        unit = math.sqrt(abs(self.query_label) / self.curvatures[i])
        sign = math.copysign(1.0, self.query_label)
        u, v = (s[i] + d[i]) / 2 / unit, sign * (s[i] - d[i]) / 2 / unit
        return float(self.mus(step_size)[i]), float(u), float(v)

    def sharpness(self, s: ArrayLike, d: ArrayLike) -> FloatArray:
        """Largest Hessian eigenvalue sum_i m_i^2 (p_i^2 + k_i^2) of a minimum, shape (...).

        At e = 0 the Hessian is the outer product of the prediction's gradient with itself, in the space
        of all weights too. Elsewhere this is the sharpness of that (Gauss-Newton) part alone. Claim
        many_modes.sharpness.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.square(np.asarray(s, dtype=np.float64)) + np.square(d)
            return np.asarray((np.square(self.curvatures) * squares).sum(axis=-1) / 2)

    def flattest_minimum(self) -> tuple[FloatArray, FloatArray]:
        """State s, d (n_modes,) of the flattest minimum: balanced, in the mode of smallest curvature.

        p = k = sqrt(|y_q| / m) there for y_q > 0 and p = -k for y_q < 0; s = d = 0 if y_q is 0. Claim
        many_modes.flattest.

        Raises
        ------
        InputError
            If x_q = 0 and y_q is not: no weights predict the label.
        """
        curvature = self._smallest_curvature()
        s, d = np.zeros(self.n_modes), np.zeros(self.n_modes)
        (s if self.query_label > 0 else d)[-1:] = 2 * math.sqrt(abs(self.query_label) / curvature)
        return s, d

    @property
    def smallest_sharpness(self) -> float:
        """Sharpness 2 m_min |y_q| of the flattest minimum; the largest is infinite.

        Claim many_modes.flattest.
        """
        return 2 * self._smallest_curvature() * abs(self.query_label)

    @property
    def largest_stable_step_size(self) -> float:
        """The learning rate 1 / (m_min |y_q|) above which no minimum is linearly stable; inf if y_q is 0.

        There mu = 1 in the mode of smallest curvature. So it depends on which modes count: a direction in
        which the tokens hardly vary is a very flat one. Claim many_modes.largest_step.
        """
        label = abs(self.query_label)
        return 1 / self._smallest_curvature() / label if label > 0 else math.inf

    def _smallest_curvature(self) -> float:
        if self.n_modes == 0 and self.query_label != 0:
            raise InputError("prompt must have a minimum, got the query x_q = 0; pass another query")
        return float(self.curvatures[-1]) if self.n_modes else 1.0

    def _pairs(self, P: ArrayLike, K: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Components p, k (..., n_modes) of weights along the modes."""
        rows = self.query_direction.size
        P, K = np.asarray(P, dtype=np.float64), np.asarray(K, dtype=np.float64)
        if P.shape != K.shape or P.shape[-2:] != (rows, rows):
            raise InputError(
                f"P and K must have one shape (..., {rows}, {rows}), got {P.shape} and {K.shape}; "
                "pass weights for this prompt"
            )
        return P[..., -1, :] @ self.directions, (K @ self.query_direction) @ self.directions

    def _state(self, name: str, value: ArrayLike) -> FloatArray:
        array = finite_array(name, value, np.ndim(value))
        if array.ndim == 0 or array.shape[-1] != self.n_modes:
            raise InputError(
                f"{name} must have the {self.n_modes} modes on its last axis, got shape {array.shape}; "
                "see ManyModes.project"
            )
        return array


def _unit(vector: FloatArray) -> tuple[FloatArray, float]:
    """Unit vector and length; 0 and 0 for the zero vector."""
    top = float(np.abs(vector).max())
    if top == 0:
        return np.zeros_like(vector), 0.0
    length = float(np.linalg.norm(vector / top))
    return np.asarray(vector / top / length), top * length
