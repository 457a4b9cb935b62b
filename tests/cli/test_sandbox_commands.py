"""The commands of the sandbox as a user meets them: examples, answers, files, refusals."""

from __future__ import annotations

import re

import numpy as np
import pytest
from test_examples import example_of

from lintrans.cli.commands.sandbox import measuring, showing, training
from lintrans.sandbox import Runs, Task, initial_weights
from lintrans.sandbox.labels import LABELS
from lintrans.sandbox.model import Model
from lintrans.sandbox.spike_records import records
from lintrans.sandbox.spikes import Spike
from lintrans.sweeps import store

PARTS = training, measuring, showing
NAMES = [c.name or c.callback.__name__ for part in PARTS for c in part.app.registered_commands]
SHORT = ["--seeds", "0:3", "--epochs", "2", "--quiet"]
SPIKE_REST = np.ones(9), np.nan, np.arange(3), {}, {}, None
FIELDS = ["seed", "train", "test", "population", "unseen", "train_loss", "label", "formed_epoch"]
FIELDS += ["read_epoch", "spikes"]


@pytest.fixture
def runs(run, folder):
    assert run("sandbox", "train", *SHORT, "--output", "runs.h5") == (0, "", "")
    return folder / "runs.h5"


def test_every_example_runs_in_an_empty_folder(run, folder):
    assert NAMES == ["train", "study", "measure", "label", "page", "movie"]
    for name in NAMES:
        code, out, err = run("sandbox", name, "--help")
        assert (code, err) == (0, "")
        words = example_of(out)
        assert words[:3] == ["lintrans", "sandbox", name]
        code, out, _ = run(*words[1:])
        assert code == 0 and out
    written = {f"runs.{kind}" for kind in ("h5", "png", "html")} | {"runs_seed1.html", "run.gif"}
    written |= {f"{stem}.{kind}" for stem in ("study", "measures") for kind in ("h5", "png")}
    assert {p.name for p in folder.iterdir()} == written


def test_train_answers_with_a_list_of_flat_rows(answer, folder):
    rows = answer("sandbox", "train", "--seeds", "3,5", "--epochs", "2", "--output", "runs.h5")
    assert [row["seed"] for row in rows] == [3, 5]
    assert all(list(row) == FIELDS for row in rows)
    assert all(isinstance(value, int | float | str | None) for row in rows for value in row.values())
    assert {row["label"] for row in rows} <= set(LABELS)
    found = store.load(folder / "runs.h5")
    assert isinstance(found, Runs)
    assert found.seed.tolist() == [3, 5]
    assert found.table()[0]["train"] == rows[0]["train"]
    assert not (folder / "runs.png").exists()


def test_train_writes_file_figure_and_page(run, folder):
    code, out, _ = run("sandbox", "train", "--seeds", "0:2", "--epochs", "2")
    assert code == 0
    assert out.splitlines()[-1] == "wrote sandbox.h5 and sandbox.png and sandbox.html"
    assert re.search(r"^solved +0 of 2 +0% to 84%$", out, re.M)
    assert all((folder / f"sandbox.{kind}").stat().st_size > 1000 for kind in ("h5", "png", "html"))


def test_options_reach_the_run(answer, folder):
    words = ["--p", "3", "--length", "5", "--positions", "0,4", "--d", "3", "--width", "7", "--tokens", "5"]
    words += ["--norm", "smooth", "--smoothing", "0.2", "--no-bias", "--optimizer", "sgd", "--rate", "0.1"]
    words += ["--momentum", "0.5", "--schedule", "1:0:10", "--ffn-rate", "0.01", "--freeze", "attention"]
    words += [
        "--scale",
        "embeddings=0.5,value=2",
        "--weight-decay",
        "0.01",
        "--clip",
        "1",
        "--dropout",
        "0.1",
    ]
    words += ["--batch-size", "16", "--n-train", "64", "--n-test", "32", "--snapshots", "2"]
    answer("sandbox", "train", "--seeds", "7", "--epochs", "3", "--output", "a.h5", *words)
    found = store.load(folder / "a.h5")
    assert (found.task.p, found.task.summed, found.task.n_train) == (3, (0, 4), 64)
    assert (found.model.n_tokens(found.task), found.model.bias, found.model.smoothing) == (5, False, 0.2)
    training = found.training
    assert (training.optimizer, training.momentum, training.clip, training.dropout) == ("sgd", 0.5, 1.0, 0.1)
    assert training.frozen == ("query", "value")
    assert training.scales == (("embeddings", 0.5), ("value", 2.0))
    assert found.state.shape[1] == 2
    query = found.model.places(found.task)["query"]
    assert (found.state[0, -1, 0, query] == found.state[0, 0, 0, query]).all()


