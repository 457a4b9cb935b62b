"""Families of language models: where attention is in each, and the sizes of a model from its configuration.

One adapter holds for all families: it says where the layers are, which module of a layer is attention, and
which of that module is the output projection, whose input is the output of the heads. Heads are those of the
queries; where several share keys and values they are still counted one by one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from lintrans.errors import InputError


class Family(NamedTuple):
    """Where the parts of a family of models are.

    Attributes
    ----------
    layers : str
        The list of layers, in the model without its head.
    attention : str
        Attention, in a layer.
    output : str
        The output projection, in attention.
    """

    layers: str = "layers"
    attention: str = "self_attn"
    output: str = "o_proj"


_LLAMA = Family()
FAMILIES: dict[str, Family] = {
    "gpt_neox": Family(attention="attention", output="dense"),
    "gpt2": Family("h", "attn", "c_proj"),
    **dict.fromkeys(
        ("llama", "mistral", "smollm3", "olmo", "olmo2", "olmo3", "olmoe", "qwen2", "qwen3"), _LLAMA
    ),
}


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model that its measures depend on.

    Attributes
    ----------
    family : str
        As its configuration calls it.
    n_layers, n_heads, d_head : int
        Layers, query heads of each, and numbers that a head puts out.
    n_kv_heads : int
        Heads of keys and values; fewer than ``n_heads`` where query heads share them.
    vocabulary, n_positions : int
        Ids, and tokens of the longest sequence.
    windows : tuple of int
        Of each layer, how many of the last tokens it attends to; 0 if all.
    parallel : bool
        Whether attention and feed-forward network read the same input.
    """

    family: str
    n_layers: int
    n_heads: int
    d_head: int
    n_kv_heads: int
    vocabulary: int
    n_positions: int
    windows: tuple[int, ...]
    parallel: bool

    def settings(self) -> dict[str, Any]:
        """All fields, as settings of a result."""
        return asdict(self) | {"windows": list(self.windows)}

    def windowed(self, length: int) -> list[int]:
        """Layers whose window is shorter than a sequence: they cannot see its first tokens.

        Examples
        --------
        >>> ModelShape("mistral", 2, 4, 8, 2, 1000, 4096, (0, 64), False).windowed(256)
        [1]
        """
        return [layer for layer, window in enumerate(self.windows) if 0 < window < length]

    def check_tokens(self, largest: int, length: int) -> None:
        """Refuse sequences that the model cannot read.

        Raises
        ------
        InputError
            If an id is beyond the vocabulary, or the sequences are too long.
        """
        if largest >= self.vocabulary:
            raise InputError(
                f"tokens must lie below the vocabulary of the model, {self.vocabulary}, got {largest}; make "
                f"the probe for {self.vocabulary} ids"
            )
        if length > self.n_positions:
            raise InputError(
                f"length must be at most {self.n_positions}, the positions of the model, got {length}; use "
                "shorter sequences"
            )


def shape_of(config: Any) -> ModelShape:
    """Sizes of a model from its configuration.

    Raises
    ------
    InputError
        If its family is not known, or it is bidirectional.
    """
    family = str(config.model_type)
    if family not in FAMILIES:
        if _is_bidirectional(config, family):
            raise InputError(
                f"model must attend to earlier tokens only, got {family}, which is bidirectional; choose a "
                f"causal model: {', '.join(FAMILIES)}"
            )
        raise InputError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}; choose such a model")
    heads = int(config.num_attention_heads)
    d_head = getattr(config, "head_dim", None) or config.hidden_size // heads
    return ModelShape(
        family=family,
        n_layers=int(config.num_hidden_layers),
        n_heads=heads,
        d_head=int(d_head),
        n_kv_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        vocabulary=int(config.vocab_size),
        n_positions=int(config.max_position_embeddings),
        windows=_windows(config),
        parallel=bool(getattr(config, "use_parallel_residual", False)),
    )


def _windows(config: Any) -> tuple[int, ...]:
    """Window of each layer; 0 where there is none."""
    n, window = int(config.num_hidden_layers), getattr(config, "sliding_window", None) or 0
    types = getattr(config, "layer_types", None)
    if types is None:
        return (int(window),) * n
    return tuple(int(window) if kind == "sliding_attention" else 0 for kind in types[:n])


def _is_bidirectional(config: Any, family: str) -> bool:
    """Whether a family is of encoders: trained to fill in masks, or with an encoder of its own."""
    from transformers.models.auto import modeling_auto

    return bool(config.is_encoder_decoder) or family in modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
