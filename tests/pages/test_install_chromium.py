"""The installer of the browser: what it says, what it runs, and that it never fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "install_chromium.sh"


@pytest.fixture
def install(tmp_path):
    """Run the script where only the commands that are given exist; returns its output and what it ran."""

    def call(**commands):
        log = tmp_path / "log"
        log.write_text("")
        for name, code in commands.items():
            command = tmp_path / name.replace("_", "-")
            command.write_text(f'#!/bin/sh\necho "{command.name} $@" >> "{log}"\n{code}\n')
            command.chmod(0o755)
        words, folder = ["/bin/sh", str(SCRIPT)], {"PATH": str(tmp_path)}
        found = subprocess.run(words, env=folder, capture_output=True, text=True, check=False)
        assert (found.returncode, found.stderr) == (0, "")
        return found.stdout, [line for line in log.read_text().splitlines() if not line.startswith("id")]

    return call


ROOT, USER = "echo 0", "echo 1000"


@pytest.mark.parametrize("name", ["chromium", "chromium_browser", "google_chrome"])
def test_nothing_is_done_where_there_is_a_browser(install, name):
    assert install(id=ROOT, apt_get="", **{name: ""}) == ("", [])


@pytest.mark.parametrize("commands", [{"id": USER, "apt_get": ""}, {"id": ROOT}])
def test_where_it_cannot_be_installed_one_line_says_so(install, commands):
    said, ran = install(**commands)
    assert said.startswith("no Chromium: tests of pages are skipped") and said.count("\n") == 1
    assert ran == []


def test_it_is_installed_as_root(install):
    said, ran = install(id=ROOT, apt_get="")
    assert said == "installing the package chromium with apt-get (once), for the tests of pages\n"
    assert ran == ["apt-get install --yes --no-install-recommends --quiet --quiet chromium"]


def test_lists_of_packages_are_fetched_if_needed_and_trouble_is_no_failure(install):
    said, ran = install(id=ROOT, apt_get='[ "$1" = update ]')
    assert [line.split()[1] for line in ran] == ["install", "update", "install"]
    assert said.splitlines()[1:] == ["no Chromium: it could not be installed, so tests of pages are skipped"]
