"""The reference encoder: the tokenizers library itself, from flat bytes to flat arrays."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
import tokenizers
from numpy.typing import NDArray

from maskprep.encoders.loading import Tokenizer
from maskprep.encoders.scripts import unspaced_letters
from maskprep.encoders.vocabularies import guarded
from maskprep.kernels.lines import find_letters, place_tokens

CHUNK_BYTES = 256 * 2**10
"""Text per call of the library: its encodings take about a hundred times as much memory."""

_MARK = "\u2581"
"""What SentencePiece writes for a space (Kudo and Richardson 2018, section 3.1)."""


@dataclass(frozen=True)
class EncodedLines:
    r"""Tokens of some lines.

    Attributes:
        ids: int32 [tokens].
        offsets: int64 [lines + 1], line i has ids[offsets[i]:offsets[i + 1]].
        starts: int32 [tokens], byte in its line of the token's first character, but behind the
            spaces that its word begins with (the T of `\u0120They`); 0 in lines whose starts were
            not asked for.
        word_starts: bool [tokens].
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    starts: NDArray[np.int32]
    word_starts: NDArray[np.bool_]


class ReferenceEncoder:
    """Encodes lines with the tokenizers library.

    Attributes:
        name: of the encoder, as manifests have it.
        tokenizer: what it encodes with.
    """

    name = "reference"

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take the tokenizer."""
        self.tokenizer = tokenizer
        self._letters = unspaced_letters()

    def encode_lines(
        self,
        text: NDArray[np.uint8],
        line_starts: NDArray[np.int64],
        line_ends: NDArray[np.int64],
        needs_starts: NDArray[np.bool_] | None = None,
    ) -> EncodedLines:
        """Encode each line on its own, without special tokens around it.

        A word begins at each line's first token; where the tokenizer's pre-tokenizer begins one;
        at the SentencePiece mark; at each letter of a script written without spaces.

        Args:
            text: uint8 [bytes], valid UTF-8.
            line_starts: int64 [lines], first byte of each.
            line_ends: int64 [lines], one past its last byte.
            needs_starts: bool [lines], whose `starts` are wanted; None: all.

        Raises:
            TokenizerError: the library cannot encode the text.
        """
        has_letters = np.empty(line_starts.size, np.bool_)
        find_letters(text, line_starts, line_ends, self._letters, has_letters)
        placed = has_letters | (True if needs_starts is None else needs_starts)
        chunks = []
        for first, stop in line_portions(line_starts, line_ends, CHUNK_BYTES):
            lines = np.stack([line_starts[first:stop], line_ends[first:stop]], axis=1)
            chunks.append(self._encode_chunk(text, lines, placed[first:stop]))
        lengths, ids, starts, word_starts = (
            np.concatenate(parts) for parts in zip(_NO_TOKENS, *chunks, strict=True)
        )
        offsets = np.zeros(line_starts.size + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return EncodedLines(ids, offsets, starts, word_starts)

    @cached_property
    def _backend(self) -> tokenizers.Tokenizer:
        """The library's tokenizer, without what trims offsets in some tokenizers."""
        backend = self.tokenizer.new_backend()
        backend.post_processor = None
        return backend

    @cached_property
    def _marked(self) -> NDArray[np.bool_] | None:
        return _marked_ids(self.tokenizer)

    def _encode_chunk(
        self,
        text: NDArray[np.uint8],
        lines: NDArray[np.int64],
        placed: NDArray[np.bool_],
    ) -> "_Chunk":
        view = text.data
        texts = [str(view[start:end], "utf-8") for start, end in lines.tolist()]
        encodings = guarded(
            self.tokenizer.origin,
            lambda: self._backend.encode_batch(texts, add_special_tokens=False),
        )
        lengths = np.fromiter(map(len, encodings), np.int64, len(encodings))
        total = int(lengths.sum())
        ids = np.fromiter(chain.from_iterable(one.ids for one in encodings), np.int32, total)
        word_starts = _word_borders(encodings, lengths, total)
        if self._marked is not None:
            word_starts |= self._marked[ids]
        starts = np.zeros(total, np.int32)
        if placed.any():
            which = np.repeat(placed, lengths)
            chosen = [encodings[i] for i in np.flatnonzero(placed).tolist()]
            characters = _characters(chosen, int(which.sum()))
            of_lines = np.zeros(len(chosen) + 1, np.int64)
            np.cumsum(lengths[placed], out=of_lines[1:])
            scratch = np.empty(int((lines[:, 1] - lines[:, 0]).max()) + 1, np.int32)
            their_starts, their_words = starts[which], word_starts[which]
            place_tokens(
                text,
                np.ascontiguousarray(lines[placed]),
                of_lines,
                characters,
                self._letters,
                scratch,
                their_starts,
                their_words,
            )
            starts[which], word_starts[which] = their_starts, their_words
        return lengths, ids, starts, word_starts


_Chunk = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]
_NO_TOKENS: _Chunk = (
    np.empty(0, np.int64),
    np.empty(0, np.int32),
    np.empty(0, np.int32),
    np.empty(0, np.bool_),
)


def line_portions(
    line_starts: NDArray[np.int64], line_ends: NDArray[np.int64], portion_bytes: int
) -> Iterator[tuple[int, int]]:
    """Yield runs of lines of at most `portion_bytes` together, or of one longer line."""
    ends = np.cumsum(line_ends - line_starts)
    first, before = 0, 0
    while first < ends.size:
        stop = max(int(np.searchsorted(ends, before + portion_bytes, side="right")), first + 1)
        yield first, stop
        first, before = stop, int(ends[stop - 1])


def _word_borders(
    encodings: list[tokenizers.Encoding], lengths: NDArray[np.int64], total: int
) -> NDArray[np.bool_]:
    """Return bool [tokens]: the pre-tokenizer's word changes, or a line begins."""
    words = np.fromiter(chain.from_iterable(one.word_ids for one in encodings), np.int32, total)
    borders = np.ones(total, np.bool_)
    np.not_equal(words[1:], words[:-1], out=borders[1:])
    firsts = np.cumsum(lengths) - lengths
    borders[firsts[lengths > 0]] = True
    return borders


def _characters(encodings: list[tokenizers.Encoding], total: int) -> NDArray[np.int32]:
    """Return int32 [tokens, 2]: first character and one past the last."""
    offsets = (one.offsets for one in encodings)
    numbers = chain.from_iterable(chain.from_iterable(offsets))
    return np.fromiter(numbers, np.int32, 2 * total).reshape(total, 2)


def _marked_ids(tokenizer: Tokenizer) -> NDArray[np.bool_] | None:
    """Return bool [ids], true where a token begins with the mark of a SentencePiece tokenizer."""
    fields = tokenizer.content
    settings = json.dumps([fields["normalizer"], fields["pre_tokenizer"]], ensure_ascii=False)
    if "Metaspace" not in settings and _MARK not in settings:
        return None
    marked = np.zeros(tokenizer.num_ids, np.bool_)
    for token, number in tokenizer.backend.get_vocab(with_added_tokens=True).items():
        marked[number] = token.startswith(_MARK)
    return marked
