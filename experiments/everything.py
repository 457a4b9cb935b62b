"""Run every experiment, as many at a time as there are cores, and say which checks failed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from experiments import files
from experiments.entry import NAMES, Parser
from experiments.tables import Table
from lintrans.errors import InputError


class Outcome(NamedTuple):
    """Of one experiment: what it printed, the seconds it took, and its checks; none if it broke off."""

    name: str
    printed: str
    seconds: float
    held: int
    failed: int
    code: int


def main(words: list[str]) -> int:
    """Print every experiment when it ends, then one table; 1 if a check fails or an experiment breaks off."""
    parser = Parser(prog="python -m experiments all", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer of everything, in minutes")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many run at a time")
    options = parser.parse_args(words)
    if options.jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {options.jobs}; leave it out for one a core")
    began, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(run, name, Path(folder), quick=options.quick) for name in NAMES]
        for ended in as_completed(running):
            outcomes.append(ended.result())
            print(f"\n=== {outcomes[-1].name}\n{outcomes[-1].printed}", flush=True)
    return summary(sorted(outcomes), time.monotonic() - began)


def run(name: str, folder: Path, *, quick: bool) -> Outcome:
    """Run one experiment in a process of its own; its checks are read from its file."""
    output, began = folder / f"{name}.h5", time.monotonic()
    words = [sys.executable, "-m", "experiments", name, "--output", str(output), *["--quick"] * quick]
    ended = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    holds = files.read(output)["checks"]["holds"] if output.exists() else []
    held = int(sum(holds))
    return Outcome(name, ended.stdout, time.monotonic() - began, held, len(holds) - held, ended.returncode)


def summary(outcomes: list[Outcome], seconds: float) -> int:
    print()
    table = Table({"experiment": "<22", "seconds": "7.0f", "hold": "4", "fail": "4", "": "<1"})
    table.head()
    for one in outcomes:
        broke = "" if one.code == (1 if one.failed else 0) else f"broke off with exit code {one.code}"
        note = broke or ("FAILS" if one.failed else "")
        table.row(experiment=one.name, seconds=one.seconds, hold=one.held, fail=one.failed, **{"": note})
    bad = sum(one.code != 0 for one in outcomes)
    checks = sum(one.held + one.failed for one in outcomes)
    print(f"{len(outcomes)} experiments, {checks} checks, {seconds:.0f} s; {bad or 'none'} failed")
    return 1 if bad else 0
