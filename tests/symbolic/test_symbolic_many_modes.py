"""Claims on unrestricted weights: a wrong map, a wrong number or a dropped hypothesis fails."""

import pytest
import sympy as sp
from controls import check_every_claim_has_one, check_fails_by_its_remainder

from lintrans.symbolic import many_modes
from lintrans.symbolic.many_modes import step, step_literal


def ascending(s, d, m, y_q, eta):
    return step(s, d, m, y_q, -eta)


def label_ignored(s, d, m, y_q, eta):
    return step(s, d, m, 0, eta)


def residuals_of_their_own(s, d, m, y_q, eta):
    pairs = [step([x], [y], [z], y_q, eta) for x, y, z in zip(s, d, m, strict=True)]
    return [new_s for (new_s,), _ in pairs], [new_d for _, (new_d,) in pairs]


def sides_exchanged(p, k, gram, length, eta):
    return step_literal(k, p, gram, length, eta)


def not_squared(s, d, m):
    return many_modes.sharpness(s, d, [sp.sqrt(x) for x in m])


CONTROLS = {
    "many_modes.attention": lambda: many_modes.attention_moves_two_vectors(sides_exchanged),
    "many_modes.eigenbasis": lambda: many_modes.eigenbasis_decouples(residuals_of_their_own),
    "many_modes.step, ascent": lambda: many_modes.gradient_in_modes(ascending),
    "many_modes.step, a residual per mode": lambda: many_modes.gradient_in_modes(residuals_of_their_own),
    "many_modes.imbalance": lambda: many_modes.imbalance_of_every_mode(label_ignored),
    "many_modes.gradient_flow": lambda: many_modes.invariants_of_gradient_flow(lambda m: 1),
    "many_modes.one_mode, ascent": lambda: many_modes.one_mode_is_the_normal_form(ascending),
    "many_modes.one_mode, negative label not swapped": lambda: many_modes.one_mode_is_the_normal_form(
        swapped=False
    ),
    "many_modes.equal_curvatures, different ones": lambda: many_modes.equal_curvatures_act_as_one(
        many_modes.curvatures[0]
    ),
    "many_modes.saddle": lambda: many_modes.growth_at_the_saddle(-1),
    "many_modes.sharpness": lambda: many_modes.sharpness_of_a_minimum(not_squared),
    "many_modes.flattest, strongest mode": lambda: many_modes.flattest_minimum_is_in_the_weakest_mode(0),
    "many_modes.largest_step": lambda: many_modes.largest_stable_step_size(sp.Integer(4)),
    "many_modes.cap": lambda: many_modes.stable_minima_have_a_flat_spectrum(4),
    "many_modes.drift, gradient flow": lambda: many_modes.large_steps_favour_weak_modes(lambda m, x: -m * x),
    "many_modes.one_survives, no power": lambda: many_modes.only_the_weakest_mode_can_oscillate(lambda c: 1),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, ["many_modes"])
