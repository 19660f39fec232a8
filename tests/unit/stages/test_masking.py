"""Masking rows: the row that the documentation shows, and rows that are refused."""

import numpy as np
import pyarrow as pa
import pytest

from maskprep.config import MaskingConfig
from maskprep.errors import ConfigError, ShardError
from maskprep.schema import EXAMPLES, examples_schema, masked_schema
from maskprep.stages.masking import (
    MaskingCounts,
    MaskingVocabulary,
    check_kept_columns,
    columns_read,
    mask_examples,
)

VOCABULARY = MaskingVocabulary(4, np.arange(20) >= 10, np.arange(10, 20, dtype=np.int32))
ROW = {
    "example_id": 7,
    "document_id": 1,
    "document_id_b": 1,
    "input_ids": [2, 10, 11, 12, 13, 3, 14, 15, 3],
    "token_type_ids": [0, 0, 0, 0, 0, 0, 1, 1, 1],
    "word_starts": [True, True, True, False, True, True, True, True, True],
    "next_sentence_label": 0,
}


def mask(row, config, schema=EXAMPLES):
    batch = pa.record_batch(
        [pa.array([row[field.name]], field.type) for field in schema], schema=schema
    )
    return mask_examples(batch, VOCABULARY, config, 0, MaskingCounts())


def test_all_words_masked():
    config = MaskingConfig(
        mlm_probability=1.0, mask_replace_prob=1.0, random_replace_prob=0.0, unit="word"
    )
    (masked,) = mask(ROW, config).to_pylist()
    assert masked["input_ids"] == [2, 4, 4, 4, 4, 3, 4, 4, 3]
    assert masked["target_ids"] == ROW["input_ids"]
    assert masked["loss_mask"] == [token >= 10 for token in ROW["input_ids"]]
    assert masked["token_type_ids"] == ROW["token_type_ids"]
    assert masked["next_sentence_label"] == 0


@pytest.mark.parametrize("columns", ["loss-mask", "labels", "positions", "keras"])
def test_the_columns_are_those_of_the_schema_and_the_kept_ones(columns):
    config = MaskingConfig(columns=columns, keep=("word_starts",))
    masked = mask(ROW, config)
    assert masked.schema.equals(masked_schema(columns, ("word_starts",)))
    assert masked.column("word_starts").to_pylist() == [ROW["word_starts"]]


@pytest.mark.parametrize("token", [20, 2**31 - 1, -1])
def test_an_id_that_the_tokenizer_does_not_have_is_refused(token):
    row = ROW | {"input_ids": [2, 10, 11, 12, 13, 3, 14, token, 3]}
    with pytest.raises(ShardError, match=f"example 7: input_ids holds {token}; expected 0 to 19"):
        mask(row, MaskingConfig())


@pytest.mark.parametrize("unit", ["token", "word"])
@pytest.mark.parametrize(("name", "value"), [("word_starts", True), ("token_type_ids", 0)])
def test_a_list_of_another_length_than_the_tokens_is_refused(name, value, unit):
    row = ROW | {name: [value]}
    with pytest.raises(ShardError, match=f"example 7: {name} and input_ids differ in length"):
        mask(row, MaskingConfig(unit=unit))


@pytest.mark.parametrize("form", ["labels", "keras"])
@pytest.mark.parametrize(
    ("kind", "name", "value", "expected"),
    [
        ("nsp", "example_id", -7, "example -7: example_id is negative"),
        ("nsp", "document_id_b", -1, "example 7: document_id_b is negative"),
        ("nsp", "next_sentence_label", 2, "example 7: next_sentence_label is neither 0 nor 1"),
        ("sop", "sentence_order_label", -1, "example 7: sentence_order_label is neither 0 nor 1"),
        ("nsp", "token_type_ids", [0] * 8 + [127], "example 7: token_type_ids is neither 0 nor 1"),
        ("nsp", "token_type_ids", [-1] + [0] * 8, "example 7: token_type_ids is neither 0 nor 1"),
        ("segments", "token_type_ids", [1] * 9, r"token_type_ids is not 0 ... 0 1 ... 1"),
        ("segments", "token_type_ids", [0] * 8 + [3], "token_type_ids is neither 0 nor 1"),
        ("packed", "sequence_lengths", [4, 4], "sequence_lengths does not sum to the row's"),
        ("packed", "sequence_lengths", [-4, 13], "sequence_lengths holds a sequence without"),
    ],
)
def test_a_value_that_no_row_can_have_is_refused(kind, name, value, expected, form):
    row = ROW | KEPT_APART | {name: value}
    with pytest.raises(ShardError, match=rf"{expected}.*\. Make the examples again\."):
        mask(row, MaskingConfig(columns=form), examples_schema(kind))


def test_only_a_column_that_masking_does_not_make_can_be_kept():
    check_kept_columns(MaskingConfig(keep=("word_starts",)), EXAMPLES)
    with pytest.raises(ConfigError, match="--keep names the column 'input_ids'; expected one of"):
        check_kept_columns(MaskingConfig(keep=("input_ids",)), EXAMPLES)


KEPT_APART = {"sequence_lengths": [4, 5], "sentence_order_label": 1}


@pytest.mark.parametrize("kind", ["nsp", "sop", "packed", "segments"])
@pytest.mark.parametrize("columns", ["loss-mask", "labels", "positions", "keras"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"keep": ("word_starts",)}, {"unit": "word"}, {"unit": "span"}],
    ids=["token", "kept", "word", "span"],
)
def test_masking_gives_the_same_without_the_columns_that_it_does_not_read(kind, columns, settings):
    config = MaskingConfig(mlm_probability=0.4, columns=columns, **settings)
    schema = examples_schema(kind)
    row = ROW | KEPT_APART
    batch = pa.record_batch(
        [pa.array([row[name]], schema.field(name).type) for name in schema.names], schema=schema
    )
    read = columns_read(config, schema)
    assert ("word_starts" in read) == bool(settings)
    rows, of_fewer = (
        mask_examples(some, VOCABULARY, config, 0, MaskingCounts())
        for some in (batch, batch.select(list(read)))
    )
    assert of_fewer.equals(rows)
