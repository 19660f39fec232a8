"""The records of a CSV file, without those that cannot be read."""

from collections import deque
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.records import DELIMITERS, IN_QUOTES, MODE, NEXT, find_records
from maskprep.storage.compression import CHUNK_BYTES

Fault = Literal["too_long", "invalid_csv", "open_quote"]

_MOST_RECORDS = 16_384


class WholeRecords:
    """A file of records, read through for pyarrow."""

    closed = False  # pyarrow asks a Python file for it

    def __init__(
        self,
        read: Callable[[int], bytes],
        delimiter: str,
        longest: int,
        refuse: Callable[[int, Fault], None],
        *,
        equal_widths: bool,
    ) -> None:
        """Prepare to read.

        Args:
            read: returns up to so many bytes, none at the end.
            delimiter: between fields.
            longest: bytes of a record.
            refuse: told the number of a record that is left out, from 0 on without empty lines.
            equal_widths: leave out records with another number of fields than the first one.
        """
        self._read = read
        self._delimiter = ord(delimiter)
        self._longest = longest
        self._refuse = refuse
        self._equal_widths = equal_widths
        self._width = 0
        self._state = np.zeros(3, np.int64)
        self._records = np.empty((_MOST_RECORDS, 2), np.int64)
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
                if self._open and self._state[MODE] == IN_QUOTES:
                    # What the quote makes of the rest is no text of this record.
                    self._refuse(self._num_records, "open_quote")
                    self._open = []
                elif self._open:
                    self._finish(b"", int(self._state[DELIMITERS]) + 1)
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
            found = find_records(view, self._delimiter, self._state, self._records)
            if found:
                end, width = self._records[0].tolist()
                self._finish(data[begin:end], width)
                self._pass_on(data, self._records[:found])
                begin = int(self._records[found - 1, 0])
            if found < _MOST_RECORDS:
                self._extend(data[begin:])
                return

    def _pass_on(self, data: bytes, records: NDArray[np.int64]) -> None:
        """Emit the records behind the first one, which lie in `data` as a whole."""
        starts, ends = records[:-1, 0], records[1:, 0]
        # A record of one byte is a line break alone.
        visible = ends - starts > 1
        if self._equal_widths and self._width == 0 and visible.any():
            self._width = int(records[1:, 1][visible][0])
        numbers = self._num_records + np.cumsum(visible) - 1
        self._num_records += int(np.count_nonzero(visible))
        begin = int(records[0, 0])
        if self._equal_widths:
            for row in np.flatnonzero(visible & (records[1:, 1] != self._width)).tolist():
                self._refuse(int(numbers[row]), "invalid_csv")
                self._emit(data[begin : starts[row]])
                begin = int(ends[row])
        self._emit(data[begin : records[-1, 0]])

    def _finish(self, last: bytes, width: int) -> None:
        """End the open record."""
        is_empty = not self._open and not self._is_refused and len(last) == 1
        self._extend(last)
        if not is_empty and not self._is_refused and self._equal_widths:
            self._width = self._width or width
            if width != self._width:
                self._refuse(self._num_records, "invalid_csv")
                self._open = []
        for part in self._open:
            self._emit(part)
        self._open, self._num_open = [], 0
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
            self._refuse(self._num_records, "too_long")

    def _emit(self, data: bytes) -> None:
        if data:
            self._ready.append(data)
            self._num_ready += len(data)


class RowNumbers:
    """Numbers of rows, from 0 on, in a file of which pyarrow does not see some."""

    def __init__(self) -> None:
        """Begin at the first row."""
        self.next = 0
        """The number of the row after those that were numbered."""
        self._left_out: deque[int] = deque()

    def leave_out(self, row: int) -> None:
        """Leave out a row; they come in ascending order."""
        self._left_out.append(row)

    def number(self, num_rows: int) -> NDArray[np.int64]:
        """Return the numbers of the next rows that are not left out: int64 [rows]."""
        gaps = np.array(self._left_out, np.int64) - np.arange(len(self._left_out))
        rows = self.next + np.arange(num_rows)
        rows += np.searchsorted(gaps, rows, side="right")
        if num_rows:
            self.next = int(rows[-1]) + 1
        while self._left_out and self._left_out[0] <= self.next:
            self.next = max(self.next, self._left_out.popleft() + 1)
        return rows
