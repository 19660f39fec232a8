"""Padding: the row that the documentation shows, and rows that do not fit."""

import pyarrow as pa
import pytest

from maskprep.config import MaskingConfig
from maskprep.errors import ConfigError, ShardError
from maskprep.schema import masked_schema
from maskprep.stages.padding import Padding, pad_examples

ROW = {
    "example_id": 7,
    "document_id": 1,
    "document_id_b": 1,
    "input_ids": [2, 10, 4, 4, 13, 3, 14, 15, 3],
    "token_type_ids": [0, 0, 0, 0, 0, 0, 1, 1, 1],
    "masked_lm_positions": [2, 3],
    "masked_lm_ids": [11, 12],
    "next_sentence_label": 0,
    "epoch": 0,
}
CONFIG = MaskingConfig(columns="positions", pad_to_max=True, max_predictions=4)


def pad(length):
    schema = masked_schema("positions")
    batch = pa.record_batch([pa.array([ROW[f.name]], f.type) for f in schema], schema=schema)
    return list(pad_examples(batch, CONFIG, Padding(0, length, 4)))


def test_a_padded_row_says_where_its_tokens_and_predictions_end():
    (batch,) = pad(12)
    (row,) = batch.to_pylist()
    assert list(row) == [
        *("example_id", "document_id", "document_id_b", "input_ids", "token_type_ids"),
        *("attention_mask", "masked_lm_positions", "masked_lm_ids", "masked_lm_weights"),
        *("next_sentence_label", "epoch"),
    ]
    assert row["input_ids"] == [2, 10, 4, 4, 13, 3, 14, 15, 3, 0, 0, 0]
    assert row["token_type_ids"] == [0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0]
    assert row["attention_mask"] == [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]
    assert row["masked_lm_positions"] == [2, 3, 0, 0]
    assert row["masked_lm_ids"] == [11, 12, 0, 0]
    assert row["masked_lm_weights"] == [1.0, 1.0, 0.0, 0.0]


def test_a_row_that_fills_the_length_gets_no_padding():
    (batch,) = pad(9)
    assert batch.column("input_ids").to_pylist() == [ROW["input_ids"]]
    assert batch.column("attention_mask").to_pylist() == [[1] * 9]


def test_a_row_that_is_too_long_is_refused():
    with pytest.raises(ShardError, match="example 7: 9 tokens; expected at most 8, the --max-seq"):
        pad(8)


@pytest.mark.parametrize("columns", ["positions", "keras"])
def test_lists_of_predictions_need_a_length(columns):
    with pytest.raises(ConfigError, match="20 for rows of 128 tokens, 77 for 512") as raised:
        MaskingConfig(columns=columns, pad_to_max=True)
    assert f"--pad-to-max pads the lists of --columns {columns} to --max-predictions, which" in str(
        raised.value
    )
    MaskingConfig(columns="labels", pad_to_max=True)
