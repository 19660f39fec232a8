"""Whether bytes are UTF-8, and show a character."""

# ruff: noqa: PLR2004 - the forms of UTF-8 (RFC 3629, section 4).

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel

_BLOCK = 4096


@device
def _breaks(a, b, c, d):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether byte d may not follow c, or must not stand where a, b, c stand before it."""
    is_next = d & 0xC0 == 0x80
    must_be = (c >= 0xC0) | (b >= 0xE0) | (a >= 0xF0)
    # Overlong forms, surrogates, code points beyond U+10FFFF.
    low = ((c == 0xE0) & (d < 0xA0)) | ((c == 0xF0) & (d < 0x90))
    high = ((c == 0xED) & (d >= 0xA0)) | ((c == 0xF4) & (d >= 0x90))
    never = (d == 0xC0) | (d == 0xC1) | (d >= 0xF5)
    return (is_next != must_be) | low | high | never


@kernel("boolean(const_uint8[::1], const_int64[::1])")
def is_utf8(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> bool:
    """Tell whether each row is valid UTF-8.

    Args:
        data: uint8 [bytes].
        offsets: int64 [rows + 1], row r is data[offsets[r]:offsets[r + 1]]; from 0 to the end.
    """
    a = b = c = np.uint8(0)
    for i in range(min(3, data.size)):
        if _breaks(a, b, c, data[i]):
            return False
        a, b, c = b, c, data[i]
    for start in range(3, data.size, _BLOCK):
        stop = min(start + _BLOCK, data.size)
        # Four views of one length: the loop then has no condition, and becomes SIMD code.
        first, second = data[start - 3 : stop - 3], data[start - 2 : stop - 2]
        third, fourth = data[start - 1 : stop - 1], data[start:stop]
        is_broken = False
        for i in range(fourth.size):
            is_broken |= _breaks(first[i], second[i], third[i], fourth[i])
        if is_broken:
            return False
    # A character that the end cuts off is followed by a byte that may not stand there.
    size = data.size
    for back, lead in ((1, 0xC0), (2, 0xE0), (3, 0xF0)):
        if size >= back and data[size - back] >= lead:
            return False
    for offset in offsets:  # noqa: SIM110 - kernels know no generators
        if offset < size and data[offset] & 0xC0 == 0x80:
            return False
    return True


@device
def _space_size(data, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the bytes of what `str.isspace` calls white space at i, 0 if it is something else."""
    byte = data[i]
    if byte < 0x80:
        return 1 if byte == 32 or 9 <= byte <= 13 or 28 <= byte <= 31 else 0
    if byte == 0xC2:
        return 2 if data[i + 1] in (0x85, 0xA0) else 0
    if byte == 0xE2 and data[i + 1] == 0x80:
        return 3 if 0x80 <= data[i + 2] <= 0x8A or data[i + 2] in (0xA8, 0xA9, 0xAF) else 0
    is_space = (
        (byte == 0xE1 and data[i + 1] == 0x9A and data[i + 2] == 0x80)
        or (byte == 0xE2 and data[i + 1] == 0x81 and data[i + 2] == 0x9F)
        or (byte == 0xE3 and data[i + 1] == 0x80 and data[i + 2] == 0x80)
    )
    return 3 if is_space else 0


@kernel("void(const_uint8[::1], const_int64[::1], boolean[::1])")
def find_visible(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], visible: NDArray[np.bool_]
) -> None:
    """Tell which rows show a character, and are not white space alone.

    Args:
        data: uint8 [bytes], valid UTF-8.
        offsets: int64 [rows + 1], row r is data[offsets[r]:offsets[r + 1]].
        visible: bool [rows], written in place.
    """
    for row in range(visible.size):
        i, stop = offsets[row], offsets[row + 1]
        size = 1
        while i < stop and size > 0:
            size = _space_size(data, i)
            i += size
        visible[row] = i < stop
