"""Variants of gradient descent that every orbit can be followed under: weight decay, momentum, schedules.

In normal form, with the displacement of the last step and the relative step size s_t,

    u' = u - s_t mu (v (uv - 1) + weight_decay u) + momentum (u - u_last),   likewise v:

Polyak's heavy ball on the loss plus (lambda / 2)(w^2 + |W|^2), lambda = weight_decay h |y_q|. The reduction
stays exact: the parts of W that the loss does not see decay by themselves. The closed forms of the plain map
do not carry over, except that without decay and momentum a start that `normal_form.is_certified` stays
bounded under every schedule. With weight decay the minima shrink to the two points u = v = +-sqrt(1 -
weight_decay), or to the origin from 1 on; momentum moves the edge of stability from mu (u^2 + v^2) = 2 to
2 (1 + momentum). Derived in theory/07_schedules.py. Claims variants.reduction, variants.normal_form,
variants.minima and variants.heavy_ball.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lintrans.errors import InputError, finite, step_schedule


class Variant(NamedTuple):
    """What is added to plain gradient descent.

    Attributes
    ----------
    weight_decay : float
        Not negative, in units of h |y_q|, as mu is the step size in units of its inverse: a step shrinks the
        weights by mu times this, eta lambda. Of a prompt: lambda times `Mode.unit_step_size`.
    momentum : float
        From 0 to below 1.
    schedule : tuple of float
        Step sizes over mu, by step, not negative; the last goes on for ever.
    """

    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: Sequence[float] = (1.0,)


def checked(variant: Variant | None) -> Variant | None:
    """Check a variant; None if it is the plain map.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if variant is None:
        return None
    decay, momentum, schedule = variant
    decay, momentum = finite("weight_decay", decay), finite("momentum", momentum)
    if decay < 0:
        raise InputError(f"weight_decay must not be negative, got {decay:g}; pass 0 or more")
    if not 0 <= momentum < 1:
        raise InputError(f"momentum must lie between 0 and 1, below 1, got {momentum:g}; e.g. 0.9")
    found = Variant(decay, momentum, tuple(step_schedule(schedule).tolist()))
    return None if found == Variant() else found


def settings(variant: Variant | None) -> dict[str, Any]:
    """Return a variant as a setting of a result; None is the plain map."""
    return {"variant": None if variant is None else Variant(*variant)._asdict()}


def is_varied(settings: dict[str, Any]) -> bool:
    """Whether the settings of a result are those of a variant; files of version 0.1 may not have this one."""
    return settings.get("variant") is not None


def for_kernels(variant: Variant | None) -> tuple[float, float, NDArray[np.float64]] | None:
    """Return a checked variant as the compiled loops take it; fields may come from a file."""
    if variant is None:
        return None
    decay, momentum, schedule = variant
    return float(decay), float(momentum), np.array(schedule, dtype=np.float64)
