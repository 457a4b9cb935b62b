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
WIDTH, GAP, MARGIN, BESIDE = 1040, 10, 14, 176


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
        text(MARGIN, MARGIN + 6, "A folder imports from the rows below it, never from above.", 13, "#444"),
        text(WIDTH - BESIDE + GAP, MARGIN + 6, "dashed: to come", 11, "#777"),
    ]
    top = MARGIN + 22
    tops = []
    for layer in rows():
        width = (WIDTH - BESIDE - 2 * MARGIN - (len(layer) - 1) * GAP) / len(layer)
        height = 36 + 13 * max(len(sentence(place, width)) for place in layer) - 6
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
    size = min(12.5, (width - 12) / (0.56 * len(place)))
    return [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5" {look}/>',
        text(x + 9, y + 18, place, size, "#123" if source(place) else "#777", bold=bool(source(place))),
        *(text(x + 9, y + 34 + 13 * i, line, 10.5, "#333") for i, line in enumerate(sentence(place, width))),
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
    return textwrap.wrap(summary(place), int((width - 14) / 5.9))


if __name__ == "__main__":
    sys.exit(main())
