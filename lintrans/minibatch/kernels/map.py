"""The step of the random map by one batch."""

from __future__ import annotations

from lintrans.compiled import compiled


@compiled
def batch_step(mu, a, b, curvature, push):
    """One step by a batch: a', b' and the residual r of the full batch before it; push = mu (a_B - c_B).

    Every product feeds one sum, as in `lintrans.two_factor.kernels.step`.
    """
    r = a * a - (b * b + mu)
    sigma = curvature * r + push
    return a - sigma * a, b + sigma * b, r


@compiled
def determinant(product, double, curvature, sigma):
    """Determinant of the Jacobian of `batch_step`, from product = a^2 - b^2 and double = 2 b.

    1 - sigma^2 - 2 a_B (a^2 + b^2) - 2 a_B sigma (a^2 - b^2)
    """
    return (1.0 - sigma * sigma) - (2.0 * curvature) * ((1.0 + sigma) * product + 0.5 * (double * double))
