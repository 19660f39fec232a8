"""Forms of the targets: what a trainer reads beside the corrupted tokens."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import Columns
from maskprep.list_columns import list_column
from maskprep.schema import IGNORED_LABEL


@dataclass(frozen=True)
class MaskedRows:
    """Flat arrays of one masked batch; `selected` bool, the rest as in the schema."""

    input_ids: NDArray[np.int32]
    target_ids: NDArray[np.int32]
    selected: NDArray[np.bool_]
    offsets: NDArray[np.int64]

    def selected_positions(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return positions int32 [selected tokens] within their rows, and offsets per row."""
        tokens = np.flatnonzero(self.selected)
        offsets = np.searchsorted(tokens, self.offsets).astype(np.int64)
        begin = np.repeat(self.offsets[:-1], np.diff(offsets))
        return (tokens - begin).astype(np.int32), offsets


def _loss_mask_columns(rows: MaskedRows, _types: pa.ListArray | None) -> dict[str, pa.Array]:
    return {
        "input_ids": list_column(rows.input_ids, rows.offsets),
        "target_ids": list_column(rows.target_ids, rows.offsets),
        "loss_mask": list_column(rows.selected, rows.offsets),
    }


def _label_columns(rows: MaskedRows, _types: pa.ListArray | None) -> dict[str, pa.Array]:
    labels = np.full(rows.target_ids.size, IGNORED_LABEL, np.int64)
    tokens = np.flatnonzero(rows.selected)
    labels[tokens] = rows.target_ids[tokens]
    return {
        "input_ids": list_column(rows.input_ids, rows.offsets),
        "labels": list_column(labels, rows.offsets),
    }


def _position_columns(rows: MaskedRows, _types: pa.ListArray | None) -> dict[str, pa.Array]:
    positions, offsets = rows.selected_positions()
    return {
        "input_ids": list_column(rows.input_ids, rows.offsets),
        "masked_lm_positions": list_column(positions, offsets),
        "masked_lm_ids": list_column(rows.target_ids[rows.selected], offsets),
    }


def _keras_columns(rows: MaskedRows, types: pa.ListArray | None) -> dict[str, pa.Array]:
    positions, offsets = rows.selected_positions()
    return {
        "token_ids": list_column(rows.input_ids, rows.offsets),
        **({} if types is None else {"segment_ids": types}),
        "padding_mask": list_column(np.ones(rows.input_ids.size, np.bool_), rows.offsets),
        "mask_positions": list_column(positions, offsets),
        "mask_ids": list_column(rows.target_ids[rows.selected], offsets),
        "mask_weights": list_column(np.ones(positions.size, np.float32), offsets),
    }


TARGET_COLUMNS: dict[Columns, Callable[[MaskedRows, pa.ListArray | None], dict[str, pa.Array]]] = {
    "loss-mask": _loss_mask_columns,
    "labels": _label_columns,
    "positions": _position_columns,
    "keras": _keras_columns,
}
