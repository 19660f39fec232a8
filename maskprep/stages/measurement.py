"""Realised rates of rows, counted from the rows themselves."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.list_columns import flat_values, numpy_array
from maskprep.schema import IGNORED_LABEL, PREDICTION_LISTS
from maskprep.stages.padding import strip_padding

TOKEN_COLUMNS = ("token_ids", "input_ids")
"""What the model sees; beside token_ids, input_ids are kept ones of the examples."""
TARGET_COLUMNS = (
    *(("loss_mask", "target_ids"), ("labels",)),
    *((lists.positions, lists.ids) for lists in PREDICTION_LISTS),
)
"""What says which tokens are predicted and what they were, in each form of masked rows."""
_TYPE_COLUMNS = ("token_type_ids", "segment_ids")


@dataclass
class RowCounts:
    """What rows of examples or masked examples hold, as far as they were counted."""

    rows: int = 0
    tokens: int = 0
    padding_tokens: int = 0
    longest: int = 0
    special_tokens: int = 0
    """Among the original tokens."""
    masked_tokens: int = 0
    replaced_tokens: int = 0
    kept_tokens: int = 0
    most_selected: int = 0
    """Of a row."""
    random_pairs: int = 0
    labelled_pairs: int = 0
    swapped_pairs: int = 0
    ordered_pairs: int = 0
    """Pairs with a label of sentence order."""
    sequences: int = 0
    dividable_rows: int = 0
    """Packed rows with token types: of one segment or two."""
    two_segment_rows: int = 0

    @property
    def selected_tokens(self) -> int:
        """Tokens that are to be predicted."""
        return self.masked_tokens + self.replaced_tokens + self.kept_tokens

    def rates(self) -> dict[str, float]:
        """Return realised rates, named as in a manifest."""
        rates: dict[str, float] = {}
        selected = self.selected_tokens
        if selected:
            rates["selected"] = round(selected / max(self.tokens - self.special_tokens, 1), 6)
            for name in ("masked", "replaced", "kept"):
                rates[name] = round(getattr(self, f"{name}_tokens") / selected, 6)
        if self.labelled_pairs:
            rates["random_next"] = round(self.random_pairs / self.labelled_pairs, 6)
        if self.ordered_pairs:
            rates["swapped"] = round(self.swapped_pairs / self.ordered_pairs, 6)
        if self.dividable_rows:
            rates["two_segments"] = round(self.two_segment_rows / self.dividable_rows, 6)
        return rates


def measured_columns(schema: pa.Schema) -> list[str]:
    """Return the columns that `measure_rows` reads."""
    wanted = [
        *("input_ids", "token_ids", "target_ids", "loss_mask", "labels", "next_sentence_label"),
        *("sentence_order_label", "sequence_lengths", "attention_mask", "padding_mask"),
        *(name for lists in PREDICTION_LISTS for name in lists),
    ]
    if "sequence_lengths" in schema.names:
        wanted += _TYPE_COLUMNS
    return [name for name in wanted if name in schema.names]


def measure_rows(
    batch: pa.RecordBatch, special_ids: NDArray[np.int32], mask_id: int | None, counts: RowCounts
) -> None:
    """Count one batch.

    Args:
        batch: examples, or masked examples in any form of the columns, padded or not.
        special_ids: int32 [special tokens].
        mask_id: id of the mask token, if it is known.
        counts: added to.
    """
    names = batch.schema.names
    batch, padding_tokens = strip_padding(batch)
    counts.padding_tokens += padding_tokens
    token_column = next(name for name in TOKEN_COLUMNS if name in names)
    seen, offsets = flat_values(batch.column(token_column))
    counts.rows += batch.num_rows
    counts.tokens += seen.size
    counts.longest = max(counts.longest, int(np.diff(offsets).max(initial=0)))
    # A mask stands for a token that may be chosen; every other special token is original.
    special = np.isin(seen, special_ids)
    for places, originals in selected_tokens(batch, offsets):
        shown = seen[places]
        special[places] = False
        of_rows = np.diff(np.searchsorted(places, offsets))
        counts.most_selected = max(counts.most_selected, int(of_rows.max(initial=0)))
        masked = shown == (-1 if mask_id is None else mask_id)
        kept = ~masked & (shown == originals)
        counts.masked_tokens += int(masked.sum())
        counts.kept_tokens += int(kept.sum())
        counts.replaced_tokens += int((~masked & ~kept).sum())
    counts.special_tokens += int(special.sum())
    if "next_sentence_label" in names:
        counts.labelled_pairs += batch.num_rows
        counts.random_pairs += int(numpy_array(batch.column("next_sentence_label")).sum())
    if "sentence_order_label" in names:
        counts.ordered_pairs += batch.num_rows
        counts.swapped_pairs += int(numpy_array(batch.column("sentence_order_label")).sum())
    if "sequence_lengths" in names:
        counts.sequences += flat_values(batch.column("sequence_lengths"))[0].size
        for name in _TYPE_COLUMNS:
            if name in names:
                counts.dividable_rows += batch.num_rows
                counts.two_segment_rows += count_two_segments(*flat_values(batch.column(name)))


def count_two_segments(types: NDArray[np.int8], offsets: NDArray[np.int64]) -> int:
    """Count the rows whose last token is of segment B."""
    ends = offsets[1:][np.diff(offsets) > 0]
    return int(np.count_nonzero(types[ends - 1] == 1))


def selected_tokens(
    batch: pa.RecordBatch, offsets: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield places int64 [selected] in the batch's flat tokens, and the original ids there."""
    names = batch.schema.names
    if "loss_mask" in names:
        places = np.flatnonzero(flat_values(batch.column("loss_mask"))[0])
        yield places, flat_values(batch.column("target_ids"))[0][places].astype(np.int64)
    elif "labels" in names:
        labels = flat_values(batch.column("labels"))[0]
        places = np.flatnonzero(labels != IGNORED_LABEL)
        yield places, labels[places]
    for lists in PREDICTION_LISTS:
        if lists.positions in names:
            positions, ends = flat_values(batch.column(lists.positions))
            starts = np.repeat(offsets[:-1], np.diff(ends))
            ids = flat_values(batch.column(lists.ids))[0]
            yield positions + starts, ids.astype(np.int64)
