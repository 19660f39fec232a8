"""Phases of independent tasks, and the journal that lets a run go on after a crash.

A task is pure and idempotent: it reads its inputs, writes its own files and returns a small receipt
of plain JSON values. A receipt is written down when its files are complete and on the disk, with
their sizes, so a task with a receipt is not run again while they are there. A phase begins when all
receipts of the one before are there.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from maskprep.storage.atomic import atomic_file, machine_errors, sync_file
from maskprep.tasks.destinations import files_of

Task = TypeVar("Task")
Receipt = dict[str, Any]


class Engine(Protocol):
    """Whoever calls a function with each task of a phase."""

    @property
    def workers(self) -> int:
        """Most tasks that run at once."""

    def run(
        self,
        function: Callable[[Any], Receipt],
        tasks: Iterable[Any],
        *,
        serial: bool = False,
    ) -> Iterator[Receipt]:
        """Yield the receipts in the tasks' order."""


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
class _Journaled:
    """A task's function that first looks for its receipt, and leaves one."""

    function: Callable[[Any], Receipt]
    folder: Path

    def __call__(self, numbered: tuple[int, Any]) -> Receipt:
        number, task = numbered
        path = self.folder / f"{number:06d}.json"
        receipt = read_receipt(path)
        if receipt is None:
            receipt = self.function(task)
            write_receipt(path, receipt)
        return receipt


def read_receipt(path: Path) -> Receipt | None:
    """Return a receipt, or None if there is none or its files are not what they were."""
    try:
        kept = json.loads(path.read_bytes())
        sizes = {name: os.stat(name).st_size for name in kept["files"]}  # noqa: PTH116 - many
    except FileNotFoundError:
        return None
    receipt: Receipt = kept["receipt"]
    return receipt if sizes == kept["files"] else None


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write a receipt down, once its files would survive a power failure.

    Raises:
        MachineError: the disk is full or refuses.
    """
    sizes = {}
    folders = set()
    for file in files_of(receipt):
        with machine_errors(file):
            sync_file(file)
            sizes[str(file)] = file.stat().st_size
            folders.add(file.parent)
    for folder in folders:
        with machine_errors(folder):
            sync_file(folder)
    with atomic_file(path) as journal:
        journal.write(json.dumps({"receipt": receipt, "files": sizes}).encode())


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
            receipts = self.engine.run(
                _Journaled(function, folder), enumerate(tasks), serial=serial
            )
        for receipt in receipts:
            self.progress.advance(receipt[unit])
            if self.after_receipt is not None:
                self.after_receipt()
            yield receipt
        self.progress.end()


def add_counts(total: dict[str, Any], more: dict[str, Any]) -> None:
    """Add numbers to the numbers of the same name, through nested dicts."""
    for key, value in more.items():
        if isinstance(value, dict):
            add_counts(total.setdefault(key, {}), value)
        else:
            total[key] = total.get(key, 0) + value
