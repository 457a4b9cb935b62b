"""How tests share the cores, how hypothesis searches, and the command line run inside their process."""

from __future__ import annotations

import os

import pytest
from browser import browser, open_page  # noqa: F401 - fixtures
from commands import check_refusal, contents, one_object
from hypothesis import settings

from lintrans.cli import main

# CI judges a change, so it sees the same examples every time; elsewhere hypothesis goes on searching.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# Tests of a file run on one core, one after the other, since they share its set-up. Those that stop processes
# stay together, and those that take long by themselves are apart. What takes longest begins first.
FIRST = (
    "processes",
    "tests/certified",
    "tests/sweeps/test_fuzz",
    "tests/compiled",
    "tests/two_factor/test_dimension",
)
APART = ("tests/sweeps/test_fuzz", "tests/two_factor/test_dimension")
STOPPING = ("tests/sweeps/test_executors", "tests/registry", "::test_a_killed_process")


def group_of(test: str) -> str:
    """Name of the tests that run on one core with this one."""
    if any(part in test for part in STOPPING):
        return "processes"
    return test if test.startswith(APART) else test.partition("::")[0]


def place_of(item: pytest.Item) -> int:
    """Where a test stands in the order in which groups begin."""
    group = group_of(item.nodeid)
    return next((i for i, start in enumerate(FIRST) if group.startswith(start)), len(FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=place_of)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    config.option.loadscopereorder = False  # by the number of tests; they begin as they are collected
    return Scheduler(config, log)


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
