"""The entry that all experiments share: their folders, checks, files, refusals, and a run of all of them."""

from __future__ import annotations

import json
import math
import re
import shlex
import tomllib
from importlib import import_module
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from experiments import entry, everything, files
from experiments.tables import Found, Table, check, judge
from lintrans.errors import InputError

MAX_LINES = 400
every = pytest.mark.parametrize("name", entry.NAMES)


def readme(name):
    return (entry.HERE / name / "README.md").read_text()


# Every folder.


@every
def test_an_experiment_has_all_its_parts(name):
    folder, experiment = entry.HERE / name, import_module(f"experiments.{name}.run")
    assert {path.name for path in folder.iterdir()} >= {"README.md", "config.toml", "__init__.py", "run.py"}
    assert import_module(f"experiments.{name}").__doc__.startswith("Do")
    assert callable(experiment.measure)
    assert callable(experiment.claims)
    assert hasattr(experiment, "draw") == bool(list(folder.glob("*.png")))


@every
def test_quick_numbers_stand_for_those_of_the_config(name):
    config = entry.configuration(name)
    before = json.dumps(config)
    assert config["quick"]
    with entry.numbers(config, quick=True):
        assert "quick" not in config
        assert json.dumps(config | {"quick": json.loads(before)["quick"]}) != before
    assert json.dumps(config) == before


@every
def test_commands_of_the_readme_are_understood(name):
    """Every command is one of this experiment, with options it has."""
    experiment = import_module(f"experiments.{name}.run")
    commands = re.findall(
        r"^    \.venv/bin/python -m experiments (.*?)(?:  +#.*)?$", readme(name), re.MULTILINE
    )
    assert commands
    for command in commands:
        asked, *words = shlex.split(command)
        assert asked == name
        entry.parser_of(name, experiment).parse_args(words)
    assert name in (entry.HERE / "README.md").read_text()


def test_folders_and_the_table_of_the_readme_agree():
    listed = re.findall(
        r"^\| \[(\w+)\]\(\1/README\.md\) \|", (entry.HERE / "README.md").read_text(), re.MULTILINE
    )
    assert sorted(listed) == entry.NAMES
    folders = {path.parent.name for path in entry.HERE.glob("*/__init__.py")}
    assert folders == set(entry.NAMES)
    questions = entry.overview()
    assert all(re.search(rf"^  {name} +Do", questions, re.MULTILINE) for name in entry.NAMES)


def test_no_file_is_long_and_none_changes_the_path():
    for path in entry.HERE.rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= MAX_LINES, path.name
        assert "sys.path" not in text, path.name


# Numbers, tables and checks.


def test_an_override_reaches_into_tables_and_replaces_lists():
    config = {"a": 1, "b": {"c": [1, 2], "d": {"e": 3, "f": 4}}}
    entry.override(config, {"b": {"c": [5], "d": {"f": 6}}})
    assert config == {"a": 1, "b": {"c": [5], "d": {"e": 3, "f": 6}}}


def test_a_misspelt_override_is_refused():
    with pytest.raises(InputError, match="got 'n_step'; correct its name"):
        entry.override({"a": {"n_steps": 1}}, {"a": {"n_step": 2}})


def test_numbers_come_back_after_an_error():
    config = {"n": 10, "quick": {"n": 1}}
    with pytest.raises(ZeroDivisionError), entry.numbers(config, quick=True):
        assert config == {"n": 1}
        raise ZeroDivisionError
    assert config == {"n": 10, "quick": {"n": 1}}


@pytest.mark.parametrize(
    ("measured", "bounds", "holds"),
    [
        (1.0, {"equals": 1}, True),
        (1.5, {"equals": 1}, False),
        (2.0, {"at_least": 1, "at_most": 2}, True),
        (2.1, {"at_most": 2}, False),
        (0.9, {"at_least": 1}, False),
        (math.nan, {"at_most": 2}, False),
        (math.nan, {"at_least": 2}, False),
    ],
)
def test_a_check_holds_within_its_bounds_only(measured, bounds, holds):
    assert check("it", measured, **bounds).holds is holds


