"""Where a row is divided: the cases at the edges, each written out."""

import numpy as np
import pytest

from maskprep.kernels import packing, two_segments
from maskprep.kernels.two_segments import ROWS_UNDIVIDED, SENTENCES_DIVIDED

ALWAYS = 2**32


def divided_at(sentences, seed=0, document=7, threshold=ALWAYS):
    """Divide one row that holds a document, given as sentences of word lengths.

    Returns where B begins, sentences that were divided, rows that could not be.
    """
    starts = [t == 0 for sentence in sentences for word in sentence for t in range(word)]
    offsets = np.array([0, *np.cumsum([sum(sentence) for sentence in sentences])], np.int64)
    settings = np.zeros(9, np.uint64)
    settings[packing.DIVIDED_THRESHOLD] = threshold
    settings[packing.SEED] = seed
    plan = np.zeros((1, packing.PLAN_COLUMNS), np.int64)
    plan[0, packing.STOP] = plan[0, packing.B_START] = len(starts)
    counts = np.zeros(4, np.int64)
    two_segments.divide_rows(
        np.packbits(np.array(starts, np.bool_), bitorder="little"),
        offsets,
        np.array([0, len(sentences)], np.int64),
        np.array([document], np.int64),
        settings,
        plan,
        counts,
    )
    return int(plan[0, packing.B_START]), *counts[[SENTENCES_DIVIDED, ROWS_UNDIVIDED]].tolist()


@pytest.mark.parametrize(
    ("sentences", "expected"),
    [
        pytest.param([[1, 1], [1, 1]], (2, 0, 0), id="half is a border"),
        pytest.param([[1], [1] * 9], (1, 0, 0), id="the last sentence lies over the half"),
        pytest.param([[1] * 9, [1]], (9, 0, 0), id="the first sentence lies over the half"),
        pytest.param([[2, 3, 2]], (2, 1, 0), id="one sentence: the nearest word"),
        pytest.param([[1, 9]], (1, 1, 0), id="one sentence of a long word"),
        pytest.param([[6]], (6, 0, 1), id="one word"),
        pytest.param([[1]], (1, 0, 1), id="one token"),
    ],
)
def test_a_row_is_divided_at(sentences, expected):
    assert {divided_at(sentences, seed) for seed in range(8)} == {expected}


def test_the_sentence_over_the_half_goes_to_either_segment_alike():
    found = [divided_at([[1] * 4, [1] * 4, [1] * 4], seed)[0] for seed in range(2_000)]
    assert set(found) == {4, 8}
    assert abs(found.count(4) - 1_000) < 5 * 500**0.5


def test_rows_are_divided_as_often_as_asked():
    rows = range(4_000)
    found = [divided_at([[1], [1]], document=d, threshold=ALWAYS * 9 // 10)[0] for d in rows]
    assert set(found) == {1, 2}
    assert abs(found.count(1) - 3_600) < 5 * 360**0.5
