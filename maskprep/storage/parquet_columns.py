"""One column of a row group as pages of a Parquet file.

Tokens are written as places in a dictionary of the row group, the most frequent token first, each
in one whole byte or two. Any reader of Parquet reads that; it takes less room than what readers
of Parquet usually get, because the high bytes are mostly zero; and nothing but a table of counts
is needed to make it.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import Compression
from maskprep.kernels.parquet_pages import (
    MOST_LEVEL_BYTES,
    count_values,
    rank_values,
    write_levels,
    write_texts,
)
from maskprep.list_columns import flat_text, flat_values
from maskprep.storage.compact_protocol import Struct, varint

PAGE_VALUES = 2**18
"""Of a page, unless one row has more."""
_MOST_SPAN = 2**21
"""Of values that are counted in a table."""
_MOST_RANKS = 2**16

PLAIN, RLE, RLE_DICTIONARY = 0, 3, 8
_DATA_PAGE, _DICTIONARY_PAGE = 0, 2
_CODECS: dict[Compression, tuple[int, str]] = {
    "none": (0, ""),
    "snappy": (1, "snappy"),
    "zstd": (6, "zstd"),
    "lz4": (7, "lz4_raw"),
}
_ZSTD_LEVEL = 1


class Physical(NamedTuple):
    """How Parquet stores a type: its number, the number of what it means, and the layout."""

    number: int
    converted: int | None
    dtype: str


_PHYSICAL: dict[pa.DataType, Physical] = {
    pa.bool_(): Physical(0, None, "?"),
    pa.int8(): Physical(1, 15, "<i4"),
    pa.int32(): Physical(1, None, "<i4"),
    pa.int64(): Physical(2, None, "<i8"),
    pa.float32(): Physical(4, None, "<f4"),
    pa.string(): Physical(6, 0, ""),
}


def physical_type(dtype: pa.DataType) -> Physical:
    """Return how Parquet stores a column's values, those of its lists if it has any."""
    return _PHYSICAL[dtype.value_type if pa.types.is_list(dtype) else dtype]


@dataclass(frozen=True)
class Chunk:
    """A column of a row group.

    Attributes:
        parts: what is written, one behind the other.
        data_page: place of the first page of data behind the chunk's first byte.
        num_values: levels in all pages.
        plain_bytes: size without compression.
        stored_bytes: size.
    """

    parts: list[Any]
    data_page: int
    num_values: int
    plain_bytes: int
    stored_bytes: int


class _Pages:
    """Compresses pages and keeps them."""

    def __init__(self, compression: Compression) -> None:
        name = _CODECS[compression][1]
        level = _ZSTD_LEVEL if name == "zstd" else None
        self._codec = pa.Codec(name, compression_level=level) if name else None
        self.parts: list[Any] = []
        self.plain_bytes = self.stored_bytes = 0

    def add(self, kind: int, contents: list[Any], field: int, header: Struct) -> None:
        """Add a page: the buffers it consists of, and what its own header says."""
        plain = b"".join(contents)
        stored = plain if self._codec is None else self._codec.compress(plain)
        checksum = zlib.crc32(stored)
        page = Struct().i32(1, kind).i32(2, len(plain)).i32(3, len(stored))
        head = bytes(page.i32(4, checksum - (checksum >> 31 << 32)).struct(field, header))
        self.parts += [head, stored]
        self.plain_bytes += len(head) + len(plain)
        self.stored_bytes += len(head) + len(stored)


def write_chunk(column: pa.Array, compression: Compression) -> Chunk:
    """Write one column of a row group.

    Args:
        column: without nulls, also inside its lists.
        compression: of its pages.
    """
    pages = _Pages(compression)
    is_list = pa.types.is_list(column.type)
    values, offsets = _flat_column(column)
    physical = physical_type(column.type)
    dictionary = None if values is None else _dictionary(values, physical)
    if dictionary is not None:
        values, entries = dictionary
        header = Struct().i32(1, entries.size).i32(2, PLAIN)
        pages.add(_DICTIONARY_PAGE, [entries.tobytes()], 7, header)
    data_page = pages.stored_bytes
    num_values = 0
    for first, stop in _page_rows(offsets):
        bounds = offsets[first : stop + 1]
        size = int(np.maximum(np.diff(bounds), 1).sum()) if is_list else stop - first
        levels = _list_levels(bounds) if is_list else _flat_levels(size)
        if values is None:
            contents = _text_contents(column.slice(first, stop - first))
        else:
            contents = _contents(values[bounds[0] : bounds[-1]], physical, dictionary is not None)
        encoding = PLAIN if dictionary is None else RLE_DICTIONARY
        header = Struct().i32(1, size).i32(2, encoding).i32(3, RLE).i32(4, RLE)
        pages.add(_DATA_PAGE, [levels, *contents], 5, header)
        num_values += size
    return Chunk(pages.parts, data_page, num_values, pages.plain_bytes, pages.stored_bytes)


