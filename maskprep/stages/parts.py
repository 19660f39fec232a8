"""Tokenized rows -> whole documents, long ones in parts."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from maskprep.kernels.tokenization import cut_parts
from maskprep.list_columns import arrow_array, flat_values, list_column, numpy_array
from maskprep.schema import DOCUMENTS
from maskprep.stages.tokenization import (
    MAX_WORD_TOKENS,
    TokenizationCounts,
    document_rows,
    offsets_of,
)

MAX_PART_TOKENS = 2**20


def assemble_parts(
    batches: Iterable[pa.RecordBatch],
    counts: TokenizationCounts,
    max_tokens: int = MAX_PART_TOKENS,
    without_tokens: list[int] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Join the rows of each document, and cut documents that are too long for a row.

    The rows that come out do not depend on how documents were cut into rows or batches, as long
    as they were cut between sentences.

    Args:
        batches: what `tokenize_documents` returns, in order.
        counts: documents without tokens are dropped and added here.
        max_tokens: of a row. A longer document goes on in the next rows as part 1, 2, ..., cut
            between sentences, or inside a sentence that is longer itself.
        without_tokens: receives the ids of documents without tokens.
    """
    held: pa.RecordBatch | None = None
    num_parts = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        if held is not None and batch.column("document_part")[0].as_py() == 0:
            yield from _with_tokens(held, counts, without_tokens)
            held, num_parts = None, 0
        rows = batch if held is None else _concatenated(held, batch)
        parts = _cut_rows(rows, num_parts, max_tokens)
        # The last document may go on: its last part waits for the next batch.
        done = parts.num_rows - 1
        yield from _with_tokens(parts.slice(0, done), counts, without_tokens)
        held = parts.slice(done)
        num_parts = held.column("document_part")[0].as_py()
    if held is not None:
        yield from _with_tokens(held, counts, without_tokens)


def _concatenated(held: pa.RecordBatch, batch: pa.RecordBatch) -> pa.RecordBatch:
    table = pa.Table.from_batches([held, batch]).combine_chunks()
    return table.to_batches()[0]


def _with_tokens(
    rows: pa.RecordBatch, counts: TokenizationCounts, without_tokens: list[int] | None
) -> Iterator[pa.RecordBatch]:
    """Yield the rows without the documents that have no tokens."""
    has_tokens = np.diff(numpy_array(rows.column("input_ids").offsets)) > 0
    counts.documents_without_tokens += int(np.count_nonzero(~has_tokens))
    if without_tokens is not None:
        without_tokens.extend(numpy_array(rows.column("document_id"))[~has_tokens].tolist())
    kept = rows if has_tokens.all() else rows.filter(arrow_array(has_tokens))
    if kept.num_rows:
        yield kept


def _cut_rows(rows: pa.RecordBatch, first_part: int, max_tokens: int) -> pa.RecordBatch:
    """Return whole documents in parts.

    Args:
        rows: as `tokenize_documents` returns them; the first begins a document or a later part.
        first_part: number of the part that the first row begins.
        max_tokens: of a part.
    """
    heads = numpy_array(rows.column("document_part")) == 0
    offsets = numpy_array(rows.column("input_ids").offsets)
    if heads.all() and np.diff(offsets).max() <= max_tokens:
        return rows
    heads[0] = True
    ids, _ = flat_values(rows.column("input_ids"))
    word_starts, _ = flat_values(rows.column("word_starts"))
    sentences, sentence_offsets = flat_values(rows.column("sentence_lengths"))
    firsts = np.flatnonzero(heads)
    document_offsets = np.append(sentence_offsets[firsts], sentences.size)
    # A cut inside a sentence leaves at least this many tokens before it.
    shortest = max(max_tokens - MAX_WORD_TOKENS, 1)
    lengths = np.empty(sentences.size + ids.size // shortest + 1, np.int32)
    parts = np.empty((lengths.size + firsts.size, 4), np.int64)
    num_written = np.zeros(2, np.int64)
    cut_parts(
        sentences, document_offsets, word_starts, max_tokens, MAX_WORD_TOKENS, lengths, parts,
        num_written,
    )  # fmt: skip
    num_lengths, num_parts = num_written.tolist()
    parts = parts[:num_parts]
    numbers = parts[:, 1].copy()
    numbers[parts[:, 0] == 0] += first_part
    token_offsets = offsets_of(parts[:, 3])
    places = firsts[parts[:, 0]]
    # Lists of tokens are made anew: to copy them along would be most of the work.
    carried = rows.select([name for name in rows.schema.names if name not in DOCUMENTS.names])
    return document_rows(
        carried.take(arrow_array(places)) if carried.num_columns else carried,
        [
            arrow_array(numpy_array(rows.column("document_id"))[places]),
            arrow_array(numbers.astype(np.int32)),
            list_column(ids, token_offsets),
            list_column(lengths[:num_lengths], offsets_of(parts[:, 2])),
            list_column(word_starts, token_offsets),
        ],
    )
