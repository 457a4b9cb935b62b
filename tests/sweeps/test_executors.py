"""Layer 4: where tiles are computed changes no bit, and a worker that dies takes nothing with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from distributed import LocalCluster

from lintrans.cli import main
from lintrans.errors import ExecutorError, InputError, MissingExtraError
from lintrans.sweeps import executors, store
from lintrans.sweeps.executors import Dask, Threads
from lintrans.two_factor.exponents import LyapunovSweep
from lintrans.two_factor.orbits import BifurcationSweep
from lintrans.two_factor.phase import PhaseSweep

N_MU, N_SCALES = 2500, 150
DIAGRAM = (
    *("phase-diagram", "--mu", f"0.01:1.9:{N_MU}", "--scales", f"0.1:1:{N_SCALES}", "--verdicts-only"),
    *("--n-steps", "8192", "--json"),
)


def diagram():
    axes = {"mus": np.linspace(0.01, 1.9, N_MU), "scales": np.linspace(0.1, 1.0, N_SCALES)}
    return PhaseSweep(**axes, n_steps=8192, verdicts_only=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the bytes of the diagram as threads write it."""
    return store.run_to_file(diagram(), tmp_path_factory.mktemp("whole") / "x.h5").read_bytes()


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as started:
        yield started


@pytest.fixture
def short_tasks(monkeypatch):
    """Many tasks of one tile each: there is always one at work."""
    monkeypatch.setattr(executors, "MAX_ITEMS_PER_TASK", 1)


def square(x):
    return x * x


def fail(x):
    raise ZeroDivisionError("as planted")


def die(x):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("n_threads", [1, 3])
def test_threads_take_items_only_as_they_need_them(n_threads):
    taken = []
    items = (taken.append(i) or i for i in range(1000))
    found = {}
    for item, outcome in Threads(n_threads).map(square, items):
        found[item] = outcome
        assert len(taken) <= len(found) + 2 * n_threads
    assert found == {i: i * i for i in range(1000)}


class Interrupted(ThreadPoolExecutor):
    """Ctrl-C in the middle of a call that holds a lock the threads need."""

    method, finished = "", False

    def interrupt(self, method, *args, **options):
        with self._shutdown_lock:
            if method == self.method:
                signal.raise_signal(signal.SIGINT)
        type(self).finished |= method == self.method
        return getattr(super(), method)(*args, **options)

    def submit(self, *args, **options):
        return self.interrupt("submit", *args, **options)

    def shutdown(self, *args, **options):
        return self.interrupt("shutdown", *args, **options)


@pytest.mark.parametrize("method", ["submit", "shutdown"])
def test_ctrl_c_waits_for_calls_of_the_pool(monkeypatch, method):
    """Else the lock may stay taken; without holding back, `finished` is False."""
    monkeypatch.setattr(executors, "ThreadPoolExecutor", Interrupted)
    monkeypatch.setattr(Interrupted, "method", method)
    monkeypatch.setattr(Interrupted, "finished", False)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        list(Threads(2).map(square, range(9)))
    assert Interrupted.finished and signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr(Interrupted, "finished", False)
    monkeypatch.setattr(executors, "signals_held_back", nullcontext)
    with pytest.raises(KeyboardInterrupt):
        list(Threads(2).map(square, range(9)))
    assert not Interrupted.finished


def test_ctrl_c_is_seen_while_threads_work():
    pressed = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    began = time.monotonic()
    pressed.start()
    with pytest.raises(KeyboardInterrupt):
        list(Threads(2).map(lambda _: time.sleep(1.0), range(20)))
    assert time.monotonic() - began < 5  # the two being worked on, not all twenty


def test_other_threads_and_ignored_signals_are_left_alone():
    found = []
    thread = threading.Thread(target=lambda: found.extend(Threads(2).map(square, range(5))))
    thread.start()
    thread.join()
    assert sorted(found) == [(i, i * i) for i in range(5)]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert len(list(Threads(2).map(square, range(5)))) == 5
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_dask_yields_every_item_once(cluster):
    found = list(Dask(cluster.scheduler_address).map(square, iter(range(500))))
    assert sorted(found) == [(i, i * i) for i in range(500)]


def test_dask_gives_up_what_is_still_at_work_when_it_is_closed(cluster):
    mapped = Dask(cluster.scheduler_address).map(time.sleep, [0.1] * 200)
    next(mapped)
    began = time.monotonic()
    mapped.close()
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("executor", [Threads(2), "dask"])
def test_an_error_of_the_work_arrives(executor, cluster):
    chosen = Dask(cluster.scheduler_address) if executor == "dask" else executor
    with pytest.raises(ZeroDivisionError, match="as planted"):
        list(chosen.map(fail, range(3)))


@pytest.mark.parametrize(
    "sweep",
    [
        PhaseSweep(np.linspace(0.05, 2.1, 3000), scales=[0.5, 1.0], n_steps=256),
        LyapunovSweep(np.linspace(0.05, 2.1, 9000), n_transient=256, n_steps=256),
        BifurcationSweep(np.linspace(0.05, 2.1, 9000), n_transient=100, n_samples=7),
    ],
    ids=lambda sweep: sweep.result.kind,
)
def test_every_sweep_gives_the_same_file_on_a_cluster(tmp_path, cluster, sweep):
    here = store.run_to_file(sweep, tmp_path / "here.h5")
    there = store.run_to_file(sweep, tmp_path / "there.h5", executor=Dask(cluster.scheduler_address))
    assert here.read_bytes() == there.read_bytes()


