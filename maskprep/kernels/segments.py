"""Pairs of segments as rows: copied together, trimmed to the budget, laid out with special tokens.

Gathered tokens are as in `kernels.pairing`: the id, and WORD_START where a word begins.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.counter_rng import PAIR, draw
from maskprep.kernels.pairing import BUDGET, DUPLICATE, SEED, SLOTS_PER_PAIR, TOKEN_ID, WORD_START
from maskprep.kernels.row_gather import bit_at

_TRIM_A_SLOT = np.uint64(2)
_TRIM_B_SLOT = np.uint64(129)


@device
def _ones(seed, duplicate, item, slot, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Toss a coin `bits` times; return how many heads."""
    heads = np.int64(0)
    while bits > 0:
        for word in draw(seed, PAIR, duplicate, item, slot):
            for b in range(min(bits, np.int64(32))):
                heads += np.int64((word >> np.uint64(b)) & np.uint64(1))
            bits -= min(bits, np.int64(32))
        slot += np.uint64(1)
    return heads


@device
def _trim(tokens, start, stop, num_dropped, heads, segment):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Drop tokens from both ends, and what is left of a word that was cut."""
    front = start + heads
    back = stop - (num_dropped - heads)
    first, last = front, back
    while first < last and first > start and not tokens[first] & WORD_START:
        first += 1
    while last > first and last < stop and not tokens[last] & WORD_START:
        last -= 1
    if first == last:  # No word is left whole, so better parts of words than nothing.
        first, last = front, back
    segment[0] = first
    segment[1] = last


@kernel(
    "void(const_uint32[::1], const_int64[::1], const_uint32[::1], const_int64[::1],"
    " const_int64[::1], const_int64[::1], const_uint64[::1], int64[:, ::1])"
)
def trim_pairs(
    a_tokens: NDArray[np.uint32],
    a_offsets: NDArray[np.int64],
    b_tokens: NDArray[np.uint32],
    b_offsets: NDArray[np.int64],
    document_ids: NDArray[np.int64],
    places: NDArray[np.int64],
    settings: NDArray[np.uint64],
    segments: NDArray[np.int64],
) -> None:
    """Shorten pairs that exceed the budget: the longer segment first, each time at a random end.

    Args:
        a_tokens: uint32 [tokens of A], with WORD_START.
        a_offsets: int64 [pairs + 1].
        b_tokens: uint32 [tokens of B].
        b_offsets: int64 [pairs + 1].
        document_ids: int64 [pairs], items of the random numbers: A's documents.
        places: int64 [pairs], number of the pair in its document.
        settings: uint64 [7], as in `plan_pairs`.
        segments: int64 [pairs, 4], what is left of A (start, stop) and of B; written in place.

    Source: google-research/bert, truncate_seq_pair.
    Unlike BERT: the rest of a word that lost tokens goes too, so segments hold whole words.
    """
    budget = np.int64(settings[BUDGET])
    for p in range(places.size):
        length_a = a_offsets[p + 1] - a_offsets[p]
        length_b = b_offsets[p + 1] - b_offsets[p]
        excess = max(length_a + length_b - budget, 0)
        # Dropping from the longer one, B at a tie, first evens the two out.
        drop_a = min(max(length_a - length_b, 0), excess)
        drop_b = min(max(length_b - length_a, 0), excess)
        even = excess - drop_a - drop_b
        drop_a += even // 2
        drop_b += even - even // 2
        slot = np.uint64(places[p]) * SLOTS_PER_PAIR
        item = np.uint64(document_ids[p])
        seed, duplicate = settings[SEED], settings[DUPLICATE]
        heads_a = _ones(seed, duplicate, item, slot + _TRIM_A_SLOT, drop_a)
        heads_b = _ones(seed, duplicate, item, slot + _TRIM_B_SLOT, drop_b)
        _trim(a_tokens, a_offsets[p], a_offsets[p + 1], drop_a, heads_a, segments[p, :2])
        _trim(b_tokens, b_offsets[p], b_offsets[p + 1], drop_b, heads_b, segments[p, 2:])


@device
def lay_segment(tokens, start, stop, t, input_ids, word_starts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write the tokens of a segment from place `t` on; return where they end."""
    source, target = np.uint64(start), np.uint64(t)
    for i in range(np.uint64(stop - start)):
        input_ids[target + i] = np.int32(tokens[source + i] & TOKEN_ID)
        word_starts[target + i] = (tokens[source + i] & WORD_START) != 0
    if stop > start:
        word_starts[t] = True
    return t + stop - start


