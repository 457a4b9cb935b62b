"""Whether checkpoints are what their names say, before anything is measured on them.

Public series of checkpoints hold copies: a step 0 equal to step 1, a branch equal to ``main``, three steps
with the same bytes. Shards are missing, and steps. The audit finds these, and tensors that do not fit their
neighbours. Local weights are read once, tensor by tensor, through memory maps. Of the Hub only the list of
files and the digests of large ones are fetched.

Findings are errors, warnings or notes. An error makes a measurement wrong or impossible; a warning deserves
a look; a note changes nothing.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lintrans.circuits import checks
from lintrans.circuits.facts import ERROR, NOTE, SEVERITIES, WARNING, Audited, Finding, measure
from lintrans.circuits.files import CONFIG, StoredFile, read_json, weight_files
from lintrans.circuits.names import Revision
from lintrans.circuits.sources import Source
from lintrans.circuits.tensors import StoredTensor, open_tensors
from lintrans.errors import InputError, flag

MAX_ROWS = 24  # of a table
N_DIGITS = 12  # of a digest in a table
LOOKS = (
    checks.copies, checks.shared_parts, checks.shapes, checks.stray_tensors, checks.settings, checks.outliers,
)  # fmt: skip
HEAD = ("checkpoint", "step", "tokens", "files", "MB", "tensors", "norm", "weights", "found")


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    source : str
        Name of the source.
    compared : str
        ``tensors``, or ``files`` where tensors were not read.
    checkpoints : tuple of Audited
        Facts of each checkpoint, in the order of training.
    findings : tuple of Finding
        Errors first.
    """

    source: str
    compared: str
    checkpoints: tuple[Audited, ...]
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """1 if there are errors, else 0."""
        return self.code()

    def code(self, *, strict: bool = False) -> int:
        """Exit code of the command: 1 if there are errors, or if strict also warnings; else 0."""
        failing = (ERROR, WARNING) if flag("strict", strict) else (ERROR,)
        return int(any(found.severity in failing for found in self.findings))

    def counts(self) -> dict[str, int]:
        """Number of findings of each severity."""
        found = Counter(one.severity for one in self.findings)
        return {severity: found[severity] for severity in SEVERITIES}

    def verdict(self) -> str:
        """One sentence on the whole."""
        n = [f"{n} {name}{'s' * (n > 1)}" for name, n in self.counts().items() if n]
        what = " and ".join(n if len(n) < 3 else [", ".join(n[:2]), n[2]]) or "nothing found"
        number_of = len(self.checkpoints)
        return f"{self.source}: {what} in {number_of} checkpoint{'s' * (number_of != 1)}, by {self.compared}"

    def lines(self) -> list[tuple[str, ...]]:
        """Table of checkpoints with a header; of more than 24 only those with an error or a warning."""
        of = defaultdict(list)
        for found in self.findings:
            for name in found.revisions:
                of[name].append(found)
        rows = [_line(one, of[one.name]) for one in self.checkpoints]
        if len(rows) > MAX_ROWS:
            loud = [any(found.severity != NOTE for found in of[one.name]) for one in self.checkpoints]
            shown = [row for row, is_loud in zip(rows, loud, strict=True) if is_loud][:MAX_ROWS]
            rows = [*shown, (f"and {len(rows) - len(shown)} more",)]
        return [HEAD, *rows]

    def finding_lines(self) -> list[tuple[str, ...]]:
        """Table of findings without a header."""
        return [(found.severity, found.kind, found.message) for found in self.findings]

    def answer(self) -> dict[str, Any]:
        """Return the audit as a JSON object."""
        return {
            "source": self.source,
            "verdict": self.verdict(),
            "compared": self.compared,
            "exit_code": self.exit_code,
            **{f"{name}s": n for name, n in self.counts().items()},
            "findings": [found._asdict() for found in self.findings],
            "checkpoints": [_answer(one) for one in self.checkpoints],
        }


