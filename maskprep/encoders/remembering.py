"""The library's ids at the speed of memory: every distinct chunk of text is encoded once.

A tokenizer whose pre-tokenizer never looks across certain borders gives the same tokens for a line
and for the chunks between its borders. Text repeats its words, so nearly every chunk is known
already; what is not known is encoded by the library itself.
"""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskprep.encoders.loading import Tokenizer
from maskprep.encoders.reference import EncodedLines, ReferenceEncoder
from maskprep.kernels.chunks import (
    BERT,
    BERT_IDEOGRAPHS,
    BYTE_LEVEL,
    lay_chunks,
    number_chunks,
)

PORTION_BYTES = 2**20
"""Text that is cut at once."""
MAX_CHUNKS = 2**19
"""Known chunks above which all are forgotten, so that memory stays bounded."""

CHUNKS_TOGETHER = 256

_TABLE_SLOTS = 2**22


def encoder_for(
    tokenizer: Tokenizer, *, parse_special_tokens: bool = False
) -> "ReferenceEncoder | RememberingEncoder":
    """Return the fastest encoder that gives exactly the library's ids.

    Args:
        tokenizer: to encode with.
        parse_special_tokens: whether special tokens spelt in the text count as such.
    """
    kind = chunk_kind(json.loads(tokenizer.json), parse_special_tokens=parse_special_tokens)
    reference = ReferenceEncoder(tokenizer)
    return reference if kind is None else RememberingEncoder(reference, kind)


def chunk_kind(content: dict[str, Any], *, parse_special_tokens: bool) -> int | None:
    """Return how a tokenizer's text may be cut into chunks, or None if that is not known.

    Args:
        content: of tokenizer.json.
        parse_special_tokens: whether special tokens spelt in the text count as such.
    """
    for token in content.get("added_tokens", []):
        matched = parse_special_tokens or not token["special"]
        if matched and (token["lstrip"] or token["rstrip"] or " " in token["content"]):
            return None
    normalizer = content.get("normalizer") or {}
    pre_tokenizer = content.get("pre_tokenizer") or {}
    if pre_tokenizer.get("type") == "BertPreTokenizer":
        if normalizer.get("type") == "BertNormalizer":
            return BERT_IDEOGRAPHS if normalizer["handle_chinese_chars"] else BERT
        return None if normalizer else BERT
    if pre_tokenizer.get("type") == "ByteLevel" and pre_tokenizer.get("use_regex", True):
        return None if normalizer else BYTE_LEVEL
    return None


