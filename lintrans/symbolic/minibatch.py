"""One mini-batch: its step, its moments over batches, its own ellipse.

Prompts (h_i, y_i) share one mode: A = mean h^2, C = mean h y > 0, full-batch minimum w k = C/A. A batch B has
the curvature a_B = mean_B h^2/A, the target c_B = mean_B h y/C and the mismatch d_B = a_B - c_B. Everything
is in the normal form of the full batch: w = s u, k = s v, s^2 = C/A, mu = eta C.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import permutations
from typing import Any

import sympy as sp

from lintrans.symbolic import modes, schedules
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.ellipse import ellipses_are_nested
from lintrans.symbolic.reduction import LiteralPrompt, gradient_step, inner, literal_prompt
from lintrans.symbolic.schedules import step_batch
from lintrans.symbolic.symbols import a, b, eta, kappa, mu, r, sigma, u, v, w

SIZES = ((1, 1), (2, 1), (2, 2))

a_B = sp.Symbol("a_B", positive=True)
c_B, d_B, cov = sp.symbols("c_B d_B cov", real=True)
var_a, var_d = sp.symbols("var_a var_d", nonnegative=True)

MOMENTS = {(0, 0): 1, (1, 0): 1, (0, 1): 0, (2, 0): 1 + var_a, (1, 1): cov, (0, 2): var_d}
"""Means over batches of a_B^i d_B^j; cov is the covariance of a_B and d_B."""


def expectation(expression: Any, moments: dict[tuple[int, int], Any] = MOMENTS) -> Any:
    """Return the mean over batches of a polynomial in a_B and d_B of total degree two.

    Examples
    --------
    >>> expectation(a_B**2)
    var_a + 1
    """
    terms = sp.Poly(expression, a_B, d_B).terms()
    return sum(coefficient * moments[powers] for powers, coefficient in terms)


def batch_residual(r: Any, mu: Any, curvature: Any, mismatch: Any) -> Any:
    """Residual sigma = a_B r + mu d_B a batch moves by, r the residual of the full batch."""
    return curvature * r + mu * mismatch


def residual_variance(r: Any, mu: Any, var_a: Any, cov: Any, var_d: Any) -> Any:
    """Return V, the variance of sigma over batches: r^2 Var a_B + 2 mu r Cov(a_B, d_B) + mu^2 Var d_B."""
    return r**2 * var_a + 2 * mu * r * cov + mu**2 * var_d


def crossing_interval(level: Any, r: Any, mu: Any) -> tuple[Any, Any]:
    """Return the residuals sigma_-, sigma_+ outside which one step from -1 < Q <= 0 ends at Q > 0.

    Examples
    --------
    >>> crossing_interval(0, 2, 1)
    (0, 2)
    """
    middle = r - mu * level
    root = sp.sqrt(middle**2 - 4 * level * (1 + level))
    return (middle - root) / (2 * (1 + level)), (middle + root) / (2 * (1 + level))


def batch_ellipse(a: Any, b: Any, mu: Any, curvature: Any, target: Any) -> Any:
    """Level a_B a^2/(2 + mu c_B) + a_B b^2/(2 - mu c_B) - 1 of a batch's own ellipse, for |mu c_B| < 2."""
    return curvature * (a**2 / (2 + mu * target) + b**2 / (2 - mu * target)) - 1


def certified_mu(critical_mu: Any, max_curvature: Any) -> Any:
    """Return the largest mu safe under every sequence of interpolating batches: mu_c/max a_B."""
    return critical_mu / max_curvature


def slice_step(a: Any, mu: Any, curvature: Any, target: Any) -> Any:
    """One step of a batch on b = 0: a' = (1 + mu c_B) a - a_B a^3."""
    return (1 + mu * target) * a - curvature * a**3


def outer_boundary(mu: Any, curvature: Any, target: Any) -> Any:
    """Return L_B = sqrt((2 + mu c_B)/a_B), beyond which the batch enlarges |a| for ever; mu c_B > -2."""
    return sp.sqrt((2 + mu * target) / sp.sympify(curvature))


def peak(mu: Any, curvature: Any, target: Any) -> tuple[Any, Any]:
    """Return the place a* and the height E_B of the peak of a batch's step on b = 0; mu c_B > -1.

    Examples
    --------
    >>> peak(2, 1, 1), outer_boundary(2, 1, 1)
    ((1, 2), 2)
    """
    rise = sp.sympify(1 + mu * target)
    return sp.sqrt(rise / (3 * curvature)), 2 * sp.sqrt(rise**3 / (27 * curvature))


