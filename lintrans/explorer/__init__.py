"""The explorer: a page on which one moves mu and watches what training does.

`page` writes it, alone or about a prompt. Its `modules` compute in the browser what `lintrans.two_factor` and
`lintrans.minibatch` compute here, with the step that SymPy prints from the derivation.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
