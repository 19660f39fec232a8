"""Lists of values, copied row by row from their places in one array to their places in another."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel


@kernel("void(const_uint8[::1], const_int64[::1], const_int64[::1], int64, uint8[::1])")
def copy_lists(
    values: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    destinations: NDArray[np.int64],
    item_bytes: int,
    gathered: NDArray[np.uint8],
) -> None:
    """Copy each row's list to its destination.

    Args:
        values: uint8 [bytes], all lists one after the other.
        offsets: int64 [rows + 1], first value of each row.
        destinations: int64 [rows], where the row's first value goes.
        item_bytes: bytes of a value.
        gathered: uint8 [bytes], written in place.
    """
    for row in range(destinations.size):
        source = offsets[row] * item_bytes
        target = destinations[row] * item_bytes
        for i in range((offsets[row + 1] - offsets[row]) * item_bytes):
            gathered[target + i] = values[source + i]


@kernel("void(const_uint8[::1], int64, const_int64[::1], const_int64[::1], uint8[::1])")
def copy_bit_lists(
    bits: NDArray[np.uint8],
    first: int,
    offsets: NDArray[np.int64],
    destinations: NDArray[np.int64],
    gathered: NDArray[np.uint8],
) -> None:
    """Copy each row's bits to their destination, lowest bit of a byte first, as Arrow has them.

    Args:
        bits: uint8 [bytes].
        first: place of the bit that `offsets` call 0.
        offsets: int64 [rows + 1], first bit of each row.
        destinations: int64 [rows], where the row's first bit goes.
        gathered: uint8 [bytes], zeros where the bits go; written in place.
    """
    for row in range(destinations.size):
        target = destinations[row]
        for i in range(first + offsets[row], first + offsets[row + 1]):
            bit = (bits[i >> 3] >> np.uint8(i & 7)) & np.uint8(1)
            gathered[target >> 3] |= bit << np.uint8(target & 7)
            target += 1
