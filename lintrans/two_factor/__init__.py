"""The two-factor map: training of P = diag(0, w), K = diag(W, 0) on one prompt, exactly.

`reduction` takes a prompt to the normal form and back. `normal_form`, `balanced_slice` and
`invariant_ellipse` hold the closed forms, `kernels` the compiled loops. The other files ask one question
each: how training ends (`regimes`, `phase`), where (`basins`, `dimension`), along which orbits (`orbits`,
`exponents`, `spectra`, `densities`) and around which cycles (`cycles`, `continuation`).
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
