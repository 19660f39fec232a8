"""MASKED -> MASKED: rows of one length, which a trainer stacks as they are; and back."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import MaskingConfig
from maskprep.errors import ShardError
from maskprep.kernels.row_gather import copy_lists
from maskprep.list_columns import flat_values, list_column, list_offsets
from maskprep.schema import IGNORED_LABEL, PREDICTION_LISTS, kind_of_examples, masked_schema

PADDED_TOKENS = 2**20
"""Of a batch that is padded: as many as a row group has, however short its rows were."""

_IDS = ("input_ids", "token_ids", "target_ids")
OF_TOKENS = (
    *(*_IDS, "token_type_ids", "segment_ids", "attention_mask", "padding_mask"),
    *("labels", "loss_mask", "word_starts"),
)
"""Columns with a value for each token."""
_OF_PREDICTIONS = tuple(name for lists in PREDICTION_LISTS for name in lists)
_MARKS = {
    "attention_mask": "input_ids",
    "padding_mask": "token_ids",
    **{lists.weights: lists.positions for lists in PREDICTION_LISTS},
}
"""Columns that are 1 at what is real and 0 at padding, and lists that are as long before it."""


@dataclass(frozen=True)
class Padding:
    """How rows are padded.

    Attributes:
        pad_id: id of the padding token.
        length: tokens of every row.
        predictions: values of every list of predictions, in the forms that have such lists.
    """

    pad_id: int
    length: int
    predictions: int | None = None

    def value(self, name: str) -> int:
        """Return what fills up a column."""
        if name in _IDS:
            return self.pad_id
        return IGNORED_LABEL if name == "labels" else 0

    def width(self, name: str) -> int | None:
        """Return how many values each of a column's lists has; None: it is not padded."""
        if name in OF_TOKENS:
            return self.length
        return self.predictions if name in _OF_PREDICTIONS else None


def pad_examples(
    batch: pa.RecordBatch, config: MaskingConfig, padding: Padding
) -> Iterator[pa.RecordBatch]:
    """Pad masked examples, in batches of bounded size.

    Args:
        batch: from `mask_examples`.
        config: that it was masked with.
        padding: how to pad.

    Yields:
        The same rows in the same order, with the padded columns of `masked_schema`.

    Raises:
        ShardError: a row is longer than `padding.length`.
    """
    schema = masked_schema(
        config.columns, config.keep, kind_of_examples(batch.schema.names), padded=True
    )
    rows = max(1, PADDED_TOKENS // padding.length)
    for start in range(0, batch.num_rows, rows):
        yield _pad(batch.slice(start, rows), schema, padding)


def _pad(batch: pa.RecordBatch, schema: pa.Schema, padding: Padding) -> pa.RecordBatch:
    _check_lengths(batch, padding.length)
    columns = []
    for field in schema:
        name, width = field.name, padding.width(field.name)
        if width is None:
            columns.append(batch.column(name))
            continue
        if name in batch.schema.names:
            values, offsets = flat_values(batch.column(name))
        else:
            offsets = list_offsets(batch.column(_MARKS[name]))
            values = np.ones(offsets[-1], field.type.value_type.to_pandas_dtype())
        padded = np.full(batch.num_rows * width, padding.value(name), values.dtype)
        places = np.arange(batch.num_rows + 1) * width
        copy_lists(
            values.view(np.uint8), offsets, places[:-1], values.itemsize, padded.view(np.uint8)
        )
        columns.append(list_column(padded, places))
    return pa.record_batch(columns, schema=schema)


def _check_lengths(batch: pa.RecordBatch, length: int) -> None:
    """Check that every row has room for its tokens: the kernel would write over the next row."""
    name = next(one for one in _IDS if one in batch.schema.names)
    lengths = np.diff(list_offsets(batch.column(name)))
    if lengths.max(initial=0) <= length:
        return
    row = int(np.argmax(lengths > length))
    raise ShardError(
        f"example {batch.column('example_id')[row]}: {lengths[row]:,} tokens; expected at most "
        f"{length:,}, the --max-seq-length that the examples say they were made with. Make the "
        f"examples again."
    )


def strip_padding(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """Return rows without their padding, and how many tokens of padding they had.

    Args:
        batch: of any stage, padded or not; lists that are padded alike have equal lengths.
    """
    stripped, padding_tokens = batch, 0
    for lists, mark in _padded_lists(batch):
        is_real = flat_values(batch.column(mark))[0] != 0
        if is_real.all():
            continue
        if mark in OF_TOKENS:
            padding_tokens = int(np.count_nonzero(~is_real))
        before = np.append(0, np.cumsum(is_real))
        for name in lists:
            values, offsets = flat_values(batch.column(name))
            place = batch.schema.get_field_index(name)
            column = list_column(values[is_real], before[offsets])
            stripped = stripped.set_column(place, batch.schema.field(place), column)
    return stripped, padding_tokens


def count_marked_tokens(batch: pa.RecordBatch) -> int:
    """Return how many tokens of padded rows are real, as the rows say."""
    mark = next(name for lists, name in _padded_lists(batch) if name in OF_TOKENS)
    return int(np.count_nonzero(flat_values(batch.column(mark))[0]))


def padding_faults(
    batch: pa.RecordBatch, padding: Padding
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield what is wrong with the padding of rows, and in which rows of the batch."""
    for lists, mark in _padded_lists(batch):
        width = padding.width(mark) or 0
        columns = {name: flat_values(batch.column(name)) for name in lists}
        lengths = {name: np.diff(offsets) for name, (_, offsets) in columns.items()}
        for name in lists:
            wrong = np.flatnonzero(lengths[name] != width)
            yield f"{name} does not have {width:,} values, padding included", wrong
        if any((one != width).any() for one in lengths.values()):
            continue
        rows = {name: values.reshape(-1, width) for name, (values, _) in columns.items()}
        marks = rows.pop(mark)
        strange = (marks != 0) & (marks != 1)
        rises = marks[:, 1:] > marks[:, :-1]
        wrong = np.flatnonzero(strange.any(axis=1) | rises.any(axis=1))
        yield f"{mark} is not ones and then zeros", wrong
        for name, values in rows.items():
            strange = (values != padding.value(name)) & (marks == 0)
            what = f"{name} holds something else than {padding.value(name)} in the padding"
            yield what, np.flatnonzero(strange.any(axis=1))


def _padded_lists(batch: pa.RecordBatch) -> Iterator[tuple[list[str], str]]:
    """Yield the lists that are padded alike, and the one of them that says where."""
    for names in (OF_TOKENS, _OF_PREDICTIONS):
        lists = [name for name in names if name in batch.schema.names]
        yield from ((lists, name) for name in lists if name in _MARKS)
