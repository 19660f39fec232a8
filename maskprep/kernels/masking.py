"""Choosing tokens for prediction and corrupting them: flat arrays, one row after the other.

A unit is what is chosen or left as a whole: a token, all tokens of a word, or of several words
(`maskprep.kernels.spans`).
`selected` holds 0 for tokens that are not chosen, FIRST for the first token of a chosen unit and
REST for its further tokens.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.counter_rng import CORRUPT, SELECT, WORD, below, draw, draw_slots

FIRST = np.uint8(1)
REST = np.uint8(2)

_SHIFT = np.uint64(32)
_ACCEPT_SLOT = np.uint64(0x80000000)


@kernel("void(const_boolean[::1], const_int32[::1], boolean[::1])")
def look_up(
    of_ids: NDArray[np.bool_], input_ids: NDArray[np.int32], of_tokens: NDArray[np.bool_]
) -> None:
    """Say of each token what is said of its id.

    `numpy.take` does the same, and copies the ids as int64 first.

    Args:
        of_ids: bool [vocabulary].
        input_ids: int32 [tokens], each below the size of the vocabulary.
        of_tokens: bool [tokens], written in place.
    """
    for t in range(input_ids.size):
        of_tokens[t] = of_ids[np.uint32(input_ids[t])]


@device
def longest_row(offsets):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return how many tokens the longest row has, at least 1."""
    longest = np.int64(1)
    for e in range(offsets.size - 1):
        longest = max(longest, offsets[e + 1] - offsets[e])
    return longest


@device
def find_units(maskable, unit_starts, start, stop, firsts, ranks):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """List a row's units; return how many units and how many maskable tokens it has.

    Unit u begins at token firsts[u], which is number ranks[u] of the maskable tokens;
    ranks[units] is their count. A token that may not be masked ends a unit, so none crosses a
    separator.
    """
    num_units = np.int64(0)
    num_tokens = np.int64(0)
    is_open = False
    for t in range(start, stop):
        # Without branches: what is written where no unit begins is overwritten by the next.
        is_maskable = maskable[t]
        firsts[num_units] = t
        ranks[num_units] = num_tokens
        num_units += np.int64(is_maskable & (unit_starts[t] | (not is_open)))
        num_tokens += np.int64(is_maskable)
        is_open = is_maskable
    ranks[num_units] = num_tokens
    return num_units, num_tokens


@device
def round_at_random(num_tokens, probability, word):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return num_tokens x probability / 2^32, rounded up with its fraction as probability."""
    expected = np.uint64(num_tokens) * probability
    return np.int64(expected >> _SHIFT) + np.int64(word < (expected & WORD))


@device
def select_unit(firsts, ranks, u, selected):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Mark the tokens of unit u."""
    first = firsts[u]
    selected[first] = FIRST
    for t in range(first + 1, first + ranks[u + 1] - ranks[u]):
        selected[t] = REST


