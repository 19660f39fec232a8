"""Stored bytes of a corpus file or of standard input, and what they hold once decompressed.

A damaged or cut-off stream is an error, never a short text: gzip, bzip2 and xz are taken apart
member by member, so that garbage behind the last one is seen too; Zstandard goes through pyarrow,
which reports a missing end where other readers return silently.
"""

import bz2
import hashlib
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal, Protocol, Self

import pyarrow as pa

from maskprep.errors import ConfigError, CorpusError, MachineError
from maskprep.storage.atomic import advice_on

Codec = Literal["none", "gzip", "zstd", "bz2", "xz"]

COMPRESSION_SUFFIXES = frozenset({".gz", ".gzip", ".bgz", ".zst", ".zstd", ".bz2", ".xz"})
CHUNK_BYTES = 2**20
_STORED_CHUNK_BYTES = 2**18
_XZ_MEMORY_BYTES = 2**28
_GZIP_WINDOW = 31  # zlib's number for "a gzip header, the largest window"
_MAGIC: tuple[tuple[bytes, Codec], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
)
_DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)


class _Member(Protocol):
    """One gzip member, bzip2 or xz stream on its way, as bz2 and lzma show it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipMember:
    """zlib's decompressor in the form that bz2 and lzma have."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)


class StoredBytes:
    """A corpus file or standard input, read from front to back, counted and hashed."""

    closed = False  # pyarrow asks a Python file for it

    def __init__(self, file: IO[bytes], shown_name: str, head: bytes = b"") -> None:
        """Take an open file, its name in messages, and bytes that were read from it before."""
        self.record: list[bytes] | None = None
        """If a list: receives what is read."""
        self._file = file
        self._shown_name = shown_name
        self._ahead = head
        self._digest = hashlib.sha256()
        # One system call, so that a slow writer's first line is seen when it comes.
        self._read_once: Callable[[int], bytes] = getattr(file, "read1", file.read)
        self.num_bytes = 0
        """Read so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input belongs to whoever runs us."""
        if sys.stdin is None or self._file is not sys.stdin.buffer:
            self._file.close()

    def read(self, size: int = _STORED_CHUNK_BYTES) -> bytes:
        """Return up to `size` bytes, none at the end.

        Raises:
            MachineError: the system cannot read the file.
        """
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            try:
                data = self._read_once(size)
            except OSError as error:
                raise unreadable(self._shown_name, error) from error
        self._digest.update(data)
        self.num_bytes += len(data)
        if self.record is not None:
            self.record.append(data)
        return data

    def sha256(self) -> str:
        """Return the SHA-256 of what was read so far, in hex."""
        return self._digest.hexdigest()


def open_stored(path: str, expected_bytes: int | None = None) -> StoredBytes:
    """Open a corpus file.

    Args:
        path: of the file.
        expected_bytes: its size when it was found.

    Raises:
        CorpusError: it vanished or has another size now.
        MachineError: it cannot be opened.
    """
    try:
        file = Path(path).open("rb", buffering=0)  # noqa: SIM115 - StoredBytes closes it
        num_bytes = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise unreadable(path, error) from error
    if expected_bytes is not None and num_bytes != expected_bytes:
        file.close()
        raise CorpusError(
            f"{path}: changed during the run: {expected_bytes:,} bytes when it was found, "
            f"{num_bytes:,} now. Run again when nothing writes to the corpus any more."
        )
    return StoredBytes(file, path)


def open_standard_input(head: bytes = b"") -> StoredBytes:
    """Open standard input; `head` is what was taken from it before.

    Raises:
        ConfigError: there is no standard input.
    """
    if sys.stdin is None:
        raise ConfigError("Standard input is closed. Pipe text into maskprep, or name files.")
    return StoredBytes(sys.stdin.buffer, "stdin", head)


def unreadable(path: str, error: OSError) -> CorpusError | MachineError:
    """Say why a corpus file cannot be read."""
    if isinstance(error, FileNotFoundError):
        return CorpusError(
            f"{path}: the file vanished during the run. Put it back, then run again."
        )
    reason = error.strerror or str(error)
    advice = advice_on(error, "Check its permissions and the disk")
    return MachineError(f"{path}: cannot be read ({reason}). {advice}.")


def detect_compression(head: bytes) -> Codec:
    """Tell from a file's first bytes how it is compressed."""
    return next((codec for magic, codec in _MAGIC if head.startswith(magic)), "none")


def decompress(stored: StoredBytes, codec: Codec, shown_name: str) -> Iterator[bytes]:
    """Yield the decompressed bytes in chunks of at most 1 MiB.

    Raises:
        CorpusError: the data is damaged, cut off, or followed by something else.
        MachineError: the system cannot read the file.
    """
    offset = 0
    try:
        for data in _chunks(stored, codec):
            offset += len(data)
            yield data
    except _DAMAGE as error:
        reason = str(error).rstrip(".").splitlines()[0] if str(error) else type(error).__name__
        raise CorpusError(
            f"{shown_name}: damaged or cut-off {codec} data near byte {offset:,} of the "
            f"decompressed text ({reason}). Fetch or compress the file again."
        ) from error


def _chunks(stored: StoredBytes, codec: Codec) -> Iterator[bytes]:
    if codec == "none":
        yield from iter(stored.read, b"")
    elif codec == "zstd":
        stream = pa.CompressedInputStream(as_arrow_file(stored), "zstd")
        yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
    elif codec == "gzip":
        yield from _members(stored, _GzipMember)
    elif codec == "bz2":
        yield from _members(stored, bz2.BZ2Decompressor)
    else:
        yield from _members(stored, _xz_member)


def as_arrow_file(stored: StoredBytes) -> pa.PythonFile:
    """Let pyarrow read the stored bytes; it needs only `read`, `close` and `closed`."""
    return pa.PythonFile(stored, mode="r")


def _xz_member() -> _Member:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_BYTES)


def _members(stored: StoredBytes, start_member: Callable[[], _Member]) -> Iterator[bytes]:
    member: _Member | None = None
    stored_data = b""
    while True:
        if member is None:
            # Zero bytes between and behind members are padding (gzip and xz allow them).
            stored_data = stored_data.lstrip(b"\0")
            if stored_data:
                member = start_member()
            elif not (stored_data := stored.read()):
                return
            continue
        if member.needs_input and not stored_data and not (stored_data := stored.read()):
            raise EOFError("the end is missing")
        data = member.decompress(stored_data, CHUNK_BYTES)
        stored_data = b""
        if member.eof:
            stored_data, member = member.unused_data, None
        if data:
            yield data
