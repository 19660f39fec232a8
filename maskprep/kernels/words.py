"""Text whose words somebody has told apart: the text itself, its word borders, words of tokens."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.lines import character_at, is_space

LINE_BREAK = 10
ANY_SPACE = 0
"""As separator: each run of white space divides words."""


@device
def _is_in(point, table):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a table, bool [code points], holds a character."""
    return point < table.size and table[point]


@device
def _is_in_line(data, i, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether the line goes on at byte i."""
    return i < stop and data[i] != LINE_BREAK


@device
def _scan_space(data, i, stop, separator):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return where the white space from byte i on ends, its separators, its other characters."""
    num_separators = 0
    num_others = 0
    while _is_in_line(data, i, stop):
        point, size = character_at(data, i)
        if not is_space(point):
            break
        is_separator = separator in (ANY_SPACE, point)
        num_separators += 1 if is_separator else 0
        num_others += 0 if is_separator else 1
        i += size
    return i, num_separators, num_others


@device
def _copy(data, first, stop, left_out, joined, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Copy bytes but one kind, which is no part of another character; return the next place."""
    for byte in range(first, stop):
        if left_out <= 0 or data[byte] != left_out:
            joined[place] = data[byte]
            place += 1
    return place


@kernel(
    "int64(const_uint8[::1], const_int64[::1], int64, const_boolean[::1], uint8[::1], "
    "int64[::1], int64[::1], int64[::1])"
)
def join_words(
    data: NDArray[np.uint8],
    row_offsets: NDArray[np.int64],
    separator: int,
    unspaced: NDArray[np.bool_],
    joined: NDArray[np.uint8],
    joined_offsets: NDArray[np.int64],
    borders: NDArray[np.int64],
    border_offsets: NDArray[np.int64],
) -> int:
    r"""Take the separators out of texts, and note where words begin.

    White space between two words that is more than one separator stays: as it is if the separator
    is a character of its own, else as one space. A single separator becomes a space, or vanishes
    beside a character of a script written without spaces. Around line breaks only separators that
    are characters of their own vanish.

    Args:
        data: uint8 [bytes], valid UTF-8.
        row_offsets: int64 [rows + 1], row r is data[row_offsets[r]:row_offsets[r + 1]].
        separator: a character of white space; ANY_SPACE: any, and no other white space is left.
        unspaced: bool [code points], beside which a separator is no space.
        joined: uint8 [bytes], written in place.
        joined_offsets: int64 [rows + 1], written in place.
        borders: int64 [bytes // 2 + rows], written in place: byte in its row's new text at which
            each word begins.
        border_offsets: int64 [rows + 1], written in place.

    Returns:
        How many words there are. A word begins behind each separator and line break.
    """
    place = 0
    found = 0
    joined_offsets[0] = 0
    border_offsets[0] = 0
    for row in range(row_offsets.size - 1):
        i, stop = row_offsets[row], row_offsets[row + 1]
        begins = True
        in_line = False
        touches = False
        while i < stop:
            point, size = character_at(data, i)
            if point == LINE_BREAK or not is_space(point):
                if begins and point != LINE_BREAK:
                    borders[found] = place - joined_offsets[row]
                    found += 1
                in_line = point != LINE_BREAK
                begins = not in_line
                touches = _is_in(point, unspaced)
                place = _copy(data, i, i + size, -1, joined, place)
                i += size
                continue
            end, num_separators, num_others = _scan_space(data, i, stop, separator)
            begins = begins or num_separators > 0
            if num_separators > 0 and num_others == 0 and in_line and _is_in_line(data, end, stop):
                touches = touches or _is_in(character_at(data, end)[0], unspaced)
                if (separator == ANY_SPACE and num_separators > 1) or not touches:
                    joined[place] = 32
                    place += 1
            else:
                place = _copy(data, i, end, separator, joined, place)
            i = end
        joined_offsets[row + 1] = place
        border_offsets[row + 1] = found
    return found


@kernel(
    "int64(const_uint8[::1], const_int64[::1], const_int64[::1], const_int32[::1], "
    "const_int64[::1], const_boolean[::1], boolean[::1])"
)
def lay_words(
    data: NDArray[np.uint8],
    unit_starts: NDArray[np.int64],
    token_offsets: NDArray[np.int64],
    starts: NDArray[np.int32],
    borders: NDArray[np.int64],
    letters: NDArray[np.bool_],
    word_starts: NDArray[np.bool_],
) -> int:
    """Let words begin where they were told apart, and nowhere else but at a unit's first token.

    A word begins at the token that begins exactly at its border. Where there is none (one token
    spans the border, or the tokenizer drops the character behind it), it goes on with the word
    before.

    Args:
        data: uint8 [bytes], valid UTF-8.
        unit_starts: int64 [units], first byte of each.
        token_offsets: int64 [units + 1].
        starts: int32 [tokens], first byte in the unit.
        borders: int64 [words], bytes at which a word begins, ascending; each unit's first byte is
            one.
        letters: bool [code points], at which an encoder's word begins unless the token before
            holds a part of the letter.
        word_starts: bool [tokens], the encoder's; written in place.

    Returns:
        How many words go on with the one before.
    """
    passed = 0
    joined = borders.size
    for unit in range(unit_starts.size):
        for t in range(token_offsets[unit], token_offsets[unit + 1]):
            place = unit_starts[unit] + starts[t]
            begins = False
            while passed < borders.size and borders[passed] <= place:
                begins = borders[passed] == place
                passed += 1
            if begins and place < data.size and not word_starts[t]:
                begins = not _is_in(character_at(data, place)[0], letters)
            word_starts[t] = begins or t == token_offsets[unit]
            joined -= 1 if word_starts[t] else 0
    return max(joined, 0)
