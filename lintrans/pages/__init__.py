"""Pages: one HTML file each, computed in the browser, with no server and no network.

`page` writes the file, `bundle` joins its scripts, `values` carries numbers to the browser. `modules` is what
the scripts of all pages share: axes, controls, links. It knows no science.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
