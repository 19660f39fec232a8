"""Steps through a trie find every token that a text begins with, and nothing else."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.compilation import kernel
from maskprep.kernels.trie import CONTINUING, FIRST_FREE, WHOLE, add_tokens, step


@kernel("void(const_uint8[::1], int64, int64[:, ::1], int64[::1])")
def walk(text, root, edges, found):
    node = root
    for b in range(text.size):
        if node >= 0:
            node, token = step(node, text[b], edges)
            found[b] = token


def built(vocabularies):
    edges = np.zeros((1 << 12, 2), np.int64)
    num_nodes = FIRST_FREE
    for root, tokens in vocabularies.items():
        spelt = list(tokens)
        offsets = np.cumsum([0, *map(len, spelt)], dtype=np.int64)
        text = np.frombuffer(b"".join(spelt), np.uint8)
        ids = np.array([tokens[token] for token in spelt], np.int64)
        num_nodes = add_tokens(text, offsets, ids, root, num_nodes, edges)
    return edges


TOKENS = st.dictionaries(
    st.lists(st.sampled_from(b"ab\xd0"), min_size=1, max_size=5).map(bytes),
    st.integers(0, 2**26 - 1),
    max_size=20,
)


@given(TOKENS, TOKENS, st.lists(st.sampled_from(b"ab\xd0c"), max_size=8).map(bytes))
def test_the_tokens_that_a_text_begins_with_are_found_below_their_root(whole, further, text):
    edges = built({WHOLE: whole, CONTINUING: further})
    for root, tokens in ((WHOLE, whole), (CONTINUING, further)):
        found = np.full(len(text), -1, np.int64)
        walk(np.frombuffer(text, np.uint8), root, edges, found)
        expected = [tokens.get(text[: end + 1], -1) for end in range(len(text))]
        assert found.tolist() == expected
