"""A result with the arrays of a tracking, and a made-up history of heads whose findings are known by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.heads import KINDS, HeadTable
from lintrans.sweeps.results import Result, axis, on

HEAD = "revision", "layer", "head"
TOKENS = 1e9 * np.array([0, 1, 2, 4, 8, 16, 32, 64.0])
STEPS = np.array([0, 500, 1000, 2000, 4000, 8000, 16000, 32000])
N = len(TOKENS)


@dataclass(frozen=True, eq=False, kw_only=True)
class StandIn(Result):
    """What findings read of a tracking; ``kind`` is that of the result, so its axis has another name."""

    kind: ClassVar[str] = "circuit_tracking"

    revision: NDArray[np.str_] = axis("revision")
    layer: NDArray[np.int64] = axis("layer")
    head: NDArray[np.int64] = axis("head")
    target: NDArray[np.str_] = axis("kind of the probe")
    step: NDArray[np.int64] = on("revision", text="steps")
    tokens: NDArray[np.float64] = on("revision", text="tokens")
    ratio: NDArray[np.float64] = on(*HEAD, "target", text="ratio")
    mass: NDArray[np.float64] = on(*HEAD, "target", text="mass")
    participation: NDArray[np.float64] = on(*HEAD, text="participation ratio")


def history() -> dict[str, Any]:
    """Three layers of four heads over eight revisions, one of them untrained.

    Layer 0: head 0 is a previous-token head from 2B tokens on. Layer 1: head 0 is an induction head from 8B
    on, and its participation ratio rises from 1 to 9 at 2B. Layer 1, heads 2 and 3, and all of layer 2 are
    first-token heads in the end: one more at each revision from 2B on. Heads 1 to 3 of layer 0 and head 1 of
    layer 1 never specialise; of these, L0H1 rises in participation at 4B.
    """
    ratio, participation = np.ones((N, 3, 4, len(KINDS))), np.ones((N, 3, 4))
    ratio[2:, 0, 0, 1] = 400
    ratio[4:, 1, 0, 0] = 120
    participation[2:, 1, 0] = 9
    participation[3:, 0, 1] = 5
    for i, (layer, head) in enumerate([(2, 0), (2, 1), (1, 2), (2, 2), (2, 3), (1, 3)]):
        ratio[2 + i :, layer, head, 3] = 50
    return {"ratio": ratio, "mass": ratio / 500, "participation": participation}


def tracking(**changed: Any) -> StandIn:
    """The history as a result."""
    given: dict[str, Any] = {
        "revision": np.array([f"step{step}" for step in STEPS]),
        "layer": np.arange(3),
        "head": np.arange(4),
        "target": np.array(KINDS),
        "step": STEPS,
        "tokens": TOKENS,
        "settings": {"model": "toy/model", "n_sequences": 48},
        **history(),
    }
    return StandIn(**{**given, **changed})


def plain(**changed: Any) -> HeadTable:
    """The history as plain arrays."""
    return HeadTable(**{**history(), "tokens": TOKENS, "step": STEPS, **changed})
