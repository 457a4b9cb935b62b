"""The process in which `peers` runs: pynamicalsys has an environment of its own and shares none with us."""

import functools
import json
import os
import subprocess
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = HERE / ".peers"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = HERE / "peers.txt"
ONE_THREAD = {"NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@functools.cache
def process():
    """The worker, in an environment made when first needed; it ends with this process."""
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
        install = [PYTHON, "-m", "pip", "install", "--quiet", "--requirement", REQUIREMENTS]
        subprocess.run(install, check=True)
    return subprocess.Popen(
        [PYTHON, HERE / "peers.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | ONE_THREAD,
    )


def run(task):
    """Seconds of one run of the task, and the number that checks its result."""
    print(task, file=process().stdin, flush=True)
    answer = process().stdout.readline()
    if not answer:
        raise RuntimeError(f"the process of the peers ended at task {task!r}; its error is above")
    return json.loads(answer)


def candidate(task):
    return lambda: run(task)["seconds"]
