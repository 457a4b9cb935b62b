"""Attention and its training in NumPy, literally from the definition: what every map is held to."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
