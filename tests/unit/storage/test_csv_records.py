"""CSV without its records that cannot be read: the others keep bytes and numbers."""

import io

from hypothesis import given
from hypothesis import strategies as st

from maskprep.storage.csv_records import RowNumbers, WholeRecords

RECORDS = st.lists(
    st.one_of(st.sampled_from(["", "a", '"a\nb"', '"x""y",1']), st.integers(1, 30).map("b".__mul__))
)


@given(records=RECORDS, longest=st.integers(10, 25), size=st.integers(1, 40), equal=st.booleans())
def test_bad_records_are_left_out_and_numbered(records, longest, size, equal):
    data = "".join(f"{record}\n" for record in records).encode()
    refused = []
    reader = WholeRecords(
        io.BytesIO(data).read,
        ",",
        longest,
        lambda *fault: refused.append(fault),
        equal_widths=equal,
    )
    read = b"".join(iter(lambda: reader.read(size), b""))
    widths = [2 if record.endswith(",1") else 1 for record in records]
    faults = ["too_long" if len(record) + 1 > longest else "" for record in records]
    whole = [i for i, record in enumerate(records) if record and not faults[i]]
    for i in whole if equal else []:
        faults[i] = "invalid_csv" if widths[i] != widths[whole[0]] else ""
    kept = [record for record, fault in zip(records, faults, strict=True) if not fault]
    assert read == "".join(f"{record}\n" for record in kept).encode()
    visible = [fault for record, fault in zip(records, faults, strict=True) if record]
    assert refused == [(i, fault) for i, fault in enumerate(visible) if fault]


@given(before=RECORDS, size=st.integers(1, 40), equal=st.booleans())
def test_what_a_quote_that_is_not_closed_makes_of_the_rest_is_left_out(before, size, equal):
    records = [record for record in before if "," not in record]
    data = "".join(f"{record}\n" for record in records)
    refused = []
    rest = io.BytesIO(f'{data}"open\nx\n"",y\n'.encode())
    reader = WholeRecords(rest.read, ",", 1000, lambda *f: refused.append(f), equal_widths=equal)
    assert b"".join(iter(lambda: reader.read(size), b"")) == data.encode()
    assert refused == [(sum(map(bool, records)), "open_quote")]


@given(st.lists(st.booleans()), st.integers(1, 5))
def test_rows_are_numbered_around_those_that_are_left_out(kinds, batch_rows):
    numbers = RowNumbers()
    for row, is_kept in enumerate(kinds):
        if not is_kept:
            numbers.leave_out(row)
    kept = [row for row, is_kept in enumerate(kinds) if is_kept]
    for first in range(0, len(kept), batch_rows):
        expected = kept[first : first + batch_rows]
        assert numbers.number(len(expected)).tolist() == expected
    assert numbers.number(0).tolist() == []