def largest_image(limit: Any, mu: Any, curvature: Any, target: Any) -> Any:
    """Return the largest |a'| a batch reaches from |a| <= limit, for numbers; it keeps them iff <= limit.

    Examples
    --------
    >>> largest_image(2, 2, 1, 1), largest_image(sp.Rational(1, 2), 1, 1, 1)
    (2, 7/8)
    """
    at_end = sp.Abs(slice_step(limit, mu, curvature, target))
    if not 0 < 1 + mu * target <= 3 * curvature * limit**2:
        return at_end
    return sp.Max(at_end, peak(mu, curvature, target)[1])


def on_shared_mode(prompt: LiteralPrompt, scale: Any, label: Any) -> LiteralPrompt:
    """Return the prompt with the labels of its context scaled, so that M_i = scale M, and another y_q."""
    d = prompt.weights.rows
    tokens = sp.Matrix.vstack(prompt.tokens[:d, :], scale * prompt.tokens[d:, :])
    return replace(prompt, tokens=tokens, label=label, moment=scale * prompt.moment)


@claim("minibatch.reduction", "prompts with M_i = h_i D, ||D||_F = 1, h_i of either sign, C > 0")
def batch_of_prompts(share: Callable[..., LiteralPrompt] = on_shared_mode) -> Any:
    """A batch of attention prompts on one shared mode moves by sigma = mu (a_B uv - c_B), mu = eta C.

    In modes a' = (1 - sigma) a, b' = (1 + sigma) b; W beside D does not move. The step of a batch is the mean
    of those of its prompts, here two with literal gradients.
    """
    A, C = sp.symbols("A C", positive=True)
    t, y, remainders = sp.symbols("t1 t2", real=True), sp.symbols("y1 y2", real=True), []
    for size in SIZES:
        prompt = literal_prompt(*size)
        M, W, norm = prompt.moment, prompt.weights, sp.sqrt(inner(prompt.moment, prompt.moment))
        steps = [gradient_step(share(prompt, t[i], y[i])) for i in range(2)]
        new_w, new_W = ((steps[0][i] + steps[1][i]) / 2 for i in range(2))
        unit = sp.sqrt(C / A)
        at = {u: w / unit, v: inner(W, M) / norm / unit}
        curvature = norm**2 * (t[0] ** 2 + t[1] ** 2) / 2 / A
        target = norm * (t[0] * y[0] + t[1] * y[1]) / 2 / C
        residual = eta * C * (curvature * u * v - target)
        remainders += [new_w / unit - (u - v * residual).subs(at, simultaneous=True)]
        remainders += [inner(new_W, M) / norm / unit - (v - u * residual).subs(at, simultaneous=True)]
        remainders += [(new_W - W) * norm**2 - inner(new_W - W, M) * M]
    old = modes.to_modes(u, v, mu)
    new = modes.to_modes(u - v * sigma, v - u * sigma, mu)
    return vanishes(*remainders, *(x - z for x, z in zip(new, step_batch(*old, sigma), strict=True)))


@claim("minibatch.unbiased", "N prompts in all, batches of size B, every batch equally likely")
def sampling_is_unbiased(distinct: Any = -1) -> Any:
    """E sigma = r. The variances are those of one prompt over B, times (N - B)/(N - 1) without replacement.

    Any mean-zero x_i: drawn without replacement, two have the covariance -Var x/(N - 1), because sum x_i = 0.
    """
    N, B, one = sp.symbols("N B one", positive=True)
    pair = distinct * one / (N - 1)  # of two distinct draws
    x = sp.symbols("x1:4", real=True)
    values = (*x, -sum(x))
    variance = (B * one + B * (B - 1) * pair) / B**2
    return every(
        vanishes(expectation(batch_residual(r, mu, a_B, d_B)) - r),
        vanishes(sum(p * q for p, q in permutations(values, 2)) + sum(z**2 for z in values)),
        vanishes(variance - one / B * (N - B) / (N - 1)),
    )


@claim("minibatch.residual", "r = mu (uv - 1)")
def residual_of_a_batch(formula: Callable[..., Any] = batch_residual) -> Any:
    """The residual of a batch is sigma = mu (a_B uv - c_B) = a_B r + mu d_B."""
    found = formula(mu * (u * v - 1), mu, a_B, a_B - c_B)
    return vanishes(found - mu * (a_B * u * v - c_B))


