"""Closed forms of thresholds: where training is lost, and where a minimum repels."""

from __future__ import annotations

import math

import numpy as np
import sympy as sp

import lintrans as lt
from experiments.three_faces import descent
from experiments.three_faces.closed_form import CONFIG, ClosedForm, Measured, mus, pair
from experiments.three_faces.descent import (
    FAR,
    MOMENT,
    NEARLY,
    OFF,
    ROUNDING,
    TWO_FACTORS,
    H,
    any_escapes,
    bisect,
    escapes,
    factors_of,
    grows_away,
    point_at,
    rng,
    train,
    with_label,
)
from experiments.three_faces.landmarks import landmark
from lintrans.attention import TwoFactorWeights
from lintrans.symbolic import ellipse, modes, reduction, schedules
from lintrans.symbolic.symbols import eta as eta_symbol
from lintrans.symbolic.symbols import h, mu, y_abs
from lintrans.two_factor import NormalForm, invariant_ellipse, normal_form

STARTS = ((2.0, 2.0), (1.4, -0.6), (3.0, 0.1))


def critical_mu(u, v):
    return Measured(bisect(lambda mu: escapes(mu, u, v), 0.01, 3.0), 2e-14, ROUNDING)


def critical_step_size(w, k, label):
    """In the learning rate itself, from raw weights."""
    prompt = lt.Prompt.from_arrays(TWO_FACTORS.context, TWO_FACTORS.labels, TWO_FACTORS.query, label)
    weights = TwoFactorWeights(w, k * MOMENT / H)

    def escapes(eta):
        run = descent.descend(prompt, weights, eta, CONFIG["n_steps"])
        return run.overflowed or not abs(run.predictions[-1]) < FAR

    return Measured(bisect(escapes, 1e-4, 0.1), 1e-15, ROUNDING)


def certified(u, v):
    """Largest bound on the step sizes up to which 100 schedules, the constant one among them, are safe."""
    kappa = np.clip(rng(u, v).uniform(-0.5, 1.5, (CONFIG["n_steps"], 100)), 0, 1)
    kappa[:, 0] = 1
    start = np.full(100, u), np.full(100, v)
    found = bisect(lambda mu: any_escapes(mu * kappa, *start), 0.01, 2.5)
    return Measured(found, 2e-14, ROUNDING)


def largest_loss(mu):
    """Over starts just inside the ellipse of mu and random schedules up to mu."""
    size, worst = CONFIG["n_starts"], 0.0
    angle = 2 * np.pi * np.arange(size) / size
    u, v = factors_of(mu, *(np.sqrt(1 - 1e-9) * x for x in point_at(mu, angle)))
    kappas = rng(mu).uniform(0, 1, (20, size))
    for kappa in (1.0, *kappas):
        worst = max(worst, ((u * v - 1) ** 2 / 2).max())
        u, v = descent.step_uv(kappa * mu, u, v)
    reason = "starts miss a vertex by up to 2e-4 in angle, and are 1e-9 inside"
    return Measured(worst, 2e-7 / mu**2, reason)


def extent(mu, stable):
    """|ln(u/v)| of the last minimum uv = 1 next to which residuals fall, or training stays bounded."""

    def lost(x):
        u, v = math.exp(x / 2) * (1 + OFF), math.exp(-x / 2)
        if not stable:
            return escapes(mu, u, v)
        return grows_away(train(mu, u, v)[2])

    return Measured(bisect(lost, 0.0, 8.0, 40), 1e-7, NEARLY)


def growth_at_the_saddle(eta, label):
    """Of tiny balanced weights in one step, less 1."""
    prompt, sign = with_label(TWO_FACTORS, label), math.copysign(1.0, label)
    run = descent.descend(prompt, TwoFactorWeights(1e-9, sign * 1e-9 * MOMENT / H), eta, 1)
    return Measured(float(run.value[1] / run.value[0] - 1), 1e-15, "an ulp of 1 + mu")


