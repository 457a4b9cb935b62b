"""Calls of transformers: without what it prints, and with its errors on one line."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

from lintrans.circuits import memory
from lintrans.errors import InputError

MAX_WORDS = 160  # characters of an error in a message


@contextlib.contextmanager
def readable(title: str) -> Iterator[None]:
    """Say in one line that transformers cannot read a checkpoint."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        if memory.is_shortage(error):
            raise
        reason = " ".join(str(error).split())[:MAX_WORDS]
        raise InputError(
            f"checkpoint must be readable by transformers, got {title}: {type(error).__name__}: {reason}; "
            "audit it, or choose another"
        ) from None


@contextlib.contextmanager
def quiet(no_output: bool = False) -> Iterator[None]:
    """Let transformers print no warnings and no bars meanwhile; its bar for GGUF files has no switch."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()) if no_output else contextlib.nullcontext():
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
