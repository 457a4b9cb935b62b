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
from lintrans.two_factor.normal_form import critical_mu
from lintrans.two_factor.palette import COLORS
from lintrans.two_factor.reduction import Mode, NormalForm, critical_step_sizes, reduce

FOLDER = Path(__file__).parent
TITLE = "Explorer of large-step training"
MU = 1.5  # chaotic
START = (0.4, 0.4)
VALUE, SCALE = 0.1, 0.1  # of the initial weights, as on the command line
SEED = 0  # of these, and of the population that mini-batches are drawn from
N_PROMPTS = 200
MAX_PROMPT_NUMBERS = 90_000  # 0.96 MB of the 1.5 that a page may have


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
        Learning rate, or effective step size, at which the page begins; mu = 1.5 if neither is given.
    value, key_query
        Initial weights w and W of the prompt; those of `lintrans.initial_weights` if they are not given.
    start
        Start (u, v) at which the page begins; the initial weights, or (0.4, 0.4) without a prompt.
    target
        What the labels are called.
    options
        Words of a command line that describe the prompt, quoted for a shell: ``data`` and ``weights``.

    Returns
    -------
    Page
        Its ``data`` are

        - ``version``: of this package;
        - ``landmarks``: a list of ``name``, ``mu``, ``exact``, ``meaning``, ascending;
        - ``palette``: colour by the label of a regime;
        - ``normals``: (2, 200) array, from which `Population.sampled` makes 200 prompts with seed 0;
        - ``start``: ``mu``, ``u``, ``v`` at which the page begins;

        and about a prompt

        - ``prompt``: ``contextInputs`` (n, d), ``contextLabels`` (n,), ``query`` (d,), ``queryLabel``,
          ``features``, ``target``, ``dataName``, ``n``, ``d`` and ``tooLarge``: None, or a sentence that says
          why the page has neither the context nor the weights, which are None then;
        - ``weights``: ``value`` w, ``keyQuery`` W (d, d), and ``u``, ``v`` to which they project;
        - ``mode``: ``contextDirection``, ``queryDirection`` (d,), ``weightUnit``, ``labelSign``,
          ``unitStepSize``, and ``frozen`` (d, d), the part of W that training does not change;
        - ``stepSize``, ``criticalStepSizes`` by landmark, and ``boundedStepSize``, up to which training from
          the initial weights stays bounded;
        - ``options``: as passed.

    Raises
    ------
    InputError
        If both step sizes are given, one is not positive, or the prompt cannot be reduced; without a prompt,
        if something is given that needs one.

    Examples
    --------
    >>> explorer_page(mu=1.2).data["start"]
    {'mu': 1.2, 'u': 0.4, 'v': 0.4}
    """
    if step_size is not None and mu is not None:
        raise InputError(f"step_size and mu must not both be given, got {step_size} and {mu}; leave one out")
    if prompt is None:
        _require_no_prompt(step_size=step_size, value=value, key_query=key_query)
        return _page((_mu(mu), *_checked(START if start is None else start)), {})
    eta = _mu(mu) * Mode.of(prompt).unit_step_size if step_size is None else step_size
    weights = _weights(prompt.d, value, key_query)
    nf = reduce(prompt, step_size=eta, value=weights.value, key_query=weights.key_query)
    begin = (_mu(mu) if step_size is None else nf.mu, *((nf.u, nf.v) if start is None else _checked(start)))
    return _page(begin, {**_about(prompt, weights, nf, target), "options": dict(options or {})})


def _page(begin: tuple[float, float, float], about: dict[str, Any]) -> Page:
    data = {
        "version": versions(())["lintrans"],
        "landmarks": [
            {name: getattr(mark, name) for name in ("name", "mu", "exact", "meaning")}
            for mark in landmarks().values()
        ],
        "palette": {regime.label: color for regime, color in COLORS.items()},
        "normals": np.random.default_rng(SEED).standard_normal((2, N_PROMPTS)),
        "start": dict(zip(("mu", "u", "v"), begin, strict=True)),
        **about,
    }
    modules = FOLDER / "modules"
    return Page(TITLE, modules / "explorer.js", (FOLDER / "explorer.css",), modules / "worker.js", data=data)


def _weights(d: int, value: float | None, key_query: ArrayLike | None) -> TwoFactorWeights:
    """Initial weights: what is given, and the rest as the command line draws it."""
    drawn = initial_weights(d, value=VALUE, scale=SCALE, seed=SEED)
    return TwoFactorWeights(
        drawn.value if value is None else value,
        drawn.key_query if key_query is None else np.asarray(key_query),
    )


def _about(prompt: Prompt, weights: TwoFactorWeights, nf: NormalForm, target: str) -> dict[str, Any]:
    """What the page knows of a prompt and its weights."""
    mode, too_large = nf.mode, _too_large(prompt)
    return {
        "prompt": {
            "contextInputs": None if too_large else prompt.context,
            "contextLabels": None if too_large else prompt.labels,
            "query": prompt.query,
            "queryLabel": prompt.query_label,
            "features": _feature_names(prompt),
            "target": target,
            "dataName": prompt.source,
            "n": prompt.n,
            "d": prompt.d,
            "tooLarge": too_large,
        },
        "weights": {
            "value": weights.value,
            "keyQuery": None if too_large else weights.key_query,
            "u": nf.u,
            "v": nf.v,
        },
        "mode": {
            "contextDirection": mode.context_direction,
            "queryDirection": mode.query_direction,
            "weightUnit": mode.weight_unit,
            "labelSign": mode.label_sign,
            "unitStepSize": mode.unit_step_size,
            "frozen": None if too_large else nf.frozen,
        },
        "stepSize": nf.step_size,
        "criticalStepSizes": critical_step_sizes(prompt),
        "boundedStepSize": float(critical_mu(nf.u, nf.v)) * mode.unit_step_size,
    }


def _too_large(prompt: Prompt) -> str | None:
    """Say why a page has no room for a prompt; None if it has."""
    numbers = prompt.n * (prompt.d + 1) + 2 * prompt.d**2
    if numbers <= MAX_PROMPT_NUMBERS:
        return None
    return (
        f"The page leaves out the context and the weights: they are {numbers} numbers, and it has room for "
        f"{MAX_PROMPT_NUMBERS}. Learning rates, orbits and verdicts are those of the prompt."
    )


def _feature_names(prompt: Prompt) -> list[str]:
    if prompt.preprocessing is None:
        return [f"x{j}" for j in range(prompt.d)]
    return list(prompt.preprocessing.feature_names)


def _require_no_prompt(**given: Any) -> None:
    for name, value in given.items():
        if value is not None:
            raise InputError(f"{name} needs a prompt, got {value!r} without one; leave it out, or pass mu")


def _mu(given: float | None) -> float:
    return positive("mu", MU if given is None else given)


def _checked(start: tuple[float, float]) -> tuple[float, float]:
    u, v = start
    return finite("start u", u), finite("start v", v)
