"""How a gradient becomes a step: clipping, Adam (Kingma and Ba, 2015), momentum, weight decay."""

from __future__ import annotations

import math

import numpy as np

from lintrans.compiled import compiled
from lintrans.sandbox.kernels.layout import ADAM, LANES


@compiled
def hold_still(rates, gradient):
    """Clear the gradient of weights that are not trained, so that neither clipping nor moments see it."""
    for k in range(gradient.shape[0]):
        if rates[k] == 0.0:
            gradient[k] = 0.0


@compiled
def clip(gradient, largest):
    """Scale the gradient of a lane to norm ``largest`` if it is longer."""
    squares = np.zeros(LANES)
    for k in range(gradient.shape[0]):
        for j in range(LANES):
            squares[j] += gradient[k, j] * gradient[k, j]
    for j in range(LANES):
        length = math.sqrt(squares[j])
        squares[j] = largest / length if length > largest else 1.0
    for k in range(gradient.shape[0]):
        for j in range(LANES):
            gradient[k, j] *= squares[j]


@compiled
def update(how, n, relative, rates, weights, first, second, gradient):
    """Step number n, from 1, with learning rate ``relative * how.rate * rates`` of each row of weights.

    Weight decay is decoupled from the gradient (Loshchilov and Hutter, 2019): weights shrink by it times the
    learning rate. Rows with a rate of 0 are not trained.
    """
    hold_still(rates, gradient)
    if how.clip < np.inf:
        clip(gradient, how.clip)
    beta1, beta2, rate = how.momentum, how.beta2, relative * how.rate
    bias = 1.0 / (1.0 - beta1**n)
    root_bias = 1.0 / math.sqrt(1.0 - beta2**n)
    rest1, rest2, decay = 1.0 - beta1, 1.0 - beta2, how.weight_decay
    size = weights.size
    w, m, v, g = weights.reshape(size), first.reshape(size), second.reshape(size), gradient.reshape(size)
    if how.optimizer == ADAM:
        for k in range(size):
            m[k] += rest1 * (g[k] - m[k])
            v[k] += rest2 * (g[k] * g[k] - v[k])
            g[k] = bias * m[k] / (math.sqrt(v[k]) * root_bias + how.epsilon)
    else:
        for k in range(size):
            m[k] = beta1 * m[k] + g[k]
            g[k] = m[k]
    for k in range(weights.shape[0]):
        step = rate * rates[k]
        for c in range(k * LANES, (k + 1) * LANES):
            w[c] -= step * (g[c] + decay * w[c])
