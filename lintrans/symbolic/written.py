"""Arithmetic as it is written: sums and products of two that keep their order and their parentheses.

SymPy sorts and merges what it adds up. A computer does not: (x + y) + z and x + (y + z) differ in their last
digit. The operations here remain as they are, are printed as they are, and become ordinary SymPy expressions
by ``doit``, to be compared with a derivation.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.printing.jscode import JavascriptCodePrinter


class _Operators:
    """The operators of Python, kept."""

    def __add__(self, other: Any) -> Any:
        return Plus(self, other)

    def __radd__(self, other: Any) -> Any:
        return Plus(other, self)

    def __sub__(self, other: Any) -> Any:
        return Minus(self, other)

    def __rsub__(self, other: Any) -> Any:
        return Minus(other, self)

    def __mul__(self, other: Any) -> Any:
        return Times(self, other)

    def __rmul__(self, other: Any) -> Any:
        return Times(other, self)

    def __truediv__(self, other: Any) -> Any:
        return Over(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return Over(other, self)


class Letter(_Operators, sp.Symbol):  # type: ignore[misc]
    """A number that is passed to the function printed."""

    def doit(self, **_hints: Any) -> Any:
        """Return the symbol of SymPy."""
        return sp.Symbol(self.name, **self.assumptions0)


class Operation(_Operators, sp.Function):  # type: ignore[misc]
    """An operation that is kept until ``doit``.

    Examples
    --------
    >>> x, y, z = (Letter(name) for name in "xyz")
    >>> print(javascript(x * x - (z + y) * 2))
    x * x - (z + y) * 2
    >>> (x * x - (z + y) * 2).doit()
    x**2 - 2*y - 2*z
    """

    rule: Callable[..., Any]

    def doit(self, **hints: Any) -> Any:
        """Return the result of SymPy."""
        return type(self).rule(*(part.doit(**hints) for part in self.args))


class Plus(Operation):
    """A sum of two."""

    rule = operator.add


class Minus(Operation):
    """A difference."""

    rule = operator.sub


class Times(Operation):
    """A product of two."""

    rule = operator.mul


class Over(Operation):
    """A quotient."""

    rule = operator.truediv


class Root(Operation):
    """A square root."""

    rule = staticmethod(sp.sqrt)


_OPERATORS = {Plus: ("+", 1), Minus: ("-", 1), Times: ("*", 2), Over: ("/", 2)}  # sign, how closely it binds
_CALLS = {Root: "Math.sqrt"}


class _Printer(JavascriptCodePrinter):  # type: ignore[misc]
    """JavaScript of what is written, parenthesized only where the order would change without."""

    def _print_Function(self, expression: Any) -> str:
        kind = type(expression)
        if kind in _CALLS:
            return f"{_CALLS[kind]}({self._print(expression.args[0])})"
        sign, binding = _OPERATORS[kind]
        left, right = (self._operand(part, binding, i) for i, part in enumerate(expression.args))
        return f"{left} {sign} {right}"

    def _operand(self, part: Any, binding: int, place: int) -> str:
        """Print the operand at ``place``; on the right also an equally strong operation is a group."""
        text: str = self._print(part)
        inner = _OPERATORS.get(type(part), ("", 3))[1]
        return f"({text})" if inner < binding + place else text

    def _print_Rational(self, expression: Any) -> str:
        value = float(expression)
        if sp.Rational(value) != expression:
            raise ValueError(f"a fraction must be exact in float64, got {expression}; write it as a quotient")
        return repr(value)

    def _print_Symbol(self, expression: Any) -> str:
        return camel_case(expression.name)


def javascript(expression: Any) -> str:
    """Print an expression in JavaScript, in the order in which it is written.

    Raises
    ------
    ValueError
        If a part is an ordinary expression, which SymPy has sorted already.

    Examples
    --------
    >>> x = Letter("first_one")
    >>> print(javascript(1 - x / (x * sp.Rational(1, 2) - 2)))
    1 - firstOne / (firstOne * 0.5 - 2)
    """
    if expression.has(sp.Add, sp.Mul, sp.Pow):
        raise ValueError(f"operations must be between letters, got {expression}; let a letter come first")
    text: str = _Printer().doprint(expression)
    return text


def camel_case(name: str) -> str:
    """Return a name of Python as JavaScript spells it.

    Examples
    --------
    >>> camel_case("batch_semi_axis_a")
    'batchSemiAxisA'
    """
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
