"""Mini-batch training: a random two-factor map on one shared mode, and the transformer itself, many times.

`population` is what batches are drawn from, `sampling` how. `walks` follows trajectories by the loops of
`kernels`, and `escapes`, `statistics` and `risk` ask one question each of them. `trainings` and
`trained_risks` ask the same of the transformer, compiled, for prompts that share no mode. `answers` looks for
the step size and batch size of a risk. `geometry` holds closed forms, `defaults` what is not asked for.
`lintrans.verification` holds it all against training by definition.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
