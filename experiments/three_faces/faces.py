"""The closed forms, each with its three faces: SymPy expression, float function, simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import simulate
import sympy as sp
from simulate import CONFIG, H, Measured

import lintrans as lt
from lintrans.many_modes.map import ManyModes
from lintrans.symbolic import convergence, ellipse, modes, reduction, schedules, transverse
from lintrans.symbolic import landmarks as exact_landmarks
from lintrans.symbolic import many_modes as exact_modes
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.symbols import eta as eta_symbol
from lintrans.symbolic.symbols import h, mu, y_abs
from lintrans.two_factor import balanced_slice, invariant_ellipse, normal_form

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class ClosedForm:
    """One closed form.

    ``exact`` takes the arguments as SymPy rationals, equal to the floats that ``value`` and ``measure`` take.
    ``function`` is the public name behind ``value``. ``largest_term`` is the size of the terms that the
    float face adds up, where they cancel: rounding is counted in ulps of that.
    """

    name: str
    claim: str
    function: str
    symbols: str
    points: tuple[Numbers, ...]
    exact: Callable[..., Any]
    value: Callable[..., Any]
    measure: Callable[..., Measured]
    largest_term: float = 0.0


@dataclass(frozen=True)
class Row:
    """The three faces at one point, and how far the second and the third are from the first."""

    form: ClosedForm
    point: Numbers
    exact: Any
    value: float
    measured: Measured

    @property
    def ulps(self) -> float:
        """Float less SymPy, in ulps of the largest term."""
        unit = np.spacing(max(abs(float(self.exact)), self.form.largest_term) or 1.0)
        return float((sp.Float(self.value, 40) - self.exact) / unit)

    @property
    def deviation(self) -> float:
        """Simulation less SymPy, in standard errors or in tolerances."""
        return (self.measured.value - float(self.exact)) / max(self.measured.error, np.finfo(float).tiny)

    @property
    def float_agrees(self) -> bool:
        return abs(self.ulps) <= CONFIG["ulps"]

    @property
    def simulation_agrees(self) -> bool:
        return abs(self.deviation) <= (CONFIG["standard_errors"] if self.measured.sampled else 1)

    @property
    def passed(self) -> bool:
        return self.float_agrees and self.simulation_agrees


def evaluate(form: ClosedForm, point: Numbers, *, simulated: bool = True) -> Row:
    exact = sp.N(sp.sympify(form.exact(*map(sp.Rational, point))), 40)
    measured = form.measure(*point) if simulated else Measured(math.nan, math.nan)
    return Row(form, point, exact, float(form.value(*point)), measured)


def mus(*values: float) -> tuple[Numbers, ...]:
    return tuple((value,) for value in values)


@cache
def landmark(name: str) -> Any:
    return exact_landmarks.landmarks()[name].mu


@cache
def many(label: float) -> ManyModes:
    prompt = simulate.MANY
    return ManyModes.of(lt.Prompt.from_arrays(prompt.context, prompt.labels, prompt.query, label))


def curvature(i: int) -> Any:
    return sp.Rational(float(many(1.0).curvatures[int(i)]))


def prompt_with(label: float) -> lt.Prompt:
    base = simulate.TWO_FACTORS
    return lt.Prompt.from_arrays(base.context, base.labels, base.query, label)


def at(expression: Any) -> Callable[[Any], Any]:
    """Return an expression in mu as a function."""
    return lambda value: sp.sympify(expression).subs(mu, value)


def on_landmark(name: str, claim: str, measure: Callable[[], Measured]) -> ClosedForm:
    return ClosedForm(
        f"landmark {name}",
        claim,
        "balanced_slice.landmarks",
        "",
        ((),),
        lambda: landmark(name),
        lambda: balanced_slice.landmarks()[name].mu,
        measure,
    )


def pair(function: Callable[..., Any], index: int) -> Callable[..., Any]:
    """Return one entry of what a function returns."""
    return lambda *arguments: function(*arguments)[index]


def two_factor_weights(label: float, w: float, k: float) -> lt.NormalForm:
    key_query = k * simulate.MOMENT / H
    return lt.reduce(prompt_with(label), step_size=1.0, value=w, key_query=key_query)


def critical_step_size(w: float, k: float, label: float) -> float:
    nf = two_factor_weights(label, w, k)
    return float(normal_form.critical_mu(nf.u, nf.v)) * nf.mode.unit_step_size


# A minimum of unrestricted weights for the label 0.7: any state, scaled onto e = 0.
SHAPE = np.array([[1.0, 0.5, -0.8], [0.3, 0.2, 0.6]])
SUMS, DIFFERENCES = SHAPE * math.sqrt(0.7 / many(0.7).contributions(*SHAPE).sum())
INTERIOR = ((1.2, 0.9, 0.4), (0.5, 1.1, -0.3), (1.8, 0.3, 0.2))
STARTS = ((2.0, 2.0), (1.4, -0.6), (3.0, 0.1))
CYCLES = mus(1.1, 1.2, 1.5)
ELLIPSES = mus(0.3, 1.0, 1.9)

AT_A_STATE = [
    ClosedForm(
        "residual r",
        "modes.step",
        "normal_form.residual",
        "mu, a, b",
        INTERIOR,
        lambda m, a, b: modes.residual(a, b, m),
        normal_form.residual,
        simulate.residual,
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
        simulate.level,
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
        simulate.imbalance_bound,
    ),
    ClosedForm(
        "multiplier of a minimum",
        "modes.multipliers",
        "normal_form.minimum_multiplier",
        "a, b",
        ((0.75, 0.25), (1.0, 0.5), (0.5, 0.0)),
        modes.minimum_multiplier,
        normal_form.minimum_multiplier,
        simulate.across_minima,
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
        simulate.along,
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
        simulate.vertex,
    ),
]

THRESHOLDS = [
    ClosedForm(
        "critical mu of a start",
        "modes.critical_mu",
        "normal_form.critical_mu",
        "u, v",
        STARTS,
        modes.critical_mu,
        normal_form.critical_mu,
        simulate.critical_mu,
    ),
    ClosedForm(
        "critical eta of raw weights",
        "ellipse.critical_eta",
        "normal_form.critical_mu",
        "w, k, y_q",
        ((0.25, 0.125, -1.25), (0.375, 0.25, 1.25)),
        lambda w, k, label: ellipse.critical_step_size(w, k, sp.Integer(65), label),
        critical_step_size,
        simulate.critical_step_size,
    ),
    ClosedForm(
        "bound that certifies any schedule",
        "schedules.certificate",
        "normal_form.is_certified",
        "u, v",
        STARTS,
        modes.critical_mu,
        lambda u, v: simulate.bisect(lambda bound: not normal_form.is_certified(u, v, bound), 0.0, 3.0, 60),
        simulate.certified,
    ),
    ClosedForm(
        "largest certified loss",
        "schedules.loss",
        "normal_form.certified_loss",
        "mu",
        mus(0.4, 1.0, 1.9),
        schedules.largest_loss,
        normal_form.certified_loss,
        simulate.largest_loss,
    ),
    ClosedForm(
        "|ln(u/v)| of the last stable minimum",
        "ellipse.minima",
        "invariant_ellipse.minima_extent",
        "mu",
        mus(0.1, 0.6, 0.95),
        pair(ellipse.minima_extent, 0),
        pair(invariant_ellipse.minima_extent, 0),
        lambda m: simulate.extent(m, stable=True),
    ),
    ClosedForm(
        "|ln(u/v)| of the last minimum inside",
        "ellipse.minima",
        "invariant_ellipse.minima_extent",
        "mu",
        mus(0.1, 0.6, 1.3),
        pair(ellipse.minima_extent, 1),
        pair(invariant_ellipse.minima_extent, 1),
        lambda m: simulate.extent(m, stable=False),
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
        simulate.growth_at_the_saddle,
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
        lambda label: lt.critical_step_sizes(prompt_with(label))["stable"],
        simulate.minimum_repels_in_eta,
    ),
    on_landmark("monotone", "slice.monotone", simulate.loss_rises),
    on_landmark("stable", "slice.stability", simulate.minimum_repels),
    on_landmark("period_4", "slice.doubling", simulate.two_cycle_doubles),
    on_landmark("band_merging", "landmarks.band_merging", simulate.bands_touch),
    on_landmark("period_3", "landmarks.period_3", simulate.three_cycle_is_found),
    on_landmark("crisis", "slice.crisis", simulate.weights_change_sign),
    on_landmark("chebyshev", "slice.bounded", simulate.balanced_starts_escape),
]

CYCLES_OF_THE_SLICE = [
    ClosedForm(
        "2-cycle, lower residual",
        "slice.two_cycle",
        "normal_form.two_cycle",
        "mu",
        CYCLES,
        pair(balanced.two_cycle, 0),
        pair(normal_form.two_cycle, 0),
        lambda m: simulate.two_cycle(m, high=False),
    ),
    ClosedForm(
        "2-cycle, upper residual",
        "slice.two_cycle",
        "normal_form.two_cycle",
        "mu",
        CYCLES,
        pair(balanced.two_cycle, 1),
        pair(normal_form.two_cycle, 1),
        lambda m: simulate.two_cycle(m, high=True),
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
        lambda m: simulate.two_cycle_multiplier(m, across=False),
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
        lambda m: simulate.two_cycle_multiplier(m, across=True),
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
        lambda m: simulate.two_cycle_average(m, loss=False),
    ),
    ClosedForm(
        "2-cycle, mean loss",
        "transverse.two_cycle_averages",
        "normal_form.two_cycle_averages",
        "mu",
        CYCLES,
        pair(transverse.two_cycle_averages, 1),
        pair(normal_form.two_cycle_averages, 1),
        lambda m: simulate.two_cycle_average(m, loss=True),
    ),
    ClosedForm(
        "symmetric cycle, multiplier along",
        "transverse.symmetric_cycles",
        "normal_form.symmetric_cycle_multipliers",
        "mu",
        mus(1.84, 1.9, 2.0),
        pair(transverse.symmetric_multipliers, 0),
        pair(normal_form.symmetric_cycle_multipliers, 0),
        lambda m: simulate.symmetric_multiplier(m, across=False),
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
        lambda m: simulate.symmetric_multiplier(m, across=True),
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
        simulate.exponent_at_two,
    ),
    ClosedForm(
        "mean prediction at mu = 2",
        "transverse.chebyshev_averages",
        "invariant_ellipse.ellipse",
        "",
        ((),),
        lambda: ellipse.MEAN_PREDICTION,
        lambda: invariant_ellipse.ellipse(np.nextafter(2.0, 0)).mean_prediction,
        lambda: simulate.average_at_two(loss=False),
    ),
    ClosedForm(
        "mean loss at mu = 2",
        "transverse.chebyshev_averages",
        "invariant_ellipse.ellipse",
        "",
        ((),),
        lambda: transverse.LOSS_AT_TWO,
        lambda: invariant_ellipse.ellipse(np.nextafter(2.0, 0)).mean_loss,
        lambda: simulate.average_at_two(loss=True),
    ),
]


def of_ellipse(
    name: str,
    claim: str,
    value: Callable[[lt.Ellipse], float],
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
ON_THE_ELLIPSE = [
    of_ellipse(
        "semi-axis, a",
        "ellipse.sizes",
        lambda e: e.semi_axes[0],
        ENDS[0][0],
        lambda m: simulate.semi_axis(m, balanced=True, factors=False),
    ),
    of_ellipse(
        "semi-axis, b",
        "ellipse.sizes",
        lambda e: e.semi_axes[1],
        ENDS[1][1],
        lambda m: simulate.semi_axis(m, balanced=False, factors=False),
    ),
    of_ellipse(
        "semi-axis, u = v",
        "ellipse.sizes",
        lambda e: e.semi_axes_uv[0],
        ENDS_UV[0],
        lambda m: simulate.semi_axis(m, balanced=True, factors=True),
    ),
    of_ellipse(
        "semi-axis, u = -v",
        "ellipse.sizes",
        lambda e: e.semi_axes_uv[1],
        ENDS_UV[1],
        lambda m: simulate.semi_axis(m, balanced=False, factors=True),
    ),
    of_ellipse(
        "area in (a, b)",
        "ellipse.sizes",
        lambda e: e.area,
        ellipse.AREA,
        lambda m: simulate.area(m, factors=False),
    ),
    of_ellipse(
        "area in (u, v)",
        "ellipse.sizes",
        lambda e: e.area_uv,
        ellipse.AREA_UV,
        lambda m: simulate.area(m, factors=True),
    ),
    of_ellipse(
        "exponent along the ellipse",
        "ellipse.exponents",
        lambda e: e.lyapunov,
        ellipse.LYAPUNOV,
        simulate.along_ellipse,
    ),
    of_ellipse(
        "mean prediction on the ellipse",
        "ellipse.averages",
        lambda e: e.mean_prediction,
        ellipse.MEAN_PREDICTION,
        lambda m: simulate.residual_mean(m, loss=False),
    ),
    of_ellipse(
        "mean loss on the ellipse",
        "ellipse.averages",
        lambda e: e.mean_loss,
        ellipse.MEAN_LOSS,
        lambda m: simulate.residual_mean(m, loss=True),
    ),
    ClosedForm(
        "exponent across the ellipse",
        "ellipse.transverse",
        "invariant_ellipse.transverse_exponent",
        "mu",
        mus(0.0, 0.3, 1.0, 1.99, 2.0),
        ellipse.transverse_exponent,
        invariant_ellipse.transverse_exponent,
        simulate.across_ellipse,
    ),
    ClosedForm(
        "density of the residual",
        "ellipse.density",
        "invariant_ellipse.residual_density",
        "r",
        ((-1.5,), (0.0,), (1.0,)),
        ellipse.density,
        invariant_ellipse.residual_density,
        simulate.density,
    ),
    ClosedForm(
        "angle after a step",
        "ellipse.tripling",
        "invariant_ellipse.next_angle",
        "angle",
        ((0.5,), (2.0,), (4.5,)),
        lambda t: sp.Mod(ellipse.next_angle(t), 2 * sp.pi),
        lambda t: np.mod(invariant_ellipse.next_angle(t), 2 * np.pi),
        simulate.angle_after,
        largest_term=13.5,
    ),
]

UNRESTRICTED_WEIGHTS = [
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
        lambda eta, i, label: simulate.mode_growth(eta, int(i), label),
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
        lambda label: simulate.sharpness(SUMS, DIFFERENCES, label),
    ),
    ClosedForm(
        "size of the flattest minimum",
        "many_modes.flattest",
        "many_modes.ManyModes.flattest_minimum",
        "y_q",
        ((0.7,), (-0.7,)),
        lambda label: exact_modes.flattest_minimum(curvature(-1), abs(label)),
        lambda label: np.abs(many(label).flattest_minimum()).max(),
        simulate.flattest_size,
    ),
    ClosedForm(
        "smallest sharpness",
        "many_modes.flattest",
        "many_modes.ManyModes.smallest_sharpness",
        "y_q",
        ((0.7,), (-0.7,)),
        lambda label: exact_modes.smallest_sharpness(curvature(-1), abs(label)),
        lambda label: many(label).smallest_sharpness,
        simulate.smallest_sharpness,
    ),
    ClosedForm(
        "largest stable step size",
        "many_modes.largest_step",
        "many_modes.ManyModes.largest_stable_step_size",
        "y_q",
        ((0.7,), (-0.7,)),
        lambda label: exact_modes.largest_stable_step(curvature(-1), abs(label)),
        lambda label: many(label).largest_stable_step_size,
        simulate.largest_stable_step,
    ),
    ClosedForm(
        "cap on the mean curvature, over m_1",
        "many_modes.cap",
        "many_modes.ManyModes.mus",
        "eta, y_q",
        ((1.0, 0.7), (3.0, 0.7)),
        lambda eta, label: exact_modes.spectrum_cap(eta, label) / curvature(0),
        lambda eta, label: 1 / many(label).mus(eta)[0],
        simulate.steepest_stable_spectrum,
    ),
]

FORMS = [*AT_A_STATE, *THRESHOLDS, *CYCLES_OF_THE_SLICE, *ON_THE_ELLIPSE, *UNRESTRICTED_WEIGHTS]
