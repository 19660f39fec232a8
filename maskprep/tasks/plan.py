"""Phases of independent tasks, and the journal that lets a run go on after a crash.

A task is pure and idempotent: it reads its inputs, writes its own files and returns a small receipt
of plain JSON values. A receipt is written down when its files are complete and on the disk, with
their sizes, so a task with a receipt is not run again while they are there. A phase begins when all
receipts of the one before are there.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from maskprep.tasks.journal import Receipt, read_receipt, write_receipt

Task = TypeVar("Task")


class Engine(Protocol):
    """Whoever calls a function with each task of a phase."""

    @property
    def is_parallel(self) -> bool:
        """Whether other processes are at work, so that this one has little to do."""

    def run(
        self,
        function: Callable[[Any], Any],
        tasks: Iterable[Any],
        *,
        serial: bool = False,
    ) -> Iterator[Any]:
        """Yield what the function returns, in the tasks' order."""


class Progress(Protocol):
    """Whoever wants to know how far a run is."""

    def begin(self, phase: str, total: int | None, unit: str) -> None:
        """Begin a phase of so many units, if that is known."""

    def advance(self, amount: int) -> None:
        """Report that many units more."""

    def end(self) -> None:
        """End the phase."""


class Silence:
    """Progress for nobody."""

    def begin(self, phase: str, total: int | None, unit: str) -> None:
        """Say nothing."""

    def advance(self, amount: int) -> None:
        """Say nothing."""

    def end(self) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class _Resuming:
    """A task's function that first looks for its receipt; tells whether there was none."""

    function: Callable[[Any], Receipt]
    folder: Path

    def __call__(self, numbered: tuple[int, Any]) -> tuple[Receipt, bool]:
        number, task = numbered
        found = read_receipt(receipt_path(self.folder, number))
        return (self.function(task), True) if found is None else (found, False)


def receipt_path(folder: Path, number: int) -> Path:
    """Return where a task's receipt is."""
    return folder / f"{number:06d}.json"


@dataclass(frozen=True)
class Run:
    """What every phase of one run shares.

    Attributes:
        engine: runs the tasks.
        progress: told about every receipt.
        scratch: folder of intermediate files.
        journal: folder of receipts; None: nothing to resume (streams).
        after_receipt: called whenever a task has ended.
    """

    engine: Engine
    progress: Progress
    scratch: Path
    journal: Path | None = None
    after_receipt: Callable[[], None] | None = None

    def phase(
        self,
        name: str,
        function: Callable[[Task], Receipt],
        tasks: Iterable[Task],
        *,
        unit: str,
        total: int | None = None,
        serial: bool = False,
    ) -> Iterator[Receipt]:
        """Run the tasks of one phase; yield their receipts in order.

        Args:
            name: of the phase, for the journal and for progress.
            function: importable by name.
            tasks: picklable; may be generated lazily.
            unit: key of the receipts that counts progress.
            total: expected sum of that key, if known.
            serial: generate a task only after the receipt before has been used.
        """
        self.progress.begin(name, total, unit)
        if self.journal is None:
            receipts = self.engine.run(function, tasks, serial=serial)
        else:
            folder = self.journal / name.replace(" ", "-")
            receipts = self._journaled(folder, function, tasks, serial=serial)
        for receipt in receipts:
            self.progress.advance(receipt[unit])
            if self.after_receipt is not None:
                self.after_receipt()
            yield receipt
        self.progress.end()

    def _journaled(
        self,
        folder: Path,
        function: Callable[[Task], Receipt],
        tasks: Iterable[Task],
        *,
        serial: bool,
    ) -> Iterator[Receipt]:
        found = self.engine.run(_Resuming(function, folder), enumerate(tasks), serial=serial)
        for number, (receipt, is_new) in enumerate(found):
            if is_new:
                write_receipt(receipt_path(folder, number), receipt)
            yield receipt


def add_counts(total: dict[str, Any], more: dict[str, Any]) -> None:
    """Add numbers to the numbers of the same name, through nested dicts."""
    for key, value in more.items():
        if isinstance(value, dict):
            add_counts(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + value
