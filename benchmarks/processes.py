"""Comparisons of whole processes: how long a command takes to start, and what a large sweep costs."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from harness import interleave, timed
from report import row

HERE = Path(__file__).parent
ROUNDS = 7
SIZES = 10**5, 10**6, 10**7, 10**8


def startup():
    """The default command as a process: the first time with nothing compiled, then from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        lintrans = Path(sys.executable).with_name("lintrans")
        default = [lintrans, "phase-diagram", "--quiet", "--force", "--output", Path(folder, "diagram.h5")]
        imports = [sys.executable, "-c", "import numba, matplotlib.pyplot"]

        def process(command):
            return timed(lambda: subprocess.run(command, check=True, env=environment))

        first = np.array([process(default)()])
        times = interleave(ROUNDS, command=process(default), imports=process(imports))
    reference = "import of Numba and Matplotlib"
    return [
        row("compiled before", times["command"], reference, times["imports"], target=0.4),
        row("first run", first, "25 s", 25.0, target=1),
    ]


def phases_of_a_start():
    """Where the time of that command goes; the ratio is the whole over the part."""
    with tempfile.TemporaryDirectory() as folder:
        words, environment = [HERE / "phases.py", folder], os.environ | {"NUMBA_CACHE_DIR": folder}
        cold = [_answer(*words, env=environment)]
        warm = [_answer(*words, env=environment) for _ in range(ROUNDS)]
    rows = []
    for name, rounds in (("first run", cold), ("compiled before", warm)):
        whole = np.array([sum(phases.values()) for phases in rounds])
        for phase in rounds[0]:
            part = np.array([phases[phase] for phases in rounds])
            rows.append(row(f"{name}: {phase}", part, "all of it", whole))
    return rows


def growth():
    """Time per cell and peak memory of sweeps to a file, two threads."""
    rows = []
    for n_cells in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rounds = [
                _answer(HERE / "growth.py", folder, n_cells) for _ in range(3 if n_cells < 10**8 else 1)
            ]
        per_cell, small = (np.array([answer[key] for answer in rounds]) for key in ("seconds", "small"))
        peak = max(answer["megabytes"] for answer in rounds)
        work = f"10^{len(str(n_cells)) - 1} cells, peak memory {peak:.0f} MB"
        rows.append(row(work, per_cell, "10^5 cells", small, n_steps=512, target=1 / 1.15))
    return rows


def _answer(*words, **options):
    """Run a script; return what it prints."""
    words = [sys.executable, *map(str, words)]
    answer = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, **options)
    return json.loads(answer.stdout)
