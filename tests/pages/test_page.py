"""A page is one whole file, shows what it was given, and can do nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import http.server
import importlib.util
import json
import re
import threading
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from commands import contents

from lintrans.errors import InputError, MissingExtraError
from lintrans.pages import Page, page, script
from lintrans.sweeps import store

ROOT = Path(__file__).parents[2]
TOY = Path(__file__).parent / "toy"
HOSTILE = "</script></title><img src=x onerror=alert(1)><!--<script>&amp;\"'`${1}"
NUMBERS = np.array([[1.5, np.nan], [-np.inf, 1e-320]])
DATA = {"text": HOSTILE, "numbers": NUMBERS, HOSTILE: [{"deep": HOSTILE}]}


def toy(title="Toy", **changes):
    given = {"styles": (TOY / "toy.css",), "worker": TOY / "worker.js", "data": DATA, "state": {"a": "1"}}
    return Page(title, TOY / "toy.js", **{**given, **changes})


class Elements(HTMLParser):
    """Elements of a file with their attributes and texts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.last = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.last = [tag, dict(attrs), ""]
        self.found.append(self.last)

    def handle_endtag(self, tag):
        self.last = ["", {}, ""]

    def handle_data(self, data):
        if self.last:
            self.last[2] += data

    def all(self, tag):
        return [(attrs, text) for name, attrs, text in self.found if name == tag]


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# The file


def test_a_page_is_one_file_that_names_nothing_outside():
    text = toy().html()
    found = Elements(text)
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert [tag for tag, _, _ in found.found] == [
        *("html", "head", "meta", "meta", "meta", "title", "style", "body", "main", "noscript"),
        *("script", "script", "script"),
    ]
    assert not [attrs for _, attrs, _ in found.found if {"src", "href", "style"} & set(attrs)]
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in [
        attrs for attrs, _ in found.all("meta")
    ]


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    found = Elements(toy().html())
    policy = next(attrs["content"] for attrs, _ in found.all("meta") if "http-equiv" in attrs)
    (style,) = (text for _, text in found.all("style"))
    (code,) = (text for attrs, text in found.all("script") if not attrs)
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": digest(code),
        "style-src": digest(style),
        "img-src": "data: blob:",
        "worker-src": "blob:",
        "connect-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_hostile_texts_stay_texts():
    found = Elements(toy(HOSTILE).html())
    assert not found.all("img")
    blocks = {attrs.get("id"): text for attrs, text in found.all("script")}
    read = json.loads(blocks["page-data"])
    assert read["data"]["text"] == HOSTILE and read["data"][HOSTILE] == [{"deep": HOSTILE}]
    assert read["state"] == {"a": "1"}
    assert blocks["page-worker"] == script(TOY / "worker.js")
    title = re.search("<title>(.*?)</title>", toy(HOSTILE).html(), re.DOTALL).group(1)
    assert html.unescape(title) == HOSTILE and "<" not in title


def test_a_page_may_have_no_worker_and_no_data():
    blocks = {
        attrs.get("id"): text for attrs, text in Elements(Page("A", TOY / "toy.js").html()).all("script")
    }
    assert blocks["page-worker"] == "" and json.loads(blocks["page-data"]) == {"data": {}, "state": {}}


def test_its_size_is_that_of_the_file(folder):
    made = toy(data={**DATA, "text": "Böðvar"}, title="Böðvar")
    assert made.save("a.html").stat().st_size == made.size


@pytest.mark.parametrize(("data", "needle"), [({"mu": np.nan}, "page.data.mu"), ({"x": {1}}, "page.data.x")])
def test_values_without_a_place_are_refused_by_name(data, needle):
    with pytest.raises(InputError, match=needle):
        toy(data=data).html()


def test_a_style_sheet_must_be_there_and_not_end_its_element(tmp_path):
    with pytest.raises(InputError, match=r"no such file: .*none\.css"):
        toy(styles=(tmp_path / "none.css",)).html()
    (tmp_path / "a.css").write_text('p::before { content: "</STYLE>"; }')
    with pytest.raises(InputError, match=r"a\.css must not contain </style"):
        toy(styles=(tmp_path / "a.css",)).html()


