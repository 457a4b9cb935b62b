"""Figures: a result in, a Matplotlib figure out. The only room that imports Matplotlib.

Figures are one journal column wide (3.5 inches), coloured after the palette of Okabe and Ito, with the
lightness moved so that regimes can be told apart in grey too: they lie at least 8 apart in CIE L*.
Dense layers are rasterised: PDF and SVG stay small.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from lintrans.basins import BasinMap
from lintrans.continuation import CycleBranches
from lintrans.cycles import CycleTable
from lintrans.densities import InvariantDensity
from lintrans.dimension import BoundaryDimension
from lintrans.errors import InputError
from lintrans.exponents import LyapunovExponents
from lintrans.minibatch.escapes import EscapeTimes
from lintrans.minibatch.risk import RiskMap
from lintrans.minibatch.verification import BatchVerification
from lintrans.orbits import BifurcationDiagram, Orbit
from lintrans.phase import PhaseDiagram
from lintrans.plotting.basins import draw_basin_map
from lintrans.plotting.batches import draw_batch_verification, draw_escape_times, draw_risk_map
from lintrans.plotting.cycles import draw_branches, draw_cycles
from lintrans.plotting.diagrams import draw_bifurcation, draw_lyapunov, draw_phase_diagram
from lintrans.plotting.dimension import draw_dimension
from lintrans.plotting.distributions import draw_density, draw_exponent_windows
from lintrans.plotting.runs import draw_orbit, draw_verification
from lintrans.plotting.style import STYLE
from lintrans.results import Result
from lintrans.spectra import ExponentWindows
from lintrans.store import replacing
from lintrans.verification import Verification

FORMATS = (".png", ".pdf", ".svg")


def plot(result: Result, *, variable: str | None = None) -> Figure:
    """Draw any result as a figure.

    Parameters
    ----------
    result
        What a function of this package or `lintrans.load` returned.
    variable
        Of a bifurcation diagram: "uv" (default), "a" or "loss". Of a basin map: "regime", "steps",
        "sharpness" (default below mu = 1) or "branch" (default up to crisis). Of branches of cycles: "uv"
        (default) or "a". Of a map of risks: "left" (default) or "diverged".

    Raises
    ------
    InputError
        If there is no figure for the kind, or no such variable.
    """
    draw = _DRAW.get(result.kind)
    if draw is None:
        raise InputError(f"result must be of a kind with a figure, got {result.kind}; see plotting.plot")
    if variable is not None and result.kind not in _WITH_VARIABLES:
        raise InputError(
            f"variable needs a bifurcation diagram, a basin map, branches of cycles or a map of risks, got "
            f"{variable!r} for {result.kind}; leave it out"
        )
    with rc_context(STYLE):
        return draw(result) if variable is None else draw(result, variable)


def save_figure(figure: Figure, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a figure as PNG, PDF or SVG, by the ending of ``path``; whole or not at all.

    Raises
    ------
    InputError
        If the ending is another one, or as `lintrans.store.check_output`.
    """
    check_figure_path(path)
    metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(Path(path).suffix)
    with rc_context(STYLE), replacing(path, force=force) as part:
        figure.savefig(part, dpi=300, metadata=metadata)
    return Path(path)


def check_figure_path(path: str | os.PathLike[str]) -> None:
    """Check the ending of a figure's file name."""
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        raise InputError(
            f"figure must end in one of {', '.join(FORMATS)}, got {str(path)!r}; change the ending"
        )


_DRAW: dict[str, Callable[..., Figure]] = {
    PhaseDiagram.kind: draw_phase_diagram,
    BifurcationDiagram.kind: draw_bifurcation,
    LyapunovExponents.kind: draw_lyapunov,
    BasinMap.kind: draw_basin_map,
    CycleTable.kind: draw_cycles,
    CycleBranches.kind: draw_branches,
    BoundaryDimension.kind: draw_dimension,
    ExponentWindows.kind: draw_exponent_windows,
    InvariantDensity.kind: draw_density,
    Orbit.kind: draw_orbit,
    Verification.kind: draw_verification,
    EscapeTimes.kind: draw_escape_times,
    RiskMap.kind: draw_risk_map,
    BatchVerification.kind: draw_batch_verification,
}
_WITH_VARIABLES = (BifurcationDiagram.kind, BasinMap.kind, CycleBranches.kind, RiskMap.kind)
