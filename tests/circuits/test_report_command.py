"""The command that reports, on a result file and on published numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from standin_tracking import tracking
from typer.main import get_command

from lintrans import registry
from lintrans.cli.commands.circuits.reporting import app
from lintrans.errors import InputError, MissingExtraError
from lintrans.registry import Kind, Subject
from lintrans.sweeps.store import save


@pytest.fixture
def file(folder, monkeypatch):
    """A result file of the stand-in, which takes the place of a tracking."""
    kinds = {"circuit_tracking": Kind("standin_tracking:StandIn")}
    monkeypatch.setitem(registry.SUBJECTS, "stand-in", Subject(kinds=kinds))
    return save(tracking(), folder / "heads.h5")


@pytest.fixture
def said(capsys):
    """What the command prints."""

    def call(*words):
        get_command(app).main([str(word) for word in words], standalone_mode=False)
        return capsys.readouterr().out

    return call


def test_the_report_of_a_file(said, file):
    lines = said(file, "--n-bootstrap", "20").splitlines()
    assert lines[0] == "toy/model: 12 heads, ratios >= 30, by best class (by any class)"
    assert any(line.split() == ["step32000", "64B", "1", "1", "0", "6", "0", "0", "4"] for line in lines)
    assert any(line.startswith("first token") and line.endswith("ramp, not sure") for line in lines)
    assert any(line.startswith("previous token") and line.endswith("unresolved") for line in lines)
    assert any(line.startswith("induction: participation rises in 1 of 1 heads") for line in lines)


def test_json_is_one_object(said, file):
    answer = json.loads(
        said(file, "--json", "--kind", "first token", "--threshold", "45", "--n-bootstrap", "9")
    )
    assert list(answer) == [
        "model", "heads", "threshold", "sequences", "counted", "revisions", "kinds", "milestones"
    ]  # fmt: skip
    assert answer["threshold"] == 45 and list(answer["kinds"]) == ["first token"]
    sinks = answer["kinds"]["first token"]
    assert sinks["fraction"][-1] == 0.5
    assert sinks["transition"]["width"]["low"] <= sinks["transition"]["width"]["value"]
    assert answer["revisions"][0]["tokens"] == 0


def test_options_reach_the_counts(said, file):
    assert json.loads(said(file, "--json", "--best", "--n-bootstrap", "0"))["counted"] == "best"
    high = json.loads(said(file, "--json", "--threshold", "60", "--n-bootstrap", "0"))
    assert list(high["kinds"]) == ["induction", "previous token"]


def test_tables_are_written_beside(said, file, folder):
    answer = json.loads(said(file, "--json", "--csv", folder / "raw.csv", "--n-bootstrap", "0"))
    assert answer["csv"] == str(folder / "raw.csv")
    assert (
        (folder / "raw.csv")
        .read_text()
        .startswith("model,revision,tokens,layer,head,class,mass,ratio,PR,n\n")
    )
    out = said(file, "--csv", folder / "raw.csv", "--force", "--n-bootstrap", "0")
    assert out.splitlines()[-1] == f"wrote {folder / 'raw.csv'}"


def test_parquet_is_written_beside(said, file, folder):
    pytest.importorskip("pyarrow")
    answer = json.loads(said(file, "--json", "--parquet", folder / "raw.parquet", "--n-bootstrap", "0"))
    assert (folder / "raw.parquet").stat().st_size > 0
    assert answer["parquet"] == str(folder / "raw.parquet")


def test_published_numbers(said):
    out = said("--published")
    assert "10-90 % width in doublings" in out
    assert out.count("disagrees") == 5
    assert "  OLMo-1B-0724-hf: 1.21 (" in out and "10. ramp and jump" in out
    answer = json.loads(said("--published", "--json"))
    assert list(answer) == ["lines", "transitions", "disagreements"]
    assert list(answer["lines"][0]) == [
        "quantity", "model", "revision", "published", "rederived", "status", "note"
    ]  # fmt: skip
    assert answer["transitions"]["pythia-1b"]["verdict"] == "ramp"
    assert len(answer["disagreements"]) == 10


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "FILE must be given"),
        (("missing.h5",), "no such file"),
        (("heads.h5", "--kind", "sink"), "kind must be one of induction"),
        (("heads.h5", "--threshold", "0"), "threshold must be positive"),
        (("heads.h5", "--csv", "raw.txt"), "must end in .csv"),
        (("heads.h5", "--csv", "heads.csv"), "output must not exist"),
        (("heads.h5", "--n-bootstrap", "-1"), "n_bootstrap must lie between 0"),
        (("heads.h5", "--published"), "FILE must not stand beside --published"),
        (("--published", "--csv", "raw.csv"), "--csv must not stand beside --published"),
        (("other.h5",), "file must be of lintrans circuits measure, got other.h5 with lyapunov_exponents"),
    ],
)
def test_refusals(said, file, folder, words, message):
    import lintrans as lt

    (folder / "heads.csv").touch()
    save(lt.lyapunov_exponents(np.array([0.5]), n_transient=128, n_steps=128), folder / "other.h5")
    before = {path.name for path in folder.iterdir()}
    with pytest.raises(InputError, match=message) as refused:
        said(*words)
    assert "\n" not in str(refused.value) and ";" in str(refused.value)
    assert {path.name for path in folder.iterdir()} == before


def test_a_missing_extra_is_said_before_any_work(said, file, folder, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else real(name))
    with pytest.raises(MissingExtraError, match=r"lintrans\[tables\]"):
        said(file, "--csv", folder / "raw.csv", "--parquet", folder / "raw.parquet")
    assert not (folder / "raw.csv").exists()
