"""Result files: one HDF5 file per result, written whole or not at all.

Layout: one dataset per array, chunked, compressed and checksummed; axes are HDF5 dimension scales, so
xarray (engine h5netcdf), Julia and MATLAB see named axes. Root attributes: ``format``, ``format_number``,
``kind``, and as JSON ``settings`` and ``versions``. No timestamps: equal results give equal files. A
sweep is written from its journal (`lintrans.sweeps.journal`), one tile a chunk, when all its tiles are there.

The file format is that of HDF5 1.10, the first to checksum all of its structure. Its one exception is
the heap of strings of variable length, where a single wrong byte sends HDF5 into an endless loop: our
strings have a fixed length, and `load` reads the names of the axes from them and not from the scales.
"""

from __future__ import annotations

import contextlib
import filecmp
import json
import math
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from lintrans import registry
from lintrans.errors import ExecutorError, InputError, Interrupted, StorageError, short
from lintrans.sweeps.executors import Executor
from lintrans.sweeps.grid import Progress, Sweep, run
from lintrans.sweeps.journal import Journal, output_path
from lintrans.sweeps.results import Result, Variable, versions

FORMAT = "lintrans"
FORMAT_NUMBER = 1
LIBVER = ("v110", "v110")
MAX_CHUNK_BYTES = 2**20
MAX_FILE_BYTES = 4 * 1024**3  # of all arrays; no sweep is as large, so that a file that claims it is damaged


