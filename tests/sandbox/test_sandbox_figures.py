"""Figures and movies: what is drawn is what was found, named and legible in grey."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from PIL import Image

from lintrans.errors import InputError
from lintrans.plotting import plot
from lintrans.sandbox import Model, Task, Training, cases, measure_run, study, train
from lintrans.sandbox.figures import LOOKS, Frames
from lintrans.sandbox.labels import LABELS
from lintrans.sandbox.model import unflatten
from lintrans.sandbox.movie import save_movie
from lintrans.sandbox.network import layers
from lintrans.sandbox.task import shown_sequences


@pytest.fixture(scope="module")
def runs():
    return train(seeds=[1, 2], training=Training(n_epochs=30), n_snapshots=4)


def texts(figure):
    return {text.get_text() for text in figure.findobj(Text)}


def test_runs_show_their_losses_and_the_best(runs):
    figure = plot(runs)
    losses = figure.axes[0]
    drawn = [line.get_ydata() for line in losses.get_lines() if len(line.get_xdata()) == 31]
    assert len(drawn) == 2
    assert any((y == runs.loss[0, :, 0]).all() for y in drawn)
    assert {"epoch", "training loss (nats)", "position $t$", r"$\xi_1$", r"$\xi_2$"} <= texts(figure)
    assert any(f"best run, seed {runs.best()}: {runs.label(runs.best())}" in text for text in texts(figure))
    points = np.concatenate([np.asarray(c.get_offsets()) for c in figure.axes[3].collections])
    weights = unflatten(runs.task, runs.model, runs.state[runs.row(runs.best()), -1, 0])
    xi = layers(runs.task, runs.model, weights, runs.task.population()).xi
    assert np.sort(points[:, 0]) == pytest.approx(np.sort(xi[:, 0]), abs=1e-12)
    tables = {line.get_label(): line.get_xydata() for line in figure.axes[2].get_lines()}
    assert tables["token"] == pytest.approx(weights.tokens[:2])
    assert tables["token that never occurs"] == pytest.approx(weights.tokens[2:])
    assert tables["position, summed"] == pytest.approx(weights.positions[:5])
    assert tables["position, not summed"] == pytest.approx(weights.positions[5:])


def test_labels_differ_in_grey_or_in_their_dashes():
    assert list(LOOKS) == list(LABELS)
    grey = {name: np.dot(to_rgb(color), (0.299, 0.587, 0.114)) for name, (color, _) in LOOKS.items()}
    for one, other in itertools.combinations(LOOKS, 2):
        assert abs(grey[one] - grey[other]) > 0.08 or LOOKS[one][1] != LOOKS[other][1]


def test_every_result_has_a_figure_with_named_axes(runs, tmp_path):
    found = study(cases(training=Training(n_epochs=1), widths=[2, 4]), seeds=[0, 1])
    assert "share of 2 runs" in texts(plot(found))
    history = measure_run(runs, 1, steps=[0, 640], curvature=True)
    assert {"step", "training loss (nats)", "norm of the gradient"} <= texts(plot(history))
    others = (Task(p=3, length=4, positions=2), Model(d=3)), (Task(length=3, positions=1), Model(d=1))
    for task, model in others:
        plot(train(task=task, model=model, seeds=[0], training=Training(n_epochs=1)))


def test_a_sample_of_many_sequences_is_random():
    task = Task(length=17)
    shown = shown_sequences(task).astype(float)
    assert set(shown[:, :5].sum(axis=1)) == set(range(6))
    correlations = np.corrcoef(shown.T)[np.triu_indices(17, k=1)]
    assert np.abs(correlations).max() < 4.5 / np.sqrt(len(shown))  # 136 of them


def test_a_movie_has_its_frames(runs, tmp_path):
    seen = []
    n = save_movie(runs, 1, tmp_path / "run.gif", n_frames=5, progress=lambda *done: seen.append(done[:2]))
    assert (n, seen[-1]) == (5, (5, 5))
    with Image.open(tmp_path / "run.gif") as image:
        assert image.n_frames == 5
        assert image.info["duration"] == 50  # milliseconds: 20 frames a second
    save_movie(runs, 1, tmp_path / "run.mp4", n_frames=3)
    assert (tmp_path / "run.mp4").read_bytes()[4:8] == b"ftyp"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run.gif", "run.mp4"]


@pytest.mark.parametrize(("fps", "milliseconds"), [(30, 30), (50, 20), (11, 90), (1, 1000)])
def test_a_gif_shows_each_frame_for_the_nearest_hundredth_of_a_second(runs, tmp_path, fps, milliseconds):
    save_movie(runs, 1, tmp_path / "run.gif", n_frames=2, fps=fps)
    with Image.open(tmp_path / "run.gif") as image:
        assert image.info["duration"] == milliseconds


def test_a_frame_shows_the_weights_of_its_epoch(runs):
    frames = Frames(runs, 1, runs.state[0, :, 0])
    frames.show(2, 20)
    weights = unflatten(runs.task, runs.model, runs.state[0, 2, 0])
    at = frames.points[0].get_offsets()
    assert np.asarray(at) == pytest.approx(layers(runs.task, runs.model, weights, frames.sequences).xi)
    assert frames.title.get_text().endswith("epoch 20")


def test_movies_refuse_what_they_cannot_show(runs, tmp_path):
    with pytest.raises(InputError, match="movie must end in one of"):
        save_movie(runs, 1, tmp_path / "run.webm")
    with pytest.raises(InputError, match="fps must lie between 1 and 50, got 60"):
        save_movie(runs, 1, tmp_path / "b.gif", fps=60)
    (tmp_path / "a.gif").write_bytes(b"")
    with pytest.raises(InputError, match="output must not exist"):
        save_movie(runs, 1, tmp_path / "a.gif")
