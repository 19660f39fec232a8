"""Rows in another order: the same as pyarrow's own `take`, from any slices."""

import numpy as np
import pyarrow as pa
import pytest

from maskprep.list_columns import arrow_array, numpy_array
from maskprep.storage.row_order import gather_rows

SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("flag", pa.bool_()),
        ("tokens", pa.list_(pa.int32())),
        ("types", pa.list_(pa.int8())),
        ("labels", pa.list_(pa.int64())),
        ("starts", pa.list_(pa.bool_())),
    ]
)


def batch(rows, rng):
    lengths = rng.integers(0, 20, rows)
    lists = [rng.integers(-100, 100, length).tolist() for length in lengths]
    return pa.record_batch(
        [
            rng.integers(0, 2**62, rows),
            rng.random(rows) < 0.5,
            lists,
            lists,
            lists,
            [[value > 0 for value in values] for values in lists],
        ],
        schema=SCHEMA,
    )


@pytest.mark.parametrize("rows", [(1,), (30,), (0, 5), (13, 1, 40)])
def test_rows_are_those_of_take(rows):
    rng = np.random.default_rng(sum(rows))
    whole = [batch(n + 9, rng) for n in rows]
    pieces = [
        one.slice(3 + place, n) for place, (one, n) in enumerate(zip(whole, rows, strict=True))
    ]
    order = rng.permutation(sum(rows))
    found = gather_rows(pieces, order)
    found.validate(full=True)
    assert found.to_pylist() == pa.concat_batches(pieces).take(pa.array(order)).to_pylist()


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.bool_()])
@pytest.mark.parametrize("start", [0, 3, 8, 17])
def test_arrays_come_back_as_they_went(kind, start):
    values = np.random.default_rng(1).integers(0, 2, 40).astype(kind.to_pandas_dtype())
    array = arrow_array(values)
    assert array.type == kind
    assert array.to_pylist() == values.tolist()
    np.testing.assert_array_equal(numpy_array(array.slice(start, 20)), values[start : start + 20])
    assert numpy_array(array.slice(start, 0)).size == 0
    assert numpy_array(pa.array([], kind)).dtype == values.dtype
