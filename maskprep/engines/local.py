"""Runs the tasks of a phase in processes of this machine.

An engine knows nothing of stages: it is given a function, and tasks to call it with.
"""

import itertools
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from maskprep.errors import MachineError

Task = TypeVar("Task")
Receipt = TypeVar("Receipt")

_METHOD = "fork" if sys.platform == "linux" else "spawn"
_TASKS_AHEAD = 2
"""Tasks in flight for each worker: enough to keep it busy, few enough to bound what is spooled."""

_ONE_THREAD = {
    "TOKENIZERS_PARALLELISM": "false",
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class LocalEngine:
    """A pool of worker processes, started when a phase first has two tasks.

    On Linux workers are forked, so what this process has loaded by then (kernels, a tokenizer's
    tables) they have too, and share its memory. A fork copies no threads, and whatever lock one
    holds stays locked: a run must start no thread before `is_parallel`.

    Args:
        workers: most processes at once.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    @property
    def is_parallel(self) -> bool:
        """Whether worker processes have been started."""
        return self._pool is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:
            for process in list(self._pool._processes.values()):  # noqa: SLF001 - no public way
                process.terminate()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def run(
        self, function: Callable[[Task], Receipt], tasks: Iterable[Task], *, serial: bool = False
    ) -> Iterator[Receipt]:
        """Call the function with each task; yield what it returns in the tasks' order.

        Tasks are taken from the iterable only a few ahead of the workers. One task alone, or one
        worker, runs in this process.

        Args:
            function: importable by name, so that another process can call it.
            tasks: picklable.
            serial: take a task only after the one before has been yielded.

        Raises:
            MachineError: a worker process died.
        """
        tasks = iter(tasks)
        if self._workers == 1 or serial:
            yield from map(function, tasks)
            return
        first_two = list(itertools.islice(tasks, 2))
        if len(first_two) < 2 and self._pool is None:  # noqa: PLR2004 - one task needs no pool
            yield from map(function, first_two)
            return
        yield from self._run_parallel(function, itertools.chain(first_two, tasks))

    def _run_parallel(
        self, function: Callable[[Task], Receipt], tasks: Iterator[Task]
    ) -> Iterator[Receipt]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context(_METHOD),
                initializer=_start_worker,
            )
        flying: deque[Future[Receipt]] = deque()
        try:
            for task in tasks:
                with _signals_held():
                    flying.append(self._pool.submit(function, task))
                if len(flying) >= self._workers * _TASKS_AHEAD:
                    yield flying.popleft().result()
            while flying:
                yield flying.popleft().result()
        except BrokenProcessPool as error:
            raise MachineError(
                "a worker process was killed (out of memory?). Free some memory or lower "
                "--workers, and run the same command again: it goes on where it stopped."
            ) from error


_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Let signals wait that end a run: a worker that begins here must not act on them as we do."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Prepare a worker: one thread, the parent alone handles signals, no life without a parent."""
    os.environ.update(_ONE_THREAD)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True)
        watch.start()


def _die_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
