"""What all results have in common: named axes, data on them, settings, versions.

A result is a frozen dataclass whose array fields say, by `axis` and `on`, which axes they live on.
`store` writes and reads any such class from that alone, and needs no code of its own for a new one.
The types of the arrays are those of the annotations. An axis of type ``np.str_`` holds the names of things
that have no order; an array of categories holds small integers, with a label for each.
"""

from __future__ import annotations

import functools
import json
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from importlib.metadata import version
from types import UnionType
from typing import Any, ClassVar, NamedTuple, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from lintrans import registry
from lintrans.errors import InputError, settle

PACKAGES = ("lintrans", "numpy", "h5py")  # that every result depends on


class Variable(NamedTuple):
    """One named array of a result, the axes it lives on, and what it means.

    ``labels`` are those of its categories, if its entries are numbers of categories.
    """

    name: str
    dims: tuple[str, ...]
    values: NDArray[Any]
    text: str
    labels: tuple[str, ...] = ()


class Slot(NamedTuple):
    """Place of one array in a class of results; ``field`` differs from ``name`` for a part."""

    name: str
    field: str
    dims: tuple[str, ...]
    dtype: np.dtype[Any]
    text: str
    optional: bool
    labels: tuple[str, ...] = ()

    def holding(self, values: NDArray[Any]) -> Variable:
        """Return values as the variable of this place."""
        return Variable(self.name, self.dims, values, self.text, self.labels)

    def fit(self, found: Mapping[str, Variable], shape: tuple[int, ...]) -> NDArray[Any] | None:
        """Array of this place among those of a file, once its axes, shape and type are right."""
        if self.name not in found:
            if self.optional:
                return None
            raise InputError(f"array {self.name!r} must be there, got none; compute the file again")
        values, dims = found[self.name].values, found[self.name].dims
        dtype = self.dtype if self.dtype.kind == values.dtype.kind == "U" else values.dtype  # of any length
        given, wanted = (dims, values.shape, dtype), (self.dims, shape, self.dtype)
        if given != wanted:
            raise InputError(
                f"array {self.name!r} must have {_describe(*wanted)}, got {_describe(*given)}; "
                "compute the file again"
            )
        array = np.asarray(values[()])
        if self.dims == (self.name,):
            _check_axis(self.name, array)
        if self.labels and array.size and not 0 <= array.min() <= array.max() < len(self.labels):
            worst = array.max() if array.max() >= len(self.labels) else array.min()
            raise InputError(
                f"{self.name} must lie between 0 and {len(self.labels) - 1}, got {worst}; upgrade lintrans"
            )
        return array


def axis(text: str, *, optional: bool = False) -> Any:
    """Field that is an axis: a vector of coordinates under its own name.

    Numbers increase; names, of type ``np.str_``, are all different and not empty.
    """
    metadata = {"dims": None, "text": text}
    return field(default=None, metadata=metadata) if optional else field(metadata=metadata)


def on(
    *dims: str,
    text: str = "",
    optional: bool = False,
    parts: type | None = None,
    labels: Iterable[str] = (),
) -> Any:
    """Field with an array on the axes ``dims``.

    Parameters
    ----------
    dims
        Names of the axes.
    text
        What it means.
    optional
        Whether a result may lack it; it is then None.
    parts
        A dataclass of such arrays, to be held in one field.
    labels
        Of categories, by their number: entry 0 of the array is the first of them. Readers that know the CF
        conventions see them as flags.
    """
    metadata = {"dims": dims, "text": text, "parts": parts, "labels": tuple(labels)}
    return field(default=None, metadata=metadata) if optional else field(metadata=metadata)


def categories(*dims: str, name: str, labels: Sequence[str], optional: bool = False) -> Any:
    """Field with an array of small integers on the axes ``dims``, each the number of a label."""
    text = f"{name}: " + ", ".join(f"{i} {label}" for i, label in enumerate(labels))
    return on(*dims, text=text, labels=labels, optional=optional)


@functools.cache
def _version(name: str) -> str:
    return version(name)  # parses a file, a millisecond each


