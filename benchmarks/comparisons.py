"""Comparisons of kernels, in this process. Each is a function without arguments that returns rows."""

import functools

import native
import numpy as np
import peer_process
import problems
from harness import CELLS_PER_SLICE, interleave, threaded, timed
from numba import njit
from report import limit_row, row

import lintrans as lt
from lintrans.attention.batch_training import Problems, train_on_batches
from lintrans.minibatch import Batches, Population, TrainingSweep, draw_batches
from lintrans.minibatch.walks import walk
from lintrans.prompts import prompts_from_csv
from lintrans.sweeps import Threads
from lintrans.sweeps import grid as sweeps
from lintrans.two_factor import BasinSweep, kernels
from lintrans.two_factor.regimes import Regime

PLANE, SLICE = 4, 2  # multiply-adds of one step
LYAPUNOV, LYAPUNOV_TUNED = "pynamicalsys lyapunov", "pynamicalsys lyapunov, faster Jacobian"
NO_ENDS = np.empty((0, 3))
ESCAPE = "escape exit", (-1.0, False, NO_ENDS)  # and what `kernels.fates` is told
CONVERGENCE = "escape and convergence exit", (np.inf, False, NO_ENDS)
ELLIPSE = "escape exit and ellipse", (-1.0, True, NO_ENDS)
SECONDS_BESIDE_PEERS = 0.2
BATCH_ROUNDS = 3
PROMPTS = Population.sampled(1000, spread=0.1, noise=0.0, seed=0).for_kernels()
BATCH_CASES = {  # batch size, trajectories, sampling
    "with_replacement": (1, 10**6, "with-replacement"),
    "larger_batches": (16, 10**5, "with-replacement"),
    "in_epochs": (16, 5 * 10**4, "epochs"),
}
LIMIT_ROUNDS, PEER_ROUNDS, THREAD_ROUNDS = 31, 7, 31


def iterate_plane():
    return _iterate("the plane", problems.PLANE_ITERATION, PLANE)


def iterate_slice():
    return _iterate("the slice", problems.SLICE_ITERATION, SLICE)


def _iterate(where, problem, n_multiply_adds):
    """No tests, nothing recorded: the kernel and the best C loop against the limit and each other."""
    starts, n = problem.starts(), problem.n_steps
    short = 16  # steps after which no rounding has grown yet
    np.testing.assert_allclose(native.advance(*starts, short), kernels.advance(*starts, short), rtol=1e-9)
    times = interleave(
        LIMIT_ROUNDS,
        kernel=timed(lambda: kernels.advance(*starts, n)),
        c=timed(lambda: native.advance(*starts, n)),
        peak=timed(native.peak),
    )
    work, cost = f"iterate {where}", {"n_steps": problem.n_map_steps, "n_multiply_adds": n_multiply_adds}
    return [
        limit_row(work, times["kernel"], times["peak"], **cost, target=0.90),
        row(work, times["kernel"], "C loop", times["c"], n_steps=problem.n_map_steps, target=0.90),
        limit_row(f"{work}, C loop", times["c"], times["peak"], **cost),
    ]


def plain_loops():
    """What one writes first, and how much it leaves."""
    problem = problems.PLANE_ITERATION
    starts, n = problem.starts(), problem.n_steps
    times = interleave(
        PEER_ROUNDS,
        kernel=timed(lambda: kernels.advance(*starts, n)),
        numpy=timed(lambda: _numpy_loop(*starts, n)),
        single=timed(lambda: _single_orbits(*starts, n)),
    )
    names = {"numpy": "NumPy, one step of all orbits at a time", "single": "Numba, one orbit after the other"}
    return [
        row("iterate the plane", times["kernel"], names[key], times[key], n_steps=problem.n_map_steps)
        for key in names
    ]


def _numpy_loop(mu, a, b, n_steps):
    for _ in range(n_steps):
        r = a * a - b * b - mu
        a, b = a - r * a, b + r * b
    return a, b


@njit(error_model="numpy", fastmath={"contract"})
def _single_orbits(mu, a, b, n_steps):
    end = np.empty((2, mu.size))
    for j in range(mu.size):
        m, p, q = mu[j], a[j], b[j]
        for _ in range(n_steps):
            r = p * p - (q * q + m)
            p, q = p - r * p, q + r * q
        end[0, j], end[1, j] = p, q
    return end


def orbit_diagram():
    problem = problems.ORBIT_DIAGRAM
    starts, counts = problem.starts(), (problem.n_transient, problem.n_steps)
    return _against_peer(
        "orbit diagram",
        lambda: kernels.orbits(*starts, *counts),
        check=lambda states: np.mean(states[0] ** 2),
        tasks={
            "orbit_diagram": "pynamicalsys bifurcation_diagram",
            "orbit_diagram_ensemble": "pynamicalsys trajectory, one ensemble",
        },
        n_steps=problem.n_map_steps,
        target=200,
    )