def test_a_check_that_cannot_fail_is_refused():
    with pytest.raises(ValueError, match="cannot fail"):
        check("anything goes", 1.0)
    with pytest.raises(ValueError, match="must check what it claims"):
        judge([])


def test_a_table_keeps_what_it_prints(capsys):
    table = Table({"name": "<5", "x_of_it": "8.3f"})
    table.head()
    table.row(name="a", x_of_it=1.23456)
    table.row(name="b", x_of_it=math.nan)
    assert capsys.readouterr().out == "name    x of it\na         1.235\nb             -\n"
    assert table["x_of_it"][0] == 1.23456
    assert table.at(name="b")["name"].tolist() == ["b"]
    with pytest.raises(ValueError, match="a row has the columns"):
        table.row(name="c")


# Runs, of a made-up experiment and of two real ones.


def made_up(measured=1.0):
    def measure(found):
        table = found.table("numbers", "numbers", name="<5", x="8.3f")
        for name, x in (("ä", measured), ("b", math.pi)):
            table.row(name=name, x=x)
        found.keep("none", x=[])

    def claims(found):
        yield check("x is one", found["numbers"]["x"][0], equals=1, reason="made up")

    return SimpleNamespace(__doc__="Made up.", measure=measure, claims=claims)


@pytest.fixture
def experiment(monkeypatch, tmp_path):
    """Run a made-up experiment under the name of a real one, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words, measured=1.0):
        monkeypatch.setattr(entry, "import_module", lambda name: made_up(measured))
        return entry.main(["agreement", *words])

    return run


def test_a_failing_check_makes_the_exit_code_1(experiment, capsys):
    assert experiment() == 0
    assert "1 of 1 checks hold" in capsys.readouterr().out
    assert experiment("--output", "found.h5", measured=1.1) == 1
    out = capsys.readouterr().out
    assert re.search(r"^FAILS +x is one +1\.1 +1 +\(made up\)$", out, re.MULTILINE)
    kept = files.read(entry.Path("found.h5"))["checks"]  # what failed is kept too
    assert kept["holds"].tolist() == [0]


def test_the_file_holds_tables_checks_settings_and_versions(experiment, tmp_path):
    assert experiment("--quick", "--output", "found.h5") == 0
    with h5py.File(tmp_path / "found.h5") as file:
        assert file.attrs["experiment"] == b"agreement"
        settings, versions = (json.loads(file.attrs[name]) for name in ("settings", "versions"))
        column = file["numbers/x"]
        assert column.dims[0].keys() == ["row"]
        assert column.fletcher32
    config = tomllib.loads((entry.HERE / "agreement" / "config.toml").read_text())
    assert settings == config["quick"] | {
        key: config[key] for key in config.keys() - config["quick"].keys() - {"quick"}
    } | {"options": {"quick": True}}
    assert {"python", "lintrans", "numpy", "h5py"} <= versions.keys()
    found = files.read(tmp_path / "found.h5")
    assert found["numbers"]["x"].tolist() == [1.0, math.pi]
    assert found["numbers"]["name"].tolist() == ["ä", "b"]
    assert found["none"]["x"].size == 0
    assert found["checks"]["statement"].tolist() == ["x is one"]


def test_an_existing_file_is_kept_without_force(experiment, capsys, tmp_path):
    (tmp_path / "found.h5").write_text("mine")
    assert experiment("--output", "found.h5") == 2
    printed = capsys.readouterr()
    assert printed.out == ""  # refused before any work
    assert printed.err.startswith("error: output must not exist")
    assert (tmp_path / "found.h5").read_text() == "mine"
    assert experiment("--output", "found.h5", "--force") == 0
    assert files.read(tmp_path / "found.h5")["checks"]["holds"].tolist() == [1]


def test_nothing_is_left_of_a_run_that_breaks_off(experiment, monkeypatch, tmp_path):
    def broken(*arguments, **options):
        raise OSError("disk full")

    monkeypatch.setattr(files, "_column", broken)
    with pytest.raises(OSError, match="disk full"):
        experiment("--output", "found.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["agreements"], "experiment must be one of"),
        (["agreement", "--fast"], "unrecognized arguments: --fast"),
        (["agreement", "--output", "nowhere/found.h5"], "output must lie in an existing folder"),
        (["agreement", "--figure", "a.png"], "unrecognized arguments: --figure"),
        (["schedules", "--figure", "a.doc"], "figure must end in .png, .pdf, .svg"),
        (["minibatch", "crossings"], "parts must be some of"),
        (["minibatch", "crossing", "--figure", "a.png"], "--figure draws the part shrinkage"),
        (["batch_schedules", "drifts"], "parts must be some of"),
        (["softmax", "--data", "nothing.csv"], "--data must be a table that --table kept"),
        (["all", "--jobs", "0"], "--jobs must be at least 1"),
    ],
)
def test_bad_input_is_one_line(words, needle, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert entry.main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert needle in err
    assert ";" in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "words"), [("commutation", []), ("minibatch", ["crossing", "stability"])])
def test_what_is_printed_is_in_the_file_and_its_checks_follow_from_it(
    name, words, tmp_path, capsys, monkeypatch
):
    """Rows of the file, in the formats of the tables, are the lines that were printed."""
    runs = []
    monkeypatch.setattr(entry, "Found", lambda *arguments: runs.append(Found(*arguments)) or runs[-1])
    assert entry.main([name, *words, "--quick", "--output", str(tmp_path / "found.h5")]) == 0
    printed = [re.split(r"\s{2,}", line.strip()) for line in capsys.readouterr().out.splitlines()]
    kept, (run,) = files.read(tmp_path / "found.h5"), runs
    assert kept.keys() == {*run.tables, "checks"}
    for title, table in run.tables.items():
        arrays = {key: values.tolist() for key, values in kept[title].items() if key != "row"}
        read = run.tables[title] = Table(table.formats, arrays)
        assert read.columns.keys() == table.columns.keys()
        for i in range(len(read)):
            assert [text for key in arrays if (text := read.text(key, arrays[key][i]))] in printed
    config, experiment = entry.configuration(name), import_module(f"experiments.{name}.run")
    with entry.numbers(config, quick=True):
        again = list(experiment.claims(run))  # from what was read
    assert [one.statement for one in again] == kept["checks"]["statement"].tolist()
    assert [one.measured for one in again] == kept["checks"]["measured"].tolist()


# All of them.


def test_all_runs_every_experiment_and_fails_with_one(monkeypatch, capsys):
    monkeypatch.setattr(everything, "NAMES", ["good", "bad", "broken"])

    def outcome(name, folder, *, quick):
        assert quick
        held, failed, code = {"good": (3, 0, 0), "bad": (2, 1, 1), "broken": (0, 0, 2)}[name]
        return everything.Outcome(name, f"printed by {name}", 1.0, held, failed, code)

    monkeypatch.setattr(everything, "run", outcome)
    assert entry.main(["all", "--quick"]) == 1
    out = capsys.readouterr().out
    assert all(f"printed by {name}" in out for name in ("good", "bad", "broken"))
    assert re.search(r"^good +1 +3 +0$", out, re.MULTILINE)
    assert re.search(r"^bad +1 +2 +1 +FAILS$", out, re.MULTILINE)
    assert re.search(r"^broken +1 +0 +0 +broke off with exit code 2$", out, re.MULTILINE)
    monkeypatch.setattr(everything, "NAMES", ["good"])
    assert entry.main(["all", "--quick"]) == 0


def test_one_of_them_runs_in_a_process_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(entry.HERE.parent)
    found = everything.run("agreement", tmp_path, quick=True)
    assert (found.held, found.failed, found.code) == (3, 0, 0)
    assert "checks hold" in found.printed
    assert np.isfinite(found.seconds)
