"""Compiled loops: how they are compiled and cached, and their random numbers.

A loop lives in a folder called ``kernels``, in a file by its subject. `cache` keeps machine code for as long
as no file changes that a loop can come from; `philox` gives random numbers that depend on nothing but a
counter and a seed.
"""

from __future__ import annotations

from lintrans.compiled.decorators import compiled, entry, inlined, product

__all__ = ["compiled", "entry", "inlined", "product"]
