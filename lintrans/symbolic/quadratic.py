"""Quadratic regression on orthogonal inputs: the two-factor map again, one per sample (theory/08).

    g(W; x) = sum_j [ (gamma_j/2)(w_j . x)^2 + slope w_j . x ],   loss = (1/2n) sum_i (g(W; x_i) - y_i)^2

The inputs are orthogonal identically in their symbols, by cross products. Units enter through sums only:
identities are computed with two, and a third would add a term of the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.slice import cubic, residual_step, two_cycle
from lintrans.symbolic.symbols import eta, mu, theta, z

N_UNITS = 2
HALF = sp.Rational(1, 2)

gamma = sp.Symbol("gamma", positive=True)
slope = sp.Symbol("slope", real=True)
length = sp.Symbol("l2", positive=True)  # |x_i|^2
n_samples = sp.Symbol("n", positive=True)
y = sp.Symbol("y", real=True)
p = sp.symbols(f"p1:{N_UNITS + 1}", real=True)
MODE_SCALE = sp.sqrt(eta * gamma**2 * length / (2 * n_samples))

Inputs = Sequence[Any]
PlaneMap = Callable[[Any, Any, Any], tuple[Any, Any]]


@dataclass(frozen=True)
class Problem:
    """Symbolic weights, inputs, labels and coefficients of a small instance."""

    weights: Any
    inputs: Inputs
    labels: Sequence[Any]
    gammas: Sequence[Any]


def literal_problem(inputs: Inputs, n_units: int) -> Problem:
    """Return the instance on the given column vectors with ``n_units`` units."""
    d, n = inputs[0].rows, len(inputs)
    weights = sp.Matrix(n_units, d, lambda j, i: sp.Symbol(f"w{j}_{i}", real=True))
    gammas = sp.symbols(f"gamma1:{n_units + 1}", nonzero=True)
    return Problem(weights, inputs, sp.symbols(f"y1:{n + 1}", real=True), gammas)


def orthogonal_inputs() -> tuple[Inputs, ...]:
    """Return two inputs in the plane, and two in space that leave one direction free."""
    first = sp.Matrix(sp.symbols("x1:3", real=True))
    plane = [first, sp.Symbol("q", real=True) * sp.Matrix([-first[1], first[0]])]
    space = sp.Matrix(sp.symbols("x1:4", real=True))
    return plane, [space, space.cross(sp.Matrix(sp.symbols("q1:4", real=True)))]


def prediction(problem: Problem, x: Any) -> Any:
    """Return g(W; x) = sum_j [ (gamma_j/2)(w_j . x)^2 + slope w_j . x ]."""
    projections = problem.weights * x
    return sum(g / 2 * t**2 + slope * t for g, t in zip(problem.gammas, projections, strict=True))


def gradient_step(problem: Problem, factor: Any = HALF) -> Any:
    """Return the weights after one step on (factor/n) sum_i (g - y_i)^2, differentiated entry by entry."""
    errors = [prediction(problem, x) - t for x, t in zip(problem.inputs, problem.labels, strict=True)]
    loss = factor / len(errors) * sum(e**2 for e in errors)
    return problem.weights.applyfunc(lambda w: w - eta * sp.diff(loss, w))


def step_projections(p: Sequence[Any], gammas: Sequence[Any], error: Any) -> list[Any]:
    """One step of the shifted projections of a sample: p_j' = (1 - eta |x|^2 gamma_j e/n) p_j."""
    return [(1 - eta * length * g * error / n_samples) * t for g, t in zip(gammas, p, strict=True)]


def error_of(p: Sequence[Any], gammas: Sequence[Any], target: Any) -> Any:
    """Return e = sum_j (gamma_j/2) p_j^2 - target."""
    return sum(g / 2 * t**2 for g, t in zip(gammas, p, strict=True)) - target


def target(label: Any, gammas: Sequence[Any]) -> Any:
    """Return y + slope^2 sum_j 1/(2 gamma_j), the label once the square is completed."""
    return label + slope**2 * sum(1 / (2 * g) for g in gammas)


