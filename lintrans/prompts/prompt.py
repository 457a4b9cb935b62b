"""Prompt: one in-context regression problem, from arrays, a CSV file or an NPZ file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lintrans.errors import InputError, finite, finite_array, frozen_array, read_only, settle
from lintrans.prompts.readers import naming_file, read_csv, read_npz

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """What was done to the raw numbers: ``x = (raw - feature_means) / feature_scales``.

    Attributes
    ----------
    feature_names : tuple of str, length d
        Column names of a CSV file, else ``x0, x1, ...``.
    feature_means, feature_scales : (d,) arrays
        Mean and standard deviation (divisor n) of the context rows, in raw units; 0 and 1 when
        ``standardize`` is false.
    label_mean : float
        Subtracted from the labels and the query label; 0 when ``center`` is false.
    standardize, center : bool
        The settings that were passed.
    """

    feature_names: tuple[str, ...]
    feature_means: FloatArray
    feature_scales: FloatArray
    label_mean: float
    standardize: bool
    center: bool


@dataclass(frozen=True, eq=False)
class Prompt:
    """Context ``(x_i, y_i)``, ``i = 1..n``, and a query ``(x_q, y_q)``: arrays are copied and read-only.

    Attributes
    ----------
    context : (n, d) array
        The rows ``x_i``.
    labels : (n,) array
        The labels ``y_i``.
    query : (d,) array
        The row ``x_q``, whose label the transformer must predict.
    query_label : float
        The label ``y_q``.
    preprocessing : Preprocessing or None
        How the numbers above follow from the raw ones; None when built directly.
    source : str
        Where the numbers came from: ``"arrays"`` or a file name without its folder.

    Raises
    ------
    InputError
        If an entry is not a finite real number or the shapes do not match.

    Examples
    --------
    >>> prompt = Prompt.from_arrays([[1.0, 0.0], [0.0, 2.0]], [3.0, 5.0], [1.0, 1.0], 4.0)
    >>> prompt.n, prompt.d, prompt.context_moment.tolist()
    (2, 2, [1.5, 5.0])
    """

    context: FloatArray
    labels: FloatArray
    query: FloatArray
    query_label: float
    preprocessing: Preprocessing | None = None
    source: str = "arrays"

    def __post_init__(self) -> None:
        for name, ndim in (("context", 2), ("labels", 1), ("query", 1)):
            settle(self, **{name: frozen_array(name, getattr(self, name), ndim)})
        settle(self, query_label=finite("query_label", self.query_label))
        n, d = self.context.shape
        if n < 1 or d < 1:
            raise InputError(f"context must have a row and a column, got shape {(n, d)}; pass n, d >= 1")
        if self.labels.size != n:
            raise InputError(
                f"labels must match the {n} rows of context, got {self.labels.size} labels; "
                "pass one label per row"
            )
        if self.query.size != d:
            raise InputError(
                f"query must match the {d} columns of context, got {self.query.size} entries; "
                "pass one entry per column"
            )

    @property
    def n(self) -> int:
        """Number of context rows (the prompt length)."""
        return len(self.context)

    @property
    def d(self) -> int:
        """Number of features."""
        return len(self.query)

    @property
    def context_moment(self) -> FloatArray:
        """Mean of ``y_i x_i`` over the context, shape (d,), in label times feature units.

        Mantissas and exponents are kept apart, so that no intermediate product overflows or underflows if
        float64 can represent the mean.

        Raises
        ------
        InputError
            If an entry of the mean itself is too large for float64.
        """
        x_mantissa, x_exponent = np.frexp(self.context)
        y_mantissa, y_exponent = np.frexp(self.labels[:, None])
        products, exponents = x_mantissa * y_mantissa, x_exponent + y_exponent
        top = np.where(products != 0, exponents, -5000).max(axis=0)
        with np.errstate(over="ignore"):
            moment: FloatArray = np.ldexp(np.ldexp(products, exponents - top).mean(axis=0), top)
        if not np.isfinite(moment).all():
            raise InputError(
                f"context_moment must be below 1.8e308, got an overflow in column "
                f"{np.flatnonzero(~np.isfinite(moment))[0]}; rescale the features or the labels"
            )
        return moment

    @classmethod
    def from_arrays(
        cls,
        context: ArrayLike,
        labels: ArrayLike,
        query: ArrayLike,
        query_label: float,
        *,
        standardize: bool = False,
        center: bool = False,
    ) -> Prompt:
        """Build a prompt from numbers in memory.

        Parameters
        ----------
        context, labels, query, query_label
            Shapes (n, d), (n,), (d,) and a number.
        standardize : bool
            Subtract the mean and divide by the standard deviation of each context column, in the query
            too. The statistics never see the query. Use it when features have different units.
        center : bool
            Subtract the mean context label from all labels. The model has no intercept: use it when
            labels are far from 0.

        Raises
        ------
        InputError
            If the data are not finite, shapes differ, or a column to standardise is constant.

        Examples
        --------
        >>> Prompt.from_arrays([[1.0], [3.0]], [0.0, 2.0], [6.0], 5.0, standardize=True).query.item()
        4.0
        """
        x, y = finite_array("context", context, 2), finite_array("labels", labels, 1)
        raw = cls(x, y, finite_array("query", query, 1), query_label)
        names = tuple(f"x{j}" for j in range(raw.d))
        return _preprocess(raw, names, standardize=standardize, center=center, source="arrays")

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        target: str,
        context: slice | Sequence[int],
        query: int,
        features: Sequence[str] | None = None,
        standardize: bool = False,
        center: bool = False,
    ) -> Prompt:
        """Build a prompt from a comma-separated file with one header line, in UTF-8.

        Parameters
        ----------
        path : path
            The file. Blank lines are skipped; blanks around column names are dropped.
        target : str
            Column of the labels.
        context : slice or sequence of int
            Data rows of the context, counted from 0 below the header. Rows must exist: a slice is not
            clipped, and negative rows are refused.
        query : int
            Data row of the query, outside the context.
        features : sequence of str, optional
            Feature columns, in this order; all columns but the target when omitted. Cells outside the
            chosen columns and rows may hold anything.
        standardize, center
            As in `from_arrays`.

        Raises
        ------
        InputError
            If the file cannot be read or used; the line names the file, and the row and column if any.

        Examples
        --------
        >>> prompt = Prompt.from_csv(example_data(), target="progression", context=slice(0, 64), query=64)
        >>> prompt.n, prompt.d, prompt.query_label
        (64, 10, 71.0)
        """
        with naming_file(path) as file:
            names, numbers = read_csv(file, target=target, context=context, query=query, features=features)
            raw = cls(**numbers)
            return _preprocess(raw, names, standardize=standardize, center=center, source=file.name)

    @classmethod
    def from_npz(
        cls, path: str | os.PathLike[str], *, standardize: bool = False, center: bool = False
    ) -> Prompt:
        """Build a prompt from an NPZ file with the keys context, labels, query, query_label.

        Parameters
        ----------
        path : path
            A file written by ``numpy.savez``. Pickled objects in it are refused, never loaded.
        standardize, center
            As in `from_arrays`.

        Raises
        ------
        InputError
            If the file cannot be read, is not an NPZ file, lacks a key, or its numbers are refused.
        """
        with naming_file(path) as file:
            prompt = cls.from_arrays(**read_npz(file), standardize=standardize, center=center)
            return replace(prompt, source=file.name)


def example_data() -> Path:
    """Return the path of the example table ``diabetes.csv``: 442 rows, 10 features, target ``progression``.

    On the command line the word ``example`` stands for this file. Values are in raw units; the source and the
    meaning of the columns are in ``lintrans/data/README.md``.

    Examples
    --------
    >>> example_data().name
    'diabetes.csv'
    """
    return Path(__file__).parents[1] / "data" / "diabetes.csv"


def _preprocess(
    raw: Prompt, names: tuple[str, ...], *, standardize: bool, center: bool, source: str
) -> Prompt:
    means, scales, label_mean = np.zeros(raw.d), np.ones(raw.d), 0.0
    if standardize:
        constant = np.flatnonzero((raw.context == raw.context[0]).all(axis=0))
        if constant.size:
            raise InputError(
                f"standardize needs columns that vary within the context, got {names[constant[0]]!r} "
                f"constant over {raw.n} rows; drop that feature, take more rows, or pass standardize=False"
            )
        means, scales = _mean_and_deviation(raw.context)
    if center:
        label_mean = float(_mean_and_deviation(raw.labels)[0])
    record = Preprocessing(
        names, read_only(means), read_only(scales), label_mean, bool(standardize), bool(center)
    )
    with np.errstate(over="ignore"):  # an overflow is reported by the validation of the result
        context, query = (raw.context - means) / scales, (raw.query - means) / scales
        labels = raw.labels - label_mean
    return Prompt(context, labels, query, raw.query_label - label_mean, record, source)


def _mean_and_deviation(array: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation over axis 0, scaled by powers of two so that squares stay in range."""
    exponent = np.frexp(np.abs(array).max(axis=0))[1]
    scaled = np.ldexp(array, -exponent)
    return np.ldexp(scaled.mean(axis=0), exponent), np.ldexp(scaled.std(axis=0), exponent)
