"""Bins of lengths: i * size + 1 to (i + 1) * size, the last one cut off where rows end."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.length_bins import LengthBins


@given(
    lengths=st.lists(st.integers(1, 300), max_size=40),
    size=st.integers(1, 400),
    longest=st.none() | st.integers(1, 300),
)
def test_a_row_is_of_the_first_bin_that_it_fits(lengths, size, longest):
    if longest is not None:
        lengths = [min(length, longest) for length in lengths]
    bins = LengthBins(size, longest)
    found = bins.of_lengths(np.array(lengths, np.int64)).tolist()
    assert found == [naive.find_bin(length, size, longest) for length in lengths]
    for length, end in zip(lengths, found, strict=True):
        assert bins.shortest(end) <= length <= end
        assert end - bins.shortest(end) < size
        assert bins.is_bin(end)


@pytest.mark.parametrize(
    ("size", "longest", "ends"),
    [(32, 128, [32, 64, 96, 128]), (48, 128, [48, 96, 128]), (500, 128, [128]), (1, 3, [1, 2, 3])],
)
def test_bins_are_called_by_their_longest_length(size, longest, ends):
    bins = LengthBins(size, longest)
    assert [length for length in range(1, longest + 1) if bins.is_bin(length)] == ends


def test_a_row_without_tokens_is_of_the_first_bin():
    assert LengthBins(32).of_lengths(np.array([0])).tolist() == [32]
