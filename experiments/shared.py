"""What several experiments need: the example prompt, and the frame of a figure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import lintrans as lt

SMALL = {"font.size": 8, "axes.linewidth": 0.6, "mathtext.fontset": "cm"}  # of a figure in print


def example_prompt(data: dict[str, Any]) -> lt.Prompt:
    """The first patients of the diabetes data; the query is the patient after them."""
    n = data["context"]
    options = {name: value for name, value in data.items() if name != "context"}
    return lt.Prompt.from_csv(lt.example_data(), context=slice(0, n), query=n, **options)


@contextmanager
def panels(
    path: Path, *shape: int, dpi: int = 220, style: dict[str, Any] = SMALL, **options: Any
) -> Iterator[Any]:
    """Axes of a figure that is saved at the end; with ``style`` they are lettered."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    with mpl.rc_context(style):
        figure, axes = plt.subplots(*shape, layout="constrained", **options)
        try:
            yield axes
            if style and np.size(axes) > 1:
                for ax, letter in zip(np.ravel(axes), "abcd", strict=False):
                    ax.set_title(f"({letter})", loc="left", fontsize=8)
            figure.savefig(path, dpi=dpi)
        finally:
            plt.close(figure)
