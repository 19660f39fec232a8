"""Whether the columns of a row fit one another, which decoding and counting rely on."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from maskprep.list_columns import flat_values, list_offsets, owners_of
from maskprep.row_values import RowFault
from maskprep.schema import PREDICTION_LISTS
from maskprep.stages.measurement import TOKEN_COLUMNS
from maskprep.stages.padding import OF_TOKENS

_OF_POSITIONS = {lists.positions: (lists.ids, lists.weights) for lists in PREDICTION_LISTS}
"""Columns of positions, and those with a value for each position."""


def token_column(batch: pa.RecordBatch) -> str:
    """Return the name of the column that holds what the model sees."""
    return next(name for name in TOKEN_COLUMNS if name in batch.schema.names)


def list_faults(batch: pa.RecordBatch) -> Iterator[RowFault]:
    """Check that the columns agree about how long each row is; padded or not."""
    tokens = token_column(batch)
    for first, others in {tokens: OF_TOKENS, **_OF_POSITIONS}.items():
        if first not in batch.schema.names:
            continue
        lengths = np.diff(list_offsets(batch.column(first)))
        for name in others:
            if name != first and name in batch.schema.names:
                differs = np.diff(list_offsets(batch.column(name))) != lengths
                yield f"{name} and {first} differ in length", np.flatnonzero(differs)


def position_faults(batch: pa.RecordBatch) -> Iterator[RowFault]:
    """Check that the positions of rows without padding ascend, and lie in the row."""
    lengths = np.diff(list_offsets(batch.column(token_column(batch))))
    for name in _OF_POSITIONS:
        if name not in batch.schema.names:
            continue
        places, offsets = flat_values(batch.column(name))
        owners = owners_of(np.arange(places.size), offsets)
        outside = (places < 0) | (places >= lengths[owners])
        falls = np.zeros(places.size, np.bool_)
        falls[1:] = (np.diff(places) <= 0) & (np.diff(owners) == 0)
        yield f"{name} lies outside the row", owners[outside]
        yield f"{name} does not ascend", owners[falls]
