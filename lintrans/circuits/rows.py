"""Passes of a model over sequences: attention rows, outputs of heads, losses; nothing larger is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits import memory
from lintrans.circuits.families import Loaded, ModelShape
from lintrans.errors import InputError, count
from lintrans.sweeps.executors import stop_if_asked

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float32]
IntArray = NDArray[np.int64]
Reduce = Callable[[Floats, slice], NDArray[Any]]

MAX_BATCH = 16  # larger ones are no faster on a CPU
PART_OF_MEMORY = 4  # of what is free, a batch takes one part in four
COPIES_OF_ATTENTION = 4  # scores, with mask, exponentials, result
COPIES_OF_HIDDEN = 16  # of the states and of the feed-forward network
BYTES_OF_LOGITS = 2**27  # at once


class Rows(NamedTuple):
    """What a pass over n sequences gives.

    Attributes
    ----------
    rows : (layers, n, heads, T) float32 array
        Attention of the last token.
    outputs : (layers, n, heads, d_head) float32 array
        Outputs of the heads at the last token, before the output projection.
    losses : (n, m) float32 array
        Cross entropy of the tokens asked for, in nats.
    reduced : (layers, n, heads, ...) array
        What was made of full attention; empty if nothing was.
    """

    rows: Floats
    outputs: Floats
    losses: Floats
    reduced: NDArray[Any]


def fitting_batch(shape: ModelShape, length: int, *, free: int | None = None) -> int:
    """Sequences of T tokens that a pass takes at once: 16, or as many as take a quarter of free memory.

    The rule: a sequence takes 4 copies of the attention of one layer and 16 of the hidden states, in float32.

    Parameters
    ----------
    shape
        Of the model.
    length
        Tokens of a sequence, T.
    free
        Bytes of free memory; by default asked of the machine.

    Examples
    --------
    >>> shape = ModelShape("gpt_neox", 12, 12, 64, 12, 50_304, 2048, (0,) * 12, True)
    >>> fitting_batch(shape, 256, free=2**34), fitting_batch(shape, 2048, free=2**31)
    (16, 1)
    """
    if free is None:
        found = memory.available_bytes()
        free = 2**33 if found is None else found
    attention = COPIES_OF_ATTENTION * shape.n_heads * length**2
    states = COPIES_OF_HIDDEN * length * shape.n_heads * shape.d_head
    return max(1, min(MAX_BATCH, free // PART_OF_MEMORY // (4 * (attention + states))))


def run(
    loaded: Loaded,
    tokens: IntArray,
    *,
    batch: int | None = None,
    loss_at: IntArray | None = None,
    reduce: Reduce | None = None,
) -> Rows:
    """Pass over sequences, and keep the last row of attention of every head.

    Parameters
    ----------
    loaded
        The model.
    tokens
        Sequences (n, T).
    batch
        Sequences at once; by default `fitting_batch`. Results agree to rounding whatever it is.
    loss_at
        Positions (n, m), at least 1, of the tokens whose loss is wanted.
    reduce
        Gets the full attention (n, heads, T, T) of one layer, and which sequences it is of; returns what is
        kept of it, (n, heads, ...).

    Raises
    ------
    InputError
        If ids or lengths do not fit the model, or memory is too little.
    """
    parts = list(passes(loaded, tokens, batch=batch, loss_at=loss_at, reduce=reduce))
    return Rows(
        *(
            np.concatenate([getattr(part, name) for _, part in parts], axis=0 if name == "losses" else 1)
            for name in Rows._fields
        )
    )


def passes(
    loaded: Loaded,
    tokens: IntArray,
    *,
    batch: int | None = None,
    loss_at: IntArray | None = None,
    reduce: Reduce | None = None,
) -> Iterator[tuple[slice, Rows]]:
    """Pass over sequences batch by batch; yields which sequences, and what `run` puts together."""
    if loss_at is not None:
        _check_positions(tokens, loss_at)
    for part, given in parts_of(loaded, tokens, batch):
        with _explained(tokens[part]):
            found = _one_pass(loaded, given, part, loss_at, reduce)
        yield part, found


def losses_at(loaded: Loaded, tokens: IntArray, loss_at: IntArray, *, batch: int | None = None) -> Floats:
    """Cross entropies (n, m) of the tokens at positions (n, m) of sequences (n, T), in nats.

    As `run` gives them, without looking at attention.
    """
    import torch

    _check_positions(tokens, loss_at)
    found = []
    for part, given in parts_of(loaded, tokens, batch):
        with _explained(tokens[part]), torch.inference_mode():
            found.append(_losses(loaded, loaded.hidden(given), given, loss_at[part]))
    return np.concatenate(found)


def parts_of(
    loaded: Loaded, tokens: IntArray, batch: int | None = None
) -> Iterator[tuple[slice, torch.Tensor]]:
    """Sequences (n, T) by batches, on the device of a model, once they fit it; and which they are."""
    n, length = tokens.shape
    loaded.shape.check_tokens(int(tokens.max()), length)
    size = fitting_batch(loaded.shape, length) if batch is None else count("batch", batch)
    for start in range(0, n, size):
        stop_if_asked()
        part = slice(start, min(start + size, n))
        yield part, _on_device(loaded, tokens[part])


def _explained(tokens: IntArray) -> AbstractContextManager[None]:
    n, length = tokens.shape
    return memory.explained(f"{n} sequences of {length} tokens at once", "use a smaller batch")


def _check_positions(tokens: IntArray, loss_at: IntArray) -> None:
    n, length = tokens.shape
    if loss_at.ndim != 2 or len(loss_at) != n or loss_at.min() < 1 or loss_at.max() >= length:
        raise InputError(
            f"loss_at must hold positions from 1 to {length - 1} of {n} sequences, got others in shape "
            f"{loss_at.shape}; the first token has no loss"
        )


def _on_device(loaded: Loaded, values: IntArray) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.array(values)).to(loaded.device)  # a copy: those of a probe are read-only


def _one_pass(
    loaded: Loaded, given: torch.Tensor, part: slice, loss_at: IntArray | None, reduce: Reduce | None
) -> Rows:
    import torch

    (n, length), shape = given.shape, loaded.shape
    rows = np.empty((shape.n_layers, n, shape.n_heads, length), dtype=np.float32)
    outputs = np.empty((shape.n_layers, n, shape.n_heads, shape.d_head), dtype=np.float32)
    reduced: list[NDArray[Any]] = [np.empty((n, shape.n_heads, 0))] * shape.n_layers

    def look(layer: int, attention: torch.Tensor, found: torch.Tensor) -> None:
        rows[layer] = attention[:, :, -1].cpu().numpy()
        outputs[layer] = found[:, -1].float().cpu().numpy()
        if reduce is not None:
            reduced[layer] = reduce(attention.cpu().numpy(), part)

    with torch.inference_mode(), loaded.watch(look):
        hidden = loaded.hidden(given)
        losses = np.empty((n, 0), dtype=np.float32)
        if loss_at is not None:
            losses = _losses(loaded, hidden, given, loss_at[part])
    return Rows(rows, outputs, losses, np.stack(reduced))


def _losses(loaded: Loaded, hidden: torch.Tensor, tokens: torch.Tensor, loss_at: IntArray) -> Floats:
    """Cross entropies of some tokens; logits are made for a few positions at a time."""
    import torch

    at = _on_device(loaded, loss_at)
    head = loaded.model.get_output_embeddings()
    rows = torch.arange(len(at), device=at.device)[:, None]
    step = max(1, BYTES_OF_LOGITS // (4 * len(at) * loaded.shape.vocabulary))
    found = []
    for some in at.split(step, dim=1):
        logits = head(hidden[rows, some - 1]).float()
        wanted = logits.gather(-1, tokens[rows, some][..., None])[..., 0]
        found.append(logits.logsumexp(dim=-1) - wanted)
    losses: Floats = torch.cat(found, dim=1).cpu().numpy()
    return losses
