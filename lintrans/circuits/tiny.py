"""Tiny language models that are trained here, into folders of checkpoints like those of large ones.

Two kinds of text: English that ships with Python, as bytes, and random tokens. In some of the rows a passage
is repeated until the row ends, so that a model gains by induction. The model is one of transformers with
random weights; nothing is downloaded.

Every row of every step has random numbers of its own, so that a training that goes on where it was stopped
gives the same weights, on the same machine and with the same PyTorch.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.draws import below, words
from lintrans.circuits.families import load
from lintrans.circuits.libraries import quiet
from lintrans.errors import (
    InputError,
    check_seed,
    count,
    flag,
    listed,
    positive,
    require_extra,
    settle,
    short,
)
from lintrans.sweeps.executors import stop_if_asked
from lintrans.sweeps.grid import Progress

if TYPE_CHECKING:
    import torch

IntArray = NDArray[np.int64]

N_BYTES = 256
MAX_STEPS = 10**6
STARTS, LAGS, TOKENS = range(4, 7)  # streams of random numbers of a seed; those of probes are 0 to 3
FAMILIES = ("gpt_neox", "olmo", "olmoe")
TEXTS = ("english", "random")
PACKAGES = ("torch", "transformers", "safetensors")
EXPERTS, EXPERTS_OF_A_TOKEN = 4, 2
RECIPE, OPTIMIZER = "training.json", ".optimizer.safetensors"
PLAN_NAMES = ("n_steps", "kept")  # of a recipe: they do not change what a step is

_ALONE = threading.Lock()  # random numbers of PyTorch, and words of transformers, are those of the process


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A tiny model, its text, and how it is trained.

    The last id of the vocabulary stands at the beginning of every row.

    Parameters
    ----------
    family
        gpt_neox, olmo or olmoe.
    n_layers, n_heads, hidden, intermediate
        Sizes of the model; ``intermediate`` is that of the feed-forward network.
    vocabulary
        Number of ids: 257 for bytes.
    length
        Tokens of a row, T.
    rotary
        Share of the numbers of a head that positions turn, of GPT-NeoX; of the others it is 1.
    parallel
        Whether attention and feed-forward network read the same input, of GPT-NeoX. The large ones do.
    init
        Standard deviation of the initial weights.
    text
        english, or random tokens.
    repeated
        Share of the rows that repeat a passage, from 0 to 1.
    lags
        Least and greatest length of a passage.
    batch
        Rows of a step.
    learning_rate
        Of AdamW, the same at all steps after the first.
    warmup
        Steps of the beginning over which the learning rate rises evenly to it; 0 for none.
    n_steps
        Steps of training.
    kept
        Steps that are kept as checkpoints; by default `kept_steps`.
    seed
        Of the initial weights and of all rows.

    Raises
    ------
    InputError
        If an argument is out of range, or sizes do not fit.

    Examples
    --------
    >>> recipe = Recipe(n_steps=64, repeated=0.5)
    >>> recipe.kept
    (0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)
    >>> rows(recipe, 0).shape
    (16, 128)
    """

    family: str = "gpt_neox"
    n_layers: int = 2
    n_heads: int = 8
    hidden: int = 96
    intermediate: int = 192
    vocabulary: int = N_BYTES + 1
    length: int = 128
    rotary: float = 1.0
    parallel: bool = False
    init: float = 0.05
    text: str = "english"
    repeated: float = 0.0
    lags: tuple[int, int] = (16, 55)
    batch: int = 16
    learning_rate: float = 2e-3
    warmup: int = 50
    n_steps: int = 3000
    kept: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("family", FAMILIES), ("text", TEXTS)):
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} must be one of {', '.join(known)}, got {short(getattr(self, name))}; choose one"
                )
        sizes = ("n_layers", "n_heads", "hidden", "intermediate", "batch")
        settle(self, **{name: count(name, getattr(self, name)) for name in sizes})
        settle(
            self,
            **{name: positive(name, getattr(self, name)) for name in ("rotary", "init", "learning_rate")},
        )
        settle(
            self,
            vocabulary=count("vocabulary", self.vocabulary, minimum=5),
            length=count("length", self.length, minimum=4),
            warmup=count("warmup", self.warmup, minimum=0, maximum=MAX_STEPS),
            parallel=flag("parallel", self.parallel),
            n_steps=count("n_steps", self.n_steps, maximum=MAX_STEPS),
            seed=check_seed(self.seed),
        )
        if self.hidden % (2 * self.n_heads):
            raise InputError(
                f"hidden must be an even number of times n_heads, got {self.hidden} and {self.n_heads}; "
                "choose e.g. 96 and 8"
            )
        if self.text == "english" and self.vocabulary != N_BYTES + 1:
            raise InputError(
                f"vocabulary must be {N_BYTES + 1} for bytes, got {self.vocabulary}; leave it out"
            )
        settle(self, repeated=_share(self.repeated), lags=_lags(self.lags, self.length))
        kept = listed("kept", self.kept) or kept_steps(self.n_steps)
        numbers = {count("a step of kept", step, minimum=0, maximum=self.n_steps) for step in kept}
        settle(self, kept=tuple(sorted(numbers)))

    @property
    def bos(self) -> int:
        """Id at the beginning of every row, the last of the vocabulary."""
        return self.vocabulary - 1

    @property
    def tokens_per_step(self) -> int:
        """Tokens of a step."""
        return self.batch * self.length

    def settings(self) -> dict[str, Any]:
        """All fields, as plain values."""
        return asdict(self) | {"lags": list(self.lags), "kept": list(self.kept)}


