"""Prompts: in-context regression problems from arrays and files, a single one or a table cut into many."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
