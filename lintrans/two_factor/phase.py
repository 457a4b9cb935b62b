"""Phase diagrams: the regime of every cell of a grid, with the evidence for it.

The first axis is mu (or the learning rate, which is proportional to it); the second is a family of
starts, a single one for a diagram in one parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, count, increasing, settle, short
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.grid import Arrays, Progress, compute, takes
from lintrans.sweeps.refinement import UNKNOWN, refine
from lintrans.sweeps.results import Result, axis, categories, on
from lintrans.two_factor import normal_form
from lintrans.two_factor.balanced_slice import landmarks
from lintrans.two_factor.defaults import MAX_PERIOD, N_STEPS, N_TRANSIENT
from lintrans.two_factor.mu_sweep import MuSweep, mu_axis
from lintrans.two_factor.regimes import (
    Counts,
    Evidence,
    Regime,
    classify,
    count_regimes,
    measure,
    shares,
)

FloatArray = NDArray[np.float64]
START_AXES = ("scale", "imbalance")
MAX_STRIDE = 1024
REFINED_SIDE = 512  # of a tile: a whole number of boxes, unless they are larger


class Source(IntEnum):
    """Where the verdict on a cell of a refined diagram comes from; the number is the code stored."""

    FILLED = 0  #: the computed cells around it agree
    COMPUTED = 1  #: its orbit was measured
    PROVED = 2  #: the closed form of the divergence boundary, for almost every start

    @property
    def label(self) -> str:
        """Lower-case name, as printed and stored."""
        return self.name.lower()


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseDiagram(Result):
    """Regimes over (mu, start), and what was measured of each cell.

    ``settings["start_axis"]`` tells what the coordinates of the axis ``start`` are: the factor by
    which the start was scaled ("scale"), or u^2 - v^2 at constant uv ("imbalance"). Without ``evidence`` a
    cell takes one byte, not 161. A refined diagram has ``source``: which verdicts were computed, which
    follow from a closed form, and which were filled in between equal ones.
    """

    kind: ClassVar[str] = "phase_diagram"

    mu: FloatArray = axis("effective step size")
    start: FloatArray = axis("scale or imbalance of the start; see settings")
    regime: NDArray[np.uint8] = categories("mu", "start", name="regime", labels=[r.label for r in Regime])
    source: NDArray[np.uint8] | None = categories(
        "mu", "start", name="source", labels=[s.label for s in Source], optional=True
    )
    evidence: Evidence | None = on("mu", "start", parts=Evidence, optional=True)
    step_size: FloatArray | None = on("mu", text="learning rate", optional=True)

    def check(self) -> None:
        """Refuse an unknown second axis."""
        if self.settings.get("start_axis") not in START_AXES:
            given = self.settings.get("start_axis")
            raise InputError(
                f"start_axis must be one of {', '.join(START_AXES)}, got {short(given)}; upgrade lintrans"
            )

    def starts(self, rows: slice, columns: slice) -> tuple[FloatArray, FloatArray]:
        """Return the starts (u, v) of a part of the grid, each of its shape."""
        _, u, v = mu_axis(self.mu[rows], self.settings.get("start"))
        return _family(self.settings["start_axis"], self.start[columns], u[:, None], v[:, None])

    def summary(self) -> dict[str, Any]:
        """Cells of every regime."""
        return {"counts": self.count()}

    def answer(self) -> dict[str, Any]:
        """Cells by regime and by source; the boundaries, if there is a single start."""
        boundaries = self.boundaries() if self.start.size == 1 else []
        return {"counts": self.count(), "sources": self.count_sources(), "boundaries": boundaries}

    def lines(self) -> list[tuple[str, ...]]:
        """Cells of every regime; of a refined diagram also by source."""
        sources = {} if self.source is None else self.count_sources()
        return [*shares(self.count()), *shares(sources)]

    def count(self) -> dict[str, int]:
        """Cells of every regime that occurs."""
        return count_regimes(self.regime)

    def count_sources(self) -> dict[str, int]:
        """Cells by where their verdicts come from; all of them computed, unless the diagram is refined."""
        if self.source is None:
            return {Source.COMPUTED.label: self.regime.size}
        return {s.label: int((self.source == s).sum()) for s in Source}

    def ranges(self, regime: Regime) -> list[tuple[float, float]]:
        """Ranges of mu, first to last grid point, in which some start has the regime."""
        inside = np.concatenate([[False], (self.regime == regime).any(axis=1), [False]])
        edges = np.flatnonzero(np.diff(inside.astype(np.int8)))
        return [(float(self.mu[i]), float(self.mu[j - 1])) for i, j in edges.reshape(-1, 2)]

    def boundaries(self, column: int = 0) -> list[dict[str, float | str | None]]:
        """Changes of regime along mu for one start, that of a ``column``.

        ``mu`` is the closed form where one is known and lies between the two grid points, or between those
        around a stretch without a verdict; ``closed_form`` is then its name: "critical_mu", beyond which
        almost every start diverges, or a landmark of the balanced slice. Else ``mu`` is half way between the
        grid points. ``step_size`` is the learning rate there.
        """
        codes, found = self.regime[:, column], []
        changes = [int(i) for i in np.flatnonzero(np.diff(codes))]
        while changes:
            first = changes.pop(0)
            last = changes[0] if changes and codes[first + 1] == Regime.UNRESOLVED else first
            known = self._closed_form(first, last + 1, column)
            if known and last > first:
                changes.pop(0)
            name, mu = known or (None, float(self.mu[first] + self.mu[first + 1]) / 2)
            rate = None if self.step_size is None else mu * float(self.step_size[first] / self.mu[first])
            after = codes[last + 1] if known else codes[first + 1]
            change = {"from": Regime(int(codes[first])).label, "to": Regime(int(after)).label}
            found.append({"mu": mu, "step_size": rate, "closed_form": name, **change})
        return found

    def _closed_form(self, row: int, after_row: int, column: int) -> tuple[str, float] | None:
        """Name and value of mu at which the change between two rows lies, if it is known and there."""
        before, after = (Regime(int(self.regime[i, column])) for i in (row, after_row))
        marks, converging = landmarks(), (Regime.MONOTONE, Regime.CATAPULT)
        if after is Regime.DIVERGENT:
            u, v = self.starts(slice(after_row, after_row + 1), slice(column, column + 1))
            name, value = "critical_mu", float(normal_form.critical_mu(u, v)[0, 0])
        elif before in converging and after in (Regime.PERIODIC, Regime.CHAOTIC):
            name, value = "stable", marks["stable"].mu
        elif (before, after) == (Regime.PERIODIC, Regime.CHAOTIC):
            name, value = "accumulation", marks["accumulation"].mu
        elif (before, after) == converging and self.settings.get("start") is None:  # the probe start
            name, value = "monotone", marks["monotone"].mu
        else:
            return None
        return (name, value) if self.mu[row] <= value <= self.mu[after_row] else None


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseSweep(MuSweep):
    """The cells of a phase diagram, over mu or over mu and a family of starts.

    Parameters
    ----------
    mus, start, unit_step_size
        As in `MuSweep`. From the default start the loss rises as soon as it rises from any bounded balanced
        start.
    scales
        Second axis: factors on both u and v, increasing. A prompt's initial weights all scale so.
    imbalances
        Second axis instead: values of u^2 - v^2, increasing, at the same uv as ``start``.
    n_transient, n_steps, max_period
        As in `lintrans.two_factor.gather_evidence`.
    verdicts_only
        Leave the evidence out of the result.
    refine_from
        Compute every Nth cell along each axis first, with N a power of 2, and the others only where verdicts
        differ (`lintrans.sweeps.refine`); verdicts only. Divergence beyond the invariant ellipse, where
        almost every start diverges, is taken from its closed form. A feature narrower than N cells in both
        directions can be missed. Experiment of record: experiments/refinement.

    Raises
    ------
    InputError
        If an axis is not increasing, mus are not positive, or both second axes are given.
    """

    result = PhaseDiagram

    scales: ArrayLike | None = None
    imbalances: ArrayLike | None = None
    n_transient: int = N_TRANSIENT
    n_steps: int = N_STEPS
    max_period: int = MAX_PERIOD
    verdicts_only: bool = False
    refine_from: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scales is not None and self.imbalances is not None:
            raise InputError("scales and imbalances must not both be given, got two second axes; choose one")
        for name in ("scales", "imbalances"):
            if getattr(self, name) is not None:
                settle(self, **{name: increasing(name, getattr(self, name)).copy()})
        refined = None if self.refine_from is None else _stride(self.refine_from)
        settle(self, refine_from=refined, verdicts_only=bool(self.verdicts_only) or refined is not None)
        _ = self.counts  # checks them

    @property
    def start_axis(self) -> str:
        """What the coordinates of the second axis are."""
        return START_AXES[self.imbalances is not None]

    @property
    def family(self) -> FloatArray:
        """Coordinates of the second axis; the start of the first has (u, v) there."""
        given = self.scales if self.imbalances is None else self.imbalances
        return np.asarray((1.0,) if given is None else given, dtype=np.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        """Values of mu, and starts at each."""
        return self.mu.size, self.family.size

    @property
    def counts(self) -> Counts:
        """Steps of every cell, rounded up."""
        return Counts.checked(self.n_transient, self.n_steps, self.max_period)

    @property
    def steps_per_cell(self) -> int:
        """Steps of one orbit."""
        return self.counts.total

    def axes(self) -> Arrays:
        """Values of mu and of the second axis, and learning rates if there is a prompt."""
        return super().axes() | {"start": self.family}

    def settings(self) -> dict[str, Any]:
        """Return the arguments of `lintrans.phase_diagram`."""
        names = (
            "start",
            "start_axis",
            "n_transient",
            "n_steps",
            "max_period",
            "verdicts_only",
            "refine_from",
        )
        return {name: getattr(self, name) for name in names}

    def tally(self, arrays: Arrays) -> dict[str, int]:
        """Cells by regime."""
        return count_regimes(arrays["regime"])

    @property
    def tile_shape(self) -> tuple[int, ...]:
        """Sides of a tile; of a refined one larger, for boxes to fit in."""
        return super().tile_shape if self.refine_from is None else _refined_shape(self.shape)

    def compute(self, *place: slice) -> Arrays:
        """Evidence and verdicts on a rectangle of the grid."""
        rows, columns = place
        mu, u, v = (x[:, None] for x in self.starts(rows))
        us, vs = _family(self.start_axis, self.family[columns], u, v)
        mus = np.broadcast_to(mu, us.shape)
        if self.refine_from is not None:
            return self._refined(mus, us, vs, self.refine_from)
        evidence = self._measured(mus.flatten(), us.ravel(), vs.ravel())
        regime = classify(mus.ravel(), evidence)
        arrays: Arrays = {"regime": regime} | ({} if self.verdicts_only else vars(evidence))
        return {name: x.reshape(us.shape) for name, x in arrays.items()}

    def _measured(self, mu: FloatArray, u: FloatArray, v: FloatArray) -> Evidence:
        return measure(mu, *normal_form.to_modes(mu, u, v), self.counts)

    def _refined(self, mus: FloatArray, us: FloatArray, vs: FloatArray, stride: int) -> Arrays:
        """Verdicts, computed only where they are neither proved nor equal all around."""

        def verdicts(wanted: NDArray[np.bool_]) -> NDArray[np.uint8]:
            mu = mus[wanted]
            return classify(mu, self._measured(mu, us[wanted], vs[wanted]))

        # Almost every start: those for which rounding decides, on a minimum or on u = -v, are computed.
        outside = (mus > normal_form.critical_mu(us, vs)) & (mus < 2) & (us * vs != 1) & (us != -vs)
        known = np.where(outside, np.uint8(Regime.DIVERGENT), np.uint8(UNKNOWN))
        regime, computed = refine(known, stride, verdicts)
        sources = [Source.PROVED, Source.COMPUTED]
        source = np.select([outside, computed], [int(s) for s in sources], Source.FILLED).astype(np.uint8)
        return {"regime": regime, "source": source}

    def left_out(self) -> set[str]:
        """Evidence, if only verdicts are wanted; sources, if all are computed; rates, without a prompt."""
        absent = {"evidence": self.verdicts_only, "source": self.refine_from is None}
        return super().left_out() | {name for name, is_absent in absent.items() if is_absent}


@takes(PhaseSweep)
def phase_diagram(
    *args: Any, n_threads: int | None = None, progress: Progress | None = None, **options: Any
) -> PhaseDiagram:
    """Regime of training over mu, or over mu and a family of starts.

    Arguments are those of `lintrans.two_factor.PhaseSweep`, and n_threads and progress as in
    `lintrans.two_factor.gather_evidence`.

    Raises
    ------
    InputError
        If an argument is out of range, or the grid does not fit in memory.

    Examples
    --------
    >>> phase_diagram([0.5, 0.9, 1.1, 2.1]).count()
    {'monotone': 1, 'catapult': 1, 'periodic': 1, 'divergent': 1}
    """
    sweep = PhaseSweep(*args, **options)
    result: PhaseDiagram = compute(sweep, executor=Threads(n_threads), progress=progress)
    return result


def _stride(refine_from: int) -> int:
    """Check the stride a refinement begins with."""
    stride = count("refine_from", refine_from, minimum=2, maximum=MAX_STRIDE)
    if stride & (stride - 1):
        raise InputError(
            f"refine_from must be a power of 2, got {stride}; pass {1 << stride.bit_length() - 1}"
        )
    return stride


def _refined_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Sides of the tiles of a refined diagram: as near to a square as its shape allows."""
    n_mu, n_starts = shape
    columns = min(n_starts, max(REFINED_SIDE, REFINED_SIDE**2 // n_mu))
    return REFINED_SIDE**2 // columns, columns


def _family(name: str, values: FloatArray, u: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Starts (u, v) of shape (n_mu, n_start) along the second axis."""
    if name == "scale":
        return u * values, v * values
    product = u * v
    larger = np.sqrt((np.hypot(values, 2 * product) + np.abs(values)) / 2)  # no cancellation
    smaller = np.divide(np.abs(product), larger, out=np.zeros_like(larger), where=larger > 0)
    new_u, new_v = np.where(values >= 0, (larger, smaller), (smaller, larger))
    return np.where(u < 0, -new_u, new_u), np.where(v < 0, -new_v, new_v)