def chunk_metadata(chunk: Chunk, field: pa.Field, place: int, compression: Compression) -> Struct:
    """Return what the file says of a chunk that begins at `place`."""
    has_dictionary = chunk.data_page > 0
    path = [field.name, "list", "element"] if pa.types.is_list(field.type) else [field.name]
    metadata = (
        Struct()
        .i32(1, physical_type(field.type).number)
        .i32s(2, [PLAIN, RLE, RLE_DICTIONARY] if has_dictionary else [PLAIN, RLE])
        .texts(3, path)
        .i32(4, _CODECS[compression][0])
        .i64(5, chunk.num_values)
        .i64(6, chunk.plain_bytes)
        .i64(7, chunk.stored_bytes)
        .i64(9, place + chunk.data_page)
    )
    if has_dictionary:
        metadata.i64(11, place)
    return Struct().i64(2, place).struct(3, metadata)


def _flat_column(column: pa.Array) -> tuple[NDArray[Any] | None, NDArray[np.int64]]:
    """Return values [values], None of texts, and where each row's begin, int64 [rows + 1]."""
    if pa.types.is_list(column.type):
        return flat_values(column)
    is_text = pa.types.is_string(column.type)
    values = None if is_text else column.to_numpy(zero_copy_only=False)
    return values, np.arange(len(column) + 1)


def _dictionary(
    values: NDArray[Any], physical: Physical
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return each value's rank by frequency uint8 or uint16 [values], and the values by rank.

    None where that is no gain, or too much: floats, and numbers that are mostly distinct.
    """
    if physical.dtype not in ("<i4", "<i8") or values.size == 0:
        return None
    lowest, highest = int(values.min()), int(values.max())
    if highest - lowest >= _MOST_SPAN or abs(lowest) >= 2**31 or abs(highest) >= 2**31:
        return None
    small = np.ascontiguousarray(values, np.int32)
    counts = np.zeros(highest - lowest + 1, np.int64)
    count_values(small, lowest, counts)
    used = np.flatnonzero(counts)
    if used.size > _MOST_RANKS or 2 * used.size > values.size:
        return None
    # Equally frequent ones by value, so that the same rows give the same bytes.
    by_rank = used[np.argsort(-counts[used], kind="stable")]
    ranks = np.zeros(counts.size, np.uint16)
    ranks[by_rank] = np.arange(by_rank.size)
    places = np.empty(small.size, np.uint16)
    rank_values(small, lowest, ranks, places)
    entries = (by_rank + lowest).astype(physical.dtype)
    return (places.astype(np.uint8) if entries.size <= 2**8 else places), entries


def _page_rows(offsets: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield first row and end of each page."""
    first, rows = 0, offsets.size - 1
    while first < rows:
        reach = np.searchsorted(offsets, offsets[first] + PAGE_VALUES, side="right") - 1
        stop = min(max(int(reach), first + 1), rows)
        yield first, stop
        first = stop


def _list_levels(bounds: NDArray[np.int64]) -> bytes:
    out = np.empty(MOST_LEVEL_BYTES * bounds.size + 64, np.uint8)
    return out[: write_levels(np.ascontiguousarray(bounds), out)].tobytes()


def _flat_levels(rows: int) -> bytes:
    """Say that every row has its value: one run of the definition level 1."""
    run = varint(rows << 1) + b"\x01"
    return len(run).to_bytes(4, "little") + run


def _contents(values: NDArray[Any], physical: Physical, is_ranked: bool) -> list[Any]:
    if is_ranked:
        # One run of whole bytes, which is what bit-packing into 8 or 16 bits comes to. It is
        # counted in eights.
        groups = -(-values.size // 8)
        width = 8 * values.dtype.itemsize
        padding = bytes((8 * groups - values.size) * values.dtype.itemsize)
        return [bytes([width]), varint(groups << 1 | 1), values.tobytes(), padding]
    if physical.dtype == "?":
        return [np.packbits(values, bitorder="little").tobytes()]
    return [values.astype(physical.dtype).tobytes()]


def _text_contents(texts: pa.Array) -> list[Any]:
    data, offsets = flat_text(texts.cast(pa.large_string()))
    out = np.empty(data.size + 4 * len(texts), np.uint8)
    write_texts(data, offsets, out)
    return [out.tobytes()]
