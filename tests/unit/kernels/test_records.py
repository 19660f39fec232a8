"""The scanner for records of CSV against its readable twin."""

import naive
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.records import NEXT, find_records

TEXTS = st.lists(st.sampled_from(["a", '"', '"', ",", "\n", "\r\n", "\r", "\t"])).map("".join)


@given(text=TEXTS, size=st.integers(1, 7), most=st.integers(1, 3), delimiter=st.sampled_from(",\t"))
def test_record_ends_do_not_depend_on_chunks(text, size, most, delimiter):
    data = text.encode()
    state, records = np.zeros(3, np.int64), np.empty((most, 2), np.int64)
    found = []
    for begin in range(0, len(data), size):
        chunk = np.frombuffer(data[begin : begin + size], np.uint8)
        state[NEXT] = 0
        while state[NEXT] < chunk.size:
            number = find_records(chunk, ord(delimiter), state, records)
            found += [(begin + end, fields) for end, fields in records[:number].tolist()]
    assert found == naive.find_records(text, delimiter)
