"""Clustering heads: a transformer with embeddings in the plane learns sparse modular addition.

After arXiv 2410.24050.

`task` is what is learned, `model` the transformer and its weights, `network` its layers and its gradient as
they are defined, `training` how a run trains. `blocks` trains several runs at once by the compiled loops of
`kernels`; `runs` and `studies` do so for many seeds and settings, into one file. `labels` names the circuit
that a run has found, `measures`, `stages`, `spikes` and `curvature` say how it came about, and `constructed`
writes one down. `figures`, `page` and `movie` show them.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
