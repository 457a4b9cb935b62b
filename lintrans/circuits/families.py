"""Language models with their attention: how a checkpoint is loaded, and how its heads are looked at.

Attention is computed eagerly, in float32. The default of transformers, sdpa, gives no attention and says so
in a warning only, so that a loaded model is asked for its attention once before anything is measured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lintrans.circuits import memory
from lintrans.circuits.libraries import quiet, readable
from lintrans.circuits.shapes import FAMILIES, Family, ModelShape, shape_of
from lintrans.errors import InputError, count, require_extra, short

if TYPE_CHECKING:
    import torch

__all__ = [
    "FAMILIES",
    "Family",
    "Loaded",
    "ModelShape",
    "adapt",
    "load",
    "read_config",
    "shape_of",
    "text_ids",
    "use_threads",
]

Look = Callable[[int, "torch.Tensor", "torch.Tensor"], None]

ROW_TOLERANCE = 1e-3  # of the sum of a row of attention: float32 sums of 8 terms are off by 1e-6
CHECK_LENGTH = 8
MAX_THREADS = 1024


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model with its adapter.

    Attributes
    ----------
    model : torch.nn.Module
        In evaluation mode, float32, with eager attention.
    shape : ModelShape
    attentions, outputs : tuple of torch.nn.Module
        Attention and its output projection, by layer.
    """

    model: Any
    shape: ModelShape
    attentions: tuple[Any, ...]
    outputs: tuple[Any, ...]

    @property
    def device(self) -> Any:
        """Where its weights are."""
        return self.model.device

    def hidden(self, tokens: torch.Tensor) -> torch.Tensor:
        """Last hidden states (n, T, d) of sequences (n, T)."""
        found: torch.Tensor = self.model.base_model(input_ids=tokens, use_cache=False).last_hidden_state
        return found

    @contextlib.contextmanager
    def watch(self, look: Look) -> Iterator[None]:
        """Call ``look(layer, attention, outputs)`` for every layer of every forward pass within the block.

        Parameters
        ----------
        look
            Gets attention (n, heads, T, T) and outputs of the heads (n, T, heads, d_head), both before they
            are dropped: memory holds those of one layer at a time.

        Raises
        ------
        InputError
            During a forward pass, if a layer gives no attention.
        """
        seen: dict[int, Any] = {}
        handles = []
        for layer, (attention, output) in enumerate(zip(self.attentions, self.outputs, strict=True)):
            handles.append(output.register_forward_pre_hook(_keeping(seen, layer)))
            handles.append(attention.register_forward_hook(_showing(seen, layer, self.shape, look)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()


def use_threads(n_threads: int | None) -> None:
    """Let PyTorch use so many threads; None leaves it as it is.

    Raises
    ------
    InputError
        If the number is out of range.
    MissingExtraError
        If PyTorch is not installed.
    """
    if n_threads is None:
        return
    require_extra("circuits", "torch", "measuring heads")
    import torch

    torch.set_num_threads(count("--n-threads", n_threads, maximum=MAX_THREADS))


def load(
    folder: str | Path, *, gguf_file: str | None = None, device: str | None = None, name: str = ""
) -> Loaded:
    """Load a checkpoint from a folder, and check that it shows its attention.

    Parameters
    ----------
    folder
        With a configuration and weights, or with a GGUF file. Nothing is downloaded and no code of the
        checkpoint is run.
    gguf_file
        Name of the GGUF file in it.
    device
        "cpu", "cuda" or another of PyTorch; a GPU if there is one by default.
    name
        Of the checkpoint, for messages.

    Raises
    ------
    InputError
        If the folder is no checkpoint, the family is not known, the model is bidirectional, weights are
        missing, or memory is too little.
    MissingExtraError
        If PyTorch or transformers are not installed.
    """
    title, config = name or str(folder), read_config(folder, gguf_file=gguf_file, name=name)
    shape = shape_of(config)
    import torch
    from transformers import AutoModelForCausalLM

    _check_room(config, title)
    extra = {"gguf_file": gguf_file} if gguf_file else {"weights_only": True}
    with (
        memory.explained(title, "free some, or use a smaller model"),
        quiet(bool(gguf_file)),
        readable(title),
    ):
        model, report = AutoModelForCausalLM.from_pretrained(
            str(folder),
            config=config,
            dtype=torch.float32,
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, by name
            **extra,
        )
    _check_whole(report, title)
    return _adapted(model, shape, device, title)


def adapt(model: Any, *, device: str | None = None) -> Loaded:
    """Give a model of transformers in memory its adapter, and check that it shows its attention.

    Parameters
    ----------
    model
        With a head for language, as of ``AutoModelForCausalLM``, with eager attention.
    device
        As of `load`; where it is by default.

    Raises
    ------
    InputError
        If the family is not known, the model is bidirectional, or it gives no attention.
    """
    require_extra("circuits", "torch", "measuring heads")
    config = getattr(model, "config", None)
    if getattr(config, "model_type", None) is None or not hasattr(model, "get_output_embeddings"):
        raise InputError(f"model must be one of transformers, got {short(model)}; pass a causal model")
    return _adapted(model, shape_of(config), device or str(model.device), type(model).__name__)


def read_config(folder: str | Path, *, gguf_file: str | None = None, name: str = "") -> Any:
    """Configuration of a checkpoint, as transformers has it.

    Raises
    ------
    InputError
        If there is none that can be read.
    """
    for package in ("torch", "transformers"):
        require_extra("circuits", package, "measuring heads")
    from transformers import AutoConfig

    extra = {"gguf_file": gguf_file} if gguf_file else {}
    with quiet(), readable(name or str(folder)):
        return AutoConfig.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, **extra
        )


def text_ids(text: str | Path, folder: str | Path, *, gguf_file: str | None = None) -> list[int]:
    """Ids of a text file by the tokenizer of a checkpoint, without tokens that it would add.

    Raises
    ------
    InputError
        If the file cannot be read, or the checkpoint has no tokenizer.
    """
    for package in ("torch", "transformers"):
        require_extra("circuits", package, "measuring heads")
    from transformers import AutoTokenizer

    try:
        words = Path(text).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"text must be a readable UTF-8 file, got {text}: {error}; check the name") from None
    extra = {"gguf_file": gguf_file} if gguf_file else {}
    with quiet(bool(gguf_file)), readable(f"the tokenizer of {folder}"):
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, **extra
        )
        found: list[int] = tokenizer(words, add_special_tokens=False)["input_ids"]
    if not found:  # what transformers makes of a folder without its files, in some families
        raise InputError(
            f"text must give tokens, got none of {text} by the tokenizer of {folder}; copy it there"
        )
    return found