def effective_step_size(target: Any) -> Any:
    """Return mu = eta gamma |x|^2 target/n.

    Examples
    --------
    >>> effective_step_size(y)
    eta*gamma*l2*y/n
    """
    return eta * gamma * length * target / n_samples


def residual_of(error: Any) -> Any:
    """Return r = eta gamma |x|^2 e/n."""
    return eta * gamma * length * error / n_samples


def two_cycle_average(mu: Any) -> tuple[Any, Any]:
    """Return mean residual and mean squared residual of the balanced 2-cycle: (1 - mu)/2, (mu^2 - 1)/2.

    Examples
    --------
    >>> two_cycle_average(1)
    (0, 0)
    """
    return (1 - sp.sympify(mu)) / 2, (sp.sympify(mu) ** 2 - 1) / 2


@claim("quadratic.decoupled", "x_i . x_k = 0 for i != k; gamma_j != 0 of either sign")
def projections_decouple(inputs: tuple[Inputs, ...] | None = None, factor: Any = HALF) -> Any:
    """One step multiplies p_ij = w_j . x_i + slope/gamma_j by 1 - eta |x_i|^2 gamma_j e_i/n, e_i the error.

    No other sample enters, and what is orthogonal to all inputs never moves. The error in the shifted
    projections is e_i = sum_j (gamma_j/2) p_ij^2 - t_i with t_i = y_i + slope^2 sum_j 1/(2 gamma_j).
    """
    remainders = []
    for xs, n_units in zip(inputs or orthogonal_inputs(), (N_UNITS, 1), strict=True):
        problem = literal_problem(xs, n_units)
        new = gradient_step(problem, factor)
        offsets = [slope / g for g in problem.gammas]
        for x, label in zip(xs, problem.labels, strict=True):
            old, found = (list(W * x + sp.Matrix(offsets)) for W in (problem.weights, new))
            error = prediction(problem, x) - label
            expected = step_projections(old, problem.gammas, error)
            sizes = {length: x.dot(x), n_samples: len(xs)}
            remainders += [f - e.subs(sizes) for f, e in zip(found, expected, strict=True)]
            remainders.append(error - error_of(old, problem.gammas, target(label, problem.gammas)))
        if len(xs) < xs[0].rows:
            remainders += list((new - problem.weights) * xs[0].cross(xs[1]))
    return vanishes(*remainders)


@claim("quadratic.residual", "gamma_j = gamma > 0")
def residual_obeys_the_cubic(step: Callable[[Any, Any], Any] = residual_step) -> Any:
    """With equal gammas r = eta gamma |x|^2 e/n obeys r' = r^3 + (mu - 2) r^2 + (1 - 2 mu) r.

    Here mu = eta gamma |x|^2 t/n: the residual map of the balanced slice, claim slice.residual. With one unit
    a = sqrt(eta gamma^2 |x|^2/2n) p obeys a' = (1 + mu) a - a^3 itself.
    """
    gammas, goal = (gamma,) * N_UNITS, target(y, (gamma,) * N_UNITS)
    error = error_of(p, gammas, goal)
    new_error = error_of(step_projections(p, gammas, error), gammas, goal)
    alone = error_of(p[:1], gammas[:1], y)
    (new_p,) = step_projections(p[:1], gammas[:1], alone)
    return vanishes(
        residual_of(new_error) - step(residual_of(error), effective_step_size(goal)),
        MODE_SCALE * new_p - cubic(MODE_SCALE * p[0], effective_step_size(y)),
    )


@claim("quadratic.plane", "gamma_j = gamma or -gamma")
def units_of_both_signs_are_the_plane_map(step: PlaneMap = modes.step_modes) -> Any:
    """With gammas of both signs the sample is the two-factor map: a' = (1 - r) a, b' = (1 + r) b.

    a^2 and b^2 are (eta gamma^2 |x|^2/2n) sum p_j^2 over the units of either sign, and r = a^2 - b^2 - mu is
    eta gamma |x|^2 e/n. For a target below 0 the units exchange their parts and mu is that of -t.
    """
    t = sp.Symbol("t", positive=True)
    remainders = []
    for sign in (1, -1):
        gammas = (gamma, -gamma)
        error = error_of(p, gammas, sign * t)
        new_p = step_projections(p, gammas, error)
        (a, b), new = ([MODE_SCALE * q for q in pair[::sign]] for pair in (list(p), new_p))
        expected = step(a, b, effective_step_size(t))
        remainders += [x - x_map for x, x_map in zip(new, expected, strict=True)]
        remainders.append(modes.residual(a, b, effective_step_size(t)) - sign * residual_of(error))
    return vanishes(*remainders)


