"""Files of a checkpoint: which of them hold weights, what is missing, and what a checkpoint is called."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lintrans.circuits.names import Revision
from lintrans.errors import InputError, instance, listed, short

Place = TypeVar("Place")

CONFIG = "config.json"
MAX_JSON = 100_000_000  # bytes
_SHARD = re.compile(r"(model|pytorch_model)-(\d{5})-of-(\d{5})\.(safetensors|bin)")


class StoredFile(NamedTuple):
    """A file of a checkpoint.

    Attributes
    ----------
    name : str
        Its name in the folder of the checkpoint.
    size : int
        Its size in bytes.
    sha256 : str or None
        Digest of its contents in hexadecimal digits, where it is known without reading them.
    """

    name: str
    size: int
    sha256: str | None = None


class WeightFiles(NamedTuple):
    """Files that hold the weights of one checkpoint in one format.

    Attributes
    ----------
    format : str
        ``safetensors`` or ``bin``.
    present : tuple of str
        Names of those that are there, in order, without the index.
    missing : tuple of str
        Names of those that the index or the numbers of the others ask for.
    """

    format: str
    present: tuple[str, ...]
    missing: tuple[str, ...]


def weight_files(
    names: Iterable[str], indexed: Mapping[str, Iterable[str]] | None = None
) -> list[WeightFiles]:
    """Tell the weights among the files of a checkpoint, complete formats first, safetensors before bin.

    Parameters
    ----------
    names
        Names of all files.
    indexed
        Files that an index lists, by its format; without it, the numbers in ``-00001-of-00003`` say how many
        there are.

    Examples
    --------
    >>> weight_files(["config.json", "model-00001-of-00002.safetensors", "pytorch_model.bin"])[1]
    WeightFiles(format='safetensors', present=('model-00001-of-00002.safetensors',),
    missing=('model-00002-of-00002.safetensors',))
    """
    there = set(names)
    found = []
    for kind, stem in (("safetensors", "model"), ("bin", "pytorch_model")):
        whole = f"{stem}.{kind}"
        if whole in there:
            wanted = {whole}
        else:
            wanted = set((indexed or {}).get(kind, ())) | _all_shards(there, kind)
            if not wanted and f"{whole}.index.json" in there:
                wanted = {f"the files of {whole}.index.json"}
        if wanted:
            found.append(WeightFiles(kind, tuple(sorted(wanted & there)), tuple(sorted(wanted - there))))
    return sorted(found, key=lambda files: bool(files.missing))


def _all_shards(there: Iterable[str], kind: str) -> set[str]:
    shards = [match for match in map(_SHARD.fullmatch, there) if match and match[4] == kind]
    return {
        f"{shard[1]}-{i:05d}-of-{shard[3]}.{kind}" for shard in shards for i in range(1, int(shard[3]) + 1)
    }


def files_of(folder: Path) -> dict[str, int]:
    """Sizes of the files of a folder in bytes, by name."""
    return {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.is_file()}


def local_weights(folder: Path) -> list[WeightFiles]:
    """Weights in a folder, by `weight_files` and the indices in it.

    Raises
    ------
    InputError
        If an index cannot be read.
    """
    names = files_of(folder)
    indexed = {}
    for kind, stem in (("safetensors", "model"), ("bin", "pytorch_model")):
        index = f"{stem}.{kind}.index.json"
        if index in names:
            places = read_json(folder / index).get("weight_map")
            if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
                raise InputError(
                    f"{index} must have a weight_map of file names, got {short(places)}; save again"
                )
            indexed[kind] = set(places.values())
    return weight_files(names, indexed)


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder holds a config.json and weights, complete or not."""
    names = files_of(folder)
    return CONFIG in names and bool(weight_files(names))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises
    ------
    InputError
        If it holds something else.
    """
    try:
        text = path.read_bytes()[: MAX_JSON + 1]
        found = json.loads(text)
    except OSError as error:
        raise InputError(
            f"{path.name} must be a readable file, got: {error.strerror}; save it again"
        ) from None
    except (ValueError, RecursionError):
        raise InputError(f"{path.name} must be JSON, got {short(text[:40])}; save it again") from None
    if not isinstance(found, dict):
        raise InputError(f"{path.name} must hold an object, got {short(found)}; save it again")
    return found


def chosen(found: list[Revision], wanted: Iterable[str] | None) -> list[Revision]:
    """Those with the names that are wanted, in order; all if None."""
    if wanted is None:
        return found
    names, known = list(listed("revisions", wanted)), [one.name for one in found]
    for name in names:
        if name not in known:
            near = get_close_matches(str(name), known, 3) or known[:3]
            raise InputError(
                f"revisions must be names of checkpoints, got {short(name)}; choose from "
                f"{', '.join(map(short, near))}{', ...' if len(known) > len(near) else ''}"
            )
    if not names or len(set(names)) < len(names):
        raise InputError(f"revisions must be different and at least one, got {short(names)}; list each once")
    return [one for one in found if one.name in names]


def place_of(places: Mapping[str, Place], revision: Revision) -> Place:
    """Return what belongs to a checkpoint by its name.

    Raises
    ------
    InputError
        If the checkpoint is of another source.
    """
    name = instance("revision", revision, Revision).name
    if name not in places:
        raise InputError(f"revision must be one of this source, got {short(name)}; take it from revisions()")
    return places[name]


def sha256_of(path: Path) -> str:
    """SHA-256 of the contents of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
