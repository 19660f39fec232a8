"""Trimming and laying out pairs, worked by hand."""

import numpy as np
import pytest

from maskprep.kernels import pairing, segments

WORD_START = int(pairing.WORD_START)


def spooled(words):
    """Turn word lengths into tokens numbered from 0, with word borders."""
    tokens = []
    for length in words:
        tokens += [len(tokens) | WORD_START] + [len(tokens) + 1 + t for t in range(length - 1)]
    return np.array(tokens, np.uint32)


def trim(words_a, words_b, budget, seed=0):
    settings = np.zeros(7, np.uint64)
    settings[pairing.BUDGET] = budget
    settings[pairing.SEED] = seed
    a, b = spooled(words_a), spooled(words_b)
    left = np.zeros((1, 4), np.int64)
    offsets = [np.array([0, tokens.size], np.int64) for tokens in (a, b)]
    zero = np.zeros(1, np.int64)
    segments.trim_pairs(a, offsets[0], b, offsets[1], zero, zero, settings, left)
    return left[0].tolist()


def test_pairs_that_fit_are_not_trimmed():
    assert trim([2, 3], [4], budget=9) == [0, 5, 0, 4]


def test_the_longer_segment_is_trimmed_first():
    for seed in range(20):
        a_start, a_stop, b_start, b_stop = trim([1] * 10, [1] * 3, budget=8, seed=seed)
        assert (a_stop - a_start, b_start, b_stop) == (5, 0, 3)


def test_both_ends_are_trimmed():
    starts = {trim([1] * 30, [1] * 30, budget=20, seed=seed)[0] for seed in range(50)}
    assert min(starts) < 10 < max(starts)


def test_what_is_left_of_a_word_is_trimmed_too():
    for seed in range(30):
        start, stop, _, _ = trim([3] * 10, [1], budget=20, seed=seed)
        assert start % 3 == stop % 3 == 0
        assert 19 - 4 <= stop - start <= 19


@pytest.mark.parametrize("budget", [2, 3, 7])
def test_of_a_word_that_fills_its_segment_a_part_is_kept(budget):
    for seed in range(20):
        a_start, a_stop, b_start, b_stop = trim([50], [50], budget, seed)
        assert a_stop - a_start + b_stop - b_start == budget
        assert a_stop > a_start
        assert b_stop > b_start


def test_a_row_of_a_pair():
    layout = [np.array([2, 3, 3], np.int32), np.array([0, 0, 0, 1, 1], np.int8), np.ones(3, int)]
    input_ids, types = np.zeros(9, np.int32), np.zeros(9, np.int8)
    word_starts = np.zeros(9, np.bool_)
    a = np.array([10, 11, 12, 13], np.uint32) | np.array([1, 1, 0, 1], np.uint32) << 31
    b = np.array([14, 15], np.uint32) | np.array([0, 1], np.uint32) << 31
    segments.lay_out_pairs(
        a, b, np.array([[0, 4, 0, 2]]), *layout, np.array([0, 9]), input_ids, types, word_starts
    )
    assert input_ids.tolist() == [2, 10, 11, 12, 13, 3, 14, 15, 3]
    assert types.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    # B's first token begins a word, though the text's word began before it.
    assert word_starts.tolist() == [True, True, True, False, True, True, True, True, True]
