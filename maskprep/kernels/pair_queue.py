"""What learning merges works on: counted pairs, token strings, and the order of the best pair."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import array_making_device as device

NUM_PAIRS, NUM_NODES, HEAP_SIZE, NUM_TOKENS, TEXT_USED, NUM_TOUCHED, ROUND = range(7)
"""Slots of the counters of what is in use, int64 [7]; ROUND is the number of the merge at work."""

FIRST_SIZE = 1 << 16
_MERGED_BEFORE = np.int64(2**62)
HIGH = np.int64(32)
LOW_MASK = np.int64(2**32 - 1)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


KEY, COUNT, HEAD, RANK, LAST_ROUND = range(5)
"""Columns of a pair.

KEY: left token << 32 | right token. HEAD: first node of the list of words that may hold the pair;
-1 if none. RANK: its place among the merges; -1 before. LAST_ROUND: when it was last found anew.
"""
WORD, FOLLOWING = range(2)
"""Columns of a node of these lists."""
PRIORITY, PAIR = range(2)
"""Columns of the heap, the best pair on top; entries may be out of date."""


class Pairs(NamedTuple):
    """Pairs of tokens ever seen side by side."""

    rows: NDArray[np.int64]
    """[pairs, 5], see KEY."""
    slots: NDArray[np.int64]
    """[a power of two], hash table: row or -1."""
    touched: NDArray[np.int64]
    """[pairs], those found anew in this round."""


class Tokens(NamedTuple):
    """Token strings as bytes, and a hash table over them."""

    text: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    starts: NDArray[np.uint64]
    """[tokens], the first eight bytes, so that most comparisons are one."""
    slots: NDArray[np.int64]


@device
def grown(array, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a longer copy, zeros behind."""
    larger = np.zeros(size, array.dtype)
    # Loops here and below: an assignment of slices takes Numba a second to compile.
    for i in range(array.size):
        larger[i] = array[i]
    return larger


