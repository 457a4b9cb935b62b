"""Tensors of a checkpoint as they are stored.

Safetensors files are read by NumPy alone, through a memory map. Their format: the length of a header in 8
bytes, little endian; the header, a JSON object that gives each tensor its type, its shape and its place;
then the bytes. Files of ``torch.save`` need torch and are read with ``weights_only=True``, so that no code in
them runs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.files import local_weights
from lintrans.errors import InputError, require_extra, short

FloatArray = NDArray[np.float64]

MAX_HEADER = 100_000_000  # bytes, as the safetensors library allows
N_BLOCK = 2**20  # entries that are converted at once
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F6_E2M3": 6,
    "F6_E3M2": 6, "F4": 4, "C64": 64, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32,
    "U16": 16, "U8": 8, "BOOL": 8,
}  # fmt: skip
FLOATS = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}  # and BF16, which NumPy lacks
_TORCH = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2", "complex64": "C64", "int64": "I64", "int32": "I32", "int16": "I16",
    "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


class StoredTensor(NamedTuple):
    """A tensor of a checkpoint.

    Attributes
    ----------
    dtype : str
        Type as safetensors names it: F32, BF16, ...
    shape : tuple of int
        Its shape.
    data : (n_bytes,) array of uint8
        Its bytes, little endian, in C order; in a memory map they are read when they are used.
    """

    dtype: str
    shape: tuple[int, ...]
    data: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether `blocks` can convert it."""
        return self.dtype in FLOATS or self.dtype == "BF16"

    def blocks(self) -> Iterator[FloatArray]:
        """Entries in order, as float64 arrays of at most `N_BLOCK`."""
        width = BITS[self.dtype] // 8
        for start in range(0, len(self.data), N_BLOCK * width):
            part = self.data[start : start + N_BLOCK * width]
            if self.dtype == "BF16":  # the upper half of a float32
                yield (part.view("<u2").astype(np.uint32) << 16).view(np.float32).astype(np.float64)
            else:
                yield part.view(FLOATS[self.dtype]).astype(np.float64)


def open_tensors(folder: Path) -> dict[str, StoredTensor]:
    """Tensors of a checkpoint by name, from the first of its formats.

    Raises
    ------
    InputError
        If there are no weights, a file is missing or damaged, or a name occurs in two files.
    MissingExtraError
        If the weights are in files of ``torch.save`` and torch is not installed.
    """
    formats = local_weights(folder)
    if not formats:
        raise InputError(
            f"a checkpoint must hold weights, got {short(folder.name)} without; choose another folder"
        )
    files = formats[0]
    if files.missing:
        raise InputError(f"all weights must be there, got no {files.missing[0]}; complete {folder.name}")
    read = read_safetensors if files.format == "safetensors" else read_bin
    found: dict[str, StoredTensor] = {}
    for name in files.present:
        for key, tensor in read(folder / name).items():
            if key in found:
                raise InputError(f"a tensor must be in one file, got {short(key)} twice; save {name} again")
            found[key] = tensor
    return found


def read_safetensors(path: Path) -> dict[str, StoredTensor]:
    """Tensors of a safetensors file by name, their bytes in a memory map.

    Raises
    ------
    InputError
        If the file is damaged: cut short, without a header, or with places that do not fit.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            beginning = stream.read(8)
            length = int.from_bytes(beginning, "little")
            if len(beginning) < 8 or beginning == b"version " or length > min(size - 8, MAX_HEADER):
                raise _damaged(path, beginning, size)
            header = json.loads(stream.read(length))
        bytes_ = (
            np.memmap(path, np.uint8, "r", offset=8 + length) if size > 8 + length else np.zeros(0, np.uint8)
        )
    except OSError as error:
        raise InputError(
            f"{path.name} must be a readable file, got: {error.strerror}; save it again"
        ) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path.name} must have a header in JSON, got something else; save it again"
        ) from None
    if not isinstance(header, dict):
        raise InputError(f"{path.name} must have an object as header, got {short(header)}; save it again")
    header.pop("__metadata__", None)
    return {name: _stored(path, name, entry, bytes_) for name, entry in header.items()}


def _damaged(path: Path, beginning: bytes, size: int) -> InputError:
    if beginning == b"version ":  # of the text that stands for a file in a clone without its contents
        return InputError(
            f"{path.name} must hold weights, got a pointer of Git LFS; run git lfs pull in its repository"
        )
    return InputError(
        f"{path.name} must be a whole safetensors file, got {size} bytes; save or fetch it again"
    )


def _stored(path: Path, name: str, entry: Any, data: NDArray[np.uint8]) -> StoredTensor:
    try:
        dtype, shape = entry["dtype"], tuple(int(n) for n in entry["shape"])
        start, end = (int(at) for at in entry["data_offsets"])
        fits = min(shape, default=0) >= 0 and -(-math.prod(shape) * BITS[dtype] // 8) == end - start
    except (KeyError, TypeError, ValueError):
        raise InputError(
            f"{path.name} must say type, shape and place of {short(name)}, got {short(entry)}; save it again"
        ) from None
    if not fits or start < 0:
        raise InputError(
            f"{path.name} must give {short(name)} the bytes of {dtype} {list(shape)}, got {end - start}; "
            "save it again"
        )
    if end > len(data):
        raise InputError(
            f"{path.name} must hold {end} bytes of tensors for {short(name)}, got {len(data)}; "
            "it was cut short: save or fetch it again"
        )
    return StoredTensor(dtype, shape, data[start:end])


def read_bin(path: Path) -> dict[str, StoredTensor]:
    """Tensors of a file of ``torch.save`` by name.

    Raises
    ------
    InputError
        If the file is damaged, or holds more than tensors.
    MissingExtraError
        If torch is not installed.
    """
    require_extra("circuits", "torch", f"reading {path.name}")
    import torch

    found = {}
    for name, tensor in _load_bin(path).items():
        if not isinstance(tensor, torch.Tensor):
            raise InputError(
                f"{path.name} must hold tensors, got {short(tensor)} as {short(name)}; save it again"
            )
        dtype = _TORCH.get(str(tensor.dtype).removeprefix("torch."))
        if dtype is None or tensor.layout != torch.strided:
            raise InputError(
                f"{path.name} must hold plain numbers, got {tensor.dtype}; save it as safetensors"
            )
        flat = tensor.detach().contiguous().reshape(-1)
        found[str(name)] = StoredTensor(dtype, tuple(tensor.shape), flat.view(torch.uint8).numpy())
    return found


def _load_bin(path: Path) -> dict[Any, Any]:
    import pickle

    import torch

    try:
        try:
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the oldest format cannot be mapped
            found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError):
        raise InputError(
            f"{path.name} must be a whole file of torch.save that holds tensors only, got another or a "
            "damaged one; save or fetch it again"
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{path.name} must hold tensors by name, got {short(found)}; save a state_dict")
    return found
