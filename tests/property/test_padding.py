"""Padded rows against the readable twin, and back to what they were."""

import naive
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.config import MaskingConfig
from maskprep.schema import examples_schema, masked_schema
from maskprep.stages import padding as module
from maskprep.stages.padding import Padding, pad_examples, padding_faults, strip_padding

LENGTH, PREDICTIONS, PAD = 12, 3, 9
PADDING = Padding(PAD, LENGTH, PREDICTIONS)
FORMS = ("loss-mask", "labels", "positions", "keras")
FILLED = {"input_ids": PAD, "token_ids": PAD, "target_ids": PAD, "labels": -100}
OF_PREDICTIONS = ("masked_lm_positions", "masked_lm_ids", "mask_positions", "mask_ids")


@st.composite
def masked_rows(draw, form, kind):
    """Rows of one form, as far as padding looks at them: any values in lists that fit together."""
    schema = masked_schema(form, ("word_starts",), kind)
    rows = []
    for _ in range(draw(st.integers(0, 6))):
        sizes = draw(st.integers(0, LENGTH)), draw(st.integers(0, PREDICTIONS))
        row = {}
        for field in schema:
            if not pa.types.is_list(field.type):
                row[field.name] = draw(st.integers(0, 99))
                continue
            size = sizes[field.name in (*OF_PREDICTIONS, "mask_weights")]
            low = int(field.name in ("padding_mask", "mask_weights"))
            values = st.sampled_from(range(low, 2)).map(field.type.value_type.to_pandas_dtype())
            row[field.name] = draw(st.lists(values, min_size=size, max_size=size))
        rows.append(row)
    arrays = [pa.array([row[f.name] for row in rows], f.type) for f in schema]
    return pa.record_batch(arrays, schema=schema)


def padded_by_twin(row, form):
    """Return what a row becomes."""
    name = next(one for one in ("input_ids", "token_ids") if one in row)
    made = {"attention_mask": [1] * len(row[name])} if form != "keras" else {}
    if form == "positions":
        made["masked_lm_weights"] = [1.0] * len(row["masked_lm_ids"])
    for column, values in {**row, **made}.items():
        if isinstance(values, list) and column != "sequence_lengths":
            is_of_tokens = column not in (*OF_PREDICTIONS, "masked_lm_weights", "mask_weights")
            width = LENGTH if is_of_tokens else PREDICTIONS
            made[column] = naive.pad_row(values, width, FILLED.get(column, 0))
    return {**row, **made}


@pytest.mark.parametrize("kind", ["nsp", "packed"])
@pytest.mark.parametrize("form", FORMS)
@given(data=st.data(), at_once=st.integers(1, 60))
@settings(max_examples=25)
def test_padded_rows_are_those_of_the_twin_and_can_be_stripped(form, kind, data, at_once):
    batch = data.draw(masked_rows(form, kind))
    config = MaskingConfig(
        columns=form, keep=("word_starts",), pad_to_max=True, max_predictions=PREDICTIONS
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PADDED_TOKENS", at_once)
        pieces = list(pad_examples(batch, config, PADDING))
    assert all(piece.num_rows <= max(at_once // LENGTH, 1) for piece in pieces)
    if not pieces:
        assert not batch.num_rows
        return
    padded = pa.concat_batches(pieces)
    assert padded.schema.equals(masked_schema(form, ("word_starts",), kind, padded=True))
    assert padded.to_pylist() == [padded_by_twin(row, form) for row in batch.to_pylist()]
    assert [what for what, rows in padding_faults(padded, PADDING) if rows.size] == []
    stripped, padding_tokens = strip_padding(padded)
    assert stripped.select(batch.schema.names).to_pylist() == batch.to_pylist()
    name = next(one for one in ("input_ids", "token_ids") if one in batch.schema.names)
    real = sum(map(len, batch.column(name).to_pylist()))
    assert padding_tokens == batch.num_rows * LENGTH - real


@pytest.mark.parametrize("kind", ["nsp", "sop", "packed"])
@pytest.mark.parametrize("form", FORMS)
def test_every_list_but_lengths_of_documents_is_padded(form, kind):
    keep = tuple(
        name
        for name in examples_schema(kind).names
        if name not in masked_schema(form, kind=kind).names
    )
    lists = [f.name for f in masked_schema(form, keep, kind, padded=True) if f.type.num_fields]
    assert [name for name in lists if PADDING.width(name) is None] == (
        ["sequence_lengths"] if kind == "packed" else []
    )
