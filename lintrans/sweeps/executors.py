"""Where work is done: threads of this process, or the workers of a Dask cluster.

An executor maps a function over items and yields every item with its result as soon as it is there, in any
order. It takes items from their iterator as it needs them, so that only those being worked on exist. Closing
the iterator it returns gives up what is still being worked on.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import logging
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from types import FrameType
from typing import Any, Protocol, TypeVar

from lintrans.errors import ExecutorError, InputError, count, require_extra, short
from lintrans.sweeps.results import versions

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

LOG = logging.getLogger(__name__)
_OF_THREAD = threading.local()  # what its work must obey
MAX_THREADS = 1024
SECONDS_PER_TASK = 1.0  # of a Dask task: it costs the scheduler about a millisecond
MAX_ITEMS_PER_TASK = 64
SECONDS_TO_CONNECT = 10
IGNORE_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # workers are ended by us
SECONDS_UNTIL_SIGNALS = 0.1  # are looked for while threads work
SECONDS_BETWEEN_COUNTS = 2.0  # of the workers of a cluster, which may come and go


class Executor(Protocol):
    """Something that maps a function over items."""

    def map(
        self, work: Callable[[Item], Outcome], items: Iterable[Item], *, packages: Sequence[str] = ()
    ) -> Generator[tuple[Item, Outcome]]:
        """Yield every item with ``work(item)``, in any order.

        ``packages`` are distributions that the outcome depends on: workers elsewhere must have the versions
        of this process.
        """
        ...


class Threads:
    """Threads of this process; the kernels release the interpreter lock.

    Parameters
    ----------
    n_threads
        All cores by default.

    Raises
    ------
    InputError
        If the number is not between 1 and 1024.
    """

    def __init__(self, n_threads: int | None = None) -> None:
        self.n_threads = (
            os.cpu_count() or 1 if n_threads is None else count("n_threads", n_threads, maximum=MAX_THREADS)
        )

    def map(
        self, work: Callable[[Item], Outcome], items: Iterable[Item], *, packages: Sequence[str] = ()
    ) -> Generator[tuple[Item, Outcome]]:
        """Yield every item with ``work(item)``, in any order."""
        del packages  # threads have those of this process
        stop = threading.Event()
        remaining, pool = iter(items), ThreadPoolExecutor(self.n_threads, initializer=_obey, initargs=(stop,))
        pending: dict[Future[Outcome], Item] = {}
        try:
            while True:
                for item in itertools.islice(remaining, 2 * self.n_threads - len(pending)):
                    with signals_held_back():
                        pending[pool.submit(work, item)] = item
                if not pending:
                    return
                with signals_held_back():
                    done = wait(pending, SECONDS_UNTIL_SIGNALS, return_when=FIRST_COMPLETED).done
                for future in done:
                    yield pending.pop(future), future.result()
        finally:
            stop.set()
            with signals_held_back():
                pool.shutdown(cancel_futures=True)


def _obey(stop: threading.Event) -> None:
    _OF_THREAD.stop = stop


def stop_if_asked() -> None:
    """Give up the work of this thread if nobody waits for it any more; long work asks now and then.

    Raises
    ------
    CancelledError
        If the executor that gave the work has been closed.
    """
    stop = getattr(_OF_THREAD, "stop", None)
    if stop is not None and stop.is_set():
        raise CancelledError


@contextlib.contextmanager
def signals_held_back() -> Generator[None]:
    """Let Ctrl-C, and a SIGTERM that is handled, interrupt the end of a block only.

    Within a call of a pool it could leave a lock of the pool taken, for which threads would wait for ever.
    """
    held: list[int] = []
    handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
    if threading.current_thread() is threading.main_thread():  # signals interrupt no other
        for number in (signal.SIGINT, signal.SIGTERM):
            handler: Any = signal.getsignal(number)
            if callable(handler):
                handlers[number] = handler
    try:
        for one in handlers:
            signal.signal(one, lambda number, frame: held.append(number))
        yield
    finally:
        for one, before in handlers.items():
            signal.signal(one, before)
    for one in held:
        handlers[one](one, None)


class Dask:
    """Workers of a Dask cluster, as processes of this machine or of any others.

    Items go out in tasks of about a second. A task depends on nothing but its items: a worker that dies
    takes nothing with it, since another one does its tasks again. Workers may come and go meanwhile.
    Workers must have the versions of the packages that this process has.

    Parameters
    ----------
    scheduler
        Address of the scheduler of a running cluster, as ``tcp://host:8786``. By default a cluster of one
        process per core is started on this machine, and ended with the work.
    n_workers
        Processes to start where there is no ``scheduler``; all cores by default.

    Raises
    ------
    MissingExtraError
        If Dask is not installed.
    InputError
        If both arguments are given, or, once there is work, if no scheduler answers at that address.
    ExecutorError
        Once there is work: if the scheduler is lost, or a task fails on a worker.
    """

    def __init__(self, scheduler: str | None = None, *, n_workers: int | None = None) -> None:
        require_extra("distributed", "distributed", "the Dask executor")
        if scheduler is not None and n_workers is not None:
            raise InputError(
                f"scheduler and n_workers must not both be given, got {scheduler} and {n_workers}; "
                "start the workers of a running cluster by its own means"
            )
        self.scheduler = scheduler
        self.n_workers = None if n_workers is None else count("n_workers", n_workers, maximum=MAX_THREADS)

    def map(
        self, work: Callable[[Item], Outcome], items: Iterable[Item], *, packages: Sequence[str] = ()
    ) -> Generator[tuple[Item, Outcome]]:
        """Yield every item with ``work(item)``, in any order; both must pickle."""
        from distributed import KilledWorker

        try:
            with self._client() as client:
                yield from _map(client, work, iter(items), versions(packages))
        except KilledWorker as error:
            raise ExecutorError(
                f"workers must survive their tasks, got one that ended {error.allowed_failures + 1} of "
                "them; give workers more memory, or look into their logs"
            ) from None
        except (CancelledError, OSError) as error:  # Dask's own are of these kinds, a timeout too
            raise ExecutorError(
                f"scheduler must stay reachable, got {self.scheduler or 'the local one'} lost "
                f"({type(error).__name__}); start it again"
            ) from None

    @contextlib.contextmanager
    def _client(self) -> Generator[Any]:
        """Client of the cluster, which is started here if none was named."""
        from distributed import Client, LocalCluster

        with contextlib.ExitStack() as stack, contextlib.ExitStack() as begin:
            begin.enter_context(_uncollected())
            address: Any = self.scheduler
            if address is None:
                address = stack.enter_context(
                    LocalCluster(
                        n_workers=self.n_workers or os.cpu_count(),
                        threads_per_worker=1,
                        dashboard_address="127.0.0.1:0",
                        silence_logs=logging.CRITICAL,
                        preload=IGNORE_CTRL_C,
                    )
                )
            try:
                client = Client(address, timeout=SECONDS_TO_CONNECT, set_as_default=False)
            except (OSError, ValueError, TypeError) as error:
                raise InputError(
                    f"scheduler must be the address of a running Dask scheduler, got {short(address)}: "
                    f"{short(str(error))}; e.g. tcp://127.0.0.1:8786"
                ) from None
            stack.enter_context(client)
            begin.close()
            yield client


@contextlib.contextmanager
def _uncollected() -> Generator[None]:
    """Collect no garbage meanwhile.

    A client that was lost closes itself when it is collected. If that happens while another one begins, it
    waits for ever for a lock that this one holds.
    """
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _map(
    client: Any, work: Callable[[Item], Outcome], remaining: Iterable[Item], ours: dict[str, str]
) -> Generator[tuple[Item, Outcome]]:
    """Keep every thread of the cluster busy with one task while another waits for it."""
    import cloudpickle
    import dask
    from distributed import as_completed

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GB"}):
        # A task of its own: lost with a worker, it is done again, as scattered data would not be.
        shared = client.submit(pickle.loads, cloudpickle.dumps(work), pure=False)
    pending, finished = dict[Any, list[Item]](), as_completed(loop=client.loop)
    n_per_task, n_threads, counted = 1, 1, -SECONDS_BETWEEN_COUNTS
    try:
        while True:
            if time.monotonic() - counted > SECONDS_BETWEEN_COUNTS:
                found, counted = sum(client.nthreads().values()), time.monotonic()
                if not found:
                    LOG.warning("the Dask cluster has no workers yet; the work waits for some")
                n_threads = max(1, found)
            while len(pending) < 2 * n_threads:
                items = list(itertools.islice(remaining, n_per_task))
                if not items:
                    break
                future = client.submit(_work_on, shared, items, ours, pure=False)
                pending[future] = items
                finished.add(future)
            if not pending:
                return
            future = next(finished)
            items = pending.pop(future)
            seconds, outcomes = future.result()
            n_per_task = min(max(1, int(SECONDS_PER_TASK / max(seconds, 1e-9))), MAX_ITEMS_PER_TASK)
            yield from zip(items, outcomes, strict=True)
    finally:
        client.cancel(list(pending))


def _work_on(
    work: Callable[[Item], Outcome], items: list[Item], expected: dict[str, str]
) -> tuple[float, list[Outcome]]:
    """Do one task, on a worker; also returns the seconds an item took."""
    ours = versions(name for name in expected if name not in versions())
    if ours != expected:
        theirs = {name: ours.get(name) for name, number in expected.items() if ours.get(name) != number}
        raise ExecutorError(
            f"workers must have the versions of the process that asks, got {theirs} on one; "
            "install the same packages"
        )
    began = time.perf_counter()
    outcomes = [work(item) for item in items]
    return (time.perf_counter() - began) / len(items), outcomes
