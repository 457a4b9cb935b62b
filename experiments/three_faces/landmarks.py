"""Closed forms of the landmarks on the balanced slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from experiments.three_faces import descent
from experiments.three_faces.closed_form import CONFIG, ClosedForm, Measured
from experiments.three_faces.cycles import two_cycle_multiplier
from experiments.three_faces.descent import (
    NEARLY,
    OFF,
    ROUNDING,
    SECOND_ORDER,
    any_escapes,
    bisect,
    fractions,
    grows_away,
    train,
)
from lintrans.symbolic import landmarks as exact_landmarks
from lintrans.two_factor import balanced_slice


@cache
def landmark(name: str) -> Any:
    return exact_landmarks.landmarks()[name].mu


def on_landmark(name: str, claim: str, measure: Callable[[], Measured]) -> ClosedForm:
    return ClosedForm(
        f"landmark {name}",
        claim,
        "balanced_slice.landmarks",
        "",
        ((),),
        lambda: landmark(name),
        lambda: balanced_slice.landmarks()[name].mu,
        measure,
    )


def loss_rises():
    """mu above which the loss rises in the first step from some balanced start."""

    def rises(mu):
        u = math.sqrt(1 + 2 / mu) * fractions()
        after = np.prod(descent.step_uv(mu, u, u), axis=0)
        return bool((np.abs(after - 1) > np.abs(u * u - 1) * (1 + 1e-12)).any())

    return Measured(bisect(rises, 0.5, 1.2), 1e-8, SECOND_ORDER)


def minimum_repels():
    def grows(mu):
        return grows_away(train(mu, 1 + OFF, 1 + OFF)[2])

    return Measured(bisect(grows, 0.5, 1.5), 1e-7, NEARLY)


def two_cycle_doubles():
    def flips(mu):
        return two_cycle_multiplier(mu, across=False).value < -1

    return Measured(bisect(flips, 1.1, 1.4, 30), 2e-9, "the multiplier is measured to 2e-8, its slope is -9")


def bands_touch():
    """mu above which residuals of the critical orbit no longer alternate in sign."""

    def mixes(mu):
        u = math.sqrt((1 + mu) / 3 / mu)
        side = np.sign(train(mu, u, u)[2])
        return bool((side[1:] == side[:-1]).any())

    return Measured(bisect(mixes, 1.3, 1.45), 2e-14, ROUNDING)


def three_cycle_is_found():
    """mu above which the critical orbit settles on period 3."""

    def settles(mu):
        a, tail = math.sqrt((1 + mu) / 3), []
        for i in range(CONFIG["n_average"]):
            if i % 3 == 0 and i > 0.7 * CONFIG["n_average"]:
                tail.append(a)
            a, _ = descent.step_modes(mu, a, 0.0)
        return float(np.ptp(np.abs(tail))) < 1e-2

    return Measured(bisect(settles, 1.449, 1.452, 25), 1e-7, "passages below it last 1/sqrt(distance) steps")


def weights_change_sign():
    def changes(mu):
        a = math.sqrt(1 + mu) * fractions()
        for _ in range(2):
            a, _ = descent.step_modes(mu, a, 0.0)
        return bool((a < 0).any())

    return Measured(bisect(changes, 1.3, 1.9), 2e-8, SECOND_ORDER)


def balanced_starts_escape():
    def lost(mu):
        u = 0.999 * math.sqrt(1 + 2 / mu) * fractions()
        return any_escapes(mu, u, u, 60)

    return Measured(bisect(lost, 1.5, 2.5), 2e-8, SECOND_ORDER)


FORMS = [
    on_landmark("monotone", "slice.monotone", loss_rises),
    on_landmark("stable", "slice.stability", minimum_repels),
    on_landmark("period_4", "slice.doubling", two_cycle_doubles),
    on_landmark("band_merging", "landmarks.band_merging", bands_touch),
    on_landmark("period_3", "landmarks.period_3", three_cycle_is_found),
    on_landmark("crisis", "slice.crisis", weights_change_sign),
    on_landmark("chebyshev", "slice.bounded", balanced_starts_escape),
]
