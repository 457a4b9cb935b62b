"""How fast the sandbox trains: 100 default runs on two cores, against the limit of a core and a PyTorch loop.

    .venv/bin/python benchmarks/sandbox.py                      # limit and 100 runs, about four minutes
    .venv/bin/python benchmarks/sandbox.py --torch PYTHON       # also PyTorch, by a Python that has it

PyTorch has an environment of its own, and one thread: ``pip install torch --index-url
https://download.pytorch.org/whl/cpu`` gets the small build. Ratios are formed in one run, turn by turn.
"""

import argparse
import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import native
import numpy as np
from harness import Spread, interleave, timed

from lintrans.sandbox import Block, Model, Task, Training

HERE = Path(__file__).parent
RUNS, THREADS = 100, 2
ROUNDS, EPOCHS = 7, 20
TORCH_EPOCHS = 3
TARGETS = {"evaluated": 60.0, "training alone": 30.0, "torch": 60.0}

# Additions and multiplications, 2 for a multiply-add, of the loops in lintrans/sandbox/kernels.
EXPONENTIAL, MILLS = 2 + 1 + 4 + 22 + 1, 1 + 1 + 2 + 40 + 1
GELU = 2 + EXPONENTIAL + 1 + MILLS + 1 + 1 + 1
SLOPE = 2
LOGARITHM = 1 + 1 + 1 + 1 + 12 + 6


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--torch", help="Python of an environment with PyTorch", default="")
    parser.add_argument("--no-runs", action="store_true", help="leave out the 100 runs")
    asked = parser.parse_args()
    block = Block(Task(), Model(), Training(), tuple(range(8)))
    of_limit(block)
    if asked.torch:
        against_torch(block, asked.torch)
    if not asked.no_runs:
        for every in (1, 0):
            hundred_runs(every)


def of_limit(block):
    """One core: seconds of a run, operations a second, part of what its multiply-adds could do."""
    state = block.begin()
    n = EPOCHS * block.training.per_epoch(block.task)
    times = interleave(
        ROUNDS,
        peak=timed(native.peak),
        trained=timed(lambda: block.advance(state, (0, n), every=0)),
        evaluated=timed(lambda: block.advance(state, (0, n))),
    )
    peak = 2 * native.n_peak() / times["peak"]
    for name, operations in (("trained", training_operations(block)), ("evaluated", None)):
        per_run = times[name] / EPOCHS * block.training.n_epochs / len(block.seeds)
        line = f"one core, {name}: {spread(per_run)} s a run"
        if operations:
            rate = operations / per_run
            line += f"; {operations:.3g} operations, {spread(rate / 1e9)} GFLOP/s"
            line += f", {spread(rate / peak)} of the peak"
        print(line, flush=True)


def against_torch(block, python):
    """A run of ours on one core over a run of PyTorch on one thread, with measures of every epoch."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [python, HERE / "torch_loop.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    version = json.loads(process.stdout.readline())["torch"]
    state, n = block.begin(), EPOCHS * block.training.per_epoch(block.task)

    def seconds(evaluate):
        print(json.dumps({"n_epochs": TORCH_EPOCHS, "evaluate": evaluate}), file=process.stdin, flush=True)
        return json.loads(process.stdout.readline())["seconds"] / TORCH_EPOCHS

    def ours(every):
        return timed(lambda: block.advance(state, (0, n), every=every))() / EPOCHS / len(block.seeds)

    for evaluate in (True, False):
        times = interleave(ROUNDS, ours=lambda e=evaluate: ours(int(e)), torch=lambda e=evaluate: seconds(e))
        ratio = times["torch"] / times["ours"]
        what = "with train, test and population measured in every epoch" if evaluate else "training alone"
        print(f"PyTorch {version}, one thread, {what}: {spread(1000 * times['torch'])} s for 1,000 epochs")
        print(
            f"  ratio to a run of ours, on one core: {spread(ratio)} (target {TARGETS['torch']:g})",
            flush=True,
        )
    process.stdin.close()


def hundred_runs(every):
    """All of 100 default runs on two cores, block by block."""
    seeds = list(range(RUNS))
    blocks = [Block(Task(), Model(), Training(), tuple(seeds[i : i + 8])) for i in range(0, RUNS, 8)]
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda block: block.advance(block.begin(), (0, 64_000), every=every), blocks))
    seconds = time.perf_counter() - began
    what = "evaluated" if every else "training alone"
    print(f"{RUNS} runs on {THREADS} cores, {what}: {seconds:.1f} s (target {TARGETS[what]:g})", flush=True)


def training_operations(block):
    """Operations of a run without measures."""
    task, model, training = block.task, block.model, block.training
    d, h, tokens, n_groups = model.d, model.width, model.n_tokens(task), len(block._training_sequences[0][0])
    unit = 2 * d + GELU + SLOPE + 2 * d + 2 * d + 2 * d + 1 + 1 + 2 * d + 2 * d
    look_up = (d + 1) * n_groups + d + 2 * d * d
    norms = 2 * (4 * d + 6)
    read_out = tokens * (2 * d + 1 + EXPONENTIAL + 3) + LOGARITHM + 4 * d * tokens + 2 * tokens
    back = 4 * d * d + (d + 1) * n_groups + 3 * d
    sample = h * unit + look_up + norms + read_out + back + 2 * d
    entries = task.p * task.length
    table = entries * (20 * d + EXPONENTIAL + 12) + 2 * (d + 1) * 2 * 3 * 16
    step = training.batch_size * sample + table + 12 * model.n_weights(task)
    return step * training.n_steps(task)


def spread(values):
    found = Spread.of(np.atleast_1d(values))
    return f"{found.median:.3g} ({found.low:.3g} to {found.high:.3g})"


if __name__ == "__main__":
    main()