@claim("minibatch.interpolating", "h_i != 0; batches of B < N prompts, drawn with or without replacement")
def shared_minimum(label: Callable[[Any, Any], Any] = lambda h, ratio: ratio * h) -> Any:
    """All batches share the minimum uv = 1, d_B = 0 for each, iff y_i/h_i is the same for all prompts.

    For one prompt d_i = h_i^2/A - h_i y_i/C, so d_i C/h_i = (C/A) h_i - y_i. The d_i sum to 0; if all d_B
    agree, exchanging one prompt shows that all d_i do. (A prompt with h_i = 0 has no gradient, and d_i = 0.)
    """
    h = sp.symbols("h1:4", nonzero=True)
    y, ratio = sp.symbols("y1:4", real=True), sp.Dummy("ratio", positive=True)
    A = sum(x**2 for x in h) / 3
    C = sum(x * z for x, z in zip(h, y, strict=True)) / 3
    d = [x**2 / A - x * z / C for x, z in zip(h, y, strict=True)]
    same_ratio = {z: label(x, ratio) for x, z in zip(h, y, strict=True)}
    return vanishes(
        sum(d),
        *(di.subs(same_ratio) for di in d),
        *(di * C / x - (C / A * x - z) for di, x, z in zip(d, h, y, strict=True)),
    )


@claim("minibatch.variance", "finite second moments of a_B and d_B")
def variance_of_the_residual(formula: Callable[..., Any] = residual_variance) -> Any:
    """Var sigma = V(r) = r^2 Var a_B + 2 mu r Cov(a_B, d_B) + mu^2 Var d_B.

    V = Var a_B (r + mu Cov/Var a_B)^2 + mu^2 (Var d_B - Cov^2/Var a_B): zero for no r if |corr| < 1, and only
    at the minima, r = 0, if the batches interpolate with unequal curvatures.
    """
    found = expectation((batch_residual(r, mu, a_B, d_B) - r) ** 2)
    square = var_a * (r + mu * cov / var_a) ** 2 + mu**2 * (var_d - cov**2 / var_a)
    return vanishes(found - formula(r, mu, var_a, cov, var_d), found - square)


@claim("minibatch.drift", "0 < mu < 2; Q the ellipse of the full batch")
def level_drifts_outward(moments: dict[tuple[int, int], Any] = MOMENTS) -> Any:
    """E Q' = (1 + mu r + r^2) Q + V (1 + Q), V = Var sigma; on the ellipse E Q' = V.

    So the mean step leaves the ellipse, strictly iff V > 0: sampling has a drift that the mean gradient has
    not. As 1 + Q > 0 away from the origin, the drift is outward inside too.
    """
    res, level = modes.residual(a, b, mu), modes.ellipse(a, b, mu)
    new = modes.ellipse(*step_batch(a, b, batch_residual(res, mu, a_B, d_B)), mu)
    V = residual_variance(res, mu, var_a, cov, var_d)
    return vanishes(expectation(new, moments) - (1 + mu * res + res**2) * level - V * (1 + level))


@claim("minibatch.schedule", "0 < mu < 2; a step of size kappa mu, 0 <= kappa <= 1")
def smaller_steps_calm_the_drift(part: Callable[[Any, Any], Any] = lambda kappa, sigma: kappa * sigma) -> Any:
    """E Q' = (1 + kappa mu r + kappa^2 r^2) Q + kappa^2 V (1 + Q) - kappa (1 - kappa) r^2 in a short step.

    Noise enters by kappa^2, the pull inward by kappa: on the ellipse the mean step goes outward iff
    kappa V > (1 - kappa) r^2. Of interpolating batches, V = r^2 Var a_B, that is kappa > 1/(1 + Var a_B),
    the same everywhere; at a minimum, r = 0, with noise in the labels it is every kappa > 0.
    """
    res, level = modes.residual(a, b, mu), modes.ellipse(a, b, mu)
    of_batch = part(kappa, batch_residual(res, mu, a_B, d_B))
    found = expectation(sp.expand(modes.ellipse(*step_batch(a, b, of_batch), mu)))
    V = residual_variance(res, mu, var_a, cov, var_d)
    growth = 1 + mu * kappa * res + kappa**2 * res**2
    on_ellipse = kappa**2 * V - kappa * (1 - kappa) * res**2
    interpolating = kappa * res**2 * (1 + var_a) * (kappa - 1 / (1 + var_a))
    return vanishes(
        found - growth * level - kappa**2 * V * (1 + level) + kappa * (1 - kappa) * res**2,
        on_ellipse.subs({cov: 0, var_d: 0}) - interpolating,
        on_ellipse.subs(a, sp.sqrt(mu + b**2)) - kappa**2 * mu**2 * var_d,
    )