def _adapted(model: Any, shape: ModelShape, device: str | None, title: str) -> Loaded:
    import torch

    where = device or ("cuda" if torch.cuda.is_available() else "cpu")
    with memory.explained(title, "free some, or use the CPU"):
        try:
            model = model.eval().to(where)
        except (RuntimeError, AssertionError) as error:
            if memory.is_shortage(error):
                raise
            raise InputError(f"device must be one that PyTorch has, got {where!r}; pass cpu") from None
    family = FAMILIES[shape.family]
    layers = list(getattr(model.base_model, family.layers))
    attentions = tuple(getattr(layer, family.attention) for layer in layers)
    loaded = Loaded(model, shape, attentions, tuple(getattr(one, family.output) for one in attentions))
    _check_attention(loaded, title)
    return loaded


def _check_whole(report: Mapping[str, Any], title: str) -> None:
    """Refuse a model in which transformers filled in what the files lack."""
    for name, *shapes in sorted(map(_listed, report["mismatched_keys"])):
        raise InputError(
            f"weights must have the shapes of the configuration, got {name} of another in {title} "
            f"({', '.join(map(str, shapes))}); save the checkpoint again"
        )
    for name in sorted(report["missing_keys"]):
        raise InputError(f"all weights must be there, got {title} without {name}; save the checkpoint again")


def _listed(mismatch: Any) -> list[Any]:
    return [mismatch] if isinstance(mismatch, str) else [*map(str, mismatch)]


def _check_attention(loaded: Loaded, title: str) -> None:
    """Look at the attention of a few tokens: there in all layers, of the right shape, causal."""
    import torch

    length, seen = min(CHECK_LENGTH, loaded.shape.n_positions, loaded.shape.vocabulary), []

    def look(layer: int, attention: torch.Tensor, outputs: torch.Tensor) -> None:
        del outputs
        seen.append(layer)
        sums = attention.sum(dim=-1)
        if not torch.allclose(sums, torch.ones_like(sums), atol=ROW_TOLERANCE):
            at = f"layer {layer} of {title}"
            if torch.isfinite(sums).all():
                raise InputError(f"rows of attention must add up to 1, got others in {at}; use another model")
            raise InputError(f"attention must be finite, got NaN in {at}; audit the checkpoint")
        if attention.triu(1).abs().max() > ROW_TOLERANCE:
            raise InputError(
                f"model must attend to earlier tokens only, got layer {layer} of {title}, which is "
                "bidirectional; choose a causal model"
            )

    with torch.inference_mode(), loaded.watch(look):
        loaded.hidden(torch.arange(length, device=loaded.device)[None])
    if sorted(seen) != list(range(loaded.shape.n_layers)):
        raise InputError(
            f"all {loaded.shape.n_layers} layers must show attention, got {len(seen)}; use another model"
        )


def _keeping(seen: dict[int, Any], layer: int) -> Any:
    def hook(module: Any, given: tuple[Any, ...]) -> None:
        del module
        seen[layer] = given[0]

    return hook


def _showing(seen: dict[int, Any], layer: int, shape: ModelShape, look: Look) -> Any:
    def hook(module: Any, given: Any, found: Any) -> None:
        attention = found[1] if isinstance(found, tuple) and len(found) > 1 else None
        outputs = seen.pop(layer)
        if attention is None:
            used = getattr(module.config, "_attn_implementation", "another")
            raise InputError(
                f"attention must be eager to be seen, got {used}, which gives none; load the model with "
                "attn_implementation='eager'"
            )
        n, length = outputs.shape[:2]
        if attention.shape != (n, shape.n_heads, length, length):
            raise InputError(
                f"attention must have shape {(n, shape.n_heads, length, length)}, got "
                f"{tuple(attention.shape)} in layer {layer}; use another model"
            )
        look(layer, attention.float(), outputs.view(n, length, shape.n_heads, shape.d_head))

    return hook


def _check_room(config: Any, title: str) -> None:
    """Refuse a model whose weights do not fit in memory, before they are read."""
    import torch
    from transformers import AutoModelForCausalLM

    free = memory.available_bytes()
    if free is None:
        return
    with torch.device("meta"), quiet(), readable(title):
        n = sum(weight.numel() for weight in AutoModelForCausalLM.from_config(config).parameters())
    if 4 * n > free:
        raise InputError(
            f"memory must be enough for {title}, {4 * n / 1e9:.1f} GB in float32, got {free / 1e9:.1f} GB; "
            "use a smaller model or another machine"
        )
