"""Cutting lines at spaces that no tokenizer looks across, and remembering the chunks between.

A line is cut at a space between two visible ASCII characters: no normaliser that treats characters
one by one joins anything over it, and a pre-tokenizer of SentencePiece's kind begins a word there.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel

_SPACE = np.uint8(0x20)
_FIRST_VISIBLE, _LAST_VISIBLE = np.uint8(0x21), np.uint8(0x7E)
_HASH_START = np.uint64(0xCBF29CE484222325)
_HASH_FACTOR = np.uint64(0x100000001B3)
_HASH_SHIFT = np.uint64(29)


@device
def _is_visible(byte):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return _FIRST_VISIBLE <= byte <= _LAST_VISIBLE


@device
def _chunk_stop(text, start, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return where the chunk that begins at `start` ends: at a space, or with the line."""
    for b in range(start + 1, stop - 1):
        if text[b] == _SPACE and _is_visible(text[b - 1]) and _is_visible(text[b + 1]):
            return b
    return stop


@device
def _hash_bytes(text, start, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    value = _HASH_START
    for b in range(start, stop):
        value = (value ^ np.uint64(text[b])) * _HASH_FACTOR
    return value ^ (value >> _HASH_SHIFT)


@device
def _equal_bytes(text, start, length, arena, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for b in range(length):  # noqa: SIM110 - Numba compiles no generators
        if text[start + b] != arena[place + b]:
            return False
    return True


@device
def _remember(text, start, stop, table, places, arena, num_chunks):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the number of a chunk, a new one if it has not been seen."""
    length = stop - start
    slot = np.int64(_hash_bytes(text, start, stop) & np.uint64(table.size - 1))
    while table[slot] != 0:
        number = np.int64(table[slot]) - 1
        place = places[number]
        is_as_long = places[number + 1] - place == length + 1  # A space stands behind each chunk.
        if is_as_long and _equal_bytes(text, start, length, arena, place):
            return number
        slot = (slot + 1) & (table.size - 1)
    number = num_chunks[0]
    place = places[number]
    for b in range(length):
        arena[place + b] = text[start + b]
    arena[place + length] = _SPACE
    places[number + 1] = place + length + 1
    table[slot] = number + 1
    num_chunks[0] = number + 1
    return number


@kernel(
    "void(const_uint8[::1], int64[:, ::1], int32[::1], int64[::1], uint8[::1],"
    " int64[::1], int32[:, ::1], int64[::1])"
)
def number_chunks(
    text: NDArray[np.uint8],
    lines: NDArray[np.int64],
    table: NDArray[np.int32],
    places: NDArray[np.int64],
    arena: NDArray[np.uint8],
    num_chunks: NDArray[np.int64],
    occurrences: NDArray[np.int32],
    line_offsets: NDArray[np.int64],
) -> None:
    """Cut lines into chunks, and give equal chunks one number.

    Args:
        text: uint8 [bytes], UTF-8.
        lines: int64 [lines, 2], first byte and one past the last.
        table: int32 [a power of two, more than twice the chunks], number + 1 of each known chunk
            at its hash, 0 where free; updated, as are the next three.
        places: int64 [chunks + 1], where each known chunk begins in the arena, and where the next
            one will.
        arena: uint8 [bytes], the known chunks, each with a space behind it.
        num_chunks: int64 [1].
        occurrences: int32 [chunks of the lines, 2], number of each and its first byte in the line;
            written in place.
        line_offsets: int64 [lines + 1], in occurrences; written in place.
    """
    found = 0
    line_offsets[0] = 0
    for line in range(lines.shape[0]):
        start, stop = lines[line, 0], lines[line, 1]
        b = start
        while b < stop:
            end = _chunk_stop(text, b, stop)
            occurrences[found, 0] = _remember(text, b, end, table, places, arena, num_chunks)
            occurrences[found, 1] = b - start
            found += 1
            b = end + 1
        line_offsets[line + 1] = found


@kernel(
    "void(int32[:, ::1], const_int64[::1], const_int64[::1], const_int32[::1], const_int32[::1],"
    " const_boolean[::1], int64[::1], int32[::1], int32[::1], boolean[::1])"
)
def lay_chunks(
    occurrences: NDArray[np.int32],
    line_offsets: NDArray[np.int64],
    token_offsets: NDArray[np.int64],
    known_ids: NDArray[np.int32],
    known_starts: NDArray[np.int32],
    known_words: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    ids: NDArray[np.int32],
    starts: NDArray[np.int32],
    word_starts: NDArray[np.bool_],
) -> None:
    """Lay the tokens of chunks out as the tokens of lines.

    Args:
        occurrences: int32 [chunks of the lines, 2], from `number_chunks`.
        line_offsets: int64 [lines + 1], in occurrences.
        token_offsets: int64 [known chunks + 1], in known tokens.
        known_ids: int32 [known tokens].
        known_starts: int32 [known tokens], first byte in the chunk.
        known_words: bool [known tokens], a word begins.
        offsets: int64 [lines + 1], in tokens; written in place, as are the next three.
        ids: int32 [tokens].
        starts: int32 [tokens], first byte in the line.
        word_starts: bool [tokens].
    """
    written = 0
    offsets[0] = 0
    for line in range(line_offsets.size - 1):
        for c in range(line_offsets[line], line_offsets[line + 1]):
            number = occurrences[c, 0]
            for t in range(token_offsets[number], token_offsets[number + 1]):
                ids[written] = known_ids[t]
                starts[written] = known_starts[t] + occurrences[c, 1]
                word_starts[written] = known_words[t]
                written += 1
        offsets[line + 1] = written
