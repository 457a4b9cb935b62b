"""How much memory there is, and what to say when it is too little."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from lintrans.errors import InputError

_AVAILABLE = re.compile(r"MemAvailable:\s+(\d+) kB")
_WORDS = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


def available_bytes() -> int | None:
    """Bytes of memory that a process can still get on this machine; None if the system does not tell."""
    with contextlib.suppress(OSError):
        found = _AVAILABLE.search(Path("/proc/meminfo").read_text())
        if found:
            return int(found[1]) * 1024
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


@contextlib.contextmanager
def explained(what: str, remedy: str) -> Iterator[None]:
    """Say in one line that memory was too little for ``what``.

    Raises
    ------
    InputError
        If PyTorch or NumPy get no memory within the block.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_shortage(error):
            raise
        raise InputError(f"memory must be enough for {what}, got too little; {remedy}") from None


def is_shortage(error: BaseException) -> bool:
    """Whether an error of NumPy or PyTorch, on CPU or GPU, is that memory is too little.

    Examples
    --------
    >>> is_shortage(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"))
    True
    >>> is_shortage(RuntimeError("shapes cannot be multiplied"))
    False
    """
    line = str(error).lower()
    return isinstance(error, MemoryError) or any(words in line for words in _WORDS)
