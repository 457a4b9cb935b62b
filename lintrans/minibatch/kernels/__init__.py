"""Compiled loops of mini-batch training: batches drawn, trajectories of the random map, trainings.

One step is `batch_step` in `map`: with the residual r = a^2 - b^2 - mu of the full batch, a mini-batch B has

    sigma = a_B r + mu (a_B - c_B),    a' = (1 - sigma) a,    b' = (1 + sigma) b,

and without variance, a_B = c_B = 1, the step of `lintrans.two_factor.kernels` to the bit.

Random numbers come from a counter (`draws`): number k of trajectory i is word k mod 4 of Philox4x32-10 with
the counter (k div 4, i) and the seed as its key; each step of batch size n takes the next n numbers. What a
trajectory does depends on nothing but the seed and its number: not on threads, tiles, the lane it was
computed in, or when it was stopped.

As in `lintrans.two_factor.kernels`, ``BLOCK`` trajectories go side by side and nothing is tested inside the
loops (`trajectories`); every ``WINDOW`` steps their batches are drawn and kept, walked, and walked once more
only where something happened. A lane whose trajectory has ended takes the next. Past its last step a
trajectory draws the batch of sigma = 0 and rests.

`trainings` asks no mode to be shared. Prompt i predicts w p_i with p_i = m_i^T W q_i, of its context moment
m_i and its query q_i, and a step by a batch of B prompts is

    e_i = w p_i - y_i,    w' = w - (eta / B) sum e_i p_i,    W' = W - (eta / B) w sum e_i m_i q_i^T

with everything on the right at the old weights. What is looked at is the projection onto a mode D, by w and
<W, D>; and <W, D> moves by the moments h_i = <m_i q_i^T, D> as W does by m_i q_i^T. ``BLOCK`` trainings go
side by side, each in a lane of W, (rows, columns, BLOCK). Prompts of a batch are copied next to each other
and used by fours, so that W is read and the gradient written once for all of them; the tuple that stands for
a group tells the compiler its size. The gradient is summed up beside W and moves it at the end of the step;
that of a single group moves it at once.
"""

from __future__ import annotations

from lintrans.compiled.philox import philox
from lintrans.minibatch.kernels.draws import BLOCK, EPOCHS, FRESH, REPLACEMENT, draw_prompts
from lintrans.minibatch.kernels.map import batch_step, determinant
from lintrans.minibatch.kernels.trainings import DRAWN_STEPS, train
from lintrans.minibatch.kernels.trajectories import (
    DIVERGED,
    LEFT,
    NEVER,
    exponents,
    follow,
    step_each,
    walk,
)
from lintrans.two_factor.kernels.map import ESCAPED
from lintrans.two_factor.kernels.walks import WINDOW

__all__ = [
    "BLOCK",
    "DIVERGED",
    "DRAWN_STEPS",
    "EPOCHS",
    "ESCAPED",
    "FRESH",
    "LEFT",
    "NEVER",
    "REPLACEMENT",
    "WINDOW",
    "batch_step",
    "determinant",
    "draw_prompts",
    "exponents",
    "follow",
    "philox",
    "step_each",
    "train",
    "walk",
]
