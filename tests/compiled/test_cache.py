"""Machine code on disk: used again while nothing changed, never after an edit of any file it can come from.

The edits are real, in a copy of the package, and leave the size and the time of the file as they were.
`make test-oldest` runs this file alone with the oldest Numba, all loops included.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lintrans.compiled import cache, entry

ROOT = Path(__file__).parents[2]
KERNELS = Path("lintrans", "two_factor", "kernels")
ASK = """
import json, sys
import numpy as np
from lintrans.minibatch import kernels as batches
from lintrans.sandbox import Block, Model, Task, Training
from lintrans.sandbox import kernels as runs
from lintrans.two_factor import kernels
mu = np.linspace(0.1, 1.9, 300)
a, b = np.full(300, 0.6), np.where(np.arange(300) % 3, 0.05, 0.0)
states, starts = np.array([mu, a, b]), np.full(16, 0.5)
draws = 3, 2, 0, np.uint64(1), np.uint64(2)
calls = {
    "advance": lambda: kernels.advance(mu, a, b, 40),
    "record": lambda: kernels.orbits(mu, a, b, 8, 8),
    "exponents": lambda: kernels.exponents(mu, a, b, 64, 256, True),
    "exponent_windows": lambda: kernels.exponent_windows(mu, a, b, 64, 32, 3),
    "evidence": lambda: kernels.evidence(mu, a, b, 256, 512, 16, 1e-8, 1e-4),
    "fates": lambda: kernels.fates(mu, a, b, 200, 1e-6, False, np.empty((0, 3))),
    "draw_prompts": lambda: batches.draw_prompts(*draws, 5),
    "follow": lambda: batches.follow(0.5, 0.6, 0.1, np.ones(9), np.full(9, 0.1)),
    "step_each": lambda: batches.step_each(0.5, a, b, np.ones(300), np.full(300, 0.1)),
    "train": lambda: block.advance(block.begin(), (0, 20)),
    "evaluate": lambda: block.measure_sets(block.begin()[:, 0]),
}
block = Block(Task(n_train=64), Model(), Training(), (0,))
find = lambda name: next(getattr(m, name) for m in (kernels, batches, runs) if hasattr(m, name))
loops = {name: find(name) for name in calls}
wanted = sys.argv[1].split(",")
answer = {}
for name in wanted:
    result = calls[name]()
    parts = result if isinstance(result, tuple) else (result,)
    stats = loops[name].stats
    entries = [np.asarray(part, dtype=float).tolist() for part in parts]
    answer[name] = [sum(stats.cache_hits.values()), sum(stats.cache_misses.values()), repr(entries)]
