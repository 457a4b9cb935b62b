"""What all results have in common: named axes, data on them, settings, versions.

A result is a frozen dataclass whose array fields say, by `axis` and `on`, which axes they live on.
`store` writes and reads any such class from that alone, and needs no code of its own for a new one.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from typing import Any, ClassVar, NamedTuple

from numpy.typing import NDArray

PACKAGES = ("lintrans", "numpy", "numba", "h5py")


class Variable(NamedTuple):
    """One named array of a result, the axes it lives on, and what it means."""

    name: str
    dims: tuple[str, ...]
    values: NDArray[Any]
    text: str


def axis(text: str) -> Any:
    """Field that is an axis: a vector of coordinates under its own name."""
    return field(metadata={"dims": None, "text": text})


def on(*dims: str, text: str = "", optional: bool = False, parts: type | None = None) -> Any:
    """Field with an array on the axes ``dims``; with ``parts``, a dataclass of such arrays."""
    metadata = {"dims": dims, "text": text, "parts": parts}
    return field(default=None, metadata=metadata) if optional else field(metadata=metadata)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Base of all results; subclasses add axes first, then data.

    Attributes
    ----------
    settings : dict
        Every argument the result depends on, as plain JSON values.
    versions : dict
        Versions of the software that computed it.
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Result]]] = {}

    settings: dict[str, Any]
    versions: dict[str, str] = field(default_factory=versions)

    def __post_init__(self) -> None:
        # A result in memory equals the one read back, and what JSON cannot hold fails here, not on saving.
        object.__setattr__(self, "settings", json.loads(json.dumps(self.settings)))

    def __init_subclass__(cls) -> None:
        Result.kinds[cls.kind] = cls

    def variables(self) -> Iterator[Variable]:
        """All arrays of the result, axes first."""
        for f in fields(self):
            value = getattr(self, f.name)
            if "dims" not in f.metadata or value is None:
                continue
            dims = f.metadata["dims"] or (f.name,)
            if f.metadata.get("parts"):
                for part in fields(value):
                    yield Variable(part.name, dims, getattr(value, part.name), part.metadata["text"])
            else:
                yield Variable(f.name, dims, value, f.metadata["text"])

    @classmethod
    def from_variables(
        cls, arrays: dict[str, NDArray[Any]], settings: dict[str, Any], versions: dict[str, str]
    ) -> Result:
        """Put a result together from its arrays by name; the inverse of `variables`."""
        values: dict[str, Any] = {}
        for f in fields(cls):
            if "dims" not in f.metadata:
                continue
            parts = f.metadata.get("parts")
            if parts:
                values[f.name] = parts(**{part.name: arrays[part.name] for part in fields(parts)})
            else:
                values[f.name] = arrays[f.name] if f.default is not None else arrays.get(f.name)
        return cls(**values, settings=settings, versions=versions)
