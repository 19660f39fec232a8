"""Units of several words: the cases at the edges, each written out."""

import numpy as np
import pytest

from maskprep.config import MaskingConfig
from maskprep.kernels.counter_rng import probability_threshold
from maskprep.kernels.masking import FIRST, REST
from maskprep.kernels.spans import (
    choose_each_unit,
    choose_units_apart,
    cut_selection,
    join_words,
)
from maskprep.stages.unit_lengths import length_thresholds, unit_length_shares

KEY = np.zeros(2, np.uint64)
ITEM = np.zeros(1, np.int64)


def row_of(maskable):
    return np.array(maskable, np.bool_), np.array([0, len(maskable)], np.int64)


def join(maskable, word_starts, config, example=0):
    maskable, offsets = row_of(maskable)
    starts = np.zeros(maskable.size, np.bool_)
    join_words(
        maskable,
        np.array(word_starts, np.bool_),
        offsets,
        np.array([example], np.int64),
        KEY,
        length_thresholds(config),
        unit_length_shares(config).size,
        starts,
    )
    return starts.tolist()


def choose_apart(maskable, starts, probability, example=0):
    maskable, offsets = row_of(maskable)
    selected, counts = np.zeros(maskable.size, np.uint8), np.zeros(3, np.int64)
    examples = np.array([example], np.int64)
    threshold = probability_threshold(probability)
    starts = np.array(starts, np.bool_)
    choose_units_apart(maskable, starts, offsets, examples, KEY, threshold, selected, counts)
    return selected.tolist(), counts.tolist()


def test_a_stretch_of_one_word_is_a_unit_of_one_word():
    for example in range(20):
        starts = join([0, 1, 1, 0, 1, 0], [1, 1, 0, 1, 1, 1], MaskingConfig(unit="span"), example)
        assert starts == [False, True, False, False, True, False]


def test_every_stretch_begins_a_unit_and_units_are_no_longer_than_asked():
    config = MaskingConfig(unit="ngram", max_ngram=2)
    maskable = [0, *[1] * 9, 0, *[1] * 9, 0]
    for example in range(50):
        starts = join(maskable, [1] * 21, config, example)
        assert starts[1]
        assert starts[11]
        begins = np.flatnonzero(starts)
        ends = np.append(begins[1:], 20)
        ends[ends == 11] = 10
        assert (ends - begins).max() <= 2
        assert not any(starts[t] for t in (0, 10, 20))


def test_ngrams_of_one_word_are_words():
    config = MaskingConfig(unit="ngram", max_ngram=1)
    assert join([1] * 5, [1, 0, 1, 1, 0], config) == [True, False, True, True, False]


def test_one_half_takes_every_second_unit():
    seen = {tuple(choose_apart([1] * 4, [1] * 4, 0.5, example)[0]) for example in range(40)}
    assert seen == {(FIRST, 0, FIRST, 0), (0, FIRST, 0, FIRST)}


def test_a_row_of_one_unit_is_forced_where_the_coin_leaves_it():
    results = [choose_apart([0, 1, 1, 0], [1, 1, 0, 1], 0.5, example) for example in range(40)]
    assert {tuple(selected) for selected, _ in results} == {(0, FIRST, REST, 0)}
    assert {counts[0] for _, counts in results} == {0, 1}


def test_rows_of_special_tokens_are_counted():
    assert choose_apart([0, 0], [1, 1], 0.3) == ([0, 0], [0, 1, 0])
    assert choose_apart([], [], 0.3) == ([], [0, 1, 0])


@pytest.mark.parametrize(("probability", "expected"), [(1.0, [FIRST, REST, FIRST]), (0.0, [0] * 3)])
def test_each_unit_by_itself(probability, expected):
    maskable, offsets = row_of([1, 1, 1])
    selected, counts = np.zeros(3, np.uint8), np.zeros(3, np.int64)
    starts = np.array([1, 0, 1], np.bool_)
    threshold = probability_threshold(probability)
    choose_each_unit(maskable, starts, offsets, ITEM, KEY, threshold, False, selected, counts)
    assert selected.tolist() == expected
    assert counts.tolist() == [0, 0, 3]


@pytest.mark.parametrize(
    ("limit", "left", "counts"),
    [
        pytest.param(5, {5}, [0, 0], id="it-fits"),
        pytest.param(4, {2, 3}, [1, None], id="one-unit-is-taken-back"),
        pytest.param(1, {0}, [1, 5], id="nothing-fits"),
    ],
)
def test_units_are_taken_back_whole(limit, left, counts):
    for example in range(20):
        selected = np.array([FIRST, REST, 0, FIRST, REST, REST], np.uint8)
        found = np.zeros(2, np.int64)
        offsets = np.array([0, 6], np.int64)
        cut_selection(offsets, np.array([example]), KEY, limit, selected, found)
        number = int(np.count_nonzero(selected))
        assert number in left
        assert found.tolist() == [counts[0], 5 - number if counts[1] is None else counts[1]]
