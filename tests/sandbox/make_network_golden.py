"""Write network_golden.npz: layers, gradients and steps of the sandbox in Python, for JavaScript to repeat.

Run by hand if the network or its training changes on purpose, and say so in CHANGELOG:

    python tests/sandbox/make_network_golden.py
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from lintrans.sandbox import network
from lintrans.sandbox.blocks import Block
from lintrans.sandbox.model import Model, initial_weights
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

PATH = Path(__file__).parent / "network_golden.npz"
N_SEQUENCES, N_STEPS = 20, 200

SMALL = (
    Task(p=3, length=7, positions=(1, 4, 5), n_train=128),
    Model(d=3, width=17, attention_norm="smooth", feed_forward_norm="none", extra_tokens=2),
)
NETWORKS = {
    "default": (Task(), Model()),
    "p = 3": SMALL,
    "p = 5": (
        Task(p=5, length=6, positions=(0, 3)),
        Model(attention_norm="none", feed_forward_norm="none", extra_tokens=0),
    ),
    "d = 1": (Task(p=4, length=4, positions=2), Model(d=1, width=5, feed_forward_norm="smooth")),
}


class Run(NamedTuple):
    """A run of which 200 steps are kept, from ``begin`` on."""

    task: Task
    model: Model
    training: Training
    seed: int = 3
    begin: int = 0

    @property
    def block(self):
        return Block(self.task, self.model, self.training, (self.seed,))

    def states(self):
        """State before and after the steps, (2, 3, n_weights)."""
        state = self.block.begin()
        if self.begin > 0:
            state = self.block.advance(state, (0, self.begin)).state
        return np.stack([state[0], self.block.advance(state, (self.begin, self.begin + N_STEPS)).state[0]])


RUNS = {
    "adam": Run(Task(), Model(), Training()),
    "on the way": Run(Task(), Model(), Training(), seed=4, begin=6437),
    "a large seed": Run(Task(n_train=64), Model(), Training(batch_size=10), seed=10**9, begin=3),
    "descent": Run(
        Task(p=5, length=5, positions=(1, 4), n_train=128),
        Model(d=1, width=3, feed_forward_norm="none", bias=False),
        Training(batch_size=1, optimizer="sgd", momentum=0.5, rate=0.02, frozen=["query"]),
    ),
    "plain descent": Run(Task(n_train=256), Model(), Training(optimizer="sgd", rate=0.1)),
    "clipped, with decay": Run(
        *SMALL, Training(batch_size=13, clip=0.1, weight_decay=0.1, feed_forward_rate=1e-3)
    ),
    "frozen": Run(Task(n_train=256), Model(), Training(frozen=["feed_forward", "positions"])),
    "schedule": Run(
        Task(p=20, length=4, positions=2, n_train=100),
        Model(attention_norm="smooth"),
        Training(batch_size=64, schedule=np.linspace(1, 0.1, 150), beta2=0.9, rate=0.01),
    ),
    "dropout": Run(Task(n_train=70), Model(), Training(batch_size=33, dropout=0.3)),
}


def sequences(name):
    """Sequences of a case of `NETWORKS`."""
    return NETWORKS[name][0].data(1).train[:N_SEQUENCES]


def layers(name):
    """Everything that is computed of them, by name."""
    task, model = NETWORKS[name]
    weights = initial_weights(task, model, 1)
    chosen = sequences(name)
    found, labels = network.layers(task, model, weights, chosen), task.labels(chosen)
    return {
        "weights": weights.flat,
        **found._asdict(),
        "losses": network.losses(found, labels),
        "right": network.is_right(found, labels),
        "gradient": network.gradient(task, model, weights, chosen).flat,
    }


def compute():
    """All arrays by the name of their case and their own."""
    found = {f"{name}/{key}": x for name in NETWORKS for key, x in layers(name).items()}
    return found | {f"{name}/states": run.states() for name, run in RUNS.items()}


def read():
    """The golden arrays by case."""
    cases = {}
    with np.load(PATH) as file:
        for path in file.files:
            name, key = path.split("/")
            cases.setdefault(name, {})[key] = file[path]
    return cases


# What JavaScript takes


def js_network(task, model):
    """Options of its Network."""
    first, second = model.attention_norm, model.feed_forward_norm
    constants = model.norm_constant(first), model.norm_constant(second)
    names = ("attention", "feedForward", "attentionConstant", "feedForwardConstant")
    return {
        "p": task.p,
        "length": task.length,
        "positions": list(task.summed),
        "nTokens": model.n_tokens(task),
        "d": model.d,
        "width": model.width,
        "norms": dict(zip(names, (first, second, *constants), strict=True)),
    }


def js_training(training, model):
    """Settings of its Trainer."""
    constant = training.schedule == "constant"
    return {
        "rate": training.rate,
        "batchSize": training.batch_size,
        "optimizer": training.optimizer,
        "momentum": training.momentum,
        "beta2": training.beta2,
        "epsilon": training.epsilon,
        "schedule": None if constant else np.asarray(training.schedule, dtype=np.float64),
        "feedForwardRate": training.feed_forward_rate,
        "frozen": list(training.frozen),
        "weightDecay": training.weight_decay,
        "clip": training.clip,
        "dropout": training.dropout,
        "bias": model.bias,
    }


def js_state(state, step):
    """A state, from its array (3, n_weights)."""
    return {**dict(zip(("weights", "first", "second"), state, strict=True)), "step": step}


def js_run(run, state, n_steps=N_STEPS):
    """A case of `train` in network_checks.js, from a state (3, n_weights)."""
    return {
        "network": js_network(run.task, run.model),
        "tokens": run.task.data(run.seed).train.astype(np.uint8).ravel(),
        "seed": str(run.seed),
        "training": js_training(run.training, run.model),
        "state": js_state(state, run.begin),
        "nSteps": n_steps,
    }


if __name__ == "__main__":
    np.savez_compressed(PATH, **compute())
