"""Pages that follow from the code: theory chapters, claims with their proofs, commands, experiments."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from typer.main import get_group

from lintrans import registry
from lintrans.explorer import explorer_page
from lintrans.sandbox import gallery_page, train

ROOT = Path(__file__).parents[1]
SEEDS = (0, 1, 3, 8, 12, 20, 28, 29)  # with different fates


def write(folder: Path) -> None:
    """Write every page into the folder; what would not change is left alone, so that builds stay quick."""
    pages = {f"theory/{path.name}": path.read_text() for path in sorted((ROOT / "theory").glob("*.py"))}
    pages |= {f"experiments/{name}.md": text for name, text in experiments().items()}
    pages |= {"claims.md": claims(), "commands.md": commands()}
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    explorer_page().save(folder / "extra/live/explorer.html", force=True)
    gallery_page(train(seeds=SEEDS)).save(folder / "extra/live/sandbox.html", force=True)
    for path in (ROOT / "experiments").glob("*/*.png"):
        (folder / "experiments" / path.name).write_bytes(path.read_bytes())


def claims() -> str:
    """Every claim by family: statement, assumptions, and how long its proof took just now."""
    from lintrans.symbolic.claims import FAMILIES
    from lintrans.symbolic.claims import claims as all_claims

    lines = [
        "# Claims",
        "",
        "What the package proves, and proved again when this page was built: `lintrans derive ID` repeats",
        "one proof, `lintrans derive all` all of them. Docstrings and tests cite claims by these ids; every",
        "claim has a test in which it is changed in one place and its proof must fail.",
        "",
    ]
    for family in FAMILIES:
        lines += [f"(claims-{family})=", f"## {family.replace('_', ' ').capitalize()}", ""]
        for claim in all_claims(family):
            verdict = claim.check()
            if not verdict.passed:
                raise RuntimeError(f"claim {claim.id} is not proved: {verdict.remainder}")
            lines += [f"(claim-{claim.id})=", f"`{claim.id}`", f": {_text(claim.statement)}"]
            assuming = f"Assuming {_text(claim.assumptions)}. " if claim.assumptions else ""
            lines += ["", f"  *{assuming}Proved in {verdict.seconds:.2f} s.*", ""]
    return "\n".join(lines)


def commands() -> str:
    """What `lintrans --help` prints, and `lintrans COMMAND --help` of every command."""
    lines = ["# Command line", "", "What `lintrans --help` and `lintrans COMMAND --help` print.", ""]
    lines += ["```text", _help().strip(), "```", ""]
    for words in command_lines():
        lines += [f"## lintrans {' '.join(words)}", "", "```text", _help(*words).strip(), "```", ""]
    return "\n".join(lines)


def command_lines() -> Iterator[tuple[str, ...]]:
    """Words of every command, and of those within it."""
    for group in registry.groups():
        found = get_group(import_module(group.module).app).commands
        for name in group.commands:
            yield (name,)
            for within in getattr(found[name], "commands", ()):
                yield name, within


def experiments() -> dict[str, str]:
    """READMEs of the experiments, with their figures beside them."""
    return {path.parent.name: path.read_text() for path in (ROOT / "experiments").glob("*/README.md")}


def _help(*command: str) -> str:
    words = [sys.executable, "-c", "from lintrans.cli import main; main()", *command, "--help"]
    plain = {**os.environ, "COLUMNS": "84", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=plain).stdout


def _text(statement: str) -> str:
    """Plain text in Markdown: formulas keep their stars, carets and underscores."""
    flat = " ".join(html.escape(statement, quote=False).split())
    return re.sub(r"([\\`*_\[\]|#$~^])", r"\\\1", flat)
