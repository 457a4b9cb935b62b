"""Findings on a history of heads that is known by hand, and on heads at the edges of every rule."""

from __future__ import annotations

import math

import numpy as np
import pytest
from standin_tracking import STEPS, TOKENS, N, history, plain, tracking

from lintrans.circuits import findings, probes
from lintrans.circuits.findings import (
    best_class,
    by_any_class,
    by_best_class,
    classes_present,
    formation,
    fraction,
    layer_counts,
    members,
    milestone,
    milestones,
    reaches,
    recall,
    shallowest_layer,
)
from lintrans.circuits.heads import KINDS, HeadTable, head_table, names
from lintrans.circuits.leads import participation_lead
from lintrans.circuits.reports import amount, report
from lintrans.counting.transitions import fit_transition
from lintrans.errors import InputError

INDUCTION, PREVIOUS, FIRST = 0, 1, 3
SINKS = [0, 0, 1, 2, 3, 4, 5, 6]


def heads(*rows, revisions=1):
    """One layer of heads with these ratios at every revision."""
    return np.broadcast_to(np.array(rows, float), (revisions, 1, *np.shape(rows))).copy()


def test_kinds_are_those_of_the_probe():
    assert KINDS == probes.KINDS


def test_array_table_and_tracking_say_the_same():
    forms = history()["ratio"], plain(), tracking()
    for find in (fraction, shallowest_layer, recall, best_class, layer_counts):
        first, *others = (find(form) for form in forms)
        assert all(np.array_equal(first, other) for other in others)
    counts = [by_best_class(form).counts.tolist() for form in forms]
    assert counts[0] == counts[1] == counts[2]


def test_a_tracking_gives_its_names():
    table = head_table(tracking())
    assert (table.model, table.n) == ("toy/model", 48)
    assert table.revisions[1] == "step500"
    assert table.kinds == KINDS
    assert head_table(table) is table
    assert milestone(tracking(), "induction").revision == "step4000"


def test_other_kinds_are_found_by_their_names():
    table = HeadTable(ratio=heads([1, 99, 1]), kind=np.array(["a", "b", "first token"]))
    assert by_best_class(table).kinds == ("a", "b", "first token")
    assert fraction(table, "b").tolist() == [1]
    assert fraction(table).tolist() == [0]
    assert milestones(table)[0].name.startswith("first token >= 10 %")


def test_best_class_counts_a_head_once_and_any_class_several_times():
    ratio = heads([40, 1, 1, 50, 1, 1], [40, 1, 1, 30, 1, 1], [1, 1, 1, 1, 1, 29.9])
    best, every = by_best_class(ratio), by_any_class(ratio)
    assert best.counts.tolist() == [[1, 0, 0, 1, 0, 0]]
    assert every.counts.tolist() == [[2, 0, 0, 2, 0, 0]]
    assert best.unclassified.tolist() == every.unclassified.tolist() == [1]
    assert best.n_heads == 3


def test_the_first_of_equal_ratios_is_taken():
    assert best_class(heads([1, 50, 50, 1, 1, 1])).tolist() == [[[PREVIOUS]]]


def test_nan_reaches_no_threshold_and_hides_no_other_kind():
    ratio = heads([np.nan, 1, 1, 40, 1, 1], [np.inf, 1, 1, 40, 1, 1])
    assert best_class(ratio).ravel().tolist() == [FIRST, INDUCTION]
    assert by_any_class(ratio).counts.tolist() == [[1, 0, 0, 2, 0, 0]]


def test_a_head_without_ratios_is_no_head():
    ratio = heads([1, 1, 1, 40, 1, 1], [1] * 6, [np.nan] * 6)
    assert head_table(ratio).n_heads == 2
    assert fraction(ratio).tolist() == [0.5]
    assert by_best_class(ratio).unclassified.tolist() == [1]
    assert milestone(ratio, "first token", share=0.5).place == 0


def test_counts_beside_the_threshold():
    """Ratios of 29.998, 30.2 and 31: one head is lost 1 % higher, one is gained 1 % lower."""
    ratio = heads(*([1, 1, 1, value, 1, 1] for value in (29.998, 30.2, 31, 29.6)))
    counts = by_any_class(ratio)
    at = [side[0, FIRST].item() for side in (counts.stricter, counts.counts, counts.looser)]
    assert at == [1, 2, 3]
    assert reaches(ratio)[0, 0, 0, FIRST].item() is False


