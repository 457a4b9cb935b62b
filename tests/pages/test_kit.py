"""The kit in the browser: axes, state with undo and links, workers, tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from lintrans.pages import Page

HERE = Path(__file__).parent
KIT = "const kit = document.getElementById('page').page;"


SIGNS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{MULTIPLICATION SIGN}": "x", "\N{EN DASH}": "n/a"})


def plain(text):
    """The text as it can be typed."""
    return text.translate(SIGNS)


@pytest.fixture
def ask(open_page):
    """Open the page of the kit; returns what asks it."""
    tab = open_page(Page("kit", HERE / "kit_page.js", worker=HERE / "kit_worker.js"))

    def evaluate(body):
        return tab.evaluate(f"async () => {{ {KIT} {body} }}")

    evaluate.tab = tab
    return evaluate


# Axes


@pytest.mark.parametrize(
    ("low", "high", "labels", "note"),
    [
        (0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], ""),
        (-2.6, 2.6, ["-2", "-1", "0", "1", "2"], ""),
        (0, 12000, ["0", "2000", "4000", "6000", "8000", "10000", "12000"], ""),
        (4.4e-5, 1.5e-4, ["0.6", "0.8", "1.0", "1.2", "1.4"], "x 1e-4"),
        (1.3022834627, 1.3022834628, ["0", "2", "4", "6", "8", "10"], "1.3022834627 + … x 1e-11"),
    ],
)
def test_ticks_are_round_and_labels_short(ask, low, high, labels, note):
    found = ask(f"return kit.linearTicks({low!r}, {high!r}, 6);")
    assert ([plain(label) for label in found["labels"]], plain(found["note"])) == (labels, note)
    assert all(low - 1e-12 <= value <= high + 1e-12 for value in found["values"])


def test_ticks_end_with_float64(ask):
    found = ask("return kit.linearTicks(1.5, 1.5 + 1e-12, 6);")
    assert 3 <= len(found["labels"]) <= 9
    assert len(set(found["labels"])) == len(found["labels"])


def test_there_are_no_ticks_where_there_is_no_range(ask):
    assert ask("return kit.linearTicks(1, 1, 6).values;") == []
    assert ask("return kit.linearTicks(NaN, 1, 6).values;") == []


def test_scales_go_both_ways(ask):
    found = ask(
        "const s = new kit.Scale(1e-8, 10, { log: true }).over(300, 20); return [0, 0.3, 1].map((x) => "
        "[s.pixel(1e-8 * 1e9 ** x), s.value(s.pixel(1e-8 * 1e9 ** x)) / (1e-8 * 1e9 ** x)]).flat();"
    )
    assert found == pytest.approx([300, 1, 216, 1, 20, 1])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1234.5678", "1235"),
        ("-0.25", "-0.25"),
        ("1.5e-7", "1.5e-7"),
        ("0", "0"),
        ("-Infinity", "-∞"),
        ("NaN", "n/a"),
    ],
)
def test_numbers_are_short(ask, value, text):
    assert plain(ask(f"return kit.short({value});")) == text


# State


def test_changes_are_undone_one_by_one(ask):
    found = ask(
        "const { store } = kit; store.set({ x: 2 }); store.set({ kind: 'two' }); store.set({ on: true });"
        "store.undo(); store.undo(); const early = { ...store.values }; store.redo();"
        "return [early, store.values];"
    )
    assert found[0] | {"list": None} == {"x": 2, "kind": "one", "on": False, "list": None}
    assert found[1]["kind"] == "two"


def test_a_drag_is_one_change(ask):
    found = ask(
        "const { store } = kit; for (const x of [2, 3, 4]) store.set({ x }, { drag: true }); store.commit();"
        "store.set({ x: 5 }, { drag: true }); store.commit(); store.undo(); const one = store.get('x');"
        "store.undo(); return [one, store.get('x'), store.past.length];"
    )
    assert found == [4, 1, 0]


def test_the_link_has_what_differs_and_gives_it_back(ask):
    ask("kit.store.set({ x: 0.1 + 0.2, list: [1, -2.5] });")
    ask.tab.wait_for_function("() => location.hash !== ''")
    assert ask("return location.hash;") == "#x=0.30000000000000004&list=1,-2.5"
    assert ask("return kit.fromFragment(kit.toFragment({ a: '1,2', b: 'x&y=z #' }));") == {
        "a": "1,2",
        "b": "x&y=z #",
    }


@pytest.mark.parametrize(
    "text", ["x=11", "x=NaN", "x=", "kind=three", "on=2", "list=1", "list=1,NaN", "other=1"]
)
def test_what_a_link_gets_wrong_is_left_out(ask, text):
    ask.tab.evaluate("(text) => { location.hash = text; }", text)
    assert ask("await new Promise((done) => setTimeout(done, 50)); return kit.store.values;") == {
        "x": 1,
        "kind": "one",
        "on": False,
        "list": None,
    }


# Workers


def test_a_newer_question_replaces_the_older(ask):
    found = ask(
        "const pool = new kit.Pool(kit.worker, { n: 1 }); const seen = [];"
        "const wait = (ms, value) => ({ kind: 'wait', args: { ms, value } });"
        "pool.ask('a', [wait(20, 1), wait(5, 2), wait(5, 3)], (x) => seen.push(x));"
        "await new Promise((end) => pool.ask('a', [wait(5, 10), wait(5, 11)], (x) => seen.push(x), end));"
        "return [seen, pool.isIdle()];"
    )
    assert found == [[10, 11], True]


def test_urgent_questions_of_other_channels_come_first(ask):
    found = ask(
        "const pool = new kit.Pool(kit.worker, { n: 1 }); const seen = [];"
        "const wait = (value, rank) => ({ kind: 'wait', rank, args: { ms: 1, value } });"
        "const tasks = [wait('a', 0), wait('b', 5)];"
        "const slow = new Promise((end) => pool.ask('a', tasks, (x) => seen.push(x), end));"
        "pool.ask('b', [wait('c', 1)], (x) => seen.push(x)); await slow; return seen;"
    )
    assert found == ["a", "c", "b"]


def test_a_failure_is_told_and_the_worker_goes_on(ask):
    found = ask(
        "const told = []; const onError = (text) => told.push(text);"
        "const pool = new kit.Pool(kit.worker, { n: 1, onError });"
        "pool.ask('a', [{ kind: 'fail', args: {} }], () => {});"
        "const task = { kind: 'wait', args: { ms: 1, value: 7 } };"
        "const value = await new Promise((end) => pool.ask('b', [task], end));"
        "return [told, value];"
    )
    assert found == [["as asked"], 7]


# What leaves the page


def test_tables_quote_what_they_must(ask):
    text = ask(
        "return kit.toCsv({ 'a,b': [1, NaN, -Infinity], name: ['x', 'say \"y\"', '=1+1'] }, ['note']);"
    )
    assert text == '# note\n"a,b",name\n1,x\nnan,"say ""y"""\n-inf,\'=1+1\n'


def test_both_pens_draw_the_same_places(ask):
    svg = ask(
        "return kit.toSvg((pen) => { pen.line([1, 2, NaN, 3], [4, 5, 6, 7], { color: '#000' });"
        "pen.text('<b>', 1, 2, { color: '#000' }); }, 10, 10, '#fff');"
    )
    assert 'd="M1 4L2 5M3 7"' in svg
    assert "&lt;b&gt;" in svg
