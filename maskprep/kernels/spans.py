"""Units of several words, and other ways to choose units than `maskprep.kernels.masking`'s.

The words of a row are cut into units, all of them, and then units are chosen of which no two
touch. Why both the rate and the lengths are right: `docs/explanation/masking.md`.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.counter_rng import SELECT, below, draw, draw_slots
from maskprep.kernels.masking import (
    FIRST,
    find_units,
    longest_row,
    round_at_random,
    select_covered_units,
    select_unit,
)

_ONE = np.uint64(1)
_LENGTH_SLOTS = np.uint64(0x20000000)
_CUT_SLOTS = np.uint64(0x40000000)
_FORCE_SLOT = np.uint64(0x80000001)


@kernel(
    "void(const_boolean[::1], const_boolean[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], const_uint64[::1], int64, boolean[::1])",
    makes_arrays=True,
)
def join_words(
    maskable: NDArray[np.bool_],
    word_starts: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    key: NDArray[np.uint64],
    cumulative: NDArray[np.uint64],
    max_words: int,
    unit_starts: NDArray[np.bool_],
) -> None:
    """Cut the words of each row into units of random lengths.

    A unit lies between two tokens that may not be chosen. How long it is depends on how many words
    remain before the next of these.

    Args:
        maskable: bool [tokens], false where a token may not be chosen.
        word_starts: bool [tokens].
        offsets: int64 [examples + 1], row e is maskable[offsets[e]:offsets[e + 1]].
        example_ids: int64 [examples], items of the random numbers.
        key: uint64 [2], seed and epoch.
        cumulative: uint64 [remaining words x max_words], how likely a unit of 1, 2, ... words or
            fewer is, times 2^32, where 1, 2, ... words remain; the last row is for all that more.
        max_words: most words of a unit.
        unit_starts: bool [tokens], false; written in place.
    """
    longest = longest_row(offsets)
    firsts = np.empty(longest + 1, np.int64)
    ranks = np.empty(longest + 1, np.int64)
    slots = np.arange(longest // 4 + 1).astype(np.uint64) + _LENGTH_SLOTS
    words = np.empty((4, longest // 4 + 1), np.uint64)
    most_remaining = np.int64(cumulative.size // max_words)
    for e in range(offsets.size - 1):
        num_words, _ = find_units(maskable, word_starts, offsets[e], offsets[e + 1], firsts, ranks)
        item = np.uint64(example_ids[e])
        draw_slots(key[0], SELECT, key[1], item, slots, (num_words + 3) // 4, words)
        number = 0
        stop = np.int64(0)
        u = np.int64(0)
        while u < num_words:
            if u == stop:
                stop += 1
                while stop < num_words and firsts[stop] - firsts[u] == ranks[stop] - ranks[u]:
                    stop += 1
            unit_starts[firsts[u]] = True
            begin = (min(np.int64(stop - u), most_remaining) - 1) * max_words
            word = words[number & 3, number >> 2]
            number += 1
            u += 1
            for n in range(begin, begin + max_words - 1):
                u += np.int64(word >= cumulative[n])


@device
def _every_other(firsts, ranks, first, num_units, taken):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """List every second unit from unit `first` on, as `find_units` lists all; return how many."""
    taken_firsts, taken_ranks = taken[0], taken[1]
    num_taken = np.int64(0)
    taken_ranks[0] = 0
    for u in range(first, num_units, 2):
        taken_firsts[num_taken] = firsts[u]
        taken_ranks[num_taken + 1] = taken_ranks[num_taken] + ranks[u + 1] - ranks[u]
        num_taken += 1
    return num_taken


@kernel(
    "void(const_boolean[::1], const_boolean[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], uint64, uint8[::1], int64[::1])",
    makes_arrays=True,
)
def choose_units_apart(
    maskable: NDArray[np.bool_],
    unit_starts: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    key: NDArray[np.uint64],
    probability: np.uint64,
    selected: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    """Choose units of which no two touch, else as `choose_units` does.

    A coin takes every second unit of the row, and of these each is chosen with twice the
    probability. A row in which nothing would be chosen gets one unit, each alike.

    Args:
        maskable: bool [tokens], false where a token may not be chosen.
        unit_starts: bool [tokens], from `join_words`.
        offsets: int64 [examples + 1], row e is maskable[offsets[e]:offsets[e + 1]].
        example_ids: int64 [examples], items of the random numbers.
        key: uint64 [2], seed and epoch.
        probability: of being chosen, times 2^32; at most 2^31.
        selected: uint8 [tokens], zeros; written in place.
        counts: int64 [3], rows that were forced to one unit, rows with nothing to choose, tokens
            that could be chosen; added to.

    Source: Joshi et al. 2020, SpanBERT, section 3.1; Lan et al. 2020, ALBERT, section 4.1.
    Unlike SpanBERT: spans that touch are not merged, and the last one is not cut.
    """
    longest = longest_row(offsets)
    firsts = np.empty(longest + 1, np.int64)
    ranks = np.empty(longest + 1, np.int64)
    taken = (
        np.empty(longest + 1, np.int64),
        np.empty(longest + 1, np.int64),
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
        w0, w1, w2, w3 = draw(key[0], SELECT, key[1], item, np.uint64(0))
        num_taken = _every_other(firsts, ranks, np.int64(w1 & _ONE), num_units, taken)
        taken_tokens = taken[1][num_taken]
        budget = round_at_random(taken_tokens, probability << _ONE, w0)
        num_selected = 0
        if budget > 0:
            origin = np.int64(below(w2, w3, np.uint64(taken_tokens)))
            u0 = np.searchsorted(taken[1][:num_taken], origin, side="right") - 1
            num_selected = select_covered_units(
                key, item, origin, budget, u0, num_taken, taken, True, selected
            )
        if num_selected == 0:
            w0, w1, _, _ = draw(key[0], SELECT, key[1], item, _FORCE_SLOT)
            u = np.int64(below(w0, w1, np.uint64(num_units)))
            select_unit(firsts, ranks, u, selected)
            counts[0] += 1


@kernel(
    "void(const_boolean[::1], const_boolean[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], uint64, boolean, uint8[::1], int64[::1])",
    makes_arrays=True,
)
def choose_each_unit(
    maskable: NDArray[np.bool_],
    unit_starts: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    key: NDArray[np.uint64],
    probability: np.uint64,
    apart: bool,
    selected: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    """Choose each unit by a draw of its own; a row may stay without any.

    Args:
        maskable: bool [tokens], false where a token may not be chosen.
        unit_starts: bool [tokens], true where a unit begins.
        offsets: int64 [examples + 1], row e is maskable[offsets[e]:offsets[e + 1]].
        example_ids: int64 [examples], items of the random numbers.
        key: uint64 [2], seed and epoch.
        probability: of being chosen, times 2^32; at most 2^31 if `apart`.
        apart: whether no two units may touch; as in `choose_units_apart`.
        selected: uint8 [tokens], zeros; written in place.
        counts: int64 [3], as in `choose_units`; added to.

    Source: transformers, DataCollatorForLanguageModeling.
    """
    longest = longest_row(offsets)
    firsts = np.empty(longest + 1, np.int64)
    ranks = np.empty(longest + 1, np.int64)
    slots = np.arange(longest // 4 + 1).astype(np.uint64) + _ONE
    words = np.empty((4, longest // 4 + 1), np.uint64)
    step = 2 if apart else 1
    threshold = probability * np.uint64(step)
    for e in range(offsets.size - 1):
        num_units, num_tokens = find_units(
            maskable, unit_starts, offsets[e], offsets[e + 1], firsts, ranks
        )
        counts[1] += np.int64(num_tokens == 0)
        counts[2] += num_tokens
        item = np.uint64(example_ids[e])
        first = np.int64(0)
        if apart:
            _, w1, _, _ = draw(key[0], SELECT, key[1], item, np.uint64(0))
            first = np.int64(w1 & _ONE)
        draw_slots(key[0], SELECT, key[1], item, slots, (num_units + 3) // 4, words)
        for u in range(first, num_units, step):
            is_chosen = words[u & 3, u >> 2] < threshold
            # Single tokens take no branch that depends on chance.
            selected[firsts[u]] = FIRST * np.uint8(is_chosen)
            if ranks[u + 1] - ranks[u] > 1 and is_chosen:
                select_unit(firsts, ranks, u, selected)


@kernel(
    "void(const_int64[::1], const_int64[::1], const_uint64[::1], int64, uint8[::1], int64[::1])",
    makes_arrays=True,
)
def cut_selection(
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    key: NDArray[np.uint64],
    max_predictions: int,
    selected: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    """Take random units back from rows with too many selected tokens.

    Each selected unit is equally likely to be taken back, until the rest fits.

    Args:
        offsets: int64 [examples + 1].
        example_ids: int64 [examples], items of the random numbers.
        key: uint64 [2], seed and epoch.
        max_predictions: most selected tokens of a row.
        selected: uint8 [tokens]; changed in place.
        counts: int64 [2], rows that were cut and tokens that were taken back; added to.

    Unlike BERT: what is cut does not depend on where it stands in the row.
    """
    longest = longest_row(offsets)
    firsts = np.empty(longest, np.int64)
    lengths = np.empty(longest, np.int64)
    for e in range(offsets.size - 1):
        num_units = np.int64(0)
        num_tokens = np.int64(0)
        for t in range(offsets[e], offsets[e + 1]):
            if selected[t] == FIRST:
                firsts[num_units] = t
                lengths[num_units] = 0
                num_units += 1
            if selected[t] != 0:
                lengths[num_units - 1] += 1
                num_tokens += 1
        if num_tokens <= max_predictions:
            continue
        counts[0] += 1
        slot = _CUT_SLOTS
        while num_tokens > max_predictions:
            w0, w1, _, _ = draw(key[0], SELECT, key[1], np.uint64(example_ids[e]), slot)
            slot += _ONE
            u = np.int64(below(w0, w1, np.uint64(num_units)))
            selected[firsts[u] : firsts[u] + lengths[u]] = 0
            num_tokens -= lengths[u]
            counts[1] += lengths[u]
            num_units -= 1
            firsts[u] = firsts[num_units]
            lengths[u] = lengths[num_units]
