"""Weight decay and momentum keep the reduction exact (theory/07_schedules).

``decay`` is lambda/(h |y_q|): one step shrinks the weights by mu times that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from lintrans.symbolic import modes
from lintrans.symbolic.claims import claim, every, same, vanishes
from lintrans.symbolic.reduction import half_square, literal_prompt, prediction
from lintrans.symbolic.symbols import a, b, eta, h, mu, u, v, w, y_abs

decay = sp.Symbol("decay", positive=True)
HALF = sp.Rational(1, 2)
_real = sp.Dummy("x", real=True)


def force_modes(a: Any, b: Any, mu: Any, decay: Any) -> tuple[Any, Any]:
    """Displacement of the modes in a step with weight decay: -(r + mu decay) a and (r - mu decay) b.

    Examples
    --------
    >>> force_modes(1, 0, sp.Rational(1, 2), 1)
    (-1, 0)
    """
    r = modes.residual(a, b, mu)
    return -(r + mu * decay) * a, (r - mu * decay) * b


@claim("variants.reduction", "lambda > 0; d = 2, n = 1")
def weight_decay_keeps_the_reduction(penalty: Any = HALF) -> Any:
    """The gradient of loss + (lambda/2)(w^2 + |W|^2) projects to (w, k), and W beside M only decays.

    The part along M moves by eta (h w e + lambda k), e the error of the prediction, that of w by
    eta (h k e + lambda w); a direction orthogonal to M by eta lambda times itself. Momentum adds a multiple
    of the last displacement, which is linear and projects as well.
    """
    lam = sp.Symbol("lambda", positive=True)
    prompt = literal_prompt(2, 1)
    squares = w**2 + sum(entry**2 for entry in prompt.weights)
    value = half_square(prediction(prompt), prompt.label) + penalty * lam * squares
    norm = sp.sqrt(sum(entry**2 for entry in prompt.moment))
    k = sum(x * y for x, y in zip(prompt.weights, prompt.moment, strict=True)) / norm
    slope = prompt.weights.applyfunc(lambda entry: sp.diff(value, entry))
    error = norm * w * k - prompt.label
    along = sum(x * y for x, y in zip(slope, prompt.moment, strict=True)) / norm
    beside = slope - lam * prompt.weights - prompt.moment * w * error
    return vanishes(
        sp.diff(value, w) - (norm * k * error + lam * w), along - (norm * w * error + lam * k), beside
    )


@claim("variants.normal_form", "h > 0, y_q != 0; w = s u, k = sign(y_q) s v, s^2 = |y_q|/h; mu = eta h |y_q|")
def weight_decay_in_normal_form(unit: Any = h * y_abs) -> Any:
    """The factor u moves by -mu (v (uv - 1) + decay u), v likewise, with decay = lambda/(h |y_q|).

    In modes that is -(r + mu decay) a and (r - mu decay) b; for a scaled step both times the scale.
    """
    scale = sp.sqrt(y_abs / h)
    outcomes = []
    for sign in (1, -1):
        big_w, big_k, label = scale * u, sign * scale * v, sign * y_abs
        error = h * big_w * big_k - label
        step = eta * (h * big_k * error + decay * unit * big_w) / scale
        expected = (v * (u * v - 1) + decay * u) * eta * h * y_abs
        outcomes.append(vanishes(step - expected))
    moved = (-mu * (v * (u * v - 1) + decay * u), -mu * (u * (u * v - 1) + decay * v))
    in_modes = modes.to_modes(*moved, mu)
    found = force_modes(*modes.to_modes(u, v, mu), mu, decay)
    return every(*outcomes, vanishes(*(x - y for x, y in zip(in_modes, found, strict=True))))


@claim("variants.minima", "0 < decay < 1, mu > 0; modes")
def weight_decay_leaves_two_minima(
    force: Callable[[Any, Any, Any, Any], tuple[Any, Any]] = force_modes,
) -> Any:
    """Fixed off the origin are b = 0, a^2 = mu (1 - decay), with the curvatures 2 a^2 and 2 mu decay.

    There uv = 1 - decay: the prediction falls short. They attract iff both curvatures are below 2 (heavy
    ball: below 2 (1 + momentum)). On the curve of minima of the plain map b decays: it is no longer fixed.
    """
    moved = force(a, b, mu, decay)
    point = {a: sp.sqrt(mu * (1 - decay)), b: 0}
    jacobian = sp.Matrix(moved).jacobian([a, b]).subs(point)
    # both displacements vanish off the axes only if r = -mu decay and r = mu decay
    gap = sp.expand(moved[0] / a + moved[1] / b)
    imaginary = sp.solveset(-(_real**2) - mu - mu * decay, _real, sp.S.Reals)  # a = 0: r = mu decay
    return every(
        vanishes(*(x.subs(point) for x in moved), gap + 2 * mu * decay),
        vanishes(jacobian + sp.diag(2 * mu * (1 - decay), 2 * mu * decay)),
        same(imaginary, sp.S.EmptySet),
    )


@claim("variants.heavy_ball", "0 <= momentum < 1; curvature c, x'' = x' - c x' + momentum (x' - x)")
def heavy_ball_is_stable_up_to(bound: Callable[[Any], Any] = lambda beta: 2 * (1 + beta)) -> Any:
    """Heavy ball is linearly stable for 0 < c < 2 (1 + momentum).

    Its multipliers are the roots of z^2 - (1 + momentum - c) z + momentum: inside the unit circle iff
    momentum < 1 and |1 + momentum - c| < 1 + momentum (Jury). At the bound one of them is -1.
    """
    beta, c, z = sp.Symbol("beta", nonnegative=True), sp.Dummy("c", real=True), sp.Dummy("z")
    polynomial = z**2 - (1 + beta - c) * z + beta
    at = sp.Rational(1, 2)
    stable = sp.solveset(sp.Abs(1 + at - c) < 1 + at, c, sp.S.Reals)
    return every(
        vanishes(polynomial.subs({z: -1, c: bound(beta)}), polynomial.subs({z: 1, c: 0})),
        same(stable, sp.Interval.open(0, bound(at))),
    )
