"""Lines that hold a string, against Python's own search."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.matches import find_matches

PIECES = st.lists(st.sampled_from(b"ab "), max_size=6).map(bytes)


@given(st.lists(PIECES, max_size=6), st.lists(PIECES.filter(len), min_size=1, max_size=4))
def test_the_lines_that_hold_a_string_are_found(lines, strings):
    ends = np.cumsum([len(line) for line in lines], dtype=np.int64)
    starts = ends - np.array([len(line) for line in lines], np.int64)
    begins = np.zeros(256, np.bool_)
    begins[[string[0] for string in strings]] = True
    found = np.zeros(len(lines), np.bool_)
    find_matches(
        np.frombuffer(b"".join(lines), np.uint8),
        starts,
        ends,
        np.frombuffer(b"".join(strings), np.uint8),
        np.cumsum([0, *map(len, strings)], dtype=np.int64),
        begins,
        found,
    )
    assert found.tolist() == [any(string in line for string in strings) for line in lines]
