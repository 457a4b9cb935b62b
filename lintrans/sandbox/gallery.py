"""Runs of a result file on pages: one or two at every epoch, or one of each kind."""

from __future__ import annotations

import numpy as np

from lintrans.pages import Page
from lintrans.sandbox.page import PageRun, sandbox_page
from lintrans.sandbox.runs import Runs, snapshot_steps

MAX_EPOCHS = 1001  # snapshots of a page about one run
N_MARKS = 51, 21  # full states of each run: on a page about one, in a gallery


def run_page(runs: Runs, *seeds: int) -> Page:
    """Page about one run, or two side by side, with a snapshot of every epoch.

    Snapshots between those of the file are computed: the runs are trained once more from these.

    Parameters
    ----------
    runs, seeds
        Which.

    Raises
    ------
    InputError
        If there is no such run, or as `sandbox_page`.
    """
    steps = snapshot_steps(runs.task, runs.training, MAX_EPOCHS)
    return _page(runs, [_run(runs, seed, steps, N_MARKS[0]) for seed in seeds], beside=True)


def gallery_page(runs: Runs) -> Page:
    """Page with one run of each circuit that occurs, the best of its kind, at the snapshots of the file."""
    return _page(runs, [_run(runs, seed, runs.step, N_MARKS[1]) for seed in runs.gallery().values()])


def _page(runs: Runs, shown: list[PageRun], *, beside: bool = False) -> Page:
    return sandbox_page(shown, task=runs.task, model=runs.model, training=runs.training, beside=beside)


def _run(runs: Runs, seed: int, steps: np.ndarray, n_marks: int) -> PageRun:
    row, in_file = runs.row(seed), np.array_equal(steps, runs.step)
    states = runs.state[row] if in_file else runs.replay(seed, steps)
    marks = np.unique(np.linspace(0, len(runs.step) - 1, n_marks).round().astype(int))
    four = np.full((2, runs.epoch.size, 4), np.nan)
    n_sets = runs.measured.size
    four[0, :, :n_sets], four[1, :, :n_sets] = runs.loss[row], runs.accuracy[row]
    fate = runs.fates.at(row)
    stages = {"formed": float(fate.formed_epoch), "read": float(fate.read_epoch)}
    return PageRun(
        seed=int(seed),
        label=runs.label(seed),
        steps=steps,
        weights=states[:, 0],
        marks=runs.step[marks],
        states=runs.state[row, marks],
        loss=four[0],
        accuracy=four[1],
        batch_loss=runs.batch_loss[row],
        spikes=runs.spikes(seed),
        stages={name: None if np.isnan(at) else int(at) for name, at in stages.items()},
    )
