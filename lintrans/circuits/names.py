"""What the name of a checkpoint says: its stage, its step, its tokens.

Checkpoints are named by branches, folders or repositories, and every project has rules of its own:
``step512``, ``stage1-step101000-tokens424B``, ``ckpt_356``, ``hf_ckpt/16.78B``, ``main``. A name is read for
what it says and nothing more. Tokens are never computed from steps, except by a rate that the authors of a
family state (`TOKENS_PER_STEP`), since batches grow and stages begin at 0 again.

Tests read the public names of tests/circuits/data, one by one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from lintrans.errors import InputError, count, short

Value = TypeVar("Value")

# Tokens of a step by the beginning of a repository's name, where its authors state one rate for all steps:
# Pythia (1,024 sequences of 2,048 tokens, arXiv 2304.01373) and PolyPythias, which train the same way; the
# model cards of SmolLM2 1.7B and of SmolLM3, whose steps go on over its stages.
TOKENS_PER_STEP: Mapping[str, int] = {
    "EleutherAI/pythia-": 2_097_152,
    "HuggingFaceTB/SmolLM2-1.7B-intermediate-checkpoints": 2_097_152,
    "HuggingFaceTB/SmolLM3-3B-checkpoints": 2_359_296,
}
# Models of the first version of Pythia had batches of two sizes.
_OTHER_RATE = re.compile(r"EleutherAI/pythia-.*-v0$")

# Tokens of checkpoints that are named after animals, from the model card of Marin 8B.
TOKENS_OF_NAMES: Mapping[str, Mapping[str, float]] = {
    "marin-community/marin-8b-base": {
        "kestrel": 2.7e12,
        "ocelot": 3.78e12,
        "jellyfish": 4.78e12,
        "phoenix": 11.1e12,
        "starling": 12.4e12,
        "deeper-starling": 12.7e12,
    }
}
# Steps that a repository holds in all: 154 of each Pythia model (arXiv 2304.01373).
STEPS: Mapping[str, tuple[int, ...]] = {
    "EleutherAI/pythia-": (0, *(2**i for i in range(10)), *range(1000, 143_001, 1000)),
}

WITHOUT_STEP = frozenset(
    {"main", "master", "final", "last", "latest", "best", "fp32", "fp16", "bf16", "float32"}
)
CONTAINERS = frozenset(
    {"checkpoint", "checkpoints", "ckpt", "ckpts", "hf", "hf_ckpt", "hf_ckpts", "model", "models", "weights",
     "revisions", "steps"}
)  # fmt: skip
UNNAMED = "unnamed"

_UNITS = {"": 0, "k": 3, "m": 6, "b": 9, "t": 12}
_START, _END = r"(?<![0-9a-z])", r"(?![0-9a-z.])"
_AMOUNT = r"(\d{1,15}(?:\.\d{1,15})?)"
_STEP = re.compile(
    rf"{_START}(?:global[-_]?)?(?:step|iter(?:ation)?|checkpoint|update)s?[-_=]?(\d{{1,15}})([km]?){_END}"
)
_STEP_BEHIND = re.compile(rf"{_START}(\d{{1,15}})([km]?)[-_]?(?:steps?|iter(?:ation)?s?){_END}")
_TOKENS = re.compile(
    rf"{_START}(?:tokens?[-_=]?(?:{_AMOUNT}([kmbt])t?|(\d{{1,15}}))|{_AMOUNT}([kmbt])t?[-_]?tokens?){_END}"
)
_TOKENS_AFTER_STEP = re.compile(rf"[-_]{_AMOUNT}([mbt])t?{_END}")
_ONLY_TOKENS = re.compile(rf"(?:(?:ckpt|checkpoint)[-_]?)?{_AMOUNT}([mbt])t?")
_NUMBERED = re.compile(r"ckpts?[-_]?(\d{1,15})")
_SEPARATORS = "-_=. "


class Revision(NamedTuple):
    """A checkpoint of a model by its name.

    Attributes
    ----------
    name : str
        Name in its source: a branch, or the path of a folder in a larger one.
    stage : str or None
        Series of steps that it belongs to, as the name says: ``stage2-ingredient1``; None if it says none.
    step : int or None
        Training step within its stage; None if the name does not say one.
    tokens : float or None
        Tokens seen, as the name or a table of its family says; None if neither does. Names round them, and
        some begin at 0 again in each stage.
    label : str
        Short text for tables and figures.
    """

    name: str
    stage: str | None
    step: int | None
    tokens: float | None
    label: str


class _Reading(NamedTuple):
    step: int | None
    tokens: float | None
    rest: str


def parse_revision(name: str, tokens_per_step: int | None = None) -> Revision:
    """Read the name of a checkpoint.

    Parameters
    ----------
    name
        A branch, or the path of a folder.
    tokens_per_step
        Tokens of one step, if its family has one rate for all steps; gives the tokens of names that say
        none. See `TOKENS_PER_STEP`.

    Returns
    -------
    Revision
        Without a step if the name says none, or none that can be read. `unread` lists the latter.

    Raises
    ------
    InputError
        If the name is no text or the rate no positive whole number.

    Notes
    -----
    ``ckpt_356`` has no step: where it occurs it numbers checkpoints. What stands beside step and tokens
    becomes the stage, since it tells one series of steps from another. A number of tokens counts only behind
    a step, next to the word, or as the whole name: ``stage2-step47684-mix-round5-from-2T-ckpt`` began at 2 T
    tokens and says nothing of its own.

    Examples
    --------
    >>> parse_revision("stage1-step101000-tokens424B")[1:]
    ('stage1', 101000, 424000000000.0, 'stage1 step 101000')
    >>> parse_revision("step512").tokens is None
    True
    >>> parse_revision("step512", tokens_per_step=2_097_152).tokens
    1073741824.0
    >>> parse_revision("main")
    Revision(name='main', stage=None, step=None, tokens=None, label='main')
    """
    if not isinstance(name, str):
        raise InputError(f"name must be the text of a checkpoint's name, got {short(name)}; pass a str")
    rate = None if tokens_per_step is None else count("tokens_per_step", tokens_per_step)
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    readings = [_read(part) for part in parts]
    said = [i for i, found in enumerate(readings) if (found.step, found.tokens) != (None, None)]
    if not said:
        return Revision(name, None, None, None, _label_unread(name, parts))
    step, tokens, rest = readings[said[-1]]
    others = [part for i, part in enumerate(parts) if i != said[-1]]
    stage = "/".join(part for part in [*others, rest] if part and part.lower() not in CONTAINERS) or None
    what = f"step {step}" if step is not None else f"{_amount(tokens)} tokens"
    if tokens is None and rate is not None and step is not None:
        tokens = float(step * rate)
    return Revision(name, stage, step, tokens, what if stage is None else f"{stage} {what}")


def read_revision(repository: str, name: str) -> Revision:
    """Read the name of a checkpoint with what is known of its repository on the Hub.

    As `parse_revision`, with the tokens that the tables of this module give. Where a repository holds one
    checkpoint, its own name says which: ``google/multiberts-seed_0-step_20k``.

    Parameters
    ----------
    repository
        Owner and name.
    name
        A branch, or the path of a folder.

    Examples
    --------
    >>> read_revision("EleutherAI/pythia-1b", "step512").tokens
    1073741824.0
    >>> read_revision("TinyLlama/TinyLlama-1.1B-intermediate-step-1431k-3T", "main")[2:4]
    (1431000, 3000000000000.0)
    """
    found = parse_revision(name, tokens_per_step(repository))
    if name in ("main", "master"):
        of_repository = _read(repository.rpartition("/")[2])
        if of_repository.step is not None:
            step, tokens, _ = of_repository
            return found._replace(step=step, tokens=tokens, label=f"step {step}")
    if found.tokens is None:
        return found._replace(tokens=TOKENS_OF_NAMES.get(repository, {}).get(name))
    return found


def tokens_per_step(repository: str) -> int | None:
    """Tokens of one step in a repository of the Hub, by `TOKENS_PER_STEP`; None if no rate is stated.

    Examples
    --------
    >>> tokens_per_step("EleutherAI/pythia-14m-seed1"), tokens_per_step("EleutherAI/pythia-1.4b-v0")
    (2097152, None)
    """
    return _by_prefix(TOKENS_PER_STEP, repository)


def steps_of(repository: str) -> tuple[int, ...] | None:
    """Steps that a repository of the Hub holds in all, by `STEPS`; None if they are not known."""
    return _by_prefix(STEPS, repository)


def order(revisions: Iterable[Revision]) -> list[Revision]:
    """Put checkpoints in the order of training, and make their labels differ.

    By stage, then by step, then by tokens. Names without both follow, those that cannot be read first and
    ``main`` and its like last. A name without a stage stands with ``stage1``, whose prefix is sometimes
    missing, before all other stages.

    Raises
    ------
    InputError
        If a name occurs twice.

    Examples
    --------
    >>> names = "main", "stage2-step100", "stage1-step9000", "step150", "kestrel"
    >>> [found.name for found in order(map(parse_revision, names))]
    ['step150', 'stage1-step9000', 'stage2-step100', 'kestrel', 'main']
    """
    found = list(revisions)
    twice = [name for name, n in Counter(one.name for one in found).items() if n > 1]
    if twice:
        raise InputError(f"names of checkpoints must differ, got {short(twice[0])} twice; name each once")
    labels = Counter(one.label for one in found)
    found = [one if labels[one.label] == 1 else one._replace(label=one.name or UNNAMED) for one in found]
    first = "stage1" if any((one.stage or "").startswith("stage1") for one in found) else ""
    return sorted(found, key=lambda one: _place(one, first))


def unread(revisions: Iterable[Revision]) -> list[Revision]:
    """Checkpoints whose names say neither step nor tokens, and are not known to be without.

    Examples
    --------
    >>> names = "step1", "main", "ckpt_356", "kestrel"
    >>> [found.name for found in unread(map(parse_revision, names))]
    ['kestrel']
    """
    return [
        one
        for one in revisions
        if one.step is None and one.tokens is None and not is_without_step(one) and number(one) is None
    ]


def is_without_step(revision: Revision) -> bool:
    """Whether a name is known to say no step: ``main``, ``final``, ``fp32`` and their like."""
    return revision.step is None and revision.tokens is None and _last(revision.name) in WITHOUT_STEP


def number(revision: Revision) -> int | None:
    """Number of a checkpoint whose name counts checkpoints and not steps, as ``ckpt_356``; else None."""
    found = _NUMBERED.fullmatch(_last(revision.name))
    return int(found[1]) if found and revision.step is None else None


def _read(part: str) -> _Reading:
    """Read one part of a path."""
    text = part.lower()
    only = _ONLY_TOKENS.fullmatch(text)
    if only:
        return _Reading(None, _quantity(only[1], only[2]), "")
    step = _STEP.search(text) or _STEP_BEHIND.search(text)
    tokens: re.Match[str] | None = None
    if step:
        tokens = _TOKENS_AFTER_STEP.match(text, step.end())
    tokens = _TOKENS.search(text) or tokens
    spans = sorted(match.span() for match in (step, tokens) if match)
    return _Reading(
        None if step is None else int(step[1]) * 10 ** _UNITS[step[2]],
        None if tokens is None else _quantity(*_groups(tokens)),
        _without(part, spans),
    )


def _groups(tokens: re.Match[str]) -> tuple[str, str]:
    """Number and unit of a match of tokens, of which some alternatives are empty."""
    amount, *unit = [group for group in tokens.groups() if group is not None]
    return amount, unit[0] if unit else ""


def _quantity(amount: str, unit: str) -> float:
    return float(Decimal(amount).scaleb(_UNITS[unit]))  # 16.78 * 1e9 would not be 16780000000


def _without(part: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return the rest of a name; a word such as checkpoint is no rest."""
    starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(part)]
    pieces = [part[a:b].strip(_SEPARATORS) for a, b in zip(starts, ends, strict=True)]
    return "-".join(piece for piece in pieces if piece and piece.lower() not in CONTAINERS)


