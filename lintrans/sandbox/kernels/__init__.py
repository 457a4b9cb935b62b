"""Compiled loops of the sandbox: a block of runs trains side by side, one lane a seed.

`layout` says where everything lies. `training` goes from step to step: it fills batches (`batches`) in the
order that `draws` shuffles, sends them forward and back (`passes`, through `attention` and `network`), and
turns gradients into steps (`steps`). `functions` are the exponential and gelu as polynomials, `norms` the
norm of vectors.
"""

from __future__ import annotations

from lintrans.sandbox.kernels.batches import Batch
from lintrans.sandbox.kernels.layout import (
    ADAM,
    COLUMNS,
    LANES,
    NO_NORM,
    RMS_NORM,
    SAMPLES,
    SGD,
    SMOOTH_NORM,
    Norms,
    Sizes,
    Steps,
)
from lintrans.sandbox.kernels.training import evaluate, gradients, train

__all__ = [
    "ADAM",
    "COLUMNS",
    "LANES",
    "NO_NORM",
    "RMS_NORM",
    "SAMPLES",
    "SGD",
    "SMOOTH_NORM",
    "Batch",
    "Norms",
    "Sizes",
    "Steps",
    "evaluate",
    "gradients",
    "train",
]
