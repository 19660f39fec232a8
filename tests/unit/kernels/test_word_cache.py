"""What a cache of words gives back is what was put in, or nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.compilation import kernel
from maskprep.kernels.word_cache import (
    LINE,
    MOST_BYTES,
    MOST_TOKENS,
    keep_word,
    laid_token,
    lay_word,
    unpack_tokens,
    word_key,
)


@kernel("int64(const_uint8[::1], int64, uint64[:, ::1], uint64[::1])")
def look_up(text, inside, cache, tokens):
    return lay_word(text, 0, text.size, -inside, cache, tokens, 0)


@kernel("void(const_uint8[::1], int64[:, ::1], int64, uint64[:, ::1], uint64[::1])")
def enter(text, rows, inside, cache, tokens):
    for t in range(rows.shape[0]):
        tokens[t] = laid_token(rows[t, 0], rows[t, 1] != 0, rows[t, 2] + inside)
    keep_word(cache, word_key(text, 0, text.size), inside, tokens, (0, rows.shape[0]))


def unpacked(tokens):
    ids, starts = np.empty(tokens.size, np.int32), np.empty(tokens.size, np.int32)
    begins = np.empty(tokens.size, np.bool_)
    unpack_tokens(tokens, ids, starts, begins)
    return list(zip(ids.tolist(), begins.tolist(), starts.tolist(), strict=True))


TOKENS = st.lists(
    st.tuples(st.integers(0, 2**26 - 1), st.booleans(), st.integers(0, MOST_BYTES - 1)),
    max_size=MOST_TOKENS + 2,
)
WORDS = st.binary(min_size=1, max_size=MOST_BYTES + 2)


@given(st.lists(st.tuples(WORDS, TOKENS, st.integers(0, 1000)), max_size=12))
def test_a_word_that_is_found_has_its_own_tokens(entries):
    cache = np.zeros((4, LINE), np.uint64)
    tokens = np.zeros(64, np.uint64)
    known = {}
    for word, rows, inside in entries:
        text = np.frombuffer(word, np.uint8)
        table = np.array(rows, np.int64).reshape(-1, 3)
        if len(word) <= MOST_BYTES:
            enter(text, table, inside, cache, tokens)
            fits = len(rows) <= MOST_TOKENS
            known[word] = rows if fits else known.get(word)
        if len(word) <= MOST_BYTES and len(rows) <= MOST_TOKENS:
            assert look_up(text, inside, cache, tokens) == len(rows)
    for word, rows in known.items():
        count = look_up(np.frombuffer(word, np.uint8), 7, cache, tokens)
        if count >= 0:
            assert unpacked(tokens[:count]) == [(i, b, start + 7) for i, b, start in rows]


def test_a_long_word_is_not_looked_for():
    cache = np.zeros((4, LINE), np.uint64)
    word = np.full(MOST_BYTES + 1, 0x61, np.uint8)
    assert look_up(word, 0, cache, np.zeros(8, np.uint64)) == -1