@claim("quadratic.half")
def convention_doubles_mu(factor: int = 2) -> Any:
    """With the loss (1/n) sum_i (g - y_i)^2, without the 1/2, the step is that of eta, and mu, doubled."""
    problem = literal_problem(orthogonal_inputs()[0], 1)
    return vanishes(gradient_step(problem, sp.Integer(1)) - gradient_step(problem).subs(eta, factor * eta))


@claim("quadratic.average")
def average_has_the_smaller_error(sign: int = 1) -> Any:
    """Squared error of the averaged prediction = mean squared error of the iterates - their variance.

    On any sample, whether trained on or not, averaging never makes the error larger than it is on average.
    Computed for three iterates; more add terms of the same form.
    """
    predictions = sp.symbols("g1:4", real=True)
    mean = sum(predictions) / 3
    variance = sum((g - mean) ** 2 for g in predictions) / 3
    return vanishes(sum((g - y) ** 2 for g in predictions) / 3 - (mean - y) ** 2 - sign * variance)


@claim("quadratic.bias", "bounded orbit with z < 1 throughout that stays away from a = 0")
def average_never_overshoots(limit: Any = 1) -> Any:
    """While the projection keeps its sign the averaged prediction of a sample is at most its label.

    a' = (1 - z) a, so the mean of ln(1 - z) over a bounded orbit away from 0 tends to 0; and z + ln(1 - z)
    is at most 0 on z < 1, its only stationary point z = 0 being a maximum. So the mean of z is at most 0.
    """
    gap = z + sp.log(limit - z)
    return every(
        same(sp.solveset(sp.diff(gap, z), z, sp.Interval.open(-sp.oo, 1)), sp.FiniteSet(0)),
        same(gap.subs(z, 0), sp.Integer(0)),
        same(sp.diff(gap, z, 2).subs(z, 0), sp.Integer(-1)),
    )


@claim("quadratic.two_cycle_average", "mu > 1, on the balanced 2-cycle")
def average_over_the_two_cycle(average: Callable[[Any], tuple[Any, Any]] = two_cycle_average) -> Any:
    """On the 2-cycle the averaged prediction is t (mu + 1)/(2 mu), short of the target t for every mu > 1.

    In units of t^2 its error is (mu - 1)^2/(8 mu^2), that of the iterates (mu^2 - 1)/(4 mu^2) on average.
    """
    points = two_cycle(mu)
    mean, square = average(mu)
    return vanishes(
        sum(points) / 2 - mean,
        sum(x**2 for x in points) / 2 - square,
        1 + mean / mu - (mu + 1) / (2 * mu),
        (mean / mu) ** 2 / 2 - (mu - 1) ** 2 / (8 * mu**2),
        square / mu**2 / 2 - (mu**2 - 1) / (4 * mu**2),
    )


@claim("quadratic.chebyshev_average", "mu = 2, almost every bounded balanced start")
def average_at_two(mean: Any = 0, square: Any = 2) -> Any:
    """At mu = 2 the averaged prediction is the target itself, though the mean loss is t^2/4.

    a = 2 cos(theta) with theta uniform, claim slice.chebyshev, so z = 2 cos(2 theta): mean 0, mean square 2.
    """
    residual = (2 * sp.cos(theta)) ** 2 - 2

    def average(f: Any) -> Any:
        return sp.integrate(sp.expand(f), (theta, 0, 2 * sp.pi)) / (2 * sp.pi)

    return vanishes(average(residual) - mean, average(residual**2) - square, square / sp.Integer(8) - HALF**2)