def test_all_scripts_and_styles_are_in_the_package():
    """Those that the patterns of pyproject.toml find, which setuptools takes."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    for name in ("pages", "explorer"):
        folder = ROOT / "lintrans" / name
        taken = {path for pattern in settings[f"lintrans.{name}"] for path in folder.glob(pattern)}
        assert taken == {path for path in folder.rglob("*") if path.suffix in (".js", ".css")} != set()


# Saving


def test_a_page_is_saved_whole_and_equal_pages_are_equal_files(folder):
    saved = [toy().save(name) for name in ("a.html", Path("b.HTML"))]
    assert saved == [Path("a.html"), Path("b.HTML")]
    assert saved[0].read_bytes() == saved[1].read_bytes() == toy().html().encode()
    assert saved[0].stat().st_mode & 0o444 == 0o444


def test_an_existing_file_is_replaced_only_with_force(folder):
    Path("a.html").write_text("mine")
    with pytest.raises(InputError, match=r"must not exist, got a\.html; pass --force"):
        toy().save("a.html")
    assert contents(folder) == {"a.html": b"mine"}
    toy().save("a.html", force=True)
    assert contents(folder) == {"a.html": toy().html().encode()}


@pytest.mark.parametrize("name", ["a.htm", "a", "a.html.gz", "a.h5"])
def test_a_page_must_be_called_html(folder, name):
    with pytest.raises(InputError, match=r"must end in \.html, got"):
        toy().save(name)
    assert contents(folder) == {}


@pytest.mark.parametrize("force", [False, True])
def test_what_goes_wrong_leaves_the_old_file_and_no_other(folder, monkeypatch, force):
    if force:
        Path("a.html").write_text("mine")
    before = contents(folder)

    def break_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_umask", break_off)  # after the text is written, before it has its name
    with pytest.raises(KeyboardInterrupt):
        toy().save("a.html", force=force)
    with pytest.raises(InputError):
        toy(data={"x": object()}).save("a.html", force=force)
    assert contents(folder) == before


# Notebooks


def test_a_notebook_shows_the_page_in_a_frame_that_may_run_and_save_only():
    frame = Elements(toy(HOSTILE)._repr_html_()).all("iframe")
    ((attrs, _),) = frame
    assert attrs["srcdoc"] == toy(HOSTILE).html() and attrs["title"] == HOSTILE
    assert attrs["sandbox"] == "allow-scripts allow-downloads"


def test_show_takes_a_height(monkeypatch):
    from lintrans.pages import widget

    shown = []
    monkeypatch.setattr(widget, "display", lambda item: shown.append(item.data))
    toy().show(height=400)
    assert "height: 400px" in shown[0] and "<iframe" in shown[0]
    with pytest.raises(InputError, match="height"):
        toy().show(height=0)


@pytest.mark.parametrize(("call", "package"), [("show", "IPython"), ("widget", "anywidget")])
def test_without_the_extra_one_line_says_what_to_install(monkeypatch, call, package):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == package else find(name))
    with pytest.raises(
        MissingExtraError, match=rf"Page\.{call} .* {package}.*pip install 'lintrans\[notebook\]'"
    ):
        getattr(toy(), call)()


def test_a_widget_has_what_the_file_has():
    made = toy().widget()
    blocks = {attrs.get("id"): text for attrs, text in Elements(toy().html()).all("script")}
    read = json.loads(blocks["page-data"])
    synced = made.get_state()
    assert (synced["data"], synced["state"]) == (read["data"], read["state"])
    assert synced["worker"] == blocks["page-worker"]
    assert synced["_esm"].endswith("export default {render};\n")
    assert synced["_css"] == Elements(toy().html()).all("style")[0][1]
    made.state = {"a": "2"}
    assert made.get_state("state") == {"state": {"a": "2"}}


def test_widgets_with_other_styles_do_not_share_a_style_sheet():
    ids = [
        made.widget().get_state("_anywidget_id")["_anywidget_id"] for made in (toy(), toy(), toy(styles=()))
    ]
    assert ids[0] == ids[1] != ids[2]


# In a browser


def shown(tab):
    return json.loads(tab.locator("#answer").text_content())


EXPECTED = {
    "answer": "42 < 43",
    "double": 4,
    "text": HOSTILE,
    "numbers": ["1.5", "NaN", "-Infinity", "1e-320"],
    "shape": [2, 2],
    "state": {"a": "1"},
    "color": "rgb(1, 2, 3)",
}


def test_a_page_from_disk_has_its_data_its_worker_and_its_style(open_page):
    tab = open_page(toy(HOSTILE))
    assert shown(tab) == EXPECTED
    assert tab.title() == HOSTILE


def test_its_state_is_that_of_the_link(open_page):
    assert shown(open_page(toy(), fragment="a=2&b=3"))["state"] == {"a": "2", "b": "3"}


def test_in_the_sandboxed_frame_of_a_notebook_it_works_too(open_page):
    tab = open_page(f"<!doctype html><title>Notebook</title>{toy(HOSTILE)._repr_html_()}")
    text = tab.frame_locator("iframe").locator("#answer").text_content()
    assert json.loads(text) == EXPECTED


def test_the_module_of_a_widget_draws_the_same(open_page):
    """As anywidget does: the module is imported from a blob, and given a model and an element."""
    made = toy().widget().get_state()
    traits = {name: made[name] for name in ("data", "state", "worker")}
    tab = open_page("<!doctype html><title>Notebook</title><body>")
    tab.evaluate(
        """async ([esm, css, traits]) => {
          document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
          const url = URL.createObjectURL(new Blob([esm], { type: "text/javascript" }));
          const el = Object.assign(document.createElement("div"), { className: "lintrans" });
          document.body.append(el);
          (await import(url)).default.render({ model: { get: (name) => traits[name], on() {} }, el });
        }""",
        [made["_esm"], made["_css"], traits],
    )
    assert shown(tab) == EXPECTED


@pytest.fixture
def server():
    """A server on this machine: its address, and the paths that were asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", asked
        running.shutdown()