def test_workers_killed_at_work_lose_nothing(tmp_path, cluster, short_tasks, whole):
    """Each time another worker process is killed, with a task at work and finished ones not yet fetched."""
    killed = []

    def progress(done, total, found):
        alive = [w.process.pid for w in cluster.workers.values() if w.process and w.process.pid]
        if done * 6 > total * (len(killed) + 1) and alive and alive[0] not in killed:
            killed.append(alive[0])
            os.kill(alive[0], signal.SIGKILL)

    executor = Dask(cluster.scheduler_address)
    path = store.run_to_file(diagram(), tmp_path / "x.h5", executor=executor, progress=progress)
    assert len(killed) >= 3
    assert path.read_bytes() == whole


def test_a_cluster_without_workers_is_named_and_waited_for(caplog):
    options = {"threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    with LocalCluster(n_workers=0, **options) as empty:
        threading.Timer(1.0, empty.scale, (1,)).start()
        assert list(Dask(empty.scheduler_address).map(square, [3])) == [(3, 9)]
    assert "no workers yet" in caplog.text


def test_a_task_that_kills_its_workers_is_given_up(cluster):
    with pytest.raises(ExecutorError, match="survive"):
        list(Dask(cluster.scheduler_address).map(die, [1]))


def test_workers_with_other_versions_are_refused(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(executors, "versions", lambda packages=(): {"numpy": "9.9"})
    with pytest.raises(ExecutorError, match="same packages"):
        store.run_to_file(diagram(), tmp_path / "x.h5", executor=Dask(cluster.scheduler_address))
    assert not list(tmp_path.iterdir())


@contextmanager
def running(*commands):
    """Processes that are killed at the end."""
    processes = []
    try:
        for words in commands:
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen([sys.executable, "-m", "dask", *words], **quiet))
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def test_the_command_survives_its_cluster(tmp_path, monkeypatch, capsys, whole):
    """First a worker dies and the sweep goes on; then the scheduler, and `resume` completes without it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(executors, "MAX_ITEMS_PER_TASK", 1)
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    worker = ("worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard")
    scheduler = ("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    chosen = ["--executor", "dask", "--scheduler", address]
    run_to_file = store.run_to_file

    with running(scheduler, worker, worker) as (head, first, _second):

        def killing(*arguments, progress=None, **options):
            def report(done, total, found):
                for share, victim in ((0.25, first), (0.6, head)):
                    if done > share * total and victim.poll() is None:
                        victim.kill()
                        victim.wait()

            return run_to_file(*arguments, progress=report, **options)

        monkeypatch.setattr(store, "run_to_file", killing)
        assert main([*DIAGRAM, "--output", "x.h5", *chosen]) == 1
    said = capsys.readouterr().err
    assert "scheduler must stay reachable" in said and "lintrans resume x.h5 continues it" in said
    assert said.count("\n") == 1
    assert main(["resume", "x.h5", "--json"]) == 0
    assert (tmp_path / "x.h5").read_bytes() == whole


def test_the_command_starts_a_cluster_of_its_own(tmp_path, monkeypatch, whole):
    monkeypatch.chdir(tmp_path)
    words = [*DIAGRAM, "--output", "x.h5", "--executor", "dask", "--n-workers", "2"]
    answer = subprocess.run(
        [sys.executable, "-c", "from lintrans.cli import run; raise SystemExit(run())", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0 and answer.stderr == ""
    assert (tmp_path / "x.h5").read_bytes() == whole


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--executor", "slurm"], "--executor must be threads or dask, got 'slurm'"),
        (["--scheduler", "tcp://x:1"], "--scheduler needs --executor dask"),
        (["--executor", "dask", "--scheduler", "tcp://x:1", "--n-workers", "2"], "must not both be given"),
        (["--executor", "dask", "--scheduler", "nonsense://x"], "scheduler must be the address"),
        (["--executor", "dask", "--n-workers", "0"], "n_workers must lie between"),
        (["--n-workers", "0"], "n_threads must lie between"),
    ],
)
def test_bad_options_are_one_line_and_leave_nothing(tmp_path, monkeypatch, capsys, words, complaint):
    monkeypatch.chdir(tmp_path)
    assert main([*DIAGRAM, "--output", "x.h5", *words]) == 2
    said = capsys.readouterr().err
    assert complaint in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(executors, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(InputError, match="running Dask scheduler"):
        next(Dask(f"tcp://127.0.0.1:{free_port()}").map(square, [1]))


@pytest.mark.parametrize("error", [OSError("Timed out trying to connect"), TimeoutError(), CancelledError()])
def test_however_the_scheduler_is_lost_one_line_says_so(cluster, monkeypatch, error):
    def lost(client, work, items, ours):
        raise error
        yield

    monkeypatch.setattr(executors, "_map", lost)
    with pytest.raises(ExecutorError, match="scheduler must stay reachable, got tcp://"):
        list(Dask(cluster.scheduler_address).map(square, [1]))


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"lintrans\[distributed\]"):
        Dask()
