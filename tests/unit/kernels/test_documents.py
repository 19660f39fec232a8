"""The scanner for document borders against its readable twin."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels import documents as scan

SEPARATORS = {"blank-line": scan.BLANK_LINE, "line": scan.LINE, "file": scan.FILE}
TEXTS = st.lists(
    st.sampled_from([b"a", b"bc", b"longer than a word", b"\n", b"\n", b" ", b"\r\n", b"\t"])
).map(b"".join)


def scan_in_chunks(data, separator, sizes, max_documents=100):
    state = np.array([0, 0, 0, 0, 0, 1, 0], np.int64)
    documents = np.empty((max_documents, 3), np.int64)
    found, place = [], 0
    while place < len(data):
        view = np.frombuffer(data, np.uint8)[place : place + sizes[len(found) % len(sizes)]]
        rows = scan.find_documents(view, place, SEPARATORS[separator], state, documents)
        found += [tuple(row) for row in documents[:rows].tolist()]
        place = int(state[scan.NEXT])
    if state[scan.OPEN]:
        found.append((int(state[scan.POSITION]), int(state[scan.START]), len(data.rstrip())))
    return found


@pytest.mark.parametrize("separator", list(SEPARATORS))
@given(data=TEXTS)
def test_one_scan_finds_the_documents_of_the_twin(separator, data):
    found = scan_in_chunks(data, separator, [max(len(data), 1)])
    assert [(p, data[s:e]) for p, s, e in found] == naive.find_documents(data, separator)


@given(data=TEXTS, size=st.integers(1, 5), max_documents=st.integers(1, 3))
def test_positions_and_starts_do_not_depend_on_chunks(data, size, max_documents):
    whole = scan_in_chunks(data, "blank-line", [max(len(data), 1)])
    parts = scan_in_chunks(data, "blank-line", [size], max_documents)
    assert [row[:2] for row in parts] == [row[:2] for row in whole]
