"""Checking rows: every kind of fault is found in the row that has it, however rows are cut."""

import itertools
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.config import MaskingConfig
from maskprep.schema import DOCUMENTS, EXAMPLES, masked_schema
from maskprep.stages.masking import MaskingCounts, MaskingVocabulary, mask_examples
from maskprep.stages.padding import Padding, pad_examples
from maskprep.stages.row_rules import RowRules
from maskprep.stages.verification import RowChecker

MASKABLE = np.arange(20) >= 10
POOL = np.arange(10, 20, dtype=np.int32)
VOCABULARY = MaskingVocabulary(4, MASKABLE, POOL)
FORMS = ("loss-mask", "labels", "positions", "keras")


def rules(**more):
    return RowRules(MASKABLE, MASKABLE.copy(), mask_id=4, unknown_id=1, **more)


def batch_of(rows, schema):
    columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
    return pa.record_batch(columns, schema=schema)


def example(number, tokens):
    ids = [2, *tokens, 3]
    return {
        "example_id": number,
        "document_id": number,
        "document_id_b": number,
        "input_ids": ids,
        "token_type_ids": [0] * len(ids),
        "word_starts": [True] * len(ids),
        "next_sentence_label": number % 2,
    }


EXAMPLE_ROWS = [example(number, [10 + (number + t) % 10 for t in range(12)]) for number in range(9)]


def masked_rows(form, **more):
    config = MaskingConfig(**{"mlm_probability": 0.5, "columns": form, "seed": 3, **more})
    counts = MaskingCounts()
    batch = mask_examples(batch_of(EXAMPLE_ROWS, EXAMPLES), VOCABULARY, config, 0, counts)
    return batch.to_pylist(), masked_schema(form), counts


DOCUMENT_ROWS = [
    {
        "document_id": 5,
        "document_part": part,
        "input_ids": [10, 1, 12],
        "sentence_lengths": [1, 2],
        "word_starts": [True, False, True],
    }
    for part in (0, 1)
]


def checked(rows, schema, **more):
    checker = RowChecker(rules(**more))
    checker.check(batch_of(rows, schema))
    return checker


def test_documents_are_counted():
    checker = checked(DOCUMENT_ROWS, DOCUMENTS)
    assert checker.faults.lines() == []
    totals = checker.totals
    assert (totals.rows, totals.documents, totals.tokens) == (2, 1, 6)
    assert (totals.sentences, totals.unknown_tokens) == (4, 2)


def test_examples_are_counted():
    checker = checked(EXAMPLE_ROWS, EXAMPLES, max_tokens=14)
    assert checker.faults.lines() == []
    assert (checker.totals.rows, checker.totals.random_pairs) == (9, 4)
    assert checker.document_range == (0, 8)


@pytest.mark.parametrize("form", FORMS)
def test_selected_tokens_are_counted_as_masking_counted_them(form):
    rows, schema, counts = masked_rows(form)
    checker = checked(rows, schema)
    assert checker.faults.lines() == []
    totals = checker.totals
    assert totals.maskable_tokens == counts.maskable_tokens
    assert totals.masked_tokens == counts.masked_tokens > 0
    assert totals.selected_tokens == (
        counts.masked_tokens + counts.replaced_tokens + counts.kept_tokens
    )
    assert counts.replaced_tokens >= totals.other_tokens > 0
    assert checker.epoch == 0


@pytest.mark.parametrize("form", FORMS)
@given(cuts=st.lists(st.integers(0, 9), max_size=4))
@settings(max_examples=20)
def test_where_batches_are_cut_changes_nothing(form, cuts):
    rows, schema, _ = masked_rows(form)
    rows[7]["document_id"] = -1
    whole = checked(rows, schema)
    pieces = RowChecker(rules())
    batch = batch_of(rows, schema)
    borders = [0, *sorted(cuts), batch.num_rows]
    for begin, end in itertools.pairwise(borders):
        pieces.check(batch.slice(begin, end - begin))
    found, expected = asdict(pieces.totals), asdict(whole.totals)
    assert found == pytest.approx(expected)
    assert pieces.faults.lines() == whole.faults.lines() == ["row 7: document_id is negative"]


