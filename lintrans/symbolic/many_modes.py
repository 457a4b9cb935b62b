"""Unrestricted weights as many modes with one residual: map, minima, learned spectrum (theory/06_many_modes).

Identities in the modes hold term by term: they are computed with three symbolic modes (the rotation into
the eigenbasis with two), and a fourth would add a term of the same form.
Curvatures descend, m_1 > m_2 > m_3 > 0, by positive gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.reduction import attention, half_square, inner, literal_prompt
from lintrans.symbolic.symbols import eta, y_abs, y_q

N_MODES = 3
SIZES = ((1, 1), (1, 2), (2, 1))
"""Pairs (d, n) on which attention with unrestricted weights is differentiated literally."""

Modes = Sequence[Any]
Step = Callable[[Modes, Modes, Modes, Any, Any], tuple[list[Any], list[Any]]]

s = sp.symbols(f"s1:{N_MODES + 1}", real=True)
d = sp.symbols(f"d1:{N_MODES + 1}", real=True)
gaps = sp.symbols(f"g1:{N_MODES}", positive=True)
weakest = sp.Symbol("m", positive=True)
curvatures = tuple(weakest + sum(gaps[i:]) for i in range(N_MODES))


def step(s: Modes, d: Modes, m: Modes, y_q: Any, eta: Any) -> tuple[list[Any], list[Any]]:
    """One step of the many-mode map: s_i' = (1 - eta m_i e) s_i, d_i' = (1 + eta m_i e) d_i.

    Examples
    --------
    >>> step([sp.Integer(2)], [0], [1], 3, sp.Rational(1, 2))  # e = -2
    ([4], [0])
    """
    e = residual(s, d, m, y_q)
    new_s = [(1 - eta * mi * e) * si for si, mi in zip(s, m, strict=True)]
    return new_s, [(1 + eta * mi * e) * di for di, mi in zip(d, m, strict=True)]


def residual(s: Modes, d: Modes, m: Modes, y_q: Any) -> Any:
    """Return e = sum_i m_i (s_i^2 - d_i^2)/4 - y_q."""
    return sum(mi * (si**2 - di**2) for si, di, mi in zip(s, d, m, strict=True)) / 4 - y_q


def sharpness(s: Modes, d: Modes, m: Modes) -> Any:
    """Return sum_i m_i^2 (s_i^2 + d_i^2)/2, which is sum_i m_i^2 (p_i^2 + k_i^2)."""
    return sum(mi**2 * (si**2 + di**2) for si, di, mi in zip(s, d, m, strict=True)) / 2


def flattest_minimum(m: Any, y_abs: Any) -> Any:
    """Return s (y_q > 0) or d (y_q < 0) of the flattest minimum, in the mode of smallest curvature m."""
    return 2 * sp.sqrt(y_abs / m)


def smallest_sharpness(m: Any, y_abs: Any) -> Any:
    """Sharpness 2 m |y_q| of the flattest minimum, m the smallest curvature."""
    return 2 * m * y_abs


def largest_stable_step(m: Any, y_abs: Any) -> Any:
    """Return the eta = 1/(m |y_q|) above which no minimum is stable, m the smallest curvature."""
    return 1 / (m * y_abs)


def spectrum_cap(eta: Any, y_abs: Any) -> Any:
    """Return 1/(eta |y_q|), the cap on the mean curvature of the spectrum of a stable minimum."""
    return 1 / (eta * y_abs)


def step_literal(p: Any, k: Any, gram: Any, length: Any, eta: Any) -> tuple[Any, Any]:
    """One step of (p, k) before the eigenbasis: p' = p - eta e |e_q| G k, k' = k - eta e |e_q| G p."""
    e = length * (p.T * gram * k)[0] - y_q
    return p - eta * e * length * gram * k, k - eta * e * length * gram * p


@claim("many_modes.attention", "P and K unrestricted; e_q = (x_q, 0) != 0; k = K e_q/|e_q|")
def attention_moves_two_vectors(step: Callable[..., tuple[Any, Any]] = step_literal) -> Any:
    """The prediction is |e_q| p^T G k, and one step of P and K moves p and k only, by the closed map

    p' = p - eta e |e_q| G k, k' = k - eta e |e_q| G p. The rest of P, and K (1 - e_q e_q^T/|e_q|^2), stay.
    """
    remainders = []
    for size in SIZES:
        tokens, P, K, predicted = _attention_with_full_weights(*size)
        loss, gram = half_square(predicted, y_q), tokens * tokens.T / size[1]
        new_P, new_K = (W.applyfunc(lambda x, f=loss: x - eta * sp.diff(f, x)) for W in (P, K))
        length, query = _query(tokens)
        p, k = P[-1, :].T, K * query
        new_p, new_k = step(p, k, gram, length, eta)
        remainders += [predicted - length * (p.T * gram * k)[0], new_P[-1, :].T - new_p]
        remainders += [new_K - K - (new_k - k) * query.T, new_P[:-1, :] - P[:-1, :]]
    return vanishes(*remainders)


@claim("many_modes.eigenbasis", "G = Q diag(g) Q^T, Q a rotation; m_i = |e_q| g_i")
def eigenbasis_decouples(step: Step = step) -> Any:
    """In an eigenbasis of G the map of (p, k) is the many-mode map of s = Q^T (p + k), d = Q^T (p - k)."""
    cosine, sine, length = sp.symbols("cos sin l", positive=True)
    basis = sp.Matrix([[cosine, -sine], [sine, cosine]])
    m, sums, differences = curvatures[:2], sp.Matrix(s[:2]), sp.Matrix(d[:2])
    gram = basis * sp.diag(*m) * basis.T / length
    p, k = basis * (sums + differences) / 2, basis * (sums - differences) / 2
    new_p, new_k = step_literal(p, k, gram, length, eta)
    new_s, new_d = step(s[:2], d[:2], m, y_q, eta)
    found = [*(basis.T * (new_p + new_k)), *(basis.T * (new_p - new_k))]
    circle = cosine**2 + sine**2 - 1
    remainders = (sp.expand(x - y) for x, y in zip(found, [*new_s, *new_d], strict=True))
    return vanishes(*(sp.rem(x, circle, cosine) for x in remainders))


@claim("many_modes.step")
def gradient_in_modes(step: Step = step) -> Any:
    """The map is gradient descent on (sum_i m_i p_i k_i - y_q)^2/2, in s_i = p_i + k_i, d_i = p_i - k_i."""
    p, q = sp.symbols(f"p1:{N_MODES + 1}", real=True), sp.symbols(f"k1:{N_MODES + 1}", real=True)
    loss = half_square(sum(m * x * y for m, x, y in zip(curvatures, p, q, strict=True)), y_q)
    new_p, new_q = ([x - eta * sp.diff(loss, x) for x in part] for part in (p, q))
    sums, differences = ([x + sign * y for x, y in zip(p, q, strict=True)] for sign in (1, -1))
    new_s, new_d = step(sums, differences, curvatures, y_q, eta)
    return vanishes(
        *(x + y - z for x, y, z in zip(new_p, new_q, new_s, strict=True)),
        *(x - y - z for x, y, z in zip(new_p, new_q, new_d, strict=True)),
    )


@claim("many_modes.imbalance")
def imbalance_of_every_mode(step: Step = step) -> Any:
    """Imbalance law of every mode: s_i' d_i' = (1 - (eta m_i e)^2) s_i d_i, with s_i d_i = p_i^2 - k_i^2."""
    new_s, new_d = step(s, d, curvatures, y_q, eta)
    r = [eta * m * residual(s, d, curvatures, y_q) for m in curvatures]
    return vanishes(*(new_s[i] * new_d[i] - (1 - r[i] ** 2) * s[i] * d[i] for i in range(N_MODES)))


@claim("many_modes.gradient_flow", "eta -> 0: ds_i/dt = -m_i e s_i, dd_i/dt = m_i e d_i; s_i, d_i != 0")
def invariants_of_gradient_flow(power: Callable[[Any], Any] = lambda m: 1 / m) -> Any:
    """Gradient flow conserves s_i d_i and |s_i|^(1/m_i) / |s_j|^(1/m_j), the spectrum up to one number."""
    e = residual(s, d, curvatures, y_q)
    flow = {si: -m * e * si for si, m in zip(s, curvatures, strict=True)}
    flow |= {di: m * e * di for di, m in zip(d, curvatures, strict=True)}
    positive = sp.symbols(f"x1:{N_MODES + 1}", positive=True)  # |s_i|; the flow keeps signs

    def rate(quantity: Any) -> Any:
        return sum(sp.diff(quantity, x) * speed for x, speed in flow.items())

    logs = [power(m) * sp.log(x) for x, m in zip(positive, curvatures, strict=True)]
    ratios = [(logs[0] - x).subs(dict(zip(positive, s, strict=True))) for x in logs[1:]]
    return vanishes(*(rate(si * di) for si, di in zip(s, d, strict=True)), *map(rate, ratios))


@claim("many_modes.one_mode", "all modes but one at 0; y_q != 0 of either sign")
def one_mode_is_the_normal_form(step: Step = step, swapped: bool = True) -> Any:
    """A mode at 0 stays there. One mode alone is the normal form with mu = eta m |y_q|: for y_q > 0

    a = sqrt(eta) m s/2 and b = sqrt(eta) m d/2, and for y_q < 0 the two exchange their roles.
    """
    remainders = []
    for sign in (1, -1):
        lone_s, lone_d = [s[0], 0, 0], [d[0], 0, 0]
        new_s, new_d = step(lone_s, lone_d, curvatures, sign * y_abs, eta)
        scale = sp.sqrt(eta) * curvatures[0] / 2
        before, after = (lone_s[0], lone_d[0]), (new_s[0], new_d[0])
        if sign < 0 and swapped:
            before, after = before[::-1], after[::-1]
        expected = modes.step_modes(scale * before[0], scale * before[1], eta * curvatures[0] * y_abs)
        remainders += [*new_s[1:], *new_d[1:], *(scale * x - y for x, y in zip(after, expected, strict=True))]
    return vanishes(*remainders)


@claim("many_modes.equal_curvatures", "m_1 = m_2 = m")
def equal_curvatures_act_as_one(second: Any = weakest) -> Any:
    """Modes of equal curvature act as one: (s_1^2 + s_2^2, d_1^2 + d_2^2) moves like its (s^2, d^2)."""
    new_s, new_d = step(s[:2], d[:2], (weakest, second), y_q, eta)
    size_s, size_d = sp.sqrt(s[0] ** 2 + s[1] ** 2), sp.sqrt(d[0] ** 2 + d[1] ** 2)
    (one_s,), (one_d,) = step([size_s], [size_d], [weakest], y_q, eta)
    return vanishes(sum(x**2 for x in new_s) - one_s**2, sum(x**2 for x in new_d) - one_d**2)


@claim("many_modes.saddle")
def growth_at_the_saddle(sign: int = 1) -> Any:
    """At the origin s_i grows by 1 + eta m_i y_q and d_i by 1 - eta m_i y_q per step."""
    jacobian = _jacobian()
    factors = [1 + sign * eta * m * y_q for m in curvatures], [1 - sign * eta * m * y_q for m in curvatures]
    return vanishes(jacobian.subs(dict.fromkeys([*s, *d], 0)) - sp.diag(*factors[0], *factors[1]))


@claim("many_modes.sharpness", "e = 0")
def sharpness_of_a_minimum(formula: Callable[[Modes, Modes, Modes], Any] = sharpness) -> Any:
    """At a minimum the Hessian is the outer product of the prediction's gradient with itself.

    Its one eigenvalue other than 0 is sum_i m_i^2 (p_i^2 + k_i^2), in the space of all weights too:
    |e_q|^2 (|G p|^2 + |G k|^2) is the squared gradient of the literal prediction.
    """
    p, q = sp.symbols(f"p1:{N_MODES + 1}", real=True), sp.symbols(f"k1:{N_MODES + 1}", real=True)
    predicted = sum(m * x * y for m, x, y in zip(curvatures, p, q, strict=True))
    slope = sp.Matrix([predicted]).jacobian([*p, *q]).T
    hessian = sp.hessian(half_square(predicted, y_q), [*p, *q])
    outer = hessian - (predicted - y_q) * sp.hessian(predicted, [*p, *q]) - slope * slope.T
    sums, differences = ([x + sign * y for x, y in zip(p, q, strict=True)] for sign in (1, -1))
    literal = []
    for size in SIZES[:2]:
        tokens, P, K, found = _attention_with_full_weights(*size)
        length, query = _query(tokens)
        gram = tokens * tokens.T / size[1]
        squares = sum((gram * x).dot(gram * x) for x in (P[-1, :].T, K * query))
        literal.append(sum(sp.diff(found, x) ** 2 for x in [*P, *K]) - length**2 * squares)
    return vanishes(outer, slope.dot(slope) - formula(sums, differences, curvatures), *literal)


@claim("many_modes.flattest", "e = 0, y_q != 0; m_min the smallest curvature other than 0")
def flattest_minimum_is_in_the_weakest_mode(mode: int = -1) -> Any:
    """Every minimum is at least as sharp as 2 m_min |y_q|, attained only by a balanced pair in weakest modes.

    For y_q > 0, sharpness - 2 m_min y_q = sum_i m_i ((m_i - m_min) s_i^2 + (m_i + m_min) d_i^2)/2, a sum of
    squares with coefficients >= 0, zero only if every d_i is 0 and every s_i with m_i > m_min. For y_q < 0
    exchange s and d.
    """
    best, outcomes = curvatures[mode], []
    for x, y, sign in ((s, d, 1), (d, s, -1)):
        label = residual(s, d, curvatures, 0)  # y_q of the minimum (s, d)
        terms = [((m - best), (m + best)) for m in curvatures]
        squares = sum(
            m * (low * xi**2 + high * yi**2) / 2
            for m, (low, high), xi, yi in zip(curvatures, terms, x, y, strict=True)
        )
        outcomes.append(vanishes(sharpness(s, d, curvatures) - 2 * best * sign * label - squares))
        outcomes.append(_nonnegative(*(factor for pair in terms for factor in pair)))
    lone = [0, 0, flattest_minimum(weakest, y_abs)]
    attained = sharpness(lone, [0, 0, 0], curvatures) - smallest_sharpness(weakest, y_abs)
    return every(*outcomes, vanishes(attained, residual(lone, [0, 0, 0], curvatures, y_abs)))


@claim("many_modes.largest_step", "e = 0")
def largest_stable_step_size(bound: Any = 2) -> Any:
    """A minimum has one multiplier other than 1, 1 - eta sharpness: stable iff eta sharpness < 2.

    With the smallest sharpness 2 m_min |y_q|: some minimum is stable iff eta m_min |y_q| < 1.
    """
    jacobian = _jacobian()
    e = residual(s, d, curvatures, y_q)
    slope = sp.Matrix([e]).jacobian([*s, *d])
    push = sp.Matrix([-m * x for x, m in zip(s, curvatures, strict=True)])
    push = push.col_join(sp.Matrix([m * x for x, m in zip(d, curvatures, strict=True)]))
    turn = sp.diag(*(-m for m in curvatures), *curvatures)
    rank_one = jacobian - sp.eye(2 * N_MODES) - eta * e * turn - eta * push * slope
    size = sp.Dummy("size", positive=True)  # eta sharpness
    stable = sp.solveset(sp.Abs(1 - size) < 1, size, sp.S.Reals)
    threshold = largest_stable_step(weakest, y_abs)
    return every(
        vanishes(rank_one, (slope * push)[0] + sharpness(s, d, curvatures)),
        same(stable, sp.Interval.open(0, bound)),
        vanishes(threshold * smallest_sharpness(weakest, y_abs) - bound),
    )


@claim("many_modes.cap", "e = 0; c_i = m_i p_i k_i, the part of the prediction carried by mode i")
def stable_minima_have_a_flat_spectrum(factor: int = 2) -> Any:
    """Sharpness >= 2 sum_i m_i |c_i|: at a stable minimum sum_i m_i |c_i| < 1/eta, so |c_i| < 1/(eta m_i).

    The mean curvature of the learned spectrum, weighted by the parts c_i/y_q, stays below 1/(eta |y_q|).
    """
    p, q = sp.symbols("p q", real=True)
    m = weakest
    outcomes = []
    for sign in (1, -1):  # of c_i
        gap = m**2 * (p**2 + q**2) - factor * m * sign * m * p * q
        outcomes.append(vanishes(gap - m**2 * (p - sign * q) ** 2))
    at_the_cap = factor * y_abs * spectrum_cap(eta, y_abs)  # its least sharpness
    return every(*outcomes, vanishes(eta * at_the_cap - 2))


@claim("many_modes.drift", "m_j x < 1 for every mode, x = eta e != 0")
def large_steps_favour_weak_modes(
    log_growth: Callable[[Any, Any], Any] = lambda m, x: sp.log(1 - m * x),
) -> Any:
    """Gradient flow multiplies all |s_i|^(1/m_i) alike; one step does so by more, the smaller m_i is.

    d/dm [ln(1 - m x)/m] = -f(m x)/m^2 with f(t) = t/(1 - t) + ln(1 - t), f(0) = 0, f'(t) = t/(1 - t)^2.
    So f > 0 except at 0, and log |s_i|/m_i - log |s_j|/m_j falls with every step if m_i > m_j.
    """
    m, x, t = sp.symbols("m x t", real=True)
    f = t / (1 - t) + sp.log(1 - t)
    rate = sp.diff(log_growth(m, x) / m, m) + f.subs(t, m * x) / m**2
    return vanishes(rate, f.subs(t, 0), sp.diff(f, t) - t / (1 - t) ** 2)


@claim("many_modes.one_survives", "-R <= r < 1 in every step, r = eta m_i e; 0 < c = m_j/m_i < 1")
def only_the_weakest_mode_can_oscillate(exponent: Callable[[Any], Any] = lambda c: c) -> Any:
    """ln(1 - c r) - c ln(1 - r) >= c (1 - c) r^2 / (2 (1 + R)^2): a weaker mode j gains on mode i by sum e^2.

    So on a bounded orbit either sum_t e_t^2 is finite or s_i -> 0 in every excited mode but the weakest;
    and a cycle or a chaotic orbit of one mode that keeps its sign is unstable against every weaker mode.
    Proof: both sides vanish at r = 0; the derivative of the left is c (1 - c) r/((1 - r)(1 - c r)), and
    (1 - r)(1 - c r) <= (1 + R)^2.
    """
    c, r = sp.symbols("c r", real=True)
    left = sp.log(1 - c * r) - exponent(c) * sp.log(1 - r)
    slope = sp.diff(left, r) - c * (1 - c) * r / ((1 - r) * (1 - c * r))
    spare, more, part = sp.symbols("spare more part", nonnegative=True)
    # r = -q in [-R, 0] with R = q + spare, and r = 1/(1 + more) in (0, 1]; c = 1/(1 + part)
    below = (1 + more + spare) ** 2 - (1 + more) * (1 + more / (1 + part))
    above = 1 - (1 - 1 / (1 + more)) * (1 - 1 / (1 + part) / (1 + more))
    bounds = [sp.expand(sp.numer(sp.together(x))) for x in (below, above)]
    return every(vanishes(slope, left.subs(r, 0)), _nonnegative(*bounds))


def _attention_with_full_weights(n_features: int, n: int) -> tuple[Any, Any, Any, Any]:
    """Tokens, P, K and the prediction of a symbolic prompt."""
    tokens = literal_prompt(n_features, n).tokens
    size = n_features + 1
    P, K = (sp.Matrix(size, size, lambda i, j, x=x: sp.Symbol(f"{x}{i}_{j}", real=True)) for x in "PK")
    return tokens, P, K, attention(tokens, P, K)[-1, -1]


def _jacobian() -> Any:
    """Jacobian of one step in (s, d)."""
    new_s, new_d = step(s, d, curvatures, y_q, eta)
    return sp.Matrix([*new_s, *new_d]).jacobian([*s, *d])


def _query(tokens: Any) -> tuple[Any, Any]:
    """Length |e_q| and the unit vector e_q/|e_q|."""
    length = sp.sqrt(inner(tokens[:, -1], tokens[:, -1]))
    return length, tokens[:, -1] / length


def _nonnegative(*expressions: Any) -> Any:
    """Return True if all are nonnegative by the assumptions on their symbols, else the first that is not."""
    return next((x for x in map(sp.expand, expressions) if x.is_nonnegative is not True), True)
