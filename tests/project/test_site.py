"""Layer 6: the documentation site leaves nothing out. `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import lintrans as lt
from lintrans import registry

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()
PAGES = {page.stem: page.read_text() for page in DOCS.glob("*.md")}
EXPERIMENTS = [page.parent.name for page in (ROOT / "experiments").glob("*/README.md")]
CHAPTERS = [page.stem for page in (ROOT / "theory").glob("[0-9]*.py")]


def in_toctrees(pages):
    trees = re.findall(r"```\{toctree\}\n(.*?)```", "\n".join(pages.values()), re.DOTALL)
    return {line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")}


def unlisted(pages):
    """What the site should hold and no table of contents names."""
    expected = set(pages) - {"index"} | {"_generated/claims", "_generated/commands"}
    expected |= {f"_generated/theory/{name}" for name in CHAPTERS}
    expected |= {f"_generated/experiments/{name}" for name in EXPERIMENTS}
    return expected ^ in_toctrees(pages)


def test_every_page_is_in_one_table_of_contents():
    assert len(CHAPTERS) == 12
    assert not unlisted(PAGES)


def test_a_forgotten_page_is_noticed():
    assert unlisted(PAGES | {"forgotten": ""}) == {"forgotten"}


def test_the_page_of_commands_shows_every_help(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    generated = import_module("generated")
    monkeypatch.setattr(generated, "_help", lambda *command: f"help of {' '.join(command)}")
    found = re.findall(r"## lintrans (.+)\n\n```text\nhelp of \1\n", generated.commands())
    names = [name for group in registry.groups() for name in group.commands]
    assert [name for name in found if " " not in name] == names
    assert [name for name in found if name.startswith("sandbox ")] == [
        f"sandbox {name}" for name in ("train", "study", "measure", "label", "page", "movie")
    ]


FOLDERS = sorted(path.parent.name for path in (ROOT / "lintrans").glob("*/__init__.pyi"))


def documented(api):
    """Full names that the reference documents."""
    found, module = set(), ""
    for directive, name in re.findall(
        r"\.\. (currentmodule|auto(?:class|function|exception)):: ([\w.]+)", api
    ):
        if directive == "currentmodule":
            module = name
        else:
            found.add(f"{module}.{name}")
    return found


def undocumented(api):
    """Public names, of the top and of every folder, that it leaves out; those of the top count once."""
    names = {f"lintrans.{name}" for name in lt.__all__}
    for folder in FOLDERS:
        listed = import_module(f"lintrans.{folder}").__all__
        names |= {f"lintrans.{folder}.{name}" for name in listed if name not in lt.__all__}
    return names - documented(api)


def test_every_public_name_is_in_the_reference():
    assert len(FOLDERS) >= 7
    assert not undocumented(PAGES["api"])


def test_a_name_left_out_of_the_reference_is_noticed():
    for name, folder in (("verify", ""), ("Variant", "two_factor.")):
        lacking = PAGES["api"].replace(f":: {name}\n", ":: nothing\n", 1)
        assert undocumented(lacking) == {f"lintrans.{folder}{name}"}


TOP = {
    *("Prompt", "example_data", "initial_weights", "reduce", "critical_step_sizes", "landmarks", "ellipse"),
    *("regime", "orbit", "phase_diagram", "bifurcation_diagram", "lyapunov_exponents", "basin_map", "train"),
    *("verify", "load", "save", "run_to_file", "resume", "InputError"),
}


def test_twenty_names_stand_at_the_top():
    assert len(TOP) == 20 and set(lt.__all__) == TOP
    assert all(getattr(lt, name) is not None for name in lt.__all__)
    with pytest.raises(AttributeError, match=r"'PhaseDiagram'; .* folder of their subject"):
        _ = lt.PhaseDiagram


def test_the_changelog_leads_from_every_old_place_to_one_that_is_there():
    moved = re.findall(r"^\| `(?:lt|lintrans)\.([\w.]+)`.* \| `lintrans\.([\w.]+)`", CHANGELOG, re.MULTILINE)
    assert len(moved) > 70
    for _old, new in moved:
        folder, _, name = new.rpartition(".")
        module = import_module(f"lintrans.{folder}" if folder else "lintrans")
        assert hasattr(module, name) or import_module(f"lintrans.{new}"), new


def test_every_reference_is_cited_and_every_citation_has_one():
    entries = re.findall(r"@\w+\{(\w+),", (DOCS / "references.bib").read_text())
    cited = [key for page in PAGES.values() for key in re.findall(r"\{cite\}`(\w+)`", page)]
    assert sorted(entries) == sorted(set(cited))


def test_every_figure_of_the_pages_is_drawn_by_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    shown = {name for page in PAGES.values() for name in re.findall(r"\]\(figures/(\w+\.png)\)", page)}
    assert shown == {path.name for path in (DOCS / "figures").glob("*.png")}
    assert all(f"--figure docs/figures/{name}" in makefile for name in shown)
