"""Record batches into Parquet shards.

A row group is one combined batch of a fixed number of rows, because Parquet's bytes depend on how
rows were cut into batches.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.config import Compression
from maskprep.list_columns import flat_values, numpy_array
from maskprep.storage.atomic import atomic_file
from maskprep.storage.row_hash import RowHash

ROW_GROUP_TOKENS = 2**20
_VALUES_AT_ONCE = 2**13
"""That pyarrow encodes in one go: fewer, as by default, take a twentieth longer."""
_GOOD_AT_RUNS: tuple[Compression, ...] = ("zstd", "lz4")


@dataclass(frozen=True)
class Shard:
    """What a manifest says of one shard.

    Attributes:
        name: of the file.
        rows: in it.
        tokens: in these rows, padding not counted.
        bytes: of the file.
        sha256: of the file's bytes, in hex.
        rows_xxh128: of its rows (`RowHash`), in hex.
        bin: that its rows are of (`LengthBins`); None: there are no bins.
    """

    name: str
    rows: int
    tokens: int
    bytes: int
    sha256: str
    rows_xxh128: str
    bin: int | None = None


class _HashingFile(io.RawIOBase):
    """Passes bytes on to a file and hashes them on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self.digest.update(data)
        self._file.write(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size


def row_group_rows(max_seq_length: int) -> int:
    """Return how many rows of at most this many tokens make a row group."""
    return max(1, ROW_GROUP_TOKENS // max_seq_length)


def regroup(
    batches: Iterable[pa.RecordBatch], rows: int, tokens: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Combine batches into batches of exactly `rows` rows; the last may be shorter.

    The result depends on the sequence of rows, not on how it was cut; see `grouped`.
    """
    for pieces in grouped(batches, rows, tokens):
        yield pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)


def grouped(
    batches: Iterable[pa.RecordBatch], rows: int, tokens: int | None = None
) -> Iterator[list[pa.RecordBatch]]:
    """Collect batches, and slices of them, of together `rows` rows; the last may have fewer.

    Args:
        batches: of one schema, cut anywhere.
        rows: per group.
        tokens: if given, a group also ends before it exceeds this many values of input_ids; a row
            that alone exceeds them stands alone.
    """
    pending: list[pa.RecordBatch] = []
    num_rows = num_tokens = 0
    for whole in batches:
        batch = whole
        while batch.num_rows:
            take, taken_tokens = _rows_that_fit(
                batch, rows - num_rows, tokens, num_tokens, is_empty=num_rows == 0
            )
            if take:
                pending.append(batch.slice(0, take))
                batch = batch.slice(take)
                num_rows += take
                num_tokens += taken_tokens
            if batch.num_rows or num_rows == rows:
                yield pending
                pending, num_rows, num_tokens = [], 0, 0
    if pending:
        yield pending


def _rows_that_fit(
    batch: pa.RecordBatch, rows: int, tokens: int | None, used: int, *, is_empty: bool
) -> tuple[int, int]:
    take = min(rows, batch.num_rows)
    if tokens is None:
        return take, 0
    ends = numpy_array(batch.column("input_ids").offsets)[: take + 1]
    fitting = int((ends[1:] - ends[0] <= tokens - used).sum())
    if fitting == 0 and is_empty:
        fitting = 1
    return fitting, int(ends[fitting] - ends[0])


def write_shard(
    groups: Iterable[pa.RecordBatch], path: Path, schema: pa.Schema, compression: Compression
) -> Shard | None:
    """Write a Parquet file, one row group for each batch; no rows, no file.

    It is not synced to the disk: whoever gives it its final name does that first.

    Args:
        groups: batches of the schema, as `regroup` cuts them.
        path: final name; it exists only when the file is complete.
        schema: with its metadata.
        compression: codec of the pages.

    Raises:
        MachineError: the disk is full, or the folder cannot be written to.
    """
    groups = iter(groups)
    first = next(groups, None)
    if first is None:
        return None
    rows_hash = RowHash(schema)
    num_rows = num_tokens = 0
    with atomic_file(path, durable=False) as file:
        sink = _HashingFile(file)
        with pq.ParquetWriter(
            sink,
            schema,
            compression=compression,
            write_batch_size=_VALUES_AT_ONCE,
            write_page_checksum=True,
            store_schema=True,
            **_column_settings(schema, compression),
        ) as writer:
            group: pa.RecordBatch | None = first
            while group is not None:
                rows_hash.update(group)
                num_rows += group.num_rows
                num_tokens += _num_tokens(group)
                table = pa.Table.from_arrays(group.columns, schema=schema)
                writer.write_table(table, row_group_size=max(group.num_rows, 1))
                group = next(groups, None)
    return Shard(
        name=path.name,
        rows=num_rows,
        tokens=num_tokens,
        bytes=sink.size,
        sha256=sink.digest.hexdigest(),
        rows_xxh128=rows_hash.hexdigest(),
    )


def _num_tokens(group: pa.RecordBatch) -> int:
    """Return how many tokens the rows hold; of padded rows their masks tell."""
    for name in ("attention_mask", "padding_mask"):
        if name in group.schema.names:
            return int(np.count_nonzero(flat_values(group.column(name))[0]))
    return len(group.column("input_ids").flatten())


def _column_settings(schema: pa.Schema, compression: Compression) -> dict[str, list[str]]:
    """Return which columns get a dictionary and which get statistics.

    Ids of rows are nearly all different; least and greatest tokens help nobody to find a row. Long
    runs of 0 and 1 are as small without a dictionary, if the codec is good at runs.
    """
    lists = [field for field in schema if pa.types.is_list(field.type)]
    coded = [
        field
        for field in lists
        if compression not in _GOOD_AT_RUNS or not pa.types.is_int8(field.type.value_type)
    ]
    return {
        "use_dictionary": [f"{field.name}.list.element" for field in coded],
        "write_statistics": [field.name for field in schema if field not in lists],
    }