def slice_exponent():
    problem, work = problems.SLICE_EXPONENT, "exponent on the slice"
    run = _exponents(problem, transverse=False)
    times = interleave(LIMIT_ROUNDS, kernel=timed(run), peak=timed(native.peak))
    cost = {"n_steps": problem.n_map_steps, "n_multiply_adds": SLICE}
    return [
        limit_row(work, times["kernel"], times["peak"], **cost, target=0.35),
        *_against_peer(
            work,
            run,
            check=lambda table: np.mean(table[:, 0]),
            tasks={"slice_exponent": LYAPUNOV, "slice_exponent_tuned": LYAPUNOV_TUNED},
            n_steps=problem.n_map_steps,
            target=400,
        ),
    ]


def plane_exponents():
    problem = problems.PLANE_EXPONENTS
    return _against_peer(
        "both exponents in the plane",
        _exponents(problem, transverse=True),
        check=lambda table: np.mean(table[:, 0] + table[:, 2]),
        tasks={"plane_exponents": LYAPUNOV, "plane_exponents_tuned": LYAPUNOV_TUNED},
        n_steps=problem.n_map_steps,
        target=400,
    )


def _exponents(problem, *, transverse):
    starts, counts = problem.starts(), (problem.n_transient, problem.n_steps)
    return lambda: kernels.exponents(*starts, *counts, transverse)


def basin_of_convergence():
    return _basin(0.9, target=200) + _basin(0.9, ELLIPSE, target=200) + _basin(0.9, CONVERGENCE, target=1000)


def basin_of_chaos():
    return _basin(1.5, target=200) + _basin(1.5, ELLIPSE, target=200)


def _basin(mu, exits=ESCAPE, *, target=None):
    a, b = problems.to_modes(mu, *problems.basin_starts())
    mus = np.full_like(a, mu)
    leave, flags = exits
    return _against_peer(
        f"basin, mu = {mu}, {leave}",
        lambda: kernels.fates(mus, a, b, problems.BASIN_STEPS, *flags),
        check=lambda fates: np.mean(fates[0] == kernels.DIVERGED),
        tasks={f"basin_{mu}": "pynamicalsys escape_analysis"},
        target=target,
    )


def basin_maps_large():
    """All of `lintrans.basin_map` but the writing, 4096 x 4096 starts: only steps that were taken count."""
    axis, rows = np.linspace(-3.0, 3.0, 4096), []
    for mu in (0.9, 1.5):
        sweep = BasinSweep(mu, u=axis, v=axis, n_steps=problems.BASIN_STEPS)
        taken = []
        sweeps.run(sweep, lambda _tile, arrays, n=taken: n.append(arrays["steps"].sum(dtype=np.int64)))
        one, two = (timed(lambda n=n, s=sweep: sweeps.run(s, _drop, executor=Threads(n))) for n in (1, 2))
        times = interleave(PEER_ROUNDS, one=one, two=two, peak=timed(native.peak))
        cost = {"n_steps": sum(taken), "n_multiply_adds": PLANE}
        rows.append(limit_row(f"basin map, mu = {mu}", times["one"], times["peak"], **cost))
        rows.append(row(f"basin map, mu = {mu}, two threads", times["two"], "one thread", times["one"]))
    return rows


def basin_maps():
    """The same on a crop of 512 x 512, against the peer."""
    axis, rows = np.linspace(-3.0, 3.0, 512), []
    for mu in (0.9, 1.5):
        sweep = BasinSweep(mu, u=axis, v=axis, n_steps=problems.BASIN_STEPS)
        rows += _against_peer(
            f"basin map, 512 x 512, mu = {mu}",
            lambda s=sweep: sweeps.compute(s, executor=Threads(1)),
            check=lambda found: np.mean(found.regime == Regime.DIVERGENT),
            tasks={f"basin_{mu}": "pynamicalsys escape_analysis"},
            target=None,
        )
    return rows


def _drop(tile, arrays):
    pass


def _against_peer(work, run, *, check, tasks, target, n_steps=None):
    """Our kernel and each task of the peers in turns, once their results agree."""
    ours = check(run())
    for task in tasks:
        np.testing.assert_allclose(ours, peer_process.run(task)["check"], atol=5e-3, err_msg=task)
    peers = {task: peer_process.candidate(task) for task in tasks}
    times = interleave(PEER_ROUNDS, kernel=timed(run, at_least=SECONDS_BESIDE_PEERS), **peers)
    return [
        row(work, times["kernel"], name, times[task], target=target, n_steps=n_steps)
        for task, name in tasks.items()
    ]


def evidence():
    """All that a verdict needs: escape, rise, both exponents with errors, period, loss."""
    cells, counts = problems.evidence_grid(), (*problems.EVIDENCE_STEPS, *problems.EVIDENCE_SEARCH)
    escapes = kernels.evidence(*cells, *counts)[:, 0]
    times = interleave(
        THREAD_ROUNDS, kernel=timed(lambda: kernels.evidence(*cells, *counts)), peak=timed(native.peak)
    )
    n_steps = np.minimum(escapes, sum(problems.EVIDENCE_STEPS)).sum()  # an orbit ends where it escapes
    cost = {"n_steps": n_steps, "n_multiply_adds": PLANE}
    work = "full regime evidence"
    return [limit_row(work, times["kernel"], times["peak"], **cost, target=0.15)]


