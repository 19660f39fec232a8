"""Sizes of a Parquet file's pages, from their headers: what decoding one would take.

pyarrow tells the size of a column chunk but of no page. A header is a Thrift struct in the compact
protocol; only its numbers are read, all else is skipped.

Source: parquet-format, src/main/thrift/parquet.thrift (PageHeader); thrift,
doc/specs/thrift-compact-protocol.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

_TYPE, _UNCOMPRESSED_SIZE, _COMPRESSED_SIZE = 1, 2, 3
_DATA_HEADERS, _NUM_VALUES = (5, 8), 1
_DICTIONARY_PAGE = 2
_LIMIT = 2**31
_HEADER_BYTES = 2**10
_LONGEST_HEADER_BYTES = 2**20
_MOST_DEPTH = 8
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_LONG_LIST = 15


class _NoHeaderError(Exception):
    """The bytes are no page header; pyarrow says so in its own words when it reads the page."""


@dataclass(frozen=True)
class Pages:
    """Sizes of pages, decompressed.

    Attributes:
        dictionary: bytes of the dictionary, which stands for any number of values; 0: none.
        rows: int64 [pages], values of each page.
        sizes: int64 [pages], bytes of each page.
    """

    dictionary: int
    rows: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def largest(self) -> int:
        """Bytes of the largest one."""
        return max(self.dictionary, int(self.sizes.max(initial=0)))

    def rows_within(self, num_bytes: int, most: int) -> int:
        """Return a number of rows, at least 1, that lie on pages of `num_bytes` together.

        Args:
            num_bytes: of the pages of any so many rows, one after the other.
            most: rows.
        """
        ends = np.cumsum(self.rows)
        before = np.append(0, np.cumsum(self.sizes))
        rows = most
        while rows > 1:
            # From the last row of each page on.
            reached = np.searchsorted(ends - self.rows, ends - 1 + rows, side="left")
            if int((before[reached] - before[:-1]).max(initial=0)) <= num_bytes:
                break
            rows //= 2
        return rows


def page_sizes(path: str, chunk: pq.ColumnChunkMetaData) -> Pages:
    """Return the sizes of a column chunk's pages.

    Where the headers cannot be followed, what was seen until there counts.

    Raises:
        OSError: the file cannot be read.
    """
    starts = [chunk.data_page_offset]
    if chunk.has_dictionary_page:
        starts.append(chunk.dictionary_page_offset)
    at = min(starts)
    end = at + chunk.total_compressed_size
    dictionary = 0
    pages: list[tuple[int, int]] = []
    with Path(path).open("rb", buffering=0) as file:
        while 0 <= at < end:
            try:
                header = _page_header(file, at)
            except _NoHeaderError:
                break
            if header.is_dictionary:
                dictionary = max(dictionary, header.size)
            else:
                pages.append((header.values, header.size))
            at += header.length + header.stored
    rows, sizes = np.array(pages, np.int64).reshape(-1, 2).T.copy()
    return Pages(dictionary, rows, sizes)


class _Header(NamedTuple):
    length: int
    stored: int
    size: int
    values: int
    is_dictionary: bool


def _page_header(file: BinaryIO, at: int) -> _Header:
    num_bytes = _HEADER_BYTES
    while True:
        file.seek(at)
        data = file.read(num_bytes)
        try:
            reader = _Reader(data)
            numbers = reader.struct()
            break
        except IndexError:
            if len(data) < num_bytes or num_bytes >= _LONGEST_HEADER_BYTES:
                raise _NoHeaderError from None
            num_bytes *= 32
    size, stored = numbers.get((_UNCOMPRESSED_SIZE,), -1), numbers.get((_COMPRESSED_SIZE,), -1)
    counts = [
        numbers[kind, _NUM_VALUES] for kind in _DATA_HEADERS if (kind, _NUM_VALUES) in numbers
    ]
    is_dictionary = numbers.get((_TYPE,)) == _DICTIONARY_PAGE
    values = counts[0] if counts else 0
    if not (0 <= size < _LIMIT and 0 <= stored < _LIMIT and 0 <= values < _LIMIT):
        raise _NoHeaderError
    return _Header(reader.at, stored, size, values, is_dictionary)


class _Reader:
    """Reads values of the compact protocol; IndexError where the bytes end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def struct(self, place: tuple[int, ...] = ()) -> dict[tuple[int, ...], int]:
        """Return the integers in a struct and those in it, by the numbers of their fields."""
        numbers: dict[tuple[int, ...], int] = {}
        field = 0
        while head := self._byte():
            delta, kind = head >> 4, head & 15
            field = field + delta if delta else self._integer()
            if kind in (_I16, _I32, _I64):
                numbers[*place, field] = self._integer()
            elif kind == _STRUCT and len(place) < _MOST_DEPTH:
                numbers |= self.struct((*place, field))
            elif kind not in (_TRUE, _FALSE):
                self._skip(kind, len(place))
        return numbers

    def _skip(self, kind: int, depth: int) -> None:
        if depth > _MOST_DEPTH:
            raise _NoHeaderError
        if kind in (_I16, _I32, _I64):
            self._integer()
        elif kind in (_TRUE, _FALSE, _BYTE):
            self._move(1)
        elif kind == _DOUBLE:
            self._move(8)
        elif kind == _BINARY:
            self._move(self._unsigned())
        elif kind in (_LIST, _SET):
            head = self._byte()
            number = self._unsigned() if head >> 4 == _LONG_LIST else head >> 4
            for _ in range(number):
                self._skip(head & 15, depth + 1)
        else:
            raise _NoHeaderError

    def _move(self, num_bytes: int) -> None:
        self.at += num_bytes
        if self.at > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _unsigned(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:  # noqa: PLR2004 - the last byte of a number has no high bit
                return value
        raise _NoHeaderError

    def _integer(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)
