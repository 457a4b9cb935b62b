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


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(0.2, 0.9, ["0.2", "0.4", "0.6", "0.8"]), (0.5, 40, ["0.5", "1", "2", "5", "10", "20"])],
)
def test_a_short_logarithmic_axis_has_ticks_too(ask, low, high, labels):
    assert ask(f"return new kit.Scale({low}, {high}, {{ log: true }}).ticks(4).labels;") == labels


# State

BASE = {"x": 1, "kind": "one", "on": False, "list": None, "n": 3, "theme": "auto"}


def test_changes_are_undone_one_by_one(ask):
    found = ask(
        "const { store } = kit; store.set({ x: 2 }); store.set({ kind: 'two' }); store.set({ n: 5 });"
        "store.undo(); store.undo(); const early = { ...store.values }; store.redo();"
        "return [early, store.values];"
    )
    assert found == [BASE | {"x": 2}, BASE | {"x": 2, "kind": "two"}]


def test_a_drag_is_one_change(ask):
    found = ask(
        "const { store } = kit; for (const x of [2, 3, 4]) store.set({ x }, { drag: true }); store.commit();"
        "store.set({ x: 5 }, { drag: true }); store.commit(); store.undo(); const one = store.get('x');"
        "store.undo(); return [one, store.get('x'), store.past.length];"
    )
    assert found == [4, 1, 0]


def test_a_drag_without_an_end_does_not_swallow_the_next_change(ask):
    found = ask(
        "const { store } = kit; store.set({ x: 2 }, { drag: true }); store.set({ n: 5 });"
        "store.undo(); return [store.get('x'), store.get('n')];"
    )
    assert found == [2, 3]


def test_the_theme_is_no_matter_for_undo(ask):
    found = ask(
        "const { store } = kit; store.set({ x: 2 }); store.set({ theme: 'dark' });"
        "store.undo(); return [store.get('x'), store.get('theme'), store.past.length];"
    )
    assert found == [1, "dark", 0]


def test_what_somebody_else_changes_can_be_undone(ask):
    ask("kit.store.set({ x: 2 }); kit.store.save();")
    ask.tab.evaluate("() => { location.hash = '#x=7'; }")
    ask.tab.wait_for_function(f"() => {{ {KIT} return kit.store.get('x') === 7; }}")
    undone = "kit.store.undo(); return kit.store.get('x');"
    found = [ask(undone), ask(undone)]
    assert found == [2, 1]


def test_values_that_do_not_go_together_are_normalized(ask):
    assert ask("kit.store.set({ kind: 'two', on: true }); return kit.store.values;") == BASE | {"kind": "two"}


def test_a_value_that_no_link_could_hold_is_refused(ask):
    found = ask("kit.store.set({ x: 11, n: 2.5, kind: 'three', theme: 'dark' }); return kit.store.values;")
    assert found == BASE | {"theme": "dark"}


def test_the_link_has_what_differs_and_gives_it_back(ask):
    ask("kit.store.set({ x: 0.1 + 0.2, list: [1, -2.5] });")
    ask.tab.wait_for_function("() => location.hash !== ''")
    assert ask("return location.hash;") == "#x=0.30000000000000004&list=1,-2.5"
    given = {"a": "1,2", "b": "x&y=z #"}
    assert ask(f"return kit.fromFragment(kit.toFragment({given}));") == given


@pytest.mark.parametrize(
    "text",
    [
        "x=11",
        "x=NaN",
        "x=",
        "kind=three",
        "on=2",
        "list=1",
        "list=1,NaN",
        "n=2.5",
        "n=1e300",
        "other=1",
        "__proto__=1",
    ],
)
def test_what_a_link_gets_wrong_is_left_out(ask, text):
    ask.tab.evaluate("(text) => { location.hash = text; }", text)
    assert ask("await new Promise((done) => setTimeout(done, 50)); return kit.store.values;") == BASE


def test_a_page_may_begin_elsewhere_than_its_fields(open_page):
    page = Page("kit", HERE / "kit_page.js", worker=HERE / "kit_worker.js", state={"x": "4"})
    tab = open_page(page)
    at_first = tab.evaluate(f"() => {{ {KIT} return kit.store.get('x'); }}")
    tab.evaluate(f"() => {{ {KIT} kit.store.set({{ x: 1 }}); kit.store.save(); }}")
    assert (at_first, tab.evaluate("location.hash")) == (
        4,
        "#x=1",
    )  # the default, told apart from the beginning


# Workers

