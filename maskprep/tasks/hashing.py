"""Hashes of a corpus's files: what they were when a run read them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from maskprep.errors import MaskprepError
from maskprep.storage.changes import unchanging
from maskprep.storage.sources import Source, hash_source
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Engine, Progress, Run

SURVEY_BYTES = 64 * 2**20


def hash_sources(sources: Sequence[Source]) -> Receipt:
    """Hash a few sources: a task of the survey."""
    hashed = []
    for source in sources:
        with unchanging([source]):
            hashed.append(hash_source(source))
    return {
        "sources": [asdict(source) for source in hashed],
        "bytes": sum(source.num_bytes for source in hashed),
    }


class SourceHashes:
    """The hashes of files, taken beside a run's own work or when they are asked for.

    Args:
        files: sources with a path.
        engine: of the run.
        progress: told of hashes that have to be waited for.
    """

    def __init__(self, files: Sequence[Source], engine: Engine, progress: Progress) -> None:
        self._files = files
        self._engine = engine
        self._progress = progress
        self._known: dict[str, Source] = {}
        self._thread: threading.Thread | None = None

    @property
    def are_known(self) -> bool:
        """Whether nothing has to be waited for."""
        return len(self._known) == len(self._files)

    def begin(self) -> None:
        """Hash beside the work, in a thread of this process, or at once if nobody else works.

        Reading and hashing let other threads run. Processes that are there already do not meet the
        thread; those of a later phase could, if it began before them.
        """
        if not self._engine.is_parallel:
            self._hash_quietly()
        elif self._thread is None:
            self._thread = threading.Thread(target=self._hash_quietly, daemon=True)
            self._thread.start()

    def _hash_quietly(self) -> None:
        for source in self._files:
            try:
                with unchanging([source]):
                    self._known[source.name] = hash_source(source)
            except MaskprepError:
                return  # `result` meets it again, and tells.

    def result(self) -> dict[str, Source]:
        """Return every file with its size and hash, by name; hash now what has none.

        Raises:
            CorpusError: a file vanished or changed.
            MachineError: it cannot be read.
        """
        if self._thread is not None:
            self._thread.join()
        missing = [source for source in self._files if source.name not in self._known]
        if missing:
            total = sum(source.num_bytes for source in missing)
            run = Run(self._engine, self._progress, Path())
            for receipt in run.phase(
                "survey", hash_sources, _grouped(missing), unit="bytes", total=total
            ):
                for fields in receipt["sources"]:
                    self._known[fields["name"]] = Source(**fields)
        return self._known


def _grouped(sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    group: list[Source] = []
    size = 0
    for source in sources:
        group.append(source)
        size += source.num_bytes
        if size >= SURVEY_BYTES:
            yield tuple(group)
            group, size = [], 0
    if group:
        yield tuple(group)
