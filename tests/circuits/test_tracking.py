"""Tracking over checkpoints: the numbers are those by definition, each checkpoint is kept, in one file."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.circuits
torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import random_models as rm  # noqa: E402
from commands import check_refusal, one_object  # noqa: E402

from lintrans.circuits import measures, scores  # noqa: E402
from lintrans.circuits.families import ModelShape, adapt, load  # noqa: E402
from lintrans.circuits.findings import members  # noqa: E402
from lintrans.circuits.heads import KINDS  # noqa: E402
from lintrans.circuits.measures import measure_heads  # noqa: E402
from lintrans.circuits.probes import published_probe, repeated_probe  # noqa: E402
from lintrans.circuits.rows import Rows, run  # noqa: E402
from lintrans.circuits.sources import FolderSource  # noqa: E402
from lintrans.circuits.tracking import HeadSweep, Tracking, head_sweep, measure, standard_probe  # noqa: E402
from lintrans.errors import InputError, Interrupted  # noqa: E402
from lintrans.sweeps.executors import Threads  # noqa: E402
from lintrans.sweeps.store import load as load_file  # noqa: E402
from lintrans.sweeps.store import resume, run_to_file, save  # noqa: E402

PROBE = published_probe(rm.V, n=12, length=40, n_random=10)
STANDARD = repeated_probe(rm.V, n=6, length=40, lags=(8, 13))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return rm.steps(folder, (0, 8, 512))


@pytest.fixture(scope="module")
def tracked(checkpoints):
    return measure(str(checkpoints), probe=PROBE, standard=STANDARD, batch=4)


def test_measures_are_those_by_definition():
    """Element by element from whole arrays, where the code keeps sums."""
    assert not PROBE.has_few_lags
    loaded = adapt(rm.model("llama"))
    found = measure_heads(loaded, PROBE, STANDARD, batch=5)
    seen = run(loaded, PROBE.tokens)
    for layer in range(2):
        for head in range(4):
            rows = seen.rows[layer, :, head].astype(float)
            background = np.mean([rows[i, PROBE.random[i]].mean() for i in range(12)])
            for k, kind in enumerate(KINDS):
                places = PROBE.targets[kind]
                mean = [rows[i, places[i]].mean() for i in range(12)]
                assert found["mass"][layer, head, k] == pytest.approx(np.mean(mean), rel=1e-5)
                assert found["ratio"][layer, head, k] == pytest.approx(np.mean(mean) / background, rel=1e-5)
            s = np.linalg.svd(seen.outputs[layer, :, head].astype(float), compute_uv=False)
            p = s**2 / (s**2).sum()
            wanted = np.exp(-(p * np.log(p)).sum())
            assert found["participation"][layer, head] == pytest.approx(wanted, rel=1e-5)


def test_usual_scores_are_those_by_definition():
    loaded = adapt(rm.model("gpt_neox"))
    found = measure_heads(loaded, PROBE, STANDARD, batch=4)["scores"]
    with torch.inference_mode():
        known = loaded.model(torch.from_numpy(np.array(STANDARD.tokens)), output_attentions=True)
    full = np.stack([one.numpy() for one in known.attentions]).astype(float)
    by_name = {
        scores.PREVIOUS: np.diagonal(full, -1, axis1=3, axis2=4).mean(axis=(1, 3)),
        scores.SINK: full[..., 0].mean(axis=(1, 3)),
    }
    tokens, last = STANDARD.tokens, STANDARD.length
    each = np.zeros((2, 6, 2, 4))  # kind of score, sequence, layer, head
    for i in range(6):
        size = STANDARD.passage[i]
        for q in range(last - size, last):
            (copy,) = np.flatnonzero(tokens[i, :q] == tokens[i, q])  # the one earlier copy, found by its id
            each[0, i] += full[:, i, :, q, copy] / size
            each[1, i] += full[:, i, :, q, copy + 1] / size
    duplicate, prefix = each.mean(axis=1)
    lags = STANDARD.lags
    by_name |= {
        scores.DUPLICATE: duplicate,
        scores.PREFIX: prefix,
        scores.PREFIX_LEAST: np.min([each[1][lags == lag].mean(axis=0) for lag in (8, 13)], axis=0),
    }
    for name, wanted in by_name.items():
        np.testing.assert_allclose(found[..., scores.SCORES.index(name)], wanted, rtol=1e-5)


def test_the_in_context_score_is_a_difference_of_losses():
    loaded = adapt(rm.model("gpt_neox"))
    found = measure_heads(loaded, PROBE, STANDARD)["in_context"]
    with torch.inference_mode():
        tokens = torch.from_numpy(np.array(STANDARD.tokens))
        logits = loaded.model(tokens).logits[:, :-1]
        losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
    early, late = scores.in_context_positions(40)
    wanted = losses[:, late - 1].mean() - losses[:, early - 1].mean()
    assert found == pytest.approx(float(wanted), rel=1e-4)


SHAPE = ModelShape("hand-made", 1, 3, 2, 3, rm.V, 256, (0,), False)


def passing(probe, rows):
    """What a model with this attention of the last token (n, heads, T) would give, in two batches."""

    def passes(loaded, tokens, **options):
        half = len(tokens) // 2
        for part in (slice(0, half), slice(half, len(tokens))):
            size = len(tokens[part])
            losses, full = np.zeros((size, 99)), np.zeros((1, size, 3, 4))
            yield part, Rows(rows[None, part], np.ones((1, size, 3, 2)), losses, full)

    return passes


@pytest.mark.parametrize("name", ["repeated", "published"])
def test_a_head_at_a_fixed_offset_is_not_called_induction(name, monkeypatch):
    """Head 0 follows the lag, head 1 looks back one of the lags, head 2 looks everywhere."""
    many = {"n": 400, "length": 256}
    probe = repeated_probe(rm.V, n=30) if name == "repeated" else published_probe(rm.V, **many)
    rows = np.full((probe.n, 3, 256), 0.1 / 256)
    at = np.arange(probe.n)
    rows[at, 0, probe.copy + 1] += 0.9
    rows[:, 1, 255 - probe.lags[0] + 1] += 0.9
    monkeypatch.setattr(measures, "passes", passing(probe, rows))
    loaded = type("Model", (), {"shape": SHAPE})
    found = measure_heads(loaded, probe, STANDARD)
    mass, ratio = found["mass"][0, :, 0], found["ratio"][0, :, 0]
    least = found["scores"][0, :, scores.SCORES.index(scores.INDUCTION_LEAST)]
    assert mass[0] == pytest.approx(0.9, abs=0.001) and least[0] == pytest.approx(0.9, abs=0.001)
    assert ratio[0] > 30
    # One lag of 108 in the published probe, 9 of 10 looks of it off; none of three in the other.
    assert mass[1] < 0.03 and ratio[1] < 30 and least[1] == pytest.approx(0.1 / 256)


def test_a_tracking_has_the_measures_of_each_checkpoint(tracked, checkpoints):
    assert isinstance(tracked, Tracking)
    assert tracked.revision.tolist() == ["step 0", "step 8", "step 512"]
    assert tracked.step.tolist() == [0, 8, 512] and np.isnan(tracked.tokens).all()
    assert tracked.target.tolist() == list(KINDS) and tracked.score.tolist() == list(scores.SCORES)
    assert tracked.mass.shape == (3, 2, 4, 6) and tracked.scores.shape == (3, 2, 4, 6)
    for i, name in enumerate(("step0", "step8", "step512")):
        alone = measure_heads(load(checkpoints / name), PROBE, STANDARD, batch=4)
        for array, values in alone.items():
            np.testing.assert_array_equal(getattr(tracked, array)[i], values)
    assert (tracked.mass[0] != tracked.mass[1]).all()


def test_settings_say_how_it_was_measured(tracked):
    found = tracked.settings
    assert found["n_sequences"] == 12 and found["participation_bound"] == 8
    assert found["probe"] == PROBE.settings() and found["standard"] == STANDARD.settings()
    assert [one["name"] for one in found["revisions"]] == ["step0", "step8", "step512"]
    assert tracked.shape == adapt(rm.model("gpt_neox")).shape


def test_summary_and_table(tracked):
    found = tracked.summary()
    best = found["leaders"]["induction"][0]
    layer, head = np.unravel_index(tracked.mass[-1, ..., 0].argmax(), (2, 4))
    assert best["head"] == f"L{layer}H{head}" and best["mass"] == tracked.mass[-1, ..., 0].max()
    masses = [one["mass"] for one in found["leaders"]["first token"]]
    assert masses == sorted(masses, reverse=True)
    assert tracked.answer()["revisions"][1]["step"] == 8
    lines = tracked.lines()
    assert len(lines) == 4 and {len(line) for line in lines} == {9}
    assert json.dumps(tracked.rows()[0])


def test_findings_read_a_tracking(tracked):
    found = members(tracked, "induction", threshold=1e-9)
    assert found.shape == (3, 2, 4) and found.all()
    assert tracked.table.kinds == KINDS


def test_usual_scores_by_name(tracked):
    assert tracked.score_of(scores.SINK).shape == (3, 2, 4)
    assert tracked.sink_shares(0).tolist() == [1, 1, 1] and tracked.sink_shares(1).tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="score must be one of previous token"):
        tracked.score_of("other")


def test_fixed_offsets_are_flagged(tracked):
    values = tracked.scores.copy()
    places = [scores.SCORES.index(name) for name in (scores.PREFIX, scores.PREFIX_LEAST)]
    values[0, 0, 0, places] = 0.5, 0.05
    values[0, 0, 1, places] = 0.5, 0.4
    flagged = replace(tracked, scores=values).has_fixed_offset
    assert flagged[0, 0, 0] and not flagged[0, 0, 1]


def test_a_file_gives_back_the_tracking(tracked, tmp_path):
    found = load_file(save(tracked, tmp_path / "heads.h5"))
    for variable in tracked.variables():
        np.testing.assert_array_equal(getattr(found, variable.name), variable.values)
    assert found.settings == tracked.settings and found.lines() == tracked.lines()


def test_an_interrupted_tracking_goes_on_to_the_same_bits(checkpoints, tmp_path):
    sweep = head_sweep(str(checkpoints), probe=PROBE, standard=STANDARD, batch=4)
    whole = run_to_file(sweep, tmp_path / "whole.h5", executor=Threads(1))

    def stop(done, total, found):
        if done == 2:
            raise KeyboardInterrupt

    path = tmp_path / "heads.h5"
    with pytest.raises(Interrupted, match="resume"):
        run_to_file(sweep, path, executor=Threads(1), progress=stop)
    assert not path.exists()
    seen = []
    resume(path, executor=Threads(2), progress=lambda done, total, found: seen.append((done, total)))
    assert seen[0] == (2, 3) and seen[-1] == (3, 3)
    assert path.read_bytes() == whole.read_bytes()


def test_a_sweep_says_where_its_source_is_from_any_folder(checkpoints, monkeypatch):
    monkeypatch.chdir(checkpoints.parent)
    sweep = head_sweep(f"{checkpoints.name}@step8", probe=PROBE, standard=STANDARD)
    assert sweep.source == str(checkpoints) and [one.name for one in sweep.revisions] == ["step8"]


class Watched(FolderSource):
    """A source that notes when a checkpoint is held, as one of the Hub would download and delete it."""

    def __init__(self, *args):
        super().__init__(*args)
        self.notes = []

    @contextlib.contextmanager
    def folder(self, revision):
        self.notes.append(f"+{revision.name}")
        with super().folder(revision) as path:
            yield path
        self.notes.append(f"-{revision.name}")


def test_one_checkpoint_is_held_at_a_time(checkpoints):
    source = Watched(checkpoints)
    measure(source, revisions=["step0", "step8"], probe=PROBE, standard=STANDARD)
    assert source.notes == ["+step0", "-step0", *("+step0", "-step0", "+step8", "-step8")]


def test_a_checkpoint_of_another_model_is_named(tmp_path):
    rm.steps(tmp_path, (1, 2))
    rm.saved(tmp_path / "step3", "llama")
    with pytest.raises(InputError, match="in step3 after gpt_neox; leave it out"):
        measure(str(tmp_path), probe=PROBE, standard=STANDARD)


def test_defaults(checkpoints):
    sweep = head_sweep(str(checkpoints))
    assert sweep.probe.settings()["name"] == "published" and sweep.probe.length == rm.T
    assert (sweep.standard.settings()["name"], sweep.standard.n) == ("repeated", 64)
    assert (sweep.batch, sweep.shape) == (16, (3,))
    repeated = repeated_probe(rm.V, n=100, length=40)
    assert standard_probe(repeated, rm.V).tokens.tolist() == repeated.tokens[:64].tolist()


@pytest.mark.parametrize(
    ("options", "needle"),
    [
        ({"revisions": ["step9"]}, "step9"),
        ({"probe": published_probe(1000, n=2, length=40)}, "vocabulary of the model, 300"),
        ({"probe": published_probe(300, n=2, length=65)}, "at most 64"),
        ({"standard": "repeated"}, "standard must be made by Probe"),
        ({"batch": 0}, "batch must"),
    ],
)
def test_what_is_refused(options, needle, checkpoints):
    with pytest.raises(InputError, match=needle) as refusal:
        head_sweep(str(checkpoints), **options)
    assert ";" in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_sweep_needs_checkpoints(checkpoints):
    sweep = head_sweep(str(checkpoints), probe=PROBE, standard=STANDARD)
    with pytest.raises(InputError, match="revisions must be at least one"):
        HeadSweep(source="x", revisions=(), model=sweep.model, probe=PROBE, standard=STANDARD, batch=1)


WORDS = ("--n", "8", "--length", "40", "--n-threads", "1")


def test_the_command_measures_and_reads_its_file_again(run, checkpoints, folder):
    code, out, err = run("circuits", "measure", checkpoints, *WORDS, "--quiet")
    assert (code, out, err) == (0, "", "")
    found = load_file(folder / "heads.h5")
    assert found.settings["probe"]["n"] == 8
    code, out, _ = run(
        "circuits", "measure", checkpoints, *WORDS, "--json", "--output", "b.h5", "--revisions", "step8"
    )
    answer = one_object(out)
    assert code == 0 and answer["output"] == "b.h5" and answer["n_revisions"] == 1
    assert set(answer["leaders"]) == set(KINDS)


def test_the_command_takes_other_probes(run, checkpoints, folder):
    words = ("--probe", "repeated", "--lags", "9,14", "--bos", "7", "--json")
    code, _, err = run("circuits", "measure", checkpoints, *WORDS, *words)
    assert (code, err) == (0, "")
    found = load_file(folder / "heads.h5").settings["probe"]
    assert (found["lags"], found["bos"], found["name"]) == ([9, 14], 7, "repeated")


def test_the_command_takes_a_text(run, tmp_path, folder):
    tokenizers = pytest.importorskip("tokenizers")
    source = rm.saved(tmp_path / "model")
    words = {f"w{i}": i for i in range(50)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="w0"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="w0").save_pretrained(source)
    text = tmp_path / "text.txt"
    text.write_text(" ".join(f"w{i * i % 50}" for i in range(200)))
    code, _, err = run(
        "circuits", "measure", source, *WORDS, "--probe", "text", "--text", text, "--lags", "9,14", "--json"
    )
    assert (code, err) == (0, "")
    found = load_file(folder / "heads.h5")
    assert found.settings["probe"]["name"] == "text" and found.settings["probe"]["ids"][1] < 50


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["--probe", "other"], "--probe must be one of"),
        (["--probe", "text"], "--text and --probe text"),
        (["--text", "x.txt"], "--text and --probe text"),
        (["--lags", "9,9", "--probe", "repeated"], "at least two different"),
        (["--lags", "x", "--probe", "repeated"], "a lag must be a whole number"),
        (["--bos", "400"], "vocabulary"),
        (["--bos", "first"], "--bos must be a whole number"),
        (["--revisions", "step9"], "step9"),
        (["--length", "100"], "length"),
        (["--device", "abacus"], "device"),
    ],
)
def test_the_command_refuses(run, checkpoints, folder, words, needle):
    check_refusal(*run("circuits", "measure", checkpoints, "--n", "8", *words, "--quiet"), [needle])
    assert not list(folder.iterdir())
