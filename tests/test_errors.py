"""The checks of arguments: what passes unchanged, and one line of four parts for what does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lintrans.errors import (
    MAX_COUNT,
    InputError,
    LintransError,
    NoNormalFormError,
    count,
    finite,
    finite_array,
    increasing,
    positive,
    short,
)

HUGE = 10**400  # above the range of float64
UNPRINTABLE = 10**5000  # its decimal form is refused by Python
TALL = [["line\nbreak"] * 9] * 99


class Stubborn:
    """An object whose repr has line breaks and no end in sight."""

    def __repr__(self):
        return "<\n" + "wide \t" * 1000 + ">"


def refusal(check, *arguments, **keywords) -> str:
    """Return the message of the InputError, which must be one short line of the four parts."""
    with pytest.raises(InputError) as caught:
        check("x", *arguments, **keywords)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert len(message) < 200
    assert message.startswith("x")
    assert " must " in message
    assert ", got " in message
    assert "; " in message.partition(", got ")[2], "a remedy follows the semicolon"
    return message


def test_input_errors_are_value_errors_of_the_package():
    assert issubclass(InputError, LintransError)
    assert issubclass(InputError, ValueError)
    assert issubclass(NoNormalFormError, InputError)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), np.array(2), "2"])
def test_numbers_of_any_type_become_floats(value):
    for check in (finite, positive):
        number = check("x", value)
        assert type(number) is float
        assert number == 2.0


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (np.nan, ["finite", "got nan", "ordinary number"]),
        (-np.inf, ["finite", "got -inf"]),
        (np.longdouble("1e400"), ["finite", "got inf"]),
        (HUGE, ["1.8e308", "got 1000", "...", "smaller number"]),
        (-HUGE, ["1.8e308", "got -1000"]),
        (UNPRINTABLE, ["1.8e308", "type int, too long to show"]),
        ("fast", ["a number", "got 'fast'", "pass a float"]),
        (None, ["a number", "got None"]),
        (TALL, ["a number", "got [[", "..."]),
        (Stubborn(), ["a number", "got < wide wide", "..."]),
        (1j, ["real", "got 1j", "pass x.real"]),
        (np.complex128(1 + 2j), ["real", "got np.complex128(1+2j)"]),
        (np.complex64(1), ["real", "got np.complex64(1+0j)"]),
    ],
    ids=short,
)
def test_what_is_not_a_finite_number(value, parts):
    for check in (finite, positive):
        message = refusal(check, value)
        for part in parts:
            assert part in message


@pytest.mark.parametrize("value", [0, -0.0, -1.5, -5e-324])
def test_positive_excludes_zero(value):
    message = refusal(positive, value)
    assert f"positive, got {value:g}; pass a value above 0" in message
    assert positive("x", 5e-324) == 5e-324


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.uint8(3), np.float32(3)])
def test_whole_numbers_become_ints(value):
    number = count("x", value)
    assert type(number) is int
    assert number == 3


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "True"),
        (False, "False"),
        (np.True_, "np.True_"),
        (1.5, "1.5"),
        (np.nan, "nan"),
        (np.inf, "inf"),
        ("3", "'3'"),
        (None, "None"),
        (3 + 0j, "(3+0j)"),
        (np.complex128(3 + 1j), "np.complex128(3+1j)"),
        (np.array([1, 2]), "array([1, 2])"),
        ([UNPRINTABLE], "a value of type list, too long to show"),
        (Stubborn(), "< wide"),
    ],
    ids=short,
)
def test_what_is_not_a_whole_number(value, shown):
    message = refusal(count, value, minimum=0)
    assert f"whole number, got {shown}" in message
    assert message.endswith("; pass an integer")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1, "1"), (6, "6"), (-3.0, "-3"), (HUGE, "1000"), (UNPRINTABLE, "a value of type int")],
    ids=short,
)
def test_count_is_bounded_on_both_sides(value, shown):
    message = refusal(count, value, minimum=2, maximum=5)
    assert f"between 2 and 5, got {shown}" in message
    assert message.endswith("; choose a count in range")
    assert [count("x", n, minimum=2, maximum=5) for n in (2, 5)] == [2, 5]


def test_count_defaults():
    assert "got 0" in refusal(count, 0)
    assert count("x", MAX_COUNT) == MAX_COUNT
    assert f"got {MAX_COUNT + 1}" in refusal(count, MAX_COUNT + 1)


@pytest.mark.parametrize(
    ("value", "ndim"),
    [
        (2, 0),
        ([1, 2.5], 1),
        (np.ones((2, 3), np.float32), 2),
        ([], 1),
        ([[True]], 2),
        (np.array([1], object), 1),
    ],
    ids=short,
)
def test_arrays_become_float64(value, ndim):
    array = finite_array("x", value, ndim)
    assert array.dtype == np.float64
    assert np.array_equal(array, np.asarray(value, float))


@pytest.mark.parametrize(
    ("value", "ndim", "parts"),
    [
        (np.nan, 0, ["finite", "got x=nan", "drop or impute"]),
        (np.inf, 0, ["finite", "got x=inf"]),
        ([1, np.nan, np.inf], 1, ["finite", "got x[1]=nan"]),
        ([[1, 2], [3, -np.inf]], 2, ["finite", "got x[1, 1]=-inf"]),
        ([None], 1, ["finite", "got x[0]=nan"]),
        (np.array([np.longdouble("1e400")]), 1, ["finite", "got x[0]=inf"]),
        (HUGE, 0, ["below 1.8e308", "got 1000", "rescale"]),
        ([1.0, HUGE], 1, ["below 1.8e308", "got [1.0, 1000", "rescale"]),
        ([UNPRINTABLE], 1, ["below 1.8e308", "type list, too long to show"]),
        ("text", 0, ["hold numbers", "got 'text'", "convert it first"]),
        (["x"], 1, ["hold numbers", "got ['x']"]),
        ([{}], 1, ["hold numbers", "got [{}]"]),
        ([[1], [1, 2]], 2, ["hold numbers", "got [[1], [1, 2]]"]),
        (TALL, 2, ["hold numbers", "got [["]),
        (np.array(TALL), 2, ["hold numbers", "got array([["]),
        (Stubborn(), 0, ["hold numbers", "got < wide wide"]),
        (1.0, 1, ["1 axes", "shape ()", "reshape"]),
        ([1.0], 2, ["2 axes", "shape (1,)"]),
        (1j, 0, ["real", "got complex numbers", "pass x.real"]),
        ([1, 2 + 1e-300j], 1, ["real", "got complex numbers"]),
        (np.ones(2, complex), 1, ["real", "got complex numbers"]),
        (np.array([1.0, np.complex128(1 + 2j)], object), 1, ["real", "got complex numbers"]),
    ],
    ids=short,
)
def test_what_is_not_a_finite_array(value, ndim, parts):
    message = refusal(finite_array, value, ndim)
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ([], ["empty", "got 0 values", "at least one"]),
        ([1, 2, 2], ["increasing", "got x[2]=2 after 2", "np.unique(x)"]),
        ([0.5, 0.4, 0.3], ["increasing", "got x[1]=0.4 after 0.5"]),
        ([1, np.nan], ["finite", "got x[1]=nan"]),
        (3.0, ["1 axes", "shape ()"]),
        ([1, 2j], ["real"]),
    ],
    ids=short,
)
def test_what_is_not_increasing(value, parts):
    message = refusal(increasing, value)
    for part in parts:
        assert part in message


def test_increasing_passes_vectors():
    assert increasing("x", [7]).tolist() == [7.0]
    assert increasing("x", (-1, 0, 5e-324)).tolist() == [-1.0, 0.0, 5e-324]


@settings(max_examples=50)
@given(st.one_of(st.text(), st.lists(st.text(max_size=9)), st.floats(), st.integers()))
def test_short_is_one_bounded_line(value):
    text = short(value)
    assert len(text.splitlines()) == 1
    assert len(text) <= 60
    if len(repr(value)) <= 60 and "  " not in repr(value):
        assert text == repr(value)
