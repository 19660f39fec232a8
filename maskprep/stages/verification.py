"""What rows must be, whatever made them: checked batch by batch, and counted on the way."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.list_columns import flat_values, list_offsets, numpy_array, owners_of
from maskprep.row_values import RowFault, id_faults, part_faults, type_faults
from maskprep.stages.measurement import count_two_segments, selected_tokens
from maskprep.stages.padding import Padding, count_marked_tokens, padding_faults, strip_padding
from maskprep.stages.row_rules import RowRules, RowTotals
from maskprep.stages.row_shape import list_faults, position_faults, token_column

_COUNTED = (
    *("document_id", "document_part", "next_sentence_label", "sentence_order_label"),
    "epoch",
)
"""Columns with one value for each row that tells something of all rows."""


@dataclass
class RowFaults:
    """Faults of one shard's rows: what is wrong, in how many rows, first where."""

    found: dict[str, tuple[int, int]] = field(default_factory=dict)

    def note(self, what: str, rows: NDArray[np.int64]) -> None:
        """Add a fault of these rows, numbered in the shard; of none, nothing."""
        if rows.size:
            first, number = self.found.get(what, (int(rows[0]), 0))
            self.found[what] = first, number + int(np.unique(rows).size)

    def note_all(self, faults: Iterable[RowFault], first_row: int) -> None:
        """Add faults of a batch whose first row has this number in the shard."""
        for what, rows in faults:
            self.note(what, first_row + rows)

    def lines(self) -> list[str]:
        """Return one line for each kind of fault."""
        return [
            f"row {first:,}: {what}" + (f" (and {number - 1:,} more rows)" if number > 1 else "")
            for what, (first, number) in self.found.items()
        ]


