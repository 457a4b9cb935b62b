"""A page: its scripts, its styles and its data in one HTML file.

The file asks nothing of the network, and its content-security policy makes the browser see to that: only the
one script and the one style whose hashes are named may run, workers come from the page itself, and no request
leaves it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lintrans.errors import InputError, count, require_extra
from lintrans.pages.bundle import module, script
from lintrans.pages.values import encode, to_json

if TYPE_CHECKING:
    from lintrans.pages.widget import PageWidget

FOLDER = Path(__file__).parent
STARTER = FOLDER / "modules" / "start.js"
KIT_STYLE = FOLDER / "kit.css"
HEIGHT = 720  # pixels of a page in a notebook

_TEMPLATE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main id="page" class="lintrans"></main>
<noscript>This page computes in the browser: it needs JavaScript.</noscript>
<script type="application/json" id="page-data">{data}</script>
<script type="text/plain" id="page-worker">{worker}</script>
<script>{script}</script>
</body>
</html>
"""


@dataclass(frozen=True, eq=False)
class Page:
    """A page that computes in the browser.

    Attributes
    ----------
    title : str
        What the window is called.
    entry : Path
        Module that exports ``render({model, el})``; see `lintrans.pages.script` for what it may contain.
    styles : tuple of Path
        Style sheets, after the one of the kit.
    worker : Path or None
        Module that runs in web workers; the page finds its text as ``model.get("worker")``.
    data : mapping
        What Python knows: ``model.get("data")``. JSON values, and arrays at any depth, as
        `lintrans.pages.encode` writes them.
    state : mapping
        What the page shows first: ``model.get("state")``. Texts by name, as a link has them.

    Examples
    --------
    >>> from lintrans.pages import Page
    >>> page = Page("Orbits", Path("orbits.js"), data={"mu": 1.5})
    >>> page.save("orbits.html")  # doctest: +SKIP
    """

    title: str
    entry: Path
    styles: tuple[Path, ...] = ()
    worker: Path | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)

    def html(self) -> str:
        """Return the page as one HTML file.

        Raises
        ------
        InputError
            If a script goes beyond what `lintrans.pages.script` understands, or a value has no JSON.
        """
        code, style = script(self.entry, starter=STARTER), self._style()
        return _TEMPLATE.format(
            policy=_policy(code, style),
            title=escape(self.title),
            style=style,
            data=to_json({"data": self.data, "state": self.state}, "page"),
            worker=self._worker(),
            script=code,
        )

    @property
    def size(self) -> int:
        """Bytes of the HTML file."""
        return len(self.html().encode())

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write the page to an HTML file, whole or not at all; ``force`` replaces an existing one.

        Raises
        ------
        InputError
            If the name does not end in .html, as `html`, or as `lintrans.sweeps.check_output`.
        """
        from lintrans.sweeps.store import replacing

        path = check_page_path(path)
        text = self.html()
        with replacing(path, force=force) as part:
            part.write_text(text, encoding="utf-8", newline="\n")
        return path

    def show(self, height: int = HEIGHT) -> None:
        """Show the page in a notebook, in a frame that sees nothing of the notebook.

        Parameters
        ----------
        height
            Height of the frame in pixels.

        Raises
        ------
        MissingExtraError
            Without IPython.
        """
        require_extra("notebook", "IPython", "Page.show")
        from lintrans.pages.widget import display_html

        display_html(self._frame(height))

    def widget(self) -> PageWidget:
        """Return the page as a widget, whose ``state`` follows what is done in it, and the other way round.

        Raises
        ------
        MissingExtraError
            Without anywidget.
        """
        require_extra("notebook", "anywidget", "Page.widget")
        from lintrans.pages.widget import PageWidget

        return PageWidget(
            _esm=module(self.entry),
            _css=self._style(),
            data=encode(self.data),
            state=encode(self.state, "state"),
            worker=self._worker(),
        )

    def _repr_html_(self) -> str:
        return self._frame(HEIGHT)

    def _frame(self, height: int) -> str:
        """Frame in a notebook; in a block, since IPython advises against bare frames."""
        size = f"width: 100%; height: {count('height', height)}px; border: 0"
        return (
            f'<div><iframe title="{escape(self.title)}" sandbox="allow-scripts allow-downloads" '
            f'style="{size}" srcdoc="{escape(self.html())}"></iframe></div>'
        )

    def _style(self) -> str:
        return "\n".join(map(_read_style, (KIT_STYLE, *self.styles)))

    def _worker(self) -> str:
        return "" if self.worker is None else script(self.worker)


def check_page_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of a page, or say that it must end in .html."""
    path = Path(path)
    if path.suffix.lower() != ".html":
        raise InputError(f"page must end in .html, got {path.name!r}; write {path.stem or 'page'}.html")
    return path


def _policy(code: str, style: str) -> str:
    """Content-security policy: this script, this style, its own workers and pictures, and no request."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(code)}'",
            f"style-src '{_digest(style)}'",
            "img-src data: blob:",
            "worker-src blob:",
            "connect-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read_style(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"a style sheet must be a file, got no such file: {path}; check the name")
    text = path.read_text(encoding="utf-8")
    if re.search(r"</style|<!--", text, re.IGNORECASE):
        raise InputError(f"{path} must not contain </style or <!--, which would end it; leave it out")
    return text
