"""Contents of Parquet's pages against readable twins."""

from collections import Counter

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.parquet_pages import (
    MOST_LEVEL_BYTES,
    count_values,
    rank_values,
    write_levels,
    write_texts,
)


def read_runs(data):
    """Return the levels of one part and what stands behind it."""
    size = int.from_bytes(data[:4], "little")
    part, rest = data[4 : 4 + size], data[4 + size :]
    levels, i = [], 0
    while i < len(part):
        head = shift = 0
        while part[i] > 0x7F:
            head |= (part[i] & 0x7F) << shift
            shift, i = shift + 7, i + 1
        head |= part[i] << shift
        assert head & 1 == 0
        levels += [part[i + 1]] * (head >> 1)
        i += 2
    return levels, rest


@given(st.lists(st.integers(0, 3) | st.sampled_from([63, 64, 65, 130, 20_000]), max_size=20))
def test_levels_are_those_of_the_twin(lengths):
    out = np.empty(MOST_LEVEL_BYTES * len(lengths) + 64, np.uint8)
    size = write_levels(np.cumsum([0, *lengths]), out)
    repetition, rest = read_runs(out[:size].tobytes())
    definition, rest = read_runs(rest)
    assert not rest
    assert (repetition, definition) == naive.list_levels(lengths)


@given(st.lists(st.integers(-100, 100), min_size=1))
def test_values_are_counted_and_ranked(values):
    array = np.array(values, np.int32)
    counts = np.zeros(max(values) - min(values) + 1, np.int64)
    count_values(array, min(values), counts)
    found = {min(values) + place: n for place, n in enumerate(counts.tolist()) if n}
    assert found == Counter(values)
    ranks = np.arange(counts.size, dtype=np.uint16)[::-1].copy()
    out = np.empty(array.size, np.uint16)
    rank_values(array, min(values), ranks, out)
    assert out.tolist() == [max(values) - value for value in values]


@pytest.mark.parametrize("texts", [[], [""], ["a", "", "\u4e2d" * 100]])
def test_texts_stand_behind_their_sizes(texts):
    parts = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(parts), np.uint8)
    out = np.empty(data.size + 4 * len(parts), np.uint8)
    write_texts(data, np.cumsum([0, *map(len, parts)]), out)
    assert out.tobytes() == b"".join(len(part).to_bytes(4, "little") + part for part in parts)
