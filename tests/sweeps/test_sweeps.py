"""Layer 4: sweeps on disk. Whatever ends one early, nothing finished is lost, and the file is the same."""

from __future__ import annotations

import inspect
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from problems import stopped_after

import lintrans as lt
from lintrans.cli import main
from lintrans.plotting import plot
from lintrans.sweeps import grid as sweeps
from lintrans.sweeps import journal, store
from lintrans.sweeps.executors import Threads
from lintrans.sweeps.journal import Journal, journal_path
from lintrans.two_factor import BasinSweep, BifurcationSweep, LyapunovSweep, PhaseSweep, normal_form

COUNTS = {"n_transient": 256, "n_steps": 256}
START = (  # shells may have turned Ctrl-C off
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from lintrans.cli import run; raise SystemExit(run())"
)
COMMAND = [
    *(sys.executable, "-c", START, "phase-diagram", "--mu", "0.01:1.9:3000", "--scales", "0.1:1:150"),
    *("--n-steps", "8192", "--output", "x.h5", "--json"),
]


def small(kind, **options):
    mus = np.linspace(0.05, 2.1, 300)
    if kind == "phase":
        return PhaseSweep(mus, start=(0.5, 0.4), scales=np.linspace(0.2, 2, 31), **COUNTS, **options)
    if kind.startswith("lyapunov"):
        return LyapunovSweep(mus, **COUNTS, transverse="along" not in kind)
    return BifurcationSweep(mus, start=(0.5, 0.4), n_transient=100, n_samples=37)


every_kind = pytest.mark.parametrize("kind", ["phase", "lyapunov", "lyapunov along", "bifurcation"])


@pytest.fixture
def tiny_tiles(monkeypatch):
    monkeypatch.setattr(sweeps, "CELLS_PER_TILE", 64)


@every_kind
@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_the_file_holds_what_is_computed_in_memory(tmp_path, tiny_tiles, kind, n_threads):
    sweep = small(kind)
    path = store.run_to_file(
        sweep, tmp_path / "x.h5", context={"problem": {"data": "d.csv"}}, executor=Threads(n_threads)
    )
    found, expected = store.load(path), sweeps.compute(sweep)
    for one, other in zip(found.variables(), expected.variables(), strict=True):
        assert one.name == other.name
        assert np.array_equal(one.values, other.values, equal_nan=one.values.dtype.kind == "f")
    assert found.settings == expected.settings | {"problem": {"data": "d.csv"}}
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5"]


@every_kind
def test_tiling_changes_no_bit(monkeypatch, kind):
    expected = sweeps.collect(small(kind))
    for size in (1, 17, 10_000):
        monkeypatch.setattr(sweeps.Grid, "cells_per_tile", size)
        found = sweeps.collect(small(kind))
        assert all(
            np.array_equal(found[name], x, equal_nan=x.dtype.kind == "f") for name, x in expected.items()
        )


def test_tiles_cover_the_grid_once(tiny_tiles):
    for shape in ((300,), (1,), (5, 7), (3, 500), (130, 64), (200, 1)):
        grid = type("G", (sweeps.Grid,), {"shape": shape, "steps_per_cell": 1, "compute": None})()
        covered, numbers = np.zeros(shape, int), []
        for tile in grid.tiles():
            covered[tile.place] += 1
            numbers.append(tile.number)
            assert covered[tile.place].size == tile.n_cells <= 64
        assert (covered == 1).all() and numbers == list(range(len(numbers)))


def test_verdicts_only_are_those_of_the_evidence_in_less_room(tmp_path, tiny_tiles):
    full, lean = (sweeps.compute(small("phase", verdicts_only=only)) for only in (False, True))
    assert np.array_equal(full.regime, lean.regime) and lean.evidence is None
    found = store.load(store.run_to_file(small("phase", verdicts_only=True), tmp_path / "x.h5"))
    assert np.array_equal(full.regime, found.regime) and found.evidence is None
    assert small("phase", verdicts_only=True).n_bytes < small("phase").n_bytes / 50
    assert plot(found).axes[0].get_ylabel() == "scale of the initial weights"
    line = lt.phase_diagram([0.5, 0.9, 1.1], verdicts_only=True)
    assert plot(line).axes[0].get_ylabel() == "regime"  # and no axis of starts that were not computed


def test_starts_are_those_the_evidence_began_from():
    result = sweeps.compute(small("phase", unit_step_size=0.1))
    a, b = normal_form.to_modes(result.mu[:, None], *result.starts(slice(None), slice(None)))
    assert np.array_equal(a, result.evidence.start_a) and np.array_equal(b, result.evidence.start_b)


