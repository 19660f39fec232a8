"""The blocks of work that a corpus is cut into: the same for files, compressed files and pipes.

Block k of a text holds the documents whose first byte lies in [k * S, (k + 1) * S) of the
decompressed source, S being `block_bytes`. A plain file is cut by the tasks themselves; what can
only be read from front to back is decompressed here and laid out as one spool file for each block.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError, CorpusError
from maskprep.storage.compression import (
    StoredBytes,
    decompress,
    open_standard_input,
    open_stored,
    unreadable,
)
from maskprep.storage.sources import Source

MOST_BLOCKS = 1024
"""Of small sources in one task."""


@dataclass(frozen=True)
class Block:
    """Documents that one task reads from one source."""

    source: Source
    start: int
    """First byte of the decompressed text, or first row group; 0 for CSV."""
    stop: int
    spooled: str | None = None
    """File that holds exactly the bytes of this block's documents; its reader may delete it."""
    offset: int = 0
    """Place of the spool's first byte in the decompressed text."""
    line: int = 1
    """Line of the spool's first byte, from 1 on."""


def plan_blocks(
    sources: Sequence[Source],
    config: CorpusConfig,
    spool_folder: Path,
    streamed: list[Source] | None = None,
) -> Iterator[tuple[Block, ...]]:
    """Cut the corpus into tasks, in the order of its sources.

    Compressed sources and standard input are decompressed as far as the caller has asked for
    tasks, so a caller that deletes spool files when their task is done keeps few of them.

    Args:
        sources: as `find_sources` gives them.
        config: format and size of blocks.
        spool_folder: an existing folder for spool files.
        streamed: receives standard input with its size and hash, once it has been read.

    Yields:
        Blocks of one task: one block, or neighbouring small ones of together about `block_bytes`.

    Raises:
        CorpusError: a source is damaged, cut off, vanished or changed.
        ConfigError: a Parquet file lacks the text column.
        MachineError: a source cannot be read or the spool not written.
    """
    group: list[Block] = []
    group_bytes = 0
    for block, num_bytes in _blocks(sources, config, spool_folder, streamed):
        if group and (group_bytes + num_bytes > config.block_bytes or len(group) == MOST_BLOCKS):
            yield tuple(group)
            group, group_bytes = [], 0
        group.append(block)
        group_bytes += num_bytes
        if group_bytes >= config.block_bytes:
            yield tuple(group)
            group, group_bytes = [], 0
    if group:
        yield tuple(group)


def _blocks(
    sources: Sequence[Source],
    config: CorpusConfig,
    spool_folder: Path,
    streamed: list[Source] | None,
) -> Iterator[tuple[Block, int]]:
    for number, source in enumerate(sources):
        is_plain = source.path is not None and source.compression == "none"
        if is_plain and source.format == "parquet":
            yield from _row_group_blocks(source, config)
        elif is_plain and source.format == "csv":
            yield Block(source, 0, source.num_bytes), source.num_bytes
        elif is_plain:
            step = _step(source, config) or max(source.num_bytes, 1)
            for start in range(0, source.num_bytes, step):
                stop = min(start + step, source.num_bytes)
                yield Block(source, start, stop), stop - start
        else:
            stem = spool_folder / f"source-{number:06d}"
            yield from _spooled_blocks(source, config, stem, streamed)


def _step(source: Source, config: CorpusConfig) -> int | None:
    """Return the size of this source's blocks; None: it is one block."""
    if source.format in ("parquet", "csv"):
        return None
    whole_file = source.format == "text" and config.documents == "file"
    return None if whole_file else config.block_bytes


def _spooled_blocks(
    source: Source, config: CorpusConfig, stem: Path, streamed: list[Source] | None
) -> Iterator[tuple[Block, int]]:
    # Only these need the kernels, which take a moment to load.
    from maskprep.storage.cutting import cut_stream  # noqa: PLC0415

    separator = "line" if source.format == "jsonl" else config.documents
    named = replace(source, head=b"")
    with _open(source) as stored:
        chunks = decompress(stored, source.compression, source.shown_name)
        for spool in cut_stream(chunks, separator, _step(source, config), stem):
            block = Block(named, spool.start, spool.stop, str(spool.path), spool.offset, spool.line)
            if source.format == "parquet":
                with parquet_errors(source):
                    num_groups = pq.read_metadata(str(spool.path)).num_row_groups
                block = replace(block, start=0, stop=num_groups)
            yield block, spool.stop - spool.start
        if source.path is not None and stored.num_bytes != source.num_bytes:
            raise CorpusError(
                f"{source.path}: changed while it was read: {source.num_bytes:,} bytes when it "
                f"was found, {stored.num_bytes:,} now. Run again when nothing writes to it."
            )
        if source.path is None and streamed is not None:
            streamed.append(replace(named, num_bytes=stored.num_bytes, sha256=stored.sha256()))


def _open(source: Source) -> StoredBytes:
    if source.path is None:
        return open_standard_input(source.head)
    return open_stored(source.path, source.num_bytes)


@contextmanager
def parquet_errors(source: Source) -> Iterator[None]:
    """Turn whatever pyarrow raises at a damaged file into one error.

    Raises:
        CorpusError: the file is damaged or vanished.
        MachineError: the system cannot read it.
    """
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise _damaged_parquet(source, error) from error
    except OSError as error:
        if error.errno is None:
            raise _damaged_parquet(source, error) from error
        raise unreadable(source.shown_name, error) from error


def _damaged_parquet(source: Source, error: Exception) -> CorpusError:
    reason = str(error).splitlines()[0].rstrip(".") if str(error) else "no reason given"
    return CorpusError(
        f"{source.shown_name}: damaged Parquet file, or none at all ({reason}). Write it again, "
        f"or set --format if it is something else."
    )


def missing_column(
    source: Source, column: str, found: Iterable[str], option: str = "--text-column"
) -> ConfigError:
    """Say that a table lacks a column, and which ones it has."""
    names = ", ".join(found) or "none"
    return ConfigError(
        f"{source.shown_name}: no column {column!r} (found: {names}). Name the right one with "
        f"{option}."
    )


def _row_group_blocks(source: Source, config: CorpusConfig) -> Iterator[tuple[Block, int]]:
    with parquet_errors(source):
        metadata = pq.read_metadata(str(source.path))
        names = metadata.schema.to_arrow_schema().names
        if config.text_column not in names:
            raise missing_column(source, config.text_column, names)
        paths = [metadata.schema.column(c).path for c in range(metadata.num_columns)]
    # The values of a list lie below its name.
    below = f"{config.text_column}."
    found = [n for n, one in enumerate(paths) if f"{one}.".startswith(below)]
    text = found[0] if found else 0
    start = num_bytes = 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).column(text).total_uncompressed_size
        if num_bytes and num_bytes + size > config.block_bytes:
            yield Block(source, start, group), num_bytes
            start, num_bytes = group, 0
        num_bytes += size
    if start < metadata.num_row_groups:
        yield Block(source, start, metadata.num_row_groups), num_bytes
