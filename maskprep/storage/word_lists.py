"""Columns of lists of words (`--words list`): how long they are, and their text."""

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskprep.list_columns import arrow_array, numpy_array
from maskprep.storage.given_words import SEPARATOR
from maskprep.storage.rows import Array, DocumentRows
from maskprep.storage.text import LONGEST_WHOLE_BYTES


def is_list(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds lists."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def list_lengths(lists: Array) -> NDArray[np.int64]:
    """Return the bytes of each list's words, and one more for each word: int64 [rows]."""
    words = lists.flatten()
    if pa.types.is_dictionary(words.type):
        sizes = pc.binary_length(words.dictionary.cast(pa.large_binary())).take(words.indices)
    else:
        sizes = pc.binary_length(words.cast(pa.large_binary()))
    ends = np.cumsum(numpy_array(pc.fill_null(sizes, 0)).astype(np.int64) + 1)
    before = np.append(np.zeros(1, np.int64), ends)
    counts = numpy_array(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)
    stops = np.cumsum(counts)
    lengths: NDArray[np.int64] = before[stops] - before[stops - counts]
    return lengths


def without_long_lists(
    batch: pa.RecordBatch, positions: NDArray[np.int64], rows: DocumentRows
) -> tuple[pa.RecordBatch, NDArray[np.int64]]:
    """Leave out rows whose words are too long to be held together.

    Args:
        batch: with the text column.
        positions: int64 [rows].
        rows: of the source.

    Raises:
        CorpusError: there is one, and --on-invalid is error.
    """
    is_long = list_lengths(batch.column(rows.config.text_column)) > LONGEST_WHOLE_BYTES
    for place in positions[is_long].tolist():
        where = partial(f"{{}}, row {place + 1}".format, rows.source.shown_name)
        rows.refuse_long(place, "the list of words", where)
    if not is_long.any():
        return batch, positions
    return batch.filter(arrow_array(~is_long)), positions[~is_long]


def joined_lists(lists: Array) -> Array:
    """Return the words of each list with SEPARATOR between them, as large_binary.

    A list that is null, or holds a null, gives null.
    """
    words = lists.flatten()
    if pa.types.is_dictionary(words.type):
        words = words.dictionary.cast(pa.large_binary()).take(words.indices)
    counts = numpy_array(pc.fill_null(pc.list_value_length(lists), 0)).astype(np.int64)
    offsets = np.append(np.zeros(1, np.int64), np.cumsum(counts))
    plain = pa.LargeListArray.from_arrays(arrow_array(offsets), words.cast(pa.large_binary()))
    joined = pc.binary_join(plain, pa.scalar(SEPARATOR.encode(), pa.large_binary()))
    return pc.if_else(lists.is_valid(), joined, pa.scalar(None, pa.large_binary()))
