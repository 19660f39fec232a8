"""Lines that hold one of some strings."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel


@device
def _stands_at(text, i, end, strings, first, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if stop - first > end - i:
        return False
    for b in range(stop - first):  # noqa: SIM110 - Numba compiles no generators
        if text[i + b] != strings[first + b]:
            return False
    return True


@kernel(
    "void(const_uint8[::1], const_int64[::1], const_int64[::1], const_uint8[::1],"
    " const_int64[::1], const_boolean[::1], boolean[::1])"
)
def find_matches(
    text: NDArray[np.uint8],
    line_starts: NDArray[np.int64],
    line_ends: NDArray[np.int64],
    strings: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    begins: NDArray[np.bool_],
    found: NDArray[np.bool_],
) -> None:
    """Tell which lines hold one of some strings.

    Args:
        text: uint8 [bytes].
        line_starts: int64 [lines].
        line_ends: int64 [lines].
        strings: uint8 [bytes], one after the other, none empty.
        offsets: int64 [strings + 1].
        begins: bool [256], true for the first byte of each string.
        found: bool [lines], written in place.
    """
    for line in range(line_starts.size):
        found[line] = False
        for i in range(line_starts[line], line_ends[line]):
            if not begins[text[i]]:
                continue
            for s in range(offsets.size - 1):
                if _stands_at(text, i, line_ends[line], strings, offsets[s], offsets[s + 1]):
                    found[line] = True
                    break
            if found[line]:
                break
