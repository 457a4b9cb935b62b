"""Where checkpoints come from: folders, a Hub in memory, GGUF files; what is refused, and what is deleted."""

from __future__ import annotations

import errno
import hashlib
import json

import numpy as np
import pytest
from saved_checkpoints import CONFIG, FakeHub, model, safetensors_bytes, save

from lintrans.circuits import hub
from lintrans.circuits.files import local_weights, weight_files
from lintrans.circuits.names import parse_revision
from lintrans.circuits.sources import FolderSource, GgufSource, HubSource, open_source
from lintrans.errors import InputError, MissingExtraError, StorageError

CONFIG_BYTES = json.dumps(CONFIG).encode()
WEIGHTS = safetensors_bytes(model(n=1))


def names(source):
    return [found.name for found in source.revisions()]


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    assert text.rpartition(";")[2].strip(), f"no remedy: {text}"
    return text


# Folders


def test_subfolders_are_checkpoints_in_order(tmp_path):
    for name in ("step9", "step10", "step0", "main"):
        save(tmp_path / "run" / name, model(n=1))
    (tmp_path / "run" / "logs").mkdir()
    (tmp_path / "run" / ".cache" / "step5").mkdir(parents=True)
    (tmp_path / "run" / "notes.txt").write_text("step 7")
    source = FolderSource(tmp_path / "run", tokens_per_step=100)
    assert source.name == "run"
    assert names(source) == ["step0", "step9", "step10", "main"]
    assert [found.tokens for found in source.revisions()] == [0, 900, 1000, None]
    with source.folder(source.revisions()[1]) as folder:
        assert folder == tmp_path / "run" / "step9"
    assert folder.exists()  # the user's own folder stays


def test_a_checkpoint_alone_is_a_source(tmp_path):
    save(tmp_path / "step512", model(n=1))
    source = FolderSource(tmp_path / "step512")
    (found,) = source.revisions()
    assert (found.name, found.step) == ("step512", 512)
    with source.folder(found) as folder:
        assert folder == tmp_path / "step512"


def test_a_trainer_leaves_the_last_model_above_the_others(tmp_path):
    save(tmp_path / "out", model(n=1))
    for name in ("checkpoint-500", "checkpoint-1000"):
        save(tmp_path / "out" / name, model(n=1))
    source = FolderSource(tmp_path / "out")
    assert names(source) == ["checkpoint-500", "checkpoint-1000", "main"]
    with source.folder(source.revisions()[-1]) as folder:
        assert folder == tmp_path / "out"


def test_nested_folders(tmp_path):
    for name in ("hf_ckpt/33.55B", "hf_ckpt/16.78B", "seed1/step2", "seed0/step10", "a/b/c/step1"):
        save(tmp_path / name, model(n=1))
    assert names(FolderSource(tmp_path)) == [
        "hf_ckpt/16.78B",
        "hf_ckpt/33.55B",
        "seed0/step10",
        "seed1/step2",
    ]


def test_a_step_without_files_is_listed_and_cannot_be_opened(tmp_path):
    save(tmp_path / "step1", model(n=1))
    (tmp_path / "step2").mkdir()
    save(tmp_path / "step3", model(n=2), n_shards=2)
    (tmp_path / "step3" / "model-00002-of-00002.safetensors").unlink()
    save(tmp_path / "step4", model(n=1))
    (tmp_path / "step4" / "config.json").unlink()
    source = FolderSource(tmp_path)
    assert names(source) == ["step1", "step2", "step3", "step4"]
    for found, needle in zip(
        source.revisions()[1:],
        ("config.json", "model-00002-of-00002.safetensors", "config.json"),
        strict=True,
    ):
        with pytest.raises(InputError) as error, source.folder(found):
            pytest.fail("it is not whole")
        assert needle in one_line(error)


