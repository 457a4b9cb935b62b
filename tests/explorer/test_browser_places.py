"""The explorer on every screen, for everyone, and in every place where a page lives."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from driver import SESSION

import lintrans as lt
from lintrans.explorer import explorer_page
from lintrans.pages import encode, module, script

DOCS = Path(__file__).parents[2] / "docs"
NARROWEST = "() => Math.min(...[...document.querySelectorAll('canvas')].map((canvas) => canvas.clientWidth))"
HOST = """
  const listeners = [];
  const values = { data: %s, worker: %s, state: { mu: "1.1" } };
  const tell = (name) => listeners.forEach(([event, f]) => event === `change:${name}` && f());
  const model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; tell(name); }, // as Backbone does, at once
    on: (event, listener) => listeners.push([event, listener]),
    save_changes: () => { host.saved = values.state; },
  };
  const host = { model };
  const url = URL.createObjectURL(new Blob([%s], { type: "text/javascript" }));
  const found = await import(url);
  const el = document.getElementById("%s");
  host.end = found.default.render({ model, el });
  host.session = el.page;
  window.hosts = { ...window.hosts, [el.id]: host };
"""


COUNT = """<script>
  window.living = 0;
  window.Worker = class extends Worker {
    constructor(...given) { super(...given); window.living += 1; }
    terminate() { super.terminate(); window.living -= 1; }
  };