@claim("minibatch.crossing", "0 < mu < 2, -1 < Q <= 0")
def one_step_crosses(interval: Callable[..., tuple[Any, Any]] = crossing_interval) -> Any:
    """A batch crosses to Q' > 0 iff sigma lies outside [sigma_-, sigma_+], roots of a quadratic.

    Q' = (1 + Q) sigma^2 + (mu Q - r) sigma + Q. The product of the roots is Q/(1 + Q), and at sigma = 0 and
    sigma = r it is Q and (1 + mu r + r^2) Q: both lie between the roots, so the full batch never crosses. On
    Q = 0 the roots are 0 and r: a batch crosses iff it points the wrong way or overshoots, sigma/r > 1.
    """
    res, p = modes.residual(a, b, mu), sp.Dummy("p", positive=True)
    level = -p / (1 + p)  # any value between -1 and 0
    ends = interval(level, r, mu)

    def quadratic(Q: Any, at: Any, r: Any) -> Any:
        return (1 + Q) * at**2 + (mu * Q - r) * at + Q

    new = modes.ellipse(*step_batch(a, b, sigma), mu)
    return every(
        vanishes(new - quadratic(modes.ellipse(a, b, mu), sigma, res)),
        vanishes(*(quadratic(level, end, r) for end in ends), ends[0] * ends[1] + p),
        same(((r - mu * level) ** 2 + 4 * p / (1 + p) ** 2).is_positive, True),
        vanishes(
            (r - mu * level) ** 2 - 4 * level * (1 + level) - (r - mu * level) ** 2 - 4 * p / (1 + p) ** 2
        ),
        vanishes(quadratic(level, 0, r) - level, quadratic(level, r, r) - (1 + mu * r + r**2) * level),
        vanishes(quadratic(0, sigma, r) - sigma * (sigma - r)),
    )


@claim("minibatch.ellipse", "a_B > 0, |mu c_B| < 2")
def ellipse_of_a_batch(level: Callable[..., Any] = batch_ellipse) -> Any:
    """In sqrt(a_B) a, sqrt(a_B) b a batch is the two-factor map with mu_B = mu c_B, of either sign.

    Its own ellipse Q_B = a_B a^2/(2 + mu_B) + a_B b^2/(2 - mu_B) - 1 = 0 is invariant under it:
    Q_B' = (1 + mu_B sigma + sigma^2) Q_B, with sigma = a_B (a^2 - b^2) - mu_B.
    """
    root, mu_B = sp.sqrt(a_B), mu * c_B
    res = a_B * modes.residual(a, b, mu) + mu * (a_B - c_B)
    new, Q = step_batch(a, b, res), level(a, b, mu, a_B, c_B)
    own = modes.step_modes(root * a, root * b, mu_B)
    return vanishes(
        *(root * x - z for x, z in zip(new, own, strict=True)),
        Q - modes.ellipse(root * a, root * b, mu_B),
        level(*new, mu, a_B, c_B) - (1 + mu_B * res + res**2) * Q,
    )


@claim("minibatch.certificate", "interpolating batches, 0 <= a_B <= max a_B; a start with critical mu_c < 2")
def interpolating_batches_are_certified(formula: Callable[[Any, Any], Any] = certified_mu) -> Any:
    """Interpolating batches have nested ellipses, that of a_B mu in (u, v): together they keep the smallest.

    A batch is a step of size a_B mu of a schedule, so mu <= mu_c/max a_B is safe under every sequence of
    batches (schedules.certificate). No larger mu is: the largest a_B, always drawn, keeps the start outside
    its ellipse for ever, where no stable minimum is (schedules.converse).
    """
    top, mu_c = sp.symbols("top mu_c", positive=True)
    own = modes.ellipse(*modes.to_modes(u, v, a_B * mu), a_B * mu)
    step = step_batch(*modes.to_modes(u, v, top * mu), a_B * mu * (u * v - 1))
    scheduled = schedules.step_fraction(*modes.to_modes(u, v, top * mu), top * mu, a_B / top)
    return every(
        vanishes(batch_ellipse(*modes.to_modes(u, v, mu), mu, a_B, a_B) - own),
        vanishes(*(x - z for x, z in zip(step, scheduled, strict=True))),
        vanishes(top * formula(mu_c, top) - mu_c),
        ellipses_are_nested(),
        schedules.inside_stays_inside(),
        schedules.nothing_stable_outside(),
    )