def test_an_index_says_which_shards_there_are(tmp_path):
    folder = save(tmp_path / "step1", model(n=3), n_shards=3)
    assert local_weights(folder)[0].missing == ()
    (folder / "model-00003-of-00003.safetensors").unlink()
    for file in list(folder.glob("model-0*")):
        file.rename(folder / file.name.replace("model-", "part-"))
    (files,) = local_weights(folder)
    assert files.missing == tuple(f"model-{i:05d}-of-00003.safetensors" for i in (1, 2, 3))
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": 3}}')
    with pytest.raises(InputError, match="must have a weight_map of file names"):
        local_weights(folder)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], []),
        (["training_args.bin", "optimizer.pt", "model.gguf", "consolidated.00.pth"], []),
        (["model.safetensors"], [("safetensors", 1, 0)]),
        (["pytorch_model.bin", "model.safetensors"], [("safetensors", 1, 0), ("bin", 1, 0)]),
        (
            ["pytorch_model.bin", "model-00002-of-00002.safetensors"],
            [("bin", 1, 0), ("safetensors", 1, 1)],  # the whole one first
        ),
        (["pytorch_model-00001-of-00003.bin"], [("bin", 1, 2)]),
        (["model.safetensors.index.json"], [("safetensors", 0, 1)]),
    ],
)
def test_weights_among_files(there, expected):
    found = [(one.format, len(one.present), len(one.missing)) for one in weight_files(there)]
    assert found == expected


def test_digests_of_a_folder_are_those_of_its_files(tmp_path):
    folder = save(tmp_path / "step1", model(n=1))
    source = FolderSource(tmp_path)
    (found,) = source.revisions()
    expected = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("config.json", "model.safetensors")
    }
    assert source.digests(found) == expected
    assert {file.name: file.size for file in source.files(found)} == {
        name: (folder / name).stat().st_size for name in expected
    }


def test_choice_of_revisions(tmp_path):
    for i in range(5):
        save(tmp_path / f"step{i}", model(n=1))
    assert names(FolderSource(tmp_path, ["step3", "step1"])) == ["step1", "step3"]
    assert names(open_source(f"{tmp_path}@step4,step0")) == ["step0", "step4"]
    with pytest.raises(InputError, match="got 'step12'; choose from 'step") as error:
        FolderSource(tmp_path, ["step12"])
    assert one_line(error)
    for wrong in ([], ["step1", "step1"]):
        with pytest.raises(InputError, match="revisions must be different and at least one"):
            FolderSource(tmp_path, wrong)
    with pytest.raises(InputError, match="revisions must be a list"):
        FolderSource(tmp_path, "step1")


def test_revisions_of_another_source_are_refused(tmp_path):
    save(tmp_path / "step1", model(n=1))
    source = FolderSource(tmp_path)
    with pytest.raises(InputError, match="revision must be one of this source, got 'step2'"):
        source.files(parse_revision("step2"))
    with pytest.raises(InputError, match="revision must be made by Revision"):
        source.files("step1")


def test_no_checkpoint(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "step1").mkdir()
    with pytest.raises(
        InputError, match=r"is not a checkpoint and holds none; give a folder with config\.json"
    ):
        FolderSource(tmp_path)
    with pytest.raises(InputError, match="path must be a folder"):
        FolderSource(tmp_path / "nothing")
    with pytest.raises(InputError, match="tokens_per_step must lie between"):
        FolderSource(save(tmp_path / "step2", model(n=1)), tokens_per_step=0)


# What a command line names


def test_open_source(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "runs" / "tiny" / "step1", model(n=1))
    (tmp_path / "m.gguf").write_bytes(b"GGUF....")
    assert isinstance(open_source("runs/tiny"), FolderSource)  # a folder comes before a repository
    assert isinstance(open_source("m.gguf"), GgufSource)
    found = open_source("EleutherAI/pythia-1b@step1,step512")
    assert isinstance(found, HubSource)
    assert found.name == "EleutherAI/pythia-1b"
    for wrong, needle in {
        "nothing": "does not exist",
        "./runs/big": "does not exist",
        "a/b/c": "does not exist",
        "runs/tiny/step1/config.json": "is a file",
        "no.gguf": "No such file",
        "": "got ''",
        "a\0b": "owner/name",
    }.items():
        with pytest.raises(InputError, match=needle) as error:
            open_source(wrong)
        one_line(error)


# The Hub


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


