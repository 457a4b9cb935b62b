"""Kernels of this checkout against those of another one, row by row: time of the other over ours.

python benchmarks/against.py OTHER_CHECKOUT [ROUNDS [WORDS OF THE ROWS WANTED]]

Two processes, one a checkout, take turns on one core: a row is the median over the rounds, each the ratio of
two runs that follow each other. The other checkout may be older than the folders of the package.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROUNDS = 15
SECONDS = 0.4  # that a run takes at least
HERE = Path(__file__).resolve().parents[1]


def kernels_of(subject):
    """Compiled loops of a subject, in the folders of today or those of before."""
    names = {
        "map": ("lintrans.two_factor.kernels", "lintrans.kernels"),
        "batches": ("lintrans.minibatch.kernels",),
    }
    for name in names[subject]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit(f"no kernels of {subject} in this checkout")


def tasks():
    """Work by name: functions without arguments, whose results are compared too."""
    k, m = kernels_of("map"), kernels_of("batches")
    rng = np.random.default_rng(0)
    mu = np.linspace(0.05, 1.95, 4096)
    a, b = np.sqrt(mu) * 0.6, np.sqrt(mu) * 0.2 * rng.random(mu.size)
    zero, none = np.zeros_like(a), np.empty((0, 3))
    x, y = (part.ravel() for part in np.meshgrid(np.linspace(-2.5, 2.5, 160), np.linspace(-2.5, 2.5, 160)))
    variant = 0.2, 0.3, np.array([0.5, 1.0])
    if hasattr(k, "Variant"):
        variant = k.Variant(*variant)
    prompts = np.array([rng.normal(0, 0.05, 500), np.zeros(500)])
    n = 4096
    start = np.full(n, 0.5), np.full(n, 0.6), np.full(n, 0.1)
    inverses = np.array([1 / (2 + start[0]), 1 / (2 - start[0])])
    seed = np.uint64(1), np.uint64(0)
    many = rng.normal(size=(300, 10 + 10 + 2))
    train = (
        many,
        8,
        0,
        *seed,
        256,
        0.1,
        0.1,
        0.1 * np.eye(10),
        (0.1, 0.2, 0.2, 0.47, 0.52),
        np.full(1, 1e-5),
        200,
    )

    def fates(mu, how, bounded=False, variant=None):
        mus = np.full(x.size, mu)
        return k.fates(mus, np.sqrt(mu) * x, np.sqrt(mu) * y, 1000, how, bounded, none, variant)

    return {
        "iterate the plane": lambda: k.advance(mu, a, b, 4096),
        "iterate the slice": lambda: k.advance(mu, a, zero, 4096),
        "orbit diagram": lambda: k.orbits(mu, a, zero, 1024, 512),
        "orbit diagram, varied": lambda: k.orbits(mu[:512], a[:512], b[:512], 256, 256, variant),
        "exponent along the slice": lambda: k.exponents(mu, a, zero, 1024, 4096, False),
        "both exponents, slice": lambda: k.exponents(mu, a, zero, 1024, 4096, True),
        "both exponents, plane": lambda: k.exponents(mu, a, b, 1024, 4096, True),
        "exponents over windows": lambda: k.exponent_windows(mu[:512], a[:512], b[:512], 256, 64, 64),
        "evidence, plane": lambda: k.evidence(mu, a, b, 1024, 2048, 64, 1e-8, 1e-4),
        "evidence, slice": lambda: k.evidence(mu, a, zero, 1024, 2048, 64, 1e-8, 1e-4),
        "basin, escape exit": lambda: fates(0.9, -1.0),
        "basin, convergence exit": lambda: fates(0.9, np.inf),
        "basin, ellipse": lambda: fates(1.5, -1.0, True),
        "basin, varied": lambda: fates(0.5, 1e-6, False, variant),
        "random map, B = 1": lambda: m.walk(prompts, 1, 0, *seed, *start, inverses, 1000, None),
        "random map, B = 16": lambda: m.walk(prompts, 16, 0, *seed, *start, inverses, 200, None),
        "random map, epochs": lambda: m.walk(prompts, 16, 2, *seed, *start, inverses, 100, None),
        "exponents of the random map": lambda: m.exponents(prompts, 4, 0, *seed, *start, 64, 256),
        "trainings, d = 10": lambda: m.train(*train),
    }


def serve():
    """Answer every line, the name of a task, with its seconds per run and a digest of its result."""
    found = tasks()
    print(json.dumps(list(found)), flush=True)
    for line in sys.stdin:
        work = found[line.strip()]
        began, n, passed = time.perf_counter(), 0, 0.0
        while passed < SECONDS:
            result, n = work(), n + 1
            passed = time.perf_counter() - began
        parts = result if isinstance(result, tuple) else (result,)
        digest = hash(tuple(np.ascontiguousarray(part).tobytes() for part in parts))
        print(json.dumps([passed / n, digest]), flush=True)


def main(other, rounds=ROUNDS, *words):
    workers = [_start(Path(other).resolve()), _start(HERE)]
    names = [json.loads(worker.stdout.readline()) for worker in workers]
    lowest = 1.0
    print(f"{'work':<30} {'other/ours':>10} {'lowest':>7} {'highest':>8}  same bits")
    for name in [name for name in names[1] if not words or " ".join(words) in name]:
        for worker in workers:
            _ask(worker, name)  # compiles
        pairs = [[_ask(worker, name) for worker in workers] for _ in range(int(rounds))]
        ratios = [theirs[0] / ours[0] for theirs, ours in pairs]
        median = float(np.median(ratios))
        lowest = min(lowest, median)
        same = "yes" if pairs[0][0][1] == pairs[0][1][1] else "NO"
        print(f"{name:<30} {median:>10.3f} {min(ratios):>7.3f} {max(ratios):>8.3f}  {same}", flush=True)
    print(f"lowest median {lowest:.3f}")


def _start(checkout):
    quiet = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONHASHSEED": "0"}
    code = (
        f"import os, sys; os.sched_setaffinity(0, {{0}}); sys.path.insert(0, {str(HERE / 'benchmarks')!r}); "
    )
    words = [sys.executable, "-c", code + "import against; against.serve()"]
    pipe = subprocess.PIPE
    return subprocess.Popen(words, env=quiet, cwd=checkout, stdin=pipe, stdout=pipe, text=True)


def _ask(worker, name):
    print(name, file=worker.stdin, flush=True)
    return json.loads(worker.stdout.readline())


if __name__ == "__main__":
    main(*sys.argv[1:])