def test_a_head_at_a_fixed_offset_is_not_induction():
    ratio = heads([90, 40, 1, 1, 1, 1], [90, 1, 1, 1, 1, 1], [90, 1, 1, 1, 1, 1])
    flags = np.array([[[True, True, False]]])
    table = HeadTable(ratio=ratio, has_fixed_offset=flags, tokens=[1.0])
    assert by_any_class(table).counts.tolist() == [[1, 1, 0, 0, 0, 0]]
    assert best_class(table).ravel().tolist() == [PREVIOUS, -1, INDUCTION]
    assert by_any_class(ratio).counts[0, INDUCTION] == 3
    assert fraction(table, "induction").tolist() == [1 / 3]
    found = report(table)
    assert found.answer()["revisions"][0]["fixed_offset"] == 2
    assert found.sentences()[0].startswith("induction: of the heads that reach 30 at the end, 2 look back")
    assert report(ratio).answer()["revisions"][0]["fixed_offset"] == 0


def test_the_threshold_itself_is_reached():
    assert by_any_class(heads([30, 1, 1, 1, 1, 1])).counts[0, 0] == 1
    assert by_any_class(heads([30, 1, 1, 1, 1, 1]), 30.001).counts[0, 0] == 0


def test_fraction_layers_and_shallowest_layer():
    assert fraction(plain()).tolist() == [n / 12 for n in SINKS]
    assert layer_counts(plain())[-1].tolist() == [0, 2, 4]
    assert shallowest_layer(plain()).tolist() == [-1, -1, 2, 2, 1, 1, 1, 1]
    assert shallowest_layer(plain(), n_heads=3).tolist() == [-1, -1, -1, -1, -1, 2, 2, 2]
    assert shallowest_layer(plain(layer=[5, 7, 9])).tolist() == [-1, -1, 9, 9, 7, 7, 7, 7]
    assert shallowest_layer(plain(), "previous token").tolist() == [-1, -1, 0, 0, 0, 0, 0, 0]


def test_best_class_is_an_option_everywhere():
    ratio = heads([90, 1, 1, 40, 1, 1], [1, 1, 1, 40, 1, 1])
    assert fraction(ratio).tolist() == [1]
    assert fraction(ratio, best=True).tolist() == [0.5]
    assert members(ratio, "first token", best=True).ravel().tolist() == [False, True]
    assert milestone(ratio, "first token", n_heads=2, best=True).place is None
    assert recall(ratio, "first token", best=True).tolist() == [1]


def test_milestones():
    found = {one.name: one for one in milestones(plain())}
    first = found["induction >= 1 head at 30x"]
    assert (first.place, first.revision, first.tokens) == (4, "4", 8e9)
    assert found["induction >= 3 heads at 30x"].place is None
    assert found["first token >= 10 % at 30x"].tokens == 4e9  # 2 of 12
    assert found["first token >= 30 % at 30x"].tokens == 16e9  # 4 of 12; 3 are 25 %
    assert found["first token >= 50 % at 30x"].tokens == 64e9
    assert found["first token >= 70 % at 30x"].tokens is None
    assert found["previous token >= 1 head at 30x"].tokens == 2e9
    assert found["self >= 1 head at 30x"].place is None
    assert milestone(plain(tokens=None), "induction").tokens is None
    assert milestone(plain(), "induction", threshold=121).place is None


def test_a_share_that_is_met_exactly_counts():
    """0.7 of 10 heads is 7.000000000000001 in floating point."""
    ratio = heads(*([1, 1, 1, 99, 1, 1],) * 7, *([1] * 6,) * 3)
    assert milestone(ratio, "first token", share=0.7).place == 0
    assert milestone(ratio, "first token", share=0.71).place is None


def test_recall_is_of_the_final_set():
    assert recall(plain(), "first token") == pytest.approx(np.array(SINKS) / 6)
    assert recall(plain(), "induction").tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert np.isnan(recall(plain(), "duplicate")).all()
    ratio = heads([1] * 6, [1] * 6, revisions=3)
    ratio[0, 0, 0, 0] = ratio[1:, 0, 1, 0] = 99  # another head at first
    assert recall(ratio).tolist() == [0, 1, 1]


