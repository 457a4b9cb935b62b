"""Attention and its training in NumPy, literally from the definition: every map is checked against it."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
