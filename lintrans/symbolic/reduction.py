"""From literal attention to the two-dimensional map: derivation of the normal form (theory/01_reduction).

Everything is differentiated from f(E) = E + P E (E^T K E)/n with concrete small sizes, the prediction and
its gradient with matrices of symbolic size too; no formula of the reduction is assumed. The loss is
(prediction - y_q)^2 / 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy as sp

from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.modes import step_modes, step_uv
from lintrans.symbolic.symbols import eta, h, k, mu, u, v, w, y_abs, y_q

SIZES = ((1, 1), (2, 1), (2, 2))
"""Pairs (d, n) of input dimension and context length on which the literal derivation is run."""

Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class LiteralPrompt:
    """A symbolic prompt: the token matrix E, the label y_q, the moment M, and weights of shape d x d."""

    tokens: sp.Matrix
    label: sp.Expr
    moment: sp.Matrix
    weights: sp.Matrix

    @property
    def n_context(self) -> int:
        """Context length n; the query is one more column of E."""
        return int(self.tokens.cols) - 1


def literal_prompt(d: int, n: int) -> LiteralPrompt:
    """Return E = [[x_1..x_n, x_q], [y_1..y_n, 0]] in symbols and M = (1/n) sum_i y_i x_i x_q^T."""
    inputs = sp.Matrix(d, n + 1, lambda i, j: sp.Symbol(f"x{i}_{j}", real=True))
    labels = sp.Matrix(1, n + 1, lambda _, j: sp.Symbol(f"y_{j}", real=True) if j < n else 0)
    moment = sum((labels[j] * inputs[:, j] for j in range(n)), sp.zeros(d, 1)) * inputs[:, n].T / n
    weights = sp.Matrix(d, d, lambda i, j: sp.Symbol(f"W{i}_{j}", real=True))
    return LiteralPrompt(sp.Matrix.vstack(inputs, labels), y_q, moment, weights)


def attention(tokens: Any, value: Any, key_query: Any) -> Any:
    """Linear self-attention f(E) = E + P E (E^T K E)/n, with n the number of context columns."""
    return tokens + value * tokens * (tokens.T * key_query * tokens) / (tokens.cols - 1)


def prediction(prompt: LiteralPrompt) -> Any:
    """Entry (d+1, n+1) of attention with P = diag(0, w) and K = diag(W, 0)."""
    d = prompt.weights.rows
    value = sp.diag(sp.zeros(d, d), w)
    key_query = sp.diag(prompt.weights, 0)
    return attention(prompt.tokens, value, key_query)[-1, -1]


def half_square(predicted: Any, label: Any) -> Any:
    """Loss (prediction - y_q)^2 / 2: the convention of the whole package."""
    return (predicted - label) ** 2 / 2


def gradient_step(prompt: LiteralPrompt, loss: Loss = half_square) -> tuple[Any, Any]:
    """One step of gradient descent, differentiated: the new w and the new W."""
    value = loss(prediction(prompt), prompt.label)
    new_weights = prompt.weights.applyfunc(lambda entry: entry - eta * sp.diff(value, entry))
    return w - eta * sp.diff(value, w), new_weights


def step_wk(w: Any, k: Any, h: Any, y_q: Any, eta: Any) -> tuple[Any, Any]:
    """Unnormalised map of (w, k), k = <W, M>/h: the one to use when h = 0 or y_q = 0."""
    error = h * w * k - y_q
    return w - eta * h * k * error, k - eta * h * w * error


def inner(left: Any, right: Any) -> Any:
    """Frobenius inner product of two matrices."""
    return sum(x * y for x, y in zip(left, right, strict=True))


@claim("reduction.prediction")
def prediction_is_bilinear(moment_sign: int = 1) -> Any:
    """The prediction is w <W, M>; M has rank one."""
    prompts = [literal_prompt(d, n) for d, n in SIZES]
    rank = [p.moment.det() for p in prompts if p.moment.rows > 1]
    return vanishes(*(prediction(p) - moment_sign * w * inner(p.weights, p.moment) for p in prompts), *rank)


@claim("reduction.any_size", "any d and n: matrices of symbolic size, multiplied block by block")
def prediction_of_any_size(value_sign: int = 1) -> Any:
    """In every dimension and length the prediction is w y X^T W x_q/n = w <W, M>, M = X y^T x_q^T/n.

    X holds the context x_1..x_n, y the row of its labels. The prediction is linear in W, with gradient w M.
    """
    d, n = sp.symbols("d n", integer=True, positive=True)
    X, W, x_q = (sp.MatrixSymbol(*x) for x in (("X", d, n), ("W", d, d), ("x_q", d, 1)))
    y = sp.MatrixSymbol("y", 1, n)
    zero = {(i, j): sp.ZeroMatrix(i, j) for i in (1, d) for j in (1, d)}
    tokens = sp.BlockMatrix([[X, x_q], [y, zero[1, 1]]])
    value = sp.BlockMatrix([[zero[d, d], zero[d, 1]], [zero[1, d], value_sign * w * sp.Identity(1)]])
    key_query = sp.BlockMatrix([[W, zero[d, 1]], [zero[1, d], zero[1, 1]]])
    output = sp.block_collapse(tokens + value * tokens * (tokens.T * key_query * tokens) / n)
    predicted, moment = output.blocks[1, 1], X * y.T * x_q.T / n
    return every(
        same(predicted, w * y * X.T * W * x_q / n),
        same((predicted.diff(W) - w * moment).doit(), zero[d, d]),
    )


@claim("reduction.direction")
def weights_move_along_moment(loss: Loss = half_square) -> Any:
    """One step changes W by -eta (prediction - y_q) w M and w by -eta (prediction - y_q) <W, M>."""
    remainders = []
    for d, n in SIZES:
        prompt = literal_prompt(d, n)
        new_w, new_weights = gradient_step(prompt, loss)
        error = prediction(prompt) - prompt.label
        remainders.append(new_weights - prompt.weights + eta * error * w * prompt.moment)
        remainders.append(new_w - w + eta * error * inner(prompt.weights, prompt.moment))
    return vanishes(*remainders)


@claim("reduction.closed", "h = ||M||_F > 0; k = <W, M>/h")
def pair_is_closed(step: Callable[..., tuple[Any, Any]] = step_wk) -> Any:
    """The pair (w, k) is closed: w' = w - eta h k e and k' = k - eta h w e with e = h w k - y_q."""
    remainders = []
    for d, n in SIZES:
        prompt = literal_prompt(d, n)
        norm = sp.sqrt(inner(prompt.moment, prompt.moment))
        new_w, new_weights = gradient_step(prompt)
        pair = (w, inner(prompt.weights, prompt.moment) / norm)
        found_w, found_k = step(*pair, norm, prompt.label, eta)
        remainders += [new_w - found_w, inner(new_weights, prompt.moment) / norm - found_k]
    return vanishes(*remainders)


@claim("reduction.normal_form", "h > 0, y_q != 0 of either sign")
def normal_form_holds(
    step: Callable[..., tuple[Any, Any]] = step_uv, sign_in_v: Callable[[int], int] = lambda sign: sign
) -> Any:
    """Normal form: u' = u - mu v (uv - 1), v' = v - mu u (uv - 1) with mu = eta h |y_q|, either sign of y_q.

    Here u = w/s, v = sgn(y_q) k/s, s = sqrt(|y_q|/h), and prediction = y_q u v.
    """
    scale = sp.sqrt(y_abs / h)
    remainders = []
    for sign in (1, -1):
        factor = sign_in_v(sign)
        old_w, old_k = scale * u, factor * scale * v
        new_w, new_k = step_wk(old_w, old_k, h, sign * y_abs, eta)
        new_u, new_v = step(u, v, eta * h * y_abs)
        remainders += [new_w / scale - new_u, factor * new_k / scale - new_v]
        remainders.append(h * old_w * old_k - sign * y_abs * u * v)
    return vanishes(*remainders)


@claim("reduction.half")
def convention_doubles_mu(factor: int = 2) -> Any:
    """With the loss (prediction - y_q)^2, without the 1/2, the same map holds with eta and mu doubled."""
    prompt = literal_prompt(2, 1)
    plain_w, plain_weights = gradient_step(prompt, lambda p, y: (p - y) ** 2)
    half_w, half_weights = (x.subs(eta, factor * eta) for x in gradient_step(prompt))
    return vanishes(plain_w - half_w, plain_weights - half_weights)


@claim("reduction.degenerate", "h = 0, or y_q = 0 with h > 0")
def degenerate_prompts(zero_h: Any = 0) -> Any:
    """If h = 0 nothing moves; if y_q = 0 the modes sqrt(eta) h (w +- k)/2 obey the map with mu = 0."""
    frozen = step_wk(w, k, zero_h, y_q, eta)
    scale = sp.sqrt(eta) * h / 2
    new_w, new_k = step_wk(w, k, h, 0, eta)
    new_a, new_b = step_modes(scale * (w + k), scale * (w - k), 0)
    return vanishes(
        frozen[0] - w, frozen[1] - k, scale * (new_w + new_k) - new_a, scale * (new_w - new_k) - new_b
    )


@claim("reduction.full_weights", "P and K unrestricted; e_q = (x_q, 0)")
def full_weights_reduce(residual_sign: int = 1) -> Any:
    """Only p (last row of P) and K e_q matter: prediction p^T G K e_q, G = E E^T/n.

    One step changes p by -eta e G K e_q and K by -eta e G p e_q^T, and no other entry of P.
    """
    remainders = []
    for d, n in SIZES[:2]:
        tokens = literal_prompt(d, n).tokens
        value, key_query = (sp.Matrix(d + 1, d + 1, lambda i, j, s=s: sp.Symbol(f"{s}{i}_{j}")) for s in "PK")
        predicted = attention(tokens, value, key_query)[-1, -1]
        last_row, query, gram = value[-1, :].T, tokens[:, -1], tokens * tokens.T / n
        loss, error = half_square(predicted, y_q), residual_sign * (predicted - y_q)
        row_gradient = sp.zeros(d, d + 1).col_join((error * gram * key_query * query).T)
        remainders.append(predicted - (last_row.T * gram * key_query * query)[0])
        remainders.append(value.applyfunc(lambda x, f=loss: sp.diff(f, x)) - row_gradient)
        remainders.append(
            key_query.applyfunc(lambda x, f=loss: sp.diff(f, x)) - error * gram * last_row * query.T
        )
    return vanishes(*remainders)


@claim("reduction.many_modes", "eigenbasis of G, two modes; m_i = |e_q| g_i, e the shared residual")
def many_modes_hold(swap: int = 1) -> Any:
    """Sum s_i and difference d_i of each pair obey s_i' = (1 - eta m_i e) s_i, d_i' = (1 + eta m_i e) d_i.

    The shared residual is e = sum_i m_i (s_i^2 - d_i^2)/4 - y_q; one mode is the normal form again.
    """
    p, q, m = (sp.symbols(f"{name}1:3", real=True) for name in "pqm")
    error = sum(m[i] * p[i] * q[i] for i in range(2)) - y_q
    loss = error**2 / 2
    remainders = [error + y_q - sum(m[i] * ((p[i] + q[i]) ** 2 - (p[i] - q[i]) ** 2) / 4 for i in range(2))]
    for i in range(2):
        new_p, new_q = (x - eta * sp.diff(loss, x) for x in (p[i], q[i]))
        remainders.append(new_p + new_q - (1 - swap * eta * m[i] * error) * (p[i] + q[i]))
        remainders.append(new_p - new_q - (1 + swap * eta * m[i] * error) * (p[i] - q[i]))
    return vanishes(*remainders)


@claim("reduction.signed", "h > 0, any y_q")
def signed_label_modes(sign: int = 1) -> Any:
    """In the modes sqrt(eta) h (w +- k)/2 a prompt with any y_q obeys the map with the signed eta h y_q."""
    scale = sp.sqrt(eta) * h / 2
    new_w, new_k = step_wk(w, k, h, y_q, eta)
    new_a, new_b = step_modes(scale * (w + k), scale * (w - k), sign * eta * h * y_q)
    return every(vanishes(scale * (new_w + new_k) - new_a), vanishes(scale * (new_w - new_k) - new_b))


def effective_step_size() -> Any:
    """Return mu = eta h |y_q| as an equation.

    Examples
    --------
    >>> effective_step_size()
    Eq(mu, eta*h*y_abs)
    """
    return sp.Eq(mu, eta * h * y_abs)
