"""The step of the map and what one state tells: its Jacobian, its certificates, whether it has escaped."""

from __future__ import annotations

from lintrans.compiled import compiled

ESCAPED = 1.0e4  # |r| <= max(2, mu) on bounded orbits: inside the ellipse, theory/02_modes.py
RISE_FLOOR = 2.0**-44  # r is a difference of numbers below 16, each rounded at 2^-49 or less


@compiled
def step(mu, a, b):
    """One step of the map: a', b' and the residual r = mu (uv - 1) before the step."""
    r = a * a - (b * b + mu)
    return a - r * a, b + r * b, r


@compiled
def varied_step(mu, a, b, change_a, change_b, scale, weight_decay, momentum):
    """One step with weight decay, momentum and a scaled step size: new state and displacement, residual."""
    r = a * a - (b * b + mu)
    decay = mu * weight_decay
    change_a = momentum * change_a - (scale * (r + decay)) * a
    change_b = momentum * change_b + (scale * (r - decay)) * b
    return a + change_a, b + change_b, change_a, change_b, r


@compiled
def slope(mu, r):
    """da'/da on the slice b = 0, where a^2 = mu + r."""
    return (1.0 - 2.0 * mu) - 3.0 * r


@compiled
def determinant(slope, double, r):
    """Determinant of the Jacobian of `step`, from `slope`, double = 2 b and the residual r.

    Not from b^2: the compiler would use that product in `step` too, rounded and no longer fused.
    """
    return (slope + r * slope) - double * double


@compiled
def converges(mu, a, b):
    """`normal_form.converges` for one state: a certificate that the loss only falls from here."""
    r = step(mu, a, b)[2]
    rho, s = abs(r), a * a + b * b
    size = abs(1.0 - 2.0 * s)
    gamma = (1.0 + size) / 2.0
    delta = rho * (3.0 * rho + 2.0 * mu) / (1.0 - gamma)
    return (size < 1.0) & (size + 2.0 * delta + rho * (rho + mu) <= gamma) & (s + delta <= 1.0)


@compiled
def is_inside(mu, a, b):
    """Whether a state lies in the invariant ellipse of 0 < mu < 2, which no orbit leaves."""
    return (mu < 2.0) & (a * a / (2.0 + mu) + b * b / (2.0 - mu) <= 1.0)


@compiled
def is_far(a, b):
    """Whether the orbit is so far out, or NaN, that it escapes, or has escaped and cannot be back.

    Where |r| exceeds ESCAPED, a^2 + b^2 does, within mu. One of |1 - r| and |1 + r| is at least 1, so that
    |a| and |b| cannot both shrink; and far out they are nearly equal, unless |r| is large and both grow.
    """
    return not a * a + b * b <= ESCAPED / 2.0
