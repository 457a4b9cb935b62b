"""Pages in notebooks. Needs the extra ``notebook``."""

from __future__ import annotations

import zlib
from typing import Any

import anywidget
import traitlets
from IPython.display import HTML, display


class PageWidget(anywidget.AnyWidget):
    """A page as a widget.

    Attributes
    ----------
    data, state : dict
        What Python knows, and what the page shows; see `lintrans.pages.Page`. A new ``state`` changes the
        page, and what is done in the page is in ``state``.
    worker : str
        Text of the page's web worker.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    data = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    worker = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        # Widgets with one id share one style sheet, whichever came last; pages may differ in theirs.
        super().__init__(**traits, _anywidget_id=f"lintrans.pages.{zlib.crc32(traits['_css'].encode())}")


def display_html(markup: str) -> None:
    """Show markup below the cell that runs."""
    display(HTML(markup))
