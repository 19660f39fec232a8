"""Lists of values, copied row by row from their places in one array to their places in another.

Places are unsigned in the inner loops: a signed one could be negative, which means "from the end",
and the test for that keeps the compiler from copying many values at once (9 times as slow).
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import inlined, kernel

_BYTE = np.uint64(3)
_PLACE = np.uint64(7)
"""A bit's number is the byte's number, shifted, and its place in the byte."""


@inlined
def bit_at(bits, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return bit number `place`, uint64, of packed bits, the lowest of a byte first: uint8."""
    return (bits[place >> _BYTE] >> np.uint8(place & _PLACE)) & np.uint8(1)


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
        source = np.uint64(offsets[row] * item_bytes)
        target = np.uint64(destinations[row] * item_bytes)
        for i in range(np.uint64((offsets[row + 1] - offsets[row]) * item_bytes)):
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
        source = np.uint64(first + offsets[row])
        target = np.uint64(destinations[row])
        for i in range(np.uint64(offsets[row + 1] - offsets[row])):
            bit = bit_at(bits, source + i)
            gathered[(target + i) >> _BYTE] |= bit << np.uint8((target + i) & _PLACE)