def test_study_counts_every_combination(answer, folder):
    words = [
        "--widths",
        "4,8",
        "--batch-sizes",
        "32,64",
        "--rates",
        "0.003",
        "--seeds",
        "0:2",
        "--epochs",
        "1",
    ]
    found = answer("sandbox", "study", *words, "--output", "s.h5")
    names = [row["case"] for row in found["cases"]]
    assert names[0] == "rate 0.003, width 4, batch size 32"
    assert len(set(names)) == 4
    assert all(sum(row[name] for name in LABELS) == found["n_runs"] == 2 for row in found["cases"])


def test_labels_of_a_file_are_those_of_the_training(answer, runs):
    found = answer("sandbox", "label", str(runs))
    assert [one["label"] for one in found] == [row["label"] for row in store.load(runs).table()]
    (one,) = answer("sandbox", "label", str(runs), "--seed", "1", "--step", "64")
    assert one["seed"] == 1


def test_weights_of_an_archive_get_a_label(answer, folder):
    weights = initial_weights(Task(p=3, length=4, positions=2), Model(width=5))
    np.savez(folder / "w.npz", **weights._asdict())
    words = ["--p", "3", "--length", "4", "--k", "2", "--width", "5"]
    (found,) = answer("sandbox", "label", "w.npz", *words)
    assert (found["seed"], found["label"]) == (None, "none")
    assert set(found["margins"]) == {"deviation", "share", "nearest", "skill"}


def test_a_measured_run_keeps_its_numbers(answer, runs, folder):
    found = answer("sandbox", "measure", str(runs), "--seed", "2", "--no-curvature", "--output", "m.h5")
    assert found["step"] == [0, 64, 128]
    assert found["seed"] == 2 and "sharpness" not in found
    kept = store.load(folder / "m.h5")
    assert kept.loss.tolist() == found["loss"]
    assert kept.settings["source"] == "runs.h5"
    again = answer("sandbox", "measure", str(runs), "--seed", "2", "--no-curvature", "--spikes", "--force")
    assert again["spikes"] == []  # in two epochs


def test_a_run_without_spikes_says_so(run, runs):
    code, out, _ = run("sandbox", "measure", str(runs), "--seed", "2", "--no-curvature", "--spikes")
    assert code == 0
    assert out.splitlines()[-2:] == ["no loss spikes", "wrote measures.h5 and measures.png"]


def test_a_spike_in_words():
    (found,) = records([Spike(30, 100, 104, 1e-5, 0.7, np.zeros((9, 4), np.int8), *SPIKE_REST)]).rows()
    assert measuring._spike_line({"epoch": 30, "lost": 9, **found}) == (
        "30",
        "100 to 104",
        "1e-05",
        "0.7",
        "9",
        "-",
        "none",
    )


