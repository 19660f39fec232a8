"""Ids in 16 bits on their way through runs: half of what is written, and most of what is sorted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from maskprep.list_columns import find_strange_id, flat_values, list_column

_COLUMN = "input_ids"
_WIDE, _NARROW = pa.list_(pa.int32()), pa.list_(pa.uint16())
MOST_NARROW_IDS = 2**16
"""Of a vocabulary, or of those that occur, from 0 on."""


def narrowed(pieces: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return batches with their ids as uint16; unchanged, if one of them does not fit.

    Args:
        pieces: of one schema; what has no column input_ids of int32 stays as it is.
    """
    if any(not _has(piece, _WIDE) for piece in pieces):
        return list(pieces)
    if any(find_strange_id(piece.column(_COLUMN), MOST_NARROW_IDS) for piece in pieces):
        return list(pieces)
    return [_with_ids(piece, np.uint16) for piece in pieces]


def widened(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with its ids as int32 again, if they were narrowed."""
    return _with_ids(batch, np.int32) if _has(batch, _NARROW) else batch


def alike(pieces: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return batches of one schema: all narrowed, or all wide."""
    if all(_has(piece, _NARROW) for piece in pieces):
        return list(pieces)
    return [widened(piece) for piece in pieces]


def _has(batch: pa.RecordBatch, kind: pa.DataType) -> bool:
    return _COLUMN in batch.schema.names and batch.schema.field(_COLUMN).type == kind


def _with_ids(batch: pa.RecordBatch, dtype: type[np.integer[Any]]) -> pa.RecordBatch:
    values, offsets = flat_values(batch.column(_COLUMN))
    ids = list_column(values.astype(dtype), offsets)
    place = batch.schema.get_field_index(_COLUMN)
    field = batch.schema.field(place).with_type(ids.type)
    return batch.set_column(place, field, ids)
