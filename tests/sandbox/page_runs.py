"""Recorded runs for tests of the page."""

from __future__ import annotations

import numpy as np

from lintrans.sandbox.blocks import Block
from lintrans.sandbox.page import SETS, PageRun

SPIKES = (5, 11)


def with_start(rows):
    """Measures after every epoch, with a row of NaN before training."""
    return np.concatenate([np.full((1, *rows.shape[1:]), np.nan), rows])


def record(task, model, training, seeds, *, mark_every=4, **words):
    """Runs with a snapshot after every epoch and full states after some; and the states of all."""
    block = Block(task, model, training, seeds)
    n, per_epoch = training.n_epochs, training.per_epoch(task)
    steps = np.arange(n + 1) * per_epoch
    found = block.advance(block.begin(), (0, n * per_epoch), marks=steps)
    whole = np.full((len(seeds), n, len(SETS)), np.nan)
    loss, accuracy = whole.copy(), whole
    loss[:, :, : len(block.sets)], accuracy[:, :, : len(block.sets)] = found.loss, found.accuracy
    runs = [
        PageRun(
            seed=seed,
            label=["clustering head", "none"][i % 2],
            steps=steps,
            weights=found.kept[i, :, 0],
            marks=steps[::mark_every],
            states=found.kept[i, ::mark_every],
            loss=with_start(loss[i]),
            accuracy=with_start(accuracy[i]),
            batch_loss=with_start(found.batch_loss[i]),
            spikes=[epoch for epoch in SPIKES if epoch <= n],
            stages={"clusters": min(8, n), "solved": None},
            **words,
        )
        for i, seed in enumerate(seeds)
    ]
    return runs, found.kept