def check_output(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Check that ``path`` can be written, before any work is done.

    Raises
    ------
    InputError
        If the folder is missing or read-only, the path is a folder or a device, or the file exists and
        ``force`` is false.
    """
    path = Path(path)
    mode = _file_mode(path)
    if path.is_dir():
        raise InputError(f"output must be a file, got the folder {path}; add a file name")
    if not path.parent.is_dir():
        raise InputError(f"output must lie in an existing folder, got {path}; create {path.parent} first")
    if mode and not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise InputError(f"output must be an ordinary file, got the device {path}; choose another name")
    if mode and not force:
        raise InputError(f"output must not exist, got {path}; pass --force (force=True) to replace it")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"output folder must be writable, got {path.parent}; choose another folder")
    return path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Temporary path beside ``path`` that becomes ``path`` when the block ends without an error."""
    path = check_output(path, force=force)
    try:
        handle, name = tempfile.mkstemp(prefix=".lintrans-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(
            f"output folder must be writable, got {path.parent} ({error.strerror}); choose another folder"
        ) from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        if force:
            part.replace(path)
        else:
            _publish(part, path)
    finally:
        part.unlink(missing_ok=True)


def save(result: Result, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a result to an HDF5 file; an existing one is replaced only with ``force``.

    Raises
    ------
    InputError
        As `check_output`.
    """
    with (
        replacing(path, force=force) as part,
        _created(part, result.kind, result.settings, result.versions) as file,
    ):
        for variable in result.variables():
            _dataset(file, variable, data=variable.values, chunks=True)
    return Path(path)


def run_to_file(
    sweep: Sweep,
    path: str | os.PathLike[str],
    *,
    context: dict[str, Any] | None = None,
    force: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Path:
    """Compute a sweep into a result file, tile by tile; memory does not grow with the grid.

    Whatever ends the work early, the tiles that were finished lie in a journal beside ``path``, and
    `lintrans.resume` continues from there to the same file, bit for bit.

    Parameters
    ----------
    sweep
        As built by `PhaseSweep` and its like.
    path
        Result file to write.
    context
        Settings to add to those of the sweep.
    force
        Replace a result file, and drop an unfinished sweep, of that name.
    executor, progress
        As in `lintrans.sweeps.run`.

    Raises
    ------
    InputError
        As `lintrans.sweeps.check_output`; if a sweep to that file is unfinished, or another process at work
        on it; or if the result would be too large to be read again.
    StorageError
        If a tile cannot be written.
    ExecutorError
        If the executor cannot continue.
    Interrupted
        After Ctrl-C, if a tile was finished.
    """
    path = check_output(path, force=force)
    if sweep.n_bytes > MAX_FILE_BYTES:
        raise InputError(
            f"the result must fit in {MAX_FILE_BYTES / 1024**3:.0f} GiB to be read again, "
            f"got {sweep.n_bytes / 1024**3:.3g} GiB; choose smaller counts"
        )
    journal = Journal.create(path, sweep, context or {}, force=force)
    return _complete(journal, executor=executor, progress=progress)


def resume(
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Path:
    """Go on with an unfinished sweep, by the name of its result file or of its journal.

    Raises
    ------
    InputError
        If there is none, or as `lintrans.run_to_file`.
    """
    journal = Journal.open(Path(path))
    journal.force |= force
    return _complete(journal, executor=executor, progress=progress)


def _complete(journal: Journal, *, executor: Executor | None, progress: Progress | None) -> Path:
    """Compute the tiles that are missing, then write the result file and drop the journal."""
    sweep, done, path = journal.sweep, journal.done, output_path(journal.path)
    try:
        run(sweep, journal.append, done=frozenset(done), executor=executor, progress=progress)
        _assemble(journal, path)
        journal.remove()
    except (KeyboardInterrupt, ExecutorError) as error:
        if not done:
            raise
        part = len(done) / sum(1 for _ in sweep.tiles())
        remedy = f"stopped at {part:.0%}; lintrans resume {path} continues it"
        if isinstance(error, ExecutorError):
            raise ExecutorError(f"{error}; {remedy}") from None
        raise Interrupted(remedy) from None
    finally:
        journal.close()
    return path


def _assemble(journal: Journal, path: Path) -> None:
    """Write the result file of a journal with all its tiles; equal journals give equal files."""
    sweep = journal.sweep
    part = path.with_name(path.name + ".part")  # ours alone, since the journal is locked
    settings = json.loads(json.dumps(sweep.settings() | journal.context))
    try:
        with _created(part, sweep.result.kind, settings, versions(sweep.packages)) as file:
            first, axes, tiled = journal.read(0), sweep.axes(), {}
            for slot in sweep.result.slots():
                values = axes.get(slot.name, first.get(slot.name))
                if values is None:
                    continue
                variable = slot.holding(values)
                if slot.name in axes:
                    _dataset(file, variable, data=values, chunks=True)
                else:
                    shape = sweep.shape + values.shape[len(sweep.shape) :]
                    chunks = _chunks(values.shape, values.itemsize)
                    storage = {"shape": shape, "dtype": values.dtype, "chunks": chunks}
                    tiled[slot.name] = _dataset(file, variable, **storage)
            for tile in sweep.tiles():
                for name, values in journal.read(tile.number).items():
                    tiled[name][tile.place] = values
        if _file_mode(path) and not journal.force and not filecmp.cmp(part, path, shallow=False):
            raise InputError(f"output must not exist, got {path}; pass --force (force=True) to replace it")
        part.replace(path)
    except OSError as error:
        raise StorageError(
            f"{path} must be writable, got: {error}; free some space, then run lintrans resume {path}"
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _chunks(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Shape of a tile, its rows halved until it is small enough for a chunk."""
    rows, *others = shape
    while rows % 2 == 0 and rows * math.prod(others) * itemsize > MAX_CHUNK_BYTES:
        rows //= 2
    return rows, *others


def _created(path: Path, kind: str, settings: dict[str, Any], software: dict[str, str]) -> h5py.File:
    """Open a new result file and say what it holds."""
    file = h5py.File(path, "w", libver=LIBVER, track_order=True)
    file.attrs["format"] = np.bytes_(FORMAT)
    file.attrs["format_number"] = FORMAT_NUMBER
    file.attrs["kind"] = np.bytes_(kind)
    file.attrs["settings"] = np.bytes_(json.dumps(settings, sort_keys=True))
    file.attrs["versions"] = np.bytes_(json.dumps(software, sort_keys=True))
    return file


def load(path: str | os.PathLike[str]) -> Result:
    """Read a result back from its file.

    Raises
    ------
    InputError
        If the file is missing, truncated, damaged, not from lintrans or of a newer format.
    """
    path = Path(path)
    if not stat.S_ISREG(_file_mode(path, follow=True)):
        raise InputError(f"file must be a lintrans result, got no such file: {path}; check the name")
    try:
        with h5py.File(path, "r") as file:
            return _read(file)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path}: not a readable lintrans file ({reason}); compute it again") from None


def _dataset(file: h5py.File, variable: Variable, **storage: Any) -> h5py.Dataset:
    """Create the dataset of a variable on its axes; ``storage`` is its data, or their shape and type.

    Names are UTF-8 of a fixed length. Categories carry their labels as the CF conventions want them.
    """
    if variable.values.dtype.kind == "U":
        encoded = np.char.encode(variable.values, "utf-8")
        storage["data"] = encoded.astype(h5py.string_dtype("utf-8", encoded.dtype.itemsize))
    compression: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    data = file.create_dataset(variable.name, fletcher32=True, track_order=True, **compression, **storage)
    data.attrs["long_name"] = np.bytes_(variable.text)
    data.attrs["dims"] = np.bytes_(",".join(variable.dims))
    if variable.values.dtype.kind == "U":
        data.attrs["_Encoding"] = np.bytes_("utf-8")
    if variable.labels:
        data.attrs["flag_values"] = np.arange(len(variable.labels), dtype=variable.values.dtype)
        data.attrs["flag_meanings"] = np.bytes_(
            " ".join(label.replace(" ", "_") for label in variable.labels)
        )
    if variable.dims == (variable.name,):
        data.make_scale(variable.name)
        return data
    for i, name in enumerate(variable.dims):
        data.dims[i].attach_scale(file[name])
    return data


def _read(file: h5py.File) -> Result:
    if _text(file, "format") != FORMAT:
        raise InputError("must be a lintrans result, got an HDF5 file of another program; check the name")
    number = int(file.attrs["format_number"])
    if number > FORMAT_NUMBER:
        raise InputError(f"format must be at most {FORMAT_NUMBER}, got the newer {number}; upgrade lintrans")
    kinds, name = registry.kinds(), _text(file, "kind")
    if name not in kinds:
        raise InputError(f"kind must be one of {', '.join(kinds)}, got {name!r}; upgrade lintrans")
    kind: type[Result] = registry.find(kinds[name].result)
    names = [slot.name for slot in kind.slots() if slot.name in file]
    n_bytes = sum(file[name].size * file[name].dtype.itemsize for name in names)
    if n_bytes > MAX_FILE_BYTES:
        raise InputError(f"arrays must fit in {MAX_FILE_BYTES} bytes, got {n_bytes}; compute the file again")
    arrays = {name: Variable(name, _dims(file[name]), _entries(file[name]), "") for name in names}
    return kind.from_variables(arrays, _object(file, "settings"), _object(file, "versions"))


def _entries(data: h5py.Dataset) -> Any:
    """Names as NumPy's text; numbers as they lie in the file, to be read once their shape is known."""
    return data.asstr()[()].astype(np.str_) if data.dtype.kind == "S" else data


def _dims(data: h5py.Dataset) -> tuple[str, ...]:
    return tuple(_text(data, "dims").split(","))


def _object(file: h5py.File, name: str) -> dict[str, Any]:
    value = json.loads(_text(file, name))
    if not isinstance(value, dict):
        raise InputError(f"{name} must be a JSON object, got {short(value)}; compute the file again")
    return value


def _text(item: h5py.File | h5py.Dataset, name: str) -> str:
    """Attribute as text; "" if there is none, or one that is no text."""
    value = item.attrs.get(name)
    return value.decode() if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _file_mode(path: Path, *, follow: bool = False) -> int:
    """Type and permissions of what has this name, 0 if nothing has."""
    try:
        return path.stat(follow_symlinks=follow).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{short(str(path))} must name a file, got: {reason}; choose another name") from None


def _publish(part: Path, path: Path) -> None:
    """Give a finished file its name unless another process took it meanwhile."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise InputError(f"output must not exist, got {path}; pass --force (force=True)") from None
    except OSError:  # a file system without hard links
        part.replace(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
