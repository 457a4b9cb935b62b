"""Where checkpoints are: folders, the Hugging Face Hub, a GGUF file.

A source lists its checkpoints in the order of training and hands out one at a time as a folder. What was
downloaded for it is deleted when the next one is asked for, so that a disk needs room for one checkpoint.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from lintrans.circuits.files import (
    CONFIG,
    StoredFile,
    chosen,
    files_of,
    is_checkpoint,
    local_weights,
    place_of,
    sha256_of,
    weight_files,
)
from lintrans.circuits.hub import REPOSITORY, HubSource
from lintrans.circuits.names import Revision, order, parse_revision
from lintrans.errors import InputError, count, require_extra, short

__all__ = ["FolderSource", "GgufSource", "HubSource", "Source", "StoredFile", "open_source"]

MAX_DEPTH = 3  # folders below the one that is given


class Source(Protocol):
    """Checkpoints of one model."""

    @property
    def name(self) -> str:
        """Name for tables and messages."""
        ...

    @property
    def gguf_file(self) -> str | None:
        """Name of the file that holds the weights, if it is a GGUF file."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether `folder` gives a folder without a download."""
        ...

    @property
    def expected_steps(self) -> tuple[int, ...] | None:
        """All steps that there should be, where that is known."""
        ...

    def revisions(self) -> list[Revision]:
        """Checkpoints in the order of training."""
        ...

    def folder(self, revision: Revision) -> AbstractContextManager[Path]:
        """Hold a folder with the checkpoint; what was downloaded is deleted at the end."""
        ...

    def files(self, revision: Revision) -> list[StoredFile]:
        """Files of a checkpoint, without their contents."""
        ...

    def digests(self, revision: Revision) -> dict[str, str]:
        """SHA-256 of files by name; of the Hub what it tells without a download."""
        ...


def open_source(text: str, *, token: str | None = None, cache: Path | None = None) -> Source:
    """Open what a command line names: a folder, a ``.gguf`` file, or a repository of the Hub.

    Parameters
    ----------
    text
        A folder that exists, a file whose name ends in ``.gguf``, or ``owner/name``. Checkpoints of a folder
        or a repository can be chosen: ``owner/name@step1,step512``.
    token, cache
        As of `HubSource`.

    Raises
    ------
    InputError
        If it is none of them, or what it names cannot be used.

    Examples
    --------
    >>> open_source("EleutherAI/pythia-1b@step1,step512").name
    'EleutherAI/pythia-1b'
    >>> open_source("./no such folder")
    Traceback (most recent call last):
    lintrans.errors.InputError: source must be a folder with checkpoints, a .gguf file or owner/name on the
    Hub, got './no such folder', which does not exist; check the path
    """
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise InputError(f"source must be a path or owner/name on the Hub, got {short(text)}; name one")
    path, (place, _, names) = Path(text).expanduser(), text.rpartition("@") if "@" in text else (text, "", "")
    wanted = [name for name in names.split(",") if name] or None
    if path.is_dir():
        return FolderSource(path)
    if path.suffix.lower() == ".gguf":
        return GgufSource(path)
    if wanted and Path(place).expanduser().is_dir():
        return FolderSource(Path(place).expanduser(), wanted)
    if REPOSITORY.fullmatch(place) and not path.exists():
        return HubSource(place, wanted, token=token, cache=cache)
    raise InputError(
        "source must be a folder with checkpoints, a .gguf file or owner/name on the Hub, "
        f"got {short(text)}, which {'is a file' if path.exists() else 'does not exist'}; check the path"
    )


