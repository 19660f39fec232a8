"""Lists and texts of a record batch as flat arrays and offsets, and back."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def flat_values(column: pa.ListArray) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return a list column's values and where each row's begin.

    Returns:
        values [tokens] of the column's own dtype (a view where Arrow allows it), and
        offsets int64 [rows + 1], beginning with 0: also right for a slice of a larger column.
    """
    offsets = column.offsets.to_numpy().astype(np.int64)
    return column.flatten().to_numpy(zero_copy_only=False), offsets - offsets[0]


def list_column(values: NDArray[Any], offsets: NDArray[np.int64]) -> pa.ListArray:
    """Return the list column whose row r is values[offsets[r]:offsets[r + 1]].

    Args:
        values: [tokens], any dtype Arrow knows.
        offsets: int64 [rows + 1], below 2^31.
    """
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values))


def flat_text(texts: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:  # noqa: ANN401 - Arrow
    """Return the bytes of texts, and where each row's begin.

    Args:
        texts: large_string or large_binary [rows], no nulls; also a slice of a larger column.

    Returns:
        uint8 [bytes], a view, and offsets int64 [rows + 1], beginning with 0.
    """
    _, offsets_buffer, data_buffer = texts.buffers()
    if data_buffer is None or len(texts) == 0:
        return np.empty(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    offsets = np.frombuffer(offsets_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return data, offsets - offsets[0]
