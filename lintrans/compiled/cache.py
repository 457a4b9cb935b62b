"""Machine code on disk, for as long as no file changes that a loop can come from.

Numba keeps machine code with the size and time of one file, that of the loop itself: after an edit of a
function in another file, which the loop calls, it would go on with the old code. Here the stamp is the
contents of all files of loops in the package: those of this folder and of every folder called ``kernels``.
A loop in another place is refused, since an edit of it could go unnoticed. Import rules (pyproject.toml)
keep these files from importing anything else of the package.
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

PACKAGE = Path(__file__).parents[1]
FOLDER = "kernels"


@functools.cache
def source_files() -> tuple[Path, ...]:
    """All files that compiled loops can come from."""
    found = sorted([*Path(__file__).parent.glob("*.py"), *PACKAGE.glob(f"**/{FOLDER}/**/*.py")])
    return tuple(found)


@functools.cache
def stamp() -> str:
    """Digest of the contents of all those files."""
    digest = hashlib.sha256()
    for path in source_files():
        content = path.read_bytes()
        digest.update(f"{path.relative_to(PACKAGE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


class _StampedCache(FunctionCache):
    """Numba's cache of a function, under the stamp of all files."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path, filename_base=self._impl.filename_base, source_stamp=stamp()
        )


def keep(loop: Any) -> Any:
    """Let a compiled loop keep its machine code on disk; returns the loop."""
    path = Path(loop.py_func.__code__.co_filename)
    if path not in source_files():
        raise RuntimeError(f"{path.name}: a loop that is cached must lie in a folder called {FOLDER}")
    loop._cache = _StampedCache(loop.py_func)
    return loop
