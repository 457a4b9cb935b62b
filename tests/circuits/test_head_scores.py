"""Scores of heads on attention made by hand, whose scores are known; a flipped sign or axis is seen."""

from __future__ import annotations

import numpy as np
import pytest

from lintrans.circuits import scores
from lintrans.circuits.heads import KINDS
from lintrans.circuits.probes import published_probe, repeated_probe
from lintrans.errors import InputError

V, T = 50_304, 64
REPEATED = repeated_probe(V, n=9, length=T, lags=(10, 16, 24))


def looking(probe, where):
    """Attention (n, 1, T, T) of a head: from each query to where(row, query), or to itself if that is off."""
    full = np.zeros((probe.n, 1, probe.length, probe.length), dtype=np.float32)
    for i in range(probe.n):
        for q in range(probe.length):
            key = where(i, q)
            full[i, 0, q, key if 0 <= key <= q else q] = 1
    return full


HEADS = {
    "induction": lambda i, q: q - REPEATED.lags[i] + 1,
    "previous token": lambda i, q: q - 1,
    "duplicate": lambda i, q: q - REPEATED.lags[i],
    "first token": lambda i, q: 0,
    "self": lambda i, q: q,
    "local": lambda i, q: q - 4,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_head_of_each_kind_has_mass_1_on_its_target_alone(kind):
    rows = looking(REPEATED, HEADS[kind])[:, :, -1]
    found = {name: scores.mass(rows, at).item() for name, at in REPEATED.targets.items()}
    assert found == {name: (0.25 if kind == "local" else 1.0) if name == kind else 0.0 for name in KINDS}


def test_uniform_attention_has_mass_1_over_t_and_selectivity_1():
    probe = published_probe(V, n=30, length=T)
    rows = np.full((30, 2, T), 1 / T)
    for at in probe.targets.values():
        assert scores.mass(rows, at) == pytest.approx(np.full(2, 1 / T))
        assert scores.ratio(rows, at, probe.random) == pytest.approx(np.ones(2))


def test_selectivity_is_a_quotient_of_means_and_no_mean_of_quotients():
    # Two sequences: target 0.5 and 0.1, background 0.1 and 0.3. (0.6/2) / (0.4/2) = 1.5; the mean of the
    # quotients 5 and 1/3 would be 2.67.
    rows = np.array([[[0.5, 0.1]], [[0.1, 0.3]]])
    target, random = np.array([[0], [0]]), np.array([[1], [1]])
    assert scores.ratio(rows, target, random).tolist() == pytest.approx([1.5])


def test_a_head_that_looks_at_nothing_random_is_infinitely_selective():
    rows = np.array([[[1.0, 0.0], [0.0, 0.0]]])
    found = scores.ratio(rows, np.array([[0]]), np.array([[1]]))
    assert found[0] == np.inf and np.isnan(found[1])


def test_layers_and_heads_keep_their_places():
    rows = np.random.default_rng(0).random((3, 5, 2, T))  # layers, sequences, heads
    at = np.array([[3], [1], [4], [1], [5]])
    found = scores.mass(rows, at)
    assert found.shape == (3, 2)
    for layer in range(3):
        for head in range(2):
            wanted = np.mean([rows[layer, i, head, at[i, 0]] for i in range(5)])
            assert found[layer, head] == pytest.approx(wanted)


def test_a_fixed_offset_is_not_induction_though_its_mean_is_high():
    """At one of three lags it looks at B; its mean is 1/3 and its least 0."""
    fixed = looking(REPEATED, lambda i, q: q - 16 + 1)[:, :, -1]
    follows = looking(REPEATED, HEADS["induction"])[:, :, -1]
    target = REPEATED.targets["induction"]
    for rows, mean, least in ((fixed, 1 / 3, 0), (follows, 1, 1)):
        by_lag = scores.by_group(scores.attention_to(rows, target), REPEATED.groups)
        assert by_lag.shape == (3, 1)
        assert (scores.mass(rows, target).item(), by_lag.min()) == pytest.approx((mean, least))
        assert scores.is_fixed_offset(mean, by_lag.min()) == (least == 0)


def test_at_one_lag_alone_both_heads_look_the_same():
    """The negative control: why a probe needs at least two lags."""
    one_lag = REPEATED.lags == 16
    for where in (HEADS["induction"], lambda i, q: q - 16 + 1):
        rows = looking(REPEATED, where)[one_lag, :, -1]
        assert scores.mass(rows, REPEATED.targets["induction"][one_lag]).item() == 1


def test_a_fixed_offset_hardly_shows_in_the_published_probe():
    probe = published_probe(V, n=2000)
    rows = np.zeros((2000, 1, 256))
    rows[:, :, 256 - 150] = 1  # 150 tokens back is B at one lag of 108
    found = scores.mass(rows, probe.targets["induction"]).item()
    assert 0 < found < 0.025  # 1/108 = 0.009 expected of 2,000: sigma 0.0021
    by_lag = scores.by_group(scores.attention_to(rows, probe.targets["induction"]), probe.groups)
    assert sorted(by_lag.ravel() > 0) == [False, False, False, True]


def test_standard_scores_of_each_head():
    size, lag = REPEATED.passage, REPEATED.lags
    for kind, where in HEADS.items():
        full = looking(REPEATED, where)
        assert scores.previous_token(full).mean() == pytest.approx(
            # the head of duplicates and that of induction look at themselves where there is no earlier copy
            {"previous token": 1.0, "first token": 1 / 63}.get(kind, 0.0)
        )
        found = [scores.on_copies(full, lag, size, shift).mean() for shift in (0, 1)]
        assert found == [float(kind == "duplicate"), float(kind == "induction")]


def test_importance_of_the_first_token():
    full = looking(REPEATED, HEADS["first token"])
    assert scores.first_token_importance(full).tolist() == [[1.0]] * 9
    # A uniform head: mean of 1/q over q = 1..T, the harmonic number over T.
    uniform = (np.tril(np.ones((T, T))) / np.arange(1, T + 1)[:, None])[None, None]
    harmonic = (1 / np.arange(1, T + 1)).sum() / T
    assert scores.first_token_importance(uniform).item() == pytest.approx(harmonic)
    assert scores.sink_share([[0.31, 0.3, 0.29, 1.0]]) == 0.5  # strictly above epsilon
    assert scores.sink_share([[0.31, 0.3, 0.29, 1.0]], epsilon=0.9) == 0.25


def test_in_context_positions_are_tokens_50_and_500_of_512():
    early, late = scores.in_context_positions(512)
    assert (early.mean(), late.mean(), early.size, late.size) == (50, 500, 17, 17)
    early, late = scores.in_context_positions(64)
    assert (early.tolist(), late.tolist()) == ([5, 6, 7], [61, 62, 63])
    assert scores.in_context_positions(24)[1].max() <= 23


def test_the_in_context_score_is_negative_if_later_tokens_are_easier():
    assert scores.in_context_score(early=[[3.0, 5.0]], late=[[1.0, 2.0]]) == -2.5


def by_definition(outputs, form="entropy"):
    s = np.linalg.svd(outputs, compute_uv=False)
    p = s**2 / (s**2).sum()
    p = p[p > 0]
    return np.exp(-(p * np.log(p)).sum()) if form == "entropy" else (s**2).sum() ** 2 / (s**4).sum()


@pytest.mark.parametrize("form", scores.FORMS)
@pytest.mark.parametrize("shape", [(40, 8), (5, 8), (8, 8)])
def test_participation_is_that_of_singular_values(form, shape):
    outputs = np.random.default_rng(3).standard_normal((2, *shape)) * np.linspace(0.2, 2, shape[1]) + 0.5
    found = scores.participation_ratio(outputs, form)
    # X^T X has the squares of singular values to 1e-16 of the largest, so that p is known to 1e-15.
    assert found == pytest.approx([by_definition(one, form) for one in outputs], rel=1e-12)
    assert (found <= scores.participation_bound(*shape) * (1 + 1e-12)).all() and (found >= 1).all()


def test_participation_of_known_spectra():
    assert scores.participation_ratio(np.eye(6)[:, :4]) == pytest.approx(4)
    assert scores.participation_ratio(np.outer(np.arange(1, 9), np.ones(4))) == pytest.approx(1)
    assert scores.participation_ratio(7 * np.eye(3)) == pytest.approx(3)  # of no scale
    mean = np.ones((50, 4))  # not centred: a constant output is one direction, and not none
    assert scores.participation_ratio(mean) == pytest.approx(1)


def test_participation_of_the_products_is_that_of_the_outputs():
    outputs = np.random.default_rng(4).standard_normal((3, 20, 5))
    gram = sum(np.swapaxes(part, -1, -2) @ part for part in np.split(outputs, 4, axis=1))
    assert scores.participation_of_gram(gram) == pytest.approx(scores.participation_ratio(outputs), rel=1e-12)


def test_undefined_participation_is_nan():
    found = scores.participation_ratio(np.stack([np.zeros((5, 3)), np.full((5, 3), np.inf), np.ones((5, 3))]))
    assert np.isnan(found[:2]).all() and found[2] == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "needle"),
    [
        (lambda: scores.participation_ratio(np.eye(3), "other"), "form must be one of entropy, moments"),
        (
            lambda: scores.attention_to(np.ones((3, 2, 8)), np.zeros((2, 1), dtype=int)),
            "rows must have shape",
        ),
        (lambda: scores.previous_token(np.ones((1, 1, 3, 4))), "attention must have shape"),
    ],
)
def test_what_is_refused(call, needle):
    with pytest.raises(InputError, match=needle) as refusal:
        call()
    assert ";" in str(refusal.value) and "\n" not in str(refusal.value)
