"""Rows of record batches, put into another order: lists are copied once, by kernels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.kernels.row_gather import copy_bit_lists, copy_lists
from maskprep.list_columns import arrow_array, numpy_array


def gather_rows(pieces: Sequence[pa.RecordBatch], order: NDArray[np.int64]) -> pa.RecordBatch:
    """Return the rows of several batches in another order.

    `pyarrow.compute.take` gives the same, ten times as slowly for lists of tokens.

    Args:
        pieces: of one schema: numbers, bools, and lists of them, without nulls.
        order: int64 [rows], row numbers counted through all pieces.
    """
    schema = pieces[0].schema
    ranks = np.empty(order.size, np.int64)
    ranks[order] = np.arange(order.size)
    firsts = np.cumsum([0, *(piece.num_rows for piece in pieces)])
    ranks_of_pieces = [
        ranks[first : first + piece.num_rows] for piece, first in zip(pieces, firsts, strict=False)
    ]
    columns = []
    for number, field in enumerate(schema):
        parts = [piece.column(number) for piece in pieces]
        if pa.types.is_list(field.type):
            columns.append(_gather_lists(parts, ranks_of_pieces, order, field.type))
        else:
            values = np.concatenate([numpy_array(part) for part in parts])
            columns.append(arrow_array(values[order]))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _gather_lists(
    parts: Sequence[pa.ListArray],
    ranks: Sequence[NDArray[np.int64]],
    order: NDArray[np.int64],
    kind: pa.ListType,
) -> pa.ListArray:
    offsets = [numpy_array(part.offsets).astype(np.int64) for part in parts]
    lengths = np.concatenate([np.diff(one) for one in offsets])
    starts = np.zeros(order.size + 1, np.int64)
    np.cumsum(lengths[order], out=starts[1:])
    size = int(starts[-1])
    is_packed = pa.types.is_boolean(kind.value_type)
    item_bytes = 1 if is_packed else kind.value_type.byte_width
    gathered = (
        np.zeros((size + 7) // 8, np.uint8) if is_packed else np.empty(size * item_bytes, np.uint8)
    )
    for part, part_offsets, rank in zip(parts, offsets, ranks, strict=True):
        values: Any = part.values
        data = values.buffers()[1]
        stored = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
        destinations = starts[rank]
        if is_packed:
            copy_bit_lists(stored, values.offset, part_offsets, destinations, gathered)
        else:
            copy_lists(
                stored[values.offset * item_bytes :],
                part_offsets,
                destinations,
                item_bytes,
                gathered,
            )
    buffers = [None, pa.py_buffer(gathered)]
    array = pa.Array.from_buffers(kind.value_type, size, buffers, null_count=0)
    return pa.ListArray.from_arrays(arrow_array(starts.astype(np.int32)), array)
