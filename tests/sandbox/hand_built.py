"""Heads written down by hand, whose effects are known exactly."""

from __future__ import annotations

import math

import numpy as np

from lintrans.sandbox.model import Model, Weights, initial_weights
from lintrans.sandbox.task import Task

FAR = -40.0  # score of a position that is not looked at: e^-40 is below half an ulp of 1


def weighted_head(task: Task, numbers, vectors=((-1.0,), (1.0,)), *, scale=1.0) -> tuple[Model, Weights]:
    """Head without a norm whose effects are numbers (L,), at least 0, times differences of vectors (p, m).

    The first dimension holds the score, log n_t, and the others the token: attention is n_t / sum of n_t.
    """
    numbers, vectors = np.asarray(numbers, dtype=float), np.asarray(vectors, dtype=float)
    model = Model(d=1 + vectors.shape[1], width=1, extra_tokens=0, attention_norm="none")
    blank = initial_weights(task, model, scales={"feed_forward": 0.0})
    tokens = np.zeros_like(blank.tokens)
    tokens[:, 1:] = vectors
    positions = np.zeros_like(blank.positions)
    positions[:, 0] = np.where(numbers > 0, np.log(np.where(numbers > 0, numbers, 1)), FAR)
    query = np.zeros(model.d)
    query[0] = math.sqrt(model.d)
    value = scale * np.diag([0.0, *[1.0] * vectors.shape[1]])
    return model, blank._replace(tokens=tokens, positions=positions, query=query, value=value)


def signed_head(task: Task, signs) -> tuple[Model, Weights]:
    """Head with the RMS norm, for p = 2, whose effects are equal but for signs (L,); 0 is not looked at.

    Positions lie at 45 and -45 degrees, and tokens move them up or down. Token 1 at the one is the mirror
    image of token 0 at the other, and only the first dimension is looked at.
    """
    signs = np.asarray(signs)
    model = Model(width=1, extra_tokens=0)
    blank = initial_weights(task, model, scales={"feed_forward": 0.0})
    positions = np.stack([np.where(signs == 0, -9.0, 2.0), 2.0 * signs], axis=1)
    tokens, value = np.array([[0.0, -0.3], [0.0, 0.3]]), np.diag([1.0, 0.0])
    return model, blank._replace(tokens=tokens, positions=positions, query=np.array([25.0, 0.0]), value=value)
