"""Draw docs/figures/house.svg from the layers that import-linter enforces and the files' own first lines.

python docs/draw_house.py           writes the picture
python docs/draw_house.py --check   exits with 1 if the committed picture is out of date
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "figures" / "house.svg"
WIDTH, GAP, MARGIN, BESIDE = 1040, 10, 14, 176


def main() -> int:
    drawn = draw()
    if "--check" in sys.argv:
        if PICTURE.read_text() == drawn:
            return 0
        print(f"{PICTURE.name} is out of date; run python docs/draw_house.py", file=sys.stderr)
        return 1
    PICTURE.write_text(drawn)
    return 0


def draw() -> str:
    layers = [[room.strip() for room in row.split(":")] for row in contract()["layers"]]
    shapes = [
        text(MARGIN, MARGIN + 6, "A room may import from the rows below it, never from above.", 13, "#444")
    ]
    top = MARGIN + 22
    tops = []
    for layer in layers:
        width = (WIDTH - BESIDE - 2 * MARGIN - (len(layer) - 1) * GAP) / len(layer)
        height = 36 + 13 * max(len(sentence(room, width)) for room in layer) - 6
        for i, room in enumerate(layer):
            shapes += box(MARGIN + i * (width + GAP), top, width, height, room)
        tops.append(top)
        top += height + GAP
    side, end = tops[4], tops[8] - GAP
    shapes += box(WIDTH - BESIDE + GAP, side, BESIDE - GAP - MARGIN, end - side, "symbolic", "#f3ecdf")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" '
        f'height="{top}" font-family="Helvetica, Arial, sans-serif">\n'
        f'<rect width="{WIDTH}" height="{top}" fill="white"/>\n' + "\n".join(shapes) + "\n</svg>\n"
    )


def contract() -> dict:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    return next(c for c in settings["contracts"] if c["type"] == "layers")


def box(x: float, y: float, width: float, height: float, room: str, fill: str = "#eaf2f8") -> list[str]:
    """A room with its name and the first sentence of its docstring."""
    return [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5" '
        f'fill="{fill}" stroke="#6b8299"/>',
        text(x + 9, y + 18, room, min(12.5, (width - 12) / (0.56 * len(room))), "#123", bold=True),
        *(text(x + 9, y + 34 + 13 * i, line, 10.5, "#333") for i, line in enumerate(sentence(room, width))),
    ]


def text(x: float, y: float, words: str, size: float, color: str, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size:.3g}" fill="{color}"{weight}>{escape(words)}</text>'
    )


def summary(room: str) -> str:
    """First paragraph of a module's docstring, on one line."""
    path = ROOT / "lintrans" / f"{room}.py"
    source = path if path.exists() else ROOT / "lintrans" / room / "__init__.py"
    docstring = ast.get_docstring(ast.parse(source.read_text())) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def sentence(room: str, width: float) -> list[str]:
    """What a room is for, in lines that fit a box of that width."""
    return textwrap.wrap(summary(room), int((width - 14) / 5.9))


if __name__ == "__main__":
    sys.exit(main())
