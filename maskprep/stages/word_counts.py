"""How often each word occurs in a corpus, as the tokenizer's own pipeline sees words.

A kernel counts chunks of the raw bytes; each distinct chunk then goes through the normaliser and
the pre-tokenizer once. Memory grows with the number of distinct chunks only, up to `MOST_CHUNKS`:
then the rarest are forgotten, and how often they occurred is told.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tokenizers import Tokenizer

from maskprep.config import Model
from maskprep.kernels.word_counts import (
    ARENA_USED,
    BERT,
    BYTE_LEVEL,
    COUNT,
    IN_LINE,
    LENGTH,
    NEXT,
    NUM_CHUNKS,
    ROW,
    START,
    WHITE_SPACE,
    add_chunks,
    count_chunks,
    forget_chunks,
    place_chunks,
)

_RULES: dict[Model, int] = {"wordpiece": BERT, "bpe": BYTE_LEVEL, "unigram": WHITE_SPACE}
MOST_CHUNKS = 1 << 23
"""Distinct chunks that are counted at once, in about 600 MB; ten times those of 20 GB of prose."""

_FIRST_CHUNKS = 1 << 16
_CHUNKS_A_CALL = 1 << 14
"""Chunks that pass through the library at once."""
_SEPARATOR_IN_BYTES = "Ċ"
"""A line feed after the byte-level pre-tokenizer; no line holds one."""


@dataclass(frozen=True)
class CountedChunks:
    """Distinct chunks and how often they occur.

    Attributes:
        chunks: int64 [chunks, 4], see kernels.word_counts.START.
        text: uint8 [bytes], the chunks' bytes.
        num_bytes: of the text they were counted in.
        num_forgotten: occurrences of rare chunks that are not counted.
    """

    chunks: NDArray[np.int64]
    text: NDArray[np.uint8]
    num_bytes: int
    num_forgotten: int


class WordCounter:
    """Counts the words of every line of a corpus, white space around lines removed.

    Args:
        model: decides where text may be cut into chunks.

    Attributes:
        num_bytes: of text.
        num_forgotten: occurrences of rare chunks that are not counted, because there were too many
            distinct ones.
    """

    def __init__(self, model: Model) -> None:
        self.num_bytes = 0
        self.num_forgotten = 0
        self._model = model
        self._chunks = np.zeros((_FIRST_CHUNKS, 4), np.int64)
        self._arena = np.zeros(16 * _FIRST_CHUNKS, np.uint8)
        self._slots = np.full(2 * _FIRST_CHUNKS, -1, np.int32)
        self._state = np.zeros(5, np.int64)

    @property
    def num_chunks(self) -> int:
        """Distinct chunks so far."""
        return int(self._state[NUM_CHUNKS])

    def add(self, text: pa.LargeStringArray) -> None:
        """Count the words of some rows.

        Args:
            text: large_string [rows], whole lines each.
        """
        if len(text) == 0:
            return
        _, offset_buffer, text_buffer = text.buffers()
        offsets = np.frombuffer(offset_buffer, np.int64)[text.offset :][: len(text) + 1]
        data = np.frombuffer(text_buffer, np.uint8) if text_buffer else np.empty(0, np.uint8)
        self.num_bytes += int(offsets[-1] - offsets[0])
        self._state[[ROW, NEXT, IN_LINE]] = 0, offsets[0], 0
        rule = _RULES[self._model]
        while not count_chunks(
            data, offsets, rule, self._chunks, self._arena, self._slots, self._state
        ):
            self._enlarge()

    def table(self) -> CountedChunks:
        """Return what was counted, for `add_counted`."""
        return CountedChunks(
            self._chunks[: self.num_chunks],
            self._arena[: self._state[ARENA_USED]],
            self.num_bytes,
            self.num_forgotten,
        )

    def add_counted(self, table: CountedChunks) -> None:
        """Add what another counter of the same model has counted."""
        self.num_bytes += table.num_bytes
        self.num_forgotten += table.num_forgotten
        self._state[NEXT] = 0
        while not add_chunks(
            table.chunks, table.text, self._chunks, self._arena, self._slots, self._state
        ):
            self._enlarge()

    def _enlarge(self) -> None:
        """Double what is full, or forget what is rare."""
        size, used = len(self._chunks), self.num_chunks
        if used == size >= MOST_CHUNKS:
            self._forget_rare()
        elif 2 * used >= size and size < MOST_CHUNKS:
            self._chunks = np.concatenate([self._chunks, np.zeros_like(self._chunks)])
            self._slots = np.empty(4 * size, np.int32)
            self._place_all()
        else:
            self._arena = np.concatenate([self._arena, np.zeros_like(self._arena)])

    def _forget_rare(self) -> None:
        """Forget the chunks with the lowest counts, until at least half of the table is free."""
        counts = self._chunks[:, COUNT]
        least = int(np.partition(counts, counts.size // 2)[counts.size // 2]) + 1
        self.num_forgotten += forget_chunks(self._chunks, self._arena, least, self._state)
        self._place_all()

    def _place_all(self) -> None:
        self._slots[:] = -1
        place_chunks(self._chunks, self.num_chunks, self._slots)

    def count_words(self, tokenizer: Tokenizer) -> tuple[list[str], NDArray[np.int64]]:
        """Return the distinct words, sorted, and their counts, int64 [words].

        Args:
            tokenizer: whose normaliser and pre-tokenizer cut a chunk into words.
        """
        counts: defaultdict[str, int] = defaultdict(int)
        is_byte_level = self._model == "bpe"
        for text, count in self._texts():
            if tokenizer.normalizer is not None:
                text = tokenizer.normalizer.normalize_str(text)  # noqa: PLW2901 - the same text
            for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text):
                # The separator of byte-level chunks is a word of its own, or ends one of spaces.
                for part in word.split(_SEPARATOR_IN_BYTES) if is_byte_level else (word,):
                    counts[part] += count
        counts.pop("", None)
        words = sorted(counts)
        return words, np.fromiter((counts[word] for word in words), np.int64, len(words))

    def _texts(self) -> Iterator[tuple[str, int]]:
        """Yield texts made of chunks of one count, joined where that changes no word."""
        rows = self._chunks[: self._state[NUM_CHUNKS]]
        rows = rows[np.argsort(rows[:, COUNT], kind="stable")]
        borders = np.flatnonzero(np.diff(rows[:, COUNT], prepend=-1, append=-1))
        arena = self._arena[: self._state[ARENA_USED]].tobytes()
        separator = "\n" if self._model == "bpe" else " "
        for first, last in pairwise(borders.tolist()):
            count = int(rows[first, COUNT])
            for start in range(first, last, _CHUNKS_A_CALL):
                some = rows[start : min(start + _CHUNKS_A_CALL, last), [START, LENGTH]].tolist()
                chunks = [arena[place : place + length].decode() for place, length in some]
                if self._model == "bpe":
                    yield from ((chunk, count) for chunk in chunks if not _is_plain(chunk))
                    chunks = [chunk for chunk in chunks if _is_plain(chunk)]
                yield separator.join(chunks), count


def _is_plain(chunk: str) -> bool:
    """Tell whether a chunk has no white space but one space in front."""
    return chunk.removeprefix(" ").split() == [chunk.removeprefix(" ")]
