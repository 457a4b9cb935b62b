"""Tiny trainings: rows of text, step folders, going on after a stop; and models that form no induction."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.circuits
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from lintrans.circuits import tiny  # noqa: E402
from lintrans.circuits.ablation import repeated_loss  # noqa: E402
from lintrans.circuits.families import load  # noqa: E402
from lintrans.circuits.measures import measure_heads  # noqa: E402
from lintrans.circuits.probes import repeated_probe  # noqa: E402
from lintrans.circuits.scores import PREFIX, PREFIX_LEAST, SCORES, is_fixed_offset  # noqa: E402
from lintrans.circuits.sources import FolderSource  # noqa: E402
from lintrans.circuits.tiny import Recipe, build, english, kept_steps, rows, train  # noqa: E402
from lintrans.errors import InputError  # noqa: E402

RANDOM = {
    "text": "random",
    "repeated": 1.0,
    "lags": (8, 31),
    "vocabulary": 65,
    "length": 64,
    "hidden": 64,
    "intermediate": 64,
    "parallel": True,
    "warmup": 0,
    "n_heads": 4,
    "init": 0.08,
    "batch": 32,
}
SMALL = {**RANDOM, "hidden": 16, "intermediate": 16, "n_heads": 2, "batch": 4, "n_steps": 6}
LAGS = (9, 17, 26)
# Loss of a model that knows the tokens of a passage and not their order, in nats: one layer can learn that.
KNOWN_TOKENS = np.mean(np.log(LAGS))


def refusal(call):
    with pytest.raises(InputError) as found:
        call()
    line = str(found.value)
    assert "\n" not in line and line.rpartition(";")[2].strip(), line
    return line


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def test_sizes_of_the_models():
    full, quick = Recipe(), Recipe(**RANDOM)
    assert sum(one.numel() for one in build(full).parameters()) == 199_104
    assert sum(one.numel() for one in build(quick).parameters()) == 58_880


def test_the_same_seed_gives_the_same_weights_and_leaves_random_numbers_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (build(Recipe(**SMALL, seed=seed)).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    name = next(name for name in first if name.endswith("query_key_value.weight"))
    assert torch.equal(first[name], second[name]) and not torch.equal(first[name], other[name])


def test_rows_of_english():
    plain, half = (rows(Recipe(repeated=share), 7) for share in (0.0, 0.5))
    assert (plain[:, 0] == 256).all() and (plain[:, 1:] < 256).all()
    text = english().astype(np.uint8).tobytes()
    assert all(row[1:].astype(np.uint8).tobytes() in text for row in plain)
    np.testing.assert_array_equal(plain[8:], half[8:])  # the other half of the rows is the same text
    for row in half[:8]:
        periods = [lag for lag in range(16, 56) if (row[1:-lag] == row[1 + lag :]).all()]
        assert periods, row
    assert not any((row[1:-lag] == row[1 + lag :]).all() for row in half[8:] for lag in range(16, 56))


def test_rows_are_those_of_a_step_and_a_seed():
    recipe = Recipe(**RANDOM)
    np.testing.assert_array_equal(rows(recipe, 3), rows(recipe, 3))
    assert (rows(recipe, 3) != rows(recipe, 4)).any()
    assert (rows(recipe, 3) != rows(replace(recipe, seed=1), 3)).any()


def test_lags_of_random_rows_are_all_of_their_range():
    found = set()
    for step in range(40):
        for row in rows(Recipe(**RANDOM), step):
            found.add(next(lag for lag in range(1, 63) if (row[1:-lag] == row[1 + lag :]).all()))
    assert found == set(range(8, 32))


def test_kept_steps_are_a_grid_that_the_audit_finds_whole(tmp_path):
    steps = kept_steps(3000)
    assert {0, 1, 128, 181, 1024, 2000, 3000} <= set(steps) and steps[-1] == 3000
    recipe = Recipe(**SMALL)
    source = FolderSource(train(recipe, tmp_path / "model"))
    assert [one.step for one in source.revisions()] == list(recipe.kept) == [0, 1, 2, 3, 4, 6]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(family, tmp_path):
    recipe = Recipe(family=family, **SMALL)
    whole = train(recipe, tmp_path / "whole")

    def stop(done, total, found):
        assert total == 6 and found == {}
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, tmp_path / "parts", progress=stop)
    parts = tmp_path / "parts"
    assert (parts / "step4").is_dir() and not (parts / "step6").exists()
    assert weights(train(recipe, parts) / "step6") == weights(whole / "step6")
    assert not list(parts.glob(".step*"))


def test_a_finished_training_is_left_as_it_is_and_a_longer_one_goes_on(tmp_path):
    recipe = Recipe(**SMALL)
    folder = train(recipe, tmp_path / "model")
    before = (folder / "step6" / "model.safetensors").stat().st_mtime_ns
    train(recipe, folder, progress=lambda *words: pytest.fail("nothing was left to do"))
    longer = replace(recipe, n_steps=8, kept=())
    train(longer, folder)
    assert (folder / "step6" / "model.safetensors").stat().st_mtime_ns == before
    assert weights(folder / "step8") == weights(train(longer, tmp_path / "other") / "step8")


def test_folders_that_hold_something_else_are_refused(tmp_path):
    recipe = Recipe(**SMALL)
    folder = train(recipe, tmp_path / "model")
    assert "with seed 0" in refusal(lambda: train(replace(recipe, seed=3), folder))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    assert "other files" in refusal(lambda: train(recipe, tmp_path / "mine"))
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep me"
    (folder / tiny.RECIPE).write_text("{")
    refusal(lambda: train(recipe, folder))
    (tmp_path / "file").write_text("")
    refusal(lambda: train(recipe, tmp_path / "file"))


def test_a_damaged_state_is_refused(tmp_path):
    recipe = Recipe(**SMALL)
    folder = train(recipe, tmp_path / "model")
    shutil.rmtree(folder / "step6")
    (folder / tiny.OPTIMIZER).write_bytes(b"nothing")
    assert "delete it" in refusal(lambda: train(recipe, folder))


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"family": "gpt2"}, "family"),
        ({"text": "latin"}, "text"),
        ({"repeated": 1.5}, "repeated"),
        ({"lags": (9,)}, "lags"),
        ({"lags": (31, 8)}, "lags"),
        ({"lags": (8, 100)}, "lag"),
        ({"vocabulary": 300}, "vocabulary"),
        ({"hidden": 50}, "hidden"),
        ({"n_steps": 0}, "n_steps"),
        ({"kept": (7, 4000)}, "kept"),
        ({"learning_rate": -1}, "learning_rate"),
    ],
)
def test_bad_recipes(given, word):
    assert word in refusal(lambda: Recipe(**given))


def test_settings_are_json():
    recipe = Recipe(**SMALL)
    assert Recipe(**json.loads(json.dumps(recipe.settings()))).settings() == recipe.settings()


def measured(folder, lags=LAGS):
    probe = repeated_probe(65, n=48, length=64, lags=lags, bos=64)
    loaded = load(folder, device="cpu")
    found = measure_heads(loaded, probe, probe)
    losses = repeated_loss(loaded, probe)
    return found["mass"][..., 0], {name: found["scores"][..., i] for i, name in enumerate(SCORES)}, losses


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Weights after training: of two layers, of one, and at one lag only."""
    place = tmp_path_factory.mktemp("tiny")
    recipes = {
        "two layers": Recipe(**RANDOM, n_steps=400, kept=(128, 400)),
        "one layer": Recipe(**RANDOM, n_steps=400, kept=(400,), n_layers=1),
        "one lag": Recipe(**{**RANDOM, "lags": (17, 17)}, n_steps=400, kept=(400,)),
    }
    return {name: train(recipe, place / name.replace(" ", "-")) for name, recipe in recipes.items()}


