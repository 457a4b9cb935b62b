"""Draw the figure of the explorer: a page as a reader sees it.

python docs/draw_explorer.py --figure docs/figures/explorer.png

Needs the tools of the tests, and the Chromium of the distribution.
"""

import argparse
import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "explorer")]

from browser import ARGUMENTS, CHROMIUM  # noqa: E402
from driver import Explorer  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from lintrans.explorer import explorer_page  # noqa: E402

STATE = "#mu=0.9&u=1.75&v=0.62&steps=60&t=24&trail=24"
SIZE = {"width": 1280, "height": 760}


def draw(path: Path) -> None:
    """Save a picture of the page."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        page = explorer_page().save(Path(folder) / "explorer.html")
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        tab = chromium.new_context(viewport=SIZE).new_page()
        tab.goto(page.as_uri() + STATE)
        Explorer(tab)
        tab.screenshot(path=path)
        chromium.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figure", type=Path, required=True)
    draw(parser.parse_args().figure)
