"""What one pass over a checkpoint tells of it, and what an audit says about it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lintrans.circuits.files import StoredFile
from lintrans.circuits.names import Revision
from lintrans.circuits.tensors import StoredTensor

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")


class Finding(NamedTuple):
    """Something the audit found.

    Attributes
    ----------
    severity : str
        ``error``, ``warning`` or ``note``.
    kind : str
        What it is, in one or two words.
    revisions : tuple of str
        Names of the checkpoints.
    message : str
        One sentence.
    """

    severity: str
    kind: str
    revisions: tuple[str, ...]
    message: str


class TensorFacts(NamedTuple):
    """What is known of a tensor after one pass over it.

    Attributes
    ----------
    dtype, shape
        As stored.
    sha256 : str
        Digest of type, shape and bytes; the name does not enter.
    norm : float
        Euclidean norm; NaN if the entries are no floating-point numbers.
    n_bad : int
        Entries that are NaN or infinite.
    moved : tuple of float
        Distances to the same tensor one and two checkpoints before; shorter or NaN where there is none.
    """

    dtype: str
    shape: tuple[int, ...]
    sha256: str
    norm: float
    n_bad: int
    moved: tuple[float, ...]


@dataclass(frozen=True)
class Audited:
    """Facts of one checkpoint.

    Attributes
    ----------
    revision : Revision
        Its name.
    files : tuple of StoredFile
        Its files.
    tensors : dict
        Facts of its tensors by name; empty if only files are compared.
    weights : dict
        Digest of all weights, by what was digested: tensors, or the files of a format.
    config : dict
        Its configuration; empty if it was not read.
    """

    revision: Revision
    files: tuple[StoredFile, ...]
    tensors: Mapping[str, TensorFacts]
    weights: Mapping[str, str]
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the checkpoint."""
        return self.revision.name

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def norm(self) -> float:
        """Norm of all weights that are floating-point numbers; NaN if tensors were not read."""
        norms = [one.norm for one in self.tensors.values() if not math.isnan(one.norm)]
        return math.hypot(*norms) if norms else math.nan


def measure(tensor: StoredTensor, earlier: Sequence[StoredTensor | None] = ()) -> TensorFacts:
    """Read a tensor once, beside the same tensor of earlier checkpoints.

    Parameters
    ----------
    tensor
        The tensor.
    earlier
        The tensor of earlier checkpoints; None, or one of another shape, has no distance.

    Examples
    --------
    >>> ones = StoredTensor("F32", (2, 2), np.ones(4, "<f4").view(np.uint8))
    >>> zeros = StoredTensor("F16", (2, 2), np.zeros(4, "<f2").view(np.uint8))
    >>> found = measure(ones, [zeros, None])
    >>> found.norm, found.n_bad, found.moved
    (2.0, 0, (2.0, nan))
    """
    digest = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)} ".encode())
    digest.update(np.ascontiguousarray(tensor.data).data)
    if not tensor.is_float:
        nothing = (math.nan,) * len(earlier)
        return TensorFacts(tensor.dtype, tensor.shape, digest.hexdigest(), math.nan, 0, nothing)
    usable = [one is not None and one.is_float and one.shape == tensor.shape for one in earlier]
    others = [one.blocks() for one, is_usable in zip(earlier, usable, strict=True) if one and is_usable]
    squares, n_bad = np.zeros(1 + len(others)), 0
    with np.errstate(over="ignore", invalid="ignore"):  # weights that are not finite are findings
        for block, *blocks in zip(tensor.blocks(), *others, strict=True):
            n_bad += block.size - int(np.count_nonzero(np.isfinite(block)))
            squares += [float(part @ part) for part in (block, *(block - other for other in blocks))]
        norm, *moved = np.sqrt(squares).tolist()
    distances = iter(moved)
    return TensorFacts(
        tensor.dtype,
        tensor.shape,
        digest.hexdigest(),
        norm,
        n_bad,
        tuple(next(distances) if is_usable else math.nan for is_usable in usable),
    )
