"""Checkpoints written by hand, and a Hub that exists in memory."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np

TYPES = {
    "f8": "F64",
    "f4": "F32",
    "f2": "F16",
    "i8": "I64",
    "i4": "I32",
    "u1": "U8",
    "b1": "BOOL",
    "u2": "BF16",
}
CONFIG = {"model_type": "gpt_neox", "hidden_size": 16, "rotary_pct": 0.25}


def safetensors_bytes(tensors, metadata=None):
    """A safetensors file: 8 bytes of length, a JSON header, the data. Arrays of uint16 stand for bfloat16."""
    header = {} if metadata is None else {"__metadata__": metadata}
    data = b""
    for name, array in tensors.items():
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": TYPES[array.dtype.str[1:]],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def to_bfloat16(array):
    """Upper halves of float32 numbers, cut off."""
    return (np.ascontiguousarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def save(folder, tensors, *, config=None, n_shards=1):
    """Write a checkpoint in the place of an older one; with several shards also their index."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("model*"):
        old.unlink()
    (folder / "config.json").write_text(json.dumps(CONFIG if config is None else config))
    if n_shards == 1:
        (folder / "model.safetensors").write_bytes(safetensors_bytes(tensors))
        return folder
    places = {}
    for i in range(n_shards):
        file = f"model-{i + 1:05d}-of-{n_shards:05d}.safetensors"
        part = {name: array for j, (name, array) in enumerate(tensors.items()) if j % n_shards == i}
        (folder / file).write_bytes(safetensors_bytes(part))
        places |= dict.fromkeys(part, file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return folder


def model(seed=0, n=10, shape=(16, 16), dtype=np.float32):
    """Weights of a model with ``n`` layers."""
    rng = np.random.default_rng(seed)
    return {f"layers.{i}.weight": rng.normal(size=shape).astype(dtype) for i in range(n)}


class FakeHub:
    """What `HubSource` uses of ``huggingface_hub.HfApi``, on branches {name: {path: bytes}} in memory."""

    def __init__(self, branches, tags=None, *, small=("config.json",)):
        self.branches, self.tags, self.small = branches, tags or {}, small
        self.calls, self.downloads = [], []
        self.error = {}  # method -> exception

    def _call(self, method, *words):
        self.calls.append((method, *words))
        if method in self.error:
            raise self.error[method]

    def list_repo_refs(self, repo_id):
        self._call("list_repo_refs", repo_id)
        refs = [[SimpleNamespace(name=name) for name in names] for names in (self.branches, self.tags)]
        return SimpleNamespace(branches=refs[0], tags=refs[1], converts=[])

    def _files(self, revision):
        return {**self.branches, **self.tags}[revision]

    def list_repo_tree(self, repo_id, *, revision, recursive):
        self._call("list_repo_tree", repo_id, revision, recursive)
        for path, content in self._files(revision).items():
            if "/" in path and not recursive:
                yield SimpleNamespace(path=path.partition("/")[0], tree_id="0")  # a folder
                continue
            lfs = None
            if path.rpartition("/")[2] not in self.small:
                lfs = SimpleNamespace(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            yield SimpleNamespace(path=path, size=len(content), blob_id="0", lfs=lfs)

    def snapshot_download(self, repo_id, *, revision, cache_dir, allow_patterns):
        self._call("snapshot_download", repo_id, revision)
        folder = Path(cache_dir) / "models--x" / "snapshots" / "0"
        folder.mkdir(parents=True)
        for path, content in self._files(revision).items():
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in allow_patterns):
                self.downloads.append(path)
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
                if "after one file" in self.error:
                    raise self.error["after one file"]
        return str(folder)
