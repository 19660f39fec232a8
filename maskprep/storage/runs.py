"""Examples between two phases: runs on disk, read back in order or globally shuffled.

A run is an uncompressed Arrow file, memory-mapped when read. For a shuffle each run is sorted by
its rows' shuffle keys when it is written; afterwards any stretch of the shuffled order is one
slice of every run. The keys are uniform, so their highest bits cut the order into buckets of even
size, and nothing but one bucket at a time has to be sorted. The result is ascending keys, ties by
input order, whatever the runs' sizes were.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.kernels.counter_rng import shuffle_keys
from maskprep.list_columns import arrow_array, numpy_array
from maskprep.storage.atomic import machine_errors
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
class Run:
    """One file of rows."""

    path: str
    rows: int


def write_runs(
    batches: Iterable[pa.RecordBatch],
    folder: Path,
    stem: str,
    shuffle: Shuffle | None,
    run_rows: int,
) -> list[Run]:
    """Write batches as runs: sorted runs of `run_rows` rows if they are shuffled, else one in all.

    Args:
        batches: of one schema, cut anywhere, with a column example_id if shuffled.
        folder: where the files go.
        stem: first part of their names.
        shuffle: the order; None keeps the rows' own.
        run_rows: most rows of a sorted run, which is held in memory.
    """
    runs: list[Run] = []
    with machine_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if shuffle is None:
            run = _write_file(batches, folder / f"{stem}.arrow")
            return [run] if run.rows else []
        for number, pieces in enumerate(grouped(batches, run_rows)):
            path = folder / f"{stem}-{number:05d}.arrow"
            runs.append(_write_file([_sorted_by_key(pieces, shuffle)], path))
    return runs


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


def _sorted_by_key(pieces: Sequence[pa.RecordBatch], shuffle: Shuffle) -> pa.RecordBatch:
    keys = [_keys(piece, shuffle) for piece in pieces]
    keyed = [
        piece.append_column(_KEY, arrow_array(some))
        for piece, some in zip(pieces, keys, strict=True)
    ]
    return gather_rows(keyed, np.argsort(np.concatenate(keys), kind="stable"))


def _open_run(run: Run) -> pa.RecordBatch:
    """Map a sorted run, which is one batch."""
    return pa.ipc.open_file(pa.memory_map(run.path)).get_batch(0)


@dataclass(frozen=True)
class Stretch:
    """A stretch of the shuffled order: `rows` rows, after `skip` rows of bucket `first_bucket`."""

    first_bucket: int
    skip: int
    rows: int


def cut_order(runs: Sequence[Run], shuffle: Shuffle | None, edges: Sequence[int]) -> list[Stretch]:
    """Cut the order of all rows into stretches.

    Args:
        runs: in input order, as `write_runs` wrote them.
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
        ordered = _in_order(runs[first:])
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
    file = pa.ipc.open_file(pa.memory_map(run.path))
    for number in range(file.num_record_batches):
        yield file.get_batch(number)


def _in_order(runs: Sequence[Run]) -> Iterator[pa.RecordBatch]:
    for run in runs:
        yield from read_run(run)


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
        yield gather_rows(pieces, order).drop_columns([_KEY])


def _position(keys: NDArray[np.uint64], bucket: int) -> int:
    """Return the first row whose key lies in this bucket or a later one."""
    if bucket >= 2**BUCKET_BITS:
        return keys.size
    edge = np.uint64(bucket << (64 - BUCKET_BITS))
    return int(np.searchsorted(keys, edge))
