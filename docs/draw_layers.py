"""Draw docs/figures/layers.svg from the layers that import-linter enforces and the folders' own first lines.

python docs/draw_layers.py           writes the picture
python docs/draw_layers.py --check   exits with 1 if the committed picture is out of date
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "figures" / "layers.svg"
WIDTH, GAP, MARGIN, BESIDE = 720, 8, 8, 150  # a page shows the picture at about 560 pixels
NAME, BODY, LINE = 15, 13, 15  # sizes of letters, and from line to line
LETTER = 0.5  # mean width of a letter over its size


def main() -> int:
    drawn = draw()
    if "--check" in sys.argv:
        if PICTURE.read_text() == drawn:
            return 0
        print(f"{PICTURE.name} is out of date; run python docs/draw_layers.py", file=sys.stderr)
        return 1
    PICTURE.write_text(drawn)
    return 0


def draw() -> str:
    shapes = [
        text(MARGIN, MARGIN + 8, "A folder imports from the rows below it, never from above.", BODY, "#444"),
        text(WIDTH - BESIDE + GAP, MARGIN + 8, "dashed: to come", BODY, "#777"),
    ]
    top = MARGIN + 22
    tops = []
    for layer in rows():
        width = (WIDTH - BESIDE - 2 * MARGIN - (len(layer) - 1) * GAP) / len(layer)
        height = 30 + LINE * max(len(sentence(place, width)) for place in layer)
        for i, place in enumerate(layer):
            shapes += box(MARGIN + i * (width + GAP), top, width, height, place)
        tops.append(top)
        top += height + GAP
    side = tops[1]
    shapes += box(WIDTH - BESIDE + GAP, side, BESIDE - GAP - MARGIN, top - GAP - side, "symbolic", "#f3ecdf")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" font-family="Helvetica, Arial, sans-serif">\n'
        f'<rect width="{WIDTH}" height="{top}" fill="white"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def rows() -> list[list[str]]:
    """Folders and files of every row of the contract, from the top; ``lintrans.`` and brackets taken away."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c for c in settings["contracts"] if c["type"] == "layers")["layers"]
    return [[place.strip(" ()").removeprefix("lintrans.") for place in row.split("|")] for row in layers]


def box(x: float, y: float, width: float, height: float, place: str, fill: str = "#eaf2f8") -> list[str]:
    """A folder with its name and the first sentence of its docstring; dashed if it is not there yet."""
    look = (
        f'fill="{fill}" stroke="#6b8299"'
        if source(place)
        else 'fill="none" stroke="#999" stroke-dasharray="4"'
    )
    size = min(NAME, (width - 12) / (0.58 * len(place)))
    return [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5" {look}/>',
        text(x + 8, y + 19, place, size, "#123" if source(place) else "#777", bold=bool(source(place))),
        *(
            text(x + 8, y + 36 + LINE * i, line, BODY, "#333")
            for i, line in enumerate(sentence(place, width))
        ),
    ]


def text(x: float, y: float, words: str, size: float, color: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size:.3g}" fill="{color}"{weight}>{escape(words)}</text>'
    )


def source(place: str) -> Path | None:
    """File that begins with what a folder or file is for; None if there is no such place yet."""
    path = ROOT / "lintrans" / place.replace(".", "/")
    found = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]
    return found[0] if found else None


def summary(place: str) -> str:
    """First paragraph of a module's docstring, on one line."""
    file = source(place)
    docstring = (ast.get_docstring(ast.parse(file.read_text())) or "") if file else ""
    return " ".join(docstring.split("\n\n")[0].split())


def sentence(place: str, width: float) -> list[str]:
    """What a folder is for, in lines that fit a box of that width."""
    return textwrap.wrap(summary(place), int((width - 14) / (LETTER * BODY)))


if __name__ == "__main__":
    sys.exit(main())
