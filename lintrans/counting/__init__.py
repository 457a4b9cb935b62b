"""Probabilities measured by counting: their intervals, and the setting that keeps one low."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
