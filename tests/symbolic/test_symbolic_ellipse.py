"""Claims of chapters 4, 5 and 7: a wrong map, a wrong number or a dropped hypothesis fails."""

import pytest
import sympy as sp
from controls import check_every_claim_has_one, check_fails_by_its_remainder

from lintrans.symbolic import convergence, ellipse, modes, schedules, transverse, variants
from lintrans.symbolic.symbols import mu

FAMILIES = ("ellipse", "transverse", "convergence", "schedules", "variants")


def modes_swapped(a, b, mu):
    r = modes.residual(a, b, mu)
    return (1 + r) * a, (1 - r) * b


def fraction_ignored(a, b, max_mu, kappa):
    return modes.step_modes(a, b, max_mu)


def fraction_reversed(a, b, max_mu, kappa):
    return schedules.step_fraction(a, b, max_mu, -kappa)


CONTROLS = {
    "ellipse.level": lambda: ellipse.level_in_residual_and_size(-mu),
    "ellipse.pair": lambda: ellipse.residual_and_level_are_closed(modes_swapped),
    "ellipse.tripling, other orientation": lambda: ellipse.angle_is_tripled(lambda t: 3 * t - sp.pi / 2),
    "ellipse.tripling, doubling": lambda: ellipse.angle_is_tripled(lambda t: sp.pi - 2 * t),
    "ellipse.density, uniform": lambda: ellipse.arcsine_density_is_invariant(weight=lambda r: r**0 / 4),
    "ellipse.density, residual of another slice": lambda: ellipse.arcsine_density_is_invariant(
        step=lambda r: r**3 - r**2 - r
    ),
    "ellipse.exponents, ln 2": lambda: ellipse.exponents_on_the_ellipse(sp.log(2)),
    "ellipse.averages, loss without the 1/2": lambda: ellipse.averages_on_the_ellipse(2 / mu**2),
    "ellipse.transverse": lambda: ellipse.transverse_exponent_closed_form(
        lambda mu: (1 + sp.sqrt(25 - mu**2)) / 4
    ),
    "ellipse.transverse_limits, twice": lambda: ellipse.limits_of_the_transverse_exponent(
        lambda mu: 2 * ellipse.transverse_exponent(mu)
    ),
    "ellipse.sizes": lambda: ellipse.areas_and_axes(sp.pi * (4 - mu**2)),
    "ellipse.sizes, area of (a, b) in (u, v)": lambda: ellipse.areas_and_axes(area_uv=ellipse.AREA),
    "ellipse.nested, modes fixed and not factors": lambda: ellipse.ellipses_are_nested(
        lambda u, v, mu: (u, v)
    ),
    "ellipse.critical_eta, sign of the label dropped": lambda: ellipse.critical_step_size_of_a_start(
        lambda w, k, h, y_q: ellipse.critical_step_size(w, k, h, sp.Abs(y_q))
    ),
    "ellipse.minima": lambda: ellipse.arcs_of_minima(2),
    "ellipse.minima, arcs exchanged": lambda: ellipse.arcs_of_minima(
        extent=lambda mu: ellipse.minima_extent(mu)[::-1]
    ),
    "transverse.factor": lambda: transverse.jacobian_on_the_slice(lambda z: 1 - z),
    "transverse.fixed_points": lambda: transverse.transverse_multipliers_of_fixed_points(0),
    "transverse.two_cycle": lambda: transverse.two_cycle_in_both_directions(lambda mu: 3 - mu),
    "transverse.two_cycle_averages, unbiased": lambda: transverse.averages_of_the_two_cycle(
        lambda mu: (1, (mu**2 - 1) / (4 * mu**2))
    ),
    "transverse.symmetric_cycles, to mu = 2": lambda: transverse.symmetric_cycles_in_both_directions(
        (2 * sp.sqrt(2) - 1, 2)
    ),
    "transverse.chebyshev, mu not 2": lambda: transverse.transverse_exponent_at_two(1),
    "transverse.chebyshev_neutral, mu not 2": lambda: transverse.imbalance_is_neutral_at_two(1),
    "transverse.chebyshev_averages": lambda: transverse.averages_at_two(sp.Rational(1, 2)),
    "convergence.sufficient, too little room": lambda: convergence.small_residuals_converge(1),
    "convergence.inequality, to mu = 3": lambda: convergence.growth_of_level_exceeds_growth_of_imbalance(3),
    "convergence.lyapunov_function": lambda: convergence.imbalance_over_level_never_rises(modes_swapped),
    "convergence.lyapunov_function, imbalance alone": lambda: convergence.imbalance_over_level_never_rises(
        formula=lambda a, b, mu: sp.Abs(b) ** mu
    ),
    "convergence.negative": lambda: convergence.slice_attracts_every_measure(lambda z: 1 - mu * z + z**2),
    "convergence.inside, attracting vertex": lambda: convergence.inside_orbits_settle_or_balance(
        sp.Rational(1, 3)
    ),
    "convergence.outside": lambda: convergence.outside_orbits_are_lost(speed=-2),
    "schedules.step": lambda: schedules.step_in_the_modes_of_the_bound(fraction_ignored),
    "schedules.identity": lambda: schedules.level_under_a_schedule(fraction_reversed),
    "schedules.certificate, max_mu beyond 2": lambda: schedules.inside_stays_inside(bound=3),
    "schedules.certificate, steps beyond max_mu": lambda: schedules.inside_stays_inside(largest=2),
    "schedules.slice, beyond 2": lambda: schedules.balanced_starts_reach_two(3),
    "schedules.loss": lambda: schedules.loss_is_bounded(1),
    "schedules.sharp, within the bound": lambda: schedules.no_other_step_is_safe(1),
    "schedules.converse": lambda: schedules.nothing_stable_outside(-2),
    "variants.reduction, penalty without the 1/2": lambda: variants.weight_decay_keeps_the_reduction(1),
    "variants.normal_form, lambda as it is": lambda: variants.weight_decay_in_normal_form(1),
    "variants.minima, decay of the wrong sign": lambda: variants.weight_decay_leaves_two_minima(
        lambda a, b, mu, decay: variants.force_modes(a, b, mu, -decay)
    ),
    "variants.heavy_ball, as without momentum": lambda: variants.heavy_ball_is_stable_up_to(lambda beta: 2),
    "schedules.batches, no noise": lambda: schedules.batches_must_share_the_target(sp.Integer(0)),
}


@pytest.mark.parametrize("control", CONTROLS.values(), ids=CONTROLS.keys())
def test_wrong_statement_fails(control):
    check_fails_by_its_remainder(control)


def test_every_claim_has_a_control():
    check_every_claim_has_one(CONTROLS, FAMILIES)


def test_one_step_above_the_bound_leaves_and_never_returns():
    """The counterexample of schedules.sharp in exact fractions: one step of 2, then four of 1."""
    state = sp.Rational(3, 2), sp.Rational(1, 2)
    levels = [modes.ellipse(*state, 1)]
    for kappa in (2, *[1] * 4):
        state = schedules.step_fraction(*state, 1, kappa)
        levels.append(modes.ellipse(*state, 1))
    assert levels[:2] == [0, 2]
    assert levels[1:] == sorted(levels[1:])
    assert levels[-1] > 0
