"""Closed forms on the invariant ellipse: sizes, exponents, averages, densities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from experiments.three_faces import descent
from experiments.three_faces.closed_form import CONFIG, ClosedForm, Measured, at, mus
from experiments.three_faces.descent import (
    FAR,
    ROUNDING,
    balanced_residuals,
    batched,
    bisect,
    escapes,
    level_of,
    mean,
    mixed,
    point_at,
    rng,
)
from lintrans.symbolic import ellipse, modes
from lintrans.symbolic.symbols import mu
from lintrans.two_factor import invariant_ellipse

ELLIPSES = mus(0.3, 1.0, 1.9)


def semi_axis(mu, balanced, factors):
    """Distance from 0, in (a, b) or in (u, v), up to which starts with u = v or u = -v stay bounded."""
    sign, unit = (1 if balanced else -1), 2 / math.sqrt(2 * mu)
    found = bisect(lambda size: escapes(mu, size, sign * size), 0.01, 40.0) * math.sqrt(2)
    return Measured(found if factors else found / unit, 2e-13, ROUNDING)


def area(mu, factors):
    """Part of a box whose starts stay bounded, times the box."""
    half = 1.1 * np.array([semi_axis(mu, balanced, factors).value for balanced in (True, False)])
    x, y = rng(mu, factors).uniform(-1, 1, (2, CONFIG["n_samples"])) * half[:, None]
    with np.errstate(all="ignore"):
        # turned by 45 degrees, u = v and u = -v become the axes of the box
        p, q = ((x + y) / math.sqrt(2), (x - y) / math.sqrt(2)) if factors else (x, y)
        for _ in range(CONFIG["n_steps"]):
            p, q = (descent.step_uv if factors else descent.step_modes)(mu, p, q)
        bounded = np.abs(p) + np.abs(q) < FAR
    return mean(bounded * 4 * half.prod())


def residual_mean(mu, loss):
    a, b = mixed(mu, loss)
    uv = 1 + (a * a - b * b - mu) / mu
    return mean((uv - 1) ** 2 / 2 if loss else uv)


def density(at):
    """Share of the residuals in a bin of width 0.1 about ``at``, at mu = 1."""
    a, b = mixed(1.0, at)
    r = a * a - b * b - 1
    inside = np.abs(r - at) < 0.05
    found = mean(inside / 0.1)
    # the mean of a convex density over the bin differs by its second derivative times 0.1^2 / 24
    return Measured(found.value, math.hypot(found.error, 3e-4))


def angle_after(angle):
    mu = 1.0
    a, b = descent.step_modes(mu, *point_at(mu, angle))
    turn = math.atan2(b / math.sqrt(2 - mu), a / math.sqrt(2 + mu))
    return Measured(turn % (2 * math.pi), 1e-14, "some ulps, times 3")


def along_ellipse(mu):
    """Growth of a small angle in one step."""
    angle = rng(mu).uniform(0, 2 * math.pi, 1000)
    turned = []
    for shift in (0, 1e-6):
        a, b = descent.step_modes(mu, *point_at(mu, angle + shift))
        turned.append(np.exp(1j * np.arctan2(b / math.sqrt(2 - mu), a / math.sqrt(2 + mu))))
    growth = np.log(np.abs(np.angle(turned[1] / turned[0])) / 1e-6)
    return Measured(float(growth.mean()), 1e-9, "rounding of angles, over 1e-6")


def across_ellipse(mu):
    """Growth of a small distance from the ellipse over 4 steps; at mu = 2, where it is flat, of b twice."""
    if mu == 2:
        r = balanced_residuals()
        return batched(2 * np.log(np.abs(1 + r)))
    a, b = (x * (1 - 1e-9) for x in mixed(mu))
    before = level_of(mu, a, b)
    for _ in range(4):
        a, b = descent.step_modes(mu, a, b)
    return mean(np.log(np.abs(level_of(mu, a, b) / before)) / 4)


def of_ellipse(
    name: str,
    claim: str,
    value: Callable[[invariant_ellipse.Ellipse], float],
    exact: Any,
    measure: Callable[[float], Measured],
) -> ClosedForm:
    """Return a field of `ellipse`; ``exact`` is an expression in mu."""
    return ClosedForm(
        name,
        claim,
        "invariant_ellipse.ellipse",
        "mu",
        ELLIPSES,
        at(exact),
        lambda m: value(invariant_ellipse.ellipse(m)),
        measure,
    )


ENDS = [ellipse.point(angle, mu) for angle in (0, sp.pi / 2)]
ENDS_UV = [sp.sqrt(sum(x**2 for x in modes.from_modes(*end, mu))) for end in ENDS]


FORMS = [
    of_ellipse(
        "semi-axis, a",
        "ellipse.sizes",
        lambda e: e.semi_axes[0],
        ENDS[0][0],
        lambda m: semi_axis(m, balanced=True, factors=False),
    ),
    of_ellipse(
        "semi-axis, b",
        "ellipse.sizes",
        lambda e: e.semi_axes[1],
        ENDS[1][1],
        lambda m: semi_axis(m, balanced=False, factors=False),
    ),
    of_ellipse(
        "semi-axis, u = v",
        "ellipse.sizes",
        lambda e: e.semi_axes_uv[0],
        ENDS_UV[0],
        lambda m: semi_axis(m, balanced=True, factors=True),
    ),
    of_ellipse(
        "semi-axis, u = -v",
        "ellipse.sizes",
        lambda e: e.semi_axes_uv[1],
        ENDS_UV[1],
        lambda m: semi_axis(m, balanced=False, factors=True),
    ),
    of_ellipse(
        "area in (a, b)",
        "ellipse.sizes",
        lambda e: e.area,
        ellipse.AREA,
        lambda m: area(m, factors=False),
    ),
    of_ellipse(
        "area in (u, v)",
        "ellipse.sizes",
        lambda e: e.area_uv,
        ellipse.AREA_UV,
        lambda m: area(m, factors=True),
    ),
    of_ellipse(
        "exponent along the ellipse",
        "ellipse.exponents",
        lambda e: e.lyapunov,
        ellipse.LYAPUNOV,
        along_ellipse,
    ),
    of_ellipse(
        "mean prediction on the ellipse",
        "ellipse.averages",
        lambda e: e.mean_prediction,
        ellipse.MEAN_PREDICTION,
        lambda m: residual_mean(m, loss=False),
    ),
    of_ellipse(
        "mean loss on the ellipse",
        "ellipse.averages",
        lambda e: e.mean_loss,
        ellipse.MEAN_LOSS,
        lambda m: residual_mean(m, loss=True),
    ),
    ClosedForm(
        "exponent across the ellipse",
        "ellipse.transverse",
        "invariant_ellipse.transverse_exponent",
        "mu",
        mus(0.0, 0.3, 1.0, 1.99, 2.0),
        ellipse.transverse_exponent,
        invariant_ellipse.transverse_exponent,
        across_ellipse,
    ),
    ClosedForm(
        "density of the residual",
        "ellipse.density",
        "invariant_ellipse.residual_density",
        "r",
        ((-1.5,), (0.0,), (1.0,)),
        ellipse.density,
        invariant_ellipse.residual_density,
        density,
    ),
    ClosedForm(
        "angle after a step",
        "ellipse.tripling",
        "invariant_ellipse.next_angle",
        "angle",
        ((0.5,), (2.0,), (4.5,)),
        lambda t: sp.Mod(ellipse.next_angle(t), 2 * sp.pi),
        lambda t: np.mod(invariant_ellipse.next_angle(t), 2 * np.pi),
        angle_after,
        largest_term=13.5,
    ),
]
