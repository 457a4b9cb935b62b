"""Every command reads its data file once."""

from __future__ import annotations

import shutil
from importlib import import_module
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
from commands import BATCHES, DATA, ON_DATA, PLANE, TABLE

import lintrans as lt
from lintrans import registry

NUMBERS = ["numbers.npz", "--n-steps", "20", "--n-trajectories", "8"]
WEIGHTS = ["--step-size", "0.05", "--value", "0.5"]
LEAKY = [word for word in TABLE if word not in ("--features", "bmi")] + [
    "--standardize",
    "--step-size",
    "4e-5",
]
WORDS = {
    **{name: (name, [*DATA, *words]) for name, words in ON_DATA.items()},
    **{name: (name, [*DATA, *PLANE[name]]) for name in PLANE if name != "continue"},
    **{name: (name, words) for name, words in BATCHES.items()},
    "reduce, an archive": ("reduce", ["prompt.npz", "--mu", "0.5"]),
    "minibatch, numbers": ("minibatch", [*NUMBERS, "--batch-sizes", "1,4", "--batch-size", "4"]),
    "minibatch, trained": (
        "minibatch",
        [*LEAKY, "--batch-sizes", "1,8", "--batch-size", "4", "--verify", "2"],
    ),
    "escapes, numbers": ("escapes", [*NUMBERS, *WEIGHTS]),
    "escapes, trained": ("escapes", LEAKY),
}


@pytest.fixture
def opened(folder, monkeypatch):
    """Names of the data files that were opened."""
    one = {"context": [[1.0], [2.0]], "labels": [1.0, 2.0], "query": [1.5], "query_label": 1.0}
    np.savez(folder / "prompt.npz", **one)
    np.savez(folder / "numbers.npz", moments=np.linspace(1, 2, 20), labels=np.linspace(1, 2, 20))
    shutil.copy(lt.example_data(), folder / "table.csv")
    names, real = [], Path.open

    def counted(self, mode="r", *args, **options):
        if self.suffix in (".csv", ".npz"):
            names.append(self.name)
        return real(self, mode, *args, **options)

    monkeypatch.setattr(Path, "open", counted)
    return names


@pytest.mark.parametrize("name", WORDS)
def test_a_command_reads_its_data_once(run, opened, name):
    command, words = WORDS[name]
    given = ["table.csv" if word == str(lt.example_data()) else word for word in words]
    code, _, err = run(command, *given, "--json")
    assert (code, err) == (0, "")
    assert opened == [given[0]]


def test_a_second_reading_is_counted(run, opened):
    for _ in range(2):
        assert run("thresholds", "prompt.npz")[0] == 0
    assert opened == ["prompt.npz"] * 2


def test_no_command_that_takes_data_is_left_out():
    apps = [import_module(group.module).app for group in registry.groups()]
    commands = [command for app in apps for command in app.registered_commands]
    taking = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in commands
        if "data" in signature(command.callback).parameters
    }
    assert taking == {command for command, _ in WORDS.values()}