def random_map():
    """A million trajectories of 3,000 steps: of the random map in three ways, and of the full batch."""
    times = interleave(
        BATCH_ROUNDS,
        **{name: timed(functools.partial(_walk_batches, *case)) for name, case in BATCH_CASES.items()},
        full=timed(lambda: kernels.advance(*(np.full(10**6, x) for x in (0.5, 0.6, 0.3)), 3000)),
    )
    rows = []
    for name, (size, n, _) in BATCH_CASES.items():
        beside = times["full"] * (n / 10**6)
        work = f"{n:,} x 3,000 steps, {name.replace('_', ' ')}, B = {size}"
        rows.append(row(work, times[name], "the full batch", beside, n_steps=3000 * n))
    one, two = (threaded(_walk_part, 10**6, n_threads) for n_threads in (1, 2))
    threads = interleave(BATCH_ROUNDS, one=one, two=two)
    work = "10^6 x 3,000 steps, two threads"
    return [*rows, row(work, threads["two"], "one thread", threads["one"], n_steps=3 * 10**9)]


def _walk_batches(size, n, sampling, first=0):
    """Trajectories that do not leave, of prompts that share their minimum."""
    start = (np.full(n, x) for x in (0.5, 0.6, 0.3))
    batches = Batches(size, sampling=sampling, n_steps=3000, seed=1)
    events, _ = walk(PROMPTS, *start, batches=batches, first=first)
    assert (events < 0).all()


def _walk_part(part):
    _walk_batches(1, part.stop - part.start, "with-replacement", part.start)


def trainings():
    """Prompts of ten features that share no mode: compiled trainings, and training by definition."""
    prompts = prompts_from_csv(
        lt.example_data(),
        target="progression",
        context_length=32,
        n_prompts=4000,
        standardize=True,
        center=True,
    )
    weights = lt.initial_weights(10, value=0.1, scale=0.1, seed=0)
    eta, size, n_steps, n, few = 5e-5, 32, 1000, 1024, 200
    start = {"value": weights.value, "key_query": weights.key_query}
    batches = Batches(size, n_steps=n_steps)
    sweep = TrainingSweep(prompts, step_size=eta, **start, batches=batches, n_trainings=n)
    literal, drawn = Problems(prompts, weights), draw_batches(4000, Batches(size, n_steps=few))

    def compiled(part):
        assert (sweep.compute(part)["left"] < 0).all()

    times = interleave(
        BATCH_ROUNDS,
        compiled=timed(lambda: compiled(slice(0, n))),
        two=threaded(compiled, n, 2, cells_per_slice=128),
        literal=timed(lambda: train_on_batches(literal, weights, drawn, step_size=eta)),
        peak=timed(native.peak),
    )
    work, n_seen = f"{n:,} trainings x {n_steps:,} steps, d = 10, B = {size}", n * n_steps * size
    cost = {"n_steps": n_seen, "n_multiply_adds": 2 * 10**2}  # of one prompt: predict, and update W
    return [
        limit_row(work, times["compiled"], times["peak"], **cost),
        row(f"{work}, two threads", times["two"], "one thread", times["compiled"]),
        row(work, times["compiled"], "training by definition", times["literal"] * n * n_steps / few),
    ]


def threads_of_the_machine():
    """What the second core adds when nothing but multiply-adds is done."""
    return _threads("multiply-adds", lambda part: native.peak(), 16 * CELLS_PER_SLICE, target=None)


def threads_iterating():
    problem = problems.PLANE_ITERATION._replace(mu=np.linspace(0.05, 1.95, 32 * CELLS_PER_SLICE))
    mu, a, b = problem.starts()
    n = problem.n_steps
    return _threads("iterate the plane", lambda i: kernels.advance(mu[i], a[i], b[i], n), mu.size)


def threads_of_evidence():
    mu, a, b = problems.evidence_grid()
    counts = *problems.EVIDENCE_STEPS, *problems.EVIDENCE_SEARCH
    work = "full regime evidence"
    return _threads(work, lambda i: kernels.evidence(mu[i], a[i], b[i], *counts), mu.size)


def threads_of_a_basin():
    a, b = problems.to_modes(1.5, *problems.basin_starts())
    mu, n = np.full_like(a, 1.5), problems.BASIN_STEPS
    work = "basin, mu = 1.5"
    kernel = lambda i: kernels.fates(mu[i], a[i], b[i], n, *ESCAPE[1])  # noqa: E731
    return _threads(work, kernel, mu.size, cells_per_slice=4096)  # far out they take next to no time


def _threads(work, kernel, n_cells, target=1.85, **options):
    one, two = (threaded(kernel, n_cells, n_threads, **options) for n_threads in (1, 2))
    times = interleave(THREAD_ROUNDS, one=one, two=two)
    return [row(f"{work}, two threads", times["two"], "one thread", times["one"], target=target)]
