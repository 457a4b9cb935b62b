"""Pages of the explorer, opened in a browser."""

from __future__ import annotations

import pytest
from driver import Explorer

import lintrans as lt
from lintrans.explorer import explorer_page

ROWS = {"target": "progression", "context": slice(0, 64), "query": 64, "standardize": True, "center": True}


@pytest.fixture
def explore(open_page):
    """Open the explorer; keywords as `open_page`."""

    def opened(page=None, **options):
        return Explorer(open_page(page or explorer_page(mu=1.5), **options))

    return opened


@pytest.fixture(scope="module")
def prompt():
    """64 patients of the diabetes data, and the next as the query."""
    return lt.Prompt.from_csv(lt.example_data(), **ROWS)
