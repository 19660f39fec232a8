"""The columns for Keras and TensorFlow: the how-to's code, and its mapping of names."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_sets import ONE_WORKER, SHARDS, make_data_sets

from maskprep.config import MaskingConfig
from maskprep.pipeline import StageRows, mask_dataset

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "load-in-keras.md"
LENGTH = 64


@pytest.fixture(scope="module")
def made(toy_corpus, toy_tokenizer, tmp_path_factory):
    """The same examples, masked alike, in every form of columns."""
    made = make_data_sets(toy_corpus, toy_tokenizer, tmp_path_factory.mktemp("made"))
    made["padded"] = made["keras"].parent / "padded"
    config = MaskingConfig(columns="keras", seed=3, pad_to_max=True, max_predictions=LENGTH)
    mask_dataset(StageRows([str(made["examples"])]), config, SHARDS, made["padded"], ONE_WORKER)
    return made


@pytest.fixture(scope="module")
def functions():
    """The functions on the page."""
    names = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(code, names)
    return names


@pytest.fixture(scope="module")
def batches(functions):
    """The function for unpadded rows."""
    return functions["batches"]


def mapping():
    """Columns of `positions` and of `keras` that hold the same, as the page says."""
    table = PAGE.read_text().partition("## TensorFlow")[2].partition("## Batches")[0]
    rows = re.findall(r"^\| `(\w+)` \| .* \| `(\w+)` \|$", table, re.MULTILINE)
    assert len(rows) == 5
    return rows


def rows_of(folder):
    rows = pq.read_table(folder / "data").to_pylist()
    return {row["example_id"]: row for row in rows}


def test_the_columns_of_both_forms_map_as_the_page_says(made):
    positions, keras = rows_of(made["positions"]), rows_of(made["keras"])
    assert positions.keys() == keras.keys()
    for example, row in keras.items():
        for theirs, ours in mapping():
            assert positions[example][theirs] == row[ours], (theirs, ours)
        assert row["padding_mask"] == [True] * len(row["token_ids"])
        assert row["mask_weights"] == [1.0] * len(row["mask_ids"])


def test_batches_have_one_shape_and_hold_the_rows(made, batches):
    truth = pq.read_table(made["loss-mask"] / "data").to_pylist()
    most = max(sum(row["loss_mask"]) for row in truth)
    at = 0
    for inputs, labels, weights in batches(made["keras"], 32, LENGTH, most):
        size = len(labels)
        for name in ("token_ids", "segment_ids", "padding_mask"):
            assert inputs[name].shape == (size, LENGTH)
        assert inputs["padding_mask"].dtype == np.bool_
        assert labels.shape == weights.shape == inputs["mask_positions"].shape == (size, most)
        assert labels.dtype == inputs["token_ids"].dtype == np.int32
        assert weights.dtype == np.float32
        for row, number in zip(truth[at : at + size], range(size), strict=True):
            real = inputs["padding_mask"][number]
            assert inputs["token_ids"][number][real].tolist() == row["input_ids"]
            counts = weights[number] == 1.0
            places = inputs["mask_positions"][number][counts]
            assert places.tolist() == np.flatnonzero(row["loss_mask"]).tolist()
            assert labels[number][counts].tolist() == np.array(row["target_ids"])[places].tolist()
            assert not weights[number][~counts].any()
            assert not inputs["mask_positions"][number][~counts].any()
        at += size
    assert at == len(truth)


def test_padded_rows_give_the_same_batches_without_being_padded_again(made, functions):
    padded = functions["padded_batches"](made["padded"], 32)
    unpadded = functions["batches"](made["keras"], 32, LENGTH, LENGTH)
    number = 0
    for (inputs, *rest), (expected, *others) in zip(padded, unpadded, strict=True):
        assert inputs.keys() == expected.keys()
        columns = zip([*inputs.values(), *rest], [*expected.values(), *others], strict=True)
        for found, wanted in columns:
            assert found.dtype == wanted.dtype
            np.testing.assert_array_equal(found, wanted)
        number += 1
    assert number > 10


def test_what_a_masked_lm_head_gathers_is_what_was_predicted(made, batches):
    """One-hot scores at the right tokens cost nothing: gather, then weighted cross-entropy."""
    truth = {
        row["example_id"]: row for row in pq.read_table(made["loss-mask"] / "data").to_pylist()
    }
    order = pq.read_table(made["keras"] / "data", columns=["example_id"])["example_id"].to_pylist()
    at = 0
    for inputs, labels, weights in batches(made["keras"], 64, LENGTH, LENGTH):
        original = np.zeros((len(labels), LENGTH), np.int32)
        for number, example in enumerate(order[at : at + len(labels)]):
            targets = truth[example]["target_ids"]
            original[number, : len(targets)] = targets
        gathered = np.take_along_axis(original, inputs["mask_positions"], axis=1)
        assert ((gathered != labels) * weights).sum() == 0
        assert weights.sum() > 0
        at += len(labels)
