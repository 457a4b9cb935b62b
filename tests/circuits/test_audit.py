"""The audit on checkpoints made by hand: each planted fault is found, and nothing where there is none."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from saved_checkpoints import CONFIG, FakeHub, model, safetensors_bytes, save, to_bfloat16
from typer.testing import CliRunner

from lintrans import registry
from lintrans.circuits.audit import audit
from lintrans.circuits.sources import FolderSource, GgufSource, HubSource
from lintrans.cli.commands.circuits import auditing

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def walk(root, steps=STEPS, *, prefix="step", n=10, dtype=np.float32, size=0.01, seed=0):
    """A training without faults: weights that walk at random; returns them by step."""
    rng = np.random.default_rng(seed)
    weights, before, saved = model(seed, n), steps[0], {}
    for step in steps:
        for name, w in weights.items():
            weights[name] = w + (size * np.sqrt(step - before) * rng.normal(size=w.shape)).astype(w.dtype)
        before, saved[step] = step, {name: w.astype(dtype) for name, w in weights.items()}
        save(root / f"{prefix}{step}", saved[step])
    return saved


@pytest.fixture
def run_folder(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def saved(run_folder):
    return walk(run_folder)


def kinds(found):
    return [(one.severity, one.kind, one.revisions) for one in found.findings]


def checked(folder):
    return audit(FolderSource(folder))


def test_a_training_without_faults(run_folder, saved):
    found = checked(run_folder)
    assert kinds(found) == []
    assert (found.exit_code, found.code(strict=True)) == (0, 0)
    assert found.verdict() == "run: nothing found in 11 checkpoints, by tensors"
    assert [one.revision.step for one in found.checkpoints] == list(STEPS)
    assert len({one.weights["tensors"] for one in found.checkpoints}) == len(STEPS)
    last = np.concatenate([w.ravel() for w in saved[512].values()]).astype(float)
    assert found.checkpoints[-1].norm == pytest.approx(np.linalg.norm(last), rel=1e-12)


def test_many_trainings_without_faults(tmp_path):
    for seed in range(5):
        walk(tmp_path / str(seed), range(0, 9000, 1000), seed=seed, n=9, size=0.003)
        assert kinds(checked(tmp_path / str(seed))) == []


# Copies


def test_step_0_equal_to_step_1(run_folder, saved):
    save(run_folder / "step1", saved[0])
    found = checked(run_folder)
    assert kinds(found) == [("error", "duplicate", ("step0", "step1"))]
    assert found.findings[0].message == "step0 and step1 have the same weights; leave one out"
    assert found.exit_code == 1


def test_copies_in_other_files_and_under_other_names(run_folder, saved):
    renamed = {f"model.{name}": w for name, w in reversed(saved[4].items())}
    save(run_folder / "step256", renamed, n_shards=3)
    found = checked(run_folder)
    assert ("error", "duplicate", ("step4", "step256")) in kinds(found)


def test_three_equal_checkpoints_are_one_finding(run_folder, saved):
    for step in (8, 64):
        save(run_folder / f"step{step}", saved[1])
    errors = [one for one in checked(run_folder).findings if one.severity == "error"]
    assert [one.revisions for one in errors] == [("step1", "step8", "step64")]
    assert errors[0].message.endswith("leave all but one out")


def test_a_branch_equal_to_main_is_a_warning(run_folder, saved):
    save(run_folder / "main", saved[512])
    found = checked(run_folder)
    assert kinds(found) == [("warning", "duplicate", ("step512", "main"))]
    assert (found.exit_code, found.code(strict=True)) == (0, 1)


def test_names_without_a_step_may_be_equal(run_folder, saved):
    for name in ("main", "final"):
        save(run_folder / name, model(seed=5))
    assert kinds(checked(run_folder)) == [("warning", "duplicate", ("final", "main"))]


def test_a_stage_that_begins_with_the_end_of_another(tmp_path):
    first = walk(tmp_path, prefix="stage1-step")
    second = walk(tmp_path, (0, 100, 200), prefix="stage2-step", seed=1)
    assert kinds(checked(tmp_path)) == []  # neighbours are those of a stage: weights jump between them
    save(tmp_path / "stage2-step0", first[512])
    found = [one for one in checked(tmp_path).findings if one.kind == "duplicate"]
    assert [(one.severity, one.revisions) for one in found] == [
        ("warning", ("stage1-step512", "stage2-step0"))
    ]
    save(tmp_path / "stage2-step200", second[100])
    found = [one for one in checked(tmp_path).findings if one.kind == "duplicate"]
    assert found[0].severity == "error"


def test_one_bit_makes_a_difference(run_folder, saved):
    weights = {name: w.copy() for name, w in saved[0].items()}
    weights["layers.3.weight"].view(np.uint32)[0, 0] ^= 1
    save(run_folder / "step1", weights)
    found = checked(run_folder)
    assert [one.kind for one in found.findings] == ["shared part"]
    assert "90% of their weights in common" in found.findings[0].message


def test_a_shard_of_another_step(run_folder, saved):
    for step, weights in saved.items():
        save(run_folder / f"step{step}", weights, n_shards=2)
    assert kinds(checked(run_folder)) == []
    shard = "model-00002-of-00002.safetensors"
    shutil.copy(run_folder / "step32" / shard, run_folder / "step64" / shard)
    assert kinds(checked(run_folder)) == [("warning", "shared part", ("step32", "step64"))]


def test_tensors_that_never_change_are_no_shared_part(run_folder, saved):
    mask = np.tril(np.ones((64, 64), np.float32))
    for step, weights in saved.items():
        save(run_folder / f"step{step}", weights | {"attn.bias": mask, "ids": np.arange(5000)})
    assert kinds(checked(run_folder)) == []


# Files


def test_missing_and_damaged_files(run_folder, saved):
    save(run_folder / "step2", saved[2], n_shards=3)
    (run_folder / "step2" / "model-00002-of-00003.safetensors").unlink()
    (run_folder / "step4" / "config.json").unlink()
    (run_folder / "step8" / "model.safetensors").unlink()
    cut = run_folder / "step16" / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-100])
    (run_folder / "step32" / "model.safetensors").write_bytes(b"")
    (run_folder / "step64" / "config.json").write_text("{")
    found = checked(run_folder)
    assert kinds(found) == [
        ("error", "missing file", ("step2",)),
        ("error", "missing file", ("step4",)),
        ("error", "missing file", ("step8",)),
        ("error", "damaged", ("step16",)),
        ("error", "missing file", ("step32",)),
        ("error", "damaged", ("step64",)),
    ]
    for one, needle in zip(
        found.findings,
        ("no model-00002-of-00003", "no config.json", "no weights", "cut short", "is empty", "must be JSON"),
        strict=True,
    ):
        assert needle in one.message
    assert [one.revision.step for one in found.checkpoints if one.tensors] == [0, 1, 128, 256, 512]


def test_a_shard_that_only_the_index_knows(run_folder, saved):
    folder = run_folder / "step2"
    places = dict.fromkeys(saved[2], "part.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (folder / "model.safetensors").rename(folder / "elsewhere.safetensors")
    (found,) = checked(run_folder).findings
    assert (found.severity, found.revisions) == ("error", ("step2",))


def test_whole_in_one_format_and_not_in_the_other(run_folder, saved):
    (run_folder / "step2" / "pytorch_model-00001-of-00002.bin").write_bytes(b"not read")
    found = checked(run_folder)
    assert kinds(found) == [("warning", "missing file", ("step2",))]
    assert "those in another format are complete" in found.findings[0].message


# Weights


def test_numbers_that_are_not_finite(run_folder, saved):
    weights = {name: w.copy() for name, w in saved[16].items()}
    weights["layers.2.weight"][3, :5] = np.nan
    weights["layers.7.weight"][0, 0] = -np.inf
    save(run_folder / "step16", weights)
    found = checked(run_folder)
    assert kinds(found) == [("error", "not finite", ("step16",))]
    assert (
        "6 weights are NaN or infinite, in layers.2.weight and layers.7.weight" in found.findings[0].message
    )


def test_shapes_and_tensors_that_change(run_folder, saved):
    weights = dict(saved[16])
    weights["layers.2.weight"] = weights["layers.2.weight"][:8]
    weights["layers.10.weight"] = weights.pop("layers.9.weight")
    save(run_folder / "step16", weights)
    found = checked(run_folder)
    assert kinds(found) == [
        ("error", "shape", ("step16",)),
        ("warning", "tensors", ("step16",)),
        ("warning", "tensors", ("step16",)),
    ]
    assert [one.message for one in found.findings] == [
        "step16: layers.2.weight has the shape [8, 16] and elsewhere [16, 16]",
        "step16: it lacks layers.9.weight, which most checkpoints have",
        "step16: it has layers.10.weight, which most checkpoints lack",
    ]


@pytest.mark.parametrize("step", [1, 32, 256])
@pytest.mark.parametrize("fault", ["noise", "zero", "scale"])
def test_a_broken_shard_is_an_outlier(run_folder, saved, step, fault):
    rng = np.random.default_rng(9)
    weights = {name: w.copy() for name, w in saved[step].items()}
    for name in ("layers.3.weight", "layers.8.weight"):
        w = weights[name]
        w[:] = {"noise": rng.normal(size=w.shape), "zero": 0 * w, "scale": 10 * w}[fault]
    save(run_folder / f"step{step}", weights)
    found = checked(run_folder)
    assert kinds(found) == [("warning", "outlier", (f"step{step}",))]
    assert "2 of 10 tensors stand out" in found.findings[0].message
    assert (found.exit_code, found.code(strict=True)) == (0, 1)


@pytest.mark.parametrize(
    ("factor", "said"),
    [(6, "6 times above those of step1 and step3"), (1 / 6, "6 times below those of step1 and step3")],
)
def test_a_norm_is_said_to_be_above_or_below(tmp_path, factor, said):
    rng = np.random.default_rng(0)
    for step in (1, 2, 3):
        w = rng.normal(size=(16, 16))
        w *= (factor if step == 2 else 1) / np.linalg.norm(w)
        save(tmp_path / f"step{step}", {"w": w})
    (found,) = checked(tmp_path).findings
    assert (found.kind, found.revisions) == ("outlier", ("step2",))
    assert found.message == f"step2: w has a norm {said}"


def test_a_broken_last_checkpoint_is_compared_among_its_tensors(run_folder, saved):
    weights = dict(saved[512])
    weights["layers.3.weight"] = np.random.default_rng(9).normal(size=(16, 16)).astype(np.float32) * 3
    save(run_folder / "step512", weights)
    (found,) = checked(run_folder).findings
    assert (found.kind, found.revisions) == ("outlier", ("step512",))
    assert "times as far from step256 as expected from the other tensors" in found.message


def test_a_broken_checkpoint_between_copies(run_folder, saved):
    save(run_folder / "step4", saved[1])
    found = {one.kind: one for one in checked(run_folder).findings}
    assert set(found) == {"duplicate"}  # step2 is near both: less than 5 % of the norm
    weights = {name: -w for name, w in saved[2].items()}
    save(run_folder / "step2", weights)
    found = {one.kind: one for one in checked(run_folder).findings}
    assert "differs from step1 and step4, which are equal there" in found["outlier"].message


def test_main_has_no_neighbours(run_folder, saved):
    save(run_folder / "main", model(seed=5))
    save(run_folder / "kestrel", model(seed=6))
    assert kinds(checked(run_folder)) == [("note", "unread name", ("kestrel",))]


def test_number_types_and_configurations_that_change(run_folder, saved):
    for step in (256, 512):
        cut = {name: to_bfloat16(w) for name, w in saved[step].items()}
        save(run_folder / f"step{step}", cut, config=CONFIG | {"rope_theta": 5e5, "use_cache": False})
    found = checked(run_folder)
    assert kinds(found) == [
        ("note", "configuration", ("step128", "step256")),
        ("note", "number type", ("step128", "step256")),
    ]
    assert [one.message for one in found.findings] == [
        "step128 and step256 differ in rope_theta",
        "step128 and step256 are stored as F32 and as BF16",
    ]
    assert found.code(strict=True) == 0


# Names and grids


def test_a_missing_step(tmp_path):
    walk(tmp_path, (0, 1000, 2000, 4000, 5000, 6000), size=0.003)
    found = checked(tmp_path)
    assert kinds(found) == [("warning", "missing step", ("step2000", "step4000"))]
    assert found.findings[0].message == "step 3000 seems to be missing between step2000 and step4000"


def test_steps_and_tokens_that_do_not_go_together(tmp_path):
    for i, name in enumerate(
        (
            "step150-tokens1B",
            "step600-tokens3B",
            "step700-tokens3B",
            "step900-tokens2B",
            "step0900",
            "7B",
            "v1",
        )
    ):
        save(tmp_path / name, model(seed=i, n=1, shape=(3, 3)))
    found = checked(tmp_path)
    assert kinds(found) == [
        ("warning", "same step", ("step0900", "step900-tokens2B")),
        ("warning", "same tokens", ("step600-tokens3B", "step700-tokens3B")),
        ("warning", "tokens fall", ("step700-tokens3B", "step900-tokens2B")),
        ("note", "unread name", ("v1",)),
    ]
    assert [one.message for one in found.findings[:3]] == [
        "step0900 and step900-tokens2B are both step 900; leave one out",
        "step600-tokens3B and step700-tokens3B say the same number of tokens, 3e+09: it is rounded",
        "step700-tokens3B and step900-tokens2B say 3e+09 and then 2e+09 tokens",
    ]


def test_numbers_of_checkpoints_are_in_order_and_noted(tmp_path):
    saved = walk(tmp_path, (8, 9, 10, 11), prefix="ckpt_")
    found = checked(tmp_path)
    assert kinds(found) == [("note", "numbered", ("ckpt_8", "ckpt_9", "ckpt_10", "ckpt_11"))]
    save(tmp_path / "ckpt_9", saved[8])
    assert ("error", "duplicate", ("ckpt_8", "ckpt_9")) in kinds(checked(tmp_path))


def test_one_checkpoint(tmp_path):
    save(tmp_path / "my model", model())
    found = checked(tmp_path / "my model")
    assert kinds(found) == []
    assert found.verdict() == "my model: nothing found in 1 checkpoint, by tensors"


# The Hub and GGUF: by files


def hub_of(saved, **more):
    config = json.dumps(CONFIG).encode()
    return FakeHub(
        {
            f"step{step}": {"config.json": config, "model.safetensors": safetensors_bytes(weights)}
            for step, weights in saved.items()
        }
        | more
    )


def test_the_hub_is_audited_without_a_download(saved):
    api = hub_of(saved)
    found = audit(HubSource("me/model", api=api))
    assert kinds(found) == []
    assert found.compared == "files"
    assert found.verdict() == "me/model: nothing found in 11 checkpoints, by files"
    assert {call[0] for call in api.calls} == {"list_repo_refs", "list_repo_tree"}


def test_copies_and_missing_files_on_the_hub(saved):
    saved[1] = saved[0]
    api = hub_of(saved)
    config, whole = api.branches["step2"].values()
    api.branches |= {
        "main": {"config.json": config, "model.safetensors": api.branches["step512"]["model.safetensors"]},
        "step4": {"config.json": config, "model-00001-of-00002.safetensors": whole},
        "step8": {".gitattributes": b"*.bin filter=lfs"},
        "step16": {"model.safetensors": whole[:-1]},
        "step32": {"config.json": config, "model.safetensors": b""},
    }
    found = audit(HubSource("me/model", api=api))
    assert kinds(found) == [
        ("error", "missing file", ("step4",)),
        ("error", "missing file", ("step8",)),
        ("error", "missing file", ("step8",)),
        ("error", "missing file", ("step16",)),
        ("error", "missing file", ("step32",)),
        ("error", "duplicate", ("step0", "step1")),
        ("warning", "duplicate", ("step512", "main")),
    ]
    assert api.downloads == []


def test_copies_in_either_format_are_told_once(saved):
    api = hub_of(saved)
    for step in (0, 1):
        api.branches[f"step{step}"] |= {
            "pytorch_model.bin": b"the same",
            "model.safetensors": api.branches["step0"]["model.safetensors"],
        }
    api.branches["step2"] |= {"pytorch_model.bin": b"the same"}
    assert kinds(audit(HubSource("me/model", api=api))) == [
        ("error", "duplicate", ("step0", "step1")),
        ("error", "duplicate", ("step0", "step1", "step2")),
    ]


def test_a_shard_of_another_step_on_the_hub(saved):
    api = hub_of(saved)
    for step in (2, 4):
        (config, whole) = api.branches[f"step{step}"].values()
        api.branches[f"step{step}"] = {
            "config.json": config,
            "model-00001-of-00002.safetensors": whole,
            "model-00002-of-00002.safetensors": b"the same" * 1000,
        }
    assert kinds(audit(HubSource("me/model", api=api))) == [("warning", "shared part", ("step2", "step4"))]


def test_steps_of_a_known_family(saved):
    found = audit(HubSource("EleutherAI/pythia-1b", api=hub_of(saved)))
    assert kinds(found) == [("warning", "missing step", ())]
    assert found.findings[0].message == (
        "step 1000, step 2000, step 3000, step 4000, step 5000, step 6000 and 137 more of the 154 steps of "
        "the family are not there"
    )
    assert kinds(audit(HubSource("EleutherAI/pythia-1b", ["step1", "step2"], api=hub_of(saved)))) == []


def test_small_files_have_no_digest(saved):
    api = hub_of(saved)
    api.small = ("config.json", "model.safetensors")
    found = audit(HubSource("me/model", ["step1"], api=api))
    assert kinds(found) == [("note", "no digest", ("step1",))]


def test_a_gguf_file(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"GGUF" + bytes(50))
    found = audit(GgufSource(tmp_path / "m.gguf"))
    assert kinds(found) == []
    assert set(found.checkpoints[0].weights) == {"gguf"}


# What is shown


def test_progress(run_folder, saved):
    save(run_folder / "step1", saved[0])
    calls = []
    audit(FolderSource(run_folder), progress=lambda *words: calls.append(words))
    assert [call[:2] for call in calls] == [(i, 11) for i in range(12)]
    assert calls[-1][2] == {"findings": 1}


def test_lines_of_few_and_of_many(run_folder, saved, tmp_path):
    save(run_folder / "step1", saved[0])
    lines = checked(run_folder).lines()
    assert lines[0][0] == "checkpoint"
    assert len(lines) == 12
    assert all(len(line) == len(lines[0]) for line in lines)
    assert (lines[1][0], lines[1][-1], lines[3][-1]) == ("step 0", "duplicate", "")
    assert lines[1][-2] == lines[2][-2] != lines[3][-2]  # digests
    for step in range(30):
        save(tmp_path / "many" / f"step{step}", model(seed=max(step, 1), n=1, shape=(2, 2)))
    lines = checked(tmp_path / "many").lines()
    assert [line[0] for line in lines] == ["checkpoint", "step 0", "step 1", "and 28 more"]


def test_the_answer_is_plain(run_folder, saved):
    save(run_folder / "step1", saved[0])
    found = checked(run_folder).answer()
    text = json.dumps(found)  # only lists, dicts, numbers, texts
    assert json.loads(text)["errors"] == 1
    assert (found["warnings"], found["notes"], found["exit_code"]) == (0, 0, 1)
    assert found["findings"][0]["revisions"] == ("step0", "step1")
    assert [one["step"] for one in found["checkpoints"]] == list(STEPS)
    assert found["checkpoints"][0]["weights"] == found["checkpoints"][1]["weights"]


def test_the_verdict_counts(run_folder, saved):
    save(run_folder / "step1", saved[0])
    save(run_folder / "step4", saved[2])
    save(run_folder / "main", saved[512])
    save(run_folder / "kestrel", model(seed=7))
    assert (
        checked(run_folder).verdict() == "run: 2 errors, 1 warning and 1 note in 13 checkpoints, by tensors"
    )


# The command


def called(*words):
    return CliRunner().invoke(auditing.app, [str(word) for word in words])


def test_the_command(run_folder, saved):
    found = called(run_folder)
    assert found.exit_code == 0
    assert found.stdout.startswith("run: nothing found in 11 checkpoints, by tensors\n")
    save(run_folder / "step1", saved[0])
    found = called(run_folder)
    assert found.exit_code == 1
    assert "error  duplicate  step0 and step1 have the same weights; leave one out" in found.stdout
    assert called(run_folder, "--quiet").stdout == ""
    assert called(f"{run_folder}@step1,step2,step4").exit_code == 0


def test_strict_lets_warnings_fail(run_folder, saved):
    save(run_folder / "main", saved[512])
    assert called(run_folder).exit_code == 0
    assert called(run_folder, "--strict").exit_code == 1


def test_json_of_the_command(run_folder, saved):
    save(run_folder / "step1", saved[0])
    found = called(run_folder, "--json")
    assert found.exit_code == 1
    answer = json.loads(found.stdout)
    assert (answer["errors"], answer["findings"][0]["kind"]) == (1, "duplicate")


@pytest.mark.skipif(
    "circuits" not in {name for group in registry.groups() for name in group.commands},
    reason="the commands of circuits are not registered yet",
)
def test_the_command_line(run, refused, run_folder, saved):
    save(run_folder / "step1", saved[0])
    code, out, err = run("circuits", "audit", run_folder, "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["exit_code"] == 1
    refused("circuits", "audit", "nothing", needles=["source must be", "'nothing'"])
    refused("circuits", "audit", run_folder / "step1" / "config.json", needles=["is a file"])
