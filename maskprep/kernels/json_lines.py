"""The string behind one key of JSON objects, one object a line (RFC 8259)."""

# ruff: noqa: PLR2004 - the characters of JSON and the forms of UTF-8 (RFC 3629).
# ruff: noqa: C901, PLR0911, PLR0912 - a grammar: one branch for each form, one way out for each fault.
# ruff: noqa: SIM110 - kernels know no generators.

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel

_MAX_DEPTH = 60
_MAX_DIGITS = 15
"""Of a number that any parser takes: what is longer is left to the caller's."""
_EACH_BYTE = np.uint64(0x0101010101010101)
_HIGH_BITS = np.uint64(0x8080808080808080)
_QUOTES = np.uint64(0x2222222222222222)
_BACKSLASHES = np.uint64(0x5C5C5C5C5C5C5C5C)
_SPACES = np.uint64(0x2020202020202020)


@device
def _skip_space(data, i, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    while i < stop and data[i] in (9, 10, 13, 32):
        i += 1
    return i


@device
def _plain_end(data, words, i, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the first quote, backslash or control character from i on, or `stop`."""
    at, end, one = np.uint64(i), np.uint64(stop), np.uint64(1)
    while at < end and at & np.uint64(7) != np.uint64(0):
        if data[at] == 34 or data[at] == 92 or data[at] < 32:
            return np.int64(at)
        at += one
    word, last = at >> np.uint64(3), end >> np.uint64(3)
    while word < last:
        # Eight bytes at once; a zero byte x is where (x - 1) & ~x has its high bit
        # (Warren, Hacker's Delight, section 6-1).
        eight = words[word]
        quotes, backslashes = eight ^ _QUOTES, eight ^ _BACKSLASHES
        found = (quotes - _EACH_BYTE) & ~quotes | (backslashes - _EACH_BYTE) & ~backslashes
        if (found | (eight - _SPACES) & ~eight) & _HIGH_BITS != np.uint64(0):
            break
        word += one
    at = max(at, word << np.uint64(3))
    while at < end and data[at] != 34 and data[at] != 92 and data[at] >= 32:
        at += one
    return np.int64(at)


@device
def _hex_value(data, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the number of four hexadecimal digits, or -1."""
    value = 0
    for place in range(i, i + 4):
        byte = int(data[place])
        if 48 <= byte <= 57:
            digit = byte - 48
        elif 97 <= byte | 32 <= 102:
            digit = (byte | 32) - 87
        else:
            return -1
        value = value << 4 | digit
    return value


@device
def _escaped(data, i, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the code point of the escape whose backslash is at i (or -1), and its end."""
    if i + 1 >= stop:
        return -1, i
    kind = data[i + 1]
    if kind in (34, 92, 47):
        return np.int64(kind), i + 2
    if kind != 117:
        for name, point in ((110, 10), (116, 9), (114, 13), (98, 8), (102, 12)):
            if kind == name:
                return point, i + 2
        return -1, i
    if i + 6 > stop:
        return -1, i
    point = _hex_value(data, i + 2)
    if not 0xD800 <= point < 0xE000:
        return point, i + 6
    # Beyond 16 bits: two escapes. One of them alone is no character.
    if point >= 0xDC00 or i + 12 > stop or data[i + 6] != 92 or data[i + 7] != 117:
        return -1, i
    low = _hex_value(data, i + 8)
    if not 0xDC00 <= low < 0xE000:
        return -1, i
    return 0x10000 + ((point & 0x3FF) << 10 | low & 0x3FF), i + 12


@device
def _write_character(point, out, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write a code point as UTF-8; return the place behind it."""
    if point < 0x80:
        out[place] = point
        return place + 1
    if point < 0x800:
        out[place] = 0xC0 | point >> 6
        out[place + 1] = 0x80 | point & 0x3F
        return place + 2
    if point < 0x10000:
        out[place] = 0xE0 | point >> 12
        out[place + 1] = 0x80 | point >> 6 & 0x3F
        out[place + 2] = 0x80 | point & 0x3F
        return place + 3
    out[place] = 0xF0 | point >> 18
    out[place + 1] = 0x80 | point >> 12 & 0x3F
    out[place + 2] = 0x80 | point >> 6 & 0x3F
    out[place + 3] = 0x80 | point & 0x3F
    return place + 4


@device
def _read_string(data, words, i, stop, out, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Read the string whose first byte is at i; write it to `out` if `place` is not negative.

    Returns:
        The place behind the closing quote, or -1, and the place behind what was written.
    """
    while i < stop:
        end = _plain_end(data, words, i, stop)
        if place >= 0:
            for byte in range(end - i):
                out[place + byte] = data[i + byte]
            place += end - i
        if end == stop or data[end] < 32:
            return -1, place
        if data[end] == 34:
            return end + 1, place
        point, i = _escaped(data, end, stop)
        if point < 0:
            return -1, place
        if place >= 0:
            place = _write_character(point, out, place)
    return -1, place


@device
def _scalar_end(data, i, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the end of the number, true, false or null at i, or -1."""
    if data[i] == 45 or 48 <= data[i] <= 57:
        i += data[i] == 45
        first = i
        while i < stop and 48 <= data[i] <= 57:
            i += 1
        if i == first or i - first > _MAX_DIGITS or (data[first] == 48 and i - first > 1):
            return -1
        if i < stop and data[i] == 46:
            first = i + 1
            i = first
            while i < stop and 48 <= data[i] <= 57:
                i += 1
            if i == first or i - first > _MAX_DIGITS:
                return -1
        # What else follows, an exponent for one, is for the caller's parser.
        return i
    if i + 4 <= stop and data[i + 1] == 114 and data[i + 2] == 117 and data[i + 3] == 101:
        return i + 4 if data[i] == 116 else -1
    if i + 4 <= stop and data[i + 1] == 117 and data[i + 2] == 108 and data[i + 3] == 108:
        return i + 4 if data[i] == 110 else -1
    if i + 5 <= stop and data[i] == 102 and data[i + 1] == 97 and data[i + 2] == 108:
        return i + 5 if data[i + 3] == 115 and data[i + 4] == 101 else -1
    return -1


@device
def _key_end(data, words, i, stop, scratch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the first byte of the value whose key begins at or behind i, or -1."""
    i = _skip_space(data, i, stop)
    if i >= stop or data[i] != 34:
        return -1
    i, _ = _read_string(data, words, i + 1, stop, scratch, -1)
    if i < 0:
        return -1
    i = _skip_space(data, i, stop)
    if i >= stop or data[i] != 58:
        return -1
    return i + 1


@device
def _value_end(data, words, i, stop, scratch):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the end of the value at or behind i, however deep, or -1."""
    depth = 0
    objects = np.uint64(0)
    one = np.uint64(1)
    while True:
        i = _skip_space(data, i, stop)
        if i >= stop or depth > _MAX_DEPTH:
            return -1
        opens = data[i] in (123, 91)
        if opens:
            depth += 1
            objects = objects << one | np.uint64(data[i] == 123)
            i = _skip_space(data, i + 1, stop)
        elif data[i] == 34:
            i, _ = _read_string(data, words, i + 1, stop, scratch, -1)
        else:
            i = _scalar_end(data, i, stop)
        # Behind a value, or a bracket just opened: close as many as end here.
        while True:
            if i < 0 or depth == 0:
                return i
            i = _skip_space(data, i, stop)
            if i >= stop:
                return -1
            is_object = objects & one == one
            if data[i] == (125 if is_object else 93):
                depth -= 1
                objects >>= one
                i += 1
                opens = False
                continue
            if not opens:
                if data[i] != 44:
                    return -1
                i += 1
            if is_object:
                i = _key_end(data, words, i, stop, scratch)
                if i < 0:
                    return -1
            break


@device
def _is_key(data, i, stop, key):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether the string whose first byte is at i is `key`, spelt without escapes."""
    if i + key.size >= stop or data[i + key.size] != 34:
        return False
    for byte in range(key.size):
        if data[i + byte] != key[byte]:
            return False
    return True


@device
def _read_object(data, words, i, stop, key, out, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write the string behind `key` of the object at i; return the place behind it, or -1."""
    if i >= stop or data[i] != 123:
        return -1
    end = -1
    while True:
        i = _skip_space(data, i + 1, stop)
        if i >= stop or data[i] != 34:
            return -1
        first = i + 1
        i = _plain_end(data, words, first, stop)
        # A key with an escape may be ours in disguise.
        if i == stop or data[i] != 34:
            return -1
        i = _skip_space(data, i + 1, stop)
        if i >= stop or data[i] != 58:
            return -1
        i = _skip_space(data, i + 1, stop)
        if not _is_key(data, first, stop, key):
            i = _value_end(data, words, i, stop, out)
        elif i < stop and data[i] == 34:
            i, end = _read_string(data, words, i + 1, stop, out, place)
        else:
            return -1
        if i < 0:
            return -1
        i = _skip_space(data, i, stop)
        if i >= stop:
            return -1
        if data[i] == 125:
            return end if i + 1 == stop else -1
        if data[i] != 44:
            return -1


@kernel(
    "void(const_uint8[::1], const_uint64[::1], const_int64[::1], const_int64[::1], "
    "const_uint8[::1], uint8[::1], int64[::1], boolean[::1])"
)
def extract_strings(
    data: NDArray[np.uint8],
    words: NDArray[np.uint64],
    line_starts: NDArray[np.int64],
    line_ends: NDArray[np.int64],
    key: NDArray[np.uint8],
    out: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    is_read: NDArray[np.bool_],
) -> None:
    """Read the string behind one key of each line's JSON object; the last one of equal keys.

    Args:
        data: uint8 [bytes], valid UTF-8.
        words: uint64 [bytes // 8], the same bytes.
        line_starts: int64 [lines], first byte of each, ascending.
        line_ends: int64 [lines], one past the last; neither has white space there.
        key: uint8 [bytes], UTF-8 of the key.
        out: uint8 [bytes of all lines], written in place: the strings, one behind the other.
        offsets: int64 [lines + 1], written in place: where each begins in `out`.
        is_read: bool [lines], written in place: false where a line is no object with a string
            there, or holds anything rare; nothing is written for it, and a parser must say.
    """
    place = 0
    for line in range(line_starts.size):
        offsets[line] = place
        end = _read_object(data, words, line_starts[line], line_ends[line], key, out, place)
        is_read[line] = end >= 0
        if end >= 0:
            place = end
    offsets[line_starts.size] = place
