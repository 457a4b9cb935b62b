"""The causal step: what a set of heads is worth, against other heads of the same layers.

Heads are switched off at the input of the output projection, at all positions: set to zero, or to their mean.
The measure is the loss on a passage that occurs twice. A model with induction heads knows the second copy; a
set of heads that carries induction makes it unknown again, and the first copy tells general damage from that.
Sets of as many random heads in the same layers say what any such set does.

The rate of right answers on the published probe is no measure: with all heads intact it is 0 to 5 %.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.circuits.draws import words
from lintrans.circuits.families import Loaded, ModelShape
from lintrans.circuits.probes import Probe
from lintrans.circuits.rows import losses_at, parts_of
from lintrans.circuits.trackings import HeadResult
from lintrans.errors import InputError, check_seed, count, listed, short
from lintrans.sweeps.grid import Progress
from lintrans.sweeps.results import axis, on

if TYPE_CHECKING:
    import torch

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Head = tuple[int, int]

HOWS = ("zero", "mean")
COPIES = ("first copy", "second copy")
N_DRAWS = 50
MAX_DRAWS = 10_000
CENTRAL = 0.025, 0.5, 0.975  # quantiles of random sets
SETS = 8  # stream of random numbers of a seed; those of probes are 0 to 3


class CopyLoss(NamedTuple):
    """Mean loss, in nats, of the two copies of a passage.

    Attributes
    ----------
    first, second : float
        Of the first copy, and of the second without its first token: nothing says that a copy begins.
    """

    first: float
    second: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Ablation(HeadResult):
    """Losses with a set of heads switched off, and with random sets in the same layers."""

    kind: ClassVar[str] = "circuit_ablation"

    draw: IntArray = axis("random set")
    copy: NDArray[np.str_] = axis("copy of the passage")
    intact: FloatArray = on("copy", text="loss with all heads, in nats")
    ablated: FloatArray = on("copy", text="loss without the set, in nats")
    random: FloatArray = on("draw", "copy", text="loss without a random set, in nats")

    @property
    def effect(self) -> float:
        """Rise of the loss on the second copy without the set, in nats."""
        return float(self.ablated[1] - self.intact[1])

    @property
    def random_effects(self) -> FloatArray:
        """The same for each random set (draw,)."""
        return np.asarray(self.random[:, 1] - self.intact[1])

    @property
    def p_value(self) -> float:
        """Share (1 + k) / (1 + n) of random sets, k of n, whose effect is at least as large."""
        return float((1 + (self.random_effects >= self.effect).sum()) / (1 + self.draw.size))

    def summary(self) -> dict[str, Any]:
        """Effect of the set, and quantiles of those of random sets."""
        low, median, high = np.quantile(self.random_effects, CENTRAL)
        return {
            "heads": self.settings["heads"],
            "how": self.settings["how"],
            "intact": dict(zip(("first", "second"), self.intact.tolist(), strict=True)),
            "ablated": dict(zip(("first", "second"), self.ablated.tolist(), strict=True)),
            "effect": self.effect,
            "effect_on_first": float(self.ablated[0] - self.intact[0]),
            "random": {
                "n_draws": self.draw.size,
                "median": float(median),
                "low": float(low),
                "high": float(high),
                "largest": float(self.random_effects.max()),
            },
            "p_value": self.p_value,
        }

    def lines(self) -> list[tuple[str, ...]]:
        """Losses and effects, as rows of a table."""
        low, median, high = np.quantile(self.random_effects, CENTRAL)
        n, first = self.draw.size, float(np.median(self.random[:, 0]))
        return [
            ("heads switched off", *COPIES, "rise on the second", ""),
            ("none", f"{self.intact[0]:.3f}", f"{self.intact[1]:.3f}", "", ""),
            (
                ", ".join(self.settings["heads"]),
                f"{self.ablated[0]:.3f}",
                f"{self.ablated[1]:.3f}",
                f"{self.effect:+.3f}",
                f"p = {self.p_value:.2g}",
            ),
            (
                f"as many of the same layers, median of {n}",
                f"{first:.3f}",
                f"{median + self.intact[1]:.3f}",
                f"{median:+.3f}",
                f"95 %: {low:+.3f} to {high:+.3f}",
            ),
        ]


def ablation(
    loaded: Loaded,
    heads: Iterable[Head],
    probe: Probe,
    *,
    how: str = "zero",
    draws: int = N_DRAWS,
    seed: int = 0,
    batch: int | None = None,
    progress: Progress | None = None,
) -> Ablation:
    """Switch off a set of heads, and as many random ones of the same layers, and measure the loss on a copy.

    Parameters
    ----------
    loaded
        The model.
    heads
        Pairs (layer, head), from 0.
    probe
        With a repeated passage, as of `lintrans.circuits.probes.repeated_probe`.
    how
        "zero", or "mean": the mean output of a head over the sequences and positions of the probe.
    draws
        Random sets. All that there are if these are fewer.
    seed
        Of the random sets.
    batch
        As of `lintrans.circuits.rows.run`.
    progress
        Called with the sets done, all sets, and nothing.

    Raises
    ------
    InputError
        If a head does not exist, the probe repeats no passage, or a layer has too few other heads.
    """
    chosen = check_heads(loaded.shape, heads)
    sets = matched_sets(loaded.shape, chosen, draws, seed)
    means = head_means(loaded, probe.tokens, batch=batch) if check_how(how) == "mean" else None
    losses = []
    for done, one in enumerate([(), chosen, *sets]):
        if progress:
            progress(done, len(sets) + 2, {})
        with ablate(loaded, one, means=means) if one else contextlib.nullcontext():
            losses.append(repeated_loss(loaded, probe, batch=batch))
    if progress:
        progress(len(losses), len(losses), {})
    settings = {
        "family": loaded.shape.family,
        "heads": [head_name(head) for head in chosen],
        "sets": [[head_name(head) for head in one] for one in sets],
        "how": how,
        "seed": check_seed(seed),
        "probe": probe.settings(),
    }
    return Ablation(
        draw=np.arange(len(sets)),
        copy=np.array(COPIES),
        intact=np.array(losses[0]),
        ablated=np.array(losses[1]),
        random=np.array(losses[2:]),
        settings=settings,
    )


@contextlib.contextmanager
def ablate(loaded: Loaded, heads: Iterable[Head], *, means: FloatArray | None = None) -> Iterator[None]:
    """Switch off heads in every forward pass within the block.

    Parameters
    ----------
    loaded
        The model.
    heads
        Pairs (layer, head), from 0.
    means
        Outputs (layers, heads, d_head) to put in their place, as of `head_means`; zero by default.

    Raises
    ------
    InputError
        If a head does not exist.
    """
    chosen = check_heads(loaded.shape, heads)
    handles = []
    for layer in sorted({layer for layer, _ in chosen}):
        numbers = [head for at, head in chosen if at == layer]
        hook = _replacing(loaded.shape, numbers, None if means is None else means[layer, numbers])
        handles.append(loaded.outputs[layer].register_forward_pre_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def repeated_loss(loaded: Loaded, probe: Probe, *, batch: int | None = None) -> CopyLoss:
    """Mean loss on the two copies of the passage of a probe, over all its tokens.

    Raises
    ------
    InputError
        If the probe repeats no passage of two tokens or more.
    """
    if probe.passage.min() < 2:
        raise InputError(
            f"probe must repeat a passage, got {probe.name!r} in which a token is repeated; make one with "
            "repeated_probe or text_probe"
        )
    behind = np.arange(int(probe.passage.max()))
    inside = behind < probe.passage[:, None]
    second = np.minimum(probe.length - probe.passage[:, None] + behind, probe.length - 1)
    first = np.maximum(second - probe.lags[:, None], 1)
    found = losses_at(loaded, probe.tokens, np.concatenate([first, second], axis=1), batch=batch)
    of_first, of_second = np.split(found.astype(np.float64), 2, axis=1)
    return CopyLoss(float(of_first[inside].mean()), float(of_second[inside & (behind > 0)].mean()))


def head_means(loaded: Loaded, tokens: IntArray, *, batch: int | None = None) -> FloatArray:
    """Mean outputs (layers, heads, d_head) over sequences (n, T) and positions."""
    import torch

    shape = loaded.shape
    sums = np.zeros((shape.n_layers, shape.n_heads, shape.d_head))

    def look(layer: int, attention: torch.Tensor, outputs: torch.Tensor) -> None:
        del attention
        sums[layer] += outputs.double().sum(dim=(0, 1)).cpu().numpy()

    for _, given in parts_of(loaded, tokens, batch):
        with torch.inference_mode(), loaded.watch(look):
            loaded.hidden(given)
    return sums / tokens.size


def matched_sets(
    shape: ModelShape, heads: Iterable[Head], draws: int = N_DRAWS, seed: int = 0
) -> list[tuple[Head, ...]]:
    """Different random sets with as many heads in each layer as a set, and none of its heads.

    Examples
    --------
    >>> shape = ModelShape("gpt2", 2, 4, 8, 4, 100, 64, (0, 0), False)
    >>> matched_sets(shape, [(1, 2)], draws=50)
    [((1, 0),), ((1, 1),), ((1, 3),)]
    """
    chosen, wanted = check_heads(shape, heads), count("draws", draws, maximum=MAX_DRAWS)
    numbers = Counter(layer for layer, _ in chosen)
    others = {
        layer: [head for head in range(shape.n_heads) if (layer, head) not in chosen] for layer in numbers
    }
    for layer, n in numbers.items():
        if len(others[layer]) < n:
            raise InputError(
                f"heads must leave as many others in each layer, got {n} of {shape.n_heads} in layer "
                f"{layer}; choose fewer"
            )
    n_sets = math.prod(math.comb(len(others[layer]), n) for layer, n in numbers.items())
    if n_sets <= wanted:
        return _all_sets(others, numbers)
    return _drawn_sets(others, numbers, wanted, seed)


def check_heads(shape: ModelShape, heads: Iterable[Head]) -> tuple[Head, ...]:
    """Heads as sorted pairs (layer, head) of whole numbers.

    Raises
    ------
    InputError
        If there are none, or one does not exist or occurs twice.
    """
    found = []
    for one in listed("heads", heads):
        pair = listed("a head", one)
        if len(pair) != 2:
            raise InputError(f"a head must be a pair (layer, head), got {short(one)}; pass e.g. (17, 3)")
        layer = count("a layer", pair[0], minimum=0, maximum=shape.n_layers - 1)
        found.append((layer, count("a head", pair[1], minimum=0, maximum=shape.n_heads - 1)))
    if not found or len(set(found)) < len(found):
        raise InputError(f"heads must be different and at least one, got {short(found)}; list each once")
    return tuple(sorted(found))


def check_how(how: str) -> str:
    """Way to switch off heads.

    Raises
    ------
    InputError
        If there is no such way.
    """
    if how not in HOWS:
        raise InputError(f"how must be zero or mean, got {short(how)}; choose one")
    return how


def head_name(head: Head) -> str:
    """Name of a head.

    Examples
    --------
    >>> head_name((17, 3))
    'L17H3'
    """
    return f"L{head[0]}H{head[1]}"


def _replacing(shape: ModelShape, numbers: list[int], means: FloatArray | None) -> Callable[..., Any]:
    """Hook that replaces the outputs of some heads of a layer."""

    def hook(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        del module
        outputs = given[0].clone()
        heads = outputs.view(*outputs.shape[:-1], shape.n_heads, shape.d_head)
        heads[..., numbers, :] = 0 if means is None else outputs.new_tensor(means)
        return outputs, *given[1:]

    return hook


def _all_sets(others: dict[int, list[int]], numbers: Counter[int]) -> list[tuple[Head, ...]]:
    layers = [itertools.combinations(others[layer], n) for layer, n in sorted(numbers.items())]
    order = sorted(numbers)
    return [
        tuple((layer, head) for layer, some in zip(order, parts, strict=True) for head in some)
        for parts in itertools.product(*layers)
    ]


def _drawn_sets(
    others: dict[int, list[int]], numbers: Counter[int], draws: int, seed: int
) -> list[tuple[Head, ...]]:
    found: dict[tuple[Head, ...], None] = {}  # in the order they were drawn
    for i in itertools.count():
        one = []
        for layer, n in sorted(numbers.items()):
            order = np.argsort(words(seed, SETS + layer, len(others[layer]), part=i), kind="stable")
            one += sorted((layer, others[layer][j]) for j in order[:n].tolist())
        found[tuple(one)] = None
        if len(found) == draws:
            return list(found)
    raise AssertionError  # `count` has no end
