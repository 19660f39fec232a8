"""Where records end in the bytes of a CSV text."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel

MODE, NEXT, DELIMITERS = range(3)
"""Slots of the scanner's state, int64 [3].

MODE: one of the following. NEXT: where it stopped. DELIMITERS: in the open record so far.
"""
_FIELD_START, _IN_FIELD, IN_QUOTES, _BEHIND_QUOTE = range(4)


@kernel("int64(const_uint8[::1], uint8, int64[::1], int64[:, ::1])")
def find_records(
    data: NDArray[np.uint8],
    delimiter: int,
    state: NDArray[np.int64],
    records: NDArray[np.int64],
) -> int:
    r"""Find the line breaks outside quotes; the next call may go on behind `data`.

    A quote opens at the beginning of a field only, and a doubled one does not close it. "\r" and
    "\n" both end a record, so "\r\n" is followed by an empty one.

    Args:
        data: uint8 [bytes], a part of a text.
        delimiter: byte between fields.
        state: int64 [3], see MODE; read and written.
        records: int64 [most records, 2]: one past the line break, as place in `data`, and number of
            fields; written in place. The scan stops early, at state[NEXT], when it is full.

    Returns:
        How many were written.

    Source: RFC 4180, and the lexer in Arrow's csv/chunker.cc, which decides where a row ends.
    """
    found = 0
    mode = state[MODE]
    i = state[NEXT]
    while i < data.size and found < records.shape[0]:
        byte = data[i]
        i += 1
        if mode == IN_QUOTES:
            if byte == 34:  # noqa: PLR2004 - the quote
                mode = _BEHIND_QUOTE
            continue
        if byte == 34 and mode != _IN_FIELD:  # noqa: PLR2004
            mode = IN_QUOTES
        elif byte in (10, 13):
            mode = _FIELD_START
            records[found, 0] = i
            records[found, 1] = state[DELIMITERS] + 1
            state[DELIMITERS] = 0
            found += 1
        elif byte == delimiter:
            mode = _FIELD_START
            state[DELIMITERS] += 1
        else:
            mode = _IN_FIELD
    state[MODE] = mode
    state[NEXT] = i
    return found
