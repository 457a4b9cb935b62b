"""Random mini-batches: stability of a minimum, noise near it, concentration (theory/11_sampling).

Batches are drawn independently; curvature a_B, target c_B, mismatch d_B and E as in the family "minibatch".
S = a^2 + b^2 is the place of a minimum on the curve of minima, half its sharpness times mu.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import modes, schedules
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.minibatch import (
    a_B,
    batch_residual,
    d_B,
    expectation,
    var_a,
    var_d,
)
from lintrans.symbolic.schedules import step_batch
from lintrans.symbolic.symbols import a, b, mu, r, sigma

Formula = Callable[..., Any]

S, s, v, y = sp.symbols("S s v y", positive=True)  # v = mu^2 Var d_B, y = mu s
V, M, eps, delta = sp.symbols("V M eps delta", positive=True)
B, T, log_term = sp.symbols("B T L", positive=True)


def two_point_exponent(S: Any, s: Any) -> Any:
    """Lyapunov exponent of the residual at a minimum, a_B = 1 + s or 1 - s: ln|(1 - 2S)^2 - 4 S^2 s^2|/2."""
    return sp.log(sp.Abs((1 - 2 * S) ** 2 - 4 * S**2 * s**2)) / 2


def two_point_stable(s: Any) -> Any:
    """Return the set of S where the two-point exponent is negative, 0 < s < 1.

    Examples
    --------
    >>> two_point_stable(sp.Rational(1, 2))
    Interval.open(0, 4/3)
    """
    end = 1 / (1 - s**2)
    if 2 * s**2 < 1:
        return sp.Interval.open(0, end)
    q = sp.sqrt(2 * s**2 - 1)
    return sp.Union(sp.Interval.open(0, 1 / (1 + q)), sp.Interval.open(1 / (1 - q), end))


def mean_square_edge(var_a: Any) -> Any:
    """Return the S = 1/(1 + Var a_B) up to which the mean square of the residual contracts."""
    return 1 / (1 + var_a)


def lyapunov_edge(var_a: Any, third: Any = 0) -> Any:
    """Return 1 + Var a_B - (4/3) E (a_B - 1)^3, the S where the exponent is 0 for a_B close to 1."""
    return 1 + var_a - 4 * third / 3


def stationary_variance(S: Any, v: Any, var_a: Any = 0) -> tuple[Any, Any]:
    """Return the stationary variances of r and of sigma at a minimum with noise v = mu^2 Var d_B.

    S v/(1 - S (1 + Var a_B)) and v/(1 - S (1 + Var a_B)); S below the mean-square edge.
    """
    room = 1 - S * (1 + var_a)
    return S * v / room, v / room


def flattening_time(start: Any, end: Any, mu: Any, v: Any, var_a: Any = 0) -> Any:
    """Return the number of steps in which noise takes a minimum from S = start to S = end, to leading order.

    mu < end <= start < 1/(1 + Var a_B).
    """
    g = 1 + var_a

    def clock(S: Any) -> Any:
        return sp.log(S**2 - mu**2) / 2 - g * S - g * mu / 2 * sp.log((S - mu) / (S + mu))

    return (clock(start) - clock(end)) / v


def bernstein_exponent(eps: Any, V: Any, M: Any) -> Any:
    """Return eps^2/(2 (V + M eps/3)): a mean of B draws exceeds eps with probability <= exp(-B times it)."""
    return eps**2 / (2 * (V + M * eps / 3))


def bernstein_eps(batch_size: Any, V: Any, M: Any, log_term: Any) -> Any:
    """Return the eps with B bernstein_exponent = log_term.

    log_term is ln(2T/delta) for both sides, ln(T/delta) for one, in T steps with probability 1 - delta.
    """
    linear = log_term * M / (3 * batch_size)
    return linear + sp.sqrt(linear**2 + 2 * log_term * V / batch_size)


def safe_mu(critical_mu: Any, eps: Any) -> Any:
    """Return mu_c/(1 + eps), safe while every batch has a_B <= 1 + eps."""
    return critical_mu / (1 + eps)


@claim(
    "sampling.exponent",
    "interpolating batches, to first order in r; the strong law of large numbers is cited",
)
def residual_near_a_minimum(multiplier: Formula = lambda S, curvature: 1 - 2 * S * curvature) -> Any:
    """At a minimum the Jacobians of all batches commute: 1 along the minima, 1 - 2 S a_B along (-a, b).

    Exactly r' = r - 2 S sigma + sigma^2 (r + mu), S' = S (1 + sigma^2) - 2 sigma (r + mu). So close to a
    minimum S stays and |r| grows at the rate E ln|1 - 2 S a_B|, the Lyapunov exponent: stable iff negative.
    """
    size, res = a**2 + b**2, modes.residual(a, b, mu)
    new = step_batch(a, b, sigma)
    J = sp.Matrix(step_batch(a, b, a_B * res)).jacobian([a, b]).subs(mu, a**2 - b**2)
    across, along = sp.Matrix([-a, b]), sp.Matrix([b, a])
    return vanishes(
        J * across - multiplier(size, a_B) * across,
        J * along - along,
        modes.residual(*new, mu) - (res - 2 * size * sigma + sigma**2 * (res + mu)),
        new[0] ** 2 + new[1] ** 2 - size * (1 + sigma**2) + 2 * sigma * (res + mu),
    )


@claim("sampling.two_point", "interpolating, a_B = 1 + s or 1 - s with probability 1/2, 0 < s < 1")
def stability_under_two_curvatures(stable: Callable[[Any], Any] = two_point_stable) -> Any:
    """For s^2 < 1/2 a minimum is stable iff S < 1/(1 - s^2), beyond the full-batch edge 1.

    Else iff S < 1/(1 + q) or 1/(1 - q) < S < 1/(1 - s^2), q = sqrt(2 s^2 - 1): two intervals, the first one
    short of 1. With the product P of both multipliers 1 - P = 4 S (1 - S (1 - s^2)) and
    1 + P = 2 (1 - S (1 + q)) (1 - S (1 - q)), without a root if q^2 < 0.
    """
    P, q = (1 - 2 * S) ** 2 - 4 * S**2 * s**2, sp.sqrt(2 * s**2 - 1)
    low, place = (sp.Rational(1, 2), sp.Rational(5, 7)), sp.Dummy("S", real=True)
    found = (
        sp.solveset(sp.Abs(P.subs({S: place, s: value})) < 1, place, sp.Interval.open(0, sp.oo))
        for value in low
    )
    return every(
        vanishes(
            P - (1 - 2 * S * (1 + s)) * (1 - 2 * S * (1 - s)),
            sp.exp(2 * two_point_exponent(S, s)) - sp.Abs(P),
        ),
        vanishes(1 - P - 4 * S * (1 - S * (1 - s**2)), 1 + P - 2 * (1 - S * (1 + q)) * (1 - S * (1 - q))),
        *(same(x, stable(value)) for x, value in zip(found, low, strict=True)),
    )


@claim("sampling.mean_square", "interpolating batches, r to first order")
def mean_square_contracts(edge: Callable[[Any], Any] = mean_square_edge) -> Any:
    """E r'^2 < r^2 iff S < 1/(1 + Var a_B), below 1; by Jensen such a minimum is stable too, not conversely.

    E (1 - 2 S a_B)^2 = 1 + 4 S (S (1 + Var a_B) - 1). Jensen: x/m - 1 - ln(x/m), m = E x, is 0 at x = m with
    slope 0 and convex, so E ln x <= ln m.
    """
    x, m = sp.symbols("x m", positive=True)
    gap = x / m - 1 - sp.log(x / m)
    found = expectation((1 - 2 * S * a_B) ** 2)
    return every(
        vanishes(found - 1 - 4 * S * (S / edge(var_a) - 1)),
        vanishes(gap.subs(x, m), sp.diff(gap, x).subs(x, m), sp.diff(gap, x, 2) - 1 / x**2),
    )


@claim("sampling.edge", "interpolating batches with a_B - 1 = eps xi bounded, eps -> 0")
def edge_moves_out(edge: Formula = lyapunov_edge) -> Any:
    """The exponent is 0 at S = 1 + Var a_B - (4/3) E (a_B - 1)^3 + O(eps^4): sharper minima can be stable.

    The mean-square edge moves the other way, 1 - Var a_B. Two points: 1/(1 - s^2) = 1 + s^2 + O(s^4).
    """
    xi, third = sp.symbols("xi third", real=True)
    place = edge(eps**2 * V, eps**3 * third)
    order = sp.series(sp.log(2 * place * (1 + eps * xi) - 1), eps, 0, 4).removeO()
    moments = {(0,): 1, (1,): 0, (2,): V, (3,): third}
    mean = sum(c * moments[power] for power, c in sp.Poly(sp.expand(order), xi).terms())
    return vanishes(mean, (edge(s**2) - 1 / (1 - s**2)).series(s, 0, 4).removeO())


@claim("sampling.stationary", "S < 1/(1 + Var a_B), to first order in r and d_B; v = mu^2 Var d_B")
def noise_at_a_minimum(formula: Formula = stationary_variance) -> Any:
    """At a minimum E r = 0, Var r = S v/(1 - S (1 + Var a_B)) and Var sigma = v/(1 - S (1 + Var a_B)).

    r' = (1 - 2 S a_B) r - 2 S mu d_B, with the batch independent of r. Any Cov(a_B, d_B) drops out. The noise
    diverges at the mean-square edge; without curvature noise Var sigma = v/(1 - S).
    """
    of_r, of_sigma = formula(S, mu**2 * var_d, var_a)
    used = batch_residual(r, mu, a_B, d_B)
    moved = r - 2 * S * used

    def stationary(expression: Any) -> Any:
        terms = sp.Poly(expectation(expression), r).terms()
        return sum(c * {0: 1, 1: 0, 2: of_r}[power] for (power,), c in terms)

    return vanishes(
        expectation(moved) - (1 - 2 * S) * r,
        stationary(moved**2) - of_r,
        stationary(used**2) - of_sigma,
    )


@claim(
    "sampling.flattening", "v -> 0 at fixed v t, S < 1/g, g = 1 + Var a_B; the averaging principle is cited"
)
def noise_flattens(clock: Formula = flattening_time) -> Any:
    """Noisy targets drive D = a b to 0, dD/dt = -v D/(1 - g S), S^2 = mu^2 + 4 D^2: to the flattest minimum.

    By minibatch.imbalance ln|D| changes by ln|1 - sigma^2| = -sigma^2 + ..., whose mean is -v/(1 - g S) by
    sampling.stationary. Solved: v t = T(S_0) - T(S) with the increasing
    T = ln(S^2 - mu^2)/2 - g S - (g mu/2) ln((S - mu)/(S + mu)). At the end D falls like exp(-v t/(1 - g mu)).
    """
    g, D, start, x = 1 + var_a, sp.Dummy("D", positive=True), sp.Dummy("start"), sp.Dummy("x")
    size = sp.sqrt(mu**2 + 4 * D**2)
    speed = -v * D / (1 - g * size)
    clock_speed = sp.diff(clock(start, S, mu, v, var_a), S).subs(S, size) * sp.diff(size, D) * speed
    return vanishes(
        clock_speed - 1,
        (a**2 + b**2) ** 2 - (modes.residual(a, b, mu) + mu) ** 2 - 4 * (a * b) ** 2,
        sp.diff(sp.log(1 - x), x).subs(x, 0) + 1,
        (speed / D).subs(D, 0) + stationary_variance(mu, v, var_a)[1],
    )


@claim("sampling.exponential_moment", "X <= M, E X = 0, E X^2 = V, 0 < lam M < 3")
def exponential_moment(ratio: Any = 3) -> Any:
    """E exp(lam X) <= exp(lam^2 V/(2 (1 - lam M/3))).

    phi(x) = (e^x - 1 - x)/x^2 is the integral of (1 - t) e^(t x) over 0 <= t <= 1, so it increases, and
    E exp(lam X) <= 1 + lam^2 V phi(lam M). As k! >= 2 3^(k-2), equal at k = 2 and (k + 1)!/k! >= 3 from
    there on, the series of phi is at most that of 1/(2 (1 - x/3)). Last 1 + x <= e^x.
    """
    x, t, n = sp.Symbol("x", positive=True), sp.Symbol("t"), sp.Symbol("n", integer=True, nonnegative=True)
    primitive = sp.exp(t * x) * ((1 - t) / x + 1 / x**2)
    phi = (sp.exp(x) - 1 - x) / x**2
    step = sp.gammasimp(sp.factorial(n + 3) / sp.factorial(n + 2)) - ratio  # k = n + 2
    limit = 1 / (1 - x / ratio) / 2
    return every(
        vanishes(sp.diff(primitive, t) - (1 - t) * sp.exp(t * x)),
        vanishes(primitive.subs(t, 1) - primitive.subs(t, 0) - phi),
        vanishes(sp.factorial(2) - 2 * ratio**0, limit - sp.Rational(1, 2) - limit * x / ratio),
        True if step.is_nonnegative else step,
        vanishes(sp.diff(sp.exp(x) - 1 - x, x, 2) - sp.exp(x), (sp.exp(x) - 1 - x).subs(x, 0)),
    )


@claim("sampling.bernstein", "B prompts drawn independently at the present state; X_i <= M, variance V")
def concentration_of_a_batch(choice: Formula = lambda eps, V, M: eps / (V + M * eps / 3)) -> Any:
    """P(sigma - r > eps | past) <= exp(-B eps^2/(2 (V + M eps/3))), and twice that for |sigma - r|.

    X_i = sigma_i - r; V and M may depend on the state. Markov's inequality and sampling.exponential_moment
    give exp(-B (lam eps - lam^2 V/(2 (1 - lam M/3)))), here with lam = eps/(V + M eps/3): lam M < 3. For both
    sides |X_i| <= M. Without replacement the same holds (Hoeffding, cited).
    """
    lam = choice(eps, V, M)
    found = lam * eps - lam**2 * V / (2 * (1 - lam * M / 3))
    return every(
        vanishes(found - bernstein_exponent(eps, V, M)),
        same(sp.simplify(3 - lam * M).is_positive, True),
    )


@claim("sampling.every_step", "T steps, each with its own eps, V and M, fixed by the past")
def all_steps_together(formula: Formula = bernstein_eps) -> Any:
    """With probability 1 - delta all T steps have |sigma - r| <= eps = q + sqrt(q^2 + 2 L V/B), q = L M/(3B).

    L = ln(2T/delta), or ln(T/delta) for one side. Given the past each step fails with probability at most
    delta/T, whatever the state; so does its mean, and these add up.
    """
    found = formula(B, V, M, log_term)
    return vanishes(
        B * bernstein_exponent(found, V, M) - log_term,
        T * 2 * sp.exp(-sp.log(2 * T / delta)) - delta,
        T * sp.exp(-sp.log(T / delta)) - delta,
    )


@claim("sampling.critical_mu", "interpolating batches of B prompts, V = Var a_i, a_i - 1 <= M; mu_c < 2")
def critical_mu_of_batches(formula: Formula = safe_mu) -> Any:
    """With probability 1 - delta T steps at mu <= mu_c/(1 + eps) stay in the ellipse of mu_c.

    All a_B <= 1 + eps, that of sampling.every_step with L = ln(T/delta), so a_B mu <= mu_c and
    schedules.certificate holds. For large B the critical step size shrinks by sqrt(2 V L/B) + O(1/B) at most.
    """
    mu_c, spare, root = sp.symbols("mu_c spare root", positive=True)  # B = 1/root^2
    fraction = (1 + eps) / (1 + spare) * formula(mu_c, eps) / mu_c  # any a_B <= 1 + eps
    shrunk = 1 - formula(mu_c, bernstein_eps(1 / root**2, V, M, log_term)) / mu_c
    return every(
        vanishes(1 - fraction - spare / (1 + spare)),
        vanishes(sp.limit(shrunk / root, root, 0) - sp.sqrt(2 * V * log_term)),
        schedules.inside_stays_inside(),
    )
