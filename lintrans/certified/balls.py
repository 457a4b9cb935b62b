"""Ball arithmetic: an interval Newton step, and decimals that are right to the last digit.

A ball is a real number known up to a radius; every operation returns a ball that contains the exact result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from flint import arb, arb_mat, ctx

BITS_PER_DIGIT = math.log2(10)
GUARD_BITS = 64


@contextmanager
def digits(n: float) -> Iterator[None]:
    """Work with ``n_digits`` decimal digits, and some to spare."""
    with ctx.workprec(math.ceil(n * BITS_PER_DIGIT) + GUARD_BITS):
        yield


def power_of_ten(exponent: float) -> Any:
    """Return 10^exponent, rounded down to a whole exponent."""
    return arb(10) ** math.floor(exponent)


def only_root(polynomial: Any, near: Any, radius: Any) -> Any:
    """Ball around the only root of an integer polynomial within ``radius`` of ``near``.

    Newton's method finds a point m, then an interval Newton step proves: where f' has no zero on the ball
    X about m and m - f(m) / f'(X) lies inside X, f has one root in X, and it lies there.

    Raises
    ------
    ArithmeticError
        If the step does not map the ball into itself, so that nothing is proved.
    """
    slope = polynomial.derivative()
    middle = arb(near).mid()
    for _ in range(ctx.prec):
        change = (polynomial(middle) / slope(middle)).mid()
        middle = (middle - change).mid()
        if abs(change) < radius / 1000:
            break
    ball = arb(middle, radius)
    image = middle - polynomial(middle) / slope(ball)
    if not ball.contains_interior(image):
        raise ArithmeticError(f"interval Newton proves no root near {float(middle)} within {float(radius)}")
    return image


def only_root_in_plane(system: Callable[..., Any], near: tuple[Any, Any], radius: Any) -> tuple[Any, Any]:
    """Balls around the only root of two equations in two unknowns within ``radius`` of ``near``.

    ``system`` takes two ``Jet`` and returns two. The interval Newton step of `only_root`, with the Jacobian.
    """
    balls = [arb(x.mid(), radius) for x in near]
    middle = [ball.mid() for ball in balls]
    jacobian = arb_mat([list(value.slopes) for value in system(*_variables(balls))])
    values = arb_mat([[value.value] for value in system(*_variables(middle))])
    step = jacobian.solve(values)
    images = (middle[0] - step[0, 0], middle[1] - step[1, 0])
    if not all(ball.contains_interior(image) for ball, image in zip(balls, images, strict=True)):
        raise ArithmeticError(f"interval Newton proves no root near {tuple(map(float, middle))}")
    return images


class Jet:
    """A ball with its partial derivatives in two unknowns."""

    def __init__(self, value: Any, slopes: tuple[Any, Any] = (0, 0)) -> None:
        self.value = arb(value)
        self.slopes = (arb(slopes[0]), arb(slopes[1]))

    def __sub__(self, other: Any) -> Jet:
        right = _jet(other)
        return Jet(self.value - right.value, _pair(lambda a, b: a - b, self.slopes, right.slopes))

    def __mul__(self, other: Any) -> Jet:
        right = _jet(other)
        slopes = _pair(lambda a, b: a * right.value + self.value * b, self.slopes, right.slopes)
        return Jet(self.value * right.value, slopes)

    __rmul__ = __mul__


def decimal(ball: Any, n_digits: int) -> tuple[str, str]:
    """Decimal of ``n_digits`` digits and a radius: the number is proved to lie within it.

    Examples
    --------
    >>> with digits(20):
    ...     decimal(arb(2).sqrt(), 10)
    ('1.414213562', '1e-9')
    """
    value = ball.str(n_digits, radius=False)  # fewer digits, if so many are not known
    radius = f"1e-{len(value.partition('.')[2])}"
    known = ball.rel_accuracy_bits() > n_digits * BITS_PER_DIGIT and abs(ball - arb(value)) < arb(radius)
    if not known:
        raise ArithmeticError(f"{ball} is not known to {n_digits} digits")
    return value, radius


def _variables(point: list[Any]) -> tuple[Jet, Jet]:
    return Jet(point[0], (1, 0)), Jet(point[1], (0, 1))


def _jet(number: Any) -> Jet:
    return number if isinstance(number, Jet) else Jet(number)


def _pair(combine: Callable[[Any, Any], Any], left: Any, right: Any) -> tuple[Any, Any]:
    return combine(left[0], right[0]), combine(left[1], right[1])
