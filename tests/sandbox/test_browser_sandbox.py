"""What a reader does in the sandbox: scrub, point, jump, compare, drag, export, follow links and the tour."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from page_runs import record
from sandbox_driver import Sandbox

from lintrans.sandbox import network
from lintrans.sandbox.model import PARTS, Model, unflatten
from lintrans.sandbox.page import sandbox_page
from lintrans.sandbox.task import Task
from lintrans.sandbox.training import Training

TASK, MODEL = Task(), Model()
POPULATION = TASK.population()
ALL = (
    *("tokens", "positions", "sums", "normed", "attention", "values", "xi", "ximap"),
    *("normedxi", "rows", "columns", "output", "outmap", "simplex", "loss", "accuracy"),
)
FLOAT32 = 6e-7  # a few roundings to float32 of weights of size 5, through the layers
PNG = b"\x89PNG\r\n"


def layers_at(recorded, epoch, run=0):
    """Layers of the population, from the float32 weights that the page has."""
    flat = recorded[0][run].weights[epoch].astype(np.float32).astype(np.float64)
    return network.layers(TASK, MODEL, unflatten(TASK, MODEL, flat), POPULATION)


def test_it_shows_what_python_computes(sandbox, recorded):
    page = sandbox(fragment="epoch=12")
    expected = layers_at(recorded, 12)
    for name, theirs in (("xi", "xi"), ("normed_xi", "normedXi"), ("out", "out"), ("shares", "shares")):
        found = np.array(page.ask(f"Array.from(page.sides[0].found.{theirs})"))
        exact = getattr(expected, name)
        assert abs(found.reshape(exact.shape) - exact).max() < 1e-12 * max(1, abs(exact).max()), name
    recorded_loss = recorded[0][0].loss[12, 2]
    assert page.ask("page.sides[0].measures.loss") == pytest.approx(recorded_loss, rel=FLOAT32 * 100)
    mean = [[expected.attention[POPULATION[:, t] == x, t].mean() for x in (0, 1)] for t in range(12)]
    np.testing.assert_allclose(page.ask("Array.from(page.sides[0].attention)"), np.ravel(mean), rtol=1e-12)
    assert "epoch 12" in page.tab.locator(".reading .state").inner_text()


def test_what_is_read_off_the_layers_is_what_python_reads(sandbox, recorded):
    page = sandbox(fragment="epoch=12")
    expected = layers_at(recorded, 12)
    flat = recorded[0][0].weights[12].astype(np.float32).astype(np.float64)
    weights = unflatten(TASK, MODEL, flat)
    counts = POPULATION[:, :5].sum(axis=1)
    exact = {
        "values": expected.normed @ weights.value.T,
        "vectors.sums": expected.sums,
        "vectors.scores": expected.scores,
        "classMeans('xi')": [expected.xi[counts == k].mean(axis=0) for k in range(6)],
        "classMeans('out')": [expected.out[counts == k].mean(axis=0) for k in range(6)],
        "tokenMeans(3)": [expected.xi[POPULATION[:, 3] == x].mean(axis=0) for x in (0, 1)],
        "unitsOf(77).before": expected.before[77],
        "unitsOf(77).hidden": expected.hidden[77],
    }
    for name, values in exact.items():
        found = np.array(page.ask(f"Array.from(page.sides[0].{name})"))
        # sums of 4,096 numbers in another order: their roundings are some 1e-13 at most
        assert abs(found - np.ravel(values)).max() < 1e-12 * max(1, np.abs(values).max()), name
    assert page.ask("Array.from(page.sequences.classes)") == counts.tolist()
    np.testing.assert_array_equal(page.ask("Array.from(page.sequences.tokens)"), POPULATION.ravel())


def test_all_sixteen_panels_draw_and_follow_the_epoch(sandbox):
    page = sandbox(size=(1200, 1300), fragment="epoch=16")
    assert page.tab.locator(".panels > .panel").count() == 16
    before = {name: page.picture(name) for name in ALL}
    page.set(epoch=2)
    assert [name for name in ALL if page.picture(name) == before[name]] == []


def test_the_slider_and_the_number_choose_the_epoch(sandbox):
    page = sandbox()
    page.tab.get_by_label("epoch", exact=True).fill("7")
    page.wait()
    assert page.ask("page.epoch") == 7 and page.state["epoch"] == 7
    box = page.tab.get_by_label("epoch that is shown, exact")
    box.fill("3")
    box.press("Enter")
    page.wait()
    assert page.ask("page.step") == 3 * 64 and page.state["epoch"] == 3


def test_arrow_keys_go_through_the_snapshots(sandbox):
    page = sandbox(fragment="epoch=12")
    for key, epoch in (
        ("ArrowLeft", 11),
        ("ArrowRight", 12),
        ("Shift+ArrowLeft", 2),
        ("Home", 0),
        ("End", 16),
    ):
        page.tab.keyboard.press(key)
        assert page.ask("page.epoch") == epoch, key
    page.until("page.state.epoch === 16")
    page.tab.get_by_label("epoch that is shown, exact").press(
        "ArrowLeft"
    )  # within a text it moves the cursor
    assert page.ask("page.epoch") == 16


def test_thinned_runs_go_from_snapshot_to_snapshot(sandbox, recorded):
    run = recorded[0][0]
    thin = run._replace(steps=run.steps[::4], weights=run.weights[::4])
    training = Training(n_epochs=16)
    page = sandbox(sandbox_page([thin], task=TASK, model=MODEL, training=training), fragment="epoch=16")
    page.tab.keyboard.press("ArrowLeft")
    assert page.ask("page.epoch") == 12
    page.tab.get_by_role("button", name="One step back").click()
    assert page.ask("page.epoch") == 8
    page.set(epoch=7)
    assert page.ask("page.step") == 4 * 64  # the last snapshot before


def test_it_plays_and_pauses(sandbox):
    page = sandbox(fragment="epoch=0&speed=250")
    page.tab.keyboard.press("Space")
    page.until("page.state.epoch === 16 && !page.clock.isPlaying")
    page.set(epoch=0, speed=1)
    page.tab.get_by_role("button", name="Play").click()
    assert page.ask("page.clock.isPlaying")
    page.tab.get_by_role("button", name="Pause").click()
    assert not page.ask("page.clock.isPlaying")


def test_buttons_and_keys_jump_to_spikes_and_stages(sandbox):
    page = sandbox(fragment="epoch=0")
    page.tab.get_by_role("button", name="go to the next spike").click()
    assert page.state["epoch"] == 5
    page.tab.keyboard.press("]")
    assert page.state["epoch"] == 11
    later = page.tab.get_by_role("button", name="go to the next spike")
    assert later.get_attribute("aria-disabled") == "true"
    page.tab.keyboard.press("[")
    assert page.state["epoch"] == 5
    page.tab.get_by_role("button", name="clusters: 8").click()
    assert page.state["epoch"] == 8
    assert page.tab.get_by_role("button", name="solved: not reached").get_attribute("aria-disabled") == "true"


def test_a_click_in_the_loss_goes_to_the_epoch(sandbox):
    page = sandbox()
    page.tab.mouse.click(*page.place("loss", 9, 0.5))
    page.wait()
    assert page.state["epoch"] == 9


def test_what_is_pointed_at_is_marked_in_all_panels(sandbox, recorded):
    page = sandbox(size=(1200, 1300))
    plain = {name: page.picture(name) for name in ALL}
    x, y = unflatten(TASK, MODEL, recorded[0][0].weights[16]).positions[3]
    page.tab.mouse.move(*page.place("positions", float(x), float(y)))
    page.until("page.pick.position === 3")
    assert "Position 3, summed" in page.tab.locator(".reading .words").inner_text()
    page.tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    marked = {name for name in ALL if page.tab.evaluate(PICTURES, name) != plain[name]}
    assert {"positions", "sums", "normed", "attention", "values", "xi", "ximap"} <= marked
    assert marked.isdisjoint({"loss", "accuracy", "rows", "columns"})
    page.tab.mouse.move(5, 5)
    page.until("page.pick.position === -1")


PICTURES = (
    """(name) => [...document.querySelectorAll(`.panel.${name} canvas`)].map((x) => x.toDataURL()).join()"""
)


def test_a_click_holds_a_sequence_and_says_what_becomes_of_it(sandbox, recorded):
    page = sandbox(size=(1200, 1300))
    expected = layers_at(recorded, 16)
    x, y = expected.xi[1234]
    page.tab.mouse.click(*page.place("xi", float(x), float(y)))
    page.wait()
    held = page.state["sequence"]
    # the pointer knows its place to a pixel: the sequence found is that one, or one as close
    assert np.hypot(*(expected.xi[held] - expected.xi[1234])) < 0.02 * np.ptp(expected.xi)
    words = page.tab.locator(".reading .words").inner_text()
    assert f"Sequence {held}: {' '.join(map(str, POPULATION[held]))};" in words
    assert f"label {POPULATION[held, :5].sum() % 2}, answer {expected.shares[held].argmax()}" in words
    page.tab.keyboard.press("Escape")
    assert page.state["sequence"] == -1


def test_a_hidden_unit_is_found_by_number(sandbox):
    page = sandbox()
    plain = page.picture("normedxi")
    box = page.tab.get_by_label("unit that is pointed at, -1 for none")
    box.fill("5")
    box.press("Enter")
    page.wait()
    assert page.state["unit"] == 5
    assert "Unit 5: row" in page.tab.locator(".reading .words").inner_text()
    assert page.picture("normedxi") != plain  # the line on which it switches


def test_two_runs_stand_beside_each_other(sandbox, recorded):
    page = sandbox(size=(1200, 900), fragment="epoch=10")
    page.tab.get_by_label("beside").select_option("1")
    page.wait()
    assert page.ask("page.sides.map((side) => side.name)") == ["seed 1", "seed 4"]
    for i in (0, 1):
        found = np.array(page.ask(f"Array.from(page.sides[{i}].found.xi)")).reshape(-1, 2)
        assert abs(found - layers_at(recorded, 10, run=i).xi).max() < 1e-12
    assert page.ask("page.part('xi').frame(1).left > page.part('xi').frame(0).left + 100")
    one, other = (
        page.ask(f"(({{ x, y }}) => [x.low, x.high, y.low, y.high])(page.part('xi').frame({i}))")
        for i in (0, 1)
    )
    np.testing.assert_allclose(one, other, rtol=1e-12)  # axes are the same, so that they can be compared
    page.tab.locator("button.chip", has_text="seed 4").click()
    page.wait()
    assert page.ask("page.sides.map((side) => side.name)") == ["seed 4"]


def test_a_point_is_dragged_and_the_rest_follows(sandbox, recorded):
    page = sandbox(size=(1200, 1000), fragment="epoch=10&axes=fixed")
    before, xi = page.weights, page.picture("xi")
    place = MODEL.places(TASK)["positions"].start + 2 * 2
    page.tab.mouse.move(*page.place("positions", *before[place : place + 2].tolist()))
    page.tab.mouse.down()
    page.tab.mouse.move(*page.place("positions", 0.5, -0.5), steps=4)
    page.tab.mouse.up()
    page.wait()
    after = page.weights
    moved = np.nonzero(after != before)[0].tolist()
    assert moved == [place, place + 1]
    pixel = page.ask("(({ x, width }) => (x.high - x.low) / width)(page.part('positions').frame())")
    assert abs(after[place : place + 2] - [0.5, -0.5]).max() < 2 * pixel
    assert page.picture("xi") != xi
    assert "set by hand" in page.tab.locator(".reading .state").inner_text()
    link = page.link()
    assert "edits=0%2C10%2C" in link or "edits=0,10," in link
    page.tab.keyboard.press("Control+z")  # the whole drag is one step
    np.testing.assert_array_equal(page.weights, before)
    page.tab.keyboard.press("Control+y")
    np.testing.assert_array_equal(page.weights, after)
    page.tab.get_by_role("button", name="The weights of the recorded run again").click()
    np.testing.assert_array_equal(page.weights, before)


def test_every_point_that_can_be_dragged_stands_for_its_two_weights(sandbox):
    page = sandbox(fragment="epoch=10")
    weights, places = page.weights, set()
    for name in ("tokens", "positions", "normed", "rows", "columns"):
        items = page.ask(f"page.part({name!r}).items(page.sides[0]).filter((item) => item.places)")
        for item in items:
            np.testing.assert_array_equal(weights[item["places"]], [item["x"], item["y"]])
            places.update(item["places"])
    parts = ("tokens", "positions", "query", "up", "down", "down_bias")
    assert places == {i for part in parts for i in range(*MODEL.places(TASK)[part].indices(198))}


def test_a_weight_is_typed(sandbox):
    page = sandbox(fragment="epoch=10&token=1")
    box = page.tab.get_by_label("coordinate 2 of what is pointed at")
    box.fill("-1.25")
    box.press("Enter")
    page.wait()
    assert page.weights[3] == -1.25  # E is the first part, and token 1 its second row


def test_edits_belong_to_their_snapshot(sandbox, recorded):
    page = sandbox(fragment="epoch=10&edits=0,10,3,-1.25")
    assert page.weights[3] == -1.25
    page.tab.keyboard.press("ArrowRight")
    page.wait()
    np.testing.assert_array_equal(page.weights, recorded[0][0].weights[11].astype(np.float32))
    page.tab.keyboard.press("ArrowLeft")
    page.wait()
    assert page.weights[3] == -1.25


def test_a_link_restores_everything(sandbox):
    page = sandbox(size=(1100, 900))
    page.set(
        **{"run": 1, "other": 0, "epoch": 6, "axes": "free", "color": "label", "sequence": 99, "unit": 3},
        **{"rate": 0.01, "batch": 16, "optimizer": "sgd", "feedForwardNorm": "smooth", "clip": 0.5},
        edits=[1, 6, 0, 0.75, 30, -0.5],
    )
    other = sandbox(size=(1100, 900), fragment=page.fragment())
    assert other.state == page.state
    np.testing.assert_array_equal(other.weights, page.weights)
    for name in ("tokens", "ximap", "outmap", "loss"):
        assert other.picture(name) == page.picture(name)


def test_a_broken_link_falls_back_to_defaults(sandbox):
    page = sandbox(fragment="run=9&epoch=-1&axes=x&edits=1,2,3&rate=NaN&unit=99&sequence=99999&color=%3Cb%3E")
    assert (page.state["run"], page.state["epoch"], page.state["axes"]) == (0, 16, "fixed")
    assert page.state["edits"] is None and page.state["unit"] == -1


def test_many_edits_stay_out_of_the_link(sandbox):
    page = sandbox(fragment="epoch=10")
    page.set(edits=[0, 10, *np.ravel([[i, 0.5] for i in range(21)]).tolist()])
    assert (page.weights[:21] == 0.5).all() and "edits=0" not in page.link()


def test_weights_leave_as_npz_that_numpy_reads(sandbox, tmp_path):
    page = sandbox(fragment="epoch=10&edits=0,10,3,-1.25")
    with page.tab.expect_download() as found:
        page.tab.get_by_role("button", name="Save the weights").click()
    with np.load(found.value.path()) as file:
        assert tuple(file.files) == PARTS
        parts = {name: file[name] for name in PARTS}
    assert {name: part.shape for name, part in parts.items()} == MODEL.shapes(TASK)
    assert {part.dtype for part in parts.values()} == {np.dtype(np.float64)}
    np.testing.assert_array_equal(np.concatenate([part.ravel() for part in parts.values()]), page.weights)


def test_panels_leave_as_csv_png_and_svg(sandbox, recorded):
    page = sandbox(size=(1200, 1300))
    rows = [
        line for line in page.export("xi", "CSV table").read_text().splitlines() if not line.startswith("#")
    ]
    table = list(csv.DictReader(io.StringIO("\n".join(rows))))
    found = np.array([[float(row["x"]), float(row["y"])] for row in table])
    assert abs(found - layers_at(recorded, 16).xi).max() < 1e-12
    assert page.export("ximap", "PNG image").read_bytes().startswith(PNG)
    svg = page.export("normed", "SVG image").read_text()
    assert svg.startswith("<svg") and "coordinate 1" in svg
    for name in ALL:
        lengths = page.ask(f"Object.values(page.part({name!r}).table()).map((column) => column.length)")
        assert min(lengths) == max(lengths) > 1, name


def test_other_tasks_have_a_table_of_answers(sandbox, open_page):
    task, training = Task(p=3, length=5, positions=(0, 2), n_train=256, n_test=64), Training(n_epochs=3)
    runs, _ = record(task, MODEL, training, (0,))
    page = Sandbox(
        open_page(sandbox_page(runs, task=task, model=MODEL, training=training), size=(1200, 1300))
    )
    flat = runs[0].weights[3].astype(np.float32).astype(np.float64)
    sequences = task.population()
    shares = network.layers(task, MODEL, unflatten(task, MODEL, flat), sequences).shares
    means = [shares[task.labels(sequences) == label].mean(axis=0) for label in range(3)]
    found = page.ask("Array.from(page.part('simplex').means(page.sides[0]))")
    np.testing.assert_allclose(found, np.ravel(means), rtol=1e-11)
    assert page.ask("page.sequences.nClasses") == task.n_classes
    assert page.picture("simplex") and page.picture("ximap")


def test_many_tokens_share_marks_and_words_that_come_fast_are_drawn_once(open_page):
    task, training = Task(p=64, positions=2, n_train=64, n_test=64), Training(n_epochs=1)
    runs, _ = record(task, MODEL, training, (0,))
    page = Sandbox(
        open_page(sandbox_page(runs, task=task, model=MODEL, training=training), size=(1200, 1300))
    )
    legend = page.tab.locator("ul.legend li").all_inner_texts()
    assert len(legend) == 6
    assert legend[3].split(maxsplit=1)[1] == "label 3, 9, ..."
    assert page.tab.get_by_text("4096 of about 4.7 \u00d7 10^21 sequences").count() == 1
    page.train(2)
    drawn = page.ask("page.live.history.epochs.length")
    page.ask("[1, 2, 3].forEach((loss) => page.live.noteSoon({ loss }))")
    page.tab.wait_for_timeout(500)
    losses = page.ask("Array.from(page.live.history.batchLoss)")
    assert len(losses) == drawn + 1
    assert losses[-1] == 3


def test_the_tour_goes_through_its_stops_and_back(sandbox):
    page = sandbox(fragment="epoch=3")
    page.tab.get_by_role("button", name="Tour").click()
    n = page.ask("page.part('tour').stops.length")
    for i in range(n):
        page.wait()
        assert page.tab.locator(".tour h2").inner_text().startswith(f"{i + 1} of {n}")
        assert page.tab.locator(".panel.pointed").count() >= 2
        page.tab.locator(".tour button.main").click()
    assert page.tab.locator(".tour").is_hidden() and page.state["epoch"] == 3


@pytest.mark.parametrize("size", [(360, 740), (390, 844), (768, 1024), (2560, 1440)])
def test_it_fits_every_screen(sandbox, size):
    page = sandbox(size=size, fragment="other=1&tour=1")
    width, inner = page.tab.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {"fragment": "sequence=5"}),
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"size": (390, 844)}),
        ("two runs and a tour", {"fragment": "other=1&tour=2"}),
    ],
)
def test_axe_finds_nothing(sandbox, name, options):
    page = sandbox(**options)
    page.tab.locator(".panel.tokens summary[title^=Export]").click()
    found = Axe().run(page.tab).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []


def test_every_control_says_what_it_does(sandbox):
    page = sandbox()
    nameless = page.tab.evaluate(
        """() => [...document.querySelectorAll("#page :is(button, input, select, summary)")].filter((el) => {
          const label = el.labels && [...el.labels].some((each) => each.textContent.trim() !== "");
          return !(el.title || el.getAttribute("aria-label") || label || el.textContent.trim());
        }).map((el) => el.outerHTML)"""
    )
    assert nameless == []


def test_two_pages_and_frames_do_not_disturb_each_other(open_page, page_of_runs):
    outer = open_page(f"<!doctype html><html lang='en'><title>t</title>{page_of_runs._repr_html_()}</html>")
    frame = outer.frame_locator("iframe")
    frame.get_by_text("seed 1 (clustering head), epoch 16").wait_for()
    frame.get_by_label("epoch that is shown, exact").fill("4")
    frame.get_by_label("epoch that is shown, exact").press("Enter")
    frame.get_by_text("seed 1 (clustering head), epoch 4").wait_for()
