"""From blocks of the corpus to batches of raw documents."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError
from maskprep.schema import DOCUMENTS, RAW_DOCUMENTS
from maskprep.storage.blocks import Block
from maskprep.storage.cutting import SEPARATORS
from maskprep.storage.json_lines import read_json_lines
from maskprep.storage.rows import DocumentRows, ReadCounts, raw_schema
from maskprep.storage.tables import read_csv, read_parquet
from maskprep.storage.text import MAX_ROWS, PIECE_BYTES, BlockFile, TextWindows

UNBOUNDED = 2**62


def read_documents(
    blocks: Sequence[Block],
    config: CorpusConfig,
    counts: ReadCounts,
    *,
    whole_documents: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Yield the documents of some blocks, in order, as rows of RAW_DOCUMENTS.

    A batch has about 4 MiB of text and at most 16,384 rows. A document over 4 MiB goes on in
    further rows, each cut behind a line break; only a line that is longer than 4 MiB itself is cut
    inside, between two characters. So a row whose text does not end with a line break, and is
    followed by one that continues it, was cut inside a line.

    Args:
        blocks: of one task.
        config: how documents are cut and read; `limit` is the caller's.
        counts: what was read is added here.
        whole_documents: never cut a document; memory then grows with the longest one.

    Raises:
        CorpusError: the text is damaged, changed, or invalid (see --on-invalid).
        ConfigError: a table lacks the text or id column.
        MachineError: a file cannot be read.
    """
    if config.id_column in (*RAW_DOCUMENTS.names, *DOCUMENTS.names):
        raise ConfigError(
            f"--id-column is {config.id_column!r}, a name that maskprep's own column has. Rename "
            f"the column in the corpus."
        )
    batches: list[pa.RecordBatch] = []
    num_rows = num_bytes = 0
    for batch in _all_batches(blocks, config, counts, whole_documents):
        too_many = num_rows + batch.num_rows > MAX_ROWS or num_bytes + batch.nbytes > PIECE_BYTES
        if batches and too_many:
            yield _joined(batches, config)
            batches, num_rows, num_bytes = [], 0, 0
        batches.append(batch)
        num_rows += batch.num_rows
        num_bytes += batch.nbytes
    if batches:
        yield _joined(batches, config)


def _joined(batches: list[pa.RecordBatch], config: CorpusConfig) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches, raw_schema(config)).combine_chunks()
    return table.to_batches()[0]


def _all_batches(
    blocks: Sequence[Block], config: CorpusConfig, counts: ReadCounts, whole_documents: bool
) -> Iterator[pa.RecordBatch]:
    for block in blocks:
        rows = DocumentRows(block.source, config, counts, whole=whole_documents)
        read = {
            "text": _read_text,
            "jsonl": read_json_lines,
            "parquet": read_parquet,
            "csv": read_csv,
        }[block.source.format]
        yield from (batch for batch in read(block, rows) if batch.num_rows)


def _read_text(block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    separator = SEPARATORS[rows.config.documents]
    with BlockFile(block) as file:

        def is_sound(position: int) -> bool:
            return _is_sound(file, block, separator, position, rows.counts)

        windows = TextWindows(
            file,
            block,
            separator,
            longest_whole=UNBOUNDED if rows.whole else None,
            # A document of several rows is skipped before its first row is out.
            may_cut=is_sound if rows.config.on_invalid == "skip" else None,
        )
        for run in windows.runs():
            starts = run.documents[:, 1]

            def locate(row: int, byte: int, starts: NDArray[np.int64] = starts) -> tuple[str, int]:
                line, place = file.line_at(int(starts[row]) + byte)
                return f"{block.source.shown_name}:{line}", place

            positions = run.documents[:, 0]
            continues = np.zeros(len(positions), np.bool_)
            continues[0] = run.continues
            texts, kept = rows.checked(run.texts(), positions, locate)
            yield rows.batch(texts, positions[kept], continues[kept])


def _is_sound(
    file: BlockFile, block: Block, separator: int, position: int, counts: ReadCounts
) -> bool:
    """Read one long document ahead, and tell whether it is UTF-8 throughout."""
    alone = replace(block, start=position, stop=position + 1)
    try:
        for run in TextWindows(file, alone, separator).runs():
            run.texts().cast(pa.large_string())
    except pa.ArrowInvalid:
        counts.drop("invalid_utf8")
        return False
    return True
