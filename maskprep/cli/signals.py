"""Signals that end a run: the first unwinds it, a second Ctrl-C ends it at once."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = {
    signal.SIGINT: "Interrupted",
    signal.SIGTERM: "Terminated",
    signal.SIGHUP: "Hung up",
}
_AGAIN_SECONDS = 3.0
"""After this time a signal's exception is raised once more: compilers call back into Python from
places that swallow any exception. Unwinding takes less."""


class EndedBySignalError(Exception):
    """A signal ended the run.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = signal.Signals(number)


class _Ending(BaseException):
    """Unwinds the run as Ctrl-C does."""


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let signals end the block, whatever they break on the way.

    A signal that the caller ignores (`nohup`) stays ignored.

    Raises:
        EndedBySignalError: one came.
    """
    first: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and first:
            _leave_at_once()
        if number != signal.SIGALRM:
            if first:  # A second SIGTERM must not interrupt the cleaning up.
                return
            first.append(number)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)
        raise KeyboardInterrupt if first[0] == signal.SIGINT else _Ending

    handled = (*ENDINGS, signal.SIGALRM) if _is_main_thread() else ()
    before = {number: signal.getsignal(number) for number in handled}
    try:
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, end)
        yield
    except BaseException as error:
        if first or isinstance(error, KeyboardInterrupt):
            raise EndedBySignalError(first[0] if first else signal.SIGINT) from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _leave_at_once() -> None:
    """End without cleaning up: workers notice, and the next run takes away what is left."""
    if sys.stderr.isatty():
        os.write(2, b"\x1b[?25h\n")  # The cursor that the progress bar hides.
    os._exit(128 + signal.SIGINT)
