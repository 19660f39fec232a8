"""Raw text -> DOCUMENTS: ids, sentence lengths, word starts.

    text -> lines without outer white space -> units of encoding -> ids, word starts
                                  |-> sentence borders -------------> tokens per sentence

Sentence borders are laid over encoded units, so they never change an id.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskprep.config import TokenizationConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.encoders.reference import EncodedLines
from maskprep.errors import CorpusError
from maskprep.kernels.lines import count_line_breaks, find_lines, join_lines
from maskprep.kernels.tokenization import cut_words, lay_sentences
from maskprep.list_columns import arrow_array, list_column, numpy_array
from maskprep.schema import DOCUMENTS, RAW_DOCUMENTS, WORD_BORDERS
from maskprep.stages.given_words import given_words, lay_given_words, places_in_joined_lines

MAX_WORD_TOKENS = 16

SplitLines = Callable[
    [NDArray[np.uint8], NDArray[np.int64], str], tuple[NDArray[np.int64], NDArray[np.int64]]
]
"""Bytes, lines in them and a language -> sentences per line, and the byte where each begins."""


class Encoder(Protocol):
    """What turns lines of flat UTF-8 bytes into ids."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What it encodes with."""

    def encode_lines(
        self,
        text: NDArray[np.uint8],
        line_starts: NDArray[np.int64],
        line_ends: NDArray[np.int64],
        needs_starts: NDArray[np.bool_] | None = None,
    ) -> EncodedLines:
        """Encode each line on its own."""


@dataclass
class TokenizationCounts:
    """What became of the text so far.

    Attributes:
        documents: that were read.
        documents_without_tokens: of these, which are dropped.
        lines: with visible characters.
        sentences: with tokens.
        tokens: all.
        unknown_tokens: of these, [UNK].
        words_cut: words over 16 tokens.
        words_joined: given words (`--words`) at which no token begins.
        special_tokens_in_text: places where the text spells a special token.
    """

    documents: int = 0
    documents_without_tokens: int = 0
    lines: int = 0
    sentences: int = 0
    tokens: int = 0
    unknown_tokens: int = 0
    words_cut: int = 0
    words_joined: int = 0
    special_tokens_in_text: int = 0


@dataclass(frozen=True)
class _Units:
    """What is encoded, and where its sentences may begin.

    Attributes:
        data: uint8 [bytes].
        rows: int64 [units], row of each.
        starts: int64 [units], first byte in `data`.
        ends: int64 [units].
        spans: int64 [spans, 4], lines to be split into sentences, as `find_lines` writes them.
        span_units: int64 [spans], unit of each.
        words: int64 [words], first byte of each word that the corpus gives; None: it gives none.
    """

    data: NDArray[np.uint8]
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    spans: NDArray[np.int64]
    span_units: NDArray[np.int64]
    words: NDArray[np.int64] | None = None


def tokenize_documents(
    batch: pa.RecordBatch,
    encoder: Encoder,
    split_lines: SplitLines,
    config: TokenizationConfig,
    counts: TokenizationCounts,
) -> pa.RecordBatch:
    """Tokenize raw documents, row by row.

    Args:
        batch: rows of RAW_DOCUMENTS, with WORD_BORDERS if words are given; further columns are
            carried along.
        encoder: gives the ids.
        split_lines: gives the sentences.
        config: settings.
        counts: added to.

    Returns:
        As many rows of DOCUMENTS: part 0 begins a document, part 1 goes on with the one before;
        `stages.parts` makes whole documents of them, and drops those without tokens.

    Raises:
        CorpusError: the text spells a special token, and that is to be an error.
        TokenizerError: the tokenizer cannot encode the text.
    """
    _count_special_tokens(batch, encoder.tokenizer, config, counts)
    units = _find_units(batch, config, counts)
    borders, needs_starts = _sentence_borders(units, split_lines, config)
    if units.words is not None:
        needs_starts = np.ones_like(needs_starts)
    encoded = encoder.encode_lines(units.data, units.starts, units.ends, needs_starts)
    lengths, row_sentences, row_tokens = _lay_borders(units, encoded, borders, batch.num_rows)
    continues = numpy_array(batch.column("continues"))
    counts.documents += int(np.count_nonzero(~continues))
    counts.sentences += lengths.size
    counts.tokens += encoded.ids.size
    if units.words is not None:
        counts.words_joined += lay_given_words(units.data, units.starts, units.words, encoded)
    counts.words_cut += cut_words(encoded.word_starts, MAX_WORD_TOKENS)
    if "unk" in encoder.tokenizer.roles:
        unknown = encoder.tokenizer.role_id("unk")
        counts.unknown_tokens += int(np.count_nonzero(encoded.ids == unknown))
    token_offsets = offsets_of(row_tokens)
    return document_rows(
        batch,
        [
            batch.column("document_id"),
            arrow_array(continues.astype(np.int32)),
            list_column(encoded.ids, token_offsets),
            list_column(lengths, offsets_of(row_sentences)),
            list_column(encoded.word_starts, token_offsets),
        ],
    )


