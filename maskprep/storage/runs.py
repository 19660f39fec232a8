"""Examples between two phases: runs on disk, read back in order or globally shuffled.

A run is an uncompressed Arrow file, memory-mapped when read. For a shuffle each run is sorted by
its rows' shuffle keys when it is written; afterwards any stretch of the shuffled order is one
slice of every run. The keys are uniform, so their highest bits cut the order into buckets of even
size, and nothing but one bucket at a time has to be sorted. The result is ascending keys, ties by
input order, whatever the runs' sizes were.

With bins a file holds one run of each bin, one after the other; the runs of a bin are read alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.kernels.counter_rng import shuffle_keys
from maskprep.length_bins import LengthBins
from maskprep.list_columns import arrow_array, list_offsets, numpy_array
from maskprep.storage.atomic import machine_errors
from maskprep.storage.narrow_ids import alike, narrowed, widened
from maskprep.storage.row_order import gather_rows
from maskprep.storage.shards import grouped

BUCKET_BITS = 16
_KEY = "shuffle_key"


@dataclass(frozen=True)
class Shuffle:
    """Which order: keys are addressed by (seed, epoch, example_id)."""

    seed: int
    epoch: int


@dataclass(frozen=True)
class Order:
    """Ascending bins, if there are any; within a bin shuffled, or as the rows came."""

    shuffle: Shuffle | None = None
    bins: LengthBins | None = None


INPUT_ORDER = Order()


@dataclass(frozen=True)
class Run:
    """Rows of one file.

    Attributes:
        path: of the file.
        rows: how many.
        start: first of them, in the file.
        bin: that they are of; None: there are no bins.
    """

    path: str
    rows: int
    start: int = 0
    bin: int | None = None


def write_runs(
    batches: Iterable[pa.RecordBatch], folder: Path, stem: str, order: Order, run_rows: int
) -> list[Run]:
    """Write batches as runs: sorted files of `run_rows` rows, or one file if nothing is sorted.

    Args:
        batches: of one schema, cut anywhere; with a column example_id if they are shuffled, and
            input_ids if there are bins.
        folder: where the files go.
        stem: first part of their names.
        order: of the rows.
        run_rows: most rows of a sorted file, which are held in memory.
    """
    runs: list[Run] = []
    with machine_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if order == INPUT_ORDER:
            run = _write_file(batches, folder / f"{stem}.arrow")
            return [run] if run.rows else []
        for number, pieces in enumerate(grouped(batches, run_rows)):
            path = folder / f"{stem}-{number:05d}.arrow"
            runs.extend(_write_sorted(pieces, order, path))
    return runs


def _write_sorted(pieces: Sequence[pa.RecordBatch], order: Order, path: Path) -> list[Run]:
    """Write rows as one batch, sorted, ties in their order; return its run, or one of each bin."""
    sorted_by = []
    if order.shuffle is not None:
        keys = [_keys(piece, order.shuffle) for piece in pieces]
        sorted_by.append(np.concatenate(keys))
        pieces = [
            piece.append_column(_KEY, arrow_array(some))
            for piece, some in zip(pieces, keys, strict=True)
        ]
    if order.bins is not None:
        sorted_by.append(np.concatenate([_bins_of(piece, order.bins) for piece in pieces]))
    run = _write_file([gather_rows(narrowed(pieces), np.lexsort(sorted_by))], path)
    return [run] if order.bins is None else _slices(run, np.sort(sorted_by[-1]))


def _slices(run: Run, bins: NDArray[np.int64]) -> list[Run]:
    """Return one run of each bin, of a file whose rows are of these bins."""
    longest, starts, rows = np.unique(bins, return_index=True, return_counts=True)
    numbers = zip(rows.tolist(), starts.tolist(), longest.tolist(), strict=True)
    return [Run(run.path, *three) for three in numbers]


def _bins_of(batch: pa.RecordBatch, bins: LengthBins) -> NDArray[np.int64]:
    return bins.of_lengths(np.diff(list_offsets(batch.column("input_ids"))))


def _write_file(batches: Iterable[pa.RecordBatch], path: Path) -> Run:
    rows = 0
    writer = None
    with path.open("wb") as file:
        for batch in batches:
            writer = writer or pa.ipc.new_file(file, batch.schema)
            writer.write_batch(batch)
            rows += batch.num_rows
        if writer:
            writer.close()
    return Run(str(path), rows)


def _keys(batch: pa.RecordBatch, shuffle: Shuffle) -> NDArray[np.uint64]:
    keys = np.empty(batch.num_rows, np.uint64)
    shuffle_keys(
        numpy_array(batch.column("example_id")),
        np.uint64(shuffle.seed),
        np.uint64(shuffle.epoch),
        keys,
    )
    return keys


def _open_run(run: Run) -> pa.RecordBatch:
    """Map a sorted run, which lies in the only batch of its file."""
    return pa.ipc.open_file(pa.memory_map(run.path)).get_batch(0).slice(run.start, run.rows)


@dataclass(frozen=True)
class Stretch:
    """A stretch of the shuffled order: `rows` rows, after `skip` rows of bucket `first_bucket`."""

    first_bucket: int
    skip: int
    rows: int


def cut_order(runs: Sequence[Run], shuffle: Shuffle | None, edges: Sequence[int]) -> list[Stretch]:
    """Cut the order of all rows into stretches.

    Args:
        runs: in input order, as `write_runs` wrote them; with bins, those of one bin.
        shuffle: as given there.
        edges: where each stretch begins, and where the last one ends: the number of rows.
    """
    if shuffle is None:
        return [Stretch(0, start, stop - start) for start, stop in pairwise(edges)]
    sizes = np.zeros(2**BUCKET_BITS, np.int64)
    for run in runs:
        keys = numpy_array(_open_run(run).column(_KEY))
        buckets = (keys >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
        sizes += np.bincount(buckets, minlength=sizes.size)
    ends = np.cumsum(sizes)
    stretches = []
    for start, stop in pairwise(edges):
        bucket = int(np.searchsorted(ends, start, side="right"))
        skip = start - int(ends[bucket] - sizes[bucket])
        stretches.append(Stretch(bucket, skip, stop - start))
    return stretches


def read_stretch(
    runs: Sequence[Run], shuffle: Shuffle | None, stretch: Stretch, batch_rows: int
) -> Iterator[pa.RecordBatch]:
    """Read one stretch of the order, in bounded batches of about `batch_rows` rows."""
    skip, remaining = stretch.skip, stretch.rows
    if shuffle is None:
        first = 0
        while skip >= runs[first].rows:
            skip -= runs[first].rows
            first += 1
        ordered = _in_order(runs[first:], batch_rows)
    else:
        ordered = _by_key(runs, stretch, batch_rows)
    for batch in ordered:
        if skip >= batch.num_rows:
            skip -= batch.num_rows
            continue
        rows = batch.slice(skip, remaining)
        skip = 0
        remaining -= rows.num_rows
        yield rows
        if remaining == 0:
            return


def read_run(run: Run) -> Iterator[pa.RecordBatch]:
    """Read the rows of one run, as they were written."""
    if run.bin is not None:
        yield widened(_open_run(run))
        return
    file = pa.ipc.open_file(pa.memory_map(run.path))
    for number in range(file.num_record_batches):
        yield widened(file.get_batch(number))


def _in_order(runs: Sequence[Run], batch_rows: int) -> Iterator[pa.RecordBatch]:
    for run in runs:
        for batch in read_run(run):
            for start in range(0, batch.num_rows, batch_rows):
                yield batch.slice(start, batch_rows)


def _by_key(runs: Sequence[Run], stretch: Stretch, batch_rows: int) -> Iterator[pa.RecordBatch]:
    total = sum(run.rows for run in runs)
    batches = [_open_run(run) for run in runs]
    keys = [numpy_array(batch.column(_KEY)) for batch in batches]
    step = max(1, batch_rows * 2**BUCKET_BITS // max(total, 1))
    starts = [_position(run_keys, stretch.first_bucket) for run_keys in keys]
    for bucket in range(stretch.first_bucket, 2**BUCKET_BITS, step):
        stops = [_position(run_keys, bucket + step) for run_keys in keys]
        spans = [
            (number, start, stop)
            for number, (start, stop) in enumerate(zip(starts, stops, strict=True))
            if stop > start
        ]
        starts = stops
        if not spans:
            continue
        order = np.argsort(
            np.concatenate([keys[number][start:stop] for number, start, stop in spans]),
            kind="stable",
        )
        pieces = [batches[number].slice(start, stop - start) for number, start, stop in spans]
        yield widened(gather_rows(alike(pieces), order).drop_columns([_KEY]))


def _position(keys: NDArray[np.uint64], bucket: int) -> int:
    """Return the first row whose key lies in this bucket or a later one."""
    if bucket >= 2**BUCKET_BITS:
        return keys.size
    edge = np.uint64(bucket << (64 - BUCKET_BITS))
    return int(np.searchsorted(keys, edge))
