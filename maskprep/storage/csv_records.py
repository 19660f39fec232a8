"""The records of a CSV file, without those that are too long to be held."""

from bisect import insort
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.records import NEXT, find_records
from maskprep.storage.compression import CHUNK_BYTES

_MOST_RECORDS = 16_384


class WholeRecords:
    """A file of records, read through for pyarrow."""

    closed = False  # pyarrow asks a Python file for it

    def __init__(
        self,
        read: Callable[[int], bytes],
        delimiter: str,
        longest: int,
        refuse: Callable[[int], None],
    ) -> None:
        """Prepare to read.

        Args:
            read: returns up to so many bytes, none at the end.
            delimiter: between fields.
            longest: bytes of a record.
            refuse: told the number of a longer record, from 0 on, empty lines left out.
        """
        self._read = read
        self._delimiter = ord(delimiter)
        self._longest = longest
        self._refuse = refuse
        self._state = np.zeros(2, np.int64)
        self._ends = np.empty(_MOST_RECORDS, np.int64)
        self._ready: deque[bytes] = deque()
        self._num_ready = 0
        self._open: list[bytes] = []
        """The record that has not ended yet."""
        self._num_open = 0
        self._is_refused = False
        self._num_records = 0
        self._at_end = False

    def close(self) -> None:
        """Do nothing: the file belongs to whoever opened it."""

    def read(self, size: int) -> bytes:
        """Return `size` bytes of records, fewer only at the end."""
        while self._num_ready < size and not self._at_end:
            # In a chunk no longer than a record only its first one can be too long.
            data = self._read(min(CHUNK_BYTES, self._longest))
            if data:
                self._take(data)
            else:
                self._at_end = True
                self._release()
        parts, wanted = [], size
        while self._ready and wanted:
            part = self._ready.popleft()
            if len(part) > wanted:
                self._ready.appendleft(part[wanted:])
                part = part[:wanted]
            parts.append(part)
            wanted -= len(part)
        self._num_ready -= size - wanted
        return b"".join(parts)

    def _take(self, data: bytes) -> None:
        view = np.frombuffer(data, np.uint8)
        self._state[NEXT] = begin = 0
        while True:
            found = find_records(view, self._delimiter, self._state, self._ends)
            if found:
                ends = self._ends[:found]
                self._finish(data[begin : ends[0]])
                # A record of one byte is a line break alone.
                self._num_records += int(np.count_nonzero(np.diff(ends) > 1))
                begin = int(ends[-1])
                self._emit(data[ends[0] : begin])
            if found < _MOST_RECORDS:
                self._extend(data[begin:])
                return

    def _finish(self, last: bytes) -> None:
        """End the open record."""
        is_empty = not self._open and not self._is_refused and len(last) == 1
        self._extend(last)
        self._release()
        self._is_refused = False
        self._num_records += not is_empty

    def _extend(self, data: bytes) -> None:
        if self._is_refused or not data:
            return
        self._open.append(data)
        self._num_open += len(data)
        if self._num_open > self._longest:
            self._open, self._num_open = [], 0
            self._is_refused = True
            self._refuse(self._num_records)

    def _release(self) -> None:
        for part in self._open:
            self._emit(part)
        self._open, self._num_open = [], 0

    def _emit(self, data: bytes) -> None:
        self._ready.append(data)
        self._num_ready += len(data)


class RowNumbers:
    """Numbers of rows, from 0 on, in a file of which some are left out."""

    def __init__(self) -> None:
        """Begin at the first row."""
        self._next = 0
        self._left_out: list[int] = []
        self._never_seen: list[int] = []

    @property
    def next(self) -> int:
        """The number of the row after those that were numbered."""
        return self._next

    def refuse(self, row: int) -> None:
        """Leave out a row that pyarrow never sees."""
        self._never_seen.append(row)
        insort(self._left_out, row)

    def leave_out(self, seen: int) -> int:
        """Leave out a row by its number among those that pyarrow sees; return its own."""
        row = int(_numbers(np.array([seen]), self._never_seen)[0])
        insort(self._left_out, row)
        return row

    def number(self, num_rows: int) -> NDArray[np.int64]:
        """Return the numbers of the next rows that are not left out: int64 [rows]."""
        rows = _numbers(self._next + np.arange(num_rows), self._left_out)
        if num_rows:
            self._next = int(rows[-1]) + 1
        while self._left_out and self._left_out[0] <= self._next:
            self._next = max(self._next, self._left_out.pop(0) + 1)
        return rows


def _numbers(places: NDArray[np.int64], left_out: list[int]) -> NDArray[np.int64]:
    gaps = np.array(left_out, np.int64) - np.arange(len(left_out))
    return places + np.searchsorted(gaps, places, side="right")
