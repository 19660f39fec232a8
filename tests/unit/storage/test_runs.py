"""Runs of rows on disk: the shuffled order is the sorted one, however the rows were cut."""

import tempfile
from pathlib import Path

import naive
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.length_bins import LengthBins
from maskprep.storage.runs import (
    INPUT_ORDER,
    Order,
    Shuffle,
    cut_order,
    read_run,
    read_stretch,
    write_runs,
)

SHUFFLE = Shuffle(seed=7, epoch=2)
SCHEMA = pa.schema(
    [("example_id", pa.int64()), ("row", pa.int64()), ("input_ids", pa.list_(pa.int32()))]
)


def rows_of(example_ids):
    numbers = range(len(example_ids))
    tokens = [[number] * (number % 3) for number in numbers]
    return pa.record_batch([pa.array(example_ids, pa.int64()), numbers, tokens], schema=SCHEMA)


def cut(batch, rows):
    return [batch.slice(start, rows) for start in range(0, batch.num_rows, rows)]


def order_of(folder, batches, shuffle, stretch_rows, batch_rows=5, run_rows=7):
    """Write runs, read every stretch; return the input numbers of the rows in their new order."""
    runs = write_runs(batches, folder, "part", Order(shuffle), run_rows)
    return read_rows(runs, shuffle, stretch_rows, batch_rows)


def read_rows(runs, shuffle, stretch_rows, batch_rows):
    """Read every stretch of the order; return the input numbers of the rows."""
    order = []
    total = sum(run.rows for run in runs)
    for stretch in cut_order(runs, shuffle, [*range(0, total, stretch_rows), total]):
        read = list(read_stretch(runs, shuffle, stretch, batch_rows))
        assert sum(batch.num_rows for batch in read) == stretch.rows
        for batch in read:
            assert batch.schema.names == SCHEMA.names
            assert batch.num_rows <= batch_rows or shuffle is not None
            for row in batch.to_pylist():
                assert row["input_ids"] == [row["row"]] * (row["row"] % 3)
                order.append(row["row"])
    return order


def sorted_order(example_ids, shuffle):
    """Sort by key; Python's sort keeps the input's order of equal keys."""
    keys = [naive.shuffle_key(example, shuffle.seed, shuffle.epoch) for example in example_ids]
    return sorted(range(len(keys)), key=keys.__getitem__)


@settings(deadline=None, max_examples=30)
@given(
    example_ids=st.lists(st.integers(0, 20), min_size=1, max_size=40),
    run_rows=st.integers(1, 50),
    stretch_rows=st.integers(1, 50),
    batch_rows=st.integers(1, 50),
)
def test_the_order_is_ascending_keys_and_ties_keep_the_input_order(
    example_ids, run_rows, stretch_rows, batch_rows
):
    with tempfile.TemporaryDirectory() as folder:
        batches = cut(rows_of(example_ids), 4)
        order = order_of(Path(folder), batches, SHUFFLE, stretch_rows, batch_rows, run_rows)
    assert order == sorted_order(example_ids, SHUFFLE)


def test_many_rows_in_runs_of_very_different_sizes(tmp_path):
    example_ids = np.random.default_rng(0).integers(0, 2**63, 3000).tolist()
    batch = rows_of(example_ids)
    batches = [batch.slice(0, 1), batch.slice(1, 2000), batch.slice(2001, 0), batch.slice(2001)]
    order = order_of(tmp_path, batches, SHUFFLE, stretch_rows=701, batch_rows=100, run_rows=1300)
    assert order == sorted_order(example_ids, SHUFFLE)
    assert order != list(range(3000))


def test_another_seed_or_epoch_is_another_order(tmp_path):
    batches = [rows_of(range(50))]
    orders = {
        tuple(order_of(tmp_path, batches, Shuffle(seed, epoch), 50))
        for seed, epoch in [(0, 0), (0, 1), (1, 0)]
    }
    assert len(orders) == 3


