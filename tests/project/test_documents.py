"""Layer 6: what the README and the docs show is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lintrans.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def run_example(code, capsys):
    exec(compile(code, "README.md", "exec"), {"__name__": "readme"})
    return capsys.readouterr().out


def demo_answer(capsys, monkeypatch, step_size="7e-5"):
    """What `make demo` prints for its `reduce` line, read from the Makefile itself."""
    monkeypatch.chdir(ROOT)
    makefile = (ROOT / "Makefile").read_text()
    example = re.search(r"^EXAMPLE := (.*)$", makefile, re.MULTILINE).group(1)
    command = re.search(r"lintrans (reduce [^&\n]*)", makefile).group(1)
    words = shlex.split(command.replace("$(EXAMPLE)", example).replace("7e-5", step_size))
    assert main(words) == 0
    return capsys.readouterr().out


def test_readme_shows_what_the_demo_prints(capsys, monkeypatch):
    shown = blocks("console")[0].splitlines()
    assert shown[0] == "$ make demo"
    answer = demo_answer(capsys, monkeypatch).splitlines()
    assert len(answer) == 10
    assert shown[1:11] == answer


def test_that_comparison_notices_another_number(capsys, monkeypatch):
    assert demo_answer(capsys, monkeypatch, "7.1e-5").splitlines() != blocks("console")[0].splitlines()[1:11]


def test_library_example_prints_what_is_shown(capsys):
    assert run_example(blocks("python")[0], capsys) == blocks("text")[0]


def test_the_example_of_getting_started_runs(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/getting_started.md").read_text(), re.DOTALL).group(
        1
    )
    stable, regime, certified = run_example(code, capsys).splitlines()
    assert float(stable) > 0
    assert regime.split()[1] == "chaotic"
    assert certified == "True"
    assert Path("diagram.h5").exists()


def test_library_example_is_about_ten_lines_and_the_readme_at_most_a_hundred():
    assert len([line for line in blocks("python")[0].splitlines() if line]) <= 12
    assert len(README.splitlines()) <= 100


def test_every_linked_file_exists():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "experiments").rglob("*.md")):
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text()):
            assert source_of(page, target).exists(), f"{page.name}: {target}"


def source_of(page, target):
    """The file that is linked to, or that a page written by docs/generated.py follows from."""
    folder, _, name = target.removeprefix("_generated/").rpartition("/")
    if not target.startswith("_generated/"):
        return page.parent / target
    if folder == "experiments":
        return ROOT / folder / name.removesuffix(".md") / "README.md"
    return ROOT / "docs/generated.py" if name in {"claims.md", "commands.md"} else ROOT / folder / name


def test_house_is_drawn_as_it_is():
    drawn = subprocess.run([sys.executable, "docs/draw_layers.py", "--check"], cwd=ROOT, check=False)
    assert drawn.returncode == 0


def test_every_command_named_in_the_readme_exists(capsys):
    listed = re.search(r"`lintrans (reduce \|[^`]*)`", README).group(1)
    for name in map(str.strip, listed.split("|")):
        assert main([name, "--help"]) == 0
        assert f"lintrans {name}" in capsys.readouterr().out


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"version: {project['version']}" in (ROOT / "CITATION.cff").read_text()


@pytest.mark.parametrize("name", sorted(page.parent.name for page in ROOT.glob("experiments/*/README.md")))
def test_experiments_say_what_they_ask_and_how_to_run(name):
    page = (ROOT / "experiments" / name / "README.md").read_text()
    assert f"[{name}]({name}/README.md)" in (ROOT / "experiments" / "README.md").read_text()
    assert page.startswith("# Do") and f"python -m experiments {name}" in page