@claim("minibatch.slice", "b = 0, a_B > 0, m = mu c_B > -2; for the peak m > -1")
def batch_on_the_slice(boundary: Callable[..., Any] = outer_boundary) -> Any:
    """On b = 0 a batch is a' = (1 + m) a - a_B a^3, with outer boundary L_B = sqrt((2 + m)/a_B).

    The points L_B and -L_B are exchanged; where a_B a^2 = 2 + m + x, x > 0, |a'| = (1 + x)|a|: the batch
    alone enlarges |a| without end. The peak is E_B = 2 (1 + m)^(3/2)/sqrt(27 a_B), where
    a^2 = (1 + m)/(3 a_B).
    """
    rise, extra = sp.symbols("rise x", positive=True)  # 1 + m, x
    end = boundary(mu, a_B, c_B)
    step = step_batch(a, 0, a_B * modes.residual(a, 0, mu) + mu * (a_B - c_B))
    top, height = peak(1, a_B, rise - 1)
    curve, factor = slice_step(a, 1, a_B, rise - 1), 1 + mu * c_B - a_B * a**2
    return vanishes(
        step[0] - slice_step(a, mu, a_B, c_B),
        step[1],
        slice_step(a, mu, a_B, c_B) - factor * a,
        factor.subs(a, end) + 1,
        factor.subs(a, sp.sqrt((2 + mu * c_B + extra) / a_B)) + 1 + extra,
        sp.diff(curve, a).subs(a, top),
        curve.subs(a, top) - height,
    )


@claim("minibatch.interval", "b = 0, 0 < L <= L_B; x = a_B L^2 <= 2 + m, m = mu c_B")
def batch_keeps_an_interval(last: Any = 4) -> Any:
    """A batch keeps |a| <= L iff E_B <= L if its peak lies there, 0 < 1 + m <= 3 x, and else iff m <= x.

    With f the step, f(L) + L = (2 + m - x) L >= 0 and L - f(L) = (x - m) L; without a peak f is monotone. As
    E_B >= f(L), E_B <= L always suffices; it reads 4 (1 + m)^3 <= 27 x. All batches keep |a| <= min L_B iff
    each does; beyond it the batch of least L_B alone diverges, so no larger interval is kept.
    """
    L, m, x = sp.symbols("L m x", positive=True)
    rise = sp.Dummy("rise", positive=True)  # 1 + m
    end = slice_step(L, 1, x / L**2, m)
    slope = sp.diff(slice_step(a, 1, a_B, rise - 1), a)
    height = peak(1, x / L**2, rise - 1)[1]
    return vanishes(
        end + L - (2 + m - x) * L,
        L - end - (x - m) * L,
        slope - rise + 3 * a_B * a**2,
        (height / L) ** 2 - 4 * rise**3 / (27 * x),
        # (E_B^2 - f(L)^2) a_B, not negative where 3 x <= 4 (1 + m); elsewhere f(L) <= 0
        4 * rise**3 / 27 - x * (rise - x) ** 2 - (last * rise / 3 - x) * (x - rise / 3) ** 2,
    )


@claim("minibatch.imbalance", "any sigma")
def every_batch_balances(product: Callable[[Any], Any] = lambda s: 1 - s**2, limit: Any = 2) -> Any:
    """u'^2 - v'^2 = (1 - sigma^2)(u^2 - v^2): a batch shrinks the imbalance a b iff 0 < sigma^2 < 2."""
    square = sp.Dummy("square", real=True)
    new, old = step_batch(a, b, sigma), modes.from_modes(a, b, mu)
    new_uv = modes.from_modes(*new, mu)
    shrinks = sp.solveset(sp.Abs(1 - square) < 1, square, sp.S.Reals)
    return every(
        vanishes(new[0] * new[1] - product(sigma) * a * b),
        vanishes(new_uv[0] ** 2 - new_uv[1] ** 2 - product(sigma) * (old[0] ** 2 - old[1] ** 2)),
        same(shrinks, sp.Interval.open(0, limit)),
    )


def keeps_interval(mu: Any, curvatures: Sequence[Any], targets: Sequence[Any]) -> bool:
    """Whether all batches keep |a| <= min L_B on b = 0, for numbers.

    Examples
    --------
    >>> keeps_interval(2, [1], [1]), keeps_interval(2, [1, 1], [sp.Rational(9, 10), sp.Rational(11, 10)])
    (True, False)
    """
    batches = list(zip(curvatures, targets, strict=True))
    limit = min(outer_boundary(mu, *batch) for batch in batches)
    return bool(all(largest_image(limit, mu, *batch) <= limit for batch in batches))
