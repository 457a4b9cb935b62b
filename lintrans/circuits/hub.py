"""Checkpoints on the Hugging Face Hub."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lintrans.circuits.files import CONFIG, StoredFile, chosen, place_of, weight_files
from lintrans.circuits.names import Revision, order, read_revision, steps_of
from lintrans.errors import InputError, StorageError, listed, require_extra, short

TOKENIZER = (
    "generation_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json",
    "vocab.txt", "merges.txt", "added_tokens.json", "special_tokens_map.json", "spiece.model",
)  # fmt: skip
SPARE_BYTES = 2**26  # of a disk that are left free
# Errors of the Hub's client and of the libraries below it, by the names of their classes: which library it
# is has changed with its versions.
_UNREACHABLE = {
    "ConnectionError", "TransportError", "OfflineModeIsEnabled", "LocalEntryNotFoundError",
    "IncompleteSnapshotError", "Timeout", "TimeoutError", "ProxyError", "gaierror",
}  # fmt: skip
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HubSource:
    """Checkpoints in a repository of the Hugging Face Hub: its branches.

    A repository with one branch and no checkpoint at its root is searched for folders that hold one. Only the
    list of branches and of files is fetched until a checkpoint is asked for. `folder` then downloads its
    configuration, its tokenizer and its weights in one format to a folder of its own, and deletes it
    afterwards. The Hub's client tries a failed download again.

    Parameters
    ----------
    repository
        Owner and name.
    revisions
        Branches to use, or tags or commits; all branches if None.
    cache
        Folder for downloads, with room for one checkpoint; the system's temporary folder if None. A process
        that is killed leaves a folder ``lintrans-...`` there. The Hub's client may keep parts of files in a
        cache of its own, whose size the environment variable HF_XET_CHUNK_CACHE_SIZE_BYTES limits.
    token
        Access token for private and gated repositories; the one of ``hf auth login`` if None.
    api
        Object with the methods ``list_repo_refs``, ``list_repo_tree`` and ``snapshot_download`` of
        ``huggingface_hub.HfApi``, which is used if None.

    Raises
    ------
    InputError
        If the name cannot be one.
    """

    gguf_file = None
    is_local = False

    def __init__(
        self,
        repository: str,
        revisions: Sequence[str] | None = None,
        *,
        cache: str | Path | None = None,
        token: str | None = None,
        api: Any = None,
    ) -> None:
        if not isinstance(repository, str) or not REPOSITORY.fullmatch(repository):
            raise InputError(
                f"repository must be owner/name, got {short(repository)}; see its page on the Hub"
            )
        self.name = repository
        self.cache = None if cache is None else Path(cache)
        if self.cache is not None and not (self.cache.is_dir() and os.access(self.cache, os.W_OK)):
            raise InputError(f"cache must be a folder to write to, got {short(str(cache))}; make it first")
        self._wanted = None if revisions is None else [str(name) for name in listed("revisions", revisions)]
        self._token, self._api = token, api
        self._places: dict[str, tuple[str, str]] = {}  # branch and folder of each checkpoint by its name
        self._revisions: list[Revision] | None = None
        self._trees: dict[str, list[StoredFile]] = {}

    @property
    def expected_steps(self) -> tuple[int, ...] | None:
        """All steps of a family that is known; None if only some revisions are used."""
        return None if self._wanted else steps_of(self.name)

    def revisions(self) -> list[Revision]:
        """Checkpoints in the order of training.

        Raises
        ------
        InputError
            If the Hub cannot be reached, or the repository or a revision is not found.
        """
        if self._revisions is None:
            with self._asking():
                refs = self._client().list_repo_refs(self.name)
            branches = [ref.name for ref in refs.branches]
            known = [ref.name for ref in refs.tags if ref.name in (self._wanted or ())]
            known += filter(_COMMIT.fullmatch, self._wanted or ())
            folders = self._folders_of(branches[0]) if len(branches) == 1 else {}
            self._places = {name: (name, "") for name in known} | (
                folders or {name: (name, "") for name in branches}
            )
            found = order(read_revision(self.name, name) for name in self._places)
            self._revisions = chosen(found, self._wanted)
        return list(self._revisions)

    @contextlib.contextmanager
    def folder(self, revision: Revision) -> Iterator[Path]:
        """Download a checkpoint, hold its folder, and delete it at the end, also after an error.

        Raises
        ------
        InputError
            If the checkpoint lacks a file, the Hub cannot be reached or there is no room.
        StorageError
            If the disk fills up.
        """
        branch, inside = self._place(revision)
        wanted = _download_list(self.files(revision), revision.name)
        with tempfile.TemporaryDirectory(
            prefix="lintrans-", dir=self.cache, ignore_cleanup_errors=True
        ) as scratch:
            _check_room(Path(scratch), sum(file.size for file in wanted))
            with self._asking(branch):
                path = self._client().snapshot_download(
                    self.name,
                    revision=branch,
                    cache_dir=scratch,
                    allow_patterns=[_literal(inside + file.name) for file in wanted],
                )
            folder = Path(path) / inside
            lacking = [file.name for file in wanted if not (folder / file.name).is_file()]
            if lacking:
                raise InputError(
                    f"all files of {revision.name} must arrive, got no {lacking[0]}; run it again, or give a "
                    "local folder"
                )
            yield folder

    def files(self, revision: Revision) -> list[StoredFile]:
        """Files of a checkpoint, with the digests that the Hub keeps; nothing is downloaded."""
        branch, inside = self._place(revision)
        return [
            file._replace(name=file.name.removeprefix(inside))
            for file in self._tree(branch, recursive=bool(inside))
            if file.name.startswith(inside) and "/" not in file.name.removeprefix(inside)
        ]

    def digests(self, revision: Revision) -> dict[str, str]:
        """SHA-256 of large files by name, as the Hub tells it; small files have none."""
        return {file.name: file.sha256 for file in self.files(revision) if file.sha256 is not None}

    def _client(self) -> Any:
        if self._api is None:
            require_extra("circuits", "huggingface_hub", f"reading {self.name} on the Hub")
            from huggingface_hub import HfApi

            self._api = HfApi(token=self._token, library_name="lintrans")
        return self._api

    def _place(self, revision: Revision) -> tuple[str, str]:
        self.revisions()
        return place_of(self._places, revision)

    def _folders_of(self, branch: str) -> dict[str, tuple[str, str]]:
        """Folders of a branch that hold a checkpoint, unless its root does."""
        inside: dict[str, list[str]] = {}
        for file in self._tree(branch, recursive=True):
            folder, _, name = file.name.rpartition("/")
            inside.setdefault(folder, []).append(name)
        found = [folder for folder, names in inside.items() if CONFIG in names and weight_files(names)]
        return {} if "" in found else {folder: (branch, f"{folder}/") for folder in sorted(found)}

    def _tree(self, branch: str, *, recursive: bool) -> list[StoredFile]:
        key = f"{branch}/**" if recursive else branch
        if key not in self._trees:
            with self._asking(branch):
                entries = list(self._client().list_repo_tree(self.name, revision=branch, recursive=recursive))
            self._trees[key] = [
                StoredFile(entry.path, entry.size, None if entry.lfs is None else entry.lfs.sha256)
                for entry in entries
                if hasattr(entry, "blob_id")  # folders have none
            ]
        return self._trees[key]

    @contextlib.contextmanager
    def _asking(self, branch: str = "main") -> Iterator[None]:
        """Say in one line what went wrong between here and the Hub."""
        try:
            yield
        except Exception as error:
            line = _explained(error, self.name, branch)
            if line is None:
                raise
            raise line from None


def _download_list(files: Sequence[StoredFile], name: str) -> list[StoredFile]:
    """Files that a model needs: configuration, tokenizer, weights in one format."""
    there = {file.name for file in files}
    formats = weight_files(there)
    if CONFIG not in there or not formats:
        lacks = "weights" if CONFIG in there else CONFIG
        raise InputError(
            f"a checkpoint must have {CONFIG} and weights, got no {lacks} in {name}; leave it out"
        )
    files_ = formats[0]
    if files_.missing:
        raise InputError(f"all weights must be there, got no {files_.missing[0]} in {name}; leave it out")
    stem = "model" if files_.format == "safetensors" else "pytorch_model"
    wanted = {CONFIG, *TOKENIZER, *files_.present, f"{stem}.{files_.format}.index.json"}
    return [file for file in files if file.name in wanted]


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise InputError(
            f"cache must have room for {(needed + SPARE_BYTES) / 1e9:.2f} GB, got {free / 1e9:.2f} GB at "
            f"{folder.parent}; name a folder on another disk"
        )


def _explained(error: Exception, repository: str, branch: str) -> Exception | None:
    """Return what a user can do about an error of the Hub's client; None if it is not one of its own."""
    if isinstance(error, InputError):
        return None
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return StorageError(f"the disk must have room for {repository}, got none; name a cache elsewhere")
    classes = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(getattr(error, "response", None), "status_code", None)
    reasons = (
        (
            {"GatedRepoError"},
            f"{repository} must be open to you, got a gated repository; accept its terms on the Hub and log "
            "in with hf auth login",
        ),
        (
            {"RepositoryNotFoundError", "HFValidationError"},
            f"source must be a folder or a repository of the Hub, got {repository!r}, which is neither; "
            "check the name, or log in with hf auth login if it is private",
        ),
        (
            {"RevisionNotFoundError", "RevisionResolutionError"},
            f"revision must be in {repository}, got {branch!r}; choose one of its branches",
        ),
        (
            {"HfHubHTTPError"} if status is not None else set(),
            f"the Hub must answer for {repository}, got HTTP status {status}; try again later, or give a "
            "local folder",
        ),
        (
            _UNREACHABLE,
            f"the Hub cannot be reached for {repository}, got {type(error).__name__}; give a local folder",
        ),
    )
    return next((InputError(line) for names, line in reasons if classes & names), None)


def _literal(name: str) -> str:
    """Pattern that matches one name: brackets of a name stand for themselves."""
    return re.sub(r"([*?[])", r"[\1]", name)