def test_recall_notices_time_that_runs_backwards():
    found = recall(history()["ratio"][::-1], "first token")
    assert np.isnan(found).all()


def test_the_participation_of_the_induction_head_leads():
    found = participation_lead(plain())
    assert names(found.layer, found.head) == ["L1H0"]
    assert (found.rose.tolist(), found.crossed.tolist()) == ([2], [4])
    assert found.lead.tolist() == [2]  # from 2B to 8B
    assert (found.low.tolist(), found.high.tolist()) == ([1], [3])  # from before 2B, until after 4B
    assert found.unit == "tokens"
    never = found.never  # L0H1 to L0H3 and L1H1
    assert never.size == 4
    assert never[0] == 1  # from 4B to 8B
    assert np.isnan(never[1:]).all()
    summary = found.summary()
    assert summary["median_lead"] == 2 and summary["median_lead_of_never"] == 1
    assert (summary["heads"], summary["rising"], summary["surely_before"]) == (1, 1, 1)
    assert (summary["never_specialised"], summary["never_rising"]) == (4, 1)


def test_a_rise_after_the_crossing_has_a_negative_lead():
    late = history()["participation"]
    late[:, 1, 0] = 1
    late[6:, 1, 0] = 9
    found = participation_lead(plain(participation=late))
    assert found.lead.tolist() == [-2]
    assert found.high.item() == -1 and found.low.item() == -3
    assert found.summary()["surely_before"] == 0


def test_a_participation_that_does_not_double_does_not_rise():
    flat = history()["participation"]
    flat[:, 1, 0] = np.linspace(5, 9.9, N)
    found = participation_lead(plain(participation=flat))
    assert found.rose.tolist() == [-1]
    assert np.isnan([found.lead.item(), found.low.item(), found.high.item()]).all()
    assert found.summary()["median_lead"] is None


def test_the_rise_is_half_way_from_the_first_to_the_largest():
    pr = np.ones((N, 3, 4))
    pr[:, 1, 0] = [2, 2, 7, 9, 20, 40, 42, 3]  # half-way is 22
    assert participation_lead(plain(participation=pr)).rose.tolist() == [5]


def test_a_crossing_at_once_may_lie_any_time_before():
    ratio = history()["ratio"]
    ratio[:, 1, 0, 0] = 120
    table = plain(
        **{name: array[1:] for name, array in {**history(), "ratio": ratio}.items()},
        tokens=TOKENS[1:],
        step=None,
    )
    found = participation_lead(table)
    assert found.crossed.tolist() == [0]
    assert found.low.item() == -math.inf


def test_without_tokens_steps_count():
    unknown = participation_lead(plain(tokens=np.full(N, np.nan)))
    assert unknown.unit == "steps"
    assert unknown.lead.tolist() == [2]
    gap = np.where(np.arange(N) == 3, np.nan, TOKENS)  # a branch without tokens in its name
    found = participation_lead(plain(tokens=gap))
    assert (found.unit, found.lead.tolist(), found.crossed.tolist()) == ("tokens", [2], [4])
    assert found.low.tolist() == [0]  # the revision at 4B is not used
    with pytest.raises(InputError, match="tokens or step"):
        participation_lead(plain(tokens=None, step=None))


def test_no_head_of_the_kind_no_lead():
    found = participation_lead(plain(), "duplicate")
    assert found.lead.size == 0
    assert found.summary()["median_lead_of_never"] is None


def test_formation_fits_the_share_of_heads():
    found = formation(plain(), n_bootstrap=0)
    by_hand = fit_transition(np.log2(TOKENS[1:]), fraction(plain())[1:], n_bootstrap=0)
    assert found.midpoint.value == pytest.approx(by_hand.midpoint.value, abs=1e-9)
    assert found.width.value == pytest.approx(by_hand.width.value, abs=1e-9)
    assert formation(plain(), n_bootstrap=20).resampled == "units"
    assert formation(plain(tokens=None), n_bootstrap=0).midpoint.value == pytest.approx(
        found.midpoint.value + math.log2(500 / 1e9), abs=1e-6
    )
    jump = formation(plain(), "previous token", n_bootstrap=0)
    assert jump.verdict == "unresolved"
    assert formation(plain(), "duplicate", n_bootstrap=0).verdict == "none"


