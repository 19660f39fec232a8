"""DOCUMENTS -> EXAMPLES: sequences without pairs, filled with documents.

Three ways, by what may share a row:

- `cross` (RoBERTa's FULL-SENTENCES): sentence after sentence; a separator stands where the next
  document begins.
- `document` (DOC-SENTENCES): the same, but a row ends with its document.
- `best-fit`: whole documents, each with special tokens of its own, put together so that little
  room is left; only a document longer than a row is cut.

Rows of one document may be divided in two segments, with token types (ELECTRA).

Documents come as flat arrays that may be memory-mapped (`SpooledDocuments` says what is needed).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import PackingConfig
from maskprep.errors import ConfigError
from maskprep.flat_documents import DocumentRange, FlatDocuments, Partners
from maskprep.kernels import packing as kernels
from maskprep.kernels import two_segments
from maskprep.kernels.counter_rng import name_examples, probability_threshold
from maskprep.list_columns import arrow_array
from maskprep.schema import examples_schema
from maskprep.stages.best_fit import (
    B_START,
    DOCUMENT_ID,
    NO_SEGMENTS,
    PLACE,
    POSITION,
    ROW,
    SEGMENT_COLUMNS,
    START,
    STOP,
    TOKENS_PER_BATCH,
    fit_rows,
    offsets_of,
)
from maskprep.stages.row_layout import SequenceLayout, segment_columns, sequence_columns

SEGMENTS_AT_ONCE = 2**16


class SpooledDocuments(Protocol):
    """Where documents lie, in several places."""

    def documents(self, place: int) -> FlatDocuments:
        """Return the documents of one place."""

    def copy(
        self, partners: Partners, destinations: NDArray[np.int64], gathered: NDArray[np.uint32]
    ) -> None:
        """Copy the tokens of segments to their destinations in `gathered`."""


@dataclass
class PackingCounts:
    """What became of the documents so far. Every token is in one row."""

    rows: int = 0
    sequences: int = 0
    """Runs of one document's tokens in one row."""
    tokens: int = 0
    sentences_cut: int = 0
    words_split: int = 0
    documents_split: int = 0
    """Documents that lie in several rows."""
    two_segment_rows: int = 0
    sentences_divided: int = 0
    """Rows of one sentence that were divided at a word."""
    rows_undivided: int = 0
    """Rows of one word that should have been divided."""


def max_packed_tokens(layout: SequenceLayout, config: PackingConfig) -> int:
    """Return how many tokens of documents, and separators between them, a row may hold.

    Raises:
        ConfigError: --max-seq-length leaves no room for a token.
    """
    specials = layout.before.size + layout.after.size
    if config.max_seq_length <= specials:
        raise ConfigError(
            f"--max-seq-length is {config.max_seq_length}; expected at least {specials + 1}: "
            f"{specials} special tokens and one token of a document."
        )
    if layout.pair is not None:
        of_two = layout.pair.special_ids.size
        if config.max_seq_length < of_two + 2:
            raise ConfigError(
                f"--max-seq-length is {config.max_seq_length}; expected at least {of_two + 2} with "
                f"--two-segments-prob: {of_two} special tokens and one token for each segment."
            )
    return config.max_seq_length - specials


def pack_documents(
    ranges: Sequence[DocumentRange],
    source: SpooledDocuments,
    layout: SequenceLayout,
    config: PackingConfig,
    counts: PackingCounts,
    *,
    has_sentences: bool = True,
) -> Iterator[pa.RecordBatch]:
    """Fill rows with documents.

    Args:
        ranges: the documents, in order.
        source: where they lie.
        layout: special tokens.
        config: boundaries, lengths, seed.
        counts: added to.
        has_sentences: whole sentences are kept together; False: whole words.

    Yields:
        Packed examples, about `TOKENS_PER_BATCH` tokens at a time: in the order of the documents;
        with best fit, in the order of the rows' first documents.
    """
    settings = _kernel_settings(layout, config, has_sentences=has_sentences)
    cut = np.zeros(4, np.int64)
    planned = _plan_segments(ranges, source, settings, cut, counts)
    is_best_fit = config.boundaries == "best-fit"
    if is_best_fit:
        specials = layout.before.size + layout.after.size
        tables = fit_rows((segments for segments, _ in planned), specials, config.max_seq_length)
    else:
        tables = _closed_rows(planned)
    for segments in tables:
        yield _assemble_rows(segments, source, layout, counts, is_best_fit=is_best_fit)
    counts.sentences_cut += int(cut[kernels.SENTENCES_CUT])
    counts.words_split += int(cut[kernels.WORDS_CUT])
    counts.sentences_divided += int(cut[two_segments.SENTENCES_DIVIDED])
    counts.rows_undivided += int(cut[two_segments.ROWS_UNDIVIDED])


def _kernel_settings(
    layout: SequenceLayout, config: PackingConfig, *, has_sentences: bool
) -> NDArray[np.uint64]:
    budget = max_packed_tokens(layout, config)
    divider = 0 if layout.pair is None else layout.pair.between.size
    settings = np.zeros(9, np.uint64)
    settings[kernels.BUDGET] = budget
    settings[kernels.SEPARATOR_TOKENS] = layout.separator.size
    settings[kernels.CROSSES] = config.boundaries == "cross"
    # A sentence is whole if it fits any row, one that is to be divided too.
    settings[kernels.LONGEST_WHOLE] = budget - divider if has_sentences else 0
    settings[kernels.SHORT_THRESHOLD] = probability_threshold(config.short_seq_prob)
    settings[kernels.SEED] = config.seed
    settings[kernels.MOST_TOKENS] = TOKENS_PER_BATCH
    settings[kernels.DIVIDED_THRESHOLD] = probability_threshold(config.two_segments_prob)
    settings[kernels.DIVIDER_TOKENS] = divider
    return settings