def broken(rows, number, **values):
    rows = [dict(row) for row in rows]
    rows[number].update(values)
    return rows


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("document_id", -3, "document_id is negative"),
        ("document_part", -1, "document_part is negative"),
        ("input_ids", [10, 20, 12], "input_ids holds an id outside 0 to 19"),
        ("input_ids", [10, -1, 12], "input_ids holds an id outside 0 to 19"),
        ("sentence_lengths", [1, 1], "sentence_lengths does not sum to the row's tokens"),
        ("sentence_lengths", [3, 0], "sentence_lengths holds a sentence without tokens"),
        ("word_starts", [True], "word_starts and input_ids differ in length"),
    ],
)
def test_faults_of_documents(column, value, expected):
    checker = checked(broken(DOCUMENT_ROWS, 1, **{column: value}), DOCUMENTS)
    assert checker.faults.lines() == [f"row 1: {expected}"]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("example_id", -1, "example_id is negative"),
        ("document_id_b", -1, "document_id_b is negative"),
        ("next_sentence_label", 2, "next_sentence_label is neither 0 nor 1"),
        ("token_type_ids", [2] * 14, "token_type_ids is neither 0 nor 1"),
        ("token_type_ids", [0] * 13, "token_type_ids and input_ids differ in length"),
    ],
)
def test_faults_of_examples(column, value, expected):
    checker = checked(broken(EXAMPLE_ROWS, 4, **{column: value}), EXAMPLES)
    assert checker.faults.lines() == [f"row 4: {expected}"]


def test_rows_over_the_longest_allowed_are_found():
    checker = checked(EXAMPLE_ROWS, EXAMPLES, max_tokens=13)
    assert checker.faults.lines() == ["row 0: more than 13 tokens (and 8 more rows)"]


# Row 0 of `masked_rows` holds 14 tokens: [CLS], twelve that may be selected, [SEP].
@pytest.mark.parametrize(
    ("form", "values", "expected"),
    [
        ("loss-mask", {"epoch": 1}, "epoch is not 0, that of the shard's first row"),
        (
            "loss-mask",
            {"loss_mask": [True] + [False] * 13, "target_ids": EXAMPLE_ROWS[1]["input_ids"]},
            "a special token is selected",
        ),
        (
            "loss-mask",
            {"loss_mask": [False] * 14},
            "input_ids and target_ids differ at a token that is not selected",
        ),
        (
            "loss-mask",
            {"input_ids": [2, 5, *[10] * 11, 3], "target_ids": [2, *[10] * 12, 3]}
            | {"loss_mask": [False, True] + [False] * 12},
            "a token that must not replace others does",
        ),
        ("labels", {"labels": [-100] * 13}, "labels and input_ids differ in length"),
        (
            "labels",
            {"labels": [-100, 99] + [-100] * 12},
            "a selected token's original id is not in the vocabulary",
        ),
        (
            "labels",
            {"labels": [-100, -7] + [-100] * 12},
            "a selected token's original id is not in the vocabulary",
        ),
        (
            "positions",
            {"masked_lm_positions": [14], "masked_lm_ids": [10]},
            "masked_lm_positions lies outside the row",
        ),
        (
            "positions",
            {"masked_lm_positions": [3, 3], "masked_lm_ids": [10, 10]},
            "masked_lm_positions does not ascend",
        ),
        (
            "positions",
            {"masked_lm_positions": [3], "masked_lm_ids": [10, 10]},
            "masked_lm_ids and masked_lm_positions differ in length",
        ),
        (
            "keras",
            {"padding_mask": [False] + [True] * 13},
            "padding_mask is false in an unpadded row",
        ),
        ("keras", {"segment_ids": [3] * 14}, "segment_ids is neither 0 nor 1"),
        (
            "keras",
            {"mask_positions": [3], "mask_ids": [10], "mask_weights": [0.5]},
            "mask_weights is not 1",
        ),
    ],
)
def test_faults_of_masked_rows(form, values, expected):
    rows, schema, _ = masked_rows(form)
    assert f"row 1: {expected}" in checked(broken(rows, 1, **values), schema).faults.lines()


def test_another_number_than_the_rounded_one_is_found_in_its_row():
    masking = MaskingConfig(selection="rounded", max_predictions=4)
    rows, schema, _ = masked_rows("labels", mlm_probability=0.3, selection="rounded")
    labels = [value if value < 0 else 10 for value in rows[2]["labels"]]
    assert checked(rows, schema, masking=replace(masking, mlm_probability=0.3)).faults.lines() == []
    assert [sum(value >= 0 for value in row["labels"]) for row in rows] == [4] * 9
    first = next(t for t, value in enumerate(labels) if value >= 0)
    fewer = broken(rows, 2, labels=[*labels[:first], -100, *labels[first + 1 :]])
    lines = checked(fewer, schema, masking=replace(masking, mlm_probability=0.3)).faults.lines()
    assert lines == ["row 2: not as many selected tokens as --selection rounded asks for"]
    unlike = checked(rows, schema, masking=replace(masking, mlm_probability=0.2)).faults.lines()
    assert unlike == [
        "row 0: not as many selected tokens as --selection rounded asks for (and 8 more rows)"
    ]


