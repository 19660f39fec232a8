"""CSV without its records that are too long: the others keep bytes and numbers."""

import io

from hypothesis import given
from hypothesis import strategies as st

from maskprep.storage.csv_records import RowNumbers, WholeRecords

RECORDS = st.lists(
    st.one_of(st.sampled_from(["", "a", '"a\nb"', '"x""y",1']), st.integers(1, 30).map("b".__mul__))
)


@given(records=RECORDS, longest=st.integers(10, 25), size=st.integers(1, 40))
def test_long_records_are_left_out_and_numbered(records, longest, size):
    data = "".join(f"{record}\n" for record in records).encode()
    refused = []
    reader = WholeRecords(io.BytesIO(data).read, ",", longest, refused.append)
    read = b"".join(iter(lambda: reader.read(size), b""))
    short = [record for record in records if len(record) + 1 <= longest]
    assert read == "".join(f"{record}\n" for record in short).encode()
    visible = [record for record in records if record]
    assert refused == [i for i, record in enumerate(visible) if len(record) + 1 > longest]


@given(st.lists(st.sampled_from(["kept", "never seen", "left out"])), st.integers(1, 5))
def test_rows_are_numbered_around_those_that_are_left_out(kinds, batch_rows):
    numbers = RowNumbers()
    seen = 0
    for row, kind in enumerate(kinds):
        if kind == "never seen":
            numbers.refuse(row)
        else:
            if kind == "left out":
                assert numbers.leave_out(seen) == row
            seen += 1
    kept = [row for row, kind in enumerate(kinds) if kind == "kept"]
    for first in range(0, len(kept), batch_rows):
        expected = kept[first : first + batch_rows]
        assert numbers.number(len(expected)).tolist() == expected
    assert numbers.number(0).tolist() == []