def test_formation_needs_five_revisions_in_order():
    short = {name: array[:4] for name, array in history().items()}
    with pytest.raises(InputError, match="at least 5 points, got 3"):
        formation(HeadTable(**short, tokens=TOKENS[:4]))
    with pytest.raises(InputError, match="x must be increasing"):
        formation(plain(tokens=np.r_[TOKENS[:-1], 1e9]))


def test_classes_present():
    assert classes_present(plain()) == ["induction", "previous token", "first token"]
    assert classes_present(plain(), 200) == ["previous token"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: head_table(np.ones((2, 3, 4))), r"ratio must have axes \(revision, layer, head, kind\)"),
        (lambda: head_table(np.ones((0, 3, 4, 6))), "ratio must have axes"),
        (lambda: head_table(np.ones((1, 3, 4, 5))), "kind must name the 5 kinds"),
        (lambda: plain(tokens=TOKENS[1:]), r"tokens must have shape \(8,\), got \(7,\)"),
        (lambda: plain(participation=np.ones((8, 3, 5))), "participation must have shape"),
        (lambda: reaches(plain(), 0), "threshold must be positive"),
        (lambda: by_best_class(plain(), math.nan), "threshold must be finite"),
        (lambda: fraction(plain(), "sink"), "kind must be one of induction, previous token"),
        (lambda: shallowest_layer(plain(), n_heads=0), "n_heads must lie between 1"),
        (lambda: milestone(plain(), "self", share=1.5), "share must lie above 0 and up to 1"),
        (lambda: participation_lead(plain(participation=None)), "must have participation"),
        (lambda: participation_lead(plain(tokens=TOKENS[::-1])), "tokens must increase"),
        (
            lambda: participation_lead(plain(tokens=[*[np.nan] * 7, 1.0])),
            "known at 2 revisions or more, got 1",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(InputError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value) and ";" in str(refused.value)


def test_a_report_holds_all_findings():
    found = report(tracking(), n_bootstrap=20)
    assert [one.kind for one in found.kinds] == ["induction", "previous token", "first token"]
    answer = found.answer()
    assert (answer["model"], answer["heads"], answer["sequences"]) == ("toy/model", 12, 48)
    last = answer["revisions"][-1]
    assert last["any"]["first token"] == last["best"]["first token"] == 6
    assert (last["step"], last["tokens"], last["unclassified"]) == (32000, 64e9, 4)
    sinks = answer["kinds"]["first token"]
    assert sinks["fraction"].tolist() == [n / 12 for n in SINKS]
    assert sinks["transition"]["verdict"] == "ramp"
    assert answer["kinds"]["induction"]["lead"]["median_lead"] == 2
    assert answer["kinds"]["first token"]["missing"] == []


def test_a_report_says_what_it_cannot_say():
    short = {name: array[:3] for name, array in history().items()}
    found = report(HeadTable(ratio=short["ratio"]), kinds=["first token"])
    assert found.kinds[0].transition is None and found.kinds[0].lead is None
    assert [line.partition(":")[0] for line in found.kinds[0].missing] == ["no transition", "no lead"]
    assert found.kind_lines()[1][-1] == "-"
    assert found.count_lines()[1][:2] == ("0", "-")


def test_report_lines():
    found = report(tracking(), n_bootstrap=0, best=True)
    assert found.counted == "best"
    head, *rows = found.count_lines()
    assert head == ("revision", "tokens", *KINDS, "none")
    assert rows[-1] == ("step32000", "64B", "1", "1", "0", "6", "0", "0", "4")
    assert found.kind_lines()[3][:5] == ("first token", "6", "6", "6", "1 to 2")
    assert found.milestone_lines()[1] == ("induction >= 1 head at 30x", "step4000", "8.0B")
    assert found.milestone_lines()[2] == ("induction >= 3 heads at 30x", "never", "-")
    assert found.sentences()[1] == "previous token: participation rises in 0 of 1 heads"
    assert found.kind_lines()[2][-2:] == ("below 1.50", "unresolved")
    both = heads([40, 1, 1, 50, 1, 1])
    assert report(both).count_lines()[1][2:] == ("0 (1)", "0", "0", "1", "0", "0", "0")
    assert "of 4 heads that never specialise, 1.00 before the same time" in found.sentences()[0]
    assert amount(float(STEPS[-1])) == "32000"


def test_defaults_are_the_published_ones():
    assert (findings.THRESHOLD, findings.MARGIN) == (30, 0.01)