PADDING = Padding(0, 16, 12)


def padded_rows(form):
    config = MaskingConfig(
        mlm_probability=0.5, columns=form, seed=3, pad_to_max=True, max_predictions=12
    )
    rows, schema, counts = masked_rows(form)
    (batch,) = pad_examples(batch_of(rows, schema), config, PADDING)
    return batch.to_pylist(), batch.schema, counts


@pytest.mark.parametrize("form", FORMS)
def test_padding_is_counted_apart_from_tokens(form):
    rows, schema, counts = padded_rows(form)
    checker = checked(rows, schema, padding=PADDING, max_tokens=16)
    assert checker.faults.lines() == []
    assert (checker.totals.tokens, checker.totals.padding_tokens) == (9 * 14, 9 * 2)
    assert checker.totals.masked_tokens == counts.masked_tokens
    assert checker.totals.maskable_tokens == counts.maskable_tokens


# Each row of `padded_rows` holds 14 tokens and 2 of padding.
@pytest.mark.parametrize(
    ("form", "column", "place", "value", "expected"),
    [
        ("loss-mask", "input_ids", 15, 7, "input_ids holds something else than 0 in the padding"),
        ("loss-mask", "target_ids", 14, 7, "target_ids holds something else than 0 in the padding"),
        ("loss-mask", "loss_mask", 15, True, "loss_mask holds something else than 0 in the"),
        ("loss-mask", "attention_mask", 5, 0, "attention_mask is not ones and then zeros"),
        ("loss-mask", "attention_mask", 13, 2, "attention_mask is not ones and then zeros"),
        ("loss-mask", "attention_mask", 13, 0, "input_ids holds something else than 0 in the"),
        ("labels", "labels", 15, 12, "labels holds something else than -100 in the padding"),
        ("labels", "labels", 14, 0, "labels holds something else than -100 in the padding"),
        ("labels", "token_type_ids", 15, 1, "token_type_ids holds something else than 0 in the"),
        ("positions", "masked_lm_positions", -1, 15, "masked_lm_positions holds something else"),
        ("positions", "masked_lm_ids", -1, 12, "masked_lm_ids holds something else than 0 in the"),
        ("positions", "masked_lm_weights", 0, 0.5, "masked_lm_weights is not ones and then zeros"),
        ("positions", "masked_lm_weights", -1, 1.0, "masked_lm_weights is not ones and then zeros"),
        ("positions", "masked_lm_positions", 0, 14, "masked_lm_positions lies outside the row"),
        ("keras", "padding_mask", 15, True, "padding_mask is not ones and then zeros"),
        ("keras", "token_ids", 15, 12, "token_ids holds something else than 0 in the padding"),
        ("keras", "segment_ids", 15, 1, "segment_ids holds something else than 0 in the padding"),
        ("keras", "mask_weights", 0, 0.0, "mask_weights is not ones and then zeros"),
        ("keras", "mask_ids", -1, 12, "mask_ids holds something else than 0 in the padding"),
    ],
)
def test_faults_of_padding(form, column, place, value, expected):
    rows, schema, _ = padded_rows(form)
    values = list(rows[1][column])
    values[place] = value
    checker = checked(broken(rows, 1, **{column: values}), schema, padding=PADDING, max_tokens=16)
    assert [line for line in checker.faults.lines() if line.startswith(f"row 1: {expected}")]
    assert checker.totals.rows == 9


@pytest.mark.parametrize("form", FORMS)
def test_lists_that_are_not_padded_to_the_end_are_found(form):
    rows, schema, _ = padded_rows(form)
    for column in ("attention_mask", "labels", "masked_lm_ids", "mask_weights", "token_ids"):
        if column in rows[4]:
            width = len(rows[4][column])
            lines = checked(
                broken(rows, 4, **{column: rows[4][column][:-1]}), schema, padding=PADDING
            ).faults.lines()
            assert lines == [f"row 4: {column} does not have {width} values, padding included"]
