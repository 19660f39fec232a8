"""Examples on their way to final shards: where they lie, in which order they are written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa

from maskprep.config import ShardConfig
from maskprep.stages.masking import MaskingCounts
from maskprep.storage.runs import INPUT_ORDER, Order, Shuffle, write_runs
from maskprep.storage.runs import Run as RowRun
from maskprep.tasks.bins import length_bins
from maskprep.tasks.inputs import StageInput
from maskprep.tasks.journal import Receipt, read_receipt, write_receipt
from maskprep.tasks.pairing import RUN_TOKENS
from maskprep.tasks.plan import Run, add_counts
from maskprep.tasks.records import Record, max_seq_length_of
from maskprep.tasks.rows import Rows, cut_run_rows, cut_shard_rows
from maskprep.tasks.writing import (
    Masking,
    ShardContent,
    WritingPhase,
    edges_every,
    shard_edges,
    sort_phase,
)

DEFAULT_SEQ_LENGTH = 512
"""Assumed for shards that do not say how long their rows are."""


@dataclass(frozen=True)
class Examples:
    """Examples on disk, in shards or in runs.

    Attributes:
        rows: how many.
        max_seq_length: of the rows.
        columns: names of those that are read.
        shards: path and number of rows of each, or
        runs: as `write_runs` wrote them,
        order: in this order.
        bin: that all rows are of; None: there are no bins, or these are the rows of all.
    """

    rows: int
    max_seq_length: int
    columns: tuple[str, ...]
    shards: tuple[tuple[str, int], ...] = ()
    runs: tuple[RowRun, ...] = ()
    order: Order = INPUT_ORDER
    bin: int | None = None

    def by_bin(self) -> list["Examples"]:
        """Return the examples of each bin, by ascending length; without bins all of them."""
        if self.order.bins is None or self.bin is not None:
            return [self]
        runs_of: dict[int, list[RowRun]] = {}
        for one in self.runs:
            assert one.bin is not None
            runs_of.setdefault(one.bin, []).append(one)
        return [
            replace(
                self,
                rows=sum(one.rows for one in runs),
                max_seq_length=longest,
                runs=tuple(runs),
                bin=longest,
            )
            for longest, runs in sorted(runs_of.items())
        ]

    def in_order(self, run: Run, order: Order, name: str) -> "Examples":
        """Return the examples in another order; `name` is that of the phase that sorts them."""
        if order == self.order:
            return self
        run_rows = max(1, RUN_TOKENS // self.max_seq_length)
        portions = [
            rows
            for part in self.by_bin()
            for rows in part.portions(run, edges_every(run_rows, part.rows))
        ]
        runs = sort_phase(run, name, portions, self.columns, order, run_rows)
        return replace(self, shards=(), runs=tuple(runs), order=order)

    def portions(self, run: Run, edges: Sequence[int]) -> list[Rows]:
        """Cut the examples into portions, in their order; where there are bins, those of one.

        Args:
            run: engine, progress, folders.
            edges: where each portion begins, and where the last one ends: the number of rows.
        """
        if self.shards:
            return list(cut_shard_rows(self.shards, edges))
        shuffle = self.order.shuffle
        name = "in-order" if shuffle is None else f"shuffled-{shuffle.epoch:05d}"
        name += "" if self.bin is None else f"-bin-{self.bin}"
        return list(cut_run_rows(self.runs, run.scratch / f"{name}.json", shuffle, edges))


def first_order(record: Record, shards: ShardConfig, seed: int) -> Order:
    """Return in which order the first epoch is written.

    Args:
        record: of the examples, or of what is made of them.
        shards: whether they are shuffled, and laid into bins.
        seed: of the shuffle.
    """
    bins = length_bins(record, shards.bin_size)
    return Order(Shuffle(seed, 0) if shards.shuffle else None, bins)


def open_examples(
    run: Run, rows: StageInput, limit: int | None, order: Order, columns: tuple[str, ...]
) -> Examples:
    """Return examples that can be read again, for the first of the orders that are written.

    Those of a stream are copied. Those of shards stay where they are, unless there are bins.

    Args:
        run: engine, progress, folders.
        rows: shards or a stream of examples.
        limit: only so many, from the first on.
        order: to be written first.
        columns: that are read.
    """
    if rows.stream is not None:
        return _examples_of_stream(run, rows, limit, order, columns)
    examples = examples_of(rows, limit, columns)
    return examples if order.bins is None else examples.in_order(run, order, "bin")


def examples_of(rows: StageInput, limit: int | None, columns: tuple[str, ...]) -> Examples:
    """Return the examples of shards, where they lie."""
    total = rows.rows if limit is None else min(limit, rows.rows)
    return Examples(total, _max_seq_length(rows), columns, shards=tuple(rows.shards))


def _examples_of_stream(
    run: Run, rows: StageInput, limit: int | None, order: Order, columns: tuple[str, ...]
) -> Examples:
    """Copy the examples of a stream into runs, in this process, which alone holds the pipe."""
    assert rows.stream is not None
    length = _max_seq_length(rows)
    batches = first_rows(rows.stream.batches(), limit)
    run.progress.begin("spool", None, "rows")
    runs = write_runs(
        _told(run, batches, columns),
        run.scratch / "examples",
        "stream",
        order,
        max(1, RUN_TOKENS // length),
    )
    run.progress.end()
    return Examples(sum(r.rows for r in runs), length, columns, runs=tuple(runs), order=order)


def source_batches(
    run: Run,
    rows: StageInput,
    limit: int | None,
    columns: tuple[str, ...],
    maskings: Sequence[Masking],
) -> Iterator[tuple[Masking, Iterator[pa.RecordBatch]]]:
    """Read examples once for each epoch, in input order.

    A stream that is read more than once is copied first.
    """
    if rows.stream is not None and len(maskings) == 1:
        yield maskings[0], first_rows(rows.stream.batches(), limit)
        return
    examples = open_examples(run, rows, limit, INPUT_ORDER, columns)
    for masking in maskings:
        portions = examples.portions(run, edges_every(max(examples.rows, 1), examples.rows))
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
        shards_of_epoch = sum(len(self._edges(part)) - 1 for part in examples.by_bin())
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

    def _contents(
        self, run: Run, examples: Examples, numbers: Sequence[int]
    ) -> dict[int, ShardContent]:
        """Return what the shards of an epoch hold that are to be written, by their numbers."""
        contents = [
            ShardContent(rows, part.max_seq_length, part.bin)
            for part in examples.by_bin()
            for rows in part.portions(run, self._edges(part))
        ]
        return {
            number: content
            for number, content in zip(numbers, contents, strict=True)
            if self.only is None or number in self.only
        }

    def _write_epoch(
        self, run: Run, examples: Examples, masking: Masking | None, numbers: Sequence[int]
    ) -> Receipt:
        number = masking.epoch if masking else 0
        done = run.journal / f"epoch-{number:05d}.json" if run.journal else None
        found = None if done is None else read_receipt(done)
        if found is not None:
            return found
        shuffle = Shuffle(self.seed, number) if self.shards.shuffle else None
        order = replace(examples.order, shuffle=shuffle)
        ordered = examples.in_order(run, order, f"shuffle epoch {number}")
        contents = self._contents(run, ordered, numbers)
        phase = WritingPhase(self.staged, self.schema, self.shards.compression, examples.columns)
        written: Receipt = {"shards": [], "counts": {}}
        for receipt in phase.run(run, contents, masking):
            written["shards"].extend(receipt["shards"])
            add_counts(written["counts"], receipt["counts"])
        if done is not None:
            write_receipt(done, written)
        if ordered is not examples:
            for path in {one.path for one in ordered.runs}:
                Path(path).unlink()
        return written
