"""A real table cut into many prompts, for a population to draw batches from."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from lintrans.errors import InputError, check_seed, count
from lintrans.prompts.prompt import Prompt
from lintrans.prompts.readers import naming_file, read_table

MAX_TABLE_PROMPTS = 10**5


def prompts_from_csv(
    path: str | os.PathLike[str],
    *,
    target: str,
    context_length: int,
    n_prompts: int | None = None,
    features: Sequence[str] | None = None,
    standardize: bool = False,
    center: bool = False,
    seed: int = 0,
) -> list[Prompt]:
    """Cut a comma-separated table into prompts of ``context_length`` rows and a query row each.

    Parameters
    ----------
    path, target, features
        As in `lintrans.Prompt.from_csv`.
    context_length
        Rows n in the context of each prompt.
    n_prompts
        Number of prompts, each with rows drawn at random without repetition; different prompts may share
        rows. By default the rows are shuffled and cut into prompts that share no row.
    standardize, center
        As in `lintrans.Prompt.from_csv`, but from all rows of the table, so that all prompts have the same
        scale.
    seed
        Seed of the choice of rows, for ``numpy.random.default_rng``.

    Raises
    ------
    InputError
        If the file cannot be read or used, or has too few rows.

    Examples
    --------
    >>> from lintrans import example_data
    >>> prompts = prompts_from_csv(example_data(), target="progression", context_length=16)
    >>> len(prompts), prompts[0].n, prompts[0].d
    (26, 16, 10)
    """
    context_length = count("context_length", context_length)
    rng = np.random.default_rng(check_seed(seed))
    with naming_file(path) as file:
        _, x, y = read_table(file, target=target, features=features)
        n_rows, size = len(x), context_length + 1
        if size > n_rows:
            raise InputError(
                f"context_length must leave a row for the query of {n_rows}, got {context_length}; lower it"
            )
        if n_prompts is None:
            rows = rng.permutation(n_rows)[: n_rows // size * size].reshape(-1, size)
        else:
            n_prompts = count("n_prompts", n_prompts, maximum=MAX_TABLE_PROMPTS)
            rows = np.array([rng.choice(n_rows, size, replace=False) for _ in range(n_prompts)])
        whole = Prompt.from_arrays(x, y, x[0], 0.0, standardize=standardize, center=center)
        x, y = whole.context, whole.labels
        return [Prompt.from_arrays(x[c[:-1]], y[c[:-1]], x[c[-1]], y[c[-1]]) for c in rows]
