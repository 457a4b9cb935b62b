"""What an audit looks for: functions from names, files and facts of checkpoints to findings."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, groupby, pairwise

from lintrans.circuits.facts import ERROR, NOTE, WARNING, Audited, Finding, TensorFacts
from lintrans.circuits.files import CONFIG, StoredFile, WeightFiles, weight_files
from lintrans.circuits.grids import missing_steps
from lintrans.circuits.names import Revision, is_without_step, number, parse_revision, unread
from lintrans.circuits.outliers import Outlier, Track, find_outliers

MIN_SHARED = 0.1  # of the weights of two checkpoints, to be worth a word
MAX_NAMES = 6  # in a sentence
# What may differ between the configurations of one training.
CONFIG_MAY_DIFFER = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache"}


def series_of(revision: Revision) -> str | None:
    """Return the series in which a checkpoint has neighbours; None for ``main`` and what has no order."""
    if revision.step is None and revision.tokens is None and number(revision) is None:
        return None
    return revision.stage or "stage1"


def _in_series(checkpoints: Sequence[Audited]) -> Iterator[list[Audited]]:
    """Checkpoints that were read and stand in one series, in order."""
    for stage, group in groupby(checkpoints, lambda one: series_of(one.revision)):
        if stage is not None:
            yield [one for one in group if one.tensors]


def check_names(revisions: Sequence[Revision]) -> Iterator[Finding]:
    """Names without an order, and steps and tokens that do not go together."""
    if len(revisions) > 1:
        for one in unread(revisions):
            yield finding_on(
                one, NOTE, "unread name", "the name says neither step nor tokens; it has no place in order"
            )
    numbered = [one.name for one in revisions if number(one) is not None]
    if numbered:
        what = f"the names {some(numbered)} count checkpoints and not steps"
        yield Finding(NOTE, "numbered", tuple(numbered), what)
    for _, group in groupby(revisions, series_of):
        stepped = [one for one in group if one.step is not None]
        for a, b in pairwise(stepped):
            if a.step == b.step:
                yield _pair(a, b, "same step", f"are both step {a.step}; leave one out")
        yield from _check_tokens(stepped)


def _check_tokens(stepped: Sequence[Revision]) -> Iterator[Finding]:
    """Steps that say the same number of tokens, or fewer than an earlier one."""
    said = [(one, tokens) for one in stepped if (tokens := parse_revision(one.name).tokens) is not None]
    for (a, before), (b, after) in pairwise(said):
        if a.step == b.step:
            continue
        if before == after:
            yield _pair(a, b, "same tokens", f"say the same number of tokens, {before:g}: it is rounded")
        elif before > after:
            yield _pair(a, b, "tokens fall", f"say {before:g} and then {after:g} tokens")


def check_grid(revisions: Sequence[Revision], expected: tuple[int, ...] | None) -> Iterator[Finding]:
    """Steps that are missing: of those expected, or else of the grid that the others form."""
    if expected is not None:
        absent = [f"step {n}" for n in expected if n not in {one.step for one in revisions}]
        if absent:
            yield Finding(
                WARNING,
                "missing step",
                (),
                f"{some(absent)} of the {len(expected)} steps of the family are not there",
            )
        return
    for _, group in groupby(revisions, series_of):
        stepped = [one for one in group if one.step is not None]
        at = {one.step: one.name for one in stepped if one.step is not None}
        for after, before, missing in missing_steps(at):
            steps = some([f"step {n}" for n in missing])
            what = (
                f"{steps} seem{'s' * (len(missing) == 1)} to be missing between {at[after]} and {at[before]}"
            )
            yield Finding(WARNING, "missing step", (at[after], at[before]), what)


def check_files(revision: Revision, files: Sequence[StoredFile]) -> Iterator[Finding]:
    """What is missing among the files of a checkpoint."""
    names = {file.name for file in files}
    if CONFIG not in names:
        yield finding_on(revision, ERROR, "missing file", f"there is no {CONFIG}")
    formats = weight_files(names)
    if not formats:
        yield finding_on(revision, ERROR, "missing file", "there are no weights")
    for one in formats:
        if one.missing:
            others = " (those in another format are complete)" if not formats[0].missing else ""
            severity = WARNING if others else ERROR
            yield finding_on(
                revision, severity, "missing file", f"there is no {some(list(one.missing))}{others}"
            )
    for empty in [file.name for file in files if not file.size and file.name in weight_parts(formats)]:
        yield finding_on(revision, ERROR, "missing file", f"{empty} is empty")


def weight_parts(formats: Sequence[WeightFiles]) -> set[str]:
    """Names of the files that hold weights, in all formats."""
    return {name for one in formats for name in one.present}


def copies(checkpoints: Sequence[Audited]) -> Iterator[Finding]:
    """Checkpoints with the same weights."""
    holders: dict[tuple[str, str], list[Audited]] = defaultdict(list)
    for one in checkpoints:
        for what, digest in one.weights.items():
            holders[what, digest].append(one)
    reported = set()
    for group in holders.values():
        names = tuple(one.name for one in group)
        if len(group) > 1 and names not in reported:
            reported.add(names)
            series = Counter(
                series_of(one.revision) or "unread" for one in group if not is_without_step(one.revision)
            )
            severity = ERROR if max(series.values(), default=0) > 1 else WARNING
            leave = "one" if len(names) == 2 else "all but one"
            what = f"{some(names)} have the same weights; leave {leave} out"
            yield Finding(severity, "duplicate", names, what)


def shared_parts(checkpoints: Sequence[Audited]) -> Iterator[Finding]:
    """Checkpoints of which a part is equal, while it changes elsewhere; each with the one nearest to it."""
    shared: Counter[tuple[int, int]] = Counter()
    sizes = [0] * len(checkpoints)
    n_read = sum(bool(_units(one)) for one in checkpoints)
    holders: dict[tuple[str, str], list[int]] = defaultdict(list)
    size_of: dict[tuple[str, str], int] = {}
    for i, one in enumerate(checkpoints):
        for name, (digest, size) in _units(one).items():
            sizes[i] += size
            holders[name, digest].append(i)
            size_of[name, digest] = size
    for key, group in holders.items():
        if len(group) == n_read > 2:  # it never changes
            for i in group:
                sizes[i] -= size_of[key]
        else:
            shared.update(dict.fromkeys(combinations(group, 2), size_of[key]))
    told: set[int] = set()
    for (i, j), size in shared.most_common():
        share = size / max(sizes[i], sizes[j], 1)
        if MIN_SHARED <= share < 1 and not {i, j} & told:
            told |= {i, j}
            names = checkpoints[i].name, checkpoints[j].name
            yield Finding(
                WARNING, "shared part", names, f"{some(names)} have {share:.0%} of their weights in common"
            )


def _units(one: Audited) -> dict[str, tuple[str, int]]:
    """Digests and sizes of the parts that can be equal: tensors, or files."""
    if one.tensors:
        return {
            name: (found.sha256, math.prod(found.shape))
            for name, found in one.tensors.items()
            if not math.isnan(found.norm) or found.n_bad
        }
    parts = weight_parts(weight_files(file.name for file in one.files))
    return {file.name: (file.sha256, file.size) for file in one.files if file.sha256 and file.name in parts}


def shapes(checkpoints: Sequence[Audited]) -> Iterator[Finding]:
    """Tensors whose shape differs from that in most checkpoints."""
    usual: dict[str, Counter[tuple[int, ...]]] = defaultdict(Counter)
    for one in checkpoints:
        for name, found in one.tensors.items():
            usual[name][found.shape] += 1
    for one in checkpoints:
        for name, found in one.tensors.items():
            shape = usual[name].most_common(1)[0][0]
            if found.shape != shape:
                what = f"{name} has the shape {list(found.shape)} and elsewhere {list(shape)}"
                yield finding_on(one.revision, ERROR, "shape", what)


def stray_tensors(checkpoints: Sequence[Audited]) -> Iterator[Finding]:
    """Tensors that a checkpoint lacks and most have, or has and most lack."""
    read = [one for one in checkpoints if one.tensors]
    holders = Counter(name for one in read for name in one.tensors)
    usual = {name for name, n in holders.items() if 2 * n > len(read)}
    for one in read:
        lacks, has = sorted(usual - set(one.tensors)), sorted(set(one.tensors) - usual)
        if lacks:
            yield finding_on(
                one.revision, WARNING, "tensors", f"it lacks {some(lacks)}, which most checkpoints have"
            )
        if has:
            yield finding_on(
                one.revision, WARNING, "tensors", f"it has {some(has)}, which most checkpoints lack"
            )


def settings(checkpoints: Sequence[Audited]) -> Iterator[Finding]:
    """Configurations and number types that differ from those of the checkpoint before."""
    for a, b in pairwise([one for one in checkpoints if one.tensors]):
        keys = (set(a.config) | set(b.config)) - CONFIG_MAY_DIFFER
        changed = sorted(key for key in keys if a.config.get(key) != b.config.get(key))
        if changed:
            yield _pair(a.revision, b.revision, "configuration", f"differ in {some(changed)}", NOTE)
        types = [" and ".join(sorted({found.dtype for found in one.tensors.values()})) for one in (a, b)]
        if types[0] != types[1]:
            yield _pair(
                a.revision, b.revision, "number type", f"are stored as {types[0]} and as {types[1]}", NOTE
            )


def outliers(checkpoints: Sequence[Audited]) -> Iterator[Finding]:
    """Tensors that do not lie where their neighbours say."""
    for series in _in_series(checkpoints):
        names = set.intersection(*(set(one.tensors) for one in series)) if len(series) > 2 else set()
        tracks = {name: _track([one.tensors[name] for one in series]) for name in sorted(names)}
        found = find_outliers({name: track for name, track in tracks.items() if track is not None})
        for at, group in groupby(found, lambda one: one.at):
            first, *others = group
            n = len({one.tensor for one in (first, *others)})
            more = f"; {n} of {len(names)} tensors stand out" if n > 1 else ""
            what = f"{first.tensor} {_said(first, series)}{more}"
            yield finding_on(series[at].revision, WARNING, "outlier", what)


def _track(found: Sequence[TensorFacts]) -> Track | None:
    """Tensor over checkpoints; None if it is not the same there, or not finite."""
    if len({one.shape for one in found}) > 1 or not all(math.isfinite(one.norm) for one in found):
        return None
    return Track(
        math.prod(found[0].shape),
        [one.norm for one in found],
        [one.moved[0] if i > 0 else math.nan for i, one in enumerate(found)],
        [one.moved[1] if i > 1 else math.nan for i, one in enumerate(found)],
    )


def _said(outlier: Outlier, series: Sequence[Audited]) -> str:
    at, value = outlier.at, f"{outlier.value:.3g}"
    if outlier.kind == "end":
        beside = series[1 if at == 0 else at - 1].name
        return f"is {value} times as far from {beside} as expected from the other tensors"
    both = f"{series[at - 1].name} and {series[at + 1].name}"
    if outlier.kind == "distance":
        if math.isinf(outlier.value):
            return f"differs from {both}, which are equal there"
        return f"lies {value} times as far from {both} as these lie apart"
    here, before = (series[i].tensors[outlier.tensor].norm for i in (at, at - 1))
    if math.isinf(outlier.value):
        return f"is not zero as in {both}" if here else f"is zero, unlike in {both}"
    return f"has a norm {value} times {'below' if here < before else 'above'} those of {both}"


def finding_on(revision: Revision, severity: str, kind: str, what: str) -> Finding:
    """Return a finding on one checkpoint."""
    return Finding(severity, kind, (revision.name,), f"{revision.name or revision.label}: {what}")


def _pair(a: Revision, b: Revision, kind: str, what: str, severity: str = WARNING) -> Finding:
    return Finding(severity, kind, (a.name, b.name), f"{a.name} and {b.name} {what}")


def some(names: Sequence[str]) -> str:
    """Return the first names of a list in a sentence."""
    if len(names) > MAX_NAMES:
        return f"{', '.join(names[:MAX_NAMES])} and {len(names) - MAX_NAMES} more"
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), names[-1]])
