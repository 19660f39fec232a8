"""Planning, trimming and laying out pairs: the cases at the edges, each written out."""

import numpy as np
import pytest

from maskprep.kernels import pairing as kernels
from maskprep.kernels.counter_rng import probability_threshold


def borders(words):
    """Turn word lengths into a bit for each token: a word begins there."""
    starts = [t == 0 for length in words for t in range(length)]
    return np.packbits(np.array(starts, np.bool_), bitorder="little")


def plan(documents, budget, random_next=0.0, rows=100, seed=0):
    """Plan documents given as sentences of word lengths; return pairs and counts."""
    words = [word for document in documents for sentence in document for word in sentence]
    sentences = [sum(sentence) for document in documents for sentence in document]
    settings = np.zeros(7, np.uint64)
    settings[kernels.BUDGET] = budget
    settings[kernels.RANDOM_THRESHOLD] = probability_threshold(random_next)
    settings[kernels.SEED] = seed
    settings[kernels.OTHER_SENTENCES] = len(sentences)
    table = np.zeros((rows, kernels.PLAN_COLUMNS), np.int64)
    counts = np.zeros(2, np.int64)
    num_pairs = kernels.plan_pairs(
        borders(words),
        np.array([0, *np.cumsum(sentences)], np.int64),
        np.array([0, *np.cumsum([len(document) for document in documents])], np.int64),
        np.arange(len(documents), dtype=np.int64),
        settings,
        np.zeros(4, np.int64),
        table,
        counts,
    )
    return table[:num_pairs], counts.tolist()


def segments(pairs):
    return pairs[:, kernels.A_START : kernels.B_STOP + 1].tolist()


def test_two_sentences_become_a_and_b():
    pairs, counts = plan([[[1, 2], [3]]], budget=100)
    assert segments(pairs) == [[0, 3, 3, 6]]
    assert counts == [0, 0]


def test_one_sentence_is_split_at_the_word_border_nearest_its_middle():
    pairs, counts = plan([[[1, 4, 1]]], budget=100)
    # The middle of six tokens is 3; the borders are 1 and 5, and the earlier one wins.
    assert segments(pairs) == [[0, 1, 1, 6]]
    assert counts == [0, 0]


def test_one_word_gives_no_pair_and_is_counted():
    assert plan([[[5]]], budget=100)[1] == [1, 5]


def test_a_document_without_sentences_gives_no_pair_and_is_counted():
    pairs, counts = plan([[], [[1], [1]], []], budget=100)
    assert pairs[:, kernels.DOCUMENT].tolist() == [1]
    assert counts == [2, 0]


def test_a_last_word_alone_is_counted_but_its_document_has_a_pair():
    # The first two sentences fill the budget of 2; one word is left.
    pairs, counts = plan([[[1], [1], [4]]], budget=2)
    assert segments(pairs) == [[0, 1, 1, 2]]
    assert counts == [0, 4]


def test_no_documents_are_no_trouble():
    pairs, counts = plan([], budget=2)
    assert len(pairs) == 0
    assert counts == [0, 0]


def test_sentences_that_a_random_segment_displaces_are_used_by_the_next_pair():
    pairs, counts = plan([[[3], [3], [3]], [[1]]], budget=100, random_next=1.0)
    own = pairs[pairs[:, kernels.DOCUMENT] == 0]
    stops = own[:, kernels.A_STOP].tolist()
    assert own[:, kernels.A_START].tolist() == [0, *stops[:-1]]
    assert counts[1] == 9 - stops[-1] + 1


def test_where_a_sentence_is_split_does_not_depend_on_what_lies_before_it():
    for tokens_before in (1, 2):
        pairs, _ = plan([[[tokens_before]], [[1, 1, 1]]], budget=100)
        assert [end - tokens_before for end in segments(pairs)[0]] == [0, 1, 1, 3]


@pytest.mark.parametrize("budget", [2, 3, 10, 101])
def test_a_plan_of_one_row_is_refilled_where_it_stopped(budget):
    documents = [[[1, 2]] * 7, [[3, 1]], [[2], [1]]]
    words = [word for document in documents for sentence in document for word in sentence]
    whole, whole_counts = plan(documents, budget)
    settings = np.zeros(7, np.uint64)
    settings[kernels.BUDGET] = budget
    cursor, counts = np.zeros(4, np.int64), np.zeros(2, np.int64)
    found = []
    while cursor[0] < len(documents):
        row = np.zeros((1, kernels.PLAN_COLUMNS), np.int64)
        num_pairs = kernels.plan_pairs(
            borders(words),
            np.cumsum([0, *[3] * 7, 4, 2, 1]),
            np.array([0, 7, 8, 10]),
            np.arange(3),
            settings,
            cursor,
            row,
            counts,
        )
        found += row[:num_pairs].tolist()
    assert found == whole.tolist()
    assert counts.tolist() == whole_counts
