"""Checkpoints against the libraries that make them: torch, safetensors, transformers, huggingface_hub."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import math
from pathlib import Path

import numpy as np
import pytest
from saved_checkpoints import FakeHub

from lintrans.circuits import hub
from lintrans.circuits.audit import audit
from lintrans.circuits.facts import measure
from lintrans.circuits.sources import FolderSource, HubSource
from lintrans.circuits.tensors import open_tensors, read_bin, read_safetensors
from lintrans.errors import InputError

pytestmark = pytest.mark.circuits
torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")
huggingface_hub = pytest.importorskip("huggingface_hub")

TYPES = (
    "float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "complex64", "int64",
    "int32", "int16", "int8", "uint8", "bool",
)  # fmt: skip


@pytest.fixture
def state():
    generator = torch.Generator().manual_seed(0)
    made = {name: (4 * torch.randn(5, 7, generator=generator)).to(getattr(torch, name)) for name in TYPES}
    return made | {"number": torch.tensor(3.0), "empty": torch.zeros(0, 2), "turned": made["float32"].T}


def test_safetensors_and_bin_hold_the_same(tmp_path, state):
    safetensors_torch.save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "model.safetensors")
    torch.save(state, tmp_path / "pytorch_model.bin")
    ours, theirs = read_safetensors(tmp_path / "model.safetensors"), read_bin(tmp_path / "pytorch_model.bin")
    assert set(ours) == set(theirs) == set(state)
    for name, tensor in state.items():
        assert ours[name][:2] == theirs[name][:2]
        assert measure(ours[name]).sha256 == measure(theirs[name]).sha256
        assert ours[name].shape == tuple(tensor.shape)
        if ours[name].is_float:
            expected = tensor.double().norm().item()
            assert measure(ours[name]).norm == pytest.approx(expected, rel=1e-14)  # sums of 35 squares
            values = np.concatenate([np.zeros(0), *ours[name].blocks()])
            assert values.tolist() == tensor.double().flatten().tolist()


def test_the_oldest_format_of_torch(tmp_path):
    torch.save({"w": torch.ones(3)}, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    assert measure(read_bin(tmp_path / "pytorch_model.bin")["w"]).norm == math.sqrt(3)


class Trap:
    def __reduce__(self):
        return Path.touch, (Path("run by a pickle"),)


@pytest.mark.parametrize(
    ("content", "needle"),
    [
        ({"w": Trap()}, "holds tensors only"),
        ({"w": [1, 2]}, "must hold tensors, got"),
        ([torch.ones(2)], "must hold tensors by name"),
        ({"w": torch.ones(2).to_sparse()}, "must hold plain numbers"),
        ({"w": torch.ones(2, dtype=torch.complex128)}, "must hold plain numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_files_that_hold_more_than_tensors(tmp_path, monkeypatch, content, needle):
    monkeypatch.chdir(tmp_path)
    torch.save(content, "pytorch_model.bin")
    with pytest.raises(InputError, match=needle) as error:
        read_bin(tmp_path / "pytorch_model.bin")
    assert "\n" not in str(error.value)
    assert not Path("run by a pickle").exists()


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b"\x80\x02" + b, lambda b: b"x" * 99]
)
def test_damaged_files_of_torch(tmp_path, damage):
    path = tmp_path / "pytorch_model.bin"
    torch.save({"w": torch.ones(300)}, path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"must be a whole file of torch\.save"):
        read_bin(path)


def tiny_model(seed, dtype=None):
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(seed)
    config = transformers.GPTNeoXConfig(
        vocab_size=64, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    made = transformers.GPTNeoXForCausalLM(config)
    return made if dtype is None else made.to(dtype)


def test_audit_of_what_transformers_saves(tmp_path):
    for step in range(5):
        made = tiny_model(0)
        with torch.no_grad():
            for k, weights in enumerate(made.parameters()):
                torch.manual_seed(k)
                weights.add_(0.02 * step * torch.randn_like(weights))
        made.save_pretrained(tmp_path / f"step{step}", max_shard_size="8KB" if step == 3 else "5GB")
    found = audit(FolderSource(tmp_path))
    assert found.findings == ()
    assert len(list((tmp_path / "step3").glob("model-*.safetensors"))) > 1
    names = set(found.checkpoints[3].tensors)
    assert names == set(safetensors_torch.load_file(tmp_path / "step1" / "model.safetensors"))
    made = tiny_model(0)
    torch.save(made.state_dict(), tmp_path / "step4" / "pytorch_model.bin")
    (tmp_path / "step4" / "model.safetensors").unlink()
    found = audit(FolderSource(tmp_path))
    assert ("error", "duplicate", ("step0", "step4")) in [one[:3] for one in found.findings]


def test_a_folder_of_the_source_can_be_loaded(tmp_path):
    transformers = pytest.importorskip("transformers")
    tiny_model(1, torch.bfloat16).save_pretrained(tmp_path / "step1", max_shard_size="8KB")
    source = FolderSource(tmp_path)
    with source.folder(source.revisions()[0]) as folder:
        loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    ours = open_tensors(tmp_path / "step1")
    for name, tensor in loaded.state_dict().items():
        if name in ours:
            expected = tensor.contiguous().view(torch.uint8).numpy().tobytes()
            assert ours[name].data.tobytes() == expected


# The Hub's client as it is, without a network


def test_the_client_takes_what_we_pass():
    api = huggingface_hub.HfApi(token=None, library_name="lintrans")
    for method, given in (
        (api.list_repo_refs, {}),
        (api.list_repo_tree, {"revision": "main", "recursive": True}),
        (api.snapshot_download, {"revision": "main", "cache_dir": "x", "allow_patterns": ["a"]}),
    ):
        inspect.signature(method).bind("me/model", **given)


def test_entries_of_the_client():
    lfs = {"size": 7, "oid": "ab" * 32, "pointerSize": 130}
    api = FakeHub({"main": {}})
    api.list_repo_tree = lambda *_, **__: [
        huggingface_hub.hf_api.RepoFile(path="config.json", size=3, oid="1"),
        huggingface_hub.hf_api.RepoFile(path="model.safetensors", size=7, oid="2", lfs=lfs),
        huggingface_hub.hf_api.RepoFolder(path="original", oid="3"),
    ]
    api.list_repo_refs = lambda *_: huggingface_hub.hf_api.GitRefs(
        branches=[huggingface_hub.hf_api.GitRefInfo(name="main", ref="refs/heads/main", target_commit="0")],
        converts=[],
        tags=[],
    )
    source = HubSource("me/model", api=api)
    assert [file.name for file in source.files(source.revisions()[0])] == ["config.json", "model.safetensors"]
    assert source.digests(source.revisions()[0]) == {"model.safetensors": "ab" * 32}


def test_patterns_of_the_client_take_brackets_as_they_are():
    names = ["a[1]/config.json", "a1/config.json", "b*/x", "b?/x"]
    for name in names:
        found = huggingface_hub.utils.filter_repo_objects(names, allow_patterns=[hub._literal(name)])
        assert list(found) == [name]


@pytest.mark.parametrize(
    ("name", "needle"),
    [
        ("OfflineModeIsEnabled", "cannot be reached"),
        ("LocalEntryNotFoundError", "cannot be reached"),
        ("GatedRepoError", "accept its terms"),
        ("RepositoryNotFoundError", "which is neither"),
        ("RevisionNotFoundError", "revision must be in me/model"),
        ("HfHubHTTPError", "cannot be reached|HTTP status"),
    ],
)
def test_errors_of_the_client(name, needle):
    kind = getattr(huggingface_hub.errors, name)
    error = kind.__new__(kind)
    if name == "HfHubHTTPError":
        error.response = type("Response", (), {"status_code": 500})()
    assert inspect.isclass(kind)
    with pytest.raises(InputError, match=needle):
        raise hub._explained(error, "me/model", "main")


def test_no_network(monkeypatch, tmp_path):
    """A client that is told to stay offline: the real list of branches is refused in one line."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with contextlib.suppress(AttributeError):
        huggingface_hub.utils.close_session()
    source = HubSource("EleutherAI/pythia-1b", cache=tmp_path)
    with pytest.raises(InputError, match="the Hub cannot be reached for EleutherAI/pythia-1b") as error:
        source.revisions()
    assert str(error.value).endswith("; give a local folder")


