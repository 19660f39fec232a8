import itertools

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.kernels.training import learn_merges

FIRST_TABLE = 1 << 16


def learn(words, vocab, prefix, vocab_size, min_frequency):
    """Call the kernel on words given as tuples of token strings."""
    ids = {token: number for number, token in enumerate(vocab)}
    strings = [token.encode() for token in vocab]
    merges = learn_merges(
        np.array([ids[token] for word in words for token in word], np.int32),
        np.cumsum([0, *map(len, words)], dtype=np.int64),
        np.array(list(words.values()), np.int64),
        np.frombuffer(b"".join(strings), np.uint8),
        np.cumsum([0, *map(len, strings)], dtype=np.int64),
        len(prefix),
        vocab_size,
        min_frequency,
    )
    tokens = list(vocab)
    pairs = []
    for left, right, token in merges.tolist():
        pairs.append((tokens[left], tokens[right]))
        if token == len(tokens):
            tokens.append(tokens[left] + tokens[right].removeprefix(prefix))
    return pairs, tokens


def spell(word, prefix):
    return (word[0], *(prefix + character for character in word[1:]))


def first_tokens(words):
    return sorted({token for word in words for token in word})


@pytest.mark.parametrize("prefix", ["", "##"])
@settings(max_examples=150, deadline=None)
@given(
    texts=st.dictionaries(st.text("abcé", min_size=1, max_size=9), st.integers(1, 9), max_size=25),
    num_new=st.integers(0, 40),
    min_frequency=st.integers(0, 6),
)
def test_kernel_learns_what_its_twin_learns(prefix, texts, num_new, min_frequency):
    words = {spell(word, prefix): count for word, count in texts.items()}
    vocab = first_tokens(words) or ["a"]
    expected_vocab = list(vocab)
    expected = naive.learn_merges(
        words, expected_vocab, prefix, len(vocab) + num_new, min_frequency
    )
    pairs, tokens = learn(words, vocab, prefix, len(vocab) + num_new, min_frequency)
    assert pairs == expected
    assert tokens == expected_vocab


def test_tables_grow_with_the_pairs():
    rng = np.random.default_rng(0)
    letters = [chr(0x4E00 + i) for i in range(400)]
    words = {
        tuple(letters[i] for i in rng.integers(0, len(letters), 12)): int(rng.integers(1, 5))
        for _ in range(12_000)
    }
    assert len({pair for word in words for pair in itertools.pairwise(word)}) > FIRST_TABLE
    expected_vocab = list(letters)
    expected = naive.learn_merges(words, expected_vocab, "", len(letters) + 12, 1)
    assert learn(words, letters, "", len(letters) + 12, 1)[0] == expected


def test_counts_beyond_32_bits_do_not_wrap():
    words = {("a", "b"): 2**31, ("b", "a"): 2**40, ("c", "a"): 5}
    pairs, _ = learn(words, ["a", "b", "c"], "", 5, 1)
    assert pairs == [("b", "a"), ("a", "b")]


def test_ties_go_to_the_smaller_bytes_not_to_the_smaller_ids():
    words = {("z", "a"): 3, ("b", "a"): 3, ("b", "aa"): 3, ("é", "a"): 3}
    pairs, _ = learn(words, ["é", "z", "b", "aa", "a"], "", 9, 1)
    assert pairs == [("b", "a"), ("b", "aa"), ("z", "a"), ("é", "a")]


def test_a_string_made_in_two_ways_is_one_token():
    words = {("ab", "c"): 5, ("a", "bc"): 4}
    pairs, tokens = learn(words, ["a", "ab", "bc", "c"], "", 9, 1)
    assert pairs == [("ab", "c"), ("a", "bc")]
    assert tokens == ["a", "ab", "bc", "c", "abc"]


def test_overlapping_repeats_are_merged_from_the_left():
    pairs, tokens = learn({("a",) * 5: 2}, ["a"], "", 9, 1)
    assert pairs == [("a", "a"), ("aa", "a"), ("aa", "aaa")]
    assert tokens[-1] == "aaaaa"
