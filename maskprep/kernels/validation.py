"""Hashes of texts, by which documents are held out for validation."""

# ruff: noqa: PLR2004 - the forms of UTF-8 (RFC 3629) and the code points of white space.

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel
from maskprep.kernels.counter_rng import SPLIT, draw
from maskprep.kernels.lines import character_at, is_space

HASHED_BYTES = 2**16
"""Of a text, without its white space, that decide its hash: a row of a long document has more."""

_SHIFT = np.uint64(32)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that every step can be undone: two texts that differ in one word never meet in it."""


@kernel("void(const_uint8[::1], const_int64[::1], uint64[::1])")
def hash_texts(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], hashes: NDArray[np.uint64]
) -> None:
    """Hash texts without their white space: wrapped and indented otherwise, they are the same.

    The bytes are mixed as little-endian words of 8 (the last one filled up with zeros); the state
    is the item of one draw, whose 64 bits are the hash.

    Args:
        data: uint8 [bytes], valid UTF-8.
        offsets: int64 [texts + 1], text t is data[offsets[t]:offsets[t + 1]].
        hashes: uint64 [texts], written in place.
    """
    zero = np.uint64(0)
    for t in range(hashes.size):
        state = zero
        word = zero
        hashed = 0
        i = offsets[t]
        while i < offsets[t + 1] and hashed < HASHED_BYTES:
            byte = np.int64(data[i])
            size = 0
            if byte <= 32:
                size = 1 if is_space(byte) else 0
            elif byte in (0xC2, 0xE1, 0xE2, 0xE3):  # All that white space beyond ASCII begins with.
                point, length = character_at(data, i)
                size = length if is_space(point) else 0
            if size:
                i += size
                continue
            word |= np.uint64(byte) << np.uint64(8 * (hashed & 7))
            hashed += 1
            i += 1
            if hashed & 7 == 0:
                state = (state ^ word) * _MULTIPLIER
                state ^= state >> _SHIFT
                word = zero
        state = (state ^ word) * _MULTIPLIER
        state ^= state >> _SHIFT
        r0, r1, _, _ = draw(zero, SPLIT, zero, state, zero)
        hashes[t] = (r1 << _SHIFT) | r0
