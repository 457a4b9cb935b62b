"""Closed forms at one state of training: residual, levels, multipliers."""

from __future__ import annotations

import math

import numpy as np

from experiments.three_faces.closed_form import ClosedForm, Measured, mus, pair
from experiments.three_faces.descent import SMALL, end_of_step, factors_of, train
from lintrans.symbolic import convergence, modes
from lintrans.symbolic import slice as balanced
from lintrans.two_factor import invariant_ellipse, normal_form

INTERIOR = ((1.2, 0.9, 0.4), (0.5, 1.1, -0.3), (1.8, 0.3, 0.2))


def residual(mu, a, b):
    """From one step: the mean mode u + v shrinks by the factor 1 - r."""
    u, v, _ = train(mu, *factors_of(mu, a, b), 1)
    return Measured(
        1 - (u[1] + v[1]) / (u[0] + v[0]), 1e-14, "rounding of a step, some ulps of numbers near 4"
    )


def level(mu, a, b):
    """Q from two predictions: r' = r^3 - 3 r - r (4 - mu^2) Q. Claim ellipse.pair."""
    r = train(mu, *factors_of(mu, a, b), 1)[2]
    value = (r[0] ** 2 - 3 - r[1] / r[0]) / (4 - mu**2)
    return Measured(value, 2e-14, "r'/r has terms of up to 10, with some ulps of rounding")


def imbalance_bound(mu, a, b):
    """|b|^mu from the weights, over |Q| from two predictions."""
    u, v, _ = train(mu, *factors_of(mu, a, b), 1)
    imbalance = math.sqrt(mu) / 2 * abs(u[0] - v[0])
    return Measured(imbalance**mu / abs(level(mu, a, b).value), 1e-13, "Q is known to 2e-14")


def across_minima(a, b):
    """Factor by which a small residual changes in a step, next to a minimum."""
    mu, ratios = a * a - b * b, []
    for change in (SMALL, -SMALL):
        r = train(mu, *factors_of(mu, a * (1 + change), b), 1)[2]
        ratios.append(r[1] / r[0])
    return Measured(float(np.mean(ratios)), 2e-9, "second order in 1e-5, and rounding over 1e-5")


def along(mu, a, b):
    """Jacobian determinant of a step by central differences, over the factor of b."""
    moves = np.array([[1.0, 1.0], [1.0, -1.0]]) * SMALL
    start = np.array(factors_of(mu, a, b))
    images = [[end_of_step(mu, start + sign * move) for sign in (1, -1)] for move in moves]
    jacobian = [(plus - minus) / 2 for plus, minus in images]
    u, v = end_of_step(mu, start)
    across = (u - v) / (start[0] - start[1]) if b else (jacobian[1][0] - jacobian[1][1]) / (2 * SMALL)
    value = np.linalg.det(jacobian) / np.linalg.det(moves) / across
    return Measured(float(value), 2e-9, "second order in 1e-5, and rounding over 1e-5")


def vertex(mu):
    """The balanced start u at which r'/r, a parabola in r, is least."""
    starts = np.sqrt(np.array([0.5, 1.0, 1.5]) * (1 / mu + 1))
    r = np.array([train(mu, u, u, 1)[2] for u in starts])
    curved, slope, _ = np.polyfit(r[:, 0], r[:, 1] / r[:, 0], 2)
    return Measured(math.sqrt(1 - slope / curved / 2 / mu), 1e-13, "exact parabola; a 3 x 3 system is solved")


FORMS = [
    ClosedForm(
        "residual r",
        "modes.step",
        "normal_form.residual",
        "mu, a, b",
        INTERIOR,
        lambda m, a, b: modes.residual(a, b, m),
        normal_form.residual,
        residual,
        largest_term=2,
    ),
    ClosedForm(
        "level Q of the ellipse",
        "modes.ellipse",
        "normal_form.ellipse_level",
        "mu, a, b",
        INTERIOR,
        lambda m, a, b: modes.ellipse(a, b, m),
        normal_form.ellipse_level,
        level,
        largest_term=1,
    ),
    ClosedForm(
        "Lyapunov function |b|^mu/|Q|",
        "convergence.lyapunov_function",
        "invariant_ellipse.imbalance_bound",
        "mu, a, b",
        INTERIOR,
        lambda m, a, b: convergence.imbalance_bound(a, b, m),
        invariant_ellipse.imbalance_bound,
        imbalance_bound,
    ),
    ClosedForm(
        "multiplier of a minimum",
        "modes.multipliers",
        "normal_form.minimum_multiplier",
        "a, b",
        ((0.75, 0.25), (1.0, 0.5), (0.5, 0.0)),
        modes.minimum_multiplier,
        normal_form.minimum_multiplier,
        across_minima,
        largest_term=2,
    ),
    ClosedForm(
        "factor along the loss",
        "modes.along",
        "normal_form.along_factor",
        "mu, a, b",
        (*INTERIOR, (1.3, 0.8, 0.0)),
        lambda m, a, b: modes.along_factor(a, b, m),
        normal_form.along_factor,
        along,
        largest_term=4,
    ),
    ClosedForm(
        "start whose loss rises first, u",
        "slice.monotone",
        "normal_form.probe_start",
        "mu",
        mus(0.5, 0.9, 1.7),
        balanced.probe_start,
        pair(normal_form.probe_start, 0),
        vertex,
    ),
]
