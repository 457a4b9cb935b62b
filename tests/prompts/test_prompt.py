"""Prompts: what is read, what standardising may see, and one clear line for every bad input."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lintrans.errors import InputError
from lintrans.prompts.prompt import Prompt, example_data

LONGLEY = Path(__file__).parents[1] / "data" / "longley.csv"
GOOD = "a,b,y\n1,2,3\n4,5.5,6\n7,8,9\n10,11,12\n"


def write(folder: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path, **changes) -> Prompt:
    return Prompt.from_csv(path, **({"target": "y", "context": slice(0, 2), "query": 3} | changes))


def refusal(call, *arguments, **keywords) -> str:
    """Return the message of the InputError, which must be one line of the four parts."""
    with pytest.raises(InputError) as caught:
        call(*arguments, **keywords)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message, "a remedy follows the semicolon"
    return message


def test_csv_values_and_record(tmp_path):
    prompt = read(write(tmp_path, GOOD))
    assert prompt.context.tolist() == [[1, 2], [4, 5.5]]
    assert prompt.labels.tolist() == [3, 6]
    assert prompt.query.tolist() == [10, 11]
    assert (prompt.query_label, prompt.n, prompt.d, prompt.source) == (12.0, 2, 2, "data.csv")
    record = prompt.preprocessing
    assert record.feature_names == ("a", "b")
    assert (record.label_mean, record.standardize, record.center) == (0.0, False, False)
    assert (record.feature_means.tolist(), record.feature_scales.tolist()) == ([0, 0], [1, 1])


@pytest.mark.parametrize(
    "text",
    ["\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD + "\n\n", GOOD.replace("a,b,y", ' a ,"b", y')],
    ids=["byte order mark", "crlf", "blank lines", "quotes and blanks"],
)
def test_csv_dialects_read_alike(tmp_path, text):
    assert read(write(tmp_path, text)).context.tolist() == [[1, 2], [4, 5.5]]


def test_rows_and_features_in_the_order_asked(tmp_path):
    prompt = read(write(tmp_path, GOOD), context=np.array([3, 0]), query=1, features=["b", "a"])
    assert prompt.context.tolist() == [[11, 10], [2, 1]]
    assert prompt.labels.tolist() == [12, 3]
    assert read(write(tmp_path, GOOD), context=slice(None, None, 2), query=1).labels.tolist() == [3, 9]


def test_cells_that_are_not_chosen_may_hold_anything(tmp_path):
    path = write(tmp_path, "name,a,y\nx,1,2\ny,3,4\nz,NA,\nw,5,6\n")
    assert read(path, features=["a"]).context.tolist() == [[1], [3]]


@pytest.mark.parametrize(
    ("text", "changes", "parts"),
    [
        ("", {}, ["empty file"]),
        ("\n\n", {}, ["empty file"]),
        ("a,b,y\n", {}, ["at least 2 data rows", "got 0"]),
        ("a,b,y\n1,2,3\n", {}, ["at least 2 data rows", "got 1"]),
        (GOOD, {"target": "z"}, ["target", "'z'", "'a', 'b', 'y'"]),
        ("a,a,y\n1,2,3\n4,5,6\n", {}, ["'a' twice"]),
        ("a,b,y\n1,2,3\n4,5\n", {}, ["3 cells", "got 2", "data row 1", "line 3"]),
        ("a,b,y\n1,2,3\n4,5,6,7\n", {}, ["3 cells", "got 4", "line 3"]),
        (GOOD.replace("5.5", "five"), {}, ["'b'", "'five'", "data row 1", "line 3"]),
        (GOOD.replace("5.5", "1_0"), {}, ["'b'", "'1_0'"]),
        (GOOD.replace("5.5", "nan"), {}, ["'b'", "'nan'"]),
        (GOOD.replace("5.5", "-inf"), {}, ["'b'", "'-inf'"]),
        (GOOD.replace("5.5", "1e999"), {}, ["'b'", "'1e999'"]),
        (GOOD.replace("5.5", ""), {}, ["'b'", "''", "data row 1"]),
        (GOOD.replace("12", "?"), {}, ["'y'", "'?'", "data row 3", "line 5"]),
        (GOOD.replace("5.5", '"5\n5"'), {}, ["'b'", r"5\n5"]),
        (GOOD.replace("5.5", "x" * 500), {}, ["'b'", "..."]),
        (GOOD.replace("5.5", '"5'), {}, ["well formed"]),
        (b"a,b,y\n1,\xff,3\n4,5,6\n", {}, ["UTF-8", "0xff"]),
        (GOOD.encode("utf-16"), {}, ["UTF-8"]),
        (GOOD, {"context": slice(0, 5)}, ["context stop", "got 5"]),
        (GOOD, {"context": slice(9, None)}, ["context start", "got 9"]),
        (GOOD, {"context": slice(-2, None)}, ["context start", "got -2"]),
        (GOOD, {"context": slice(2, 2)}, ["must not be empty", "2:2"]),
        (GOOD, {"context": slice(0, 3, -1)}, ["context step", "got -1"]),
        (GOOD, {"context": slice(0, 1.5)}, ["context stop", "1.5"]),
        (GOOD, {"context": []}, ["non-empty", "[]"]),
        (GOOD, {"context": 2}, ["slice or a non-empty sequence", "got 2"]),
        (GOOD, {"context": "0:2"}, ["slice or a non-empty sequence", "'0:2'"]),
        (GOOD, {"context": [0, 4]}, ["context[1]", "got 4"]),
        (GOOD, {"context": [0, -1]}, ["context[1]", "got -1"]),
        (GOOD, {"context": [0, 1, 0]}, ["row 0 twice"]),
        (GOOD, {"context": [True, False, True, False]}, ["booleans", "flatnonzero"]),
        (GOOD, {"query": 4}, ["query", "got 4"]),
        (GOOD, {"query": -1}, ["query", "got -1"]),
        (GOOD, {"query": "last"}, ["query", "'last'"]),
        (GOOD, {"query": 1}, ["query", "row 1", "in it"]),
        (GOOD, {"features": "a"}, ["sequence of names", "'a'"]),
        (GOOD, {"features": 3}, ["sequence of names", "got 3"]),
        (GOOD, {"features": []}, ["got none"]),
        (GOOD, {"features": ["a", "c"]}, ["'c'", "'a', 'b', 'y'"]),
        (GOOD, {"features": ["a", "y"]}, ["'y'", "is the target"]),
        (GOOD, {"features": ["a", "a"]}, ["'a'", "named twice"]),
        ("y\n1\n2\n3\n4\n", {}, ["besides the target"]),
        (GOOD.replace("a,", ","), {}, ["must have a name"]),
        (GOOD.replace("4,5.5", "1,5.5"), {"standardize": True}, ["'a'", "constant", "drop that feature"]),
    ],
)
def test_bad_csv_is_one_line_that_names_the_file(tmp_path, text, changes, parts):
    path = write(tmp_path, text)
    message = refusal(read, path, **changes)
    assert message.startswith(f"{path}: ")
    for part in parts:
        assert part in message


def test_unreadable_paths(tmp_path):
    for reader in (read, Prompt.from_npz):
        assert "No such file" in refusal(reader, tmp_path / "absent")
        assert str(tmp_path) in refusal(reader, tmp_path)
        assert "got 3" in refusal(reader, 3)
        assert "file name" in refusal(reader, "a\0b")


def test_standardising_uses_the_context_only():
    rng = np.random.default_rng(1)
    context, labels, query = rng.normal(5, 3, (8, 3)), rng.normal(40, 9, 8), rng.normal(5, 3, 3)
    prompt = Prompt.from_arrays(context, labels, query, 7.0, standardize=True, center=True)
    # 8 numbers of order 10: a mean is off by a few ulp of 10.
    np.testing.assert_allclose(prompt.context.mean(axis=0), 0, atol=1e-14)
    np.testing.assert_allclose(prompt.context.std(axis=0), 1, rtol=1e-14)
    np.testing.assert_allclose(prompt.labels.mean(), 0, atol=1e-13)
    other = Prompt.from_arrays(context, labels, 1000 * query, -700.0, standardize=True, center=True)
    assert np.array_equal(other.context, prompt.context)
    assert np.array_equal(other.labels, prompt.labels)
    assert other.preprocessing.feature_means.tolist() == prompt.preprocessing.feature_means.tolist()


@pytest.mark.parametrize("path", [LONGLEY, example_data()], ids=["longley", "diabetes"])
def test_record_takes_real_data_back_to_raw(path):
    target = {"longley.csv": "TOTEMP", "diabetes.csv": "progression"}[path.name]
    arguments = {"target": target, "context": slice(0, 12), "query": 15}
    raw = Prompt.from_csv(path, **arguments)
    prompt = Prompt.from_csv(path, **arguments, standardize=True, center=True)
    record = prompt.preprocessing
    for name in ("context", "query"):
        back = getattr(prompt, name) * record.feature_scales + record.feature_means
        # Three roundings of numbers no larger than |mean| + |raw|.
        np.testing.assert_allclose(back, getattr(raw, name), rtol=8 * np.finfo(float).eps)
    np.testing.assert_allclose(prompt.labels + record.label_mean, raw.labels, rtol=1e-15)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_standardising_is_free_of_scale(scale):
    context = np.array([[1.0], [2.0], [6.0]])
    arguments = {"standardize": True, "center": True}
    prompt = Prompt.from_arrays(scale * context, scale * context[:, 0], [scale], scale, **arguments)
    expected = Prompt.from_arrays(context, context[:, 0], [1.0], 1.0, **arguments)
    # scale * x is rounded once, and the difference with the mean of order 3 amplifies that 3 times.
    np.testing.assert_allclose(prompt.context, expected.context, rtol=1e-15, atol=3e-15)
    np.testing.assert_allclose(prompt.labels / scale, expected.labels, rtol=1e-15, atol=3e-15)


@pytest.mark.parametrize(
    ("context", "labels"),
    [
        ([[1e-300], [1e300]], [1e300, 1e-300]),
        ([[1e200, 1e-200], [1e200, 1e-200]], [1e-200, 1e-200]),
        ([[1e-320], [0.0]], [2e300, 5.0]),
    ],
)
def test_context_moment_does_not_overflow_on_the_way(context, labels):
    moment = Prompt.from_arrays(context, labels, context[0], 1.0).context_moment
    # An integer product of the longest double (80 bit or more) has the range; where it has not, skip.
    if np.finfo(np.longdouble).maxexp <= 1024:
        pytest.skip("no extended range on this platform to compare with")
    x, y = np.array(context, np.longdouble), np.array(labels, np.longdouble)
    expected = (x * y[:, None]).mean(axis=0).astype(float)
    np.testing.assert_allclose(moment, expected, rtol=4 * np.finfo(float).eps)


def test_context_moment_overflow_is_told():
    prompt = Prompt.from_arrays([[1.0, 1e200]], [1e200], [1.0, 1.0], 1.0)
    assert "column 1" in refusal(lambda: prompt.context_moment)


@given(
    hnp.arrays(np.float64, (5, 2), elements=st.floats(-1e100, 1e100)),
    hnp.arrays(np.float64, 5, elements=st.floats(-1e100, 1e100)),
)
def test_context_moment_is_the_mean_of_products(context, labels):
    moment = Prompt.from_arrays(context, labels, context[0], 1.0).context_moment
    products = context * labels[:, None]
    # 5 additions and 2 roundings more, of the sum of moduli; subnormal products are lost by the naive one.
    bound = 8 * np.finfo(float).eps * np.abs(products).sum(axis=0) + 1e-300
    assert (np.abs(moment - products.mean(axis=0)) <= bound).all()


def test_arrays_are_copied_and_read_only():
    context = np.ones((2, 3))
    prompt = Prompt.from_arrays(context, [1, 2], [1, 2, 3], 4)
    context[:] = 9
    assert prompt.context.tolist() == [[1, 1, 1]] * 2
    assert prompt.context.dtype == prompt.labels.dtype == prompt.query.dtype == np.float64
    for array in (prompt.context, prompt.labels, prompt.query, prompt.preprocessing.feature_means):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    with pytest.raises(AttributeError):
        prompt.query_label = 1.0


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (([1.0], [1.0], [1.0], 1.0), ["context", "2 axes"]),
        (([[1.0]], [[1.0]], [1.0], 1.0), ["labels", "1 axes"]),
        (([[1.0]], [1.0, 2.0], [1.0], 1.0), ["labels", "1 rows", "2 labels"]),
        (([[1.0]], [1.0], [1.0, 2.0], 1.0), ["query", "1 columns", "2 entries"]),
        ((np.empty((0, 2)), [], [1.0, 2.0], 1.0), ["context", "(0, 2)"]),
        ((np.empty((2, 0)), [1.0, 1.0], [], 1.0), ["context", "(2, 0)"]),
        (([[np.nan]], [1.0], [1.0], 1.0), ["context", "nan"]),
        (([[1.0]], [np.inf], [1.0], 1.0), ["labels[0]", "inf"]),
        (([[1.0]], [1.0], [1.0], np.nan), ["query_label", "nan"]),
        (([["x"]], [1.0], [1.0], 1.0), ["context", "numbers"]),
        (([[1j]], [1.0], [1.0], 1.0), ["context", "real"]),
    ],
)
def test_bad_arrays(arguments, parts):
    for build in (Prompt, Prompt.from_arrays):
        message = refusal(build, *arguments)
        for part in parts:
            assert part in message


def test_constant_column_of_arrays_is_named():
    # The mean of three times 0.1 is not 0.1, so a test of the deviation against 0 would miss it.
    context = [[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]]
    assert "'x1'" in refusal(Prompt.from_arrays, context, [1, 2, 3], [1, 1], 1, standardize=True)


def test_npz_round_trip(tmp_path):
    path = tmp_path / "prompt.npz"
    expected = Prompt.from_arrays([[1.0, 2.0], [3.0, 5.0]], [1.0, 2.0], [4.0, 4.0], 3.0, center=True)
    np.savez(path, context=[[1, 2], [3, 5]], labels=[1, 2], query=[4, 4], query_label=3)
    prompt = Prompt.from_npz(path, center=True)
    assert np.array_equal(prompt.context, expected.context)
    assert np.array_equal(prompt.labels, [-0.5, 0.5])
    assert (prompt.query_label, prompt.source) == (1.5, "prompt.npz")
    assert prompt.preprocessing.label_mean == 1.5


def test_bad_npz(tmp_path):
    good = {"context": [[1.0]], "labels": [1.0], "query": [1.0], "query_label": 1.0}
    path = tmp_path / "prompt.npz"
    np.savez(path, **{key: good[key] for key in ("context", "labels", "query")})
    assert "'query_label'" in refusal(Prompt.from_npz, path)
    np.savez(path, **(good | {"labels": [np.nan]}))
    assert f"{path}: labels" in refusal(Prompt.from_npz, path)
    np.savez(path, **(good | {"labels": np.array([{}], dtype=object)}))
    assert "plain numbers" in refusal(Prompt.from_npz, path)
    np.savez(path, **good)
    whole = path.read_bytes()
    for damaged in (b"", b"not a zip", whole[:-30], whole.replace(b"NUMPY", b"NUMPI")):
        assert str(path) in refusal(Prompt.from_npz, write(tmp_path, damaged, "prompt.npz"))
    np.save(tmp_path / "one.npy", [1.0])
    assert "keys" in refusal(Prompt.from_npz, tmp_path / "one.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("context", "text")
    assert str(path) in refusal(Prompt.from_npz, path)


def test_example_data_is_whole():
    prompt = Prompt.from_csv(example_data(), target="progression", context=slice(0, 441), query=441)
    assert (prompt.n, prompt.d) == (441, 10)
    assert prompt.preprocessing.feature_names[:3] == ("age", "sex", "bmi")
