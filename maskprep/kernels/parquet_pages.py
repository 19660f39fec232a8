"""What stands in a page of a Parquet file: levels of lists, places in a dictionary, texts."""

# ruff: noqa: PLR2004 - seven bits of a number, and the levels of a list whose fields may be null.

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel

MOST_LEVEL_BYTES = 24
"""Of `write_levels`, for each row."""


@device
def _put_run(out, place, count, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write a run of equal levels; return the place behind it."""
    head = count << 1
    while head > 0x7F:
        out[place] = head & 0x7F | 0x80
        head >>= 7
        place += 1
    out[place] = head
    out[place + 1] = value
    return place + 2


@device
def _put_size(out, place, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for byte in range(4):
        out[place + byte] = size >> 8 * byte & 0xFF


@kernel("int64(const_int64[::1], uint8[::1])")
def write_levels(offsets: NDArray[np.int64], out: NDArray[np.uint8]) -> int:
    """Write repetition and definition levels of a list column without nulls, as runs.

    Repetition is 0 at the first value of a row, else 1; definition is 3 at a value, and 1 for a
    row without values. Both parts have their size, of four bytes, in front.

    Args:
        offsets: int64 [rows + 1], row r has the values offsets[r] ... offsets[r + 1] - 1.
        out: uint8 [24 * rows + 64], written in place.

    Returns:
        How many bytes were written.

    Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/ (RLE), and Dremel
    (Melnik et al. 2010) for the levels.
    """
    rows = offsets.size - 1
    place = 4
    zeros = 0
    for row in range(rows):
        length = offsets[row + 1] - offsets[row]
        zeros += 1
        if length > 1:
            place = _put_run(out, place, zeros, 0)
            place = _put_run(out, place, length - 1, 1)
            zeros = 0
    if zeros > 0:
        place = _put_run(out, place, zeros, 0)
    _put_size(out, 0, place - 4)
    begin = place
    place += 4
    run = 0
    level = 3
    for row in range(rows):
        length = offsets[row + 1] - offsets[row]
        wanted = 3 if length > 0 else 1
        if wanted != level and run > 0:
            place = _put_run(out, place, run, level)
            run = 0
        level = wanted
        run += max(length, 1)
    if run > 0:
        place = _put_run(out, place, run, level)
    _put_size(out, begin, place - begin - 4)
    return place


@kernel("void(const_int32[::1], int64, int64[::1])")
def count_values(values: NDArray[np.int32], lowest: int, counts: NDArray[np.int64]) -> None:
    """Count how often each value occurs.

    Args:
        values: int32 [values].
        lowest: the lowest of them.
        counts: int64 [highest - lowest + 1], added to.
    """
    for value in values:
        counts[value - lowest] += 1


@kernel("void(const_int32[::1], int64, uint16[::1], uint16[::1])")
def rank_values(
    values: NDArray[np.int32], lowest: int, ranks: NDArray[np.uint16], out: NDArray[np.uint16]
) -> None:
    """Replace each value by its rank.

    Args:
        values: int32 [values].
        lowest: the lowest of them.
        ranks: uint16 [highest - lowest + 1].
        out: uint16 [values], written in place.
    """
    for i in range(values.size):
        out[i] = ranks[values[i] - lowest]


@kernel("void(const_uint8[::1], const_int64[::1], uint8[::1])")
def write_texts(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], out: NDArray[np.uint8]
) -> None:
    """Write texts one behind the other, each behind its size of four bytes.

    Args:
        data: uint8 [bytes].
        offsets: int64 [rows + 1], row r is data[offsets[r]:offsets[r + 1]].
        out: uint8 [bytes + 4 * rows], written in place.
    """
    place = 0
    for row in range(offsets.size - 1):
        _put_size(out, place, offsets[row + 1] - offsets[row])
        place += 4
        for byte in range(offsets[row], offsets[row + 1]):
            out[place] = data[byte]
            place += 1
