"""Byte-level BPE on raw bytes: words as GPT-2's pattern cuts them, merges by rank.

A word that was seen lately is looked up (`word_cache`); another one is normalised character by
character (`characters`), and its bytes are merged.

Source: Radford et al. 2019, `encoder.py` of openai/gpt-2 (pattern and byte alphabet); Sennrich,
Haddow, Birch 2016 (merges): of all neighbours the pair learned first is joined first, from left to
right.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.byte_words import SPACE_BYTE, kind_at, word_stop
from maskprep.kernels.characters import (
    BEGINS_WORD,
    LENGTH,
    LENGTH_SHIFT,
    PLACE_SHIFT,
    WHITE,
    code_point,
)
from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.word_cache import (
    MOST_BYTES,
    keep_word,
    laid_token,
    lay_word,
    word_key,
)

# Slots of `settings`; the ids of the 256 bytes follow.
PREFIX, NUM_DEFERRED, BYTE_IDS = range(3)
MOST_SYMBOLS = 256
"""Bytes of the longest word that is merged here; the library does not look at all pairs anew."""
# Rows of `scratch`: of a word's symbols id, first byte, and how it merges with the next one; of its
# bytes the byte itself, and the place of its character.
_ID, _BEGIN, _MERGE, _BYTE, _ORIGIN = range(5)
SCRATCH_ROWS = 5

_NO_MERGE = np.int64(2**62)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_LOW_HALF = np.int64(2**32 - 1)


@device
def _merge_of(left, right, merges):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return rank << 32 | id of the token that two tokens make; _NO_MERGE if they make none."""
    key = (left << 32 | right) + 1
    row = np.int64(((np.uint64(key) * _FACTOR) >> _HALF) & np.uint64(merges.shape[0] - 1))
    while merges[row, 0] != key:
        if merges[row, 0] == 0:
            return _NO_MERGE
        row = (row + 1) & (merges.shape[0] - 1)
    return merges[row, 1]