POLLS, POLL_MS = 250, 20  # up to 5 s, which a busy machine may need
POLICY = "Content Security Policy"
PLANTED = {
    "request": ('fetch("SERVER/x").catch(() => {});', POLICY),
    "picture": ('new Image().src = "SERVER/x.png";', POLICY),
    "beacon": ('navigator.sendBeacon("SERVER/x", "1");', POLICY),
    "worker": ('try { new Worker("SERVER/x.js"); } catch (e) { console.error(e.message); }', "Worker"),
    "text as code": ('try { setTimeout("1 + 1"); } catch {}', POLICY),
    "style attribute": ('el.setAttribute("style", "color: red");', POLICY),
    "foreign script": ('const s = document.createElement("script");\ns.text = "1";\nel.append(s);', POLICY),
    "uncaught error": ('throw new Error("planted");', "error: planted"),
    "rejected promise": ('Promise.reject(new Error("planted"));', "planted"),
    "console error": ('console.error("planted");', "error: planted"),
    "leaving the page": ('setTimeout(() => { location.href = "SERVER/left"; }, 50);', "request: SERVER/left"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_fault_is_noticed(open_page, tmp_path, server, case):
    """The policy stops what would leave the page, and the fixture notices that it was tried."""
    address, asked = server
    code, needle = (text.replace("SERVER", address) for text in PLANTED[case])
    (tmp_path / "planted.js").write_text(f"export function render({{ el }}) {{\n{code}\n}}\n")
    tab = open_page(Page("Planted", tmp_path / "planted.js"))
    expected = ["/left"] if case == "leaving the page" else []
    for _ in range(POLLS):
        if any(needle in fault for fault in open_page.faults) and len(asked) >= len(expected):
            break
        tab.wait_for_timeout(POLL_MS)
    assert any(needle in fault for fault in open_page.faults), open_page.faults
    assert asked == expected
    open_page.faults.clear()


def test_styles_set_by_script_are_allowed(open_page, tmp_path):
    (tmp_path / "styled.js").write_text(
        'export function render({ el }) {\n  el.style.color = "rgb(4, 5, 6)";\n}\n'
    )
    tab = open_page(Page("Styled", tmp_path / "styled.js"))
    assert tab.evaluate("getComputedStyle(document.getElementById('page')).color") == "rgb(4, 5, 6)"


def test_without_scripts_a_line_says_what_is_missing(open_page):
    tab = open_page(toy(), java_script_enabled=False)
    assert tab.locator("noscript").is_visible()


def test_another_script_than_the_hashed_one_does_not_run(open_page, monkeypatch):
    """A planted fault in the policy itself."""
    monkeypatch.setattr(page, "_digest", lambda text: "sha256-" + base64.b64encode(bytes(32)).decode())
    tab = open_page(toy())
    assert tab.locator("#answer").count() == 0
    assert any("Content Security Policy" in fault for fault in open_page.faults)
    open_page.faults.clear()