REFUSED = {
    "p": (["train", "--p", "1"], ["p must lie between 2", "1"]),
    "k": (["train", "--k", "13"], ["k must be at most the length 12", "13"]),
    "positions": (["train", "--positions", "0,x"], ["position", "x"]),
    "length": (["train", "--length", "100"], ["length must lie between 1 and 64", "100"]),
    "seeds": (["train", "--seeds", "5:5"], ["--seeds", "5:5"]),
    "order": (["train", "--seeds", "3,1"], ["--seeds must be increasing", "3,1"]),
    "norm": (["train", "--norm", "layer"], ["--norm must be one of", "layer"]),
    "part": (["train", "--freeze", "head"], ["--freeze must name parts", "head"]),
    "scale": (["train", "--scale", "value"], ["--scale", "value"]),
    "rate": (["train", "--ffn-rate", "-1"], ["--ffn-rate must be at least 0", "-1"]),
    "epochs": (["train", "--epochs", "0"], ["--epochs must lie between 1", "0"]),
    "batch": (["train", "--batch-size", "4096"], ["batch_size must be at most the 2048", "4096"]),
    "optimizer": (["train", "--optimizer", "lion"], ["optimizer", "lion"]),
    "too large": (["train", "--seeds", "0:3000", "--snapshots", "1001"], ["GiB"]),
    "widths": (["study", "--widths", "8,0"], ["width", "0"]),
    "smoothing": (["train", "--smoothing", "1e300"], ["smoothing must lie between", "1e+300"]),
    "page of d = 3": (["train", "--d", "3", "--page", "x.html"], ["d must be 2", "3"]),
    "same file": (["train", "--output", "x.html"], ["files of a command must be different", "x.html"]),
    "both": (["study", "--rates", "1e-3,1e-2", "--rate", "5"], ["--rate and --rates", "5"]),
    "twice": (["study", "--widths", "8,8"], ["--widths must be different", "8,8"]),
    "scale twice": (["train", "--scale", "value=2,value=3"], ["--scale must name each part once", "value"]),
    "no file": (["label", "none.h5"], ["none.h5"]),
    "page name": (["page", "runs.h5", "--output", "page.txt"], ["page", ".html"]),
    "movie name": (["movie", "runs.h5", "--output", "run.avi"], ["movie", ".gif, .mp4"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_line_before_any_work(refused, folder, name):
    words, needles = REFUSED[name]
    refused("sandbox", *words, needles=needles)
    assert list(folder.iterdir()) == []


def test_bad_choices_of_a_file_are_one_line(refused, answer, runs, folder):
    before = sorted(p.name for p in folder.iterdir())
    refused("sandbox", "page", "runs.h5", "--label", "heads", needles=["label must be one of", "heads"])
    refused("sandbox", "page", "runs.h5", "--label", "signed head", needles=["signed head", "none"])
    refused("sandbox", "measure", "runs.h5", "--seed", "9", needles=["seed must be one of the 3 runs", "9"])
    refused("sandbox", "measure", "runs.h5", "--steps", "0,999", needles=["a step must lie between 0"])
    words = ["--seed", "1", "--compare", "1"]
    refused("sandbox", "page", "runs.h5", *words, needles=["--compare must be another run", "1"])
    words = ["--output", "runs.h5", "--force"]
    refused(
        "sandbox", "measure", "runs.h5", *words, needles=["files of a command must be different", "runs.h5"]
    )
    refused("sandbox", "movie", "runs.h5", "--seed", "1", "--label", "none", needles=["--seed and --label"])
    assert sorted(p.name for p in folder.iterdir()) == before
    answer("sandbox", "study", "--seeds", "0", "--epochs", "1", "--output", "s.h5")
    refused("sandbox", "label", "s.h5", needles=["s.h5 with sandbox_study"])


def test_options_that_say_nothing_of_a_file_are_refused(refused, runs, folder):
    refused("sandbox", "label", "runs.h5", "--p", "7", needles=["--p is for an NPZ file", "7"])
    np.savez(folder / "w.npz", **initial_weights(Task(), Model())._asdict())
    refused("sandbox", "label", "w.npz", "--seed", "1", needles=["--seed is for a result file", "1"])


def test_a_training_without_a_page_says_why(run, refused, folder):
    code, out, _ = run("sandbox", "train", "--d", "3", "--seeds", "0", "--epochs", "1")
    assert code == 0
    assert out.splitlines()[-1].startswith("no page: d must be 2 on a page")
    assert sorted(p.name for p in folder.iterdir()) == ["sandbox.h5", "sandbox.png"]


def test_a_page_needs_a_plane(refused, answer, folder):
    answer("sandbox", "train", "--d", "3", "--seeds", "0", "--epochs", "1", "--output", "d.h5")
    refused("sandbox", "page", "d.h5", needles=["d must be 2", "3"])
    refused("sandbox", "movie", "d.h5", needles=["d must be 2", "3"])