@device
def lay_specials(ids, t, input_ids, word_starts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Write special tokens from place `t` on; return where they end."""
    for i in range(ids.size):
        input_ids[t] = ids[i]
        word_starts[t] = True
        t += 1
    return t


@kernel(
    "void(const_uint32[::1], const_uint32[::1], int64[:, ::1], const_int32[::1], const_int8[::1],"
    " const_int64[::1], const_int64[::1], int32[::1], int8[::1], boolean[::1])"
)
def lay_out_pairs(
    a_tokens: NDArray[np.uint32],
    b_tokens: NDArray[np.uint32],
    segments: NDArray[np.int64],
    special_ids: NDArray[np.int32],
    types: NDArray[np.int8],
    num_specials: NDArray[np.int64],
    offsets: NDArray[np.int64],
    input_ids: NDArray[np.int32],
    token_type_ids: NDArray[np.int8],
    word_starts: NDArray[np.bool_],
) -> None:
    """Write rows of the form specials, A, specials, B, specials.

    Args:
        a_tokens: uint32 [tokens of A], with WORD_START.
        b_tokens: uint32 [tokens of B].
        segments: int64 [pairs, 4], start and stop of A and of B.
        special_ids: int32 [special tokens of a row], in order.
        types: int8 [5], the token type of each of the five parts.
        num_specials: int64 [3], how many special tokens stand before A, between, and after B.
        offsets: int64 [pairs + 1] of the rows.
        input_ids: int32 [tokens of the rows], written in place, as are the next two.
        token_type_ids: int8 [tokens of the rows].
        word_starts: bool [tokens of the rows].
    """
    between = num_specials[0] + num_specials[1]
    for p in range(segments.shape[0]):
        start, stop = offsets[p], offsets[p + 1]
        t = lay_specials(special_ids[: num_specials[0]], start, input_ids, word_starts)
        token_type_ids[start:t] = types[0]
        start = t
        t = lay_segment(a_tokens, segments[p, 0], segments[p, 1], t, input_ids, word_starts)
        token_type_ids[start:t] = types[1]
        start = t
        t = lay_specials(special_ids[num_specials[0] : between], t, input_ids, word_starts)
        token_type_ids[start:t] = types[2]
        start = t
        t = lay_segment(b_tokens, segments[p, 2], segments[p, 3], t, input_ids, word_starts)
        token_type_ids[start:t] = types[3]
        lay_specials(special_ids[between:], t, input_ids, word_starts)
        token_type_ids[t:stop] = types[4]


@device
def _copy(ids, word_starts, segments, destinations, gathered):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    for r in range(destinations.size):
        source, target = np.uint64(segments[r, 0]), np.uint64(destinations[r])
        for t in range(np.uint64(segments[r, 1] - segments[r, 0])):
            begins = np.uint32(bit_at(word_starts, source + t))
            gathered[target + t] = np.uint32(ids[source + t]) | begins * WORD_START


@kernel("void(const_uint32[::1], const_uint8[::1], int64[:, ::1], const_int64[::1], uint32[::1])")
def copy_segments(
    ids: NDArray[np.uint32],
    word_starts: NDArray[np.uint8],
    segments: NDArray[np.int64],
    destinations: NDArray[np.int64],
    gathered: NDArray[np.uint32],
) -> None:
    """Copy runs of tokens from where they are spooled to where they are needed.

    Args:
        ids: uint32 [spooled tokens].
        word_starts: uint8 [spooled tokens / 8], a bit for each token, as in `kernels.pairing`.
        segments: int64 [runs, 2], first token and one past the last.
        destinations: int64 [runs], where in `gathered` each run begins.
        gathered: uint32 [gathered tokens], with WORD_START; written in place.
    """
    _copy(ids, word_starts, segments, destinations, gathered)


@kernel("void(const_uint16[::1], const_uint8[::1], int64[:, ::1], const_int64[::1], uint32[::1])")
def copy_narrow_segments(
    ids: NDArray[np.uint16],
    word_starts: NDArray[np.uint8],
    segments: NDArray[np.int64],
    destinations: NDArray[np.int64],
    gathered: NDArray[np.uint32],
) -> None:
    """Do what `copy_segments` does, for ids uint16 [spooled tokens]."""
    _copy(ids, word_starts, segments, destinations, gathered)
