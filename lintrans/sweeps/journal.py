"""Finished tiles of a sweep on disk, from its start until its result file is complete.

Beside the result FILE lies FILE.sweep: who is at work on it, the sweep itself, then one record per finished
tile. Records are appended whole and checksummed; what a kill or a full disk left of the last one is cut off
when the sweep goes on. An advisory lock keeps a second process away and falls with the process that holds it.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import shutil
import struct
import time
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from lintrans import registry
from lintrans.errors import InputError, StorageError
from lintrans.sweeps.grid import Arrays, Sweep, Tile
from lintrans.sweeps.results import versions

SUFFIX = ".sweep"
MAGIC = b"lintrans sweep 2\n"
OLDER = b"lintrans sweep "
OWNER_BYTES = 64  # who is at work, padded with blanks
RECORD = struct.Struct("<qII")  # number of the tile (-1: the header), bytes of the payload, their CRC-32
HEADER = -1
SECONDS_BETWEEN_SYNCS = 5.0  # a kill loses nothing, a power failure at most this


class Place(NamedTuple):
    """Where the payload of a record lies in the file."""

    offset: int
    length: int


class Journal:
    """The journal of one sweep, held by this process.

    Attributes
    ----------
    sweep : Sweep
        What is computed.
    context : dict
        Settings of the result beside those of the sweep, as plain JSON values.
    force : bool
        Whether an existing result file is to be replaced.
    done : dict
        Places of the finished tiles by their number.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.sweep: Sweep
        self.context: dict[str, Any] = {}
        self.force = False
        self.done: dict[int, Place] = {}
        self._file = file
        self._end = len(MAGIC) + OWNER_BYTES
        self._synced = time.monotonic()

    @classmethod
    def create(cls, output: Path, sweep: Sweep, context: dict[str, Any], *, force: bool = False) -> Journal:
        """Begin a journal for the result file ``output``.

        Raises
        ------
        InputError
            If another process is at work, or an unfinished sweep lies there and ``force`` is false.
        """
        path = journal_path(output)
        with contextlib.ExitStack() as stack:
            if path.exists():
                held = stack.enter_context(_opened(path))  # nobody is at work on it, nor will be
                if not force:
                    _refuse_older(path, held.read(len(MAGIC)))
                    raise InputError(
                        f"output must have no unfinished sweep, got {path}; "
                        f"lintrans resume {output} continues it, --force (force=True) begins again"
                    )
            new = path.with_name(path.name + ".new")  # gets its name once it has its header
            journal = cls(new, _opened(new))
            journal._file.truncate(0)
            journal._file.write(MAGIC)
            journal._sign()
            journal.sweep, journal.context, journal.force = sweep, context, force
            header = {
                "sweep": type(sweep).__name__,
                "versions": versions(sweep.packages),
                "context": context,
                "force": force,
            }
            header["fields"] = _plain_fields(sweep)
            journal._append(HEADER, json.dumps(header).encode())
            journal.path = new.replace(path)
        return journal

    @classmethod
    def open(cls, output: Path) -> Journal:
        """Go on with the journal of the result file ``output``.

        Raises
        ------
        InputError
            If there is none, another process is at work on it, it is damaged in its first part, or it was
            begun with other versions of the software.
        """
        path = journal_path(output)
        if not path.is_file():
            raise InputError(f"file must have an unfinished sweep, got none: {path}; check the name")
        journal = cls(path, _opened(path))
        try:
            journal._read_header()
        except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            journal._file.close()  # what cannot be read is not ours to remove
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: not a readable sweep; remove it and begin again") from None
        journal._sign()
        journal._read_records()
        return journal

    def append(self, tile: Tile, arrays: Arrays) -> None:
        """Keep a finished tile.

        Raises
        ------
        StorageError
            If it cannot be written; tiles kept before are not lost.
        """
        self._append(tile.number, _pack(arrays))

    def read(self, number: int) -> Arrays:
        """Arrays of a finished tile."""
        place = self.done[number]
        return _unpack(os.pread(self._file.fileno(), place.length, place.offset))

    def close(self) -> None:
        """Let go of the file; a journal without a finished tile is removed."""
        if not self._file.closed:
            if not self.done:
                self.path.unlink(missing_ok=True)
            self._file.close()

    def remove(self) -> None:
        """Remove the file, once the result is complete."""
        self.done.clear()
        self.close()

    def _read_header(self) -> None:
        self._file.seek(0)
        magic = self._file.read(len(MAGIC))
        _refuse_older(self.path, magic)
        if magic != MAGIC:
            raise ValueError("not a sweep")
        number, payload = self._record()
        if number != HEADER:
            raise ValueError("no header")
        header = json.loads(payload)
        kind = registry.sweep_named(header["sweep"])
        self.context, self.force = dict(header["context"]), bool(header["force"])
        ours = versions(kind.packages)
        if header["versions"] != ours:
            changed = {name: old for name, old in header["versions"].items() if ours.get(name) != old}
            raise InputError(
                f"{self.path}: versions must be those the sweep began with, {changed}, got others; "
                "install these, or begin again"
            )
        self.sweep = _made(kind, header["fields"])

    def _read_records(self) -> None:
        """Find the finished tiles; what follows the last whole record is cut off."""
        n_tiles = sum(1 for _ in self.sweep.tiles())
        try:
            while True:
                start = self._end
                number, payload = self._record()
                if not 0 <= number < n_tiles:
                    break
                self.done[number] = Place(self._end - len(payload), len(payload))
        except ValueError:
            pass
        self._end = start
        self._file.truncate(start)

    def _record(self) -> tuple[int, bytes]:
        """Next record; a ValueError if it is not whole."""
        self._file.seek(self._end)
        head = self._file.read(RECORD.size)
        if len(head) < RECORD.size:
            raise ValueError("no whole record")
        number, length, checksum = RECORD.unpack(head)
        if length > os.fstat(self._file.fileno()).st_size:
            raise ValueError("no whole record")
        payload = self._file.read(length)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            raise ValueError("no whole record")
        self._end += RECORD.size + length
        return number, payload

    def _append(self, number: int, payload: bytes) -> None:
        record = RECORD.pack(number, len(payload), zlib.crc32(payload)) + payload
        try:
            self._restore()
            self._file.seek(self._end)
            self._file.write(record)
            self._file.flush()
            if time.monotonic() - self._synced > SECONDS_BETWEEN_SYNCS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            self._cut()
            raise StorageError(
                f"{self.path} must be writable, got: {error.strerror}; free some space, then continue with "
                f"lintrans resume {output_path(self.path)}"
            ) from None
        if number != HEADER:
            self.done[number] = Place(self._end + RECORD.size, len(payload))
        self._end += len(record)

    def _cut(self) -> None:
        """Cut off what was written of an unfinished record; if that fails too, `open` will."""
        try:
            self._file.truncate(self._end)
        except OSError:
            return

    def _restore(self) -> None:
        """If the file, or its folder, was removed, write it again from the copy that is still open."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = _opened(self.path)
        self._file.seek(0)
        shutil.copyfileobj(self._file, new)
        self._file.close()
        self._file = new

    def _sign(self) -> None:
        """Write who is at work, for a second process to name."""
        owner = json.dumps({"pid": os.getpid(), "since": int(time.time())})
        self._file.seek(len(MAGIC))
        self._file.write(owner.ljust(OWNER_BYTES).encode())
        self._file.flush()


def journal_path(output: Path) -> Path:
    """Name of the journal of a result file; a journal's own name is accepted too."""
    return output if output.suffix == SUFFIX else output.with_name(output.name + SUFFIX)


