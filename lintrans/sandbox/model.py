"""The transformer of the sandbox: its sizes and options, and where its weights lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from lintrans.errors import InputError, count, finite, finite_array, flag, instance, positive, settle, short
from lintrans.sandbox.task import Task, random_words

FloatArray = NDArray[np.float64]

NORMS = ("rms", "smooth", "none")
NORM_CONSTANT = 1e-5  # added to the root mean square
SMOOTHING = 0.1
MIN_SMOOTHING, MAX_SMOOTHING = 1e-100, 1e100  # their squares are ordinary numbers
MAX_WIDTH, MAX_D = 4096, 64
WEIGHTS = 3  # stream of random numbers of a seed

# Parts of the weights, in their order in a flat array, and groups of parts that options name.
PARTS = ("tokens", "positions", "query", "value", "up", "up_bias", "down", "down_bias")
BIASES = ("up_bias", "down_bias")
GROUPS = {
    "embeddings": ("tokens", "positions"),
    "attention": ("query", "value"),
    "feed_forward": ("up", "up_bias", "down", "down_bias"),
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A transformer of one layer with one head, with embeddings that can be looked at.

    With z_t the normed sum of token and position,

        xi = sum_t a_t V z_t,   a = softmax(z_t . q / sqrt d),
        out = xi + W2 gelu(W1 norm(xi) + b1) + b2,   logits = E out,

    with the token table E. There is no key matrix, and no residual round the attention.

    Parameters
    ----------
    d : int
        Dimension of the embeddings. 2 can be seen.
    width : int
        Hidden units h.
    extra_tokens : int
        Rows of the token table beyond the p tokens that occur: room for another task later.
    attention_norm, feed_forward_norm : str
        The norm before attention and before the feed-forward network: "rms" is z / (root mean square + 1e-5),
        "smooth" is z / sqrt(mean square + smoothing^2), "none" leaves z.
    smoothing : float
        Constant of the smooth norm: vectors much shorter than it are not stretched to length.
    bias : bool
        Whether the feed-forward network has biases; without them they are 0 and stay it.

    Raises
    ------
    InputError
        If a field is out of range.

    Examples
    --------
    >>> Model().n_weights(Task())
    198
    """

    d: int = 2
    width: int = 32
    extra_tokens: int = 1
    attention_norm: str = "rms"
    feed_forward_norm: str = "rms"
    smoothing: float = SMOOTHING
    bias: bool = True

    def __post_init__(self) -> None:
        settle(
            self,
            d=count("d", self.d, maximum=MAX_D),
            width=count("width", self.width, maximum=MAX_WIDTH),
            extra_tokens=count("extra_tokens", self.extra_tokens, minimum=0, maximum=MAX_D),
            smoothing=_smoothing(self.smoothing),
            bias=flag("bias", self.bias),
        )
        for name in ("attention_norm", "feed_forward_norm"):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in NORMS:
                raise InputError(
                    f"{name} must be one of {', '.join(NORMS)}, got {short(getattr(self, name))}; choose one"
                )

    def n_tokens(self, task: Task) -> int:
        """Rows of the token table."""
        return task.p + self.extra_tokens

    def shapes(self, task: Task) -> dict[str, tuple[int, ...]]:
        """Shape of each part of the weights, in their order."""
        d, h = self.d, self.width
        shapes = ((self.n_tokens(task), d), (task.length, d), (d,), (d, d), (h, d), (h,), (d, h), (d,))
        return dict(zip(PARTS, shapes, strict=True))

    def places(self, task: Task) -> dict[str, slice]:
        """Where each part lies in the flat array of weights."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes(task).values()]).tolist()
        return {name: slice(a, b) for name, a, b in zip(PARTS, [0, *ends], ends, strict=False)}

    def n_weights(self, task: Task) -> int:
        """Numbers in the flat array of weights; without biases theirs are 0 and stay it."""
        return sum(math.prod(shape) for shape in self.shapes(task).values())

    def weight_names(self, task: Task) -> list[str]:
        """Name of every number in the flat array of weights, as up[3,1]."""
        shapes = self.shapes(task).items()
        return [f"{name}[{','.join(map(str, i))}]" for name, shape in shapes for i in np.ndindex(shape)]

    def norm_constant(self, norm: str) -> float:
        """Constant of a norm."""
        return self.smoothing if norm == "smooth" else NORM_CONSTANT

    def settings(self) -> dict[str, Any]:
        """All fields, as settings of a result."""
        return dict(vars(self))


class Weights(NamedTuple):
    """All weights by name; arrays may have leading axes, as over snapshots.

    Attributes
    ----------
    tokens : (n_tokens, d) array
        Token table E, which also reads the answer.
    positions : (L, d) array
    query : (d,) array
    value : (d, d) array
    up : (h, d) array
        W1.
    up_bias : (h,) array
    down : (d, h) array
        W2.
    down_bias : (d,) array
    """

    tokens: NDArray[Any]
    positions: NDArray[Any]
    query: NDArray[Any]
    value: NDArray[Any]
    up: NDArray[Any]
    up_bias: NDArray[Any]
    down: NDArray[Any]
    down_bias: NDArray[Any]

    @property
    def flat(self) -> NDArray[Any]:
        """All weights in one axis, the last: the order of result files and of the compiled loops."""
        lead = self.down_bias.shape[:-1]
        return np.concatenate([part.reshape(*lead, -1) for part in self], axis=-1)


def unflatten(task: Task, model: Model, flat: NDArray[Any]) -> Weights:
    """Weights from one axis, the last; the inverse of ``Weights.flat``."""
    lead, shapes = flat.shape[:-1], model.shapes(task)
    return Weights(
        *(flat[..., place].reshape(*lead, *shapes[name]) for name, place in model.places(task).items())
    )


def check_weights(task: Task, model: Model, parts: Mapping[str, ArrayLike]) -> Weights:
    """Weights from arrays by name, once names, shapes and entries are right.

    Raises
    ------
    InputError
        If one is missing or unknown, has another shape, or is not finite.
    """
    shapes = model.shapes(task)
    for name in parts:
        if name not in shapes:
            raise InputError(f"weights must be {', '.join(PARTS)}, got {name!r}; leave it out")
    found = {}
    for name, shape in shapes.items():
        if name not in parts:
            raise InputError(f"weights must hold {name!r}, got {', '.join(parts) or 'none'}; add it")
        array = finite_array(name, parts[name], len(shape))
        if array.shape != shape:
            raise InputError(f"{name} must have shape {shape}, got {array.shape}; check task and model")
        found[name] = array
    return Weights(**found)


def check_shapes(task: Task, model: Model, weights: Weights) -> None:
    """Refuse weights of other shapes than those of a model; leading axes are free.

    Raises
    ------
    InputError
        If they are no `Weights`, or a part has another shape.
    """
    instance("weights", weights, Weights)
    for (name, shape), part in zip(model.shapes(task).items(), weights, strict=True):
        if part.shape[part.ndim - len(shape) :] != shape:
            raise InputError(
                f"weights must be of this task and model, {name} of shape {shape}, got {part.shape}; "
                "check task and model"
            )


def initial_weights(
    task: Task, model: Model, seed: int = 0, *, scales: Mapping[str, float] | None = None
) -> Weights:
    """Draw initial weights: tables from N(0, 1), all others uniform within 1 / sqrt(fan in).

    Parameters
    ----------
    task, model
        Give the shapes.
    seed
        Of the random numbers. The data of a run with the same seed are independent of them.
    scales
        Factors by the name of a part or of a group (embeddings, attention, feed_forward).

    Raises
    ------
    InputError
        If a name is unknown or a number out of range.

    Examples
    --------
    >>> initial_weights(Task(), Model(), scales={"query": 0.0}).query.any().item()
    False
    """
    n = model.n_weights(task)
    high, low = random_words(seed, WEIGHTS, 2 * n).reshape(2, n)
    uniform = ((high << np.uint64(21) | low >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    factors = factors_by_part(scales or {})
    made = {}
    for name, part in unflatten(task, model, uniform)._asdict().items():
        drawn = (
            ndtri(part) if name in GROUPS["embeddings"] else (2 * part - 1) / math.sqrt(_fan_in(name, model))
        )
        made[name] = factors[name] * drawn
    if not model.bias:
        made["up_bias"], made["down_bias"] = np.zeros(model.width), np.zeros(model.d)
    return Weights(**made)


def factors_by_part(given: Mapping[str, float], *, name: str = "scales") -> dict[str, float]:
    """Factor of every part from those of parts and groups; 1 where none is given."""
    factors = dict.fromkeys(PARTS, 1.0)
    for key, value in given.items():
        for part in parts_of(key, name=name):
            factors[part] *= finite(f"{name} of {key}", value)
    return factors


def parts_of(name_of_part: str, *, name: str) -> tuple[str, ...]:
    """Parts that a name stands for: a group, or one part."""
    if isinstance(name_of_part, str) and name_of_part in PARTS:
        return (name_of_part,)
    if not isinstance(name_of_part, str) or name_of_part not in GROUPS:
        known = ", ".join([*GROUPS, *PARTS])
        raise InputError(
            f"{name} must name parts of the model, got {short(name_of_part)}; choose from {known}"
        )
    return GROUPS[name_of_part]


def _smoothing(value: Any) -> float:
    number = positive("smoothing", value)
    if not MIN_SMOOTHING <= number <= MAX_SMOOTHING:
        raise InputError(
            f"smoothing must lie between {MIN_SMOOTHING:g} and {MAX_SMOOTHING:g}, got {number:g}; "
            "choose it near 0.1"
        )
    return number


def _fan_in(part: str, model: Model) -> int:
    return model.width if part in ("down", "down_bias") else model.d
