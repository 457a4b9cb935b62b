"""Candidate laws of rho, a boundary of softmax attention over that of linear attention, and their fits.

A table `t` holds per row ``n``, ``temperature``, ``n_eff`` and, for the law without a free number, ``scale``,
``label`` and ``flow_stable``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares


@dataclass(frozen=True)
class Law:
    """ln rho as a function of parameters and a table, with names and a start for the fit."""

    name: str
    log: Callable
    start: tuple[float, ...] = ()


def spread(t):
    """1/n_eff - 1/n, how far attention is from the mean over the prompt; 0 there, at most 1 - 1/n."""
    return np.maximum(1 / t["n_eff"] - 1 / t["n"], 1e-12)


def derived(t):
    """Sharpness of a minimum with the Jacobian diag(p) - p p^T replaced by its trace.

    In units of the balanced minimum of linear attention, where it is 2, the sharpness is M^2 + J^2 / M^2: M
    is m in these units, and the slope of m is that of linear attention times the ratio of the two traces,
    J = (1 - 1/n_eff) / (1 - 1/n).
    """
    trace = (1 - 1 / t["n_eff"]) / (1 - 1 / t["n"])
    mean = t["label"] ** 2 / t["scale"]
    return np.log(2 / (mean + trace**2 / mean))


LAWS = (
    Law("c", lambda q, t: np.full(t["n"].size, q[0]), (0.0,)),
    Law("c n^a", lambda q, t: q[0] + q[1] * np.log(t["n"]), (0.0, 0.0)),
    Law("c n^a T^b", lambda q, t: q[0] + q[1] * np.log(t["n"]) + q[2] * np.log(t["temperature"]), (0.0,) * 3),
    Law("c n_eff^a", lambda q, t: q[0] + q[1] * np.log(t["n_eff"]), (0.0, 0.0)),
    Law("(n / n_eff)^a", lambda q, t: q[0] * np.log(t["n"] / t["n_eff"]), (0.5,)),
    Law("1 + c (1/n_eff - 1/n)^a", lambda q, t: np.log1p(np.exp(q[0]) * spread(t) ** q[1]), (1.0, 1.0)),
    Law(
        "1 + c (1/n_eff - 1/n)^a T^b",
        lambda q, t: np.log1p(np.exp(q[0]) * spread(t) ** q[1] * t["temperature"] ** q[2]),
        (1.0, 1.0, 0.0),
    ),
    Law("2 / (M^2 + J^2 / M^2)", lambda q, t: derived(t)),
    Law("sharpness of the small-step minimum", lambda q, t: np.log(t["flow_stable"])),
)
HEADLINE, DERIVED, SHARPNESS = LAWS[5], LAWS[7], LAWS[8]


@dataclass(frozen=True)
class Fit:
    """Parameters of a law, ln c first, and ln of observed over predicted rho in the rows held out."""

    law: Law
    parameters: np.ndarray
    residuals: np.ndarray

    @property
    def rms(self):
        return float(np.sqrt(np.mean(self.residuals**2)))

    @property
    def worst(self):
        return float(np.abs(self.residuals).max())


def rows(t, mask):
    """The rows of a mask, or of indices."""
    return {name: column[mask] for name, column in t.items()}


def parameters(law, t, log_rho):
    """Least squares of ln rho."""
    if not law.start:
        return np.empty(0)
    return least_squares(lambda q: law.log(q, t) - log_rho, law.start).x


def fit(law, t, log_rho, fitted):
    """Fit the rows of the mask ``fitted``; residuals in all the others."""
    found = parameters(law, rows(t, fitted), log_rho[fitted])
    return Fit(law, found, log_rho[~fitted] - law.log(found, rows(t, ~fitted)))


def errors(law, t, log_rho, *, n_resamples, seed=0):
    """Standard errors of the parameters: whole seeds are drawn again, since rows of one share a prompt."""
    rng, seeds = np.random.default_rng(seed), np.unique(t["seed"])
    groups = [np.flatnonzero(t["seed"] == one) for one in seeds]
    drawn = []
    for _ in range(n_resamples):
        chosen = np.concatenate([groups[i] for i in rng.integers(seeds.size, size=seeds.size)])
        drawn.append(parameters(law, rows(t, chosen), log_rho[chosen]))
    return np.std(drawn, axis=0, ddof=1)
