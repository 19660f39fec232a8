"""Packed rows laid out with special tokens: of any documents, or of one in one segment or two."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.encoders.templates import PairTemplate
from maskprep.kernels.packing import lay_out_sequences
from maskprep.kernels.two_segments import lay_out_segments
from maskprep.list_columns import list_column
from maskprep.stages.best_fit import B_START, START, STOP


@dataclass(frozen=True)
class SequenceLayout:
    """Special tokens around and between documents, each int32 [specials].

    Attributes:
        before: at the beginning of a row.
        separator: where the next document of a row begins.
        after: at its end.
        pair: around and between the two segments of a divided row; None: rows are not divided.
    """

    before: NDArray[np.int32]
    separator: NDArray[np.int32]
    after: NDArray[np.int32]
    pair: PairTemplate | None = None


def sequence_columns(
    tokens: NDArray[np.uint32],
    segment_offsets: NDArray[np.int64],
    row_segments: NDArray[np.int64],
    layout: SequenceLayout,
    *,
    is_best_fit: bool,
) -> dict[str, pa.Array]:
    """Lay out rows of any number of documents.

    Args:
        tokens: uint32 [tokens of all segments], with WORD_START.
        segment_offsets: int64 [segments + 1], in tokens.
        row_segments: int64 [rows + 1], in segments.
        layout: special tokens.
        is_best_fit: each document stands between special tokens of its own.

    Returns:
        Columns input_ids, word_starts, sequence_lengths.
    """
    number, num_rows = segment_offsets.size - 1, row_segments.size - 1
    if is_best_fit:
        specials = number * (layout.before.size + layout.after.size)
    else:
        specials = num_rows * (layout.before.size + layout.after.size)
        specials += (number - num_rows) * layout.separator.size
    parts = (layout.before, layout.separator, layout.after)
    offsets = np.empty(num_rows + 1, np.int64)
    input_ids = np.empty(tokens.size + specials, np.int32)
    word_starts = np.empty(tokens.size + specials, np.bool_)
    sequence_lengths = np.empty(number, np.int32)
    lay_out_sequences(
        tokens,
        segment_offsets,
        row_segments,
        np.concatenate(parts),
        np.array([part.size for part in parts], np.int64),
        int(is_best_fit),
        offsets,
        input_ids,
        word_starts,
        sequence_lengths,
    )
    return {
        "input_ids": list_column(input_ids, offsets),
        "word_starts": list_column(word_starts, offsets),
        "sequence_lengths": list_column(sequence_lengths, row_segments),
    }


def segment_columns(
    rows: NDArray[np.int64],
    tokens: NDArray[np.uint32],
    row_offsets: NDArray[np.int64],
    pair: PairTemplate,
) -> dict[str, pa.Array]:
    """Lay out rows with special tokens around and between their segments.

    Args:
        rows: int64 [rows, SEGMENT_COLUMNS], one run of a document's tokens each.
        tokens: uint32 [tokens of all rows], with WORD_START.
        row_offsets: int64 [rows + 1], in tokens.
        pair: special tokens and token types.

    Returns:
        Columns input_ids, token_type_ids, word_starts, sequence_lengths.
    """
    in_a = rows[:, B_START] - rows[:, START]
    is_divided = rows[:, B_START] < rows[:, STOP]
    size = tokens.size + len(rows) * (pair.before.size + pair.after.size)
    size += int(np.count_nonzero(is_divided)) * pair.between.size
    offsets = np.empty(len(rows) + 1, np.int64)
    input_ids = np.empty(size, np.int32)
    token_type_ids = np.empty(size, np.int8)
    word_starts = np.empty(size, np.bool_)
    lay_out_segments(
        tokens,
        row_offsets,
        row_offsets[:-1] + in_a,
        pair.special_ids,
        pair.num_specials,
        pair.types,
        offsets,
        input_ids,
        token_type_ids,
        word_starts,
    )
    lengths = np.diff(offsets).astype(np.int32)
    return {
        "input_ids": list_column(input_ids, offsets),
        "token_type_ids": list_column(token_type_ids, offsets),
        "word_starts": list_column(word_starts, offsets),
        "sequence_lengths": list_column(lengths, np.arange(len(rows) + 1)),
    }
