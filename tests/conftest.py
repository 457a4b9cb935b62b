"""How hypothesis searches, and the command line run inside the process of the tests."""

from __future__ import annotations

import os

import pytest
from commands import check_refusal, contents, one_object
from hypothesis import settings

from lintrans.cli import main

# CI judges a change, so it sees the same examples every time; elsewhere hypothesis goes on searching.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder, for relative names and for what must not be written."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def run(capsys):
    def call(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def answer(run):
    """What a command prints with --json."""

    def call(*words):
        code, out, err = run(*words, "--json")
        assert (code, err) == (0, "")
        return one_object(out)

    return call


@pytest.fixture
def refused(run, folder):
    """Run a command that must be refused: exit code 2, one line with the needles, nothing written."""

    def call(*words, needles):
        before = contents(folder)
        complaint = check_refusal(*run(*words), needles)
        assert contents(folder) == before
        return complaint

    return call
