"""Training in a real browser, in the page and in workers: the runs are those of Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from make_network_golden import N_STEPS, NETWORKS, RUNS, js_network, js_run, read, sequences
from node import copy_modules

from lintrans.pages import Page

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
WORKER = "lintrans/sandbox/modules/kernels/worker.js"
SESSION = "const page = document.getElementById('page').page; const { cases, ask } = page;"
STATE = ("weights", "first", "second")
STEPS, LAYERS = 1e-9, 1e-13  # as in test_network_golden.py
LIVE = "on the way"


def page_of(golden, folder=CHECKOUT):
    cases = {name: js_run(RUNS[name], golden[name]["states"][0]) for name in (LIVE, "dropout")}
    cases["layers"] = {
        "network": js_network(*NETWORKS["p = 3"]),
        "weights": golden["p = 3"]["weights"],
        "tokens": sequences("p = 3").astype(np.uint8).ravel(),
    }
    return Page("training", folder / "tests/sandbox/training_page.js", worker=folder / WORKER, data=cases)


@pytest.fixture(scope="module")
def golden():
    return read()


@pytest.fixture
def ask(open_page, golden):
    """Open the page; returns what asks it."""

    def evaluate(body, folder=CHECKOUT):
        tab = open_page(page_of(golden, folder))
        return tab.evaluate(f"async () => {{ {SESSION} {body} }}")

    return evaluate


def distance(found, expected):
    """Largest difference of weights and moments, over the largest of each."""
    pairs = [(np.array(found[name]), x) for name, x in zip(STATE, expected, strict=True)]
    return max(np.abs(x - y).max() / np.abs(y).max() for x, y in pairs)


def run_in_python(name, n_steps, state):
    run = RUNS[name]
    return run.block.advance(state[None], (run.begin, run.begin + n_steps)).state[0]


def test_layers_are_those_of_python(ask, golden):
    found = ask("return page.layersOf(cases.layers);")
    for name, key in (("shares", "shares"), ("hidden", "hidden"), ("gradient", "gradient"), ("xi", "xi")):
        expected = golden["p = 3"][name].ravel()
        assert np.abs(np.array(found[key]) - expected).max() < LAYERS * np.abs(expected).max()


@pytest.mark.parametrize("name", [LIVE, "dropout"])
def test_200_steps_are_those_of_python(ask, golden, name):
    begin, end = golden[name]["states"]
    found = ask(f"return page.train(cases[{name!r}]);")
    assert distance(found, end) < STEPS
    assert np.abs(np.array(found["weights"]) - begin[0]).max() > 1e-2


def test_a_wrong_sign_is_seen(ask, golden, tmp_path):
    folder = copy_modules(tmp_path / "copy")
    (folder / "tests/sandbox/training_page.js").write_text((HERE / "training_page.js").read_text())
    path = folder / "lintrans/sandbox/modules/kernels/gradient.js"
    path.write_text(path.read_text().replace("byTotal -=", "byTotal +="))
    found = ask(f"return page.train(cases[{LIVE!r}]);", folder)
    assert distance(found, golden[LIVE]["states"][1]) > 1e-3


def test_a_worker_trains_and_tells(ask, golden):
    found = ask(f"return ask('train', {{ ...cases[{LIVE!r}], stride: 64, pause: 1e6 }});")
    assert [word["step"] - RUNS[LIVE].begin for word in found["words"]] == [64, 128, 192]
    assert distance(found["value"], golden[LIVE]["states"][1]) < STEPS
    assert distance(found["words"][0], run_in_python(LIVE, 64, golden[LIVE]["states"][0])) < STEPS
    assert found["value"]["step"] == RUNS[LIVE].begin + N_STEPS
    words = [*found["words"], found["value"]]
    assert [word["nSteps"] for word in words] == [64, 64, 64, 8]
    assert all(word["stepsPerSecond"] > 0 and 0 <= word["accuracy"] <= 1 for word in words)


def test_a_worker_stops_and_goes_on_with_other_settings(ask):
    """What a run does after a stop is what it does without one; and settings change where it goes on."""
    stopped, on, changed, faults = ask(
        f"""const run = {{ ...cases[{LIVE!r}], nSteps: Infinity, stride: 50, pause: 1e6 }};
        const stopped = await ask('train', run, {{ stopAfter: 2 }});
        const state = stopped.words[1];
        const on = await ask('train', {{ ...run, state, nSteps: 100 }});
        const changed = await ask('train', {{ ...run, state, nSteps: 5, changes: {{ batchSize: 64 }} }});
        return [stopped, on, changed, page.faults];"""
    )
    begin = RUNS[LIVE].begin
    assert stopped["words"][1]["step"] == begin + 100
    assert on["value"]["step"] == begin + 200
    assert distance(on["value"], [np.array(stopped["words"][1][name]) for name in STATE]) > 1e-3
    assert distance(on["value"], read()[LIVE]["states"][1]) < STEPS
    assert changed["value"]["origin"]["step"] == begin + 100
    assert faults == []


def test_a_replay_ends_where_the_run_was(ask, golden):
    begin = RUNS[LIVE].begin
    marks = [begin - 5, begin, begin + 64, begin + 200, begin + 300]
    found = ask(
        f"""const run = {{ ...cases[{LIVE!r}], marks: {marks}, step: {begin + N_STEPS}, pause: 2 }};
        return ask('replay', run);"""
    )
    value = found["value"]
    assert value["marks"] == marks[1:4]
    first, second, third = np.array(value["weights"]).reshape(3, -1)
    start, end = golden[LIVE]["states"]
    assert np.array_equal(first, start[0])
    assert np.abs(second - run_in_python(LIVE, 64, start)[0]).max() < STEPS * np.abs(second).max()
    assert np.array_equal(third, np.array(value["state"]["weights"]))
    assert distance(value["state"], end) < STEPS
    steps = [word["step"] for word in found["words"]]
    assert steps == sorted(steps)
    assert all(begin < step < begin + N_STEPS for step in steps)


def test_what_cannot_be_trained_is_told(ask):
    faults = ask(
        f"""const args = {{ ...cases[{LIVE!r}], changes: {{ rate: -1 }} }};
        page.pool.ask('train', [{{ kind: 'train', args }}]);
        while (page.faults.length === 0) await new Promise((done) => setTimeout(done, 5));
        return page.faults;"""
    )
    assert faults == ["train: the learning rate must be above 0, got -1"]
