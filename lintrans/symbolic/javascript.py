"""The map in JavaScript: the functions that a page computes with, printed from the derivation.

Each function here is arithmetic in one fixed order, that of the compiled loops, so that a browser finds the
same numbers to the bit. It is printed as it is written, once SymPy has proved that it equals the derivation:

    python -m lintrans.symbolic.javascript lintrans/explorer/modules/kernels/map.js
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sympy as sp

from lintrans.symbolic import ellipse, minibatch, modes, symbols, variants
from lintrans.symbolic import slice as balanced
from lintrans.symbolic.claims import vanishes
from lintrans.symbolic.symbols import a, b, mu, u, v
from lintrans.symbolic.written import Letter, Root, camel_case, javascript

HEADER = """\
// Written by `python -m lintrans.symbolic.javascript lintrans/explorer/modules/kernels/map.js`. Do not edit.
// Each expression is proved equal to the derivation in lintrans.symbolic when it is written.
"""
HALF = sp.Rational(1, 2)
RESIDUAL = modes.residual(a, b, mu)

_change, _scale, _momentum = sp.symbols("change scale momentum", real=True)
_curvature = sp.Symbol("curvature", positive=True)
_mismatch, _target = sp.symbols("mismatch target", real=True)


@dataclass(frozen=True)
class Formula:
    """A function to be printed: how it is computed, and what it is.

    Attributes
    ----------
    layout
        The function, of letters or numbers; its docstring is printed, and its name in camel case.
    derived
        The expression of the theory that it computes.
    at
        What its arguments are in the theory, where they are more than a symbol of the same name.
    through
        Applied to both before they are compared, where SymPy sees their equality only then.
    """

    layout: Callable[..., Any]
    derived: Any
    at: Mapping[str, Any] = field(default_factory=dict)
    through: Callable[[Any], Any] = sp.sympify

    @property
    def letters(self) -> list[Letter]:
        """Its arguments."""
        names = inspect.signature(self.layout).parameters
        return [Letter(name, **assumptions_of(name)) for name in names]

    def printed(self) -> str:
        """Return the function in JavaScript.

        Raises
        ------
        ValueError
            If it does not equal the derivation.
        """
        name, written = self.layout.__name__, self.layout(*self.letters)
        places = {letter.doit(): self.at[letter.name] for letter in self.letters if letter.name in self.at}
        found = written.doit().subs(places, simultaneous=True)
        remainder = vanishes(self.through(found) - self.through(self.derived))
        if remainder is not True:
            raise ValueError(f"{name} must equal its derivation, but differs by {remainder}; correct it")
        words = ", ".join(camel_case(letter.name) for letter in self.letters)
        return (
            f"/** {inspect.getdoc(self.layout)} */\n"
            f"export function {camel_case(name)}({words}) {{\n  return {javascript(written)};\n}}\n"
        )


FORMULAS: list[Formula] = []


def computes(
    derived: Any, *, through: Callable[[Any], Any] = sp.sympify, **at: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as a way to compute ``derived``; ``at`` are those of its arguments."""

    def register(layout: Callable[..., Any]) -> Callable[..., Any]:
        FORMULAS.append(Formula(layout, derived, at, through))
        return layout

    return register


def assumptions_of(name: str) -> dict[str, bool]:
    """What the theory assumes of the symbol with this name; of any other that it is real."""
    known = _curvature if name == "curvature" else getattr(symbols, name, None)
    return dict(known.assumptions0) if isinstance(known, sp.Symbol) else {"real": True}


@computes(RESIDUAL)
def residual(mu: Any, a: Any, b: Any) -> Any:
    """Residual r = a^2 - b^2 - mu = mu (uv - 1). Claim modes.step."""
    return a * a - (b * b + mu)


@computes(modes.step_modes(a, b, mu)[0], r=RESIDUAL)
def next_a(a: Any, r: Any) -> Any:
    """Mean mode after a step. Claim modes.step."""
    return a - r * a


@computes(modes.step_modes(a, b, mu)[1], r=RESIDUAL)
def next_b(b: Any, r: Any) -> Any:
    """Imbalance mode after a step. Claim modes.step."""
    return b + r * b


_FORCE = variants.force_modes(a, b, mu, variants.decay)
_VARIED = {"r": RESIDUAL, "decay": mu * variants.decay}


@computes(_momentum * _change + _scale * _FORCE[0], **_VARIED)
def change_a(a: Any, r: Any, change: Any, scale: Any, decay: Any, momentum: Any) -> Any:
    """Displacement of a by a variant; decay is mu times the weight decay. Claim variants.normal_form."""
    return momentum * change - (scale * (r + decay)) * a


@computes(_momentum * _change + _scale * _FORCE[1], **_VARIED)
def change_b(b: Any, r: Any, change: Any, scale: Any, decay: Any, momentum: Any) -> Any:
    """Displacement of b by a variant. Claim variants.normal_form."""
    return momentum * change + (scale * (r - decay)) * b


_SLOPE = sp.diff(balanced.cubic(a, mu), a)


@computes(_SLOPE, r=modes.residual(a, 0, mu))
def slope(mu: Any, r: Any) -> Any:
    """Factor da'/da of one step on the slice b = 0. Claim slice.cubic."""
    return (1 - 2 * mu) - 3 * r


