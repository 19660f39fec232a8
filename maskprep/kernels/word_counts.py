"""Pieces of text between safe borders, counted in a hash table over flat bytes.

A chunk is a stretch of a line that the tokenizer's normaliser and pre-tokenizer treat the same
alone as in its line, so that each distinct chunk has to be cut into words only once.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.bits import EIGHT, first_bytes, leading_alphanumerics, load_eight
from maskprep.kernels.compilation import device, inlined, kernel

BERT, BYTE_LEVEL, WHITE_SPACE = 0, 1, 2
"""Where chunks end, by pre-tokenizer: see `_chunk_end`."""

ROW, NEXT, IN_LINE, NUM_CHUNKS, ARENA_USED = range(5)
"""Slots of the counter's state, int64 [5]: where the scan stopped, and what the table holds."""

START, LENGTH, COUNT, HASH = range(4)
"""Columns of the table of chunks; START is a place in the arena."""

_LINE_FEED = 10
_SPACE = 32
_APOSTROPHE = 39
_HASH_START = np.uint64(0xCBF29CE484222325)
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_BYTE = np.uint64(8)
_HALF = np.uint64(32)
_POSITIVE = np.uint64(2**63 - 1)


@inlined
def _code_point(text, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the code point at byte i of valid UTF-8, and its bytes."""
    lead = np.int64(text[i])
    if lead < 0x80:  # noqa: PLR2004 - the forms of UTF-8, RFC 3629
        return lead, 1
    second = np.int64(text[i + 1]) & 0x3F
    if lead < 0xE0:  # noqa: PLR2004
        return (lead & 0x1F) << 6 | second, 2
    third = np.int64(text[i + 2]) & 0x3F
    if lead < 0xF0:  # noqa: PLR2004
        return (lead & 0x0F) << 12 | second << 6 | third, 3
    return (lead & 0x07) << 18 | second << 12 | third << 6 | np.int64(text[i + 3]) & 0x3F, 4


@device
def _is_white_space(code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell what Python's str.strip removes."""
    if code < 0x80:  # noqa: PLR2004 - ASCII
        return 9 <= code <= 13 or 28 <= code <= 32  # noqa: PLR2004
    return (
        code in (0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
        or 0x2000 <= code <= 0x200A  # noqa: PLR2004 - the typographic spaces
    )


@device
def _trimmed(text, start, end):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return text[start:end] without white space around it."""
    while start < end:
        code, length = _code_point(text, start)
        if not _is_white_space(code):
            break
        start += length
    while end > start:
        last = end - 1
        while text[last] & 0xC0 == 0x80:  # noqa: PLR2004 - a continuation byte
            last -= 1
        if not _is_white_space(_code_point(text, last)[0]):
            break
        end = last
    return start, end


@inlined
def _stands_alone(code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell what BERT makes a word of its own: ASCII punctuation and Han ideographs."""
    if code < 0x80:  # noqa: PLR2004 - ASCII
        return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126  # noqa: PLR2004
    return (
        0x4E00 <= code <= 0x9FFF  # noqa: PLR2004
        or 0x3400 <= code <= 0x4DBF  # noqa: PLR2004
        or 0x20000 <= code <= 0x2A6DF  # noqa: PLR2004
        or 0xF900 <= code <= 0xFAFF  # noqa: PLR2004
    )


@device
def _is_clause_mark(code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return code in (0x3001, 0x3002, 0xFF0C, 0xFF01, 0xFF1F, 0xFF1A, 0xFF1B, 0x201C, 0x201D)


@inlined
def _is_ascii_letter(code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return 97 <= code | 32 <= 122  # noqa: PLR2004 - a to z


@inlined
def _is_ascii_mark(code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell visible ASCII that is neither letter nor digit."""
    return 33 <= code <= 126 and not _is_ascii_letter(code) and not 48 <= code <= 57  # noqa: PLR2004


@device
def _is_byte_level_border(text, i, before, code):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether GPT-2's pattern has a border before character i, whatever stands further off.

    Before a space with a visible character on at least one side; between a letter and a mark, but
    for letters behind an apostrophe, which may be a contraction; and between an ideograph and a
    clause mark, because a Chinese line would be one chunk otherwise. The line's last character is
    no white space, so text[i + 1] exists behind a space.
    """
    if _is_ascii_mark(code):
        return _is_ascii_letter(before)
    if _is_ascii_letter(code):
        return before != _APOSTROPHE and _is_ascii_mark(before)
    if code == _SPACE:
        after = text[i + 1]
        # White space beyond ASCII begins with the bytes C2, E1, E2 or E3.
        return (
            33 <= before <= 126  # noqa: PLR2004 - visible ASCII
            or 33 <= after <= 126  # noqa: PLR2004
            or (after >= 0xC3 and after not in (0xE1, 0xE2, 0xE3))  # noqa: PLR2004
        )
    # Ideographs of Unicode 1.1 only: later ones may be unassigned to the encoder's tables.
    return (
        (_is_clause_mark(code) and 0x4E00 <= before <= 0x9FA5)  # noqa: PLR2004
        or (_is_clause_mark(before) and 0x4E00 <= code <= 0x9FA5)  # noqa: PLR2004
    )


@inlined
def _is_delimiter(byte):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell the white space that every normaliser keeps as such: space, tab, carriage return."""
    return byte in (_SPACE, 9, 13)


@device
def _chunk_end(text, start, end, rule):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    before, length = _code_point(text, start)
    i = start + length
    if rule == BERT and _stands_alone(before):
        return i
    while i < end:
        if i + EIGHT <= text.size and (rule != BYTE_LEVEL or _is_ascii_letter(before)):
            # No chunk ends between letters and digits, nor before them but behind a mark.
            size = min(leading_alphanumerics(load_eight(text, i)), end - i)
            if size > 0:
                i += size
                before = np.int64(text[i - 1])
                continue
        code, length = _code_point(text, i)
        if rule == BYTE_LEVEL:
            if _is_byte_level_border(text, i, before, code):
                break
        elif _is_delimiter(code) or (rule == BERT and _stands_alone(code)):
            break
        before = code
        i += length
    return i


@inlined
def _hash(text, start, end):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return a hash of some bytes, eight at a time."""
    value = _HASH_START ^ np.uint64(end - start)
    i = start
    while i < end:
        size = min(end - i, EIGHT)
        if i + EIGHT <= text.size:
            eight = first_bytes(load_eight(text, i), size)
        else:
            eight = np.uint64(0)
            for b in range(i + size - 1, i - 1, -1):
                eight = eight << _BYTE | np.uint64(text[b])
        value = (value ^ eight) * _HASH_FACTOR
        value ^= value >> _HALF
        i += EIGHT
    return np.int64(value & _POSITIVE)


@device
def _count_chunk(text, start, end, count, chunks, arena, slots, state):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count one chunk; return false, and change nothing, if it is new and there is no room."""
    code = _hash(text, start, end)
    slot = code & (slots.size - 1)
    while slots[slot] >= 0:
        c = slots[slot]
        if chunks[c, HASH] == code and chunks[c, LENGTH] == end - start:
            place = chunks[c, START]
            i = 0
            while i < end - start and arena[place + i] == text[start + i]:
                i += 1
            if i == end - start:
                chunks[c, COUNT] += count
                return True
        slot = (slot + 1) & (slots.size - 1)
    c = state[NUM_CHUNKS]
    place = state[ARENA_USED]
    if c == chunks.shape[0] or place + end - start > arena.size:
        return False
    for i in range(end - start):
        arena[place + i] = text[start + i]
    chunks[c, START], chunks[c, LENGTH], chunks[c, COUNT], chunks[c, HASH] = (
        place, end - start, count, code,
    )  # fmt: skip
    slots[slot] = c
    state[NUM_CHUNKS] = c + 1
    state[ARENA_USED] = place + end - start
    return True


@kernel(
    "boolean(const_uint8[::1], const_int64[::1], int64, int64[:, ::1], uint8[::1], int32[::1],"
    " int64[::1])"
)
def count_chunks(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    rule: int,
    chunks: NDArray[np.int64],
    arena: NDArray[np.uint8],
    slots: NDArray[np.int32],
    state: NDArray[np.int64],
) -> bool:
    """Count the chunks of every line of every row, white space around lines removed.

    Args:
        text: uint8 [bytes], valid UTF-8.
        offsets: int64 [rows + 1], row r is text[offsets[r]:offsets[r + 1]], whole lines.
        rule: BERT, BYTE_LEVEL or WHITE_SPACE.
        chunks: int64 [most chunks, 4], the table (see START); written in place.
        arena: uint8 [most bytes], the distinct chunks' bytes; written in place.
        slots: int32 [a power of two, over twice the most chunks], row of `chunks` or -1.
        state: int64 [5], see ROW; start a batch with ROW 0, NEXT offsets[0], IN_LINE 0.

    Returns:
        False if a table is full: enlarge it and call again with the same text and state.
    """
    for row in range(state[ROW], offsets.size - 1):
        i = state[NEXT]
        while i < offsets[row + 1]:
            line_end = i
            while line_end < offsets[row + 1] and text[line_end] != _LINE_FEED:
                line_end += 1
            start, end = _trimmed(text, i, line_end)
            # A scan that goes on within a line stands on a chunk, which may begin with a space.
            i = i if state[IN_LINE] != 0 else start
            while i < end:
                if rule != BYTE_LEVEL and _is_delimiter(text[i]):
                    i += 1
                    continue
                stop = _chunk_end(text, i, end, rule)
                if not _count_chunk(text, i, stop, 1, chunks, arena, slots, state):
                    state[ROW], state[NEXT], state[IN_LINE] = row, i, 1
                    return False
                i = stop
            i = line_end + 1
            state[IN_LINE] = 0
        state[NEXT] = offsets[row + 1]
    return True


@kernel(
    "boolean(int64[:, ::1], const_uint8[::1], int64[:, ::1], uint8[::1], int32[::1], int64[::1])"
)
def add_chunks(
    others: NDArray[np.int64],
    other_arena: NDArray[np.uint8],
    chunks: NDArray[np.int64],
    arena: NDArray[np.uint8],
    slots: NDArray[np.int32],
    state: NDArray[np.int64],
) -> bool:
    """Add the counts of another table.

    Args:
        others: int64 [chunks, 4], all rows used.
        other_arena: uint8 [bytes], their bytes.
        chunks: as in `count_chunks`; written in place.
        arena: as in `count_chunks`; written in place.
        slots: as in `count_chunks`; written in place.
        state: int64 [5]; NEXT is the first of `others` that is not added yet.

    Returns:
        False if a table is full: enlarge it and call again with the same state.
    """
    for c in range(state[NEXT], others.shape[0]):
        start = others[c, START]
        end = start + others[c, LENGTH]
        if not _count_chunk(other_arena, start, end, others[c, COUNT], chunks, arena, slots, state):
            state[NEXT] = c
            return False
    return True


@kernel("void(int64[:, ::1], int64, int32[::1])")
def place_chunks(chunks: NDArray[np.int64], num_chunks: int, slots: NDArray[np.int32]) -> None:
    """Enter chunks into an empty hash table.

    Args:
        chunks: int64 [most chunks, 4].
        num_chunks: how many of its rows are used.
        slots: int32 [a power of two], all -1; written in place.
    """
    for c in range(num_chunks):
        slot = chunks[c, HASH] & (slots.size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (slots.size - 1)
        slots[slot] = c


@kernel("int64(int64[:, ::1], uint8[::1], int64, int64[::1])")
def forget_chunks(
    chunks: NDArray[np.int64], arena: NDArray[np.uint8], least: int, state: NDArray[np.int64]
) -> int:
    """Forget the chunks that were counted less than `least` times, and close the gaps.

    Args:
        chunks: int64 [most chunks, 4], changed in place.
        arena: uint8 [bytes], changed in place.
        least: count that is kept.
        state: int64 [5]; how many chunks and bytes there are is written in place.

    Returns:
        How often the forgotten chunks occurred.
    """
    forgotten = 0
    kept = used = 0
    for c in range(state[NUM_CHUNKS]):
        if chunks[c, COUNT] < least:
            forgotten += chunks[c, COUNT]
            continue
        place = chunks[c, START]
        for i in range(chunks[c, LENGTH]):
            arena[used + i] = arena[place + i]
        for field in range(chunks.shape[1]):
            chunks[kept, field] = chunks[c, field]
        chunks[kept, START] = used
        used += chunks[c, LENGTH]
        kept += 1
    state[NUM_CHUNKS], state[ARENA_USED] = kept, used
    return forgotten