def test_a_server_that_refuses_connections(tmp_path):
    api = huggingface_hub.HfApi(endpoint="http://127.0.0.1:9")
    source = HubSource("EleutherAI/pythia-1b", cache=tmp_path, api=api)
    with pytest.raises(InputError, match="the Hub cannot be reached for EleutherAI/pythia-1b"):
        source.revisions()


def test_a_hub_on_this_machine(tmp_path):
    """The real client against a small server: branches, files, digests, download, eviction."""
    import http.server
    import threading

    files = {"config.json": b"{}", "model.safetensors": b"weights of step 1", "optimizer.pt": b"left out"}
    commit = "0ce7e27fe58b215df4b4a0123456789abcdef012"
    tree = [
        {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        | (
            {"lfs": {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100}}
            if name != "config.json"
            else {}
        )
        for name, content in files.items()
    ]
    ref = {"name": "step1", "ref": "refs/heads/step1", "targetCommit": commit}
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def respond(self, body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Repo-Commit", commit)
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_GET(self):
            path = self.path.partition("?")[0]
            asked.append((self.command, path))
            if path.endswith("/refs"):
                self.respond(json.dumps({"branches": [ref], "converts": [], "tags": []}).encode())
            elif "/tree/" in path:
                self.respond(json.dumps(tree).encode())
            elif "/resolve/" in path:
                self.respond(files[path.rpartition("/")[2]])
            elif "/revision/" in path:
                self.respond(json.dumps({"id": "me/model", "sha": commit, "siblings": []}).encode())
            else:
                self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        api = huggingface_hub.HfApi(endpoint=f"http://127.0.0.1:{server.server_port}")
        source = HubSource("me/model", cache=tmp_path, api=api)
        (found,) = source.revisions()
        assert (found.name, found.step) == ("step1", 1)
        assert (
            source.digests(found)["model.safetensors"]
            == hashlib.sha256(files["model.safetensors"]).hexdigest()
        )
        assert not any("/resolve/" in path for _, path in asked)
        with source.folder(found) as folder:
            assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
            assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
            assert tmp_path in folder.parents
        assert list(tmp_path.iterdir()) == []
    finally:
        server.shutdown()
        server.server_close()
