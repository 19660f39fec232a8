"""Sentences laid over tokens; words and documents that are too long."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.tokenization import cut_parts, cut_words, lay_sentences


@given(st.lists(st.integers(1, 9), max_size=8), st.integers(1, 4))
def test_long_words_are_cut_and_counted_once(words, max_tokens):
    word_starts = [t == 0 for word in words for t in range(word)]
    cut = np.array(word_starts, np.bool_)
    num_cut = cut_words(cut, max_tokens)
    assert (cut.tolist(), num_cut) == naive.cut_words(word_starts, max_tokens)


def test_a_word_of_forty_tokens_becomes_three():
    cut = np.zeros(40, np.bool_)
    cut[0] = True
    assert cut_words(cut, 16) == 1
    assert np.flatnonzero(cut).tolist() == [0, 16, 32]


@given(
    st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9)).map(sorted)), max_size=5),
    st.sets(st.integers(0, 50)),
)
def test_a_token_belongs_to_the_sentence_of_its_first_byte(units, borders):
    rows = np.cumsum([new_row for new_row, _ in units], dtype=np.int64)
    starts = np.arange(len(units), dtype=np.int64) * 10
    tokens = [token for _, token in units]
    offsets = np.cumsum([0, *map(len, tokens)], dtype=np.int64)
    lengths = np.empty(offsets[-1], np.int32)
    num_rows = int(rows[-1]) + 1 if len(units) else 0
    row_sentences, row_tokens = np.zeros((2, num_rows), np.int64)
    found = lay_sentences(
        rows,
        starts,
        offsets,
        np.array([byte for token in tokens for byte in token], np.int32),
        np.array(sorted(borders), np.int64),
        lengths,
        row_sentences,
        row_tokens,
    )
    places = [(int(rows[u]), 10 * u + byte) for u, token in enumerate(tokens) for byte in token]
    expected = naive.lay_sentences(places, sorted(borders))
    assert lengths[:found].tolist() == [tokens for _, tokens in expected]
    assert row_sentences.tolist() == [sum(row == r for row, _ in expected) for r in range(num_rows)]
    assert row_tokens.tolist() == [sum(row == r for row, _ in places) for r in range(num_rows)]


def parts_of(documents, max_tokens, max_word):
    sentences = [sentence for document in documents for sentence in document]
    word_starts = np.array([start for sentence in sentences for start in sentence], np.bool_)
    lengths = np.empty(word_starts.size + 1, np.int32)
    parts = np.empty((word_starts.size + len(documents), 4), np.int64)
    written = np.empty(2, np.int64)
    cut_parts(
        np.array([len(sentence) for sentence in sentences], np.int32),
        np.cumsum([0, *map(len, documents)]),
        word_starts,
        max_tokens,
        max_word,
        lengths,
        parts,
        written,
    )
    return lengths[: written[0]].tolist(), parts[: written[1]].tolist()


SENTENCES = st.lists(st.lists(st.booleans(), min_size=1, max_size=9), max_size=5)


@given(st.lists(SENTENCES, max_size=4), st.integers(1, 6), st.integers(0, 4))
def test_documents_are_cut_between_sentences_or_before_a_word(documents, max_tokens, max_word):
    lengths, parts = parts_of(documents, max_tokens, max_word)
    expected = [naive.cut_document(document, max_tokens, max_word) for document in documents]
    assert lengths == [len(s) for parts in expected for part in parts for s in part]
    assert parts == [
        [document, number, len(part), sum(map(len, part))]
        for document, parts in enumerate(expected)
        for number, part in enumerate(parts)
    ]


@pytest.mark.parametrize(
    ("sentence", "lengths"),
    [
        pytest.param([True, False, True, True, False], [3, 2], id="at the last word that fits"),
        pytest.param([True, False, False, False, False], [4, 1], id="inside a word as long"),
    ],
)
def test_a_sentence_longer_than_a_part_is_cut(sentence, lengths):
    assert parts_of([[sentence]], 4, 2)[0] == lengths
