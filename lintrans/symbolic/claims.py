"""Claims: statements of the theory, each with the SymPy computation that proves it.

A proof takes the objects it speaks of as default arguments, so that a test can hand it a wrong map
and see it fail. Its docstring is the statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from inspect import cleandoc
from typing import Any, TypeVar

import sympy as sp

FAMILIES = (
    "reduction",
    "modes",
    "slice",
    "landmarks",
    "ellipse",
    "transverse",
    "convergence",
    "cycles",
    "schedules",
    "variants",
    "minibatch",
    "sampling",
    "switching",
    "many_modes",
    "quadratic",
    "sandbox",
)

Proof = TypeVar("Proof", bound=Callable[..., Any])
_registry: dict[str, Claim] = {}


@dataclass(frozen=True)
class Verdict:
    """Outcome of one proof: ``remainder`` is None, or what should have been zero, or the error."""

    id: str
    passed: bool
    seconds: float
    remainder: Any


@dataclass(frozen=True)
class Claim:
    """One statement, what it assumes, and a callable that returns True or the non-zero remainder."""

    id: str
    statement: str
    assumptions: str
    proof: Callable[[], Any]

    def check(self) -> Verdict:
        """Run the proof.

        Examples
        --------
        >>> from sympy import Symbol
        >>> t = Symbol("t")
        >>> wrong = Claim("square", "(t + 1)^2 = t^2 + 1", "", lambda: vanishes((t + 1)**2 - t**2 - 1))
        >>> wrong.check().remainder
        2*t
        """
        start = time.perf_counter()
        try:
            outcome = self.proof()
        except Exception as error:  # a proof that cannot be carried out proves nothing
            outcome = error
        passed = outcome is True
        return Verdict(self.id, passed, time.perf_counter() - start, None if passed else outcome)


def claim(identifier: str, assumptions: str = "") -> Callable[[Proof], Proof]:
    """Register the decorated proof; its docstring is the statement, ``family.name`` its identifier."""

    def register(proof: Proof) -> Proof:
        if identifier in _registry:
            raise ValueError(f"claim ids must be unique, got {identifier!r} twice; rename one")
        _registry[identifier] = Claim(identifier, cleandoc(proof.__doc__ or ""), assumptions, proof)
        return proof

    return register


def claims(family: str | None = None) -> list[Claim]:
    """Return the claims of one family, or all of them.

    Parameters
    ----------
    family
        One of ``FAMILIES``, "ellipse" for example. None means all.

    Raises
    ------
    ValueError
        If there is no such family: an empty list would pass every check.
    """
    if family is not None and family not in FAMILIES:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}, got {family!r}; pass one of those")
    chosen = FAMILIES if family is None else (family,)
    for name in chosen:
        import_module(f"lintrans.symbolic.{name}")
    family_of = {c.id: c.id.partition(".")[0] for c in _registry.values()}
    return [c for name in chosen for c in _registry.values() if family_of[c.id] == name]


def vanishes(*expressions: Any) -> Any:
    """Return True if every expression (or matrix entry) is identically zero, else the first that is not.

    Examples
    --------
    >>> from sympy import sqrt
    >>> vanishes(sqrt(8) - 2*sqrt(2))
    True
    """
    for entry in _entries(expressions):
        remainder = sp.expand(entry)
        if remainder != 0:
            remainder = sp.cancel(sp.together(remainder))
        if remainder != 0:
            remainder = sp.simplify(remainder)
        if remainder != 0:
            return remainder
    return True


def same(found: Any, expected: Any) -> Any:
    """Return True if the two objects are structurally equal, else the pair that differs."""
    return True if found == expected else (found, expected)


def every(*outcomes: Any) -> Any:
    """Return True if all outcomes are True, else the first that is not."""
    return next((outcome for outcome in outcomes if outcome is not True), True)


def _entries(expressions: Iterable[Any]) -> Iterable[Any]:
    for expression in expressions:
        if isinstance(expression, sp.MatrixBase):
            yield from expression
        else:
            yield expression