@device
def grown_rows(array, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a copy with more rows, zeros behind."""
    larger = np.zeros((size, array.shape[1]), array.dtype)
    for i in range(array.shape[0]):
        for column in range(array.shape[1]):
            larger[i, column] = array[i, column]
    return larger


@device
def empty_pairs():  # type: ignore[no-untyped-def]  # noqa: ANN201
    """Return room for the first pairs."""
    return Pairs(
        np.zeros((FIRST_SIZE, 5), np.int64),
        np.full(2 * FIRST_SIZE, -1, np.int64),
        np.zeros(FIRST_SIZE, np.int64),
    )


@device
def _pair_slot(key, pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the slot where a pair is or would be."""
    code = np.uint64(key) * _MIX
    slot = np.int64(code >> _HALF) & (pairs.slots.size - 1)
    while pairs.slots[slot] >= 0 and pairs.rows[pairs.slots[slot], KEY] != key:
        slot = (slot + 1) & (pairs.slots.size - 1)
    return slot


@device
def with_room(pairs, used, extra):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return pairs that can take `extra` more."""
    size = pairs.rows.shape[0]
    if used[NUM_PAIRS] + extra <= size:
        return pairs
    while size < used[NUM_PAIRS] + extra:
        size *= 2
    larger = Pairs(
        grown_rows(pairs.rows, size), np.full(2 * size, -1, np.int64), grown(pairs.touched, size)
    )
    for p in range(used[NUM_PAIRS]):
        larger.slots[_pair_slot(larger.rows[p, KEY], larger)] = p
    return larger


@device
def change_count(left, right, change, word, pairs, nodes, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Add to a pair's count; a positive change also notes that the word holds the pair."""
    key = (np.int64(left) << HIGH) | np.int64(right)
    slot = _pair_slot(key, pairs)
    p = pairs.slots[slot]
    if p < 0:
        p = used[NUM_PAIRS]
        used[NUM_PAIRS] += 1
        pairs.slots[slot] = p
        pairs.rows[p, KEY] = key
        pairs.rows[p, COUNT] = 0
        pairs.rows[p, HEAD] = pairs.rows[p, RANK] = pairs.rows[p, LAST_ROUND] = -1
    pairs.rows[p, COUNT] += change
    if change <= 0:
        return
    if pairs.rows[p, HEAD] < 0 or nodes[pairs.rows[p, HEAD], WORD] != word:
        node = used[NUM_NODES]
        used[NUM_NODES] += 1
        nodes[node, WORD] = word
        nodes[node, FOLLOWING] = pairs.rows[p, HEAD]
        pairs.rows[p, HEAD] = node
    if pairs.rows[p, LAST_ROUND] != used[ROUND]:
        pairs.rows[p, LAST_ROUND] = used[ROUND]
        pairs.touched[used[NUM_TOUCHED]] = p
        used[NUM_TOUCHED] += 1


@device
def _is_token_before(a, b, tokens):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Compare two token strings by bytes."""
    if tokens.starts[a] != tokens.starts[b]:
        return tokens.starts[a] < tokens.starts[b]
    i, j = tokens.offsets[a], tokens.offsets[b]
    while i < tokens.offsets[a + 1] and j < tokens.offsets[b + 1]:
        if tokens.text[i] != tokens.text[j]:
            return tokens.text[i] < tokens.text[j]
        i += 1
        j += 1
    return tokens.offsets[b + 1] - j > tokens.offsets[a + 1] - i


@device
def _is_better(priority, p, other_priority, other, pairs, tokens):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell which entry of the heap comes first: count, then the two token strings by bytes."""
    if priority != other_priority:
        return priority > other_priority
    left, other_left = pairs.rows[p, KEY] >> HIGH, pairs.rows[other, KEY] >> HIGH
    if left != other_left:
        return _is_token_before(left, other_left, tokens)
    return _is_token_before(
        pairs.rows[p, KEY] & LOW_MASK, pairs.rows[other, KEY] & LOW_MASK, tokens
    )


@device
def priority_of(p, pairs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a pair's count; a pair merged before goes first, as it does in encoding."""
    return pairs.rows[p, COUNT] if pairs.rows[p, RANK] < 0 else _MERGED_BEFORE - pairs.rows[p, RANK]


@device
def push_pair(p, heap, pairs, tokens, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Enter a pair into the heap, which has room, with its priority of now."""
    i = used[HEAP_SIZE]
    used[HEAP_SIZE] += 1
    priority = priority_of(p, pairs)
    while i > 0:
        up = (i - 1) // 2
        if not _is_better(priority, p, heap[up, PRIORITY], heap[up, PAIR], pairs, tokens):
            break
        heap[i, PRIORITY], heap[i, PAIR] = heap[up, PRIORITY], heap[up, PAIR]
        i = up
    heap[i, PRIORITY], heap[i, PAIR] = priority, p


@device
def pop_pair(heap, pairs, tokens, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Take the best entry out of the heap; return its pair and the priority it was given."""
    top_priority, top = heap[0, PRIORITY], heap[0, PAIR]
    used[HEAP_SIZE] -= 1
    size = used[HEAP_SIZE]
    priority, p = heap[size, PRIORITY], heap[size, PAIR]
    i = 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and _is_better(
            heap[child + 1, PRIORITY], heap[child + 1, PAIR],
            heap[child, PRIORITY], heap[child, PAIR], pairs, tokens,
        ):  # fmt: skip
            child += 1
        if not _is_better(
            heap[child, PRIORITY], heap[child, PAIR], priority, p, pairs, tokens
        ):  # fmt: skip
            break
        heap[i, PRIORITY], heap[i, PAIR] = heap[child, PRIORITY], heap[child, PAIR]
        i = child
    heap[i, PRIORITY], heap[i, PAIR] = priority, p
    return top, top_priority


@device
def _token_slot(text, start, end, tokens):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the slot where the token text[start:end] is or would be."""
    code = np.uint64(end - start)
    for i in range(start, end):
        code = (code ^ np.uint64(text[i])) * _MIX
    slot = np.int64(code >> _HALF) & (tokens.slots.size - 1)
    while tokens.slots[slot] >= 0:
        t = tokens.slots[slot]
        place, length = tokens.offsets[t], tokens.offsets[t + 1] - tokens.offsets[t]
        if length == end - start:
            i = 0
            while i < length and tokens.text[place + i] == text[start + i]:
                i += 1
            if i == length:
                break
        slot = (slot + 1) & (tokens.slots.size - 1)
    return slot


@device
def _enter_token(end, tokens, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the id of the token whose bytes stand behind the last one's, a new id if it is new."""
    start = used[TEXT_USED]
    slot = _token_slot(tokens.text, start, end, tokens)
    if tokens.slots[slot] >= 0:
        return tokens.slots[slot]
    t = used[NUM_TOKENS]
    first_bytes = np.uint64(0)
    for i in range(8):
        byte = np.uint64(tokens.text[start + i]) if start + i < end else np.uint64(0)
        first_bytes = (first_bytes << np.uint64(8)) | byte
    tokens.slots[slot] = t
    tokens.offsets[t + 1] = end
    tokens.starts[t] = first_bytes
    used[NUM_TOKENS] = t + 1
    used[TEXT_USED] = end
    return t


@device
def first_tokens(token_text, token_offsets, vocab_size, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the tokens to start from, with room for the whole vocabulary."""
    slots = 4
    while slots < 2 * (vocab_size + token_offsets.size):
        slots *= 2
    most = max(vocab_size, token_offsets.size) + 1
    tokens = Tokens(
        grown(token_text, token_text.size + FIRST_SIZE),
        np.zeros(most + 1, np.int64),
        np.zeros(most, np.uint64),
        np.full(slots, -1, np.int64),
    )
    for t in range(token_offsets.size - 1):
        _enter_token(token_offsets[t + 1], tokens, used)
    return tokens


@device
def join_tokens(left, right, prefix_length, tokens, used):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the joined token's id, and the tokens, which may have been enlarged."""
    start, skip = tokens.offsets[right], prefix_length
    # Only a continuing token carries the prefix, two number signs.
    for i in range(prefix_length):
        if start + i >= tokens.offsets[right + 1] or tokens.text[start + i] != ord("#"):
            skip = 0
    left_length = tokens.offsets[left + 1] - tokens.offsets[left]
    right_length = tokens.offsets[right + 1] - start - skip
    place = used[TEXT_USED]
    end = place + left_length + right_length
    if end > tokens.text.size:
        tokens = Tokens(grown(tokens.text, 2 * end), tokens.offsets, tokens.starts, tokens.slots)
    for i in range(left_length):
        tokens.text[place + i] = tokens.text[tokens.offsets[left] + i]
    for i in range(right_length):
        tokens.text[place + left_length + i] = tokens.text[start + skip + i]
    return _enter_token(end, tokens, used), tokens
