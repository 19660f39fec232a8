"""Documents of plain text and lines of JSON, found in a block by their first byte.

A block is read in windows. A window begins at a document, so where a long document is cut depends
on the document alone, not on blocks, compression or workers.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.errors import CorpusError
from maskprep.kernels import documents as scan
from maskprep.list_columns import arrow_array
from maskprep.storage.blocks import Block
from maskprep.storage.compression import unreadable
from maskprep.storage.encodings import HEAD_BYTES, foreign_encoding, is_utf16

PIECE_BYTES = 4 * 2**20
"""A longer document goes on in the next row."""
LONGEST_WHOLE_BYTES = 16 * 2**20
"""What must lie in memory as a whole: a line of JSON, a row of CSV, a document to be encoded whole.

A longer one is an invalid document.
"""
MAX_ROWS = 16_384
UTF8_BOM = b"\xef\xbb\xbf"
_SPACE = b" \t\r\v\f"
_BACKWARD_BYTES = 256


class BlockFile:
    """The bytes of a block (and what lies around it), addressed as in the decompressed source."""

    def __init__(self, block: Block) -> None:
        """Open the file and look at its first bytes.

        Raises:
            CorpusError: it vanished, changed, or is UTF-16.
            MachineError: it cannot be opened.
        """
        self.path = block.spooled or str(block.source.path)
        self.offset = block.offset if block.spooled else 0
        self._first_line = block.line if block.spooled else 1
        self._shown_name = block.source.shown_name
        try:
            self._file = Path(self.path).open("rb", buffering=0)  # noqa: SIM115 - __exit__ closes it
            num_bytes = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise unreadable(self.path, error) from error
        if not block.spooled and num_bytes != block.source.num_bytes:
            self._file.close()
            raise self._changed()
        self.end = self.offset + num_bytes
        head = b"" if self.offset else self.read_at(0, HEAD_BYTES)
        if is_utf16(head):
            self._file.close()
            raise foreign_encoding(self._shown_name)
        self.origin = len(UTF8_BOM) if head.startswith(UTF8_BOM) else self.offset

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def read_at(self, place: int, size: int) -> bytes:
        """Return `size` bytes, fewer only at the end of the file."""
        wanted = min(size, self.end - place)
        data = b""
        try:
            while len(data) < wanted:
                more = os.pread(
                    self._file.fileno(), wanted - len(data), place - self.offset + len(data)
                )
                if not more:
                    raise self._changed()
                data = data + more if data else more
        except OSError as error:
            raise unreadable(self.path, error) from error
        return data

    def line_at(self, place: int) -> tuple[int, int]:
        """Return line and byte in the line, both from 1 on, of a place in the source."""
        line, begin, at = self._first_line, self.offset, self.offset
        while at < place:
            data = self.read_at(at, min(PIECE_BYTES, place - at))
            line += data.count(b"\n")
            if b"\n" in data:
                begin = at + data.rindex(b"\n") + 1
            at += len(data)
        return line, place - begin + 1

    def count_line_breaks(self, start: int, stop: int) -> int:
        """Return how many line breaks stand between two places in the source."""
        count = 0
        for at in range(start, stop, PIECE_BYTES):
            count += self.read_at(at, min(PIECE_BYTES, stop - at)).count(b"\n")
        return count

    def _changed(self) -> CorpusError:
        return CorpusError(
            f"{self._shown_name}: the file changed during the run. Run again when nothing writes "
            f"to the corpus any more."
        )


@dataclass(frozen=True)
class TextRun:
    """Documents, or one piece of a long document, that lie in one window.

    `documents` is int64 [documents, 3]: position, start and end in the decompressed source.
    """

    data: bytes
    offset: int
    documents: NDArray[np.int64]
    continues: bool
    cuts_line: bool = False
    """Whether the piece ends inside a line."""
    goes_on: bool = False
    """Whether the document goes on behind the piece; `data` may hold more of it."""

    def texts(self) -> Any:  # noqa: ANN401 - pyarrow's own types do not follow `take`
        """Return a large_binary array of the documents' bytes."""
        num_documents = len(self.documents)
        # Texts and the gaps between them, alternating; then every second one.
        borders = np.ascontiguousarray(self.documents[:, 1:]).reshape(-1) - self.offset
        buffers = [None, pa.py_buffer(borders.tobytes()), pa.py_buffer(self.data)]
        spans = pa.Array.from_buffers(pa.large_binary(), 2 * num_documents - 1, buffers)
        return spans.take(arrow_array(np.arange(0, 2 * num_documents, 2)))


def piece_end(data: bytes | memoryview) -> tuple[int, bool]:
    """Return where to cut text that goes on, and whether that is behind a line break.

    A line is cut inside only if it fills `data` alone, and then between two characters.
    """
    text = bytes(data)
    if b"\n" in text:
        return text.rindex(b"\n") + 1, True
    # The last character may be incomplete: go back to where it begins.
    for back in range(1, 4):
        byte = text[-back]
        if byte >= 0xC0:  # noqa: PLR2004 - first byte of two to four
            needed = 2 + (byte >= 0xE0) + (byte >= 0xF0)  # noqa: PLR2004
            return (len(text) - back if needed > back else len(text)), False
        if byte < 0x80:  # noqa: PLR2004 - ASCII
            break
    return len(text), False