def output_path(path: Path) -> Path:
    """Name of the result file of a journal."""
    return path.with_name(path.name.removesuffix(SUFFIX))


def _refuse_older(path: Path, magic: bytes) -> None:
    """Refuse the journal of another version, which keeps its sweeps in another form."""
    if magic != MAGIC and magic.startswith(OLDER):
        raise InputError(
            f"{path}: must be a sweep of this version of lintrans, got one of another; "
            "finish it with that version, or remove it and begin again"
        )


def _opened(path: Path) -> BinaryIO:
    """Open and lock a journal; an InputError names the process that holds it."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(
            f"output folder must be writable, got {path.parent} ({error.strerror}); choose another folder"
        ) from None
    file = os.fdopen(handle, "r+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = file.read(len(MAGIC) + OWNER_BYTES)[len(MAGIC) :]
        file.close()
        raise InputError(
            f"sweep must not be at work already, got {path} held by {_who(owner)}; wait for it, or stop it"
        ) from None
    return file


def _who(owner: bytes) -> str:
    try:
        known = json.loads(owner)
        return f"process {int(known['pid'])} for {time.time() - known['since']:.0f} s"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _pack(arrays: Arrays) -> bytes:
    """Arrays as bytes: a line of JSON that describes them, then their entries, compressed."""
    described = [(name, x.dtype.str, x.shape) for name, x in arrays.items()]
    entries = b"".join(np.ascontiguousarray(x).tobytes() for x in arrays.values())
    return json.dumps(described).encode() + b"\n" + zlib.compress(entries, 1)


def _unpack(payload: bytes) -> Arrays:
    described, _, entries = payload.partition(b"\n")
    data, arrays, offset = zlib.decompress(entries), {}, 0
    for name, dtype, shape in json.loads(described):
        x = np.frombuffer(data, dtype, count=int(np.prod(shape)), offset=offset).reshape(shape)
        arrays[name], offset = x, offset + x.nbytes
    return arrays


def _plain(value: Any) -> Any:
    """Field of a sweep as JSON; arrays keep every bit."""
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"dtype": value.dtype.str, "shape": value.shape, "data": data}
    if is_dataclass(value):
        return {"argument": type(value).__name__, "fields": _plain_fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _from_plain(value: Any) -> Any:
    if isinstance(value, dict) and "argument" in value:
        return _made(registry.argument_named(value["argument"]), value["fields"])
    if isinstance(value, dict):
        data = np.frombuffer(base64.b64decode(value["data"]), value["dtype"])
        return data.reshape(value["shape"]).copy()
    return tuple(map(_from_plain, value)) if isinstance(value, list) else value


def _plain_fields(made: Any) -> dict[str, Any]:
    """Fields of a sweep, or of a dataclass that is one of its arguments."""
    return {f.name: _plain(getattr(made, f.name)) for f in fields(made)}


def _made(kind: Any, plain: dict[str, Any]) -> Any:
    """Sweep or argument from its fields."""
    return kind(**{name: _from_plain(value) for name, value in plain.items()})
