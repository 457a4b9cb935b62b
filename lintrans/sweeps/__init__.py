"""Grids of cells that are computed, kept and resumed: what all results and sweeps have in common.

`grid` cuts a grid into tiles, `executors` compute them (threads, Dask), `refinement` leaves most of them out.
`results` are arrays on named axes. `journal` keeps finished tiles, `store` writes and reads result files.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