def _plan_segments(
    ranges: Sequence[DocumentRange],
    source: SpooledDocuments,
    settings: NDArray[np.uint64],
    cut: NDArray[np.int64],
    counts: PackingCounts,
) -> Iterator[tuple[NDArray[np.int64], int]]:
    """Yield tables of segments, rows ascending, and the number of the row that is still open."""
    state = np.zeros(8, np.int64)
    plan = np.zeros((SEGMENTS_AT_ONCE, kernels.PLAN_COLUMNS), np.int64)
    for part in ranges:
        documents = source.documents(part.place)
        state[kernels.NEXT_DOCUMENT], state[kernels.LAST_DOCUMENT] = part.first, part.stop
        state[kernels.NEXT_SENTENCE] = documents.document_offsets[part.first]
        state[kernels.NEXT_TOKEN] = documents.sentence_offsets[state[kernels.NEXT_SENTENCE]]
        while state[kernels.NEXT_DOCUMENT] < part.stop:
            number = kernels.plan_sequences(
                documents.word_starts,
                documents.sentence_offsets,
                documents.document_offsets,
                documents.document_ids,
                settings,
                state,
                plan,
                cut,
            )
            if settings[kernels.DIVIDED_THRESHOLD]:
                two_segments.divide_rows(
                    documents.word_starts,
                    documents.sentence_offsets,
                    documents.document_offsets,
                    documents.document_ids,
                    settings,
                    plan[:number],
                    cut,
                )
            segments = _describe(plan[:number], part.place, documents, counts)
            yield segments, int(state[kernels.OPEN_ROW])


def _describe(
    plan: NDArray[np.int64], place: int, documents: FlatDocuments, counts: PackingCounts
) -> NDArray[np.int64]:
    segments = np.empty((len(plan), SEGMENT_COLUMNS), np.int64)
    numbers = plan[:, kernels.DOCUMENT]
    first = documents.sentence_offsets[documents.document_offsets[numbers]]
    last = documents.sentence_offsets[documents.document_offsets[numbers + 1]]
    segments[:, ROW] = plan[:, kernels.ROW]
    segments[:, PLACE] = place
    segments[:, START] = plan[:, kernels.START]
    segments[:, STOP] = plan[:, kernels.STOP]
    segments[:, B_START] = plan[:, kernels.B_START]
    segments[:, DOCUMENT_ID] = documents.document_ids[numbers]
    segments[:, POSITION] = segments[:, START] - first
    is_split = (segments[:, POSITION] == 0) & (segments[:, STOP] < last)
    counts.documents_split += int(np.count_nonzero(is_split))
    return segments


def _closed_rows(
    planned: Iterator[tuple[NDArray[np.int64], int]],
) -> Iterator[NDArray[np.int64]]:
    waiting = NO_SEGMENTS
    for segments, open_row in planned:
        waiting = np.concatenate([waiting, segments])
        closed = int(np.searchsorted(waiting[:, ROW], open_row))
        if closed:
            yield waiting[:closed]
            waiting = waiting[closed:]
    if len(waiting):
        yield waiting


def _assemble_rows(
    segments: NDArray[np.int64],
    source: SpooledDocuments,
    layout: SequenceLayout,
    counts: PackingCounts,
    *,
    is_best_fit: bool,
) -> pa.RecordBatch:
    """Gather the tokens of whole rows, and lay them out with special tokens."""
    spans = np.ascontiguousarray(segments[:, START : STOP + 1])
    segment_offsets = offsets_of(spans[:, 1] - spans[:, 0])
    tokens = np.empty(segment_offsets[-1], np.uint32)
    found = Partners(segments[:, PLACE], spans, segments[:, DOCUMENT_ID])
    source.copy(found, segment_offsets[:-1], tokens)
    firsts = np.flatnonzero(np.diff(segments[:, ROW], prepend=-1))
    if layout.pair is None:
        row_segments = np.append(firsts, len(segments))
        columns = sequence_columns(
            tokens, segment_offsets, row_segments, layout, is_best_fit=is_best_fit
        )
    else:
        columns = segment_columns(segments, tokens, segment_offsets, layout.pair)
        counts.two_segment_rows += int(np.count_nonzero(segments[:, B_START] < segments[:, STOP]))
    counts.rows += firsts.size
    counts.sequences += len(segments)
    counts.tokens += len(columns["input_ids"].values)
    document_ids = np.ascontiguousarray(segments[firsts, DOCUMENT_ID])
    example_ids = np.empty(firsts.size, np.int64)
    positions = np.ascontiguousarray(segments[firsts, POSITION])
    name_examples(document_ids, positions, np.uint64(0), example_ids)
    columns["example_id"] = arrow_array(example_ids)
    columns["document_id"] = arrow_array(document_ids)
    schema = examples_schema("packed" if layout.pair is None else "segments")
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)