class RememberingEncoder:
    """Encodes lines chunk by chunk; see the module.

    Attributes:
        name: of the encoder, as manifests have it.
        tokenizer: what it encodes with.
    """

    name = "remembering"

    def __init__(self, reference: ReferenceEncoder, kind: int) -> None:
        """Take the encoder of unknown chunks, and how lines may be cut."""
        self.tokenizer = reference.tokenizer
        self._reference = reference
        self._kind = kind
        self._table = np.zeros(_TABLE_SLOTS, np.int32)
        self._places = np.zeros(MAX_CHUNKS + PORTION_BYTES + 1, np.int64)
        self._arena = np.empty(0, np.uint8)
        self._num_chunks = np.zeros(1, np.int64)
        self._forget()

    def _forget(self) -> None:
        self._table[:] = 0
        self._num_chunks[0] = 0
        self._token_offsets = np.zeros(1, np.int64)
        self._ids = np.empty(0, np.int32)
        self._starts = np.empty(0, np.int32)
        self._words = np.empty(0, np.bool_)

    def encode_lines(
        self,
        text: NDArray[np.uint8],
        line_starts: NDArray[np.int64],
        line_ends: NDArray[np.int64],
        needs_starts: NDArray[np.bool_] | None = None,
    ) -> EncodedLines:
        """Encode each line on its own, as `ReferenceEncoder.encode_lines` does.

        Args:
            text: uint8 [bytes], valid UTF-8.
            line_starts: int64 [lines], first byte of each.
            line_ends: int64 [lines], one past its last byte.
            needs_starts: ignored: `starts` cost nothing here.

        Raises:
            TokenizerError: the library cannot encode the text.
        """
        del needs_starts
        lines = np.stack([line_starts, line_ends], axis=1)
        portions = [
            self._encode_portion(text, lines[first:stop]) for first, stop in _portions(lines)
        ]
        if not portions:
            return self._reference.encode_lines(text, line_starts, line_ends)
        if len(portions) == 1:
            return portions[0]
        lengths = np.concatenate([np.diff(portion.offsets) for portion in portions])
        return EncodedLines(
            np.concatenate([portion.ids for portion in portions]),
            np.append(0, np.cumsum(lengths)),
            np.concatenate([portion.starts for portion in portions]),
            np.concatenate([portion.word_starts for portion in portions]),
        )

    def _encode_portion(self, text: NDArray[np.uint8], lines: NDArray[np.int64]) -> EncodedLines:
        num_bytes = int((lines[:, 1] - lines[:, 0]).sum())
        if num_bytes > PORTION_BYTES:  # One line alone, too long to be worth remembering.
            starts, ends = lines.T.copy()
            return self._reference.encode_lines(text, starts, ends)
        if self._num_chunks[0] > MAX_CHUNKS:
            self._forget()
        known = int(self._num_chunks[0])
        used = int(self._places[known])
        if self._arena.size < used + 2 * num_bytes:
            self._arena = np.append(
                self._arena[:used], np.empty(used + 4 * PORTION_BYTES, np.uint8)
            )
        occurrences = np.empty((num_bytes // 2 + len(lines) + 1, 2), np.int32)
        line_offsets = np.empty(len(lines) + 1, np.int64)
        number_chunks(
            text,
            lines,
            self._kind,
            self._table,
            self._places,
            self._arena,
            self._num_chunks,
            occurrences,
            line_offsets,
        )
        self._learn(known)
        return self._lay(occurrences[: line_offsets[-1]], line_offsets)

    def _learn(self, known: int) -> None:
        """Let the library encode the chunks that were not known."""
        num_chunks = int(self._num_chunks[0])
        if num_chunks == known:
            return
        places = self._places[known : num_chunks + 1]
        # Chunks that a space may part are encoded many at a time: calls cost more than words.
        together = 1 if self._kind == BYTE_LEVEL else CHUNKS_TOGETHER
        firsts = places[:-1:together]
        lasts = np.append(places[together:-1:together], places[-1]) - 1
        new = self._reference.encode_lines(self._arena, firsts.copy(), lasts)
        starts = new.starts + np.repeat(firsts, np.diff(new.offsets))
        chunks = np.searchsorted(places, starts, side="right") - 1
        lengths = np.bincount(chunks, minlength=places.size - 1)
        self._token_offsets = np.append(
            self._token_offsets, self._token_offsets[-1] + np.cumsum(lengths)
        )
        self._ids = np.append(self._ids, new.ids)
        self._starts = np.append(self._starts, (starts - places[chunks]).astype(np.int32))
        self._words = np.append(self._words, new.word_starts)

    def _lay(self, occurrences: NDArray[np.int32], line_offsets: NDArray[np.int64]) -> EncodedLines:
        total = int(np.diff(self._token_offsets)[occurrences[:, 0]].sum())
        encoded = EncodedLines(
            np.empty(total, np.int32),
            np.empty(line_offsets.size, np.int64),
            np.empty(total, np.int32),
            np.empty(total, np.bool_),
        )
        lay_chunks(
            occurrences,
            line_offsets,
            self._token_offsets,
            self._ids,
            self._starts,
            self._words,
            encoded.offsets,
            encoded.ids,
            encoded.starts,
            encoded.word_starts,
        )
        return encoded


def _portions(lines: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return runs of lines of at most PORTION_BYTES together, or of one longer line."""
    ends = np.cumsum(lines[:, 1] - lines[:, 0])
    portions = []
    first, before = 0, 0
    while first < ends.size:
        stop = int(np.searchsorted(ends, before + PORTION_BYTES, side="right"))
        stop = max(stop, first + 1)
        portions.append((first, stop))
        first, before = stop, int(ends[stop - 1])
    return portions