def audit(source: Source, progress: Callable[..., None] | None = None) -> Audit:
    """Check the checkpoints of a source.

    Parameters
    ----------
    source
        Where they are; of `lintrans.circuits.sources`.
    progress
        Called with the number of checkpoints done, their total, and the number of findings so far.

    Returns
    -------
    Audit
        With these findings:

        - error: the same weights in two checkpoints (a warning, if they are ``main`` and one step, or belong
          to different stages); files missing or damaged; NaN or infinite weights; a tensor whose shape
          differs from that of most checkpoints;
        - warning: at least 10 % of the weights equal in two checkpoints; tensors that others lack; steps
          missing in a grid, by `missing_steps`, or in the known grid of a family; two checkpoints with one
          step, or two steps with one number of tokens; tokens that fall as steps rise; tensors that do not
          lie where their neighbours say, by `lintrans.circuits.outliers`;
        - note: names that cannot be read or count checkpoints; configurations and number types that differ.

    Raises
    ------
    InputError
        If the source cannot be read.
    MissingExtraError
        If local weights are in files of ``torch.save`` and torch is not installed.

    Notes
    -----
    Files of the Hub are compared whole. Two files with the same tensors differ if anything else in them does,
    so that copies may be missed there; files that are equal hold equal tensors. Two neighbouring checkpoints
    that are both broken, or a first or last checkpoint of which all tensors are, show no outliers.
    """
    revisions = source.revisions()
    findings = [*checks.check_names(revisions), *checks.check_grid(revisions, source.expected_steps)]
    reads_tensors = source.is_local and source.gguf_file is None
    checkpoints: list[Audited] = []
    window: _Window = []
    for i, revision in enumerate(revisions):
        if progress is not None:
            progress(i, len(revisions), {"findings": len(findings)})
        one, found = _read(source, revision, window) if reads_tensors else _list(source, revision)
        checkpoints.append(one)
        findings += found
    for look in LOOKS:
        findings += look(checkpoints)
    if progress is not None:
        progress(len(revisions), len(revisions), {"findings": len(findings)})
    findings.sort(key=lambda one: SEVERITIES.index(one.severity))
    return Audit(source.name, "tensors" if reads_tensors else "files", tuple(checkpoints), tuple(findings))


# The last two checkpoints of one series, the later first: their series, and their tensors in memory maps.
_Window = list[tuple[str, dict[str, StoredTensor]]]


def _read(source: Source, revision: Revision, window: _Window) -> tuple[Audited, list[Finding]]:
    """Read a local checkpoint; the window of tensors before it moves on."""
    files = tuple(source.files(revision))
    found = list(checks.check_files(revision, files))
    try:
        with source.folder(revision) as folder:
            config, tensors = read_json(folder / CONFIG), open_tensors(folder)
    except InputError as error:
        if all(problem.severity != ERROR for problem in found):
            found.append(checks.finding_on(revision, ERROR, "damaged", str(error)))
        return Audited(revision, files, {}, {}, {}), found
    series = checks.series_of(revision)
    if window and window[0][0] != series:
        window.clear()
    facts = {
        name: measure(tensor, [before.get(name) for _, before in window]) for name, tensor in tensors.items()
    }
    if series is not None:
        window.insert(0, (series, tensors))
        del window[2:]
    bad = {name: one.n_bad for name, one in facts.items() if one.n_bad}
    if bad:
        what = f"{sum(bad.values())} weights are NaN or infinite, in {checks.some(list(bad))}"
        found.append(checks.finding_on(revision, ERROR, "not finite", what))
    distinct = sorted({one.sha256 for one in facts.values()})
    return Audited(revision, files, facts, {"tensors": _digest(distinct)}, config), found


def _list(source: Source, revision: Revision) -> tuple[Audited, list[Finding]]:
    """Compare files by what is known of them."""
    files = tuple(source.files(revision))
    found = [] if source.gguf_file is not None else list(checks.check_files(revision, files))
    digests = _file_digests(source, revision, files)
    if not digests and all(problem.severity != ERROR for problem in found):
        found.append(checks.finding_on(revision, NOTE, "no digest", "the Hub tells no digest of its weights"))
    return Audited(revision, files, {}, digests, {}), found


def _file_digests(source: Source, revision: Revision, files: Sequence[StoredFile]) -> dict[str, str]:
    """Digests of the weights in each format that is whole, as far as they are known."""
    known = source.digests(revision)
    if source.gguf_file is not None:
        return {"gguf": known[source.gguf_file]}
    return {
        one.format: _digest(sorted({known[name] for name in one.present}))
        for one in weight_files(file.name for file in files)
        if not one.missing and all(name in known for name in one.present)
    }


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _line(one: Audited, found: Sequence[Finding]) -> tuple[str, ...]:
    step, tokens = one.revision.step, one.revision.tokens
    return (
        one.revision.label,
        "-" if step is None else str(step),
        "-" if tokens is None else f"{tokens:.4g}",
        str(len(one.files)),
        f"{one.size / 1e6:.3g}" if one.size < 1e9 else f"{one.size / 1e6:,.0f}",
        str(len(one.tensors)) if one.tensors else "-",
        "-" if math.isnan(one.norm) else f"{one.norm:.4g}",
        next((digest[:N_DIGITS] for digest in one.weights.values()), "-"),
        ", ".join(dict.fromkeys(problem.kind for problem in found)),
    )


def _answer(one: Audited) -> dict[str, Any]:
    return {
        **one.revision._asdict(),
        "files": [file._asdict() for file in one.files],
        "bytes": one.size,
        "tensors": len(one.tensors),
        "norm": one.norm,
        "weights": dict(one.weights),
    }
