"""What the values of a row must be, whatever made it: checked where rows enter and by `verify`.

Each function yields what could be wrong, and in which rows of the batch it is: int64 [rows], empty
where nothing is.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.errors import ShardError
from maskprep.list_columns import find_strange_id, flat_values, numpy_array, owners_of

RowFault = tuple[str, NDArray[np.int64]]

_NOT_NEGATIVE = ("example_id", "document_id", "document_id_b", "document_part")
_LABELS = ("next_sentence_label", "sentence_order_label")
_PARTS = {"sentence_lengths": "sentence", "sequence_lengths": "sequence"}
_TYPES = ("token_type_ids", "segment_ids")


def refuse_faults(faults: Iterable[RowFault], name_row: Callable[[int], str], remedy: str) -> None:
    """Check that there is no fault.

    Args:
        faults: what could be wrong.
        name_row: says of a row of the batch what messages call it: "example 7".
        remedy: sentence that says what to do.

    Raises:
        ShardError: the first fault, in the first row that has it.
    """
    for what, rows in faults:
        if rows.size:
            raise ShardError(f"{name_row(int(rows[0]))}: {what}. {remedy}")


def token_id_faults(batch: pa.RecordBatch, num_ids: int) -> Iterator[RowFault]:
    """Check that the tokenizer has every id of input_ids: they are below `num_ids`."""
    strange = find_strange_id(batch.column("input_ids"), num_ids)
    if strange is not None:
        row, found = strange
        expected = f"expected 0 to {num_ids - 1}, the tokenizer's ids"
        yield f"input_ids holds {found}; {expected}", np.array([row])


def id_faults(batch: pa.RecordBatch) -> Iterator[RowFault]:
    """Check ids and labels, of which each row has one."""
    for name in _named(batch, _NOT_NEGATIVE):
        yield f"{name} is negative", np.flatnonzero(numpy_array(batch.column(name)) < 0)
    for name in _named(batch, _LABELS):
        # A negative label is a large number, too.
        labels = numpy_array(batch.column(name)).view(np.uint64)
        yield f"{name} is neither 0 nor 1", np.flatnonzero(labels > 1)


def part_faults(batch: pa.RecordBatch, offsets: NDArray[np.int64]) -> Iterator[RowFault]:
    """Check the lengths of each row's sentences, or of its documents.

    Args:
        batch: of any stage, unpadded.
        offsets: int64 [rows + 1], where each row's tokens begin.
    """
    for name in _named(batch, _PARTS):
        lengths, ends = flat_values(batch.column(name))
        sums = np.append(0, np.cumsum(lengths, dtype=np.int64))[ends]
        wrong = np.flatnonzero(np.diff(sums) != np.diff(offsets))
        yield f"{name} does not sum to the row's tokens", wrong
        empty = owners_of(np.flatnonzero(lengths <= 0), ends)
        yield f"{name} holds a {_PARTS[name]} without tokens", empty


def type_faults(batch: pa.RecordBatch, offsets: NDArray[np.int64]) -> Iterator[RowFault]:
    """Check the token types, and those of packed rows for segments A and B in this order.

    Args:
        batch: of any stage, unpadded; a value for each token.
        offsets: int64 [rows + 1], where each row's tokens begin.
    """
    for name in _named(batch, _TYPES):
        types = flat_values(batch.column(name))[0].view(np.uint8)
        # The largest first: there is one value for each token, and as good as never a wrong one.
        strange = np.flatnonzero(types > 1) if types.max(initial=0) > 1 else np.zeros(0, np.int64)
        yield f"{name} is neither 0 nor 1", owners_of(strange, offsets)
        if "sequence_lengths" in batch.schema.names:
            falls = np.zeros(types.size, np.bool_)
            falls[1:] = types[1:] < types[:-1]
            firsts = offsets[:-1][np.diff(offsets) > 0]
            falls[firsts] = types[firsts] != 0
            yield f"{name} is not 0 ... 0 1 ... 1", owners_of(np.flatnonzero(falls), offsets)


def _named(batch: pa.RecordBatch, names: Iterable[str]) -> list[str]:
    return [name for name in names if name in batch.schema.names]
