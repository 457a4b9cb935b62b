"""One step of a schedule: the drift of the level Q, derived and drawn, and where it turns outwards."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from experiments.batch_schedules.shapes import CONFIG, Row, failed, population_of
from experiments.tables import Check, Found, check
from lintrans.minibatch import Batches, geometry
from lintrans.minibatch.walks import walk
from lintrans.two_factor import normal_form

MADE = ("interpolating", "label noise", "both")


def change_of_level(
    name: str, state: tuple[float, float], size: int, kappa: float, *, spread: float, seed: int
) -> np.ndarray:
    """Q' - Q of many steps of size kappa mu from one state, each by a batch of its own.

    ``spread`` stretches the deviations of the prompts from their mean; at 1 it is what training does.
    """
    n, mu = CONFIG["drift"]["n_draws"], CONFIG["drift"]["mu"]
    start = (np.full(n, x) for x in (mu, *state))
    _, ends = walk(
        spread * population_of(name).for_kernels(),
        *start,
        batches=Batches(size, n_steps=1, seed=seed, schedule=[kappa]),
    )
    return normal_form.ellipse_level(mu, *ends) - normal_form.ellipse_level(mu, *state)


def on_ellipse() -> list[tuple[float, float]]:
    """States (a, b) with Q = 0; at none of them r = 0."""
    mu = CONFIG["drift"]["mu"]
    return [
        (math.sqrt(2 + mu) * math.cos(x), math.sqrt(2 - mu) * math.sin(x)) for x in CONFIG["drift"]["angles"]
    ]


def derived_drift(name: str, state: tuple[float, float], size: int, kappa: float, power: float) -> float:
    """Claim minibatch.schedule; with another power than 2, noise that enters by kappa to that power."""
    mu, moments = CONFIG["drift"]["mu"], geometry.batch_moments(population_of(name), Batches(size))
    noise = geometry.residual_variance(mu, normal_form.residual(mu, *state), moments)
    wrong = (kappa**power - kappa**2) * noise * (1 + normal_form.ellipse_level(mu, *state))
    return float(geometry.level_drift(mu, *state, moments, part=kappa) + wrong)


def seeds() -> Iterator[int]:
    """Seeds, so that the deviations of different rows are independent."""
    return itertools.count(1000 * CONFIG["seed"])


def drift_rows(*, spread: float = 1.0, power: float = 2.0) -> Iterator[Row]:
    """The drift in states inside and on the ellipse; ``spread`` and ``power`` are controls."""
    c, seed = CONFIG["drift"], seeds()
    states = [tuple(state) for state in c["states"]] + on_ellipse()
    for name, size, state, kappa in itertools.product(MADE, c["batch_sizes"], states, c["kappas"]):
        moved = change_of_level(name, state, size, kappa, spread=spread, seed=next(seed))
        error = float(moved.std(ddof=1) / math.sqrt(moved.size))
        r = float(normal_form.residual(c["mu"], *state))
        level = round(float(normal_form.ellipse_level(c["mu"], *state)), 9) + 0.0  # no -0.00
        what = f"{name}, B = {size}, Q = {level:.2f}, r = {r:+.2f}, kappa = {kappa:g}"
        yield Row(what, derived_drift(name, state, size, kappa, power), float(moved.mean()), error)


def zero_rows(*, spread: float = 1.0) -> Iterator[Row]:
    """The kappa at which the drift of interpolating prompts on the ellipse changes its sign.

    There it is kappa r^2 ((1 + Var a_B) kappa - 1): over kappa a straight line, so that its zero is that of
    the line between two kappas, but for their statistical errors.
    """
    c, seed = CONFIG["drift"], itertools.count(2000 * CONFIG["seed"])
    for size, state in itertools.product(c["line_sizes"], on_ellipse()):
        kappas, values, errors = np.array(c["between"]), [], []
        for kappa in kappas:
            moved = change_of_level("interpolating", state, size, kappa, spread=spread, seed=next(seed))
            values.append(moved.mean() / kappa)
            errors.append(moved.std(ddof=1) / math.sqrt(moved.size) / kappa)
        (f, g), (df, dg), width = values, errors, kappas[1] - kappas[0]
        zero = kappas[0] - f * width / (g - f)
        error = width * math.hypot(g * df, f * dg) / (g - f) ** 2
        variance = geometry.batch_moments(population_of("interpolating"), Batches(size)).curvature
        r = float(normal_form.residual(c["mu"], *state))
        yield Row(f"zero of the drift, B = {size}, r = {r:+.2f}", 1 / (1 + variance), zero, error)


def report(found: Found) -> None:
    """The drift of Q and its zero beside what was drawn, and two controls that must fail."""
    options = found.options
    rows = [("drift", row) for row in drift_rows(spread=options.spread, power=options.power)]
    rows += [("zero", row) for row in zero_rows(spread=options.spread)]
    table = found.table(
        "drift", "drift of Q in one step, and kappa of its zero: derived, drawn, off in standard errors",
        part="<5", what="<58", derived="10.6f", drawn="10.6f", error="7.1e", z="5.2f", verdict="<7",
    )  # fmt: skip
    for part, row in rows:
        table.row(
            part=part, what=row.what, derived=row.derived, drawn=row.measured, error=row.error, z=row.z,
            verdict="FAIL" if failed(row) else "",
        )  # fmt: skip
    kept = found.table(
        "controls", "controls: noise by kappa, not kappa^2; prompts mis-scaled",
        control="<10", value="5g", rows="4", fail="4",
    )  # fmt: skip
    for name, wrong in CONFIG["drift"]["controls"].items():
        bad = [failed(row) for row in drift_rows(**{name: wrong})]
        kept.row(control=name, value=wrong, rows=len(bad), fail=sum(bad))


def claims(found: Found) -> Iterator[Check]:
    table = found["drift"]
    for part in ("drift", "zero"):
        rows = table.at(part=part)
        yield check(
            f"one step, {part}: rows that fail, of {len(rows)}", (rows["verdict"] == "FAIL").sum(), equals=0
        )
    z = table["z"][table["error"] > 0]
    yield check(
        f"rms of {z.size} deviations in standard errors", np.sqrt(np.mean(z**2)), at_least=0.7, at_most=1.4
    )
    for name, n in CONFIG["drift"]["noticed"].items():
        fail = found["controls"].at(control=name)["fail"].item()
        yield check(f"control, wrong {name}: rows that fail", fail, at_least=n)
