"""SentencePiece's kind of tokenizers: every distinct chunk of text is encoded once.

A tokenizer that begins a word at each space gives the same tokens for a line and for the chunks
between its spaces (`kernels.chunks` says which). Text repeats its words, so nearly every chunk is
known already; what is not known is encoded by the library itself.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskprep.encoders.characters import normalizer_steps
from maskprep.encoders.fast import joined_lines, matched_tokens
from maskprep.encoders.reference import EncodedLines, ReferenceEncoder, line_portions
from maskprep.kernels.chunks import lay_chunks, number_chunks

PORTION_BYTES = 2**20
"""Text that is cut at once."""
MAX_CHUNKS = 2**19
"""Known chunks above which all are forgotten, so that memory stays bounded."""

_TABLE_SLOTS = 2**22
_STEPS = (
    *("BertNormalizer", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt"),
    *("Precompiled", "Replace", "Strip", "StripAccents"),
)
"""Of normalisers: none of them looks over a space between visible ASCII characters."""


def may_remember(content: Mapping[str, Any], *, parse_special_tokens: bool) -> bool:
    """Tell whether a tokenizer gives the same tokens for a line and for its chunks.

    Args:
        content: of tokenizer.json.
        parse_special_tokens: whether special tokens spelt in the text count as such.
    """
    if matched_tokens(content, parse_special_tokens=parse_special_tokens):
        return False
    for step in normalizer_steps(content["normalizer"]):
        if step["type"] not in _STEPS:
            return False
        # A replacement at the start of a text can keep the library from marking its first word.
        if step["type"] == "Replace" and step["pattern"] != {"Regex": " {2,}"}:
            return False
    pre_tokenizer = content["pre_tokenizer"] or {}
    steps = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    *before, last = steps
    splits = [step.get("type") == "WhitespaceSplit" for step in before]
    if last.get("type") != "Metaspace" or not all(splits) or len(splits) > 1:
        return False
    # Behind WhitespaceSplit, "first" marks the first word of a line and no other.
    schemes = ("always",) if splits else ("always", "first")
    return last.get("prepend_scheme") in schemes and bool(splits or last.get("split", True))


class RememberingEncoder:
    """Encodes lines chunk by chunk; see the module.

    Attributes:
        name: of the encoder, as manifests have it.
        tokenizer: what it encodes with.
    """

    name = "remembering"

    def __init__(self, reference: ReferenceEncoder) -> None:
        """Take the encoder of unknown chunks."""
        self.tokenizer = reference.tokenizer
        self._reference = reference
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
            self._encode_portion(text, lines[first:stop])
            for first, stop in line_portions(line_starts, line_ends, PORTION_BYTES)
        ]
        return portions[0] if len(portions) == 1 else joined_lines(portions)

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
        firsts = places[:-1].copy()
        new = self._reference.encode_lines(self._arena, firsts, places[1:] - 1)
        self._token_offsets = np.append(
            self._token_offsets, self._token_offsets[-1] + new.offsets[1:]
        )
        self._ids = np.append(self._ids, new.ids)
        self._starts = np.append(self._starts, new.starts)
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
