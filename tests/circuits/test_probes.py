"""Probes: what stands where, for every variant; what is random is fixed by its seed."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from lintrans.circuits import draws
from lintrans.circuits.probes import KINDS, Probe, published_probe, repeated_probe, text_probe
from lintrans.errors import InputError

V = 50_304
TEXT = np.arange(3000) * 7 % 251


def made(**changed):
    """A probe by hand: one sequence of 32 tokens, the last at lag 10."""
    tokens = np.arange(100, 132)[None].copy()
    tokens[0, -1] = tokens[0, 21]
    fields = {"copy": np.array([21]), "passage": np.array([1]), "random": np.array([[3, 4]])} | changed
    return Probe("by hand", **({"tokens": tokens} | fields))


def test_the_published_probe_is_filler_a_b_filler_a():
    probe = published_probe(V)
    rows = np.arange(2000)
    assert probe.tokens.shape == (2000, 256)
    assert probe.tokens.min() >= 100 and probe.tokens.max() < 10_000
    a, b = probe.tokens[:, -1], probe.tokens[rows, probe.copy + 1]
    assert (probe.tokens[rows, probe.copy] == a).all() and (a != b).all()
    # A occurs twice and B once: no other token of the filler is either.
    assert ((probe.tokens == a[:, None]).sum(axis=1) == 2).all()
    assert ((probe.tokens == b[:, None]).sum(axis=1) == 1).all()
    assert probe.copy.min() == 20 and probe.copy.max() == 127  # every place occurs among 2,000


def test_the_filler_is_uniform():
    tokens = published_probe(V, low=0, high=50).tokens[:, 1:20]
    counts = np.bincount(tokens.reshape(-1), minlength=50)
    # 38,000 draws of 50 ids: 760 each, sigma 27.3; 50 ids within 4.5 sigma, missed once in 3,000 seeds.
    assert abs(counts - 760).max() < 4.5 * 27.3


def test_targets_of_the_published_probe():
    probe = published_probe(V, n=4)
    found = probe.targets
    assert tuple(found) == KINDS
    assert found["induction"][:, 0].tolist() == (probe.copy + 1).tolist()
    assert found["duplicate"][:, 0].tolist() == probe.copy.tolist()
    for kind, places in {
        "previous token": [254],
        "first token": [0],
        "self": [255],
        "local": [250, 251, 252, 253],
    }.items():
        assert found[kind].tolist() == [places] * 4


def test_random_positions_are_fixed_and_outside_both_ends():
    probe = published_probe(V, n=200)
    assert probe.random.shape == (200, 50)
    assert (probe.random == probe.random[0]).all()
    places = probe.random[0]
    assert len(set(places.tolist())) == 50 and places.min() > 0 and places.max() < 250


def test_random_positions_can_be_kept_apart_from_a_and_b():
    together, apart = published_probe(V, n=500), published_probe(V, n=500, apart=True)
    for probe, meets in ((together, True), (apart, False)):
        met = [(probe.random == probe.targets[kind]).any() for kind in ("induction", "duplicate")]
        assert met == [meets] * 2
    assert (together.tokens == apart.tokens).all()
    assert all(len(set(row)) == 50 for row in apart.random.tolist())


def test_a_seed_fixes_everything_and_more_sequences_begin_with_those_of_fewer():
    probe, other = published_probe(V, n=50), published_probe(V, n=50, seed=43)
    longer = published_probe(V, n=80)
    assert (longer.tokens[:50] == probe.tokens).all() and (longer.copy[:50] == probe.copy).all()
    assert (other.tokens != probe.tokens).mean() > 0.99
    assert (other.random[0] != probe.random[0]).any()
    fewer, more = (repeated_probe(V, n=n, length=64).tokens for n in (6, 9))
    assert (more[:6] == fewer).all()


def test_a_seed_gives_these_sequences_on_every_machine():
    # Recorded once: what a seed draws must not change with NumPy or with this package.
    probe = published_probe(V, n=2, length=32)
    assert probe.settings()["digest"] == "208a25a7d1aed56b"
    assert repeated_probe(V, n=3, length=32).settings()["digest"] == "bcd9cacd3d9f79c6"
    assert probe.copy.tolist() == [7, 13]


def test_ids_are_scaled_to_a_small_vocabulary():
    assert draws.id_range(10_000) == (100, 10_000)
    assert draws.id_range(9_999) == (99, 9_999)
    assert draws.id_range(500, 100, 1000) == (50, 500)
    tokens = published_probe(257, n=300, bos=256).tokens
    assert (tokens[:, 0] == 256).all() and (tokens[:, 1:] < 256).all() and tokens.min() == 2


def test_lags_can_be_chosen():
    probe = published_probe(V, n=100, lags=(20, 40))
    assert set(probe.lags.tolist()) == {20, 40}
    assert probe.groups.tolist() == [int(lag == 40) for lag in probe.lags.tolist()]


def test_many_lags_make_four_groups_in_their_order():
    probe = published_probe(V, n=400)
    assert not probe.has_few_lags
    sizes = np.bincount(probe.groups)
    assert sizes.size == 4 and sizes.min() >= 90  # ties move a few of 100
    ends = [(probe.lags[probe.groups == g].min(), probe.lags[probe.groups == g].max()) for g in range(4)]
    assert all(before[1] < after[0] for before, after in pairwise(ends))


@pytest.mark.parametrize("bos", [None, 0])
def test_the_repeated_probe_ends_with_a_passage_twice(bos):
    probe = repeated_probe(V, n=6, length=64, lags=(10, 20, 40), bos=bos)
    assert probe.lags.tolist() == [10, 20, 40] * 2
    assert probe.passage.tolist() == [10, 20, 23] * 2  # of a lag of 40 as many as fit behind position 0
    for row, lag, size in zip(probe.tokens, probe.lags, probe.passage, strict=True):
        assert (row[64 - size :] == row[64 - size - lag : 64 - lag]).all()
        values, times = np.unique(row[0 if bos is None else 1 :], return_counts=True)
        assert (times <= 2).all() and (times == 2).sum() == size
        assert set(values[times == 2]) == set(row[64 - size :])
    if bos is not None:
        assert (probe.tokens[:, 0] == bos).all() and (probe.tokens[:, 1:] != bos).all()


def test_random_positions_of_a_repeated_probe_are_no_targets_of_any_lag():
    probe = repeated_probe(V, n=6, length=64, lags=(10, 20, 40))
    places = set(probe.random.reshape(-1).tolist())
    assert not places & {0, *range(58, 64), 53, 54, 43, 44, 23, 24}
    assert len(places) == 50 and (probe.random == probe.random[0]).all()


def test_letters_repeat_outside_the_passage_only():
    letters = [*range(65, 91), *range(97, 123)]
    probe = repeated_probe(257, n=6, length=120, lags=(20, 27, 34), ids=letters, bos=256)
    for row, lag in zip(probe.tokens, probe.lags, strict=True):
        passage = row[120 - lag :].tolist()
        assert len(set(passage)) == lag and set(passage) <= set(letters)
        assert not set(passage) & set(row[: 120 - 2 * lag].tolist())


def test_the_text_probe_is_a_piece_of_the_text_with_a_repetition():
    probe = text_probe(TEXT, n=8, length=64, lags=(12, 20), bos=255)
    pieces = np.lib.stride_tricks.sliding_window_view(TEXT, 10)
    for row, lag in zip(probe.tokens, probe.lags, strict=True):
        assert (pieces == row[1:11]).all(axis=1).any()
        assert (row[64 - lag :] == row[64 - 2 * lag : 64 - lag]).all() and row[0] == 255


def test_settings_say_which_probe_it_is():
    found = published_probe(V, n=40).settings()
    assert {key: found[key] for key in ("name", "n", "length", "seed", "bos", "n_random")} == {
        "name": "published",
        "n": 40,
        "length": 256,
        "seed": 42,
        "bos": None,
        "n_random": 50,
    }
    assert repeated_probe(V, lags=(9, 30)).settings()["lags"] == [9, 30]
    assert published_probe(V, n=40, seed=1).settings()["digest"] != found["digest"]


def test_arrays_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        published_probe(V, n=2).tokens[0, 0] = 3


@pytest.mark.parametrize(
    ("make", "needles"),
    [
        (lambda: published_probe(V, n=0), ["n must", "0"]),
        (lambda: published_probe(V, length=23), ["length must", "23"]),
        (lambda: published_probe(3), ["ids must be at least 4"]),
        (lambda: published_probe(V, bos=V), ["ids must lie below the vocabulary"]),
        (lambda: published_probe(V, low=9, high=9), ["low must lie below high"]),
        (lambda: published_probe(V, lags=(30,)), ["at least two"]),
        (lambda: published_probe(V, seed=-1), ["seed"]),
        (lambda: repeated_probe(V, lags=(30, 30)), ["at least two different"]),
        (lambda: repeated_probe(V, lags=(3, 30)), ["a lag must lie between 8 and 254", "3"]),
        (lambda: repeated_probe(V, lags=30), ["lags must be a list"]),
        (lambda: repeated_probe(V, n=1), ["n must be at least the number of lags"]),
        (lambda: repeated_probe(V, ids=range(20), lags=(8, 20)), ["lags must lie below the number of ids"]),
        (lambda: repeated_probe(V, ids=[5, 5, 6, 7, 8]), ["ids must be different"]),
        (lambda: repeated_probe(100, ids=range(200)), ["ids must lie below the vocabulary, 100"]),
        (lambda: text_probe(TEXT[:256]), ["text must have more than 256 tokens"]),
        (lambda: text_probe([0.5] * 300), ["text must hold whole numbers"]),
        (lambda: made(tokens=np.arange(32)[None]), ["tokens must end with those a lag before"]),
        (lambda: made(copy=np.array([24])), ["copy must lie between 1 and 23"]),
        (lambda: made(copy=np.array([0])), ["copy must lie between 1 and 23"]),
        (lambda: made(passage=np.array([11])), ["passage must lie between 1 and 10"]),
        (lambda: made(random=np.array([[32]])), ["random must lie between 0 and 31"]),
        (lambda: made(copy=np.array([21, 21])), ["must have 1 rows"]),
        (lambda: made(tokens=-np.ones((1, 32), dtype=int)), ["tokens must hold whole numbers"]),
    ],
)
def test_what_is_refused(make, needles):
    with pytest.raises(InputError) as refusal:
        make()
    message = str(refusal.value)
    assert "\n" not in message and ";" in message
    assert [needle for needle in needles if needle not in message] == [], message


def test_a_probe_by_hand():
    assert made().lags.tolist() == [10] and made().has_few_lags
