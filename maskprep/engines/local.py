"""Runs the tasks of a phase in processes of this machine.

An engine knows nothing of stages: it is given a function, and tasks to call it with.
"""

import itertools
import multiprocessing
import multiprocessing.connection
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from maskprep.errors import MachineError

Task = TypeVar("Task")
Receipt = TypeVar("Receipt")

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_TASKS_AHEAD = 2
"""Tasks in flight for each worker: enough to keep it busy, few enough to bound what is spooled."""

_ONE_THREAD = {
    "TOKENIZERS_PARALLELISM": "false",
    "RAYON_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}


class LocalEngine:
    """A pool of worker processes, started when a phase first has two tasks.

    Where the system can do it, workers are forked from one small process that has imported what
    they need: they start at once, and share that memory. It has no threads of ours, and no work.

    Args:
        workers: most processes at once.
        preload: names of modules that workers need.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        self._workers = workers
        self._preload = list(preload)
        self._pool: ProcessPoolExecutor | None = None

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

    def prepare(self) -> None:
        """Let workers get ready in the background: there will be work for them."""
        if self._workers > 1 and self._pool is None and _METHOD == "forkserver":
            context = multiprocessing.get_context(_METHOD)
            context.set_forkserver_preload(self._preload)
            with _interrupts_held():
                _start_silent_tracker()
                multiprocessing.forkserver.ensure_running()

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
            self.prepare()
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context(_METHOD),
                initializer=_start_worker,
            )
        flying: deque[Future[Receipt]] = deque()
        try:
            for task in tasks:
                with _interrupts_held():
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


def _start_silent_tracker() -> None:
    """Start the process that removes what a killed run leaves, and let it do so without a word.

    Its warning would say that semaphores were leaked, after the prompt is back.
    """
    before = os.environ.get("PYTHONWARNINGS")
    ours = "ignore:resource_tracker:UserWarning"
    os.environ["PYTHONWARNINGS"] = ours if before is None else f"{before},{ours}"
    try:
        multiprocessing.resource_tracker.ensure_running()
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait: a worker that begins here inherits this, and shows no traceback of its own.

    It would, while it imports: `_start_worker` comes only then.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Prepare a worker: one thread, the parent alone handles Ctrl-C, no life without a parent."""
    os.environ.update(_ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        watch = threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True)
        watch.start()


def _die_with(sentinel: int) -> None:
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