def _share(value: Any) -> float:
    number = float(value) if isinstance(value, int | float | np.number) else np.nan
    if not 0 <= number <= 1:
        raise InputError(f"repeated must lie between 0 and 1, got {short(value)}; pass a share of the rows")
    return number


def _lags(value: Any, length: int) -> tuple[int, int]:
    found = listed("lags", value)
    if len(found) != 2:
        raise InputError(f"lags must be the least and the greatest, got {short(value)}; pass e.g. (8, 31)")
    least, greatest = (count("a lag of lags", lag, minimum=1, maximum=(length - 1) // 2) for lag in found)
    if least > greatest:
        raise InputError(f"lags must be increasing, got {least} and {greatest}; swap them")
    return least, greatest


def kept_steps(n_steps: int, every: int = 500) -> tuple[int, ...]:
    """Steps to keep: 0, powers of the root of 2, every 500th, and the last.

    Examples
    --------
    >>> kept_steps(1200)[-8:]
    (256, 362, 500, 512, 724, 1000, 1024, 1200)
    """
    last = count("n_steps", n_steps, maximum=MAX_STEPS)
    powers = {round(2 ** (i / 2)) for i in range(2 * last.bit_length())}
    grid = {0, last, *powers, *range(every, last, every)}
    return tuple(sorted(step for step in grid if step <= last))


@functools.cache
def english() -> IntArray:
    """Bytes of English text that ships with Python: its help topics, a blank line between them.

    In CPython 3.11.7 they are 466,273 bytes. Other versions of Python have others.

    Examples
    --------
    >>> len(english()) > 400_000, int(english().max()) < 256
    (True, True)
    """
    from pydoc_data.topics import topics

    text = np.frombuffer("\n\n".join(topics.values()).encode(), dtype=np.uint8).astype(np.int64)
    text.flags.writeable = False
    return text


def rows(recipe: Recipe, step: int) -> IntArray:
    """Rows (batch, T) of a training step, counted from 0.

    Examples
    --------
    Random tokens, repeated from the first on:

    >>> recipe = Recipe(text="random", vocabulary=65, length=64, repeated=1.0, lags=(8, 8))
    >>> found = rows(recipe, 3)
    >>> bool((found[:, 1:-8] == found[:, 9:]).all()), found[0, 0].item()
    (True, 64)
    """
    n, length = recipe.batch, recipe.length

    def draw(stream: int, size: int) -> NDArray[np.uint64]:
        return words(recipe.seed, stream, size, part=count("step", step, minimum=0))

    if recipe.text == "english":
        text = english()
        start = below(draw(STARTS, n), text.size - length + 1)
        found = text[start[:, None] + np.arange(length)]
    else:
        found = below(draw(TOKENS, n * length), recipe.bos).reshape(n, length)
    found[:, 0] = recipe.bos
    least, greatest = recipe.lags
    lag = least + _below_each(draw(LAGS, n), np.full(n, greatest - least + 1))
    at = np.arange(length)
    source = np.where(at == 0, 0, 1 + (at - 1) % lag[:, None])
    repeats = np.arange(n) < round(recipe.repeated * n)
    return np.where(repeats[:, None], np.take_along_axis(found, source, axis=1), found)


def _below_each(random: NDArray[np.uint64], limits: IntArray) -> IntArray:
    """Whole numbers from 0 to each limit - 1, from words of 32 bits."""
    return (random * limits.astype(np.uint64) >> np.uint64(32)).astype(np.int64)


def build(recipe: Recipe) -> Any:
    """Model of transformers with the initial weights of a recipe.

    Raises
    ------
    MissingExtraError
        If PyTorch or transformers are not installed.
    """
    for package in PACKAGES:
        require_extra("circuits", package, "training tiny models")
    import torch

    with _ALONE, torch.random.fork_rng(devices=[]):
        from transformers import AutoModelForCausalLM  # its modules do not bear to be imported by two threads

        torch.manual_seed(recipe.seed)
        return AutoModelForCausalLM.from_config(
            _config(recipe), dtype=torch.float32, attn_implementation="eager"
        )


def _config(recipe: Recipe) -> Any:
    from transformers import AutoConfig

    sizes: dict[str, Any] = {
        "vocab_size": recipe.vocabulary,
        "hidden_size": recipe.hidden,
        "intermediate_size": recipe.intermediate,
        "num_hidden_layers": recipe.n_layers,
        "num_attention_heads": recipe.n_heads,
        "max_position_embeddings": recipe.length,
        "initializer_range": recipe.init,
        "bos_token_id": recipe.bos,
        "eos_token_id": None,
        "pad_token_id": None,
        "use_cache": False,
    }
    if recipe.family == "gpt_neox":
        sizes["rope_parameters"] = {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "partial_rotary_factor": recipe.rotary,
        }
        sizes["use_parallel_residual"] = recipe.parallel
    if recipe.family == "olmoe":
        sizes |= {"num_experts": EXPERTS, "num_experts_per_tok": EXPERTS_OF_A_TOKEN}
    return AutoConfig.for_model(recipe.family, **sizes)


def train(recipe: Recipe, folder: str | Path, *, progress: Progress | None = None) -> Path:
    """Train a model, and keep its checkpoints as ``folder/step0``, ``folder/step1``, ...

    A training that was stopped goes on from its last checkpoint; one that is finished is left as it is. It
    takes one thread.

    Parameters
    ----------
    recipe
        Model, text and steps.
    folder
        Where the checkpoints go; it is made if it does not exist, its parent must.
    progress
        Called with the steps done, all steps, and nothing.

    Returns
    -------
    folder : Path

    Raises
    ------
    InputError
        If the folder holds something else, another training among them.
    MissingExtraError
        If PyTorch or transformers are not installed.
    """
    folder = _claim(recipe, Path(folder))
    if all((folder / f"step{step}").is_dir() for step in recipe.kept):
        return folder
    for package in PACKAGES:
        require_extra("circuits", package, "training tiny models")
    import torch

    torch.set_num_threads(1)  # two trainings share two cores; and sums keep their order
    model, optimizer, done = _restore(folder, recipe)
    model.set_attn_implementation("sdpa")  # the fastest; nothing looks at attention here
    model.train()
    for step in range(done, recipe.n_steps + 1):
        if step in recipe.kept:
            _keep(model, optimizer, folder, step)
        if progress:
            progress(step, recipe.n_steps, {})
        if step >= max(recipe.kept):
            break
        stop_if_asked()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, (step + 1) / max(recipe.warmup, 1))
        _one_step(model, optimizer, rows(recipe, step))
    return folder


def _one_step(model: Any, optimizer: torch.optim.Optimizer, batch: IntArray) -> None:
    import torch

    tokens = torch.from_numpy(batch)
    logits = model(input_ids=tokens).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _claim(recipe: Recipe, folder: Path) -> Path:
    """Make the folder of a training, or check that it holds this one."""
    plan = {name: value for name, value in recipe.settings().items() if name not in PLAN_NAMES}
    try:
        folder.mkdir(exist_ok=True)
        if (folder / RECIPE).exists():
            known = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        elif any(folder.iterdir()):
            known = None
        else:
            known = plan
            (folder / RECIPE).write_text(json.dumps(plan, indent=1), encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"folder must be one that can be written, got {folder}: {reason}; choose another"
        ) from None
    if known != plan:
        raise InputError(
            f"folder must be empty or hold the same training, got {folder} with "
            f"{_difference(known, plan)}; choose another, or delete it"
        )
    return folder


def _difference(known: Any, plan: Mapping[str, Any]) -> str:
    if not isinstance(known, dict):
        return "other files"
    name = next((name for name in plan if known.get(name) != plan[name]), "more settings")
    return f"{name} {short(known.get(name))}"


def _keep(model: Any, optimizer: torch.optim.Optimizer, folder: Path, step: int) -> None:
    """Write a checkpoint whole or not at all, then what it takes to go on from it."""
    from safetensors.torch import save_file

    place = folder / f"step{step}"
    with tempfile.TemporaryDirectory(prefix=".step", dir=folder) as part:
        if not place.exists():
            made = Path(part) / "new"
            with _ALONE, quiet():
                model.save_pretrained(made)
            made.rename(place)
        state = {
            f"{i}.{name}": value.clone()
            for i, values in optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        if state:
            save_file(state, Path(part) / "optimizer", metadata={"step": str(step)})
            (Path(part) / "optimizer").replace(folder / OPTIMIZER)


def _restore(folder: Path, recipe: Recipe) -> tuple[Any, Any, int]:
    """Model and optimizer at the last checkpoint that training can go on from, and its step."""
    import torch

    for part in folder.glob(".step*"):  # of a training that was killed
        shutil.rmtree(part, ignore_errors=True)
    step, state = _optimizer_state(folder) if (folder / OPTIMIZER).exists() else (0, {})
    model = _loaded(folder / f"step{step}") if step else build(recipe)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate)
    if step:
        optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
    return model, optimizer, step


def _loaded(folder: Path) -> Any:
    with _ALONE:
        return load(folder, device="cpu").model


def _optimizer_state(folder: Path) -> tuple[int, dict[int, dict[str, Any]]]:
    from safetensors import SafetensorError, safe_open

    state: dict[int, dict[str, Any]] = {}
    try:
        with safe_open(os.fspath(folder / OPTIMIZER), framework="pt") as file:
            for key in file.keys():  # noqa: SIM118 - it is no mapping
                i, _, name = key.partition(".")
                state.setdefault(int(i), {})[name] = file.get_tensor(key)
            return int(file.metadata()["step"]), state
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"folder must hold a training that can go on, got {folder}: {error}; delete it"
        ) from None
