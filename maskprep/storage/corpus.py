"""From blocks of the corpus to batches of raw documents."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError
from maskprep.schema import DOCUMENTS, RAW_DOCUMENTS, WORD_BORDERS
from maskprep.storage.blocks import Block
from maskprep.storage.csv_rows import read_csv
from maskprep.storage.cutting import SEPARATORS
from maskprep.storage.given_words import no_lists
from maskprep.storage.json_lines import read_json_lines
from maskprep.storage.read_counts import ReadCounts
from maskprep.storage.rejects import Reject, RejectList
from maskprep.storage.rows import DocumentRows, raw_schema
from maskprep.storage.tables import read_parquet
from maskprep.storage.text import (
    LONGEST_WHOLE_BYTES,
    MAX_ROWS,
    PIECE_BYTES,
    BlockFile,
    TextWindows,
)


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

    What comes out are the documents of one split among the first `config.limit` of both.

    Args:
        blocks: of one task.
        config: how documents are cut and read, and which ones.
        counts: what was read is added here; the limit counts what stands here already.
        whole_documents: never cut a document; one over 16 MiB is an invalid document.

    Raises:
        CorpusError: the text is damaged, changed, or invalid (see --on-invalid).
        ConfigError: a table lacks the text or id column.
        MachineError: a file cannot be read.
    """
    if config.id_column in (*RAW_DOCUMENTS.names, *DOCUMENTS.names, WORD_BORDERS.name):
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
        if config.words == "list" and block.source.format not in ("jsonl", "parquet"):
            raise no_lists(block.source)
        rows = DocumentRows(block.source, config, counts, whole=whole_documents)
        read = {
            "text": _read_text,
            "jsonl": read_json_lines,
            "parquet": read_parquet,
            "csv": read_csv,
        }[block.source.format]
        for batch in read(block, rows):
            if batch.num_rows:
                yield batch
            if rows.is_past_limit:
                return


def _read_text(block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    separator = SEPARATORS[rows.config.documents]
    with BlockFile(block) as file:

        def is_sound(position: int) -> bool:
            return _may_cut(file, block, separator, position, rows)

        windows = TextWindows(
            file,
            block,
            separator,
            longest_whole=LONGEST_WHOLE_BYTES if rows.whole else None,
            # A document of several rows is skipped before its first row is out.
            may_cut=is_sound if rows.whole or rows.config.on_invalid == "skip" else None,
        )
        for run in windows.runs():
            starts = run.documents[:, 1]

            def locate(row: int, byte: int, starts: NDArray[np.int64] = starts) -> tuple[str, int]:
                line, place = file.line_at(int(starts[row]) + byte)
                return f"{block.source.shown_name}:{line}", place

            positions = run.documents[:, 0]
            continues = np.zeros(len(positions), np.bool_)
            continues[0] = run.continues
            if run.cuts_line:
                rows.count_line_cut(int(positions[0]))
            texts, kept = rows.checked(run.texts(), positions, locate)
            beginning = None
            if run.goes_on and not run.continues:
                beginning = _pieces_of(file, block, separator, int(positions[0]))
            yield rows.batch(texts, positions[kept], continues[kept], beginning=beginning)


def _pieces_of(file: BlockFile, block: Block, separator: int, position: int) -> Iterator[bytes]:
    """Yield the pieces of a long document, read once more as far as they are wanted."""
    alone = replace(block, start=position, stop=position + 1)
    for run in TextWindows(file, alone, separator).runs():
        yield run.texts()[0].as_py()


def _may_cut(
    file: BlockFile, block: Block, separator: int, position: int, rows: DocumentRows
) -> bool:
    """Tell whether a long document may become several rows; it is skipped if not.

    It must not if it is to be whole, nor if it is no UTF-8 throughout: that is read ahead.
    """
    if rows.whole:
        rows.refuse_long(
            position,
            "the document",
            lambda: f"{block.source.shown_name}:{file.line_at(position)[0]}",
        )
        return False
    try:
        for piece in _pieces_of(file, block, separator, position):
            piece.decode()
    except UnicodeDecodeError:
        rows.drop("invalid_utf8", position)
        return False
    return True


def locate_documents(
    blocks: Sequence[Block], config: CorpusConfig, document_ids: Collection[int]
) -> list[Reject]:
    """Find documents by their ids, reading the blocks once more.

    Returns:
        Their places, in order, as documents without tokens.

    Raises:
        CorpusError, MachineError: as `read_documents`.
    """
    counts = ReadCounts(rejects=RejectList(len(document_ids), document_ids))
    for _ in read_documents(blocks, config, counts):
        if len(counts.rejects) >= len(document_ids):
            break
    return counts.rejects.first()
