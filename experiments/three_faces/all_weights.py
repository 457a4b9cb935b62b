"""Closed forms of unrestricted weights: many modes trained at once."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

import lintrans as lt
from experiments.three_faces import descent
from experiments.three_faces.closed_form import CONFIG, ClosedForm, Measured
from experiments.three_faces.descent import MANY, NEARLY, OFF, bisect, grows_away, rng, with_label
from lintrans.attention import FullWeights
from lintrans.many_modes import ManyModes
from lintrans.symbolic import many_modes as exact_modes
from lintrans.symbolic import reduction
from lintrans.symbolic.symbols import eta as eta_symbol
from lintrans.symbolic.symbols import h, y_abs


@cache
def many(label: float) -> ManyModes:
    prompt = MANY
    return ManyModes.of(lt.Prompt.from_arrays(prompt.context, prompt.labels, prompt.query, label))


def curvature(i: int) -> Any:
    return sp.Rational(float(many(1.0).curvatures[int(i)]))


# A minimum of unrestricted weights for the label 0.7: any state, scaled onto e = 0.
SHAPE = np.array([[1.0, 0.5, -0.8], [0.3, 0.2, 0.6]])
SUMS, DIFFERENCES = SHAPE * math.sqrt(0.7 / many(0.7).contributions(*SHAPE).sum())


def mode_growth(eta, i, label):
    """Of tiny unrestricted weights in mode i in one step, less 1."""
    many = ManyModes.of(with_label(MANY, label))
    s, d = np.zeros((2, many.n_modes))
    (s if label > 0 else d)[i] = 1e-9
    run = descent.descend(with_label(MANY, label), _full(many, s, d), eta, 1)
    sums, differences = many.project(run.P, run.K)
    size = (sums if label > 0 else differences)[:, i]
    return Measured(float(size[1] / size[0] - 1), 1e-14, "rounding of sums over 4 tokens")


def sharpness(s, d, label):
    """2/eta for the learning rate eta above which training leaves the minimum (s, d) of all weights."""
    limit = _stability_limit(np.array(s), np.array(d), label)
    return Measured(2 / limit, 1e-7 * 2 / limit, NEARLY)


def smallest_sharpness(label):
    return sharpness(*_flattest(label), label)


def largest_stable_step(label):
    limit = _stability_limit(*_flattest(label), label)
    return Measured(limit, 1e-7 * limit, NEARLY)


def flattest_size(label):
    """Norm of the minimum that descent on the sharpness finds among all."""
    return Measured(float(np.linalg.norm(_flattest(label))), 1e-14, "descent until nothing moves, some ulps")


def steepest_stable_spectrum(eta, label):
    """Largest mean curvature, over m_1, of the balanced minima in the outer two modes that training keeps."""
    many = ManyModes.of(with_label(MANY, label))
    first, last = many.curvatures[[0, -1]]

    def state(share):
        s, d = np.zeros((2, many.n_modes))
        s[[0, -1]] = 2 * np.sqrt(label * np.array([share / first, (1 - share) / last]))
        return s, d

    def lost(share):
        return _leaves(many, *state(share), eta, label)

    share = bisect(lost, 0.0, 1.0)
    return Measured(share + (1 - share) * last / first, 1e-7, NEARLY)


def _full(many, s, d):
    zero = np.zeros((many.directions.shape[0],) * 2)
    return FullWeights(*many.weights(s, d, zero, zero))


def _leaves(many, s, d, eta, label):
    weights = _full(many, s * (1 + OFF), d * (1 + OFF))
    run = descent.descend(with_label(MANY, label), weights, eta, CONFIG["n_steps"])
    return grows_away(run.predictions - label)


def _stability_limit(s, d, label):
    many = ManyModes.of(with_label(MANY, label))
    return bisect(lambda eta: _leaves(many, s, d, eta, label), 1e-3, 10.0)


def _flattest(label):
    """Flattest minimum: descent on sum_i m_i^2 (s_i^2 + d_i^2)/2 within e = 0, from a random start."""
    m = ManyModes.of(MANY).curvatures
    signs = math.copysign(1.0, label) * np.concatenate([m, -m]) / 4
    weights, x = np.concatenate([m, m]) ** 2, rng(label).normal(size=2 * m.size)
    x = np.abs(x) * np.where(signs > 0, 3.0, 1.0)  # some minimum: the prediction has the sign of the label
    for _ in range(5_000):
        normal, slope = signs * x, weights * x
        x = x - (slope - (slope @ normal) / (normal @ normal) * normal) / weights.max() / 4
        x = x * math.sqrt(abs(label) / (x @ (signs * x)))
    return x[: m.size], x[m.size :]


FORMS = [
    ClosedForm(
        "effective step size of a mode",
        "many_modes.saddle",
        "many_modes.ManyModes.mus",
        "eta, mode, y_q",
        ((0.5, 0, 0.7), (0.5, 2, -0.7)),
        lambda eta, i, label: reduction.effective_step_size().rhs.subs(
            {eta_symbol: eta, h: curvature(i), y_abs: abs(label)}
        ),
        lambda eta, i, label: many(label).mus(eta)[int(i)],
        lambda eta, i, label: mode_growth(eta, int(i), label),
    ),
    ClosedForm(
        "sharpness of a minimum",
        "many_modes.sharpness",
        "many_modes.ManyModes.sharpness",
        "y_q",
        ((0.7,),),
        lambda _: exact_modes.sharpness(
            *(list(map(sp.Rational, x)) for x in (SUMS, DIFFERENCES)), [curvature(i) for i in range(3)]
        ),
        lambda label: many(label).sharpness(SUMS, DIFFERENCES),
        lambda label: sharpness(SUMS, DIFFERENCES, label),
    ),
    ClosedForm(
        "size of the flattest minimum",
        "many_modes.flattest",
        "many_modes.ManyModes.flattest_minimum",
        "y_q",
        ((0.7,), (-0.7,)),
        lambda label: exact_modes.flattest_minimum(curvature(-1), abs(label)),
        lambda label: np.abs(many(label).flattest_minimum()).max(),
        flattest_size,
    ),
    ClosedForm(
        "smallest sharpness",
        "many_modes.flattest",
        "many_modes.ManyModes.smallest_sharpness",
        "y_q",
        ((0.7,), (-0.7,)),
        lambda label: exact_modes.smallest_sharpness(curvature(-1), abs(label)),
        lambda label: many(label).smallest_sharpness,
        smallest_sharpness,
    ),
    ClosedForm(
        "largest stable step size",
        "many_modes.largest_step",
        "many_modes.ManyModes.largest_stable_step_size",
        "y_q",
        ((0.7,), (-0.7,)),
        lambda label: exact_modes.largest_stable_step(curvature(-1), abs(label)),
        lambda label: many(label).largest_stable_step_size,
        largest_stable_step,
    ),
    ClosedForm(
        "cap on the mean curvature, over m_1",
        "many_modes.cap",
        "many_modes.ManyModes.mus",
        "eta, y_q",
        ((1.0, 0.7), (3.0, 0.7)),
        lambda eta, label: exact_modes.spectrum_cap(eta, label) / curvature(0),
        lambda eta, label: 1 / many(label).mus(eta)[0],
        steepest_stable_spectrum,
    ),
]
