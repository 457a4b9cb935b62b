"""Figures: a result in, a Matplotlib figure out. The registry names the figure of every kind of result.

Figures are one journal column wide (3.5 inches), those of the sandbox two. Colours follow the palette of
Okabe and Ito, with lightness adjusted so that regimes also differ in grey: by at least 8 in CIE L*. Dense
layers are rasterised, so PDF and SVG files stay small.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from lintrans import registry
from lintrans.errors import InputError
from lintrans.plotting.style import STYLE
from lintrans.sweeps.results import Result
from lintrans.sweeps.store import replacing

FORMATS = (".png", ".pdf", ".svg")


def plot(result: Result, *, variable: str | None = None) -> Figure:
    """Draw any result as a figure.

    Parameters
    ----------
    result
        The result of a function of this package or of `lintrans.load`.
    variable
        Quantity to draw, if a figure offers a choice: for a bifurcation diagram "uv" (default), "a" or
        "loss"; of a basin map "regime", "steps", "sharpness" (default below mu = 1) or "branch" (default up
        to crisis); of branches of cycles "uv" (default) or "a"; for a risk map "left" (default) or
        "diverged".

    Raises
    ------
    InputError
        If there is no figure for the kind, or no such variable.
    """
    kind = registry.kinds().get(result.kind)
    if kind is None or not kind.figure:
        raise InputError(f"result must be of a kind with a figure, got {result.kind}; see plotting.plot")
    if variable is not None and variable not in kind.variables:
        rule, remedy = "be left out", "leave it out"
        if kind.variables:
            rule, remedy = f"be one of {', '.join(kind.variables)}", "pass one of these"
        raise InputError(f"variable must {rule} for {result.kind}, got {variable!r}; {remedy}")
    chosen: dict[str, Any] = {} if variable is None else {"variable": variable}
    draw = registry.find(kind.figure)
    with rc_context(STYLE):
        figure: Figure = draw(result, **chosen)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a figure as PNG, PDF or SVG, by the ending of ``path``; either completely or not at all.

    Raises
    ------
    InputError
        If the ending is another one, or as `lintrans.sweeps.check_output`.
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