WAIT = "const wait = (ms, value, rank = 0) => ({ kind: 'wait', rank, args: { ms, value } });"
SEEN = "const seen = []; const onPart = (x) => seen.push(x);"
TOLD = "const told = []; const onError = (x) => told.push(x);"
POOL = f"{TOLD} const pool = new kit.Pool(kit.worker, {{ n: 1, onError }}); {WAIT} {SEEN}"


def test_a_newer_question_replaces_the_older(ask):
    found = ask(
        f"{POOL} pool.ask('a', [wait(20, 1), wait(5, 2), wait(5, 3)], {{ onPart }});"
        "await new Promise((onEnd) => pool.ask('a', [wait(5, 10), wait(5, 11)], { onPart, onEnd }));"
        "return [seen, pool.isIdle()];"
    )
    assert found == [[10, 11], True]


def test_urgent_questions_of_other_channels_come_first(ask):
    found = ask(
        f"{POOL} const tasks = [wait(1, 'a', 0), wait(1, 'b', 5)];"
        "const slow = new Promise((onEnd) => pool.ask('a', tasks, { onPart, onEnd }));"
        "pool.ask('b', [wait(1, 'c', 1)], { onPart }); await slow; return seen;"
    )
    assert found == ["a", "c", "b"]


def test_a_question_without_tasks_ends_at_once(ask):
    assert ask(f"{POOL} return await new Promise((end) => pool.ask('a', [], {{ onEnd: () => end(true) }}));")


def test_a_long_task_tells_on_its_way(ask):
    found = ask(
        f"{POOL} const task = {{ kind: 'count', args: {{ to: 3 }} }}; const onProgress = onPart;"
        "const end = await new Promise((done) => pool.ask('a', [task], { onProgress, onPart: done }));"
        "return [seen, end];"
    )
    assert found == [[0, 1, 2], "done"]


def test_a_long_task_stops_if_nobody_listens(ask):
    found = ask(
        f"{POOL} const task = {{ kind: 'count', args: {{ to: 1e9 }} }};"
        "await new Promise((done) => pool.ask('a', [task], { onProgress: (i) => i === 5 && done() }));"
        "return await new Promise((done) => pool.ask('a', [wait(1, 'next')], { onPart: done }));"
    )
    assert found == "next"


def test_a_failure_is_told_and_the_worker_goes_on(ask):
    found = ask(
        f"{POOL} pool.ask('a', [{{ kind: 'fail', args: {{}} }}, {{ kind: 'no', args: {{}} }}], {{ onPart }});"
        "const value = await new Promise((onPart) => pool.ask('b', [wait(1, 7)], { onPart }));"
        "return [told, seen, value];"
    )
    assert found == [["fail: as asked"], [], 7]


def test_a_worker_that_dies_is_replaced(ask):
    found = ask(
        f"{POOL} pool.onError = (x) => told.push(x.includes('dead'));"
        "await new Promise((onPart) => pool.ask('a', [{ kind: 'die', args: {} }], { onPart }));"
        "while (told.length === 0) await new Promise((done) => setTimeout(done, 5));"
        "const value = await new Promise((onPart) => pool.ask('b', [wait(1, 7)], { onPart }));"
        "return [told, value, pool.isIdle(), pool.idle.length];"
    )
    assert found == [[True], 7, True, 1]


# What leaves the page


def test_tables_quote_what_they_must(ask):
    text = ask(
        "const columns = { 'a,b': [1, NaN, -Infinity], name: ['x', 'say \"y\"', '=1+1'] };"
        "return await kit.toCsv(columns, ['note\\n=cmd']).text();"
    )
    assert text == '# note =cmd\n"a,b",name\n1,x\nnan,"say ""y"""\n-inf,\'=1+1\n'


def test_a_long_table_is_written_whole(ask):
    found = ask(
        "const n = 120_001; const x = Float64Array.from({ length: n }, (_, i) => i);"
        "const lines = (await kit.toCsv({ x }).text()).trim().split('\\n');"
        "return [lines.length, lines[1], lines.at(-1)];"
    )
    assert found == [120_002, "0", "120000"]


def test_both_pens_draw_the_same_places(ask):
    svg = ask(
        "return kit.toSvg((pen) => { pen.line([1, 2, NaN, 3], [4, 5, 6, 7], { color: '#000' });"
        "pen.text('<b>\\u0007', 1, 2, { color: '#000' }); }, 10, 10, '#fff');"
    )
    assert 'd="M1 4L2 5M3 7"' in svg
    assert "&lt;b&gt;<" in svg  # and no bell, which XML has no place for