@computes(modes.jacobian().det(), r=RESIDUAL, slope=1 - 2 * mu - 3 * RESIDUAL, double=2 * b)
def determinant(slope: Any, double: Any, r: Any) -> Any:
    """Determinant of the Jacobian of one step, from the slope, 2 b and r. Claim modes.jacobian."""
    return (slope + r * slope) - double * double


_SIGMA = minibatch.batch_residual(RESIDUAL, mu, _curvature, _mismatch)


@computes(_SIGMA, r=RESIDUAL, push=mu * _mismatch)
def batch_residual(r: Any, curvature: Any, push: Any) -> Any:
    """Residual sigma by which a batch moves, push = mu (a_B - c_B). Claim minibatch.residual."""
    return curvature * r + push


@computes(modes.to_modes(u, v, mu)[0])
def mode_a(mu: Any, u: Any, v: Any) -> Any:
    """Mean mode of factors (u, v)."""
    return (Root(mu) / 2) * (u + v)


@computes(modes.to_modes(u, v, mu)[1])
def mode_b(mu: Any, u: Any, v: Any) -> Any:
    """Imbalance mode of factors (u, v)."""
    return (Root(mu) / 2) * (u - v)


@computes(modes.from_modes(a, b, mu)[0])
def factor_u(mu: Any, a: Any, b: Any) -> Any:
    """Factor u of a state in modes."""
    return (a + b) / Root(mu)


@computes(modes.from_modes(a, b, mu)[1])
def factor_v(mu: Any, a: Any, b: Any) -> Any:
    """Factor v of a state in modes."""
    return (a - b) / Root(mu)


@computes((u * v - 1) ** 2 / 2, r=mu * (u * v - 1))
def loss(mu: Any, r: Any) -> Any:
    """Loss (uv - 1)^2 / 2, in units of y_q^2."""
    return ((r / mu) * (r / mu)) / 2


@computes(sum(x**2 for x in modes.from_modes(a, b, mu)))
def sharpness(mu: Any, a: Any, b: Any) -> Any:
    """Size u^2 + v^2, at a minimum its sharpness: stable below 2 / mu. Claim modes.stability."""
    return (2 * (a * a + b * b)) / mu


@computes(modes.ellipse(a, b, mu))
def ellipse_level(mu: Any, a: Any, b: Any) -> Any:
    """Level Q of the invariant ellipse, 0 < mu < 2: negative inside. Claim modes.ellipse."""
    return (a * a) / (2 + mu) + (b * b) / (2 - mu) - 1


@computes(modes.ellipse(a, b, mu), inverse_a=1 / (2 + mu), inverse_b=1 / (2 - mu))
def scaled_level(inverse_a: Any, inverse_b: Any, a: Any, b: Any) -> Any:
    """Level Q from 1 / (2 + mu) and 1 / (2 - mu)."""
    return (inverse_a * a) * a + ((inverse_b * b) * b - 1)


@computes(modes.critical_mu(u, v))
def critical_mu(u: Any, v: Any) -> Any:
    """Largest mu whose ellipse holds (u, v); rounding may exceed 2. Claim modes.critical_mu."""
    size = u * u + v * v
    return 8 / (size + Root((size - 4) * (size - 4) + 8 * ((u - v) * (u - v))))


@computes(balanced.probe_start(mu))
def probe_start(mu: Any) -> Any:
    """Balanced start u = v from which the loss rises first. Claim slice.monotone."""
    return Root(1 / mu + HALF)


@computes(ellipse.density(symbols.r), through=lambda x: 1 / x**2)
def residual_density(r: Any) -> Any:
    """Invariant density of r on the ellipse; infinite at -2 and 2, NaN beyond. Claim ellipse.density."""
    return 1 / (Root((2 - r) * (2 + r)) * sp.pi)


_OWN_A = minibatch.batch_ellipse(a, 0, mu, _curvature, _target)
_OWN_B = minibatch.batch_ellipse(0, b, mu, _curvature, _target)


@computes(sp.sqrt(a**2 / (_OWN_A + 1)), through=lambda x: x**2)
def batch_semi_axis_a(mu: Any, curvature: Any, target: Any) -> Any:
    """Where a batch's own ellipse meets b = 0; NaN if mu c_B < -2. Claim minibatch.ellipse."""
    return Root((2 + mu * target) / curvature)


@computes(sp.sqrt(b**2 / (_OWN_B + 1)), through=lambda x: x**2)
def batch_semi_axis_b(mu: Any, curvature: Any, target: Any) -> Any:
    """Where a batch's own ellipse meets a = 0; NaN if mu c_B > 2. Claim minibatch.ellipse."""
    return Root((2 - mu * target) / curvature)


def printed(formulas: list[Formula] = FORMULAS) -> str:
    """Return the module in JavaScript; it raises ValueError if a function does not equal its derivation."""
    return "\n".join([HEADER, *(formula.printed() for formula in formulas)])


def main(arguments: list[str]) -> None:
    """Write the module to a file, or to standard output if none is named."""
    text = printed()
    if arguments:
        Path(arguments[0]).write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main(sys.argv[1:])
