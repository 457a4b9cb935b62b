"""`lintrans explore`: the verdict first, one file, no file after a refusal. Refusals of data: tests/cli."""

from __future__ import annotations

import json
import re
import shlex
import webbrowser
from pathlib import Path

import pytest
from commands import DATA, contents, one_object

from lintrans.cli import main
from lintrans.sweeps import store
from lintrans.two_factor import Regime

pytestmark = pytest.mark.usefixtures("folder")

FILE = Path("explorer.html")
ROWS = ["--target", "y", "--context", "0:3", "--query", "3"]
CSV = "a,b,y\n1,2,3\n4,5,6\n7,8,1\n2,1,5\n"


@pytest.fixture
def opened(monkeypatch):
    """Addresses that a browser was asked to show, on a machine with a screen."""
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    monkeypatch.setenv("DISPLAY", ":0")
    return shown


@pytest.fixture
def explore(answer):
    return lambda *words: answer("explore", *words, "--no-open")


def data_of(path=FILE):
    block = re.search(r'id="page-data">(.*?)</script>', path.read_text()).group(1)
    return json.loads(block)["data"]


def test_it_answers_as_reduce_does(explore, answer):
    given = [*DATA, "--mu", "1.1", "--value", "0.3", "--scale", "0.2", "--seed", "5"]
    found, reduced = explore(*given), answer("reduce", *given)
    shared = {"u", "v", "regime", "period", "step_size"}
    assert {name: found[name] for name in shared} == {name: reduced[name] for name in shared}
    assert (
        found["mu"] == 1.1 == pytest.approx(reduced["mu"], rel=4e-16)
    )  # there it has become a rate and back
    assert set(found) == shared | {"mu", "output", "bytes", "contains_rows", "too_large"}
    assert found["output"] == str(FILE) and found["bytes"] == FILE.stat().st_size < 1_500_000
    assert data_of()["mode"]["unitStepSize"] == reduced["unit_step_size"]


def test_in_words_the_trained_weights_and_the_verdict_come_first(run):
    code, out, err = run("explore", *DATA, "--step-size", "9e-5", "--no-open")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("trained") and "P = diag(0, w), K = diag(W, 0)" in lines[0]
    assert lines[1].split()[:2] == ["mu", "now"] and "learning rate 9e-05" in lines[1]
    assert lines[2].split()[:2] == ["regime", "now"] and lines[2].split()[2] in {r.label for r in Regime} | {
        "periodic,"
    }
    size = FILE.stat().st_size / 1000
    assert lines[3:] == [
        f"wrote explorer.html ({size:.0f} kB), one file that works offline",
        "the page contains the 64 context rows and the query of diabetes.csv: "
        "send it only where these may go",
    ]


def test_it_is_said_whether_the_page_contains_rows(run, explore):
    assert explore(*DATA)["contains_rows"] is True
    assert explore("--force")["contains_rows"] is False
    lines = run("explore", "--no-open", "--force")[1].splitlines()
    assert lines[-1] == "send it, or put it on any server: it contains no rows of data"


def test_those_lines_are_the_ones_of_reduce(run):
    reduced = run("reduce", *DATA, "--mu", "1.1")[1].splitlines()
    explored = run("explore", *DATA, "--mu", "1.1", "--no-open")[1].splitlines()
    assert [line.split() for line in explored[:3]] == [line.split() for line in reduced[:3]]


def test_without_data_it_begins_in_normal_form(explore):
    assert explore("--output", "a.html")["mu"] == 0.9
    found = explore("--mu", "1.1", "--start", "0.5,0.25", "--output", "b.html")
    assert (found["u"], found["v"], found["regime"], found["period"]) == (0.5, 0.25, "periodic", 2)
    assert found["step_size"] is None
    assert data_of(Path("b.html"))["start"] == {"mu": 1.1, "u": 0.5, "v": 0.25}
    assert "prompt" not in data_of(Path("b.html"))


def test_with_data_mu_may_be_left_out_and_the_start_given(explore):
    found = explore(*DATA, "--start", "0.5,0.25")
    assert found["mu"] == 0.9 and (found["u"], found["v"]) == (0.5, 0.25)


