"""What tests and benchmarks do with the explorer in a browser."""

from __future__ import annotations

from page_driver import SESSION, PageDriver

__all__ = ["SESSION", "Explorer"]


class Explorer(PageDriver):
    """The explorer in a tab."""