@dataclass
class RowChecker:
    """Checks the batches of one shard, in order."""

    rules: RowRules
    totals: RowTotals = field(default_factory=RowTotals)
    faults: RowFaults = field(default_factory=RowFaults)
    epoch: int | None = None
    document_range: tuple[int, int] | None = None
    """Smallest and largest document id."""

    def check(self, batch: pa.RecordBatch) -> None:
        """Check and count one batch without nulls, of the schema of any stage."""
        if not batch.num_rows:
            return
        self._check_rows(batch)
        if self.rules.padding is not None:
            if self._has_padding_faults(batch, self.rules.padding):
                self.totals.rows += batch.num_rows
                self.totals.tokens += count_marked_tokens(batch)
                return
            batch, stripped = strip_padding(batch)
            self.totals.padding_tokens += stripped
        name = token_column(batch)
        ids, offsets = flat_values(batch.column(name))
        rows = _Rows(ids, offsets, self.totals.rows)
        self._check_tokens(batch, rows, name)
        self.totals.rows += batch.num_rows
        self.totals.tokens += ids.size

    def _check_rows(self, batch: pa.RecordBatch) -> None:
        """Check the columns that have one value for each row."""
        first_row, note = self.totals.rows, self.faults.note
        self.faults.note_all(id_faults(batch), first_row)
        columns = {
            name: numpy_array(column)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
            if name in _COUNTED
        }
        ids = columns["document_id"]
        before = self.document_range or (int(ids[0]), int(ids[0]))
        self.document_range = min(before[0], int(ids.min())), max(before[1], int(ids.max()))
        if "document_part" in columns:
            self.totals.documents += int(np.count_nonzero(columns["document_part"] == 0))
        if "next_sentence_label" in columns:
            self.totals.random_pairs += int(np.count_nonzero(columns["next_sentence_label"] == 1))
        if "sentence_order_label" in columns:
            self.totals.swapped_pairs += int(np.count_nonzero(columns["sentence_order_label"] == 1))
        if "epoch" in columns:
            self.epoch = int(columns["epoch"][0]) if self.epoch is None else self.epoch
            wrong = np.flatnonzero(columns["epoch"] != self.epoch)
            note(f"epoch is not {self.epoch}, that of the shard's first row", first_row + wrong)

    def _has_padding_faults(self, batch: pa.RecordBatch, padding: Padding) -> bool:
        is_wrong = False
        for what, rows in padding_faults(batch, padding):
            self.faults.note(what, self.totals.rows + rows)
            is_wrong = is_wrong or rows.size > 0
        return is_wrong

    def _check_tokens(self, batch: pa.RecordBatch, rows: "_Rows", name: str) -> None:
        """Check the columns that have a value for each token."""
        note, limit = self.faults.note, self.rules.maskable.size
        if self.rules.max_tokens is not None:
            long = np.flatnonzero(rows.lengths > self.rules.max_tokens)
            note(f"more than {self.rules.max_tokens:,} tokens", rows.first + long)
        self._check_bin(rows)
        fits = self._lists_fit(batch, rows)
        strange = (rows.ids < 0) | (rows.ids >= limit)
        note(f"{name} holds an id outside 0 to {limit - 1:,}", rows.of_tokens(strange))
        self.faults.note_all(part_faults(batch, rows.offsets), rows.first)
        self._count_parts(batch)
        if not fits or strange.any():
            return
        if self.rules.unknown_id is not None and self.epoch is None:
            unknown = np.count_nonzero(rows.ids == self.rules.unknown_id)
            self.totals.unknown_tokens += int(unknown)
        self.faults.note_all(type_faults(batch, rows.offsets), rows.first)
        self._count_segments(batch, rows)
        if "padding_mask" in batch.schema.names:
            padding = ~flat_values(batch.column("padding_mask"))[0]
            note("padding_mask is false in an unpadded row", rows.of_tokens(padding))
        if self.epoch is not None:
            self._check_selection(batch, rows, name)

    def _check_bin(self, rows: "_Rows") -> None:
        bins, longest = self.rules.bins, self.rules.bin
        if bins is None or longest is None:
            return
        strange = np.flatnonzero(bins.of_lengths(rows.lengths) != longest)
        what = f"not of bin {longest} ({bins.shortest(longest)} to {longest} tokens)"
        self.faults.note(what, rows.first + strange)

    def _lists_fit(self, batch: pa.RecordBatch, rows: "_Rows") -> bool:
        """Check that the columns agree about how long each row is."""
        before = len(self.faults.found)
        self.faults.note_all(list_faults(batch), rows.first)
        self.faults.note_all(position_faults(batch), rows.first)
        return len(self.faults.found) == before

    def _count_parts(self, batch: pa.RecordBatch) -> None:
        if "sentence_lengths" in batch.schema.names:
            self.totals.sentences += int(list_offsets(batch.column("sentence_lengths"))[-1])
        if "sequence_lengths" in batch.schema.names:
            self.totals.sequences += int(list_offsets(batch.column("sequence_lengths"))[-1])

    def _count_segments(self, batch: pa.RecordBatch, rows: "_Rows") -> None:
        names = batch.schema.names
        for name in ("token_type_ids", "segment_ids"):
            if name in names and "sequence_lengths" in names:
                types = flat_values(batch.column(name))[0]
                self.totals.two_segment_rows += count_two_segments(types, rows.offsets)

    def _check_selection(self, batch: pa.RecordBatch, rows: "_Rows", name: str) -> None:
        """Check which tokens are selected and what stands in their place."""
        rules, note = self.rules, self.faults.note
        original = rows.ids.copy()
        for places, originals in selected_tokens(batch, rows.offsets):
            strange = (originals < 0) | (originals >= rules.maskable.size)
            if strange.any():
                what = "a selected token's original id is not in the vocabulary"
                note(what, rows.owners(places[strange]))
                return
            original[places] = originals
            special = ~rules.maskable[originals]
            note("a special token is selected", rows.owners(places[special]))
            shown = rows.ids[places]
            masked = shown == (-1 if rules.mask_id is None else rules.mask_id)
            same = ~masked & (shown == originals)
            other = ~masked & ~same
            if rules.replacing is not None:
                wrong = other & ~rules.replacing[shown]
                note("a token that must not replace others does", rows.owners(places[wrong]))
            self._count_selection(rows, places, (masked, other, same), rules.maskable[original])
        if "target_ids" in batch.schema.names:
            targets = flat_values(batch.column("target_ids"))[0]
            what = f"{name} and target_ids differ at a token that is not selected"
            note(what, rows.of_tokens(targets != original))
        if "mask_weights" in batch.schema.names:
            weights, offsets = flat_values(batch.column("mask_weights"))
            owners = np.repeat(np.arange(rows.lengths.size), np.diff(offsets))
            note("mask_weights is not 1", rows.first + owners[weights != 1.0])

    def _count_selection(
        self,
        rows: "_Rows",
        places: NDArray[np.int64],
        actions: tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]],
        maskable: NDArray[np.bool_],
    ) -> None:
        totals, rules, number = self.totals, self.rules, rows.lengths.size
        owners = rows.owners(places) - rows.first
        masked, other, _ = (np.bincount(owners[one], minlength=number) for one in actions)
        selected = np.bincount(owners, minlength=number)
        may = rows.sums(maskable)
        most = rules.masking.max_predictions
        if most is not None:
            many = rows.first + np.flatnonzero(selected > most)
            self.faults.note(f"more than {most:,} selected tokens", many)
        totals.masked_tokens += int(masked.sum())
        totals.other_tokens += int(other.sum())
        totals.same_tokens += int(np.count_nonzero(actions[2]))
        totals.maskable_tokens += int(may.sum())
        totals.rows_without_maskable_tokens += int(np.count_nonzero(may == 0))
        totals.rows_without_selection += int(np.count_nonzero((selected == 0) & (may != 0)))
        asked = rules.expected_counts(rows.lengths, may, self.epoch or 0)
        if rules.tells_counts:
            wrong = selected != (asked if most is None else np.minimum(asked, most))
            what = "not as many selected tokens as --selection rounded asks for"
            self.faults.note(what, rows.first + np.flatnonzero(wrong))
        totals.expected_tokens += float(asked.sum())
        totals.selected_squares += _squares(selected - asked)
        totals.masked_squares += _squares(masked - rules.masking.mask_replace_prob * selected)
        totals.other_squares += _squares(other - rules.random_other_prob * selected)


def _squares(deviations: NDArray[Any]) -> float:
    return float(np.square(deviations).sum())


@dataclass(frozen=True)
class _Rows:
    """The tokens of a batch; `first` is the number of its first row in the shard."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    first: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        return np.diff(self.offsets)

    def owners(self, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of tokens that are numbered in the batch."""
        return self.first + owners_of(tokens, self.offsets)

    def of_tokens(self, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the rows that marked tokens are in."""
        return self.owners(np.flatnonzero(marks))

    def sums(self, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return how many tokens of each row are marked."""
        before = np.zeros(marks.size + 1, np.int64)
        np.cumsum(marks, out=before[1:])
        return before[self.offsets[1:]] - before[self.offsets[:-1]]
