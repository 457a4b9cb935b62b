"""Training of a block of runs, and what it measures on the way."""

from __future__ import annotations

import numpy as np

from lintrans.compiled import entry
from lintrans.sandbox.kernels.batches import empty_batch, fill_batch
from lintrans.sandbox.kernels.draws import shuffle
from lintrans.sandbox.kernels.layout import LANES, add_narrow
from lintrans.sandbox.kernels.passes import evaluate_block, gradient_of, workspace_for
from lintrans.sandbox.kernels.steps import update


@entry
def gradients(sizes, norms, weights, batch, seeds, step, dropout):
    """Gradient (n_weights, LANES), and loss and share of right answers (2, LANES), of one batch."""
    space = workspace_for(sizes, weights.shape[0], 1, dropout, True)
    gradient, sums = np.zeros(weights.shape), np.zeros((2, LANES))
    gradient_of(sizes, norms, weights, batch, seeds, step, dropout, space, gradient)
    for i in range(2):
        add_narrow(space.sums[0], i, sums, i)
    return gradient, sums


@entry
def evaluate(sizes, norms, weights, batch):
    """Loss and share of right answers (sets, 2, LANES) of sequences by several sets of factors."""
    n_sets = batch.factors.shape[0]
    measured = np.zeros((n_sets, 2, LANES))
    space = workspace_for(sizes, weights.shape[0], n_sets, 0.0, False)
    evaluate_block(sizes, norms, weights, batch, space, measured)
    return measured


@entry
def train(
    sizes, norms, how, rates, schedule, state, seeds, places, labels, batch_size, span, sets, every, marks
):
    """Train a block of runs in place, from one step to another.

    Parameters
    ----------
    sizes, norms, how
        `Sizes`, `Norms` and `Steps`.
    rates, schedule
        Factors of the learning rate by row of weights and by step; the last of the schedule goes on.
    state
        Weights and both moments, (3, n_weights, LANES); changed in place.
    seeds
        Of the orders and of dropout, (LANES,).
    places, labels
        Training sequences: where their table entries are, (n, groups, LANES), and (n, LANES).
    batch_size
        Samples of a run in a step; what is left over at the end of an epoch is dropped.
    span
        Steps already done, and steps done at the end.
    sets
        Sequences on which losses are measured, a `Batch` with a set of factors for each measure.
    every
        Epochs between such measures; 0 for none.
    marks
        Steps after which the state is kept, increasing.

    Returns
    -------
    epochs : (n_epochs, 2, LANES) array
        Loss and share of right answers over the batches of every epoch that ends within the span.
    measured : (n_measures, sets, 2, LANES) array
        The same of the sets, after every ``every``-th epoch.
    kept : (marks, 3, n_weights, LANES) array
        State at the marks.
    """
    weights, first, second = state[0], state[1], state[2]
    per_epoch = places.shape[0] // batch_size
    begin, end = span
    n_weights, n_sets = weights.shape[0], sets.factors.shape[0]
    space, gradient = workspace_for(sizes, n_weights, 1, how.dropout, True), np.zeros(weights.shape)
    still = workspace_for(sizes, n_weights, n_sets, 0.0, False)  # neither learns nor drops
    batch = empty_batch(places.shape[1], batch_size)
    order = np.zeros((LANES, places.shape[0]), np.int64)
    n_epochs = end // per_epoch - begin // per_epoch
    n_measures = 0 if every == 0 else (end // per_epoch) // every - (begin // per_epoch) // every
    epochs, measured = np.zeros((n_epochs, 2, LANES)), np.zeros((n_measures, n_sets, 2, LANES))
    kept, n_kept, done, seen = np.zeros((marks.size, 3, n_weights, LANES)), 0, 0, 0
    while n_kept < marks.size and marks[n_kept] <= begin:
        kept[n_kept] = state
        n_kept += 1
    for step in range(begin, end):
        epoch, place = divmod(step, per_epoch)
        if place == 0 or step == begin:
            shuffle(seeds, epoch, order)
        fill_batch(places, labels, order, place * batch_size, batch)
        gradient_of(sizes, norms, weights, batch, seeds, step, how.dropout, space, gradient)
        relative = schedule[min(step, schedule.size - 1)]
        update(how, step + 1, relative, rates, weights, first, second, gradient)
        if place == per_epoch - 1:
            for i in range(2):
                add_narrow(space.sums[0], i, epochs[done], i)
            epochs[done] /= per_epoch if begin <= epoch * per_epoch else np.nan  # begun in the middle
            space.sums[:] = 0.0
            done += 1
            if every > 0 and (epoch + 1) % every == 0:
                evaluate_block(sizes, norms, weights, sets, still, measured[seen])
                seen += 1
        if n_kept < marks.size and marks[n_kept] == step + 1:
            kept[n_kept] = state
            n_kept += 1
    return epochs, measured, kept