def minimum_repels_in_eta(label):
    prompt, sign = with_label(TWO_FACTORS, label), math.copysign(1.0, label)
    size = math.sqrt(abs(label) / H) * (1 + OFF)
    weights = TwoFactorWeights(size, sign * size * MOMENT / H)

    def grows(eta):
        return grows_away(descent.descend(prompt, weights, eta, CONFIG["n_steps"]).predictions - label)

    found = bisect(grows, 1e-3, 0.1)
    return Measured(found, 1e-7 * found, NEARLY)


def two_factor_weights(label: float, w: float, k: float) -> NormalForm:
    key_query = k * MOMENT / H
    return lt.reduce(with_label(TWO_FACTORS, label), step_size=1.0, value=w, key_query=key_query)


def critical_eta(w: float, k: float, label: float) -> float:
    nf = two_factor_weights(label, w, k)
    return float(normal_form.critical_mu(nf.u, nf.v)) * nf.mode.unit_step_size


FORMS = [
    ClosedForm(
        "critical mu of a start",
        "modes.critical_mu",
        "normal_form.critical_mu",
        "u, v",
        STARTS,
        modes.critical_mu,
        normal_form.critical_mu,
        critical_mu,
    ),
    ClosedForm(
        "critical eta of raw weights",
        "ellipse.critical_eta",
        "normal_form.critical_mu",
        "w, k, y_q",
        ((0.25, 0.125, -1.25), (0.375, 0.25, 1.25)),
        lambda w, k, label: ellipse.critical_step_size(w, k, sp.Integer(65), label),
        critical_eta,
        critical_step_size,
    ),
    ClosedForm(
        "bound that certifies any schedule",
        "schedules.certificate",
        "normal_form.is_certified",
        "u, v",
        STARTS,
        modes.critical_mu,
        lambda u, v: bisect(lambda bound: not normal_form.is_certified(u, v, bound), 0.0, 3.0, 60),
        certified,
    ),
    ClosedForm(
        "largest certified loss",
        "schedules.loss",
        "normal_form.certified_loss",
        "mu",
        mus(0.4, 1.0, 1.9),
        schedules.largest_loss,
        normal_form.certified_loss,
        largest_loss,
    ),
    ClosedForm(
        "|ln(u/v)| of the last stable minimum",
        "ellipse.minima",
        "invariant_ellipse.minima_extent",
        "mu",
        mus(0.1, 0.6, 0.95),
        pair(ellipse.minima_extent, 0),
        pair(invariant_ellipse.minima_extent, 0),
        lambda m: extent(m, stable=True),
    ),
    ClosedForm(
        "|ln(u/v)| of the last minimum inside",
        "ellipse.minima",
        "invariant_ellipse.minima_extent",
        "mu",
        mus(0.1, 0.6, 1.3),
        pair(ellipse.minima_extent, 1),
        pair(invariant_ellipse.minima_extent, 1),
        lambda m: extent(m, stable=False),
    ),
    ClosedForm(
        "effective step size mu",
        "reduction.normal_form",
        "reduction.reduce",
        "eta, y_q",
        ((0.01, -1.25), (0.03, 0.5)),
        lambda eta, label: reduction.effective_step_size().rhs.subs(
            {eta_symbol: eta, h: 65, y_abs: abs(label)}
        ),
        lambda eta, label: eta * two_factor_weights(label, 1.0, 1.0).mu,
        growth_at_the_saddle,
    ),
    ClosedForm(
        "eta at which the minimum turns unstable",
        "slice.stability",
        "reduction.critical_step_sizes",
        "y_q",
        ((-1.25,), (0.5,)),
        lambda label: sp.solve(
            reduction.effective_step_size().subs({mu: landmark("stable"), h: 65, y_abs: abs(label)}),
            eta_symbol,
        )[0],
        lambda label: lt.critical_step_sizes(with_label(TWO_FACTORS, label))["stable"],
        minimum_repels_in_eta,
    ),
]
