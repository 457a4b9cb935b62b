"""The page of the explorer: what Python knows, written for the browser.

Python reads the prompt, reduces it and draws the initial weights. Orbits, diagrams and verdicts are computed
in the browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lintrans.attention.transformer import TwoFactorWeights, initial_weights
from lintrans.errors import InputError, finite, positive
from lintrans.pages import Page
from lintrans.prompts.prompt import Prompt
from lintrans.sweeps.results import versions
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.palette import COLORS
from lintrans.two_factor.reduction import Mode, NormalForm, reduce

FOLDER = Path(__file__).parent
TITLE = "Explorer of large-step training"
MU = 0.9
START = (0.4, 0.4)
SHARP = (1.75, 0.6)  # a start next to a sharp minimum: at MU training is thrown to a flatter one
VALUE, SCALE = 0.1, 0.1  # of the initial weights, as on the command line
SEED = 0  # of these, and of the population that mini-batches are drawn from
N_PROMPTS = 200
MU_LIMITS = (1e-6, 4.0)  # of the controls, as in fields.js
START_LIMITS = (-100.0, 100.0)  # of u and of v
IN_RANGE = "pass a value in range"
SMALLER = "scale the data (--standardize --center), or pass a start (--start)"
MAX_PROMPT_NUMBERS = 90_000  # n (d + 1) + d^2: 0.96 MB of the 1.5 that a page may have


def explorer_page(
    prompt: Prompt | None = None,
    *,
    step_size: float | None = None,
    mu: float | None = None,
    value: float | None = None,
    key_query: ArrayLike | None = None,
    start: tuple[float, float] | None = None,
    target: str = "label",
    options: Mapping[str, str] | None = None,
) -> Page:
    """Return the explorer of the two-factor map as a page, in normal form or about a prompt.

    Parameters
    ----------
    prompt
        The prompt; its learning rates, its weights and full gradient descent are then on the page too.
    step_size, mu
        Learning rate, or effective step size, at which the page begins: mu from 1e-6 to 4, and 0.9 if neither
        is given.
    value, key_query
        Initial weights w and W of the prompt; those of `lintrans.initial_weights` if they are not given.
    start
        Start (u, v) at which the page begins, both from -100 to 100; that of the initial weights, or
        (0.4, 0.4) without a prompt, or (1.75, 0.6) if mu is left out too.
    target
        What the labels are called.
    options
        Words of a command line that describe the prompt, quoted for a shell: ``data`` and ``weights``.

    Returns
    -------
    Page
        Its ``data`` are

        - ``version``: of this package;
        - ``landmarks``: a list of ``name``, ``mu``, ``meaning``, ascending;
        - ``palette``: colour by the label of a regime;
        - ``normals``: (2, 200) array, from which `Population.sampled` makes 200 prompts with seed 0;
        - ``start``: ``mu``, ``u``, ``v`` at which the page begins;

        and about a prompt

        - ``prompt``: ``target``, ``dataName``, ``n``, ``d``; its rows ``contextInputs`` (n, d),
          ``contextLabels`` (n,), ``query`` (d,), ``queryLabel``; and ``tooLarge``: None, or a sentence that
          says why the page has neither rows nor weights, which are None then;
        - ``mode``: ``unitStepSize``, the learning rate of mu = 1, and for the weights at any u and v
          ``contextDirection``, ``queryDirection`` (d,), ``weightUnit``, ``labelSign`` and ``frozen`` (d, d),
          the part of W that training does not change;
        - ``stepSize`` at which the page begins;
        - ``options``: as passed.

    Raises
    ------
    InputError
        If both step sizes are given, one is not positive, mu or the start is beyond what the page can show,
        or the prompt cannot be reduced; without a prompt, if something is given that needs one.

    Examples
    --------
    >>> explorer_page(mu=1.2).data["start"]
    {'mu': 1.2, 'u': 0.4, 'v': 0.4}
    """
    if step_size is not None and mu is not None:
        raise InputError(f"step_size and mu must not both be given, got {step_size} and {mu}; leave one out")
    if prompt is None:
        _require_no_prompt(step_size=step_size, value=value, key_query=key_query)
        usual = SHARP if mu is None else START
        return _page((_mu(mu), *_start(usual if start is None else start)), {})
    eta = _mu(mu) * Mode.of(prompt).unit_step_size if step_size is None else step_size
    weights = _weights(prompt.d, value, key_query)
    nf = reduce(prompt, step_size=eta, value=weights.value, key_query=weights.key_query)
    begin = _mu(mu) if step_size is None else _mu_of(nf)
    place = _start((nf.u, nf.v), SMALLER) if start is None else _start(start)
    return _page((begin, *place), {**_about(prompt, nf, target), "options": dict(options or {})})


def _page(begin: tuple[float, float, float], about: dict[str, Any]) -> Page:
    data = {
        "version": versions(())["lintrans"],
        "landmarks": [
            {name: getattr(mark, name) for name in ("name", "mu", "meaning")} for mark in landmarks().values()
        ],
        "palette": {regime.label: color for regime, color in COLORS.items()},
        "normals": np.random.default_rng(SEED).standard_normal((2, N_PROMPTS)),
        "start": dict(zip(("mu", "u", "v"), begin, strict=True)),
        **about,
    }
    modules = FOLDER / "modules"
    files = modules / "explorer.js", (FOLDER / "explorer.css",), modules / "kernels/worker.js"
    return Page(TITLE, *files, data=data)


def _weights(d: int, value: float | None, key_query: ArrayLike | None) -> TwoFactorWeights:
    """Initial weights: what is given, and the rest as the command line draws it."""
    drawn = initial_weights(d, value=VALUE, scale=SCALE, seed=SEED)
    return TwoFactorWeights(
        drawn.value if value is None else value,
        drawn.key_query if key_query is None else np.asarray(key_query),
    )


def _about(prompt: Prompt, nf: NormalForm, target: str) -> dict[str, Any]:
    """What the page knows of a prompt and its weights."""
    mode, too_large = nf.mode, _too_large(prompt)
    rows = {
        "contextInputs": prompt.context,
        "contextLabels": prompt.labels,
        "query": prompt.query,
        "queryLabel": prompt.query_label,
    }
    weights = {
        "contextDirection": mode.context_direction,
        "queryDirection": mode.query_direction,
        "weightUnit": mode.weight_unit,
        "labelSign": mode.label_sign,
        "frozen": nf.frozen,
    }
    if too_large:
        rows, weights = (dict.fromkeys(whole) for whole in (rows, weights))
    named = {"target": target, "dataName": prompt.source, "n": prompt.n, "d": prompt.d}
    return {
        "prompt": {**rows, **named, "tooLarge": too_large},
        "mode": {"unitStepSize": mode.unit_step_size, **weights},
        "stepSize": nf.step_size,
    }


def _too_large(prompt: Prompt) -> str | None:
    """Say why a page has no room for a prompt; None if it has."""
    numbers = prompt.n * (prompt.d + 1) + prompt.d**2
    if numbers <= MAX_PROMPT_NUMBERS:
        return None
    return (
        f"The page leaves out the rows and the weights: they are {numbers} numbers, and it has room for "
        f"{MAX_PROMPT_NUMBERS}. Learning rates, orbits and verdicts are those of the prompt."
    )


def _require_no_prompt(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} needs a prompt, got {value!r} without one; leave it out, or pass mu")


def _mu(given: float | None) -> float:
    return _between("mu", positive("mu", MU if given is None else given), MU_LIMITS, IN_RANGE)


def _mu_of(nf: NormalForm) -> float:
    """Check the mu of a learning rate."""
    low, high = (mu * nf.mode.unit_step_size for mu in MU_LIMITS)
    return _between("the mu of step_size", nf.mu, MU_LIMITS, f"pass a step_size from {low:.3g} to {high:.3g}")


def _start(given: tuple[float, float], remedy: str = IN_RANGE) -> tuple[float, float]:
    u, v = (finite(f"start {name}", x) for name, x in zip("uv", given, strict=True))
    return _between("start u", u, START_LIMITS, remedy), _between("start v", v, START_LIMITS, remedy)


def _between(name: str, value: float, limits: tuple[float, float], remedy: str) -> float:
    """Refuse what the controls of the page cannot show."""
    low, high = limits
    if not low <= value <= high:
        raise InputError(f"{name} must lie between {low:g} and {high:g} on a page, got {value:g}; {remedy}")
    return value