</script>"""


def document(body):
    return f"<!doctype html><html lang='en'><title>t</title><body>{body}</body></html>"


@pytest.mark.parametrize("size", [(360, 740), (768, 1024), (3840, 2160)])
@pytest.mark.parametrize("kind", ["plain", "data", "tour"])
def test_it_fits_every_screen(explore, prompt, size, kind):
    about = explorer_page(prompt, mu=0.9) if kind == "data" else None
    page = explore(about, size=size, fragment="tour=3" if kind == "tour" else "")
    width, inner = page.tab.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width <= inner
    smallest = page.tab.evaluate(NARROWEST)
    assert smallest > 250


def test_a_finger_sets_the_start(explore):
    page = explore(size=(360, 740), has_touch=True)
    page.tab.touchscreen.tap(*page.place("plane", 0.9, 0.2))
    page.wait()
    assert abs(page.state["u"] - 0.9) < 0.05


def touch(page, *events):
    """Fingers as the screen reports them: (kind, places)."""
    client = page.tab.context.new_cdp_session(page.tab)
    for kind, places in events:
        points = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait()


def test_a_finger_that_scrolls_changes_nothing(explore):
    page = explore(size=(360, 740), has_touch=True)
    x, y = page.place("plane", 0.9, 0.2)
    moves = [("touchMove", [(x, y - 40)]), ("touchMove", [(x, y - 120)])]
    touch(page, ("touchStart", [(x, y)]), *moves, ("touchEnd", []))
    assert (page.state["u"], page.state["v"]) == (0.4, 0.4)


def test_two_fingers_zoom(explore):
    page = explore(size=(360, 740), has_touch=True)
    x, y = page.place("plane", 0.0, 0.0)
    spread = [("touchMove", [(x - d, y), (x + d, y)]) for d in (30, 45, 60)]
    touch(page, ("touchStart", [(x - 20, y), (x + 20, y)]), *spread, ("touchEnd", []))
    third = 2.6 / 3  # they are reported one after the other, so that the middle between them wavers
    assert np.allclose(page.state["plane"], [-third, third, -third, third], atol=0.1)
    assert (page.state["u"], page.state["v"]) == (0.4, 0.4)


def test_little_motion_is_respected(explore):
    page = explore(reduced_motion="reduce", fragment="speed=240&steps=200")
    page.tab.evaluate("() => { window.began = performance.now(); }")
    page.tab.get_by_role("button", name="Play").click()
    page.tab.wait_for_function(f"() => {SESSION}.step >= 2")
    assert page.tab.evaluate("performance.now() - began") > 900  # two steps a second, instead of 240


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {}),
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"size": (360, 740)}),
        ("tour", {"fragment": "tour=2"}),
        ("data", {}),
    ],
)
def test_axe_finds_nothing(explore, prompt, name, options):
    page = explore(explorer_page(prompt, mu=0.9) if name == "data" else None, **options)
    page.tab.locator(".panel.plane summary[title^=Export]").click()
    found = Axe().run(page.tab).response["violations"]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []


def test_names_of_the_reader_are_text(explore):
    hostile = "<img src=x onerror=alert(1)>"
    prompt = lt.Prompt.from_arrays(np.eye(3), [1.0, 2.0, -1.0], [0.5, 1.0, 0.2], 1.0)
    page = explore(explorer_page(prompt, mu=0.9, target=hostile))
    assert page.tab.locator("#page img").count() == 0
    assert hostile in page.tab.locator(".landmarks").inner_text()


def test_it_lives_in_a_sandboxed_frame(open_page):
    page = explorer_page(mu=1.5)
    outer = open_page(document(page._repr_html_()))
    frame = outer.frame_locator("iframe")
    frame.locator(".verdict strong").wait_for()
    frame.get_by_label("μ, exact").fill("1.1")
    frame.get_by_label("μ, exact").press("Enter")
    frame.get_by_text("Periodic, period 2.").first.wait_for()


def test_it_lives_on_the_landing_page(open_page, tmp_path):
    frame = re.search(r"<iframe.*?</iframe>", (DOCS / "index.md").read_text(), re.DOTALL)[0]
    (tmp_path / "live").mkdir()
    inside = explorer_page().save(tmp_path / "live/explorer.html")
    (tmp_path / "index.html").write_text(document(frame))
    landing = open_page(tmp_path / "index.html", allowed=(inside.as_uri(),))
    page = landing.frame_locator("iframe")
    page.get_by_text("Catapult.").first.wait_for()
    page.get_by_role("button", name="Tour").click()
    page.get_by_text("1 of 9: Monotone").wait_for()


def host_widgets(*names):
    """A document with widgets, as a notebook shows them: the module is imported, and render gets a model."""
    page = explorer_page(mu=1.5)
    texts = [json.dumps(x) for x in (encode(page.data), script(page.worker), module(page.entry))]
    scripts = ((HOST % (*texts, name)).replace("</", r"<\/") for name in names)
    cells = "".join(f"<section id='{name}'></section>" for name in names)
    modules = "".join(f"<script type='module'>{text}</script>" for text in scripts)
    return document(f"{COUNT}<h1>Cells</h1><main>{cells}</main>{modules}")


def test_the_widget_shows_and_follows_its_state(open_page):
    tab = open_page(host_widgets("a"))
    tab.wait_for_function("() => window.hosts")
    assert tab.evaluate("hosts.a.session.state.mu") == 1.1
    tab.evaluate("() => { hosts.a.session.set({ u: 0.7 }); }")
    tab.wait_for_function("() => hosts.a.saved")
    assert tab.evaluate("hosts.a.saved") == {"mu": "1.1", "u": "0.7"}
    tab.evaluate("() => hosts.a.model.set('state', { mu: '0.5' })")
    assert tab.evaluate("hosts.a.session.verdict.label") == "monotone"
    assert tab.get_by_role("button", name="Copy link").count() == 0  # a widget has no address


def test_two_widgets_share_a_document(open_page):
    """Each has a module of its own; labels and names must not cross over, nor must workers stay."""
    tab = open_page(host_widgets("a", "b"))
    tab.wait_for_function("() => window.hosts && hosts.a && hosts.b")
    ids = tab.evaluate("() => [...document.querySelectorAll('[id]')].map((el) => el.id)")
    assert len(ids) == len(set(ids)) > 40
    tab.evaluate("() => { hosts.b.session.set({ mu: 0.6 }); }")
    assert tab.evaluate("hosts.a.session.state.mu") == 1.1
    assert tab.evaluate("living") > 0
    tab.evaluate("() => { hosts.a.end(); hosts.b.end(); }")
    assert tab.evaluate("living") == 0
