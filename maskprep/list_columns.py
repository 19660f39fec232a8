"""List columns of a record batch as flat arrays and offsets, and back."""

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
