"""Result files: one HDF5 file per result, written whole or not at all.

Layout: one dataset per array, chunked, compressed and checksummed; axes are HDF5 dimension scales, so
xarray (engine h5netcdf), Julia and MATLAB see named axes. Root attributes: ``format``, ``format_number``,
``kind``, and as JSON ``settings`` and ``versions``. No timestamps: equal results give equal files. A
sweep that writes tiles and resumes will add its index here; the datasets stay as they are.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

import lintrans.exponents
import lintrans.orbits
import lintrans.phase
import lintrans.verification  # noqa: F401  each import registers its kind of result
from lintrans.errors import InputError
from lintrans.results import Result, Variable

FORMAT = "lintrans"
FORMAT_NUMBER = 1
MAX_FILE_ENTRIES = 10**9  # entries of one array; a larger one in a file is not believed


def check_output(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Check that ``path`` can be written, before any work is done.

    Raises
    ------
    InputError
        If the folder is missing or read-only, the path is a folder, or the file exists and ``force``
        is false.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"output must be a file, got the folder {path}; add a file name")
    if not path.parent.is_dir():
        raise InputError(f"output must lie in an existing folder, got {path}; create {path.parent} first")
    if path.exists() and not force:
        raise InputError(f"output must not exist, got {path}; pass --force (force=True) to replace it")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"output folder must be writable, got {path.parent}; choose another folder")
    return path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[Path]:
    """Temporary path beside ``path`` that becomes ``path`` when the block ends without an error."""
    path = check_output(path, force=force)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(f"output folder must be writable, got {path.parent}: {error.strerror}") from None
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
    with replacing(path, force=force) as part, h5py.File(part, "w", track_order=True) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_number"] = FORMAT_NUMBER
        file.attrs["kind"] = result.kind
        file.attrs["settings"] = json.dumps(result.settings, sort_keys=True)
        file.attrs["versions"] = json.dumps(result.versions, sort_keys=True)
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
    if not path.is_file():
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
    data.attrs["long_name"] = variable.text
    if variable.dims == (variable.name,):
        data.make_scale(variable.name)
        return
    for i, name in enumerate(variable.dims):
        data.dims[i].attach_scale(file[name])


def _read(file: h5py.File) -> Result:
    attributes = file.attrs
    if attributes.get("format") != FORMAT:
        raise InputError("must be a lintrans result, got an HDF5 file of another program; check the name")
    if int(attributes["format_number"]) > FORMAT_NUMBER:
        raise InputError(
            f"format {attributes['format_number']} is newer than this version reads ({FORMAT_NUMBER}); "
            "upgrade lintrans"
        )
    kind = Result.kinds.get(str(attributes["kind"]))
    if kind is None:
        raise InputError(f"kind {attributes['kind']!r} is not known to this version; upgrade lintrans")
    arrays = {name: _read_array(item) for name, item in file.items()}
    settings, versions = json.loads(attributes["settings"]), json.loads(attributes["versions"])
    return kind.from_variables(arrays, settings, versions)


def _read_array(data: h5py.Dataset) -> NDArray[Any]:
    if data.size > MAX_FILE_ENTRIES:
        raise InputError(f"array {data.name} claims {data.size} entries; the file is damaged")
    return np.asarray(data[()])


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