def versions(packages: Iterable[str] = ()) -> dict[str, str]:
    """Versions of Python, of the packages that every result depends on, and of further ones."""
    return {"python": platform.python_version(), **{name: _version(name) for name in (*PACKAGES, *packages)}}


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Base of all results; subclasses add axes first, then data.

    Attributes
    ----------
    settings : dict
        Every argument the result depends on, as plain JSON values.
    versions : dict
        Versions of the software that computed it; by default of what is installed.
    """

    kind: ClassVar[str]

    settings: dict[str, Any]
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A result in memory equals the one read back, and what JSON cannot hold fails here, not on saving.
        plain = json.dumps(self.settings, default=lambda number: number.tolist())  # NumPy's to Python's
        settle(self, settings=json.loads(plain))
        if not self.versions:
            settle(self, versions=versions(registry.packages_of(self.kind)))

    @classmethod
    @functools.cache
    def slots(cls) -> tuple[Slot, ...]:
        """Places of all arrays, axes first."""
        return tuple(cls._slots())

    @classmethod
    def _slots(cls) -> Iterator[Slot]:
        hints = get_type_hints(cls)
        for f in fields(cls):
            if "dims" not in f.metadata:
                continue
            dims, optional = f.metadata["dims"] or (f.name,), f.default is not MISSING
            parts = f.metadata.get("parts")
            hints_of = get_type_hints(parts) if parts else hints
            for part in fields(parts) if parts else (f,):
                dtype = _dtype(hints_of[part.name])
                labels = part.metadata.get("labels", ())
                yield Slot(part.name, f.name, dims, dtype, part.metadata["text"], optional, labels)

    def variables(self) -> Iterator[Variable]:
        """All arrays of the result, axes first."""
        for slot in self.slots():
            held = getattr(self, slot.field)
            if held is not None:
                values = held if slot.name == slot.field else getattr(held, slot.name)
                yield slot.holding(values)

    @classmethod
    def from_variables(
        cls, found: Mapping[str, Variable], settings: dict[str, Any], versions: dict[str, str] | None = None
    ) -> Result:
        """Put a result together from its arrays by name; the inverse of `variables`.

        Raises
        ------
        InputError
            If an array is missing or has other axes, another shape or another type than the class says.
        """
        sizes = {name: variable.values.size for name, variable in found.items()}
        values: dict[str, Any] = {}
        for slot in cls.slots():
            shape = tuple(sizes.get(name, 0) for name in slot.dims)
            array = slot.fit(found, shape)
            if slot.name == slot.field:
                values[slot.name] = array
            else:
                values.setdefault(slot.field, {})[slot.name] = array
        for f in fields(cls):
            if f.metadata.get("parts"):
                held = values[f.name]
                missing = [name for name, array in held.items() if array is None]
                if missing and len(missing) < len(held):
                    raise InputError(f"array {missing[0]!r} must be there, got none; compute the file again")
                values[f.name] = None if missing else f.metadata["parts"](**held)
        software = {} if versions is None else {"versions": versions}  # by default today's
        result = cls(**values, settings=cls.updated(settings), **software)
        result.check()
        return result

    @classmethod
    def updated(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Return settings as they are written today; those of a file may be of an older version."""
        return settings

    def summary(self) -> dict[str, Any]:
        """Return what was found in a few numbers, by name; nothing where the arrays speak for themselves."""
        return {}

    def answer(self) -> dict[str, Any]:
        """Return what the command that computed it answers to a program; `summary` by default."""
        return self.summary()

    def lines(self) -> list[tuple[str, ...]]:
        """Return what that command answers to a person, as rows of a table; none where `summary` will do."""
        return []

    def check(self) -> None:
        """Refuse, with an InputError, entries or settings read from a file that no computation gives."""


def _check_axis(name: str, values: NDArray[Any]) -> None:
    if values.dtype.kind == "U":
        if not values.size or "" in values or np.unique(values).size < values.size:
            raise InputError(
                f"axis {name!r} must hold different names, got an empty or a repeated one; "
                "compute the file again"
            )
        return
    if not (values.size and np.isfinite(values).all() and (np.diff(values) > 0).all()):
        raise InputError(
            f"axis {name!r} must be finite and increasing, got other values; compute the file again"
        )


def _dtype(hint: Any) -> np.dtype[Any]:
    """Type of the entries in an annotation ``NDArray[x]`` or ``NDArray[x] | None``."""
    array = get_args(hint)[0] if get_origin(hint) is UnionType else hint
    entry: type[np.generic] = get_args(get_args(array)[1])[0]
    return np.dtype(entry)


def _describe(dims: tuple[str, ...], shape: tuple[int, ...], dtype: np.dtype[Any]) -> str:
    axes = ", ".join(f"{name} {n}" for name, n in zip(dims, shape, strict=False))
    return f"{dtype} on ({axes})" if len(dims) == len(shape) else f"{dtype} of shape {shape}"