def test_memory_does_not_grow_with_the_grid(tmp_path):
    """Two million cells more cost two megabytes of file, and no memory but that of a few tiles."""
    code = (
        "import sys, resource, numpy as np\n"
        "from lintrans.sweeps import store\nfrom lintrans.two_factor import phase\n"
        "sweep = phase.PhaseSweep(np.linspace(0.1, 3, int(sys.argv[1])), scales=np.linspace(1, 3, 1000),\n"
        "    n_transient=1, n_steps=1, max_period=1, verdicts_only=True)\n"
        "store.run_to_file(sweep, sys.argv[2])\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    peaks = []
    for n in (100, 2000):
        words = [sys.executable, "-c", code, str(n), tmp_path / f"{n}.h5"]
        peaks.append(int(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] < peaks[0] + 40_000  # kB; all evidence of the second would be 320,000


@every_kind
@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_sweep_that_was_stopped_goes_on_to_the_same_file(tmp_path, tiny_tiles, kind, n):
    whole = store.run_to_file(small(kind), tmp_path / "whole.h5")
    stopped_after(n, small(kind), tmp_path / "x.h5")
    assert not (tmp_path / "x.h5").exists()
    assert store.resume(tmp_path / "x.h5").read_bytes() == whole.read_bytes()
    assert not journal_path(tmp_path / "x.h5").exists()


def test_ctrl_c_says_how_to_go_on(tmp_path, tiny_tiles):
    error = stopped_after(2, small("phase"), tmp_path / "x.h5", KeyboardInterrupt)
    assert "lintrans resume" in str(error) and "%" in str(error)


@pytest.mark.parametrize("damage", ["cut", "flip", "append"])
def test_a_last_record_that_is_not_whole_is_computed_again(tmp_path, tiny_tiles, damage):
    whole = store.run_to_file(small("phase"), tmp_path / "whole.h5")
    stopped_after(4, small("phase"), tmp_path / "x.h5")
    path = journal_path(tmp_path / "x.h5")
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[-10] ^= 4
    path.write_bytes({"cut": data[:-7], "flip": data, "append": data + b"\1\2\3" * 9}[damage])
    assert store.resume(tmp_path / "x.h5").read_bytes() == whole.read_bytes()


def test_a_removed_folder_is_made_again_with_all_that_was_finished(tmp_path, tiny_tiles):
    folder = tmp_path / "folder"
    folder.mkdir()
    whole = store.run_to_file(small("phase"), tmp_path / "whole.h5")
    n_calls = []

    def remove(*_):
        n_calls.append(1)
        if len(n_calls) == 3:
            journal_path(folder / "x.h5").unlink()
            folder.rmdir()

    path = store.run_to_file(small("phase"), folder / "x.h5", executor=Threads(1), progress=remove)
    assert path.read_bytes() == whole.read_bytes()


def test_an_unfinished_sweep_is_not_overwritten_without_force(tmp_path, tiny_tiles):
    stopped_after(2, small("phase"), tmp_path / "x.h5")
    with pytest.raises(lt.InputError, match="lintrans resume"):
        store.run_to_file(small("phase"), tmp_path / "x.h5")
    store.run_to_file(small("lyapunov"), tmp_path / "x.h5", force=True)
    assert store.load(tmp_path / "x.h5").kind == "lyapunov_exponents"


def test_a_result_that_appears_meanwhile_is_kept(tmp_path, tiny_tiles):
    stopped_after(2, small("phase"), tmp_path / "x.h5")
    (tmp_path / "x.h5").write_bytes(b"theirs")
    with pytest.raises(lt.InputError, match="must not exist"):
        store.resume(tmp_path / "x.h5")
    assert (tmp_path / "x.h5").read_bytes() == b"theirs"
    assert store.load(store.resume(tmp_path / "x.h5", force=True)).kind == "phase_diagram"


@pytest.mark.parametrize(
    "content", [b"", b"lintrans sweep 2\n", b"\x89HDF\r\n\x1a\n" * 40, b"lintrans sweep 2\n" * 40]
)
def test_foreign_files_are_no_sweeps(tmp_path, content):
    journal_path(tmp_path / "x.h5").write_bytes(content)
    with pytest.raises(lt.InputError, match="not a readable sweep"):
        store.resume(tmp_path / "x.h5")
    assert journal_path(tmp_path / "x.h5").read_bytes() == content


def test_a_sweep_of_an_older_layout_is_refused_in_one_line_and_kept(tmp_path, monkeypatch, capsys):
    """The file was begun before the package was put into folders, and stopped at 40 %."""
    monkeypatch.chdir(tmp_path)
    old = (Path(__file__).parents[1] / "golden" / "unfinished.h5.sweep").read_bytes()
    Path("x.h5.sweep").write_bytes(old)
    for words in (["resume", "x.h5"], ["phase-diagram", "--mu", "0.1:1:9", "--output", "x.h5", "--quiet"]):
        assert main(words) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "x.h5.sweep: must be a sweep of this version" in said
        assert [path.name for path in tmp_path.iterdir()] == ["x.h5.sweep"]
        assert Path("x.h5.sweep").read_bytes() == old


def test_other_versions_are_refused(tmp_path, tiny_tiles, monkeypatch):
    stopped_after(2, small("phase"), tmp_path / "x.h5")
    monkeypatch.setattr(journal, "versions", lambda packages: {"numpy": "9.9"})
    kept = journal_path(tmp_path / "x.h5").read_bytes()
    with pytest.raises(lt.InputError, match="versions"):
        store.resume(tmp_path / "x.h5")
    assert journal_path(tmp_path / "x.h5").read_bytes() == kept


def test_results_too_large_to_be_read_again_are_refused_before_any_work(tmp_path):
    sweep = PhaseSweep(np.linspace(0.1, 2, 10_000), scales=np.linspace(0.1, 2, 10_000))
    with pytest.raises(lt.InputError, match="GiB"):
        store.run_to_file(sweep, tmp_path / "x.h5")
    assert not list(tmp_path.iterdir())


def test_a_second_process_is_refused_and_told_who_is_at_work(tmp_path, tiny_tiles):
    path = tmp_path / "x.h5"
    held = Journal.create(path, small("phase"), {})
    try:
        answer = subprocess.run(
            [*COMMAND[:3], "resume", "x.h5"], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    finally:
        held.close()
    assert answer.returncode == 2 and f"process {os.getpid()} for " in answer.stderr


def test_a_full_disk_loses_nothing(tmp_path, tiny_tiles):
    """A limit on the size of files stands for it: writing fails in the middle of a record."""
    whole = store.run_to_file(small("phase"), tmp_path / "whole.h5")
    code = (
        "import resource, signal, sys; from lintrans.sweeps import executors, store, grid as sweeps\n"
        "sys.path[:0] = sys.argv[2:]\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "sweeps.CELLS_PER_TILE = 64; from test_sweeps import small\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
        "store.run_to_file(small('phase'), sys.argv[1], executor=executors.Threads(1))"
    )
    here = Path(__file__).parent
    words = [sys.executable, "-c", code, tmp_path / "x.h5", here, here.parent]
    failed = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert failed.returncode == 1 and "lintrans resume" in failed.stderr
    with_some = Journal.open(tmp_path / "x.h5")
    n_done = len(with_some.done)
    with_some.close()
    assert n_done > 5
    assert store.resume(tmp_path / "x.h5").read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(("how", "n_kills"), [("SIGKILL", 30), ("SIGTERM", 5), ("SIGINT", 5)])
def test_a_killed_process_can_be_resumed_to_the_same_file(tmp_path, monkeypatch, how, n_kills):
    """Killed again and again, once some more bytes are written; each time the sweep goes on where it was."""
    (tmp_path / "whole").mkdir()
    subprocess.run(COMMAND, cwd=tmp_path / "whole", check=True, capture_output=True)
    unfinished, rng, words = journal_path(tmp_path / "x.h5"), random.Random(how), COMMAND
    sizes = [150_000]  # a journal with its header and some tiles
    for _ in range(n_kills):
        size = sizes[-1] + rng.randrange(200_000)
        killed = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        while not unfinished.exists() or unfinished.stat().st_size <= size:
            assert killed.poll() is None
            time.sleep(0.001)
        killed.send_signal(getattr(signal, how))
        said = killed.communicate()[1]
        assert killed.returncode == (-signal.SIGKILL if how == "SIGKILL" else 130)
        assert how == "SIGKILL" or "lintrans resume x.h5 continues it" in said
        words = [*COMMAND[:3], "resume", "x.h5", "--json"]
        sizes.append(unfinished.stat().st_size)
    assert sizes == sorted(sizes)  # nothing was lost
    monkeypatch.chdir(tmp_path)
    assert main(words[3:]) == 0
    assert (tmp_path / "x.h5").read_bytes() == (tmp_path / "whole/x.h5").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["whole", "x.h5"]


@pytest.mark.parametrize(
    ("function", "sweep", "arguments", "option"),
    [
        (lt.phase_diagram, PhaseSweep, [[0.3, 0.5]], {"max_period": 16}),
        (lt.lyapunov_exponents, LyapunovSweep, [[0.3, 0.5]], {"n_steps": 512}),
        (lt.bifurcation_diagram, BifurcationSweep, [[0.3, 0.5]], {"n_samples": 5}),
        (lt.basin_map, BasinSweep, [0.9], {"u": [0.1], "v": [0.2], "n_steps": 77}),
    ],
)
def test_a_function_shows_and_takes_the_arguments_of_its_sweep(function, sweep, arguments, option):
    shown = dict(inspect.signature(function).parameters)
    assert [shown.pop(name).default for name in ("n_threads", "progress")] == [None, None]
    assert shown == dict(inspect.signature(sweep).parameters)
    assert function(*arguments, **option, n_threads=1).settings == sweep(*arguments, **option).settings()
    with pytest.raises(TypeError, match="unexpected keyword argument 'n_stepz'"):
        function(*arguments, n_stepz=3)
