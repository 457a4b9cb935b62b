"""Values reach the browser to the bit, or are refused."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from lintrans.errors import InputError
from lintrans.pages import encode
from lintrans.pages.page import FOLDER
from lintrans.pages.values import DTYPES, to_json


def decode(found):
    data = np.frombuffer(base64.b64decode(found["base64"]), np.dtype(found["dtype"]).newbyteorder("<"))
    return data.reshape(found["shape"])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_an_array_is_its_bytes(dtype, shape):
    array = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    found = encode(array)
    assert decode(found).tobytes() == array.tobytes() and found["shape"] == list(shape)
    assert encode(array.astype(array.dtype.newbyteorder(">"))) == found


def test_what_is_not_finite_stays_in_an_array():
    array = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324])
    np.testing.assert_array_equal(decode(encode(array)), array)


def test_strided_and_transposed_arrays_are_in_order():
    array = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(decode(encode(array.T[::2])), array.T[::2])


def test_arrays_are_found_at_any_depth_and_numbers_of_numpy_are_numbers():
    value = {"a": [{"b": (np.array([1], np.uint8), np.float64(0.5), np.int64(3), np.bool_(True), None, "é")}]}
    assert json.loads(to_json(value)) == {
        "a": [{"b": [{"dtype": "uint8", "shape": [1], "base64": "AQ=="}, 0.5, 3, True, None, "é"]}]
    }


def test_types_are_those_that_the_browser_reads():
    reader = (FOLDER / "modules" / "arrays.js").read_text()
    assert set(re.findall(r"(\w+): \w+Array", reader)) == set(DTYPES)


@pytest.mark.parametrize(
    ("value", "needles"),
    [
        (float("nan"), ["data.a[1] must be finite, got nan", "None"]),
        (np.float64("-inf"), ["data.a[1] must be finite, got -inf"]),
        (2**53 + 1, ["2^53", str(2**53 + 1), "text"]),
        (np.array([1 + 2j]), ["complex128", "float64", "astype"]),
        (np.array([True]), ["bool", "astype"]),
        (np.array(["a"]), ["<U1"]),
        ({1: 2}, ["keys of data.a[1] must be texts, got 1"]),
        ({"base64": 2}, ["'base64'", "arrays"]),
        ({1, 2}, ["{1, 2}", "convert"]),
        (b"bytes", ["b'bytes'"]),
        (object, ["<class 'object'>"]),
    ],
)
def test_what_has_no_place_is_refused(value, needles):
    with pytest.raises(InputError) as caught:
        to_json({"a": [0, value]})
    assert [needle for needle in needles if needle not in str(caught.value)] == []


@pytest.mark.parametrize("text", ["</script>", "<!--<script>", "</ScRiPt\n>", "\u2028\x00\ud800"])
def test_no_text_can_end_the_block_it_is_in(text):
    written = to_json({text: [text]})
    assert "<" not in written and written.isascii()
    assert json.loads(written) == {text: [text]}