class TextWindows:
    """Reads the documents of one block, window by window."""

    def __init__(
        self,
        file: BlockFile,
        block: Block,
        separator: int,
        *,
        longest_whole: int | None = None,
        may_cut: Callable[[int], bool] | None = None,
    ) -> None:
        """Prepare to read a block.

        Args:
            file: of the block.
            block: which documents are wanted.
            separator: BLANK_LINE, LINE or FILE of kernels.documents.
            longest_whole: documents up to this many bytes are not cut; None: 4 MiB.
            may_cut: asked for the position of a longer document before it is cut; it is skipped
                if the answer is no.
        """
        self._file = file
        self._block = block
        self._separator = separator
        self._longest_whole = longest_whole or PIECE_BYTES
        self._may_cut = may_cut
        self._room = PIECE_BYTES
        self._continues = False
        self._next = file.origin if block.spooled else max(file.origin, block.start)
        self._window = b""
        self._window_at = self._next
        self._documents = np.empty((MAX_ROWS, 3), np.int64)
        self._state = _first_state(file, self._next, separator)

    def runs(self) -> Iterator[TextRun]:
        """Yield the documents whose first byte lies in the block, in order."""
        while self._next < self._file.end and not self._is_past():
            if self._next == self._window_at + len(self._window):
                self._window_at = self._next
                self._window = self._file.read_at(self._next, self._room)
            found = self._scan()
            if len(found):
                yield TextRun(self._window, self._window_at, found, self._continues)
                self._continues = False
            if self._next < self._window_at + len(self._window):
                continue
            if self._state[scan.OPEN]:
                yield from self._enter_open_document()
            else:
                self._room = PIECE_BYTES

    def _is_past(self) -> bool:
        slot = scan.POSITION if self._state[scan.OPEN] else scan.LINE_START
        place = int(self._state[slot])
        # Behind the block's end, in a document of a block before: the next one is not ours either.
        is_foreign = place < self._block.start and self._next >= self._block.stop
        return is_foreign or place >= self._block.stop

    def _scan(self) -> NDArray[np.int64]:
        state = self._state
        view = np.frombuffer(self._window, np.uint8)[self._next - self._window_at :]
        found = scan.find_documents(view, self._next, self._separator, state, self._documents)
        self._next = int(state[scan.NEXT])
        rows = self._documents[:found]
        if state[scan.OPEN] and self._next == self._file.end:
            end = self._window_at + len(self._window.rstrip())
            last = [state[scan.POSITION], state[scan.START], end]
            rows = np.vstack([rows, np.array([last], np.int64)])
            state[scan.OPEN] = 0
        wanted = (rows[:, 0] >= self._block.start) & (rows[:, 0] < self._block.stop)
        # What is left of a document behind its last cut can be white space alone.
        return rows[wanted & (rows[:, 2] > rows[:, 1])]

    def _enter_open_document(self) -> Iterator[TextRun]:
        """Go on with a document that the window does not hold to its end."""
        state = self._state
        position = int(state[scan.POSITION])
        if state[scan.START] > self._window_at:
            self._begin_window(int(state[scan.START]), position)
        elif position < self._block.start or self._is_past():
            pass
        elif self._room < self._longest_whole:
            self._room = min(2 * self._room, self._longest_whole)
            self._begin_window(self._window_at, position)
        elif not self._continues and self._may_cut and not self._may_cut(position):
            state[scan.POSITION] = -1
        else:
            size, at_line_break = piece_end(self._window)
            cut = self._window_at + size
            piece = np.array([[position, self._window_at, cut]], np.int64)
            cuts_line = not at_line_break
            yield TextRun(
                self._window, self._window_at, piece, self._continues, cuts_line, goes_on=True
            )
            self._continues = True
            self._window = b""
            self._next = self._window_at = cut
            state[:] = [1, position, cut, cut, cut, at_line_break, cut]

    def _begin_window(self, place: int, position: int) -> None:
        self._window = b""
        self._next = self._window_at = place
        self._state[:] = [0, 0, 0, 0, position, 1, place]


def _first_state(file: BlockFile, place: int, separator: int) -> NDArray[np.int64]:
    fresh = np.array([0, 0, 0, 0, place, 1, place], np.int64)
    # A document that began before the block has the position -1: nobody's here.
    inside = np.array([1, -1, -1, -1, place, 0, place], np.int64)
    if place <= file.origin:
        return fresh
    at_line = file.read_at(place - 1, 1) == b"\n"
    if separator == scan.LINE:
        return fresh if at_line else inside
    if not at_line:
        fresh[scan.LINE_START] = -1
        return inside if _is_visible_before(file, place) else fresh
    inside[scan.BLANK] = 1
    return inside if _is_visible_before(file, place - 1) else fresh


def _is_visible_before(file: BlockFile, place: int) -> bool:
    """Tell whether the line that reaches up to `place` shows a character before it."""
    while place > file.origin:
        begin = max(file.origin, place - _BACKWARD_BYTES)
        line = file.read_at(begin, place - begin).rstrip(_SPACE)
        if line:
            return not line.endswith(b"\n")
        place = begin
    return False
