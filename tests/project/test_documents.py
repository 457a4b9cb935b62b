"""Layer 6: what the README and the docs show is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import lintrans as lt
from lintrans.attention import FullWeights
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
    assert len(answer) == 11
    assert shown[1:12] == answer


def test_that_comparison_notices_another_number(capsys, monkeypatch):
    assert demo_answer(capsys, monkeypatch, "7.1e-5").splitlines() != blocks("console")[0].splitlines()[1:12]


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


def trained_fully(step_size, n_steps=20_000):
    """Train all of P and K from the README's start; the relative residuals of the last 100 steps."""
    prompt = lt.Prompt.from_csv(
        lt.example_data(),
        target="progression",
        context=slice(0, 64),
        query=64,
        standardize=True,
        center=True,
    )
    drawn = lt.initial_weights(prompt.d, value=0.1, scale=0.1, seed=0)
    weights = FullWeights(*drawn.matrices(drawn.to_vector(), prompt.d))
    run = lt.train(prompt, weights, step_size=step_size, n_steps=n_steps)
    return np.abs(run.predictions[-100:] / prompt.query_label - 1)


def test_full_weights_break_where_the_readme_says():
    assert "breaks at about 1.1e-6, not at 7.4e-5" in " ".join(README.split())
    assert "between 1.0963e-6 and 1.0965e-6" in (ROOT / "docs/conventions.md").read_text()
    assert trained_fully(1.09e-6).max() < 1e-10  # residuals fall by |1 - eta sharpness| = 0.988 a step
    assert trained_fully(1.10e-6).min() > 0.05  # a cycle of period 2


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


def test_layers_are_drawn_as_they_are():
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
    assert page.startswith("# Do") and f"experiments/{name}/run.py" in page
