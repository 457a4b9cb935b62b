"""Large-step training dynamics of linear transformers: one prompt in, its phase diagram out.

Names are loaded when first used, so that importing the package stays light.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