print(json.dumps(answer))
"""
SMALL = "advance,follow,step_each,draw_prompts"  # take a second each to compile, the others up to ten
SOME = f"evidence,{SMALL}"
ALL = "advance,record,exponents,exponent_windows,evidence,fates,draw_prompts,follow,step_each,train,evaluate"


def ask(folder, names):
    """Call loops in a process of their own; returns hits and misses of the cache, and the result, of each."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    clean |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-c", ASK, names]
    found = subprocess.run(words, cwd=folder, env=clean, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr[-2000:]
    return json.loads(found.stdout)


def edit(path, old, new):
    """Change a file and leave its size and time as they were."""
    text, times = path.read_text(), path.stat()
    assert text.count(old) == 1 and len(old) == len(new)
    path.write_text(text.replace(old, new))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def results(answer):
    return {name: result for name, (_hits, _misses, result) in answer.items()}


def copied(source, folder):
    """Copy a package with all that is compiled of it, to which other processes may add meanwhile."""
    shutil.copytree(source / "lintrans", folder / "lintrans", ignore=shutil.ignore_patterns("*.tmp*"))
    return folder


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A copy of the package in which some loops are compiled, those that were in the original for a start."""
    folder = copied(ROOT, tmp_path_factory.mktemp("compiled"))
    return folder, results(ask(folder, SOME))


@pytest.fixture
def copy(compiled, tmp_path):
    return copied(compiled[0], tmp_path)


def check_unchanged_code_is_used_again(folder, names, first):
    again = ask(folder, names)
    assert all((hits, misses) == (1, 0) for hits, misses, _ in again.values())
    assert results(again) == first


def check_nothing_shows_of_narrow_blocks(folder, names, first):
    """A constant in a file of helpers: all is compiled again, and the results are the same."""
    edit(folder / KERNELS / "blocks.py", "BLOCK = 128 ", "BLOCK = 32  ")
    narrow = ask(folder, names)
    assert all((hits, misses) == (0, 1) for hits, misses, _ in narrow.values())
    assert results(narrow) == first


def test_an_edit_anywhere_compiles_every_loop_again(copy, compiled):
    check_unchanged_code_is_used_again(copy, SOME, compiled[1])
    check_nothing_shows_of_narrow_blocks(copy, SOME, compiled[1])


@pytest.mark.thorough
def test_that_holds_for_all_loops(tmp_path):
    copy = tmp_path
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lintrans", copy / "lintrans", ignore=ignored)
    cold = ask(copy, ALL)
    assert all((hits, misses) == (0, 1) for hits, misses, _ in cold.values())
    first = results(cold)
    check_unchanged_code_is_used_again(copy, ALL, first)
    check_nothing_shows_of_narrow_blocks(copy, ALL, first)


def test_an_edited_helper_changes_what_calls_it(copy, compiled):
    first = {name: compiled[1][name] for name in SMALL.split(",")}
    # The step of the map lies in a file of its own; `advance` calls it through two others.
    edit(copy / KERNELS / "map.py", "return a - r * a, b + r * b, r", "return a + r * a, b + r * b, r")
    # Of the random map likewise.
    edit(copy / "lintrans/minibatch/kernels/map.py", "return a - sigma * a", "return a + sigma * a")
    flipped = ask(copy, SMALL)
    assert all((hits, misses) == (0, 1) for hits, misses, _ in flipped.values())
    changed = {name for name in first if first[name] != results(flipped)[name]}
    assert changed == {"advance", "follow", "step_each"}
    edit(copy / "lintrans/compiled/philox.py", "_ROUNDS = 10", "_ROUNDS = 11")
    drawn = ask(copy, "draw_prompts")["draw_prompts"]
    assert drawn[1] == 1 and drawn[2] != first["draw_prompts"]


def test_numba_alone_would_not_notice(copy):
    """The negative control: with the stamp of one file the flipped sign goes unseen."""
    path = copy / "lintrans" / "compiled" / "decorators.py"
    path.write_text(
        path.read_text().replace(
            "return loop if loop is function else keep(loop)", "return njit(cache=True, **_OPTIONS)(function)"
        )
    )
    first = ask(copy, "advance")
    edit(copy / KERNELS / "map.py", "return a - r * a, b + r * b, r", "return a + r * a, b + r * b, r")
    stale = ask(copy, "advance")
    assert stale["advance"][0] == 1 and results(stale) == results(first)


def test_without_compilation_loops_are_plain_functions():
    """NUMBA_DISABLE_JIT is how one debugs them."""
    code = "from lintrans.two_factor import kernels; print(kernels.step(0.5, 1.0, 0.0), kernels.advance)"
    words = [sys.executable, "-c", code]
    found = subprocess.run(
        words, env={**os.environ, "NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    assert found.stdout.startswith("(0.5, 0.0, 0.5) <function advance"), found.stderr


def test_loops_that_are_kept_lie_in_folders_of_kernels():
    with pytest.raises(RuntimeError, match=r"test_cache\.py: .* folder called kernels"):
        entry(ask)


def test_the_stamp_covers_every_file_that_compiles():
    files = {path.relative_to(cache.PACKAGE).as_posix() for path in cache.source_files()}
    users = {
        path.relative_to(cache.PACKAGE).as_posix()
        for path in cache.PACKAGE.rglob("*.py")
        if "lintrans.compiled import" in path.read_text() or "from numba" in path.read_text()
    }
    assert users - {"compiled/__init__.py"} <= files
