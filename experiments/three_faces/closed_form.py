"""A closed form with its three faces, and how far they are from each other at a point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from experiments.entry import configuration
from lintrans.symbolic.symbols import mu as symbol

CONFIG = configuration("three_faces")
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """A value with its standard error, or with a tolerance and the reason for it."""

    value: float
    error: float
    reason: str = "standard error"

    @property
    def sampled(self) -> bool:
        return self.reason == "standard error"


@dataclass(frozen=True)
class ClosedForm:
    """One closed form.

    ``exact`` takes the arguments as SymPy rationals, equal to the floats that ``value`` and ``measure`` take.
    ``function`` is the public name behind ``value``. ``largest_term`` is the size of the terms that the
    float face adds up, where they cancel: rounding is counted in ulps of that.
    """

    name: str
    claim: str
    function: str
    symbols: str
    points: tuple[Numbers, ...]
    exact: Callable[..., Any]
    value: Callable[..., Any]
    measure: Callable[..., Measured]
    largest_term: float = 0.0


@dataclass(frozen=True)
class Row:
    """The three faces at one point, and how far the second and the third are from the first."""

    form: ClosedForm
    point: Numbers
    exact: Any
    value: float
    measured: Measured

    @property
    def ulps(self) -> float:
        """Float less SymPy, in ulps of the largest term."""
        unit = np.spacing(max(abs(float(self.exact)), self.form.largest_term) or 1.0)
        return float((sp.Float(self.value, 40) - self.exact) / unit)

    @property
    def deviation(self) -> float:
        """Simulation less SymPy, in standard errors or in tolerances."""
        return (self.measured.value - float(self.exact)) / max(self.measured.error, np.finfo(float).tiny)

    @property
    def float_agrees(self) -> bool:
        return abs(self.ulps) <= CONFIG["ulps"]

    @property
    def simulation_agrees(self) -> bool:
        return abs(self.deviation) <= (CONFIG["standard_errors"] if self.measured.sampled else 1)

    @property
    def passed(self) -> bool:
        return self.float_agrees and self.simulation_agrees


def evaluate(form: ClosedForm, point: Numbers, *, simulated: bool = True) -> Row:
    exact = sp.N(sp.sympify(form.exact(*map(sp.Rational, point))), 40)
    measured = form.measure(*point) if simulated else Measured(math.nan, math.nan)
    return Row(form, point, exact, float(form.value(*point)), measured)


def mus(*values: float) -> tuple[Numbers, ...]:
    return tuple((value,) for value in values)


def at(expression: Any) -> Callable[[Any], Any]:
    """Return an expression in mu as a function."""
    return lambda value: sp.sympify(expression).subs(symbol, value)


def pair(function: Callable[..., Any], index: int) -> Callable[..., Any]:
    """Return one entry of what a function returns."""
    return lambda *arguments: function(*arguments)[index]