@pytest.mark.parametrize("run_rows", [1, 7, 100])
@pytest.mark.parametrize("stretch_rows", [1, 9, 30, 100])
def test_without_shuffling_rows_keep_their_order(tmp_path, run_rows, stretch_rows):
    order = order_of(tmp_path, cut(rows_of(range(30)), run_rows), None, stretch_rows)
    assert order == list(range(30))


def test_rows_of_several_tasks_follow_each_other(tmp_path):
    batch = rows_of(range(20))
    runs = write_runs([batch.slice(0, 12)], tmp_path, "a", INPUT_ORDER, 1)
    runs += write_runs([], tmp_path, "b", INPUT_ORDER, 1)
    runs += write_runs([batch.slice(12)], tmp_path, "c", INPUT_ORDER, 1)
    found = []
    for stretch in cut_order(runs, None, [0, 8, 16, 20]):
        for part in read_stretch(runs, None, stretch, 3):
            found += part.column("row").to_pylist()
    assert found == list(range(20))


def test_a_run_reads_back_as_it_was_written(tmp_path):
    batch = rows_of(range(9))
    (run,) = write_runs(cut(batch, 4), tmp_path, "part", INPUT_ORDER, 1)
    assert run.rows == 9
    assert pa.concat_batches(read_run(run)) == batch


@pytest.mark.parametrize("shuffle", [None, SHUFFLE], ids=["in-order", "shuffled"])
def test_no_rows_give_no_stretch(tmp_path, shuffle):
    for order in (Order(shuffle), Order(shuffle, LengthBins(2))):
        for batches in ([], [rows_of([])]):
            assert cut_order(write_runs(batches, tmp_path, "part", order, 1), shuffle, [0]) == []


@settings(deadline=None, max_examples=30)
@given(
    example_ids=st.lists(st.integers(0, 20), min_size=1, max_size=40),
    run_rows=st.integers(1, 50),
    size=st.integers(1, 3),
    shuffle=st.sampled_from([None, SHUFFLE]),
)
def test_a_bin_holds_its_rows_in_the_order_of_all_rows(example_ids, run_rows, size, shuffle):
    bins = LengthBins(size, 2)  # Row r has r % 3 tokens.
    with tempfile.TemporaryDirectory() as folder:
        batches = cut(rows_of(example_ids), 4)
        runs = write_runs(batches, Path(folder), "part", Order(shuffle, bins), run_rows)
        found = {
            end: read_rows([run for run in runs if run.bin == end], shuffle, 7, 3)
            for end in sorted({run.bin for run in runs})
        }
        files = {run.path for run in runs}
    assert len(files) == -(-len(example_ids) // run_rows)
    order = range(len(example_ids)) if shuffle is None else sorted_order(example_ids, shuffle)
    expected = {}
    for row in order:
        expected.setdefault(naive.find_bin(row % 3, size, 2), []).append(row)
    assert found == dict(sorted(expected.items()))


@pytest.mark.parametrize("large", [2**16 - 1, 2**16, 2**31 - 1, -1])
@pytest.mark.parametrize("order", [INPUT_ORDER, Order(SHUFFLE), Order(None, LengthBins(2, 4))])
def test_ids_of_any_size_come_back_as_they_were(tmp_path, large, order):
    tokens = [[n, n + 1] for n in range(20)]
    tokens[11] = [large, 3, 4]
    batch = pa.record_batch([range(20), range(20), tokens], schema=SCHEMA)
    runs = write_runs(cut(batch, 6), tmp_path, "part", order, 8)
    of_bins = {run.bin: [one for one in runs if one.bin == run.bin] for run in runs}
    found = []
    for few in of_bins.values():
        rows = sum(run.rows for run in few)
        for stretch in cut_order(few, order.shuffle, [0, rows]):
            for read in read_stretch(few, order.shuffle, stretch, 100):
                assert read.schema.equals(SCHEMA)
                found += read.to_pylist()
    assert sorted(found, key=lambda row: row["row"]) == batch.to_pylist()
