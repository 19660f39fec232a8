"""Rows that lie on disk, wherever they come from: what a task is told to read."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from maskprep.storage.atomic import atomic_file
from maskprep.storage.runs import Run, Shuffle, Stretch, cut_order, read_stretch
from maskprep.storage.shard_reading import read_shard

BATCH_ROWS = 8192


@dataclass(frozen=True)
class ShardRows:
    """Rows `start` ... `start + rows - 1` of shards that lie one after the other.

    Attributes:
        shards: path and number of rows of each.
        start: counted from the first shard's first row.
        rows: how many.
    """

    shards: tuple[tuple[str, int], ...]
    start: int
    rows: int

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read the rows, in bounded batches."""
        skip, remaining = self.start, self.rows
        for path, num_rows in self.shards:
            if remaining == 0:
                return
            if skip < num_rows:
                stop = min(num_rows, skip + remaining)
                yield from read_shard(Path(path), columns, skip, stop)
                remaining -= stop - skip
            skip = max(skip - num_rows, 0)


@dataclass(frozen=True)
class RunRows:
    """A stretch of the order of runs."""

    index: str
    shuffle: Shuffle | None
    stretch: Stretch

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read the rows, in bounded batches."""
        for batch in read_stretch(_runs(self.index), self.shuffle, self.stretch, BATCH_ROWS):
            yield batch.select(list(columns))


@lru_cache(maxsize=1)
def _runs(index: str) -> tuple[Run, ...]:
    return tuple(Run(**fields) for fields in json.loads(Path(index).read_bytes()))


Rows = ShardRows | RunRows


def cut_shard_rows(shards: Sequence[tuple[str, int]], edges: Sequence[int]) -> list[ShardRows]:
    """Cut the rows of shards into portions.

    Args:
        shards: path and number of rows of each.
        edges: where each portion begins, and where the last one ends.
    """
    portions = []
    for start, stop in pairwise(edges):
        before = 0
        touched = []
        skip = None
        for path, num_rows in shards:
            if before < stop and before + num_rows > start:
                skip = start - before if skip is None else skip
                touched.append((path, num_rows))
            before += num_rows
        portions.append(ShardRows(tuple(touched), skip or 0, stop - start))
    return portions


def cut_run_rows(
    runs: Sequence[Run], index: Path, shuffle: Shuffle | None, edges: Sequence[int]
) -> list[RunRows]:
    """Cut the order of runs into portions.

    Args:
        runs: in input order.
        index: file to write the list of runs to, for the tasks.
        shuffle: the order.
        edges: where each portion begins, and where the last one ends.
    """
    _runs.cache_clear()
    with atomic_file(index) as file:
        file.write(json.dumps([asdict(run) for run in runs]).encode())
    return [RunRows(str(index), shuffle, stretch) for stretch in cut_order(runs, shuffle, edges)]