def test_two_layers_form_induction(trained):
    before, _, losses_before = measured(trained["two layers"] / "step128")
    after, scores, losses = measured(trained["two layers"] / "step400")
    # A head with uniform attention has a mass of 1/64; half of all attention is far from it.
    assert before.max() < 0.05 and after.max() > 0.4
    assert after[0].max() < 0.1  # induction takes a head before it
    assert not is_fixed_offset(scores[PREFIX], scores[PREFIX_LEAST])[1].all()
    assert losses_before.second > KNOWN_TOKENS and losses.second < 1


def test_one_layer_never_forms_induction(trained):
    mass, _, losses = measured(trained["one layer"] / "step400")
    assert mass.max() < 0.1
    assert losses.second > KNOWN_TOKENS


def test_a_model_trained_at_one_lag_is_not_called_induction(trained):
    mass, scores, _ = measured(trained["one lag"] / "step400")
    at_its_lag = measured(trained["one lag"] / "step400", lags=(17, 18))[1]
    assert at_its_lag[PREFIX].max() > 0.2  # it does look at its own lag
    assert mass.max() < 0.1
    leader = np.unravel_index(at_its_lag[PREFIX].argmax(), at_its_lag[PREFIX].shape)
    assert is_fixed_offset(at_its_lag[PREFIX], at_its_lag[PREFIX_LEAST])[leader]
    assert scores[PREFIX_LEAST].max() < 0.1
