"""A stream of text cut into spool files, one for each block, without holding more than a chunk."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from maskprep.config import Documents
from maskprep.kernels import documents as scan
from maskprep.storage.atomic import machine_errors

SEPARATORS: dict[Documents, int] = {
    "blank-line": scan.BLANK_LINE,
    "line": scan.LINE,
    "file": scan.FILE,
}
_BOM = b"\xef\xbb\xbf"
_MAX_DOCUMENTS = 16_384


@dataclass(frozen=True)
class Spool:
    """A finished spool file: the documents whose first byte lies in [start, stop)."""

    path: Path
    start: int
    stop: int
    offset: int
    """Place of the file's first byte in the stream."""
    line: int
    """Line of the file's first byte, from 1 on."""


def cut_stream(
    chunks: Iterator[bytes], separator: Documents, block_bytes: int | None, stem: Path
) -> Iterator[Spool]:
    """Write a stream into one file for each block, cut where a document begins.

    Args:
        chunks: the stream.
        separator: what stands between documents.
        block_bytes: size of a block; None: the stream is one block.
        stem: beginning of the files' names.

    Raises:
        MachineError: a file cannot be written.
    """
    cutter = _Cutter(separator, block_bytes, stem)
    try:
        for chunk in chunks:
            yield from cutter.take(chunk)
        yield from cutter.finish()
    finally:
        cutter.discard()


class _Cutter:
    """The file being written, and where the next cut is due."""

    def __init__(self, separator: Documents, block_bytes: int | None, stem: Path) -> None:
        self._separator = SEPARATORS[separator]
        self._block_bytes = block_bytes
        self._stem = stem
        self._state = np.array([0, 0, 0, 0, 0, 1, 0], np.int64)
        self._documents = np.empty((_MAX_DOCUMENTS, 3), np.int64)
        self._end = 0
        self._lines = 1
        self._block = 0
        self._offset = 0
        self._line = 1
        self._file: BinaryIO | None = self._open()

    def take(self, chunk: bytes) -> Iterator[Spool]:
        """Write a chunk; yield the files that are complete."""
        view = np.frombuffer(chunk, np.uint8)
        written, at = 0, 0
        if self._end == 0 and chunk.startswith(_BOM):
            at = len(_BOM)
            self._state[scan.LINE_START] = at
        while self._block_bytes is not None and at < len(chunk):
            place = self._end + at
            found = scan.find_documents(
                view[at:], place, self._separator, self._state, self._documents
            )
            at = int(self._state[scan.NEXT]) - self._end
            positions = list(self._documents[:found, 0])
            if self._state[scan.OPEN]:
                positions.append(self._state[scan.POSITION])
            for cut in self._due(np.array(positions, np.int64), self._block_bytes):
                inside = max(cut - self._end, 0)
                self._write(chunk[written:inside])
                self._lines += chunk.count(b"\n", written, inside)
                written = inside
                yield from self._next_file(cut, cut // self._block_bytes)
        self._write(chunk[written:])
        self._lines += chunk.count(b"\n", written)
        self._end += len(chunk)

    def finish(self) -> Iterator[Spool]:
        """Yield the last files; their number depends on the stream's length alone."""
        if self._end == 0:
            return
        size = self._block_bytes or self._end
        yield from self._next_file(self._end, -(-self._end // size), self._end)

    def discard(self) -> None:
        """Remove the file that has no final name yet."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._temporary().unlink(missing_ok=True)

    def _due(self, positions: np.ndarray, block_bytes: int) -> Iterator[int]:
        """Yield the first document of each block that begins here."""
        while True:
            first = int(np.searchsorted(positions, (self._block + 1) * block_bytes))
            if first == len(positions):
                return
            yield int(positions[first])

    def _temporary(self) -> Path:
        return self._stem.with_name(f".{self._stem.name}-{self._block:08d}.tmp")

    def _path(self, block: int) -> Path:
        return self._stem.with_name(f"{self._stem.name}-{block:08d}.spool")

    def _open(self) -> BinaryIO:
        with machine_errors(self._temporary()):
            return self._temporary().open("w+b")

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        with machine_errors(self._temporary()):
            self._file.write(data)

    def _next_file(self, cut: int, next_block: int, end: int | None = None) -> Iterator[Spool]:
        """Give the current file its name and go on with the block that `cut` begins."""
        file, temporary = self._file, self._temporary()
        offset, line, block = self._offset, self._line, self._block
        assert file is not None
        self._file, self._block, self._offset, self._line = None, next_block, cut, self._lines
        with machine_errors(temporary), file:
            if end is None:
                self._file = self._open()
                # The white space a line begins with was written before the line showed any text.
                file.seek(cut - offset)
                shutil.copyfileobj(file, self._file)
            file.truncate(cut - offset)
            file.flush()
            temporary.rename(self._path(block))
            for empty in range(block + 1, next_block):
                self._path(empty).touch()
        size = self._block_bytes or cut
        for number in range(block, next_block):
            stop = min((number + 1) * size, end or (number + 1) * size)
            if number > block:
                offset, line = cut, self._lines
            yield Spool(self._path(number), number * size, stop, offset, line)
