"""Result files: one HDF5 file per result, written whole or not at all.

Layout: one dataset per array, chunked, compressed and checksummed; axes are HDF5 dimension scales, so
xarray (engine h5netcdf), Julia and MATLAB see named axes. Root attributes: ``format``, ``format_number``,
``kind``, and as JSON ``settings`` and ``versions``. No timestamps: equal results give equal files. A
sweep that writes tiles and resumes will add its index here; the datasets stay as they are.

The file format is that of HDF5 1.10, the first to checksum all of its structure. Its one exception is
the heap of strings of variable length, where a single wrong byte sends HDF5 into an endless loop: our
strings have a fixed length, and `load` reads the names of the axes from them and not from the scales.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import lintrans.exponents
import lintrans.orbits
import lintrans.phase
import lintrans.verification  # noqa: F401  each import registers its kind of result
from lintrans.errors import InputError, short
from lintrans.results import Result, Variable

FORMAT = "lintrans"
FORMAT_NUMBER = 1
LIBVER = ("v110", "v110")
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
        h5py.File(part, "w", libver=LIBVER, track_order=True) as file,
    ):
        file.attrs["format"] = np.bytes_(FORMAT)
        file.attrs["format_number"] = FORMAT_NUMBER
        file.attrs["kind"] = np.bytes_(result.kind)
        file.attrs["settings"] = np.bytes_(json.dumps(result.settings, sort_keys=True))
        file.attrs["versions"] = np.bytes_(json.dumps(result.versions, sort_keys=True))
        for variable in result.variables():
            _write(file, variable)
    return Path(path)


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


def _write(file: h5py.File, variable: Variable) -> None:
    values = variable.values
    compression: dict[str, Any] = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    data = file.create_dataset(
        variable.name, data=values, chunks=True, fletcher32=True, track_order=True, **compression
    )
    data.attrs["long_name"] = np.bytes_(variable.text)
    data.attrs["dims"] = np.bytes_(",".join(variable.dims))
    if variable.dims == (variable.name,):
        data.make_scale(variable.name)
        return
    for i, name in enumerate(variable.dims):
        data.dims[i].attach_scale(file[name])


def _read(file: h5py.File) -> Result:
    if _text(file, "format") != FORMAT:
        raise InputError("must be a lintrans result, got an HDF5 file of another program; check the name")
    number = int(file.attrs["format_number"])
    if number > FORMAT_NUMBER:
        raise InputError(f"format must be at most {FORMAT_NUMBER}, got the newer {number}; upgrade lintrans")
    kind = Result.kinds.get(_text(file, "kind"))
    if kind is None:
        known = ", ".join(Result.kinds)
        raise InputError(f"kind must be one of {known}, got {_text(file, 'kind')!r}; upgrade lintrans")
    names = [slot.name for slot in kind.slots() if slot.name in file]
    arrays = {name: Variable(name, _dims(file[name]), file[name], "") for name in names}
    n_bytes = sum(data.size * data.dtype.itemsize for _, _, data, _ in arrays.values())
    if n_bytes > MAX_FILE_BYTES:
        raise InputError(f"arrays must fit in {MAX_FILE_BYTES} bytes, got {n_bytes}; compute the file again")
    return kind.from_variables(arrays, _object(file, "settings"), _object(file, "versions"))


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
