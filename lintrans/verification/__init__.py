"""Maps compared with training: gradient descent of the transformer next to the map, step by step."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
