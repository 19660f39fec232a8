"""Where raw documents begin and end in the bytes of a text."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.bits import find_byte
from maskprep.kernels.compilation import device, kernel

BLANK_LINE, LINE, FILE = 0, 1, 2
"""What separates documents: a line of white space, every line break, nothing."""

OPEN, POSITION, START, END, LINE_START, BLANK, NEXT = range(7)
"""Slots of the scanner's state, int64 [7]; all places are offsets in the whole source.

OPEN: 1 inside a document. POSITION, START: of the open document. END: behind its last visible byte
so far. LINE_START: of the current line. BLANK: 1 as long as that line shows only white space.
NEXT: where the scan stopped.
"""

_LINE_FEED = 10


@device
def _is_space(byte):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell white space within a line: tab, vertical tab, form feed, carriage return, space."""
    return byte in (9, 11, 12, 13, 32)


@kernel("int64(const_uint8[::1], int64, int64, int64[::1], int64[:, ::1])")
def find_documents(
    data: NDArray[np.uint8],
    offset: int,
    separator: int,
    state: NDArray[np.int64],
    documents: NDArray[np.int64],
) -> int:
    r"""Find the documents that end in `data`; the next call may go on behind it.

    A document's position is the first byte of its first line with a visible character. Its text
    goes from its first to its last visible character. Only "\n" ends a line.

    Args:
        data: uint8 [bytes], a part of a text.
        offset: place of data[0] in the whole source.
        separator: BLANK_LINE, LINE or FILE.
        state: int64 [7], see OPEN; read and written.
        documents: int64 [most documents, 3]: position, start, end; written in place. The scan
            stops early, at state[NEXT], when it is full.

    Returns:
        How many rows of `documents` were written.
    """
    found = 0
    i = 0
    while i < data.size and found < documents.shape[0]:
        closes = False
        if state[BLANK] != 0:
            if data[i] == _LINE_FEED:
                closes = separator == BLANK_LINE and state[OPEN] != 0
                state[LINE_START] = offset + i + 1
            elif not _is_space(data[i]):
                state[BLANK] = 0
                if state[OPEN] == 0:
                    state[OPEN] = 1
                    state[POSITION] = state[LINE_START]
                    state[START] = offset + i
        else:
            i = find_byte(data, i, data.size, _LINE_FEED)
            if i < data.size:
                visible = i
                while visible > 0 and _is_space(data[visible - 1]):
                    visible -= 1
                state[END] = offset + visible
                state[LINE_START] = offset + i + 1
                state[BLANK] = 1
                closes = separator == LINE
        if closes:
            documents[found, 0] = state[POSITION]
            documents[found, 1] = state[START]
            documents[found, 2] = state[END]
            state[OPEN] = 0
            found += 1
        i += 1
    state[NEXT] = offset + min(i, data.size)
    return found