class FolderSource:
    """Checkpoints in the Hugging Face format in a folder.

    A folder that holds a ``config.json`` and weights is one checkpoint. Otherwise each subfolder that does is
    one, named by its path, down to three levels. With both, as the trainer of transformers leaves them, the
    folder itself is called ``main``. A subfolder that says a step or tokens is a checkpoint even if it is
    empty: the audit reports what it lacks.

    Parameters
    ----------
    path
        The folder.
    revisions
        Names of those to use; all if None.
    tokens_per_step
        Tokens of one training step, if it is the same for all; names that say tokens keep theirs.

    Raises
    ------
    InputError
        If nothing in it is a checkpoint, or a name is not found.
    """

    gguf_file = None
    is_local = True
    expected_steps = None

    def __init__(
        self,
        path: str | Path,
        revisions: Sequence[str] | None = None,
        *,
        tokens_per_step: int | None = None,
    ) -> None:
        self.path = Path(path)
        if not self.path.is_dir():
            raise InputError(f"path must be a folder, got {short(str(path))}; check the name")
        self.name = self.path.resolve().name or str(self.path)
        rate = None if tokens_per_step is None else count("tokens_per_step", tokens_per_step)
        try:
            self._folders = _checkpoints(self.path, self.name)
        except OSError as error:
            raise InputError(
                f"path must be a folder that can be read, got: {error.strerror} at {error.filename}; check it"
            ) from None
        if not any(map(is_checkpoint, self._folders.values())):
            raise InputError(
                f"{self.path} is not a checkpoint and holds none; give a folder with {CONFIG} and weights "
                "(model.safetensors or pytorch_model.bin, or their shards), or one with such subfolders"
            )
        self._revisions = chosen(order(parse_revision(name, rate) for name in self._folders), revisions)

    def revisions(self) -> list[Revision]:
        """Checkpoints in the order of training."""
        return list(self._revisions)

    @contextlib.contextmanager
    def folder(self, revision: Revision) -> Iterator[Path]:
        """Hold the folder of a checkpoint.

        Raises
        ------
        InputError
            If it lacks its configuration or some of its weights.
        """
        folder = self._place(revision)
        names = files_of(folder)
        if CONFIG not in names:
            raise InputError(f"a checkpoint must have a {CONFIG}, got {folder} without; copy it there")
        formats = local_weights(folder)
        if not formats or formats[0].missing:
            lacks = formats[0].missing[0] if formats else "model.safetensors and no pytorch_model.bin"
            raise InputError(f"all weights must be there, got {folder} with no {lacks}; complete it")
        yield folder

    def files(self, revision: Revision) -> list[StoredFile]:
        """Files of a checkpoint with their sizes."""
        return [StoredFile(name, size) for name, size in files_of(self._place(revision)).items()]

    def digests(self, revision: Revision) -> dict[str, str]:
        """SHA-256 of the files of a checkpoint, all of which are read."""
        folder = self._place(revision)
        return {name: sha256_of(folder / name) for name in files_of(folder)}

    def _place(self, revision: Revision) -> Path:
        return place_of(self._folders, revision)


class GgufSource:
    """One checkpoint in a GGUF file.

    transformers reads it by ``from_pretrained(folder, gguf_file=source.gguf_file)``, with the packages of the
    extra ``pretrained``.

    Parameters
    ----------
    file
        The file.

    Raises
    ------
    InputError
        If it is no GGUF file.
    """

    is_local = True
    expected_steps = None

    def __init__(self, file: str | Path) -> None:
        self.path = Path(file)
        try:
            with self.path.open("rb") as stream:
                beginning = stream.read(4)
        except OSError as error:
            raise InputError(
                f"file must be a GGUF file, got {short(str(file))}: {error.strerror or error}; check the path"
            ) from None
        if beginning != b"GGUF":
            raise InputError(
                f"file must be a GGUF file, got {short(str(file))}, which begins with {beginning!r}; "
                "choose another"
            )
        self.name = self.path.stem
        self.gguf_file = self.path.name

    def revisions(self) -> list[Revision]:
        """Return the one checkpoint, named as the file."""
        return [parse_revision(self.name)]

    @contextlib.contextmanager
    def folder(self, revision: Revision) -> Iterator[Path]:
        """Hold the folder of the file.

        Raises
        ------
        MissingExtraError
            If a package of the extra ``pretrained`` is not installed.
        """
        self._check(revision)
        for package in ("gguf", "accelerate"):
            require_extra("pretrained", package, f"reading {self.gguf_file}")
        yield self.path.parent

    def files(self, revision: Revision) -> list[StoredFile]:
        """Return the file with its size."""
        self._check(revision)
        return [StoredFile(self.gguf_file, self.path.stat().st_size)]

    def digests(self, revision: Revision) -> dict[str, str]:
        """SHA-256 of the file, which is read."""
        self._check(revision)
        return {self.gguf_file: sha256_of(self.path)}

    def _check(self, revision: Revision) -> None:
        place_of({self.name: self.path}, revision)


def _checkpoints(root: Path, name: str) -> dict[str, Path]:
    """Folders of checkpoints by their names."""
    found = dict(_below(root, "", MAX_DEPTH))
    if not is_checkpoint(root):
        return found
    if not any(map(is_checkpoint, found.values())):
        return {name: root}
    return found | {"main" if "main" not in found else f"{name} itself": root}


def _below(folder: Path, before: str, depth: int) -> Iterator[tuple[str, Path]]:
    for inner in sorted(folder.iterdir()):
        if inner.name.startswith(".") or not inner.is_dir():
            continue
        name = before + inner.name
        if is_checkpoint(inner):
            yield name, inner
            continue
        deeper = list(_below(inner, f"{name}/", depth - 1)) if depth > 1 else []
        said = parse_revision(inner.name)
        if deeper:
            yield from deeper
        elif (said.step, said.tokens) != (None, None) or weight_files(files_of(inner)):
            yield name, inner