@pytest.fixture
def fake():
    files = {
        "config.json": CONFIG_BYTES,
        "tokenizer.json": b"{}",
        "README.md": b"read me",
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"other",
        "training_args.bin": b"args",
        "optimizer.pt": b"state",
        "original/consolidated.pth": b"again",
    }
    return FakeHub({name: dict(files) for name in ("main", "step10", "step2")}, tags={"v1": dict(files)})


def test_branches_are_checkpoints(fake):
    source = HubSource("me/model", api=fake)
    assert fake.calls == []  # nothing is asked before it is needed
    assert names(source) == ["step2", "step10", "main"]
    assert names(source) == names(source)
    assert fake.calls == [("list_repo_refs", "me/model")]


def test_tokens_of_a_family_and_its_steps(fake):
    source = HubSource("EleutherAI/pythia-1b", api=fake)
    assert [found.tokens for found in source.revisions()] == [4_194_304, 20_971_520, None]
    assert len(source.expected_steps) == 154
    assert HubSource("EleutherAI/pythia-1b", ["step2"], api=fake).expected_steps is None
    assert HubSource("me/model", api=fake).expected_steps is None


def test_a_download_is_one_format_and_is_deleted(fake, cache):
    source = HubSource("me/model", cache=cache, api=fake)
    for found in source.revisions():
        with source.folder(found) as folder:
            assert sorted(path.name for path in folder.iterdir()) == [
                "config.json", "model.safetensors", "tokenizer.json",
            ]  # fmt: skip
            assert (folder / "model.safetensors").read_bytes() == WEIGHTS
            assert cache in folder.parents
            assert len(list(cache.iterdir())) == 1  # never more than one checkpoint
        assert list(cache.iterdir()) == []
    assert fake.downloads.count("model.safetensors") == 3


@pytest.mark.parametrize("error", [ValueError("in the user's code"), KeyboardInterrupt(), SystemExit(1)])
def test_deleted_after_an_error(fake, cache, error):
    source = HubSource("me/model", cache=cache, api=fake)
    with pytest.raises(type(error)), source.folder(source.revisions()[0]) as folder:
        assert folder.exists()
        raise error
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("unknown")])
def test_deleted_after_half_a_download(fake, cache, error):
    fake.error["after one file"] = error
    source = HubSource("me/model", cache=cache, api=fake)
    with pytest.raises(type(error)), source.folder(source.revisions()[0]):
        pytest.fail("it did not arrive")
    assert fake.downloads == ["config.json"]
    assert list(cache.iterdir()) == []


def test_an_input_error_of_the_user_is_left_as_it_is(fake, cache):
    source = HubSource("me/model", cache=cache, api=fake)
    with pytest.raises(InputError, match=r"^mine; pass another$"), source.folder(source.revisions()[0]):
        raise InputError("mine; pass another")
    with pytest.raises(ConnectionError, match="mine"), source.folder(source.revisions()[0]):
        raise ConnectionError("mine")  # not one of the Hub
    assert list(cache.iterdir()) == []


def test_a_file_that_did_not_arrive(fake, cache, monkeypatch):
    source = HubSource("me/model", cache=cache, api=fake)
    monkeypatch.setattr(hub, "_literal", lambda name: name.replace("model.safe", "nothing."))
    with (
        pytest.raises(InputError, match=r"got no model\.safetensors") as error,
        source.folder(source.revisions()[0]),
    ):
        pytest.fail("it did not arrive")
    one_line(error)
    assert list(cache.iterdir()) == []