def _label_unread(name: str, parts: Sequence[str]) -> str:
    found = _NUMBERED.fullmatch(_last(name))
    if found:
        return f"checkpoint {int(found[1])}"
    return "/".join(part for part in parts if part.lower() not in CONTAINERS) or name or UNNAMED


def _amount(tokens: float | None) -> str:
    """Tokens in a short unit: 16.78B."""
    assert tokens is not None
    unit = next((unit for unit in "tbmk" if tokens >= 10 ** _UNITS[unit]), "")
    return f"{tokens / 10 ** _UNITS[unit]:g}{unit.upper()}"


def _place(revision: Revision, first: str) -> tuple[Any, ...]:
    """Key by which checkpoints are sorted; those that cannot be read stay as they were given."""
    at = revision.step if revision.step is not None else number(revision)
    if at is None and revision.tokens is None:
        return (2, _natural(revision.name)) if is_without_step(revision) else (1,)
    stage = first if revision.stage is None else revision.stage
    return 0, _natural(stage), at is None, at if at is not None else revision.tokens, _natural(revision.name)


def _natural(text: str) -> list[tuple[str, int]]:
    """Key that sorts numbers within texts by their size."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", text)]


def _last(name: str) -> str:
    return name.replace("\\", "/").strip("/").rpartition("/")[2].lower()


def _by_prefix(table: Mapping[str, Value], repository: str) -> Value | None:
    if _OTHER_RATE.match(repository):
        return None
    return next((value for prefix, value in table.items() if repository.startswith(prefix)), None)
