"""Closed forms of the cycles of the balanced slice, and of the averages at mu = 2."""

from __future__ import annotations

import math

import numpy as np

from experiments.three_faces import descent
from experiments.three_faces.closed_form import CONFIG, ClosedForm, Measured, mus, pair
from experiments.three_faces.descent import (
    MOMENT,
    ROUNDING,
    SMALL,
    TWO_FACTORS,
    H,
    balanced_residuals,
    batched,
    bisect,
    train,
)
from lintrans.attention import TwoFactorWeights
from lintrans.symbolic import ellipse, transverse
from lintrans.symbolic import slice as balanced
from lintrans.two_factor import invariant_ellipse, normal_form

CYCLES = mus(1.1, 1.2, 1.5)


def two_cycle(mu, high):
    """Residual of a cycle of period 2, by bisection of r'' - r where it changes sign once."""

    def beyond(a):
        u = a / math.sqrt(mu)
        r = train(mu, u, u, 2)[2]
        return r[2] < r[0]

    low, top = (math.sqrt(mu + 1e-3), math.sqrt(mu + 1.9)) if high else (1e-3, math.sqrt(mu - 1e-3))
    a = bisect(beyond, low, top)
    return Measured(a * a - mu, 2e-14, ROUNDING)


def two_cycle_multiplier(mu, across):
    return _multiplier(mu, math.sqrt(mu + two_cycle(mu, True).value), across)


def two_cycle_average(mu, loss):
    u = math.sqrt(1 + two_cycle(mu, True).value / mu)
    r = train(mu, u, u, 2)[2][:2]
    value = np.mean((r / mu) ** 2 / 2) if loss else np.mean(1 + r / mu)
    return Measured(float(value), 1e-13, "the cycle is found to 2e-14")


def symmetric_multiplier(mu, across):
    """Of the cycle f(f(a)) = -a with the smaller sum of factors a'/a."""

    def twice(a):
        for _ in range(2):
            a, _ = descent.step_modes(mu, a, 0.0)
        return a

    grid = np.linspace(1e-3, math.sqrt(2 + mu), CONFIG["n_starts"])
    (at,) = np.nonzero(np.diff(np.sign(twice(grid) + grid)))
    sums = {}
    for low, high in zip(grid[at], grid[at + 1], strict=True):
        rising = twice(high) + high > 0
        a = bisect(lambda x, rising=rising: (twice(x) + x > 0) == rising, low, high)
        once = descent.step_modes(mu, a, 0.0)[0]
        sums[abs(once / a + twice(a) / once)] = a
    return _multiplier(mu, sums[min(sums)], across)


def _multiplier(mu, a, across):
    """Of a cycle of period 2 in r: change of r along the slice, or of b, over two steps."""
    u, pairs = a / math.sqrt(mu), []
    for change in (SMALL / 5, -SMALL / 5):
        found = train(mu, u + change, u - change if across else u + change, 2)
        size = found[0] - found[1] if across else found[2]
        pairs.append(size[[0, 2]])
    before, after = pairs[0] - pairs[1]
    return Measured(float(after / before), 2e-8, "second order in 2e-6 with third derivatives of up to 1e4")


def average_at_two(loss):
    r = balanced_residuals()
    return batched((r / 2) ** 2 / 2 if loss else 1 + r / 2)


def exponent_at_two():
    unit = math.sqrt(1.25 / H)
    weights = TwoFactorWeights(0.4 * unit, -0.4 * unit * MOMENT / H)
    found = descent.tangent_growth(TWO_FACTORS, weights, 2 / (H * 1.25), CONFIG["n_average"])
    return Measured(found.exponent, found.standard_error)


FORMS = [
    ClosedForm(
        "2-cycle, lower residual",
        "slice.two_cycle",
        "normal_form.two_cycle",
        "mu",
        CYCLES,
        pair(balanced.two_cycle, 0),
        pair(normal_form.two_cycle, 0),
        lambda m: two_cycle(m, high=False),
    ),
    ClosedForm(
        "2-cycle, upper residual",
        "slice.two_cycle",
        "normal_form.two_cycle",
        "mu",
        CYCLES,
        pair(balanced.two_cycle, 1),
        pair(normal_form.two_cycle, 1),
        lambda m: two_cycle(m, high=True),
        largest_term=1,
    ),
    ClosedForm(
        "2-cycle, multiplier along",
        "transverse.two_cycle",
        "normal_form.two_cycle_multipliers",
        "mu",
        CYCLES,
        balanced.two_cycle_multiplier,
        pair(normal_form.two_cycle_multipliers, 0),
        lambda m: two_cycle_multiplier(m, across=False),
        largest_term=9,
    ),
    ClosedForm(
        "2-cycle, multiplier across",
        "transverse.two_cycle",
        "normal_form.two_cycle_multipliers",
        "mu",
        CYCLES,
        transverse.two_cycle_transverse,
        pair(normal_form.two_cycle_multipliers, 1),
        lambda m: two_cycle_multiplier(m, across=True),
        largest_term=3,
    ),
    ClosedForm(
        "2-cycle, mean prediction",
        "transverse.two_cycle_averages",
        "normal_form.two_cycle_averages",
        "mu",
        CYCLES,
        pair(transverse.two_cycle_averages, 0),
        pair(normal_form.two_cycle_averages, 0),
        lambda m: two_cycle_average(m, loss=False),
    ),
    ClosedForm(
        "2-cycle, mean loss",
        "transverse.two_cycle_averages",
        "normal_form.two_cycle_averages",
        "mu",
        CYCLES,
        pair(transverse.two_cycle_averages, 1),
        pair(normal_form.two_cycle_averages, 1),
        lambda m: two_cycle_average(m, loss=True),
    ),
    ClosedForm(
        "symmetric cycle, multiplier along",
        "transverse.symmetric_cycles",
        "normal_form.symmetric_cycle_multipliers",
        "mu",
        mus(1.84, 1.9, 2.0),
        pair(transverse.symmetric_multipliers, 0),
        pair(normal_form.symmetric_cycle_multipliers, 0),
        lambda m: symmetric_multiplier(m, across=False),
        largest_term=16,
    ),
    ClosedForm(
        "symmetric cycle, multiplier across",
        "transverse.symmetric_cycles",
        "normal_form.symmetric_cycle_multipliers",
        "mu",
        mus(1.84, 1.9, 2.0),
        pair(transverse.symmetric_multipliers, 1),
        pair(normal_form.symmetric_cycle_multipliers, 1),
        lambda m: symmetric_multiplier(m, across=True),
        largest_term=3,
    ),
    ClosedForm(
        "exponent at mu = 2",
        "slice.chebyshev",
        "invariant_ellipse.LYAPUNOV",
        "",
        ((),),
        lambda: ellipse.LYAPUNOV,
        lambda: invariant_ellipse.LYAPUNOV,
        exponent_at_two,
    ),
    ClosedForm(
        "mean prediction at mu = 2",
        "transverse.chebyshev_averages",
        "invariant_ellipse.ellipse",
        "",
        ((),),
        lambda: ellipse.MEAN_PREDICTION,
        lambda: invariant_ellipse.ellipse(np.nextafter(2.0, 0)).mean_prediction,
        lambda: average_at_two(loss=False),
    ),
    ClosedForm(
        "mean loss at mu = 2",
        "transverse.chebyshev_averages",
        "invariant_ellipse.ellipse",
        "",
        ((),),
        lambda: transverse.LOSS_AT_TWO,
        lambda: invariant_ellipse.ellipse(np.nextafter(2.0, 0)).mean_loss,
        lambda: average_at_two(loss=True),
    ),
]