@device
def _normalize(text, span, after_space, characters, normalized, settings, scratch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write a word's bytes as the normaliser makes them; return how many, -1 if too many."""
    start, stop = span
    size = 0
    if after_space:
        scratch[_BYTE, 0], scratch[_ORIGIN, 0] = SPACE_BYTE, start
        size = 1
    i = start
    while i < stop:
        point, length = code_point(text, i)
        info = characters[point]
        place = np.int64(info >> PLACE_SHIFT)
        for b in range(place, place + np.int64((info >> LENGTH_SHIFT) & LENGTH)):
            if size == scratch.shape[1]:
                return -1
            scratch[_BYTE, size], scratch[_ORIGIN, size] = normalized[b], i
            size += 1
        i += length
    for b in range(size):
        scratch[_ID, b] = settings[BYTE_IDS + scratch[_BYTE, b]]
        scratch[_BEGIN, b] = b
    return size


@device
def _merge_symbols(size, merges, scratch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Join neighbours until none can be joined; return how many symbols are left."""
    ids, begins, joins = scratch[_ID], scratch[_BEGIN], scratch[_MERGE]
    for s in range(size - 1):
        joins[s] = _merge_of(ids[s], ids[s + 1], merges)
    while size > 1:
        best = 0
        for s in range(1, size - 1):
            if joins[s] < joins[best]:
                best = s
        if joins[best] == _NO_MERGE:
            break
        ids[best] = joins[best] & _LOW_HALF
        size -= 1
        for s in range(best + 1, size):
            ids[s], begins[s], joins[s] = ids[s + 1], begins[s + 1], joins[s + 1]
        if best > 0:
            joins[best - 1] = _merge_of(ids[best - 1], ids[best], merges)
        if best < size - 1:
            joins[best] = _merge_of(ids[best], ids[best + 1], merges)
    return size


@device
def _learn_word(  # type: ignore[no-untyped-def]  # noqa: ANN202
    text,  # noqa: ANN001
    span,  # noqa: ANN001
    after_space,  # noqa: ANN001
    characters,  # noqa: ANN001
    normalized,  # noqa: ANN001
    merges,  # noqa: ANN001
    settings,  # noqa: ANN001
    cache,  # noqa: ANN001
    tokens,  # noqa: ANN001
    place,  # noqa: ANN001
    scratch,  # noqa: ANN001
):
    """Lay out the tokens of the word text[span], and keep them if they fit.

    `place` is (number of the first token, first byte of the line); returns how many tokens there
    are then, -1 if the word is too long.
    """
    n, line_start = place
    size = _normalize(text, span, after_space, characters, normalized, settings, scratch)
    if size < 0:
        return np.int64(-1)
    count = _merge_symbols(size, merges, scratch)
    bytes_of, origins = scratch[_BYTE], scratch[_ORIGIN]
    for s in range(count):
        begin = scratch[_BEGIN, s]
        begins = s == 0
        if s > 0 and origins[begin] != origins[begin - 1]:
            point, _ = code_point(text, origins[begin])
            begins = (characters[point] & BEGINS_WORD) != np.uint32(0)
        shown = begin
        while shown < size and bytes_of[shown] == SPACE_BYTE:
            shown += 1
        start = origins[shown if shown < size else begin]
        tokens[n + s] = laid_token(scratch[_ID, s], begins, start - line_start)
    if span[1] - span[0] <= MOST_BYTES and not after_space:
        key = word_key(text, span[0], span[1])
        keep_word(cache, key, span[0] - line_start, tokens, (n, n + count))
    return n + count


@device
def _encode_line(  # type: ignore[no-untyped-def]  # noqa: ANN202
    text,  # noqa: ANN001
    span,  # noqa: ANN001
    characters,  # noqa: ANN001
    normalized,  # noqa: ANN001
    merges,  # noqa: ANN001
    settings,  # noqa: ANN001
    cache,  # noqa: ANN001
    tokens,  # noqa: ANN001
    n,  # noqa: ANN001
    scratch,  # noqa: ANN001
):
    """Lay out the tokens of one line; return how many there are then, -1 if the library must."""
    first, end = span
    i = first
    after_space = settings[PREFIX] != 0 and first < end and text[first] != SPACE_BYTE
    while i < end:
        stop, deferred = word_stop(text, i, end, after_space, characters, normalized)
        if deferred or (after_space and kind_at(text, i, characters)[0] == np.uint32(WHITE)):
            return np.int64(-1)
        after = np.int64(-1)
        if not after_space:
            after = lay_word(text, i, stop, first, cache, tokens, n)
        if after < 0:
            after = _learn_word(
                text, (i, stop), after_space, characters, normalized, merges, settings, cache,
                tokens, (n, first), scratch,
            )  # fmt: skip
            if after < 0:
                return np.int64(-1)
        n = after
        i = stop
        after_space = False
    return n


@kernel(
    "int64(const_uint8[::1], int64[:, ::1], const_uint32[::1], const_uint8[::1],"
    " int64[:, ::1], int64[::1], uint64[:, ::1], uint64[::1], int64[:, ::1], int64[:, ::1])"
)
def encode_bytes(
    text: NDArray[np.uint8],
    lines: NDArray[np.int64],
    characters: NDArray[np.uint32],
    normalized: NDArray[np.uint8],
    merges: NDArray[np.int64],
    settings: NDArray[np.int64],
    cache: NDArray[np.uint64],
    tokens: NDArray[np.uint64],
    deferred: NDArray[np.int64],
    scratch: NDArray[np.int64],
) -> int:
    """Encode lines.

    Args:
        text: uint8 [bytes], valid UTF-8.
        lines: int64 [lines, 3], first byte, one past the last; how many tokens there are after it
            is written in place.
        characters: uint32 [code points], see `characters`.
        normalized: uint8 [bytes], what characters become.
        merges: int64 [a power of two, 2], hash table: 1 + (left << 32 | right), or 0 where it is
            free; rank << 32 | id of the token that they make.
        settings: int64 [258]: whether a line begins with a space that the text does not have; the
            number of deferred lines, written in place; ids of the 256 bytes.
        cache: uint64 [a power of two, 8], see `word_cache`; updated.
        tokens: uint64 [bytes and lines together + 8], written in place, as `word_cache` lays them
            out.
        deferred: int64 [most deferred, 4], lines that only the library can encode: line, first
            byte, one past the last, how many tokens stand before it; written in place.
        scratch: int64 [5, MOST_SYMBOLS].

    Returns:
        How many tokens were written.
    """
    n = np.int64(0)
    num_deferred = 0
    for line in range(lines.shape[0]):
        span = lines[line, 0], lines[line, 1]
        after = _encode_line(
            text, span, characters, normalized, merges, settings, cache, tokens, n, scratch
        )
        if after < 0:
            deferred[num_deferred, 0], deferred[num_deferred, 1] = line, span[0]
            deferred[num_deferred, 2], deferred[num_deferred, 3] = span[1], n
            num_deferred += 1
        else:
            n = after
        lines[line, 2] = n
    settings[NUM_DEFERRED] = num_deferred
    return int(n)


@kernel("void(int64[:, ::1], int64[:, ::1])")
def add_merges(rules: NDArray[np.int64], merges: NDArray[np.int64]) -> None:
    """Enter merges into an empty hash table; of two with one pair the later counts.

    Args:
        rules: int64 [merges, 3], by rank: left id, right id, id of the joined token.
        merges: int64 [a power of two, over twice as many rows, 2], zeros; written in place.
    """
    for rank in range(rules.shape[0]):
        key = (rules[rank, 0] << 32 | rules[rank, 1]) + 1
        row = np.int64(((np.uint64(key) * _FACTOR) >> _HALF) & np.uint64(merges.shape[0] - 1))
        while merges[row, 0] != 0 and merges[row, 0] != key:
            row = (row + 1) & (merges.shape[0] - 1)
        merges[row, 0] = key
        merges[row, 1] = np.int64(rank) << 32 | rules[rank, 2]
