"""Learning merges: the most frequent pair of neighbouring tokens becomes a token, again and again.

Source: Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units",
ACL 2016, algorithm 1, with incremental counts. `tokenizers` trains WordPiece the same way.
Unlike `tokenizers`: counts have 64 bits, and ties go to the pair whose tokens' bytes come first.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import array_making_device as device
from maskprep.kernels.compilation import kernel
from maskprep.kernels.pair_queue import (
    COUNT,
    FIRST_SIZE,
    FOLLOWING,
    HEAD,
    HEAP_SIZE,
    HIGH,
    KEY,
    LOW_MASK,
    NUM_TOKENS,
    NUM_TOUCHED,
    RANK,
    ROUND,
    WORD,
    change_count,
    empty_pairs,
    first_tokens,
    grown_rows,
    join_tokens,
    pop_pair,
    priority_of,
    push_pair,
    with_room,
)


@device
def _merge_in_word(symbols, start, length, merge):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Replace the pair in one word; return the word's new length."""
    left, right, token = merge
    end = start + length
    write = read = start
    while read < end:
        if read + 1 < end and symbols[read] == left and symbols[read + 1] == right:
            symbols[write] = token
            read += 2
        else:
            symbols[write] = symbols[read]
            read += 1
        write += 1
    return write - start


@device
def _count_changes(  # type: ignore[no-untyped-def]  # noqa: ANN202
    symbols,  # noqa: ANN001
    start,  # noqa: ANN001
    length,  # noqa: ANN001
    merge,  # noqa: ANN001
    word,  # noqa: ANN001
    count,  # noqa: ANN001
    pairs,  # noqa: ANN001
    nodes,  # noqa: ANN001
    used,  # noqa: ANN001
):
    """Count what replacing a pair in one word does to its neighbours, left to right."""
    left, right, token = merge
    end = start + length
    before = np.int64(-1)
    i = start
    while i < end:
        if i + 1 < end and symbols[i] == left and symbols[i + 1] == right:
            if before >= 0:
                change_count(before, left, -count, word, pairs, nodes, used)
                change_count(before, token, count, word, pairs, nodes, used)
            if i + 2 < end:
                after = np.int64(symbols[i + 2])
                change_count(right, after, -count, word, pairs, nodes, used)
                change_count(token, after, count, word, pairs, nodes, used)
            before = token
            i += 2
        else:
            before = np.int64(symbols[i])
            i += 1


