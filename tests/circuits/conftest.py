"""Helpers that import PyTorch are not looked at where it is missing."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["random_models.py"]
