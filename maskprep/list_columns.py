"""Arrow arrays without nulls as numpy arrays, and back; list columns as flat arrays and offsets.

Buffers are shared. pyarrow's own conversions import pandas wherever it is installed, which takes
longer than many a run.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numpy_array(array: pa.Array) -> NDArray[Any]:
    """Return the values of an array of numbers or bools; bools are copied, since Arrow packs them.

    Args:
        array: of a fixed width, without nulls; may be a slice.
    """
    data = array.buffers()[1]
    size, first = len(array), array.offset
    if pa.types.is_boolean(array.type):
        if data is None:
            return np.zeros(0, np.bool_)
        packed = np.frombuffer(data, np.uint8)[first // 8 : (first + size + 7) // 8]
        bits = np.unpackbits(packed, bitorder="little")[first % 8 :][:size]
        return bits.view(np.bool_)
    dtype = np.dtype(array.type.to_pandas_dtype())
    if data is None or size == 0:
        return np.zeros(0, dtype)
    return np.frombuffer(data, dtype, size, first * dtype.itemsize)


def arrow_array(values: NDArray[Any]) -> pa.Array:
    """Return an Arrow array of numbers or bools; numbers are not copied.

    Args:
        values: [values], any dtype Arrow knows.
    """
    if values.dtype == np.bool_:
        buffer = pa.py_buffer(np.packbits(values, bitorder="little"))
    else:
        buffer = pa.py_buffer(np.ascontiguousarray(values))
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, values.size, [None, buffer], null_count=0)


def text_array(texts: Sequence[str]) -> pa.LargeStringArray:
    """Return texts as an Arrow array.

    Raises:
        UnicodeEncodeError: a text holds half of a surrogate pair.
    """
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(data) for data in encoded], out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.large_string(), len(encoded), buffers, null_count=0)


def flat_values(column: pa.ListArray) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return a list column's values and where each row's begin.

    Returns:
        values [tokens] of the column's own dtype (a view where Arrow allows it), and
        offsets int64 [rows + 1], beginning with 0: also right for a slice of a larger column.
    """
    return numpy_array(column.flatten()), list_offsets(column)


def list_offsets(column: pa.ListArray) -> NDArray[np.int64]:
    """Return where each row's values begin, as `flat_values` does, and leave the values alone."""
    offsets: NDArray[np.int64] = numpy_array(column.offsets).astype(np.int64)
    offsets -= offsets[0]
    return offsets


def find_strange_id(column: pa.ListArray, num_ids: int) -> tuple[int, int] | None:
    """Return row and value of the first id that is not below `num_ids`, or negative; else None.

    Kernels check nothing: an id out of range would read foreign memory.

    Args:
        column: list of int32.
        num_ids: of a vocabulary.
    """
    ids, offsets = flat_values(column)
    unsigned = ids.view(np.uint32)
    if unsigned.max(initial=0) < num_ids:
        return None
    token = int(np.argmax(unsigned >= num_ids))
    return int(owners_of(np.array(token), offsets)), int(ids[token])


def owners_of(places: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows that values of a list column are in.

    Args:
        places: int64 [values], numbers of flat values.
        offsets: int64 [rows + 1], where each row's values begin.
    """
    return np.searchsorted(offsets, places, side="right") - 1


def list_column(values: NDArray[Any], offsets: NDArray[np.int64]) -> pa.ListArray:
    """Return the list column whose row r is values[offsets[r]:offsets[r + 1]].

    Args:
        values: [tokens], any dtype Arrow knows.
        offsets: int64 [rows + 1], below 2^31.
    """
    return pa.ListArray.from_arrays(arrow_array(offsets.astype(np.int32)), arrow_array(values))
