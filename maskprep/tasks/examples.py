"""Examples on their way to final shards: where they lie, in which order they are written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from maskprep.config import ShardConfig
from maskprep.stages.masking import MaskingCounts
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.runs import Shuffle, write_runs
from maskprep.storage.shards import row_group_rows
from maskprep.tasks.inputs import StageInput
from maskprep.tasks.journal import Receipt, read_receipt, write_receipt
from maskprep.tasks.pairing import RUN_TOKENS
from maskprep.tasks.plan import Run, add_counts
from maskprep.tasks.records import max_seq_length_of
from maskprep.tasks.rows import Rows, cut_run_rows, cut_shard_rows
from maskprep.tasks.writing import Masking, WritingPhase, edges_every, shard_edges, sort_phase

DEFAULT_SEQ_LENGTH = 512
"""Assumed for shards that do not say how long their rows are."""


@dataclass(frozen=True)
class Examples:
    """Examples on disk, in shards or in runs.

    Attributes:
        rows: how many.
        max_seq_length: of the rows.
        columns: their names.
        shards: path and number of rows of each, or
        runs: as `write_runs` wrote them,
        shuffle: in this order.
    """

    rows: int
    max_seq_length: int
    columns: tuple[str, ...]
    shards: tuple[tuple[str, int], ...] = ()
    runs: tuple[RowRun, ...] = ()
    shuffle: Shuffle | None = None

    def portions(self, run: Run, shuffle: Shuffle | None, edges: Sequence[int]) -> list[Rows]:
        """Cut the examples into portions, in input order or shuffled.

        Args:
            run: engine, progress, folders.
            shuffle: the order.
            edges: where each portion begins, and where the last one ends: the number of rows.
        """
        if self.shards and shuffle is None:
            return list(cut_shard_rows(self.shards, edges))
        runs = self.runs
        if shuffle != self.shuffle or self.shards:
            assert shuffle is not None
            run_rows = max(1, RUN_TOKENS // self.max_seq_length)
            unsorted = self.portions(run, self.shuffle, edges_every(run_rows, self.rows))
            runs = tuple(sort_phase(run, unsorted, self.columns, shuffle, run_rows))
        name = "in-order" if shuffle is None else f"shuffled-{shuffle.epoch:05d}"
        return list(cut_run_rows(runs, run.scratch / f"{name}.json", shuffle, edges))


def examples_of(rows: StageInput, limit: int | None) -> Examples:
    """Return the examples of shards, where they lie."""
    total = rows.rows if limit is None else min(limit, rows.rows)
    names = tuple(rows.schema.names)
    return Examples(total, _max_seq_length(rows), names, shards=tuple(rows.shards))


def examples_of_stream(
    run: Run, rows: StageInput, limit: int | None, shuffle: Shuffle | None
) -> Examples:
    """Copy the examples of a stream into runs, in this process, which alone holds the pipe."""
    assert rows.stream is not None
    length = _max_seq_length(rows)
    names = tuple(rows.schema.names)
    batches = first_rows(rows.stream.batches(), limit)
    run.progress.begin("spool", None, "rows")
    runs = write_runs(
        _told(run, batches, names),
        run.scratch / "examples",
        "stream",
        shuffle,
        max(1, RUN_TOKENS // length),
    )
    run.progress.end()
    return Examples(sum(r.rows for r in runs), length, names, runs=tuple(runs), shuffle=shuffle)


def source_batches(
    run: Run, rows: StageInput, limit: int | None, maskings: Sequence[Masking]
) -> Iterator[tuple[Masking, Iterator[pa.RecordBatch]]]:
    """Read examples once for each epoch, in input order.

    A stream that is read more than once is copied first.
    """
    if rows.stream is not None and len(maskings) == 1:
        yield maskings[0], first_rows(rows.stream.batches(), limit)
        return
    if rows.stream is not None:
        examples = examples_of_stream(run, rows, limit, None)
    else:
        examples = examples_of(rows, limit)
    for masking in maskings:
        portions = examples.portions(run, None, edges_every(max(examples.rows, 1), examples.rows))
        yield masking, (batch for rows in portions for batch in rows.read(examples.columns))


def _told(
    run: Run, batches: Iterable[pa.RecordBatch], names: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        run.progress.advance(batch.num_rows)
        yield batch.select(list(names))


def first_rows(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    """Pass on the first rows only, but read to the end, where a stream has its receipt."""
    remaining = limit
    for batch in batches:
        if remaining is None:
            yield batch
        elif remaining:
            yield batch.slice(0, remaining)
            remaining = max(remaining - batch.num_rows, 0)


def _max_seq_length(rows: StageInput) -> int:
    return int(max_seq_length_of(rows.record) or DEFAULT_SEQ_LENGTH)


@dataclass(frozen=True)
class EpochWriter:
    """Writes the shards of one epoch after the other.

    Attributes:
        staged: folder of shards that await their names.
        schema: of the shards, with metadata.
        shards: rows, order, compression.
        seed: of the order.
        only: numbers of the shards to write; None: all.
    """

    staged: Path
    schema: pa.Schema
    shards: ShardConfig
    seed: int
    only: frozenset[int] | None = None

    def write_all(
        self, run: Run, examples: Examples, maskings: Sequence[Masking | None]
    ) -> tuple[list[Receipt], Receipt]:
        """Write every epoch; return all shards in order, and the sum of the counts."""
        written: list[Receipt] = []
        counts: Receipt = asdict(MaskingCounts())
        shards_of_epoch = len(self._edges(examples)) - 1
        for place, masking in enumerate(maskings):
            numbers = range(place * shards_of_epoch, (place + 1) * shards_of_epoch)
            if self.only is not None and self.only.isdisjoint(numbers):
                continue
            epoch = self._write_epoch(run, examples, masking, numbers)
            written.extend(epoch["shards"])
            add_counts(counts, epoch["counts"])
        return written, counts

    def _edges(self, examples: Examples) -> list[int]:
        return shard_edges(examples.rows, examples.max_seq_length, self.shards)

    def _write_epoch(
        self, run: Run, examples: Examples, masking: Masking | None, numbers: Sequence[int]
    ) -> Receipt:
        number = masking.epoch if masking else 0
        done = run.journal / f"epoch-{number:05d}.json" if run.journal else None
        found = None if done is None else read_receipt(done)
        if found is not None:
            return found
        length = examples.max_seq_length
        shuffle = Shuffle(self.seed, number) if self.shards.shuffle else None
        portions = dict(
            zip(numbers, examples.portions(run, shuffle, self._edges(examples)), strict=True)
        )
        if self.only is not None:
            portions = {number: portions[number] for number in numbers if number in self.only}
        group_rows = row_group_rows(length)
        phase = WritingPhase(
            self.staged, self.schema, self.shards.compression, group_rows, examples.columns
        )
        written: Receipt = {"shards": [], "counts": {}}
        for receipt in phase.run(run, portions, masking):
            written["shards"].extend(receipt["shards"])
            add_counts(written["counts"], receipt["counts"])
        if done is not None:
            write_receipt(done, written)
        for path in (run.scratch / f"sorted-{number:05d}").glob("*.arrow"):
            path.unlink()
        return written
