"""Phase diagrams: the regime of every cell of a grid, with the evidence for it.

The first axis is mu (or the learning rate, which is proportional to it); the second is a family of
starts, a single one for a diagram in one parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, increasing, short
from lintrans.regimes import MAX_PERIOD, N_STEPS, N_TRANSIENT, Evidence, Regime, classify, gather_evidence
from lintrans.results import Result, axis, on
from lintrans.sweeps import check_memory, mu_axis, step_sizes

FloatArray = NDArray[np.float64]
START_AXES = ("scale", "imbalance")


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseDiagram(Result):
    """Regimes over (mu, start), and what was measured of each cell.

    ``settings["start_axis"]`` tells what the coordinates of the axis ``start`` are: the factor by
    which the start was scaled ("scale"), or u^2 - v^2 at constant uv ("imbalance").
    """

    kind: ClassVar[str] = "phase_diagram"

    mu: FloatArray = axis("effective step size")
    start: FloatArray = axis("scale or imbalance of the start; see settings")
    regime: NDArray[np.uint8] = on(
        "mu", "start", text="regime: " + ", ".join(f"{r.value} {r.label}" for r in Regime)
    )
    evidence: Evidence = on("mu", "start", parts=Evidence)
    step_size: FloatArray | None = on("mu", text="learning rate", optional=True)

    def check(self) -> None:
        """Refuse an unknown regime or second axis."""
        if self.regime.max() >= len(Regime):
            raise InputError(f"regime must be below {len(Regime)}, got {self.regime.max()}; upgrade lintrans")
        if self.settings.get("start_axis") not in START_AXES:
            given = self.settings.get("start_axis")
            raise InputError(
                f"start_axis must be one of {', '.join(START_AXES)}, got {short(given)}; upgrade lintrans"
            )

    def count(self) -> dict[str, int]:
        """Cells of every regime that occurs."""
        numbers = {r.label: int((self.regime == r).sum()) for r in Regime}
        return {label: n for label, n in numbers.items() if n}

    def ranges(self, regime: Regime) -> list[tuple[float, float]]:
        """Ranges of mu, first to last grid point, in which some start has the regime."""
        inside = np.concatenate([[False], (self.regime == regime).any(axis=1), [False]])
        edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
        return [(float(self.mu[i]), float(self.mu[j - 1])) for i, j in edges.reshape(-1, 2)]

    def boundaries(self) -> list[dict[str, float | str | None]]:
        """Changes of regime along mu for a single start: mu half way, and the learning rate there."""
        if self.start.size > 1:
            return []
        codes = self.regime[:, 0]
        return [
            {
                "mu": float(self.mu[i] + self.mu[i + 1]) / 2,
                "step_size": None if self.step_size is None else float(self.step_size[i : i + 2].mean()),
                "from": Regime(int(codes[i])).label,
                "to": Regime(int(codes[i + 1])).label,
            }
            for i in np.flatnonzero(np.diff(codes))
        ]


def phase_diagram(
    mus: ArrayLike,
    *,
    start: tuple[float, float] | None = None,
    scales: ArrayLike | None = None,
    imbalances: ArrayLike | None = None,
    unit_step_size: float | None = None,
    n_transient: int = N_TRANSIENT,
    n_steps: int = N_STEPS,
    max_period: int = MAX_PERIOD,
    n_threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> PhaseDiagram:
    """Regime of training over mu, or over mu and a family of starts.

    Parameters
    ----------
    mus
        Effective step sizes, shape (n_mu,), increasing and positive.
    start
        (u, v) at every mu; `normal_form.probe_start` of each mu by default, from which the loss rises
        as soon as it rises from any bounded balanced start.
    scales
        Second axis: factors on both u and v, increasing. A prompt's initial weights all scale so.
    imbalances
        Second axis instead: values of u^2 - v^2, increasing, at the same uv as ``start``.
    unit_step_size
        Learning rate at mu = 1 (`reduce(...).mode.unit_step_size`): adds an axis of learning rates.
    n_transient, n_steps, max_period, n_threads, progress
        As in `lintrans.regimes.gather_evidence`.

    Raises
    ------
    InputError
        If an axis is not increasing, mus are not positive, or both second axes are given.

    Examples
    --------
    >>> phase_diagram([0.5, 0.9, 1.1, 2.1]).count()
    {'monotone': 1, 'catapult': 1, 'periodic': 1, 'divergent': 1}
    """
    if scales is not None and imbalances is not None:
        raise InputError("scales and imbalances must not both be given, got two second axes; choose one")
    grid, u, v = mu_axis(mus, start)
    rates = step_sizes(grid, unit_step_size)
    name = START_AXES[imbalances is not None]
    given = scales if imbalances is None else imbalances
    values = increasing(f"{name}s", (1.0,) if given is None else given)
    check_memory("the grid", grid.size * values.size * len(fields(Evidence)) * 8)
    us, vs = _family(name, values, u[:, None], v[:, None])
    cells = np.broadcast_to(grid[:, None], us.shape)
    evidence = gather_evidence(
        cells,
        us,
        vs,
        n_transient=n_transient,
        n_steps=n_steps,
        max_period=max_period,
        n_threads=n_threads,
        progress=progress,
    )
    return PhaseDiagram(
        mu=grid,
        start=values,
        regime=classify(cells, evidence),
        evidence=evidence,
        step_size=rates,
        settings={
            "start": start,
            "start_axis": name,
            "n_transient": n_transient,
            "n_steps": n_steps,
            "max_period": max_period,
        },
    )


def _family(name: str, values: FloatArray, u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Starts (u, v) of shape (n_mu, n_start) along the second axis."""
    if name == "scale":
        return u * values, v * values
    product = u * v
    larger = np.sqrt((np.hypot(values, 2 * product) + np.abs(values)) / 2)  # no cancellation
    smaller = np.divide(np.abs(product), larger, out=np.zeros_like(larger), where=larger > 0)
    new_u, new_v = np.where(values >= 0, (larger, smaller), (smaller, larger))
    return np.where(u < 0, -new_u, new_u), np.where(v < 0, -new_v, new_v)
