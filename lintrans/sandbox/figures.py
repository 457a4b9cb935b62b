"""Figures of the sandbox: many runs and the best of them, studies, measures of one run."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from lintrans.plotting.style import WIDTH
from lintrans.sandbox.fates import Fates
from lintrans.sandbox.histories import History
from lintrans.sandbox.labels import LABELS, circuit
from lintrans.sandbox.model import unflatten
from lintrans.sandbox.network import layers
from lintrans.sandbox.runs import Runs
from lintrans.sandbox.studies import Study
from lintrans.sandbox.task import shown_sequences
from lintrans.sandbox.xi import xi_and_mass

# Colours of Okabe and Ito, from dark to light so that labels differ in grey too, and dashes of lines.
LOOKS: dict[str, tuple[str, Any]] = {
    "clustering head": ("#0b3c5d", "-"),
    "signed head": ("#d55e00", "--"),
    "even-weight": ("#009e73", "-."),
    "irregular": ("#cc79a7", ":"),
    "none": ("#bbbbbb", "-"),
}
MARKS = "os^vD*PXph"  # of count classes, so that neighbours differ in grey
DASHES = ("-", "--", ":", "-.", "-", "--", ":", "-.")  # of the parts of the weights
SHADES = ("#0b3c5d", "#0b3c5d", "#d55e00", "#d55e00", "#009e73", "#009e73", "#cc79a7", "#cc79a7")
MAX_NAMED = 12  # tokens that are numbered
FLOOR = 1e-12  # of a loss that is shown


def draw_runs(result: Runs) -> Figure:
    """Losses by seed, counts of fates, and the best run: embeddings, xi of all sequences, effects."""
    figure = Figure(figsize=(2 * WIDTH, 4.4), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1.05))
    above, below = halves
    losses, counts = above.subplots(1, 2, width_ratios=(1.6, 1))
    tables, plane, effects = below.subplots(1, 3, width_ratios=(1, 1.15, 1))
    _losses(losses, result)
    draw_shares(counts, result.fates)
    seed = result.best()
    flat = result.state[result.row(seed), -1, 0]
    _embeddings(tables, result, flat)
    _plane(plane, result, flat)
    _effects(effects, result, flat)
    below.suptitle(f"best run, seed {seed}: {result.label(seed)}", fontsize=8)
    return figure


def _losses(axes: Axes, result: Runs) -> None:
    """Training loss of every run over the epochs."""
    order = np.argsort(-result.fates.label)  # circuits on top
    for i in order:
        color, dashes = LOOKS[LABELS[result.fates.label[i]]]
        loss = np.maximum(result.loss[i, :, 0], FLOOR)
        axes.plot(result.epoch, loss, color=color, ls=dashes, lw=0.6, rasterized=True)
    axes.set(yscale="log", xlabel="epoch", ylabel="training loss (nats)")
    axes.set_xlim(0, result.epoch[-1])
    for label in np.unique(result.fates.label):
        color, dashes = LOOKS[LABELS[label]]
        axes.plot([], [], color=color, ls=dashes, label=LABELS[label])
    axes.legend(loc="lower left", fontsize=6, frameon=True, framealpha=0.9, edgecolor="none")
    axes.set_title(f"{result.seed.size} runs, each with its own seed")


def draw_shares(axes: Axes, found: Fates) -> None:
    """Bars of the shares of success and of each label, with 95 % intervals."""
    shares = {"solved": found.success(), **found.shares()}
    for y, (name, share) in enumerate(shares.items()):
        color = LOOKS.get(name, ("#444444", "-"))[0]
        axes.barh(y, share.value, color=color, edgecolor="k", linewidth=0.4, height=0.7)
        ends = [[share.value - share.low], [share.high - share.value]]
        axes.errorbar(share.value, y, xerr=ends, color="k", lw=0.7, capsize=1.5)
    axes.set_yticks(range(len(shares)), list(shares))
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xlabel="share of runs, with 95 % interval", ylabel="fate")


def _embeddings(axes: Axes, result: Runs, flat: NDArray[np.float64]) -> None:
    """Token table, each with its number, and positions."""
    task, model = result.task, result.model
    weights = unflatten(task, model, flat)
    is_summed = np.isin(np.arange(task.length), task.summed)
    tokens, positions = _in_plane(weights.tokens), _in_plane(weights.positions)
    occurs = np.arange(len(tokens)) < task.p
    looks: tuple[tuple[NDArray[np.float64], str, NDArray[np.bool_], dict[str, Any]], ...] = (
        (tokens, "token", occurs, {"marker": "s", "color": "#d55e00"}),
        (tokens, "token that never occurs", ~occurs, {"marker": "s", "mfc": "w", "color": "#d55e00"}),
        (positions, "position, summed", is_summed, {"marker": "o", "color": "#0b3c5d"}),
        (positions, "position, not summed", ~is_summed, {"marker": "o", "mfc": "w", "color": "#0b3c5d"}),
    )
    for points, name, chosen, style in looks:
        if chosen.any():
            axes.plot(*points[chosen].T, ls="", ms=4, mew=0.7, label=name, **style)
    for i, token in enumerate(tokens[:MAX_NAMED]):
        axes.annotate(str(i), token, xytext=(3, 2), textcoords="offset points", fontsize=6)
    axes.set(xlabel="coordinate 1", ylabel="coordinate 2", title="embeddings $E$, $P$")
    axes.margins(0.12)
    axes.legend(fontsize=5, loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2, frameon=False)


def _in_plane(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """First two coordinates of vectors (n, d); the second is 0 if there is only one."""
    return vectors[:, :2] if vectors.shape[1] > 1 else np.column_stack([vectors, np.zeros(len(vectors))])


def _plane(axes: Axes, result: Runs, flat: NDArray[np.float64]) -> None:
    """Draw xi of the population, by the number of tokens that are summed to it."""
    task, model = result.task, result.model
    sequences = shown_sequences(task)
    xi = _in_plane(xi_and_mass(task, model, unflatten(task, model, flat), sequences)[0])
    sums = sequences[:, list(task.summed)].sum(axis=1)
    highest = (task.p - 1) * task.k
    for s in np.unique(sums).tolist():
        color = str(round(0.75 * s / highest, 3))
        style: dict[str, Any] = {"s": 7, "color": color, "linewidths": 0, "rasterized": True}
        axes.scatter(*xi[sums == s].T, marker=MARKS[s % len(MARKS)], label=str(s), **style)
    axes.plot(0, 0, "+", color="k", ms=6, mew=0.6)
    axes.set(xlabel=r"$\xi_1$", ylabel=r"$\xi_2$", title=r"$\xi$ of all sequences")
    axes.locator_params(nbins=4)
    if highest < 2 * len(MARKS):
        title = "sum of the\nsummed tokens"
        axes.legend(fontsize=5, title=title, title_fontsize=5, loc="center left", bbox_to_anchor=(1, 0.5))


def _effects(axes: Axes, result: Runs, flat: NDArray[np.float64]) -> None:
    """Effect of each position on xi, in units."""
    task = result.task
    found = circuit(task, result.model, unflatten(task, result.model, flat))
    place, summed = np.arange(task.length), np.isin(np.arange(task.length), task.summed)
    for a, column in enumerate(np.nan_to_num(found.in_units).T):
        width = 0.8 / (task.p - 1)
        where = place - 0.4 + (a + 0.5) * width
        for chosen, color in ((summed, "#0b3c5d"), (~summed, "#bbbbbb")):
            name = ("summed" if color == "#0b3c5d" else "not summed") if a == 0 else None
            axes.bar(where[chosen], column[chosen], width, color=color, label=name)
    axes.axhline(0, color="k", lw=0.5)
    axes.set_xticks(place[:: max(1, task.length // 6)])
    axes.set(xlabel="position $t$", ylabel=r"effect on $\xi$ (units)", title="effect of each position")
    axes.legend(fontsize=5, loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=2, frameon=False)


def draw_study(result: Study) -> Figure:
    """Fates by setting: shares of labels, the share of success with its interval, times to read, spikes."""
    n = result.case.size
    figure = Figure(figsize=(2 * WIDTH, 1.0 + 0.28 * n), layout="constrained")
    shares, times, spikes = figure.subplots(1, 3, sharey=True, width_ratios=(2, 1, 1))
    for y in range(n):
        found, left = result.fates.at(y), 0.0
        for name, share in found.shares().items():
            label = name if y == 0 else None
            color = LOOKS[name][0]
            shares.barh(
                y, share.value, left=left, color=color, edgecolor="k", lw=0.3, height=0.7, label=label
            )
            left += share.value
        success = found.success()
        ends = [[success.value - success.low], [success.high - success.value]]
        bar: dict[str, Any] = {"color": "k", "mfc": "w", "fmt": "o", "ms": 3, "lw": 0.8, "capsize": 2}
        shares.errorbar(success.value, y, xerr=ends, label="solved" if y == 0 else None, **bar)
        solved = found.solved
        _box(times, found.read_epoch[solved], y)
        _box(spikes, found.spikes[solved].astype(np.float64), y)
    shares.set_yticks(range(n), result.case.tolist())
    shares.set_ylim(n - 0.5, -0.5)
    for axes in (shares, times, spikes):
        axes.set_ylabel("setting", visible=axes is shares)
    shares.set(xlim=(0, 1), xlabel=f"share of {result.seed.size} runs")
    times.set(xlabel="epoch at which\nthe circuit is read", xlim=(0, None))
    spikes.set(xlabel="loss spikes of\na solved run", xlim=(0, None))
    figure.legend(fontsize=6, ncols=6, loc="outside upper center")
    return figure


def _box(axes: Axes, values: NDArray[np.float64], y: int) -> None:
    """Median and quartiles of some runs, and each of them as a dot."""
    values = values[np.isfinite(values)]
    if values.size:
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        axes.plot(values, np.full(values.size, y + 0.2), ".", color="0.6", ms=2, rasterized=True)
        axes.plot([low, high], [y, y], color="k", lw=2.5, solid_capstyle="butt")
        axes.plot(middle, y, "o", color="w", mec="k", ms=3)


def draw_history(result: History) -> Figure:
    """Loss, variance shares, gradient and curvature of one run over its steps."""
    figure = Figure(figsize=(2 * WIDTH, 4.4), layout="constrained")
    (loss, shares), (slopes, curved) = figure.subplots(2, 2, sharex=True)
    step = result.step
    loss.plot(step, np.maximum(result.loss, FLOOR), color="k")
    loss.set(yscale="log", ylabel="training loss (nats)", title=f"seed {result.settings['seed']}")
    right = loss.twinx()
    right.plot(step, result.accuracy, color=LOOKS["signed head"][0], ls="--")
    right.set(ylim=(0, 1.03), ylabel="accuracy (dashed)")
    for values, look, name in (
        (result.between_counts, "-", "between counts"),
        (result.order, "--", "order"),
        (result.suffix, ":", "suffix"),
    ):
        shares.plot(step, values, ls=look, label=name, color="k")
    shares.plot(step, result.mass, color="0.6", label="attention mass")
    shares.set(ylim=(0, 1.03), ylabel=r"share of the variance of $\xi$")
    shares.legend(fontsize=6)
    for i, (name, dashes) in enumerate(zip(result.weights.tolist(), DASHES, strict=False)):
        slopes.plot(
            step,
            np.maximum(result.gradient[:, i], FLOOR),
            ls=dashes,
            color=SHADES[i % len(SHADES)],
            label=name,
        )
    slopes.set(yscale="log", ylabel="norm of the gradient", xlabel="step")
    slopes.legend(fontsize=5, ncols=2)
    if result.sharpness is not None:
        _eigenvalues(curved, step, result.sharpness, "0.6", "sharpness")
    if result.preconditioned is not None:
        _eigenvalues(curved, step, result.preconditioned, "k", "preconditioned by Adam")
    curved.plot(step, result.least_xi, color=LOOKS["signed head"][0], ls="--", label=r"least $|\xi|$")
    curved.plot(step, result.edge, color="k", ls=":", lw=0.8, label="edge of stability")
    curved.set(yscale="log", ylabel=r"curvature, and least $|\xi|$", xlabel="step")
    curved.legend(fontsize=6)
    return figure


def _eigenvalues(
    axes: Axes, step: NDArray[np.int64], values: NDArray[np.float64], color: str, label: str
) -> None:
    """Largest eigenvalue over the steps, and the next ones as thinner lines."""
    for i, column in enumerate(np.maximum(values, FLOOR).T):
        axes.plot(step, column, color=color, lw=0.9 if i == 0 else 0.4, label=label if i == 0 else None)


class Frames:
    """Six panels of one run that are drawn again for each frame of a movie.

    Parameters
    ----------
    runs, seed
        Which run.
    flat : (n_frames, n_weights) array
        Its weights at each frame.
    """

    def __init__(self, runs: Runs, seed: int, flat: NDArray[np.float64]) -> None:
        self.task, self.model, self.flat = runs.task, runs.model, flat
        self.sequences = shown_sequences(self.task)
        self.sums = self.sequences[:, list(self.task.summed)].sum(axis=1)
        self.figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        (self.sum_axes, self.normed_axes, self.attention), (self.plane, self.out, self.curves) = (
            self.figure.subplots(2, 3)
        )
        self.title = self.figure.suptitle("")
        self.row = runs.row(seed)
        self.name = f"seed {seed}, {runs.label(seed)}"
        self._begin(runs)

    def _begin(self, runs: Runs) -> None:
        task = self.task
        place = np.repeat(np.isin(np.arange(task.length), task.summed), task.p)
        token = np.tile(np.arange(task.p), task.length)
        look: dict[str, Any] = {
            "s": 22,
            "c": np.where(place, "#0b3c5d", "#bbbbbb"),
            "edgecolors": "k",
            "linewidths": 0.3,
        }
        nothing = np.zeros((place.size, 2))
        self.clouds = {
            axes: [
                axes.scatter(*nothing[token == x].T, marker=MARKS[x % len(MARKS)], **_of(look, token == x))
                for x in range(task.p)
            ]
            for axes in (self.sum_axes, self.normed_axes)
        }
        self.token = token
        self.query = self.normed_axes.annotate(
            "", (1, 0), (0, 0), arrowprops={"arrowstyle": "->", "color": "#d55e00"}
        )
        self.bars = self.attention.bar(
            np.arange(task.length),
            np.zeros(task.length),
            color=np.where(place[:: task.p], "#0b3c5d", "#bbbbbb"),
        )
        shade = 0.8 * self.sums / max(1, self.sums.max())
        self.points = [
            axes.scatter(*np.zeros((2, len(shade))), s=5, c=shade, cmap="gray", vmin=0, vmax=1, linewidths=0)
            for axes in (self.plane, self.out)
        ]
        self.tokens = [self.out.plot([], [], "s", ms=6, mfc="none", mec="#d55e00")[0]]
        self.sum_axes.set(title="token + position", xlabel="$z_1$", ylabel="$z_2$")
        self.normed_axes.set(title="normed, and the query", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
        self.attention.set(
            title="mean attention by position", xlabel="position $t$", ylim=(0, 1), ylabel="share"
        )
        self.plane.set(title=r"$\xi$ by the sum of the summed tokens", xlabel=r"$\xi_1$", ylabel=r"$\xi_2$")
        self.out.set(title="output, and the token table", xlabel="out$_1$", ylabel="out$_2$")
        loss = np.maximum(runs.loss[self.row, :, 0], FLOOR)
        self.curves.plot(runs.epoch, loss, color="k")
        self.curves.set(yscale="log", xlabel="epoch", title="training loss (nats)")
        self.now = self.curves.axvline(0, color="#d55e00", lw=1)

    def show(self, i: int, epoch: int) -> None:
        """Draw the frame number i, of an epoch."""
        weights = unflatten(self.task, self.model, self.flat[i])
        found = layers(self.task, self.model, weights, self.sequences)
        for axes, vectors in ((self.sum_axes, found.sums), (self.normed_axes, found.normed)):
            at = vectors.reshape(-1, 2)
            for x, cloud in enumerate(self.clouds[axes]):
                cloud.set_offsets(at[self.token == x])
            _fit(axes, at)
        self.query.xy = tuple(weights.query / max(1e-12, float(np.linalg.norm(weights.query))))
        for bar, height in zip(self.bars, found.attention.mean(axis=0), strict=True):
            bar.set_height(height)
        for points, axes, at in zip(self.points, (self.plane, self.out), (found.xi, found.out), strict=True):
            points.set_offsets(at)
            _fit(axes, at if axes is self.plane else np.vstack([at, weights.tokens]))
        self.tokens[0].set_data(*weights.tokens.T)
        self.now.set_xdata([epoch, epoch])
        self.attention.set_ylim(0, max(0.25, 1.05 * float(found.attention.mean(axis=0).max())))
        self.title.set_text(f"{self.name}: epoch {epoch}")
        if i == 0:
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")  # it stays, and takes most of the time


def _of(look: dict[str, Any], chosen: NDArray[np.bool_]) -> dict[str, Any]:
    return {**look, "c": look["c"][chosen]}


def _fit(axes: Axes, at: NDArray[np.float64]) -> None:
    """Limits of the axes round points, and the origin."""
    low, high = np.minimum(at.min(axis=0), 0), np.maximum(at.max(axis=0), 0)
    room = 0.08 * np.maximum(high - low, 1e-9)
    if np.isfinite(at).all():
        axes.set_xlim(low[0] - room[0], high[0] + room[0])
        axes.set_ylim(low[1] - room[1], high[1] + room[1])
