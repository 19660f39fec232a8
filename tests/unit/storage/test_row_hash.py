"""The hash of rows: what it must not see, and what it must."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.storage.row_hash import RowHash

SCHEMA = pa.schema(
    [
        ("number", pa.int64()),
        ("weight", pa.float32()),
        ("tokens", pa.list_(pa.int32())),
        ("starts", pa.list_(pa.bool_())),
        ("name", pa.string()),
    ]
)
ROW = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(width=32, allow_nan=False),
    st.lists(st.integers(0, 9), max_size=4),
    st.lists(st.booleans(), max_size=4),
    st.text(max_size=3),
)
FIRST = (1, 1.0, [1, 2], [True], "ab")
SECOND = (2, 0.5, [3], [False, True], "c")


def batch_of(rows, schema=SCHEMA):
    columns = list(zip(*rows, strict=True)) or [[]] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.record_batch(arrays, schema=schema)


def hash_of(*batches, schema=SCHEMA):
    row_hash = RowHash(schema)
    for batch in batches:
        row_hash.update(batch)
    return row_hash.hexdigest()


@settings(deadline=None, max_examples=50)
@given(rows=st.lists(ROW, max_size=6), data=st.data())
def test_the_hash_does_not_depend_on_where_batches_are_cut(rows, data):
    whole = batch_of(rows)
    cut = data.draw(st.integers(0, len(rows)))
    expected = hash_of(whole)
    assert hash_of(whole.slice(0, cut), whole.slice(cut)) == expected
    assert hash_of(batch_of(rows[:cut]), batch_of([]), batch_of(rows[cut:])) == expected


CHANGED = {
    "number": [(3, *FIRST[1:]), SECOND],
    "weight": [(1, 2.0, *FIRST[2:]), SECOND],
    "token": [(1, 1.0, [1, 3], *FIRST[3:]), SECOND],
    "list-border": [(1, 1.0, [1], *FIRST[3:]), (2, 0.5, [2, 3], *SECOND[3:])],
    "flag": [(*FIRST[:3], [False], "ab"), SECOND],
    "flag-border": [(*FIRST[:3], [True, False], "ab"), (*SECOND[:3], [True], "c")],
    "text": [(*FIRST[:4], "aB"), SECOND],
    "text-border": [(*FIRST[:4], "a"), (*SECOND[:4], "bc")],
    "order": [SECOND, FIRST],
    "row-missing": [FIRST],
    "row-empty": [FIRST, SECOND, (0, 0.0, [], [], "")],
}


@pytest.mark.parametrize("rows", [pytest.param(rows, id=name) for name, rows in CHANGED.items()])
def test_any_change_changes_the_hash(rows):
    assert hash_of(batch_of(rows)) != hash_of(batch_of([FIRST, SECOND]))


@pytest.mark.parametrize("change", ["name", "type"])
def test_columns_names_and_types_are_part_of_the_hash(change):
    plain = pa.schema([("number", pa.int64())])
    other = pa.schema([("count", pa.int64())] if change == "name" else [("number", pa.uint64())])
    hashes = {hash_of(batch_of([(1,)], schema), schema=schema) for schema in (plain, other)}
    assert len(hashes) == 2


def test_the_hash_is_the_same_in_every_version():
    """A changed value here is a change of every manifest: say so in the changelog."""
    assert hash_of(batch_of([FIRST, SECOND])) == "585afd5a832d244ce0f1e4329725de9a"