def test_digests_need_no_download(fake):
    source = HubSource("me/model", api=fake)
    found = source.digests(source.revisions()[0])
    assert found["model.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert "config.json" not in found  # the Hub keeps none of small files
    assert "consolidated.pth" not in found
    source.files(source.revisions()[0])
    assert [call[0] for call in fake.calls] == ["list_repo_refs", "list_repo_tree"]


def test_checkpoints_in_folders_of_one_branch(cache):
    parts = {"config.json": CONFIG_BYTES, "model.safetensors": WEIGHTS}
    files = {
        f"hf_ckpt/{name}/{file}": content + name.encode()
        for name in ("33.55B", "16.78B", "[1]B")
        for file, content in parts.items()
    }
    api = FakeHub({"main": {"README.md": b"", **files, "data/other.json": b"{}"}})
    source = HubSource("m-a-p/neo", cache=cache, api=api)
    assert names(source) == ["hf_ckpt/16.78B", "hf_ckpt/33.55B", "hf_ckpt/[1]B"]
    for found in source.revisions():
        assert [file.name for file in source.files(found)] == ["config.json", "model.safetensors"]
        with source.folder(found) as folder:  # a bracket in a name is a bracket
            assert (folder / "model.safetensors").read_bytes().endswith(found.name[8:].encode())
        assert list(cache.iterdir()) == []
    assert len(api.downloads) == 6


def test_one_branch_with_a_checkpoint_is_that_checkpoint(fake):
    del fake.branches["step2"], fake.branches["step10"]
    assert names(HubSource("me/model", api=fake)) == ["main"]
    found = HubSource("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", api=fake).revisions()
    assert [(one.step, one.tokens) for one in found] == [(1431000, 3e12)]


def test_choice_of_branches_tags_and_commits(fake):
    assert names(HubSource("me/model", ["step10", "step2"], api=fake)) == ["step2", "step10"]
    assert names(HubSource("me/model", ["v1"], api=fake)) == ["v1"]
    commit = "0ce7e27fe58b215df4b4a0123456789abcdef012"
    assert names(HubSource("me/model", [commit, "main"], api=fake)) == [commit, "main"]
    with pytest.raises(InputError, match="got 'step3'; choose from 'step2', ") as error:
        HubSource("me/model", ["step3"], api=fake).revisions()
    one_line(error)


@pytest.mark.parametrize(
    ("lacking", "needle"),
    [
        (["config.json"], "got no config.json in step2"),
        (["model.safetensors", "pytorch_model.bin"], "got no weights in step2"),
    ],
)
def test_branches_without_a_checkpoint(fake, cache, lacking, needle):
    for name in lacking:
        del fake.branches["step2"][name]
    source = HubSource("me/model", cache=cache, api=fake)
    with pytest.raises(InputError, match=needle) as error, source.folder(source.revisions()[0]):
        pytest.fail("it is no checkpoint")
    one_line(error)
    assert fake.downloads == []


def test_shards_that_are_missing_are_not_downloaded(fake, cache):
    files = fake.branches["step2"]
    del files["model.safetensors"], files["pytorch_model.bin"]
    files |= {"model-00001-of-00002.safetensors": WEIGHTS}
    source = HubSource("me/model", cache=cache, api=fake)
    with (
        pytest.raises(InputError, match=r"got no model-00002-of-00002\.safetensors in step2"),
        source.folder(source.revisions()[0]),
    ):
        pytest.fail("it is not whole")
    files["pytorch_model.bin"] = b"other"  # whole in the other format
    source = HubSource("me/model", cache=cache, api=fake)
    with source.folder(source.revisions()[0]) as folder:
        assert sorted(path.name for path in folder.iterdir()) == [
            "config.json", "pytorch_model.bin", "tokenizer.json",
        ]  # fmt: skip


def test_shards_come_with_their_index(fake, cache):
    files = fake.branches["step2"]
    del files["model.safetensors"]
    files |= {f"model-0000{i}-of-00002.safetensors": WEIGHTS for i in (1, 2)}
    files |= {"model.safetensors.index.json": b"{}", "pytorch_model.bin.index.json": b"{}"}
    source = HubSource("me/model", cache=cache, api=fake)
    with source.folder(source.revisions()[0]) as folder:
        assert sorted(path.name for path in folder.iterdir()) == [
            "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
            "model.safetensors.index.json", "tokenizer.json",
        ]  # fmt: skip


def test_a_disk_without_room(fake, cache, monkeypatch):
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    source = HubSource("me/model", cache=cache, api=fake)
    with (
        pytest.raises(InputError, match=r"cache must have room for 0\.07 GB, got 0\.00 GB") as error,
        source.folder(source.revisions()[0]),
    ):
        pytest.fail("there is no room")
    one_line(error)
    assert fake.downloads == []
    assert list(cache.iterdir()) == []


def error_of(*classes, **fields):
    """An error with the names of the classes that the Hub's client has, the last the first base."""
    kind = Exception
    for name in reversed(classes):
        kind = type(name, (kind,), {})
    error = kind("a message\nof two lines")
    for name, value in fields.items():
        setattr(error, name, value)
    return error


def answered(status):
    return {"response": type("Response", (), {"status_code": status})()}


@pytest.mark.parametrize(
    ("error", "needle"),
    [
        (
            error_of("ConnectError", "NetworkError", "TransportError"),
            "the Hub cannot be reached for me/model",
        ),
        (error_of("ReadTimeout", "TimeoutException", "TransportError"), "give a local folder"),
        (ConnectionError("refused"), "the Hub cannot be reached"),
        (TimeoutError("late"), "the Hub cannot be reached"),
        (error_of("OfflineModeIsEnabled"), "the Hub cannot be reached"),
        (error_of("LocalEntryNotFoundError"), "the Hub cannot be reached"),
        (
            error_of("GatedRepoError", "RepositoryNotFoundError", "HfHubHTTPError", **answered(403)),
            "accept its terms",
        ),
        (error_of("RepositoryNotFoundError", "HfHubHTTPError", **answered(404)), "which is neither"),
        (
            error_of("RevisionNotFoundError", "HfHubHTTPError", **answered(404)),
            "revision must be in me/model",
        ),
        (error_of("HfHubHTTPError", **answered(503)), "got HTTP status 503; try again later"),
    ],
)
@pytest.mark.parametrize("method", ["list_repo_refs", "list_repo_tree", "snapshot_download"])
def test_errors_of_the_hub_are_one_line(fake, cache, error, needle, method):
    fake.error[method] = error
    source = HubSource("me/model", cache=cache, api=fake)
    with pytest.raises(InputError, match=needle) as raised, source.folder(source.revisions()[0]):
        pytest.fail("it did not arrive")
    one_line(raised)
    assert list(cache.iterdir()) == []


def test_a_full_disk_is_an_error_of_storage(fake, cache):
    fake.error["snapshot_download"] = OSError(errno.ENOSPC, "No space left on device")
    source = HubSource("me/model", cache=cache, api=fake)
    with pytest.raises(StorageError, match="name a cache elsewhere"), source.folder(source.revisions()[0]):
        pytest.fail("it did not arrive")


def test_errors_that_are_not_of_the_hub_pass(fake):
    fake.error["list_repo_refs"] = ZeroDivisionError("a fault of ours")
    with pytest.raises(ZeroDivisionError):
        HubSource("me/model", api=fake).revisions()


@pytest.mark.parametrize("name", ["pythia", "a/b/c", "a b/c", "", "../x", "/etc/passwd", None, "a/b\n"])
def test_names_of_repositories(name):
    with pytest.raises(InputError, match="repository must be owner/name"):
        HubSource(name)


def test_a_cache_must_be_a_folder(tmp_path):
    with pytest.raises(InputError, match="cache must be a folder"):
        HubSource("me/model", cache=tmp_path / "nothing")


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'lintrans\[circuits\]'"):
        HubSource("me/model").revisions()


# GGUF


def test_a_gguf_file_is_one_checkpoint(tmp_path, monkeypatch):
    file = tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    source = GgufSource(file)
    (found,) = source.revisions()
    assert found[:4] == ("SmolLM2-135M-Instruct.Q4_1", None, None, None)
    assert source.gguf_file == file.name
    assert source.digests(found) == {file.name: hashlib.sha256(file.read_bytes()).hexdigest()}
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    with source.folder(found) as folder:
        assert folder == tmp_path
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"lintrans\[pretrained\]"), source.folder(found):
        pytest.fail("gguf is not there")


def test_other_files_are_no_gguf(tmp_path):
    (tmp_path / "a.gguf").write_bytes(np.zeros(8).tobytes())
    with pytest.raises(InputError, match="file must be a GGUF file") as error:
        GgufSource(tmp_path / "a.gguf")
    one_line(error)
    with pytest.raises(InputError, match="No such file"):
        GgufSource(tmp_path / "b.gguf")
    with pytest.raises(InputError, match="file must be a GGUF file"):
        GgufSource(tmp_path)
