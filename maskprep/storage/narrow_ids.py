"""Ids in 16 bits on their way through runs: half of what is written, and most of what is sorted."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from maskprep.list_columns import flat_values, list_column

_COLUMN = "input_ids"
_WIDE, _NARROW = pa.list_(pa.int32()), pa.list_(pa.uint16())
_MOST_IDS = 2**16


def narrowed(pieces: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return batches with their ids as uint16; unchanged, if one of them does not fit.

    Args:
        pieces: of one schema; what has no column input_ids of int32 stays as it is.
    """
    if any(not _has(piece, _WIDE) for piece in pieces):
        return list(pieces)
    columns = [flat_values(piece.column(_COLUMN)) for piece in pieces]
    if any(ids.view(np.uint32).max(initial=0) >= _MOST_IDS for ids, _ in columns):
        return list(pieces)
    return [
        _with_ids(piece, list_column(ids.astype(np.uint16), offsets))
        for piece, (ids, offsets) in zip(pieces, columns, strict=True)
    ]


def widened(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with its ids as int32 again, if they were narrowed."""
    if not _has(batch, _NARROW):
        return batch
    ids, offsets = flat_values(batch.column(_COLUMN))
    return _with_ids(batch, list_column(ids.astype(np.int32), offsets))


def alike(pieces: Sequence[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Return batches of one schema: all narrowed, or all wide."""
    if all(_has(piece, _NARROW) for piece in pieces):
        return list(pieces)
    return [widened(piece) for piece in pieces]


def _has(batch: pa.RecordBatch, kind: pa.DataType) -> bool:
    return _COLUMN in batch.schema.names and batch.schema.field(_COLUMN).type == kind


def _with_ids(batch: pa.RecordBatch, ids: pa.ListArray) -> pa.RecordBatch:
    place = batch.schema.get_field_index(_COLUMN)
    field = batch.schema.field(place).with_type(ids.type)
    return batch.set_column(place, field, ids)
