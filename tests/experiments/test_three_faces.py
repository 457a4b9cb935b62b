"""Closed forms: SymPy expression, float function and simulation agree, and a wrong one of them is seen."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from functools import cache
from inspect import getmembers, isfunction

import numpy as np
import pytest
import sympy as sp

from experiments import entry
from experiments.three_faces import all_weights, descent, ellipse, run
from experiments.three_faces.closed_form import evaluate, mus
from lintrans.symbolic import ellipse as exact_ellipse
from lintrans.symbolic import modes, transverse
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.claims import claims
from lintrans.two_factor import invariant_ellipse, normal_form
from lintrans.two_factor.balanced_slice import landmarks

FORMS = {form.name: form for form in run.FORMS}
CASES = {f"{form.name} {point}": (form, point) for form in run.FORMS for point in form.points}
NOT_CLOSED_FORMS = {
    "normal_form.to_modes": "coordinates",
    "normal_form.from_modes": "coordinates",
    "normal_form.converges": "a condition, and only sufficient: test_regimes.py",
    "invariant_ellipse.ellipse_point": "coordinates; one step from there is the angle after a step",
}


@cache
def row(name):
    return evaluate(*CASES[name])


@pytest.mark.parametrize("name", list(CASES))
def test_three_faces_agree(name):
    assert row(name).passed, run.cells(row(name))


# where a simulation would be slow or tell nothing new
MORE_POINTS = {
    "semi-axis": mus(0.01, 0.7, 1.5, 1.99),
    "area": mus(0.01, 0.7, 1.5, 1.99),
    "mean loss on": mus(0.01, 0.7, 1.5, 1.99),
    "exponent across": mus(0.01, 0.7, 1.5, 1.9, 1.9999),
    "density": ((-1.99,), (0.3,), (1.9,)),
    "2-cycle": mus(1.01, 1.3, 1.99, 2.5),
    "symmetric cycle": mus(1.85, 1.95, 2.5, 2.89),
    "start whose": mus(0.01, 1.0, 3.0),
    "|ln(u/v)| of the last stable": mus(1e-9, 0.3, 0.999999),
    "|ln(u/v)| of the last minimum inside": mus(1e-9, 0.9, 1.999999),
}
MORE = {
    f"{form.name} {point}": (form, point)
    for prefix, points in MORE_POINTS.items()
    for form in run.FORMS
    if form.name.startswith(prefix)
    for point in points
}


@pytest.mark.parametrize("name", list(MORE))
def test_float_is_the_expression_at_more_points(name):
    found = evaluate(*MORE[name], simulated=False)
    assert found.float_agrees, found.ulps


def test_names_are_unique_and_claims_exist():
    assert len(FORMS) == len(run.FORMS)
    assert {form.claim for form in run.FORMS} <= {claim.id for claim in claims()}


@pytest.mark.parametrize("room", [normal_form, invariant_ellipse])
def test_every_closed_form_is_in_the_table(room):
    prefix = room.__name__.rpartition(".")[2]
    public = {
        f"{prefix}.{name}"
        for name, function in getmembers(room, isfunction)
        if function.__module__ == room.__name__ and not name.startswith("_")
    }
    listed = {form.function for form in run.FORMS}
    assert public - listed == {name for name in NOT_CLOSED_FORMS if name.startswith(prefix + ".")}


def test_every_landmark_with_a_closed_form_is_in_the_table():
    listed = {name.removeprefix("landmark ") for name in FORMS if name.startswith("landmark ")}
    assert listed == {name for name, mark in landmarks().items() if mark.exact}


OF_THE_ELLIPSE = {f.name for f in fields(invariant_ellipse.Ellipse)}


@pytest.mark.parametrize("name", sorted(OF_THE_ELLIPSE - {"mu", "transverse"}))  # that is transverse_exponent
def test_every_field_of_the_ellipse_is_in_the_table(name, monkeypatch):
    whole = invariant_ellipse.ellipse

    def without(mu):
        pair = isinstance(getattr(whole(mu), name), tuple)
        return replace(whole(mu), **{name: (math.nan, math.nan) if pair else math.nan})

    monkeypatch.setattr(invariant_ellipse, "ellipse", without)
    values = [form.value(*form.points[0]) for form in ellipse.FORMS]
    assert np.isnan(values).sum() == (2 if name.startswith("semi_axes") else 1)


# A planted fault: which of the two comparisons fail tells which face is wrong.

WRONG_FLOATS = {
    "residual r": lambda mu, a, b: a * a + b * b - mu,
    "critical mu of a start": lambda u, v: (
        8 / (u * u + v * v + math.sqrt((u * u + v * v) ** 2 + 16 * (1 + u * v)))
    ),
    "multiplier of a minimum": lambda a, b: 1 + 2 * (a * a + b * b),
    "2-cycle, multiplier along": lambda mu: 9 - 2 * (1 - mu) ** 2,
    "symmetric cycle, multiplier across": lambda mu: 3 - ((1 + mu) + math.sqrt((1 + mu) ** 2 - 8)),
    "exponent across the ellipse": lambda mu: math.acosh((1 + math.sqrt(25 + 4 * mu * mu)) / 4),
    "area in (u, v)": lambda mu: 2 * math.pi * math.sqrt(4 + mu * mu) / mu,
    "largest stable step size": lambda label: -1 / all_weights.many(label).curvatures[-1] / abs(label),
}
WRONG_EXPRESSIONS = {
    "level Q of the ellipse": lambda mu, a, b: modes.ellipse(a, b, -mu),
    "critical eta of raw weights": lambda w, k, y: exact_ellipse.critical_step_size(w, k, 65, -y),
    "2-cycle, mean loss": lambda mu: transverse.two_cycle_averages(mu)[1] * 2,
    "mean loss on the ellipse": lambda mu: 2 / mu**2,
    "density of the residual": lambda r: 1 / (sp.pi * (4 - r**2)),
    "landmark crisis": lambda: balanced.CRISIS + sp.Rational(1, 10**6),
    "largest certified loss": lambda mu: 1 / mu**2,
    "sharpness of a minimum": lambda _: sum(x**2 for x in all_weights.SUMS + all_weights.DIFFERENCES),
}


@pytest.mark.parametrize("name", list(WRONG_FLOATS))
def test_a_wrong_float_function_fails(name):
    for point in FORMS[name].points:
        if point != (0.0,):  # a sign of mu is lost at mu = 0
            wrong = replace(row(f"{name} {point}"), value=WRONG_FLOATS[name](*point))
            assert (wrong.float_agrees, wrong.simulation_agrees) == (False, True)


@pytest.mark.parametrize("name", list(WRONG_EXPRESSIONS))
def test_a_wrong_expression_fails_against_both_others(name):
    for point in FORMS[name].points:
        exact = sp.N(WRONG_EXPRESSIONS[name](*map(sp.Rational, point)), 40)
        wrong = replace(row(f"{name} {point}"), exact=exact)
        assert (wrong.float_agrees, wrong.simulation_agrees) == (False, False)


def without_the_half():
    """Gradient descent and map for the loss (prediction - y_q)^2: every step is twice as long."""

    def step_uv(mu, u, v):
        push = 2 * mu * (u * v - 1)
        return u - push * v, v - push * u

    def step_modes(mu, a, b):
        r = 2 * (a * a - b * b - mu)
        return (1 - r) * a, (1 + r) * b

    def doubled(train):
        return lambda prompt, weights, eta, n_steps: train(prompt, weights, 2 * eta, n_steps)

    trainers = {name: doubled(getattr(descent, name)) for name in ("descend", "tangent_growth")}
    return {"step_uv": step_uv, "step_modes": step_modes, **trainers}


NO_STEP_IS_TAKEN = "size of the flattest minimum"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the wrong map overflows
@pytest.mark.parametrize("name", [name for name in FORMS if name != NO_STEP_IS_TAKEN])
def test_a_wrong_map_fails(name, monkeypatch):
    for attribute, wrong in without_the_half().items():
        monkeypatch.setattr(descent, attribute, wrong)
    form = FORMS[name]
    found = evaluate(form, form.points[0])
    assert (found.float_agrees, found.simulation_agrees) == (True, False)


def test_the_command_exits_with_1_if_a_row_fails(capsys, monkeypatch):
    good = FORMS["multiplier of a minimum"]
    bad = replace(good, value=WRONG_FLOATS["multiplier of a minimum"])
    for forms, code in (([good], 0), ([good, bad], 1)):
        monkeypatch.setattr(run, "FORMS", forms)
        assert entry.main(["three_faces", "--quick"]) == code
        out = capsys.readouterr().out
        assert out.splitlines()[-1] == f"{2 - code} of 2 checks hold"
        assert out.count("FAIL") == 4 * code  # three rows and a check