def test_the_words_in_the_page_describe_the_same_prompt(explore, answer):
    Path("my data.csv").write_text(CSV)
    given = [*ROWS, "--features", "b,a", "--center", "--value=-0.3", "--seed", "7"]
    found = explore("my data.csv", *given, "--mu", "0.7")
    options = data_of()["options"]
    assert options == {
        "data": "'my data.csv' --target y --context 0:3 --query 3 --features b,a --center",
        "weights": "--value=-0.3 --seed 7",
    }
    words = shlex.split(f"reduce {options['data']} {options['weights']} --mu 0.7")
    again = answer(*words)
    for name in ("step_size", "u", "v"):
        assert again[name] == found[name]


@pytest.mark.parametrize(
    ("given", "word"),
    [("example", "example"), ("./example", "./example"), ("deeper/t.csv", "t.csv"), ("./-t.csv", "./-t.csv")],
)
def test_data_is_named_without_its_folder(explore, given, word):
    rows = ["--target", "progression", "--context", "0:64", "--query", "64"]
    if given != "example":
        Path(given).parent.mkdir(exist_ok=True)
        Path(given).write_text(CSV)
        rows = ROWS
    explore(given, *rows)
    assert shlex.split(data_of()["options"]["data"])[0] == word
    assert str(Path.cwd()) not in FILE.read_text()


def test_hostile_names_stay_texts(explore):
    name = "</script><img src=x onerror=alert(1)>"
    Path("a.csv").write_text(CSV.replace("y", name))
    explore("a.csv", *ROWS[2:], "--target", name)
    assert name not in FILE.read_text() and data_of()["prompt"]["target"] == name


def test_a_large_prompt_is_said_to_be_left_out(run, explore):
    rows = "".join(f"{i % 7},{i % 5},{i % 3 + 1}\n" for i in range(40_000))
    Path("large.csv").write_text(f"a,b,y\n{rows}")
    given = ["large.csv", "--target", "y", "--context", "0:39999", "--query", "39999", "--mu", "1"]
    found = explore(*given)
    assert found["bytes"] < 1_500_000 and "leaves out" in found["too_large"]
    assert found["contains_rows"] is False
    assert found["too_large"] in run("explore", *given, "--no-open", "--force")[1].splitlines()


# The file


def test_nothing_is_replaced_without_force(refused, explore):
    FILE.write_text("mine")
    refused("explore", "--no-open", needles=["explorer.html", "--force"])
    explore("--force")
    assert data_of()


@pytest.mark.parametrize(
    ("output", "needle"),
    [("x.htm", ".html"), ("x.h5", ".html"), ("none/x.html", "existing folder"), (".", ".html")],
)
def test_a_place_that_cannot_be_a_page_is_refused(refused, output, needle):
    refused("explore", "--output", output, "--no-open", needles=["must", needle])


def test_trouble_in_writing_leaves_the_old_page(run, folder, monkeypatch):
    FILE.write_text("mine")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_umask", full)
    code, out, err = run("explore", "--force", "--no-open")
    assert (code, out) == (1, "") and "No space left" in err
    assert contents(folder) == {"explorer.html": b"mine"}


@pytest.mark.parametrize("words", [["--step-size", "0.1"], ["--center"], ["--query", "0"], ["--mu", "0"]])
def test_without_data_what_needs_it_is_refused(refused, words):
    refused("explore", *words, "--no-open", needles=[words[0]])


def test_quiet_says_nothing_and_writes(run):
    assert run("explore", "--quiet", "--no-open") == (0, "", "")
    assert data_of()


# The browser


def test_the_page_is_opened(run, opened):
    assert run("explore")[0] == 0
    assert opened == [FILE.resolve().as_uri()]


def test_it_is_not_opened_if_that_is_said_or_there_is_no_screen(run, opened, monkeypatch):
    run("explore", "--no-open")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    run("explore", "--force")
    assert opened == []


def test_a_machine_without_a_browser_is_no_failure(run, opened, monkeypatch):
    def none(_):
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "open", none)
    code, out, err = run("explore")
    assert (code, err) == (0, "") and "wrote explorer.html" in out


def test_json_is_one_object(capsys):
    assert main(["explore", "--json", "--no-open"]) == 0
    assert one_object(capsys.readouterr().out)["output"] == str(FILE)
