"""Hashes of texts, by which documents are held out for validation."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.counter_rng import SPLIT, draw
from maskprep.kernels.lines import character_at, is_space

HASHED_BYTES = 2**16
"""Of a text, without its white space, that decide its hash: a row of a long document has more."""
HASHED_WORDS = HASHED_BYTES // 8 + 1

BYTE_ORDER_MARK = 0xFEFF
"""Files of text may begin with one; it is no part of them."""

_SHIFT = np.uint64(32)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that every step can be undone: two texts that differ in one word never meet in it."""


@device
def _is_visible(byte):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell that a byte is no white space of ASCII, without a branch: prose has one in six."""
    is_break = byte - np.uint64(9) <= np.uint64(4)
    is_separator = byte - np.uint64(28) <= np.uint64(4)
    return np.int64(1) - (np.int64(is_break) | np.int64(is_separator))


@kernel("void(const_uint8[::1], const_int64[::1], uint64[::1], uint64[::1])")
def hash_texts(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    words: NDArray[np.uint64],
    hashes: NDArray[np.uint64],
) -> None:
    """Hash texts without their white space: wrapped and indented otherwise, they are the same.

    Byte-order marks are left out too.

    The bytes are mixed as little-endian words of 8, the last one filled up with zeros; the state
    is the item of one draw, whose 64 bits are the hash.

    Args:
        data: uint8 [bytes], valid UTF-8.
        offsets: int64 [texts + 1], text t is data[offsets[t]:offsets[t + 1]].
        words: uint64 [HASHED_WORDS], room for one text.
        hashes: uint64 [texts], written in place.
    """
    zero = np.uint64(0)
    visible = words.view(np.uint8)
    for t in range(hashes.size):
        size = 0
        i = offsets[t]
        while i < offsets[t + 1] and size < HASHED_BYTES:
            byte = np.uint64(data[i])
            # All that white space beyond ASCII begins with, and the mark.
            is_first = byte == np.uint64(0xC2) or byte == np.uint64(0xEF)
            if is_first or byte - np.uint64(0xE1) <= np.uint64(2):
                point, length = character_at(data, i)
                if is_space(point) or point == BYTE_ORDER_MARK:
                    i += length
                    continue
            visible[size] = data[i]
            size += _is_visible(byte)
            i += 1
        num_words = size // 8 + 1
        visible[size : 8 * num_words] = 0
        state = zero
        for w in range(num_words):
            state = (state ^ words[w]) * _MULTIPLIER
            state ^= state >> _SHIFT
        r0, r1, _, _ = draw(zero, SPLIT, zero, state, zero)
        hashes[t] = (r1 << _SHIFT) | r0