def lines_to_encode(
    batch: pa.RecordBatch, config: TokenizationConfig
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Return what `tokenize_documents` has encoded of raw documents.

    Args:
        batch: rows of RAW_DOCUMENTS.
        config: settings.

    Returns:
        uint8 [bytes], and for each line its first byte and one past its last, int64 [lines] both.
    """
    units = _find_units(batch, config, TokenizationCounts())
    return units.data, units.starts, units.ends


def _lay_borders(
    units: _Units, encoded: EncodedLines, borders: NDArray[np.int64], num_rows: int
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """Return tokens per sentence int32 [sentences], sentences and tokens per row int64 [rows]."""
    lengths = np.empty(encoded.ids.size, np.int32)
    row_sentences = np.zeros(num_rows, np.int64)
    row_tokens = np.zeros(num_rows, np.int64)
    num_sentences = lay_sentences(
        units.rows,
        units.starts,
        encoded.offsets,
        encoded.starts,
        borders,
        lengths,
        row_sentences,
        row_tokens,
    )
    return lengths[:num_sentences], row_sentences, row_tokens


def document_rows(batch: pa.RecordBatch, columns: list[Any]) -> pa.RecordBatch:
    """Return rows of DOCUMENTS with the columns that `batch` has beside its own."""
    known = {*RAW_DOCUMENTS.names, *DOCUMENTS.names, WORD_BORDERS.name}
    carried = [field for field in batch.schema if field.name not in known]
    return pa.RecordBatch.from_arrays(
        [*columns, *(batch.column(field.name) for field in carried)],
        schema=pa.schema([*DOCUMENTS, *carried]),
    )


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of some rows begins: int64 [rows + 1], from lengths int64 [rows]."""
    offsets = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _flat_text(text: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:  # noqa: ANN401 - Arrow
    """Return a large_string column as uint8 [bytes] and offsets int64 [rows + 1]."""
    _, offsets_buffer, data_buffer = text.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[text.offset : text.offset + len(text) + 1]
    if data_buffer is None or len(text) == 0:
        return np.empty(0, np.uint8), np.zeros(len(text) + 1, np.int64)
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]


def _count_special_tokens(
    batch: pa.RecordBatch,
    tokenizer: Tokenizer,
    config: TokenizationConfig,
    counts: TokenizationCounts,
) -> None:
    text = batch.column("text")
    for token in _spelled_tokens(_flat_text(text)[0], tokenizer.special_tokens):
        found = numpy_array(pc.count_substring(text, token))
        if not found.any():
            continue
        if config.special_tokens_in_text == "error":
            document_id = batch.column("document_id")[int(found.argmax())]
            raise CorpusError(
                f"document {document_id} spells the special token {token}; expected none in the "
                f"text. Remove it, or read it as ordinary text with --special-tokens-in-text split."
            )
        counts.special_tokens_in_text += int(found.sum())


def _spelled_tokens(data: NDArray[np.uint8], tokens: Sequence[str]) -> list[str]:
    """Return those of some tokens that stand in flat text uint8 [bytes], over row borders too."""
    places: dict[int, NDArray[np.int64]] = {}
    spelled = []
    for token in filter(None, tokens):
        token_bytes = token.encode()
        # Special tokens begin with the same one or two characters: one pass for each of them.
        if token_bytes[0] not in places:
            places[token_bytes[0]] = np.flatnonzero(data == token_bytes[0])
        found = places[token_bytes[0]]
        found = found[found <= data.size - len(token_bytes)]
        for place in range(1, len(token_bytes)):
            found = found[data[found + place] == token_bytes[place]]
        if found.size:
            spelled.append(token)
    return spelled


def _find_units(
    batch: pa.RecordBatch, config: TokenizationConfig, counts: TokenizationCounts
) -> _Units:
    data, offsets = _flat_text(batch.column("text"))
    words = given_words(batch, offsets)
    most = count_line_breaks(data) + offsets.size
    found = np.empty((most, 4), np.int64)
    lines = found[: find_lines(data, offsets, found)]
    counts.lines += len(lines)
    if config.encode == "document":
        rows, firsts = np.unique(lines[:, 0], return_index=True)
        lasts = np.append(firsts[1:], len(lines)) - 1
        span_units = np.repeat(np.arange(rows.size), lasts - firsts + 1)
        return _Units(data, rows, lines[firsts, 1], _ends(lines, lasts), lines, span_units, words)
    if config.line_breaks == "space":
        joined = np.empty(data.size + len(lines), np.uint8)
        units = np.empty((len(lines), 4), np.int64)
        if words is not None and words.size:
            words = places_in_joined_lines(words, lines)
        lines = units[: join_lines(data, lines, joined, units)]
        data = joined
    rows, starts, ends = (np.ascontiguousarray(lines[:, column]) for column in range(3))
    return _Units(data, rows, starts, ends, lines, np.arange(len(lines)), words)


def _ends(lines: NDArray[np.int64], lasts: NDArray[np.int64]) -> NDArray[np.int64]:
    # Without lines there is one "last" before the first.
    return lines[lasts, 2] if len(lines) else np.empty(0, np.int64)


def _sentence_borders(
    units: _Units, split_lines: SplitLines, config: TokenizationConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return int64 [borders], ascending bytes, and bool [units], those with more than one."""
    if config.sentences == "none":
        return np.empty(0, np.int64), np.zeros(units.rows.size, np.bool_)
    lines = np.ascontiguousarray(units.spans[:, 1:3])
    num_sentences, borders = np.ones(len(lines), np.int64), np.ascontiguousarray(lines[:, 0])
    if config.sentences == "split":
        num_sentences, borders = split_lines(units.data, lines, config.language)
    of_units = np.bincount(units.span_units, num_sentences, minlength=units.rows.size)
    return borders, of_units > 1