@device
def select_covered_units(key, item, origin, budget, u0, num_units, scratch, opposed, selected):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Select the units under a window of `budget` tokens that begins at maskable token `origin`.

    `u0` is the unit that holds the origin. Where `opposed` is true, the last unit under the window
    is the more likely taken the less likely the first is: fewer rows end up with nothing.

    The units lie on a circle in random order, so that drawing goes on from the unit at the origin
    with the others, without replacement. A unit that the window covers only in part is taken whole
    with the covered fraction as probability. Each unit's expected share is budget / tokens.
    Returns how many units were selected.
    """
    firsts, ranks, order, slots, words = scratch
    length0 = np.int64(ranks[u0 + 1] - ranks[u0])
    ahead = ranks[u0 + 1] - origin  # tokens of the first unit from the origin on
    covered0 = min(ahead, budget)
    remaining = budget - covered0
    num_selected = 0
    for u in range(num_units):
        order[u] = u
    order[0] = u0
    order[u0] = 0
    # Pick number j uses one half of the words of slot (j + 1) / 2; no unit is shorter than 1.
    num_picks = min(remaining, num_units - 1)
    draw_slots(key[0], SELECT, key[1], item, slots[1:], (num_picks + 1) // 2, words)
    j = 1
    while remaining > 0 and j < num_units:
        half = 2 * ((j - 1) % 2)
        pick = below(
            words[half, (j - 1) // 2], words[half + 1, (j - 1) // 2], np.uint64(num_units - j)
        )
        u = order[j + np.int64(pick)]
        order[j + np.int64(pick)] = order[j]
        order[j] = u
        j += 1
        length = np.int64(ranks[u + 1] - ranks[u])
        if length > remaining:
            w0, w1, _, _ = draw(key[0], SELECT, key[1], item, _ACCEPT_SLOT)
            accepted = below(w0, w1, np.uint64(length)) < np.uint64(remaining)
            remaining = 0
        else:
            accepted = True
            remaining -= length
        if accepted:
            select_unit(firsts, ranks, u, selected)
            num_selected += 1
    covered0 += min(remaining, length0 - ahead)
    w0, w1, w2, w3 = draw(key[0], SELECT, key[1], item, _ACCEPT_SLOT)
    if opposed:
        w2, w3 = w0 ^ WORD, w1 ^ WORD
    if below(w2, w3, np.uint64(length0)) < np.uint64(covered0):
        select_unit(firsts, ranks, u0, selected)
        num_selected += 1
    return num_selected


@kernel(
    "void(const_boolean[::1], const_boolean[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], uint64, const_int64[::1], uint8[::1], int64[::1])",
    makes_arrays=True,
)
def choose_units(
    maskable: NDArray[np.bool_],
    unit_starts: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    key: NDArray[np.uint64],
    probability: np.uint64,
    budgets: NDArray[np.int64],
    selected: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    """Choose units until the expected number of chosen tokens is probability x maskable tokens.

    The budget of a row is that product, rounded up or down at random, or the number that is given;
    a row in which nothing would be chosen gets the one unit at a random token.

    Args:
        maskable: bool [tokens], false where a token may not be chosen.
        unit_starts: bool [tokens], true where a unit begins: word_starts, or all true.
        offsets: int64 [examples + 1], row e is maskable[offsets[e]:offsets[e + 1]].
        example_ids: int64 [examples], items of the random numbers.
        key: uint64 [2], seed and epoch.
        probability: of being chosen, times 2^32.
        budgets: int64 [examples], how many tokens of each row to choose; or empty: probability
            says so.
        selected: uint8 [tokens], zeros; written in place.
        counts: int64 [3], rows that were forced to one unit, rows with nothing to choose, tokens
            that could be chosen; added to.

    Source: Devlin et al. 2019, section 3.1; random rounding as in fairseq's mask_tokens_dataset.
    Unlike BERT: long words are not skipped when they exceed the budget, which would under-select
    them, and special tokens are not counted.
    """
    longest = longest_row(offsets)
    firsts = np.empty(longest + 1, np.int64)
    ranks = np.empty(longest + 1, np.int64)
    scratch = (
        firsts,
        ranks,
        np.empty(longest, np.int64),
        np.arange(longest + 1).astype(np.uint64),
        np.empty((4, longest), np.uint64),
    )
    for e in range(offsets.size - 1):
        num_units, num_tokens = find_units(
            maskable, unit_starts, offsets[e], offsets[e + 1], firsts, ranks
        )
        counts[2] += num_tokens
        if num_tokens == 0:
            counts[1] += 1
            continue
        item = np.uint64(example_ids[e])
        w0, _, w2, w3 = draw(key[0], SELECT, key[1], item, np.uint64(0))
        budget = budgets[e] if budgets.size else round_at_random(num_tokens, probability, w0)
        origin = np.int64(below(w2, w3, np.uint64(num_tokens)))
        u0 = np.searchsorted(ranks[:num_units], origin, side="right") - 1
        num_selected = 0
        if budget > 0:
            num_selected = select_covered_units(
                key, item, origin, budget, u0, num_units, scratch, False, selected
            )
        if num_selected == 0:
            select_unit(firsts, ranks, u0, selected)
            counts[0] += 1


@device
def pick_replacement(high, low, pool, cumulative):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a place in the pool for 64 random bits: each alike, or by cumulative shares."""
    if cumulative.size == 0:
        return np.int64(below(high, low, np.uint64(pool.size)))
    bits = (high << _SHIFT) | low
    first = np.int64(0)
    last = np.int64(cumulative.size)
    while first < last:
        middle = (first + last) // 2
        if bits < cumulative[middle]:
            last = middle
        else:
            first = middle + 1
    return first


@kernel(
    "void(const_int64[::1], const_int64[::1], const_uint8[::1], const_int32[::1],"
    " const_uint64[::1], const_uint64[::1], int32, const_uint64[::1], int32[::1], int64[::1])",
    makes_arrays=True,
)
def replace_tokens(
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    selected: NDArray[np.uint8],
    pool: NDArray[np.int32],
    cumulative: NDArray[np.uint64],
    key: NDArray[np.uint64],
    mask_id: np.int32,
    thresholds: NDArray[np.uint64],
    corrupted: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """Mask, replace or keep the selected tokens, one action for all tokens of a unit.

    Args:
        offsets: int64 [examples + 1].
        example_ids: int64 [examples], items of the random numbers.
        selected: uint8 [tokens], from `choose_units`.
        pool: int32 [ids], what random replacements are drawn from.
        cumulative: uint64 [ids - 1], how likely one of the first ids is, times 2^64; or empty: all
            ids are equally likely.
        key: uint64 [2], seed and epoch.
        mask_id: id of the mask token.
        thresholds: uint64 [3], probability of masking, and of masking or replacing, times 2^32;
            not 0: a token that would be replaced by itself is left to `replace_again`, inverted
            (~id).
        corrupted: int32 [tokens], the tokens as they are; changed in place.
        counts: int64 [4], tokens masked, replaced, kept, and rows without a selected token; added
            to.

    Source: Devlin et al. 2019, section 3.1 (80 / 10 / 10).
    Unlike BERT: one action per word (google-research/bert draws one per piece, its issue 910), and
    special, unused and unknown tokens never replace a token.
    """
    longest = longest_row(offsets)
    slots = np.empty(longest, np.uint64)
    words = np.empty((4, longest), np.uint64)
    for e in range(offsets.size - 1):
        num_selected = np.int64(0)
        for position in range(offsets[e + 1] - offsets[e]):
            slots[num_selected] = np.uint64(position)
            num_selected += np.int64(selected[offsets[e] + position] != 0)
        counts[3] += np.int64(num_selected == 0)
        draw_slots(key[0], CORRUPT, key[1], np.uint64(example_ids[e]), slots, num_selected, words)
        action = 2
        for i in range(num_selected):
            t = offsets[e] + np.int64(slots[i])
            if selected[t] == FIRST:
                word = words[0, i]
                action = 0 if word < thresholds[0] else (1 if word < thresholds[1] else 2)
            counts[action] += 1
            if action == 0:
                corrupted[t] = mask_id
            elif action == 1:
                place = pick_replacement(words[2, i], words[3, i], pool, cumulative)
                is_repeated = thresholds[2] != 0 and pool[place] == corrupted[t]
                corrupted[t] = ~corrupted[t] if is_repeated else pool[place]
