"""Tensors read from safetensors files without torch: values, bytes, and damaged files."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from saved_checkpoints import model, safetensors_bytes, save, to_bfloat16

from lintrans.circuits import tensors
from lintrans.circuits.facts import measure
from lintrans.circuits.files import read_json
from lintrans.circuits.tensors import StoredTensor, open_tensors, read_bin, read_safetensors
from lintrans.errors import InputError, MissingExtraError

EXACT = {
    "a": np.array([[1.5, -2.0], [0.0, 3.25]], np.float32),
    "b": np.array([1e300, -1.0]),
    "c": np.array([0.5, 65504.0], np.float16),
    "empty": np.zeros((0, 3), np.float32),
    "number": np.array(7.0, np.float32),
    "ids": np.arange(5),
    "mask": np.array([True, False]),
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(safetensors_bytes(EXACT, metadata={"format": "pt"}))
    return path


def stored(array, dtype=None):
    return StoredTensor(
        dtype or {"f8": "F64", "f4": "F32", "f2": "F16"}[array.dtype.str[1:]],
        array.shape,
        np.ascontiguousarray(array).reshape(-1).view(np.uint8),
    )


def values(tensor):
    return np.concatenate([np.zeros(0), *tensor.blocks()])


def test_types_shapes_and_values(file):
    found = read_safetensors(file)
    assert set(found) == set(EXACT)
    for name, array in EXACT.items():
        assert found[name].shape == array.shape
        assert found[name].data.tobytes() == array.tobytes()
        if found[name].is_float:
            assert values(found[name]).tolist() == array.ravel().tolist()
    assert [name for name in EXACT if not found[name].is_float] == ["ids", "mask"]


def test_data_are_mapped_and_not_read(file):
    data = read_safetensors(file)["a"].data
    assert isinstance(data, np.memmap)
    assert not data.flags.writeable


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20))
def test_bfloat16_is_the_upper_half_of_a_float32(numbers):
    cut = to_bfloat16(np.array(numbers, np.float32))
    expected = (cut.astype(np.uint32) << 16).view(np.float32)
    assert values(StoredTensor("BF16", cut.shape, cut.view(np.uint8))).tolist() == expected.tolist()


def test_bfloat16_known_values():
    bits = np.array([0x3F80, 0xBF80, 0x4049, 0x0000, 0x7F80], np.uint16)
    tensor = StoredTensor("BF16", (5,), bits.view(np.uint8))
    assert values(tensor).tolist() == [1.0, -1.0, 3.140625, 0.0, float("inf")]


def test_unaligned_data(tmp_path):
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    header += b" " * (5 - len(header) % 4)  # so that the data begin at an odd place
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + np.array([1.5, 2.5], "<f4").tobytes())
    assert values(read_safetensors(path)["w"]).tolist() == [1.5, 2.5]


def test_shards_are_one_checkpoint(tmp_path):
    weights = model(n=5)
    whole = open_tensors(save(tmp_path / "a", weights))
    parts = open_tensors(save(tmp_path / "b", weights, n_shards=3))
    assert set(whole) == set(parts) == set(weights)
    for name in weights:
        assert measure(whole[name]) == measure(parts[name])


def header_of(entries, n_bytes):
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + bytes(n_bytes)


ONE = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}


@pytest.mark.parametrize(
    ("content", "needle"),
    [
        (b"", "got 0 bytes"),
        (b"1234567", "got 7 bytes"),
        (struct.pack("<Q", 10**6) + b"{}", "got 10 bytes"),
        (struct.pack("<Q", 2**63) + b"{}", "got 10 bytes"),
        (struct.pack("<Q", 2) + b"{]", "must have a header in JSON"),
        (struct.pack("<Q", 2) + b"\xff\xfe", "must have a header in JSON"),
        (struct.pack("<Q", 10**5) + b"[" * 10**5, "must have a header in JSON"),
        (struct.pack("<Q", 2) + b"[]", "must have an object as header"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "run git lfs pull"),
        (header_of({"w": ONE}, 15), "must hold 16 bytes of tensors for 'w', got 15; it was cut short"),
        (header_of({"w": ONE | {"shape": [5]}}, 20), "must give 'w' the bytes of F32"),
        (
            header_of({"w": ONE | {"shape": [-4], "data_offsets": [16, 0]}}, 16),
            "must give 'w' the bytes of F32",
        ),
        (header_of({"w": ONE | {"data_offsets": [-16, 0]}}, 16), "must give 'w' the bytes of F32"),
        (header_of({"w": ONE | {"dtype": "F128"}}, 16), "must say type, shape and place of 'w'"),
        (header_of({"w": {"dtype": "F32"}}, 16), "must say type, shape and place of 'w'"),
        (header_of({"w": 3}, 16), "must say type, shape and place of 'w'"),
        (header_of({"w": ONE | {"shape": "four"}}, 16), "must say type, shape and place of 'w'"),
    ],
)
def test_damaged_files(tmp_path, content, needle):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_safetensors(tmp_path / "model.safetensors")
    text = str(error.value)
    assert needle in text
    assert "\n" not in text
    assert text.startswith("model.safetensors ")


@given(st.data())
def test_any_damage_of_the_header_is_an_input_error(data):
    import tempfile
    from pathlib import Path

    content = bytearray(safetensors_bytes({"w": np.ones(4, np.float32)}))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 17))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(content)
        try:
            found = read_safetensors(path)
        except InputError:
            return
        for tensor in found.values():
            assert len(tensor.data) <= 16
            measure(tensor)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="must be a readable file, got: No such file"):
        read_safetensors(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="must be a readable file"):
        read_json(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("text", "needle"), [("[1]", "must hold an object"), ("{", "must be JSON"), ("[" * 10**5, "must be JSON")]
)
def test_json_that_is_no_object(tmp_path, text, needle):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=needle):
        read_json(tmp_path / "config.json")


def test_tensors_of_folders_that_are_not_whole(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="a checkpoint must hold weights"):
        open_tensors(tmp_path / "a")
    folder = save(tmp_path / "b", model(n=2), n_shards=2)
    second = folder / "model-00002-of-00002.safetensors"
    second.write_bytes((folder / "model-00001-of-00002.safetensors").read_bytes())
    with pytest.raises(InputError, match=r"a tensor must be in one file, got 'layers\.0\.weight' twice"):
        open_tensors(folder)
    second.unlink()
    with pytest.raises(InputError, match=r"got no model-00002-of-00002\.safetensors"):
        open_tensors(folder)


def test_files_of_torch_need_the_extra(tmp_path, monkeypatch):
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"reading pytorch_model\.bin needs the package torch"):
        read_bin(tmp_path / "pytorch_model.bin")


# One pass over a tensor


def test_norm_and_distances_are_those_of_numpy(monkeypatch):
    monkeypatch.setattr(tensors, "N_BLOCK", 7)  # many blocks, the last one short
    rng = np.random.default_rng(0)
    now, before, long_before = (rng.normal(size=(5, 10)).astype(np.float32) for _ in range(3))
    found = measure(stored(now), [stored(before), None, stored(long_before), stored(before[:, :9])])
    # float64 sums of 50 squares of float32 numbers: a few units of 2^-53, relative
    assert found.norm == pytest.approx(np.linalg.norm(now.astype(float)), rel=1e-14)
    assert found.moved[0] == pytest.approx(np.linalg.norm(now.astype(float) - before), rel=1e-14)
    assert found.moved[2] == pytest.approx(np.linalg.norm(now.astype(float) - long_before), rel=1e-14)
    assert np.isnan([found.moved[1], found.moved[3]]).all()  # none there, and another shape


def test_blocks_do_not_change_the_digest(monkeypatch):
    tensor = stored(np.arange(100, dtype=np.float32))
    whole = measure(tensor)
    monkeypatch.setattr(tensors, "N_BLOCK", 3)
    assert measure(tensor).sha256 == whole.sha256


def test_the_digest_depends_on_type_shape_and_data_only():
    bits = np.arange(8, dtype=np.uint16)
    found = [
        measure(StoredTensor(dtype, shape, data.view(np.uint8))).sha256
        for dtype, shape, data in (
            ("BF16", (8,), bits),
            ("F16", (8,), bits),
            ("BF16", (2, 4), bits),
            ("BF16", (8,), bits[::-1].copy()),
            ("BF16", (8,), bits.copy()),
        )
    ]
    assert len(set(found)) == 4
    assert found[0] == found[4]


def test_numbers_that_are_not_finite_are_counted():
    array = np.array([1.0, np.nan, np.inf, -np.inf, 2.0], np.float32)
    assert measure(stored(array), [stored(array)]).n_bad == 3
    assert measure(stored(np.array([1e300, 1.0]))).n_bad == 0  # its square is not finite, it is


def test_types_can_change_between_checkpoints():
    array = np.array([1.0, 2.0, 3.0], np.float32)
    assert measure(stored(array), [stored(array.astype(np.float16))]).moved == (0.0,)
    ids = StoredTensor("I64", (3,), np.arange(3).view(np.uint8))
    assert np.isnan(measure(stored(array), [ids]).moved[0])
    found = measure(ids, [ids])
    assert np.isnan([found.norm, *found.moved]).all()
    assert found.n_bad == 0
