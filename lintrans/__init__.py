"""Large-step training dynamics of linear transformers: one prompt in, its phase diagram out.

Names are loaded when first used, so that importing the package stays light.
"""

from __future__ import annotations

from typing import Any

import lazy_loader

_top, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return _top(name)
    raise AttributeError(
        f"module 'lintrans' has no attribute {name!r}; most names are in the folder of their subject "
        "since 0.2, e.g. in lintrans.two_factor: the changelog lists them"
    )
