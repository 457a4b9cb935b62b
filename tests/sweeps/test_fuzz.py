"""Layer 5: damaged and hostile files. A clear error or the whole truth; no crash, no endless loop."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import lintrans as lt
from lintrans.sweeps import store
from lintrans.sweeps.journal import Journal, journal_path
from lintrans.two_factor.phase import PhaseSweep

N_MUTATIONS = 1000  # of each kind of file, by each run of the worker
SECONDS_EACH = 10
MEMORY = 4 * 1024**3  # bytes of address space beyond what is in use: the largest result, and no flood
EXAMPLE = {"n_transient": 256, "n_steps": 256, "max_period": 4}


def mutated(data, rng):
    """One to three mutations: bits, bytes, sizes of 8 bytes, pieces that are lost, doubled or swapped."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, n = rng.randrange(len(data)), rng.choice((1, 8, 64, 512))
        kind = rng.randrange(8)
        if kind <= 1:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at] = rng.randrange(256)
        elif kind == 3:
            data[at : at + 8] = rng.choice(
                (b"\xff" * 8, b"\0" * 8, b"\xff" * 7 + b"\x7f", b"\0\0\0\0\1\0\0\0")
            )
        elif kind == 4:
            del data[at : at + n]
        elif kind == 5:
            data[at:at] = data[at : at + n]
        elif kind == 6:
            del data[at:]
        else:
            other = rng.randrange(len(data))
            data[at : at + n], data[other : other + n] = data[other : other + n], data[at : at + n]
        if not data:
            break
    return bytes(data)


def same(one, other):
    """Whether two results are equal in every array, setting and version."""
    pairs = zip(one.variables(), other.variables(), strict=True)
    arrays = all(
        p.name == q.name and np.array_equal(p.values, q.values, equal_nan=p.values.dtype.kind == "f")
        for p, q in pairs
    )
    return arrays and (one.settings, one.versions) == (other.settings, other.versions)


def outcome_of_result(path, expected):
    try:
        found = store.load(path)
    except lt.InputError as error:
        assert "\n" not in str(error)
        return "refused"
    return "equal" if same(found, expected) else "WRONG"


def outcome_of_journal(path, expected):
    output = path.with_name("x.h5")
    output.unlink(missing_ok=True)
    path.replace(journal_path(output))
    try:
        store.resume(output)
    except lt.InputError as error:
        assert "\n" not in str(error)
        return "refused"
    finally:
        journal_path(output).unlink(missing_ok=True)
    return "equal" if same(store.load(output), expected) else "WRONG"


def worker(kind, folder, seed):
    """Load mutations of one file, in a process that may crash, hang or run out of memory."""

    def hangs(*_):
        raise SystemExit(f"hangs on mutation {number}")

    folder = Path(folder)
    expected, data = store.load(folder / f"whole.{kind}.h5"), (folder / f"example.{kind}").read_bytes()
    outcome = outcome_of_result if kind == "h5" else outcome_of_journal
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    signal.signal(signal.SIGALRM, hangs)
    outcomes = Counter()
    for number in range(N_MUTATIONS):
        path = folder / f"mutation.{kind}"
        path.write_bytes(mutated(data, random.Random(f"{seed} {number}")))
        (folder / "last").write_bytes(path.read_bytes())
        signal.alarm(SECONDS_EACH)
        outcomes[found := outcome(path, expected)] += 1
        signal.alarm(0)
        if found == "WRONG":
            raise SystemExit(f"wrong result from mutation {number}")
    print(dict(outcomes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small result with all its arrays; and one with few, beside the journal of all its tiles."""
    folder = tmp_path_factory.mktemp("fuzz")
    axes = {"mus": np.linspace(0.3, 2.1, 12), "scales": np.linspace(0.5, 1.5, 5)}
    context = {"problem": {"data": "d.csv"}}
    whole = store.run_to_file(PhaseSweep(**axes, **EXAMPLE), folder / "whole.h5.h5", context=context)
    (folder / "example.h5").write_bytes(whole.read_bytes())
    sweep = PhaseSweep(**axes, **EXAMPLE, verdicts_only=True)
    store.run_to_file(sweep, folder / "whole.sweep.h5", context=context)
    journal = Journal.create(folder / "begun.h5", sweep, context)
    for tile in sweep.tiles():
        journal.append(tile, sweep.compute(*tile.place))
    (folder / "example.sweep").write_bytes(journal.path.read_bytes())
    journal.remove()
    return folder


@pytest.mark.parametrize("kind", ["h5", "sweep"])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_mutation_crashes_hangs_floods_or_gives_a_wrong_result(folder, kind, seed):
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); import test_fuzz as t; t.worker(*sys.argv[1:])"
    words = [sys.executable, "-c", code, Path(__file__).parent, kind, folder, str(seed)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-500:]
    outcomes = eval(done.stdout)
    assert sum(outcomes.values()) == N_MUTATIONS and outcomes["refused"] > N_MUTATIONS // 10
