"""Lines in UTF-8 text, and places in it: from characters to bytes."""

# ruff: noqa: PLR2004 - the forms of UTF-8 (RFC 3629) and the code points of white space.

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.bits import find_byte
from maskprep.kernels.compilation import device, kernel


@device
def character_at(data, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the code point that begins at byte i of valid UTF-8, and its number of bytes."""
    lead = np.int64(data[i])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | np.int64(data[i + 1]) & 0x3F, 2
    if lead < 0xF0:
        middle = (np.int64(data[i + 1]) & 0x3F) << 6
        return (lead & 0x0F) << 12 | middle | np.int64(data[i + 2]) & 0x3F, 3
    middle = (np.int64(data[i + 1]) & 0x3F) << 12 | (np.int64(data[i + 2]) & 0x3F) << 6
    return (lead & 0x07) << 18 | middle | np.int64(data[i + 3]) & 0x3F, 4


@device
def is_space(point):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Tell what `str.isspace` calls white space."""
    if point < 0x80:
        return point == 32 or 9 <= point <= 13 or 28 <= point <= 31
    return (
        point in (0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
        or 0x2000 <= point <= 0x200A
    )


@kernel("int64(const_uint8[::1])")
def count_line_breaks(data: NDArray[np.uint8]) -> int:
    """Count the line feeds of a text, uint8 [bytes]; numpy would make an array of answers first."""
    count = 0
    for byte in data:
        count += 1 if byte == 10 else 0
    return count


@kernel("int64(const_uint8[::1], const_int64[::1], int64[:, ::1])")
def find_lines(
    data: NDArray[np.uint8], row_offsets: NDArray[np.int64], lines: NDArray[np.int64]
) -> int:
    r"""Find the lines with visible characters, without the white space around them.

    Args:
        data: uint8 [bytes], valid UTF-8.
        row_offsets: int64 [rows + 1], row r is data[row_offsets[r]:row_offsets[r + 1]].
        lines: int64 [most lines, 4], written in place: row, first byte, one past the last byte,
            1 if the line before it in its row is not blank.

    Returns:
        How many lines were found. Only "\n" ends a line; "\r" before it is white space.
    """
    found = 0
    for row in range(row_offsets.size - 1):
        stop = row_offsets[row + 1]
        adjoins = 0
        i = row_offsets[row]
        while i < stop:
            while i < stop and data[i] != 10:
                point, size = character_at(data, i)
                if not is_space(point):
                    break
                i += size
            start = i
            end = i = find_byte(data, i, stop, 10)
            while end > start:
                last = end - 1
                while data[last] & 0xC0 == 0x80:
                    last -= 1
                if not is_space(character_at(data, last)[0]):
                    break
                end = last
            if end > start:
                lines[found, 0] = row
                lines[found, 1] = start
                lines[found, 2] = end
                lines[found, 3] = adjoins
                found += 1
            adjoins = 1 if end > start else 0
            i += 1
    return found


@kernel("int64(const_uint8[::1], int64[:, ::1], uint8[::1], int64[:, ::1])")
def join_lines(
    data: NDArray[np.uint8],
    lines: NDArray[np.int64],
    joined: NDArray[np.uint8],
    units: NDArray[np.int64],
) -> int:
    """Join the lines between two blank lines by one space each.

    Args:
        data: uint8 [bytes].
        lines: int64 [lines, 4], as `find_lines` writes them.
        joined: uint8 [bytes], written in place.
        units: int64 [lines, 4], written in place, as `lines`, for `joined`.

    Returns:
        How many units there are.
    """
    found = 0
    place = 0
    for i in range(lines.shape[0]):
        if lines[i, 3] != 0:
            joined[place] = 32
            place += 1
        else:
            units[found, 0] = lines[i, 0]
            units[found, 1] = place
            units[found, 3] = 0
            found += 1
        for byte in range(lines[i, 1], lines[i, 2]):
            joined[place] = data[byte]
            place += 1
        units[found - 1, 2] = place
    return found


@kernel(
    "void(const_uint8[::1], const_int64[::1], const_int64[::1], const_boolean[::1], boolean[::1])"
)
def find_letters(
    data: NDArray[np.uint8],
    line_starts: NDArray[np.int64],
    line_ends: NDArray[np.int64],
    letters: NDArray[np.bool_],
    found: NDArray[np.bool_],
) -> None:
    """Tell which lines hold one of some characters beyond ASCII.

    Args:
        data: uint8 [bytes], valid UTF-8.
        line_starts: int64 [lines].
        line_ends: int64 [lines].
        letters: bool [code points].
        found: bool [lines], written in place.
    """
    for line in range(line_starts.size):
        found[line] = False
        i = line_starts[line]
        while i < line_ends[line] and not found[line]:
            if data[i] < 0x80:
                i += 1
            else:
                point, size = character_at(data, i)
                found[line] = point < letters.size and letters[point]
                i += size


@device
def _pass_spaces(data, first, scratch, place, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the first character from `place` on that is no space, or that is not before `stop`.

    Character c of the line is at byte first + scratch[c].
    """
    while place < stop and data[first + scratch[place]] == 0x20:
        place += 1
    return place


@kernel(
    "void(const_uint8[::1], int64[:, ::1], const_int64[::1], int32[:, ::1], "
    "const_boolean[::1], int32[::1], int32[::1], boolean[::1])"
)
def place_tokens(
    data: NDArray[np.uint8],
    lines: NDArray[np.int64],
    token_offsets: NDArray[np.int64],
    characters: NDArray[np.int32],
    letters: NDArray[np.bool_],
    scratch: NDArray[np.int32],
    starts: NDArray[np.int32],
    word_starts: NDArray[np.bool_],
) -> None:
    """Turn token starts from characters into bytes; words begin at letters of unspaced scripts.

    A token that begins inside a character which the token before it shares begins no word. Spaces
    that a word begins with are passed over, unless it has nothing else.

    Args:
        data: uint8 [bytes], valid UTF-8.
        lines: int64 [lines, 2], first byte, one past the last byte.
        token_offsets: int64 [lines + 1].
        characters: int32 [tokens, 2], first character in the line and one past the last.
        letters: bool [code points], at which a word begins.
        scratch: int32 [bytes of the longest line + 1].
        starts: int32 [tokens], written in place: first byte in the line.
        word_starts: bool [tokens], changed in place.
    """
    for line in range(lines.shape[0]):
        first, end = lines[line, 0], lines[line, 1]
        num_characters = 0
        for i in range(first, end):
            if data[i] & 0xC0 != 0x80:
                scratch[num_characters] = i - first
                num_characters += 1
        scratch[num_characters] = end - first
        covered = 0
        word_stop = 0
        # Characters spaces ... shown - 1 are spaces: a run of them is gone through once.
        spaces = shown = 0
        for t in range(token_offsets[line], token_offsets[line + 1]):
            if word_starts[t]:
                last = t
                while last + 1 < token_offsets[line + 1] and not word_starts[last + 1]:
                    last += 1
                word_stop = min(int(characters[last, 1]), num_characters)
            character = min(int(characters[t, 0]), num_characters)
            begin = shown if spaces <= character <= shown else character
            spaces, shown = character, _pass_spaces(data, first, scratch, begin, word_stop)
            character = shown if shown < word_stop else character
            starts[t] = scratch[character]
            if character < num_characters and character >= covered:
                point = character_at(data, first + scratch[character])[0]
                if point < letters.size and letters[point]:
                    word_starts[t] = True
            covered = characters[t, 1]