@device
def _push_touched(heap, pairs, tokens, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Enter the pairs found anew into the heap, which is returned, larger if need be."""
    need = used[HEAP_SIZE] + used[NUM_TOUCHED]
    if need > heap.shape[0]:
        heap = grown_rows(heap, 2 * need)
    for i in range(used[NUM_TOUCHED]):
        if pairs.rows[pairs.touched[i], COUNT] > 0:
            push_pair(pairs.touched[i], heap, pairs, tokens, used)
    used[NUM_TOUCHED] = 0
    return heap


@device
def _with_merge(merges, m, left, right, token):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the merges with one more; strings made in several ways may take more rows."""
    if m == merges.shape[0]:
        merges = grown_rows(merges, 2 * m + 1)
    merges[m, 0], merges[m, 1], merges[m, 2] = left, right, token
    return merges


@device
def _count_words(symbols, word_offsets, word_counts, pairs, nodes, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Count all pairs of neighbours; return the pairs, enlarged if need be."""
    for w in range(word_counts.size):
        pairs = with_room(pairs, used, word_offsets[w + 1] - word_offsets[w])
        for i in range(word_offsets[w], word_offsets[w + 1] - 1):
            left, right = np.int64(symbols[i]), np.int64(symbols[i + 1])
            change_count(left, right, word_counts[w], w, pairs, nodes, used)
    return pairs


@device
def _merge_pair(  # type: ignore[no-untyped-def]  # noqa: ANN202
    p,  # noqa: ANN001
    token,  # noqa: ANN001
    symbols,  # noqa: ANN001
    word_offsets,  # noqa: ANN001
    lengths,  # noqa: ANN001
    word_counts,  # noqa: ANN001
    pairs,  # noqa: ANN001
    nodes,  # noqa: ANN001
    used,  # noqa: ANN001
):
    """Replace a pair wherever it stands; return the pairs, enlarged if need be."""
    merge = (pairs.rows[p, KEY] >> HIGH, pairs.rows[p, KEY] & LOW_MASK, token)
    node = pairs.rows[p, HEAD]
    pairs.rows[p, HEAD] = -1
    while node >= 0:
        w = nodes[node, WORD]
        node = nodes[node, FOLLOWING]
        pairs = with_room(pairs, used, 2 * lengths[w])
        start, length = word_offsets[w], lengths[w]
        _count_changes(symbols, start, length, merge, w, word_counts[w], pairs, nodes, used)
        lengths[w] = _merge_in_word(symbols, start, length, merge)
    pairs.rows[p, COUNT] = 0
    return pairs


@kernel(
    "int32[:, ::1](int32[::1], const_int64[::1], const_int64[::1], const_uint8[::1],"
    " const_int64[::1], int64, int64, int64)",
    makes_arrays=True,
)
def learn_merges(
    symbols: NDArray[np.int32],
    word_offsets: NDArray[np.int64],
    word_counts: NDArray[np.int64],
    token_text: NDArray[np.uint8],
    token_offsets: NDArray[np.int64],
    prefix_length: int,
    vocab_size: int,
    min_frequency: int,
) -> NDArray[np.int32]:
    """Learn merges until the vocabulary is full or no pair is frequent enough.

    The best pair is the one with the highest count; among equals the one whose left token's, then
    right token's, bytes come first. A string made in two ways is one token. New neighbours whose
    pair was merged before are merged at once, as the finished encoder would.

    Args:
        symbols: int32 [symbols], the tokens of all words one after the other; destroyed.
        word_offsets: int64 [words + 1], word w is symbols[word_offsets[w]:word_offsets[w + 1]].
        word_counts: int64 [words].
        token_text: uint8 [bytes], the first tokens' distinct strings one after the other.
        token_offsets: int64 [first tokens + 1].
        prefix_length: bytes of "##", which a right token loses when it is joined; 0: no prefix.
        vocab_size: tokens to stop at, the first ones included.
        min_frequency: count that a pair needs.

    Returns:
        int32 [merges, 3]: left token, right token, their joined token, in the order learned.
    """
    used = np.zeros(7, np.int64)
    tokens = first_tokens(token_text, token_offsets, vocab_size, used)
    pairs = empty_pairs()
    # A word is noted at most once a pair at the start, and twice for each merge in it.
    nodes = np.empty((3 * symbols.size + 1, 2), np.int64)
    pairs = _count_words(symbols, word_offsets, word_counts, pairs, nodes, used)
    heap = np.zeros((FIRST_SIZE, 2), np.int64)
    heap = _push_touched(heap, pairs, tokens, used)
    lengths = np.zeros(word_counts.size, np.int64)
    for w in range(lengths.size):
        lengths[w] = word_offsets[w + 1] - word_offsets[w]
    merges = np.zeros((vocab_size, 3), np.int32)
    num_merges = 0
    while used[NUM_TOKENS] < vocab_size and used[HEAP_SIZE] > 0:
        p, priority = pop_pair(heap, pairs, tokens, used)
        if pairs.rows[p, HEAD] < 0 or pairs.rows[p, COUNT] <= 0:
            continue
        if priority != priority_of(p, pairs):
            push_pair(p, heap, pairs, tokens, used)
            continue
        if priority < max(1, min_frequency):
            break
        left, right = pairs.rows[p, KEY] >> HIGH, pairs.rows[p, KEY] & LOW_MASK
        token, tokens = join_tokens(left, right, prefix_length, tokens, used)
        if pairs.rows[p, RANK] < 0:
            pairs.rows[p, RANK] = num_merges
            merges = _with_merge(merges, num_merges, left, right, token)
            num_merges += 1
        used[ROUND] += 1
        pairs = _merge_pair(
            p, token, symbols, word_offsets, lengths, word_counts, pairs, nodes, used
        )
        heap = _push_touched(heap, pairs, tokens, used)
    return merges[:num_merges]
