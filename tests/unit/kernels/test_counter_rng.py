"""The addressed random numbers: published answers, and the readable twin at every address."""

import naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.kernels.compilation import kernel
from maskprep.kernels.counter_rng import (
    below,
    draw,
    draw_slots,
    name_examples,
    philox_blocks,
    probability_threshold,
    shuffle_keys,
)

PI = ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0])
# Random123, tests/kat_vectors, lines "philox4x32 10".
KNOWN_ANSWERS = [
    pytest.param([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8", id="zeros"),
    pytest.param(
        [2**32 - 1] * 4, [2**32 - 1] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd", id="ones"
    ),
    pytest.param(*PI, "d16cfe09 94fdcceb 5001e420 24126ea1", id="digits-of-pi"),
]
WORDS = st.one_of(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2**31, 2**32 - 1]))
IDS = st.one_of(st.integers(0, 2**63 - 1), st.sampled_from([0, 2**32, 2**63 - 1]))
ROUNDS = st.one_of(st.integers(0, 2**24 - 1), st.just(2**24 - 1))
CASES = settings(deadline=None, max_examples=50)


@kernel(
    "void(uint64, uint64, uint64, uint64, uint64, uint64[::1], uint64[:, ::1])", makes_arrays=True
)
def draw_twice(seed, stream, round_, item, slot, one, many):
    one[0], one[1], one[2], one[3] = draw(seed, stream, round_, item, slot)
    slots = np.empty(3, np.uint64)
    for i in range(3):
        slots[i] = slot
    draw_slots(seed, stream, round_, item, slots, 3, many)


@kernel("void(uint64[::1], uint64[::1], uint64[::1], uint64[::1])")
def scale_words(high, low, bounds, scaled):
    for i in range(scaled.size):
        scaled[i] = below(high[i], low[i], bounds[i])


def philox(counter, key):
    words = np.zeros((1, 4), np.uint64)
    philox_blocks(np.array([counter], np.uint64), np.array([key], np.uint64), words)
    return tuple(words[0].tolist())


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_kernel_and_twin_give_the_published_answers(counter, key, answer):
    expected = tuple(int(word, 16) for word in answer.split())
    assert philox(counter, key) == expected
    assert naive.philox4x32_10(counter, key) == expected


@CASES
@given(counter=st.tuples(WORDS, WORDS, WORDS, WORDS), key=st.tuples(WORDS, WORDS))
def test_a_block_is_that_of_the_twin(counter, key):
    assert philox(counter, key) == naive.philox4x32_10(counter, key)


@CASES
@given(
    seed=st.integers(0, 2**64 - 1), stream=st.integers(0, 255), round_=ROUNDS, item=IDS, slot=WORDS
)
def test_an_address_gives_the_numbers_of_the_twin_alone_and_among_others(
    seed, stream, round_, item, slot
):
    one, many = np.zeros(4, np.uint64), np.zeros((4, 3), np.uint64)
    draw_twice(*(np.uint64(part) for part in (seed, stream, round_, item, slot)), one, many)
    expected = list(naive.draw(seed, stream, round_, item, slot))
    assert one.tolist() == expected
    assert many.T.tolist() == [expected] * 3


def test_every_part_of_an_address_changes_the_numbers():
    address = [7, 5, 3, 11, 13]
    drawn = {naive.draw(*address)}
    for part in range(5):
        for bit in (0, 7):
            other = list(address)
            other[part] ^= 1 << bit
            drawn.add(naive.draw(*other))
    assert len(drawn) == 11


@CASES
@given(ids=st.lists(IDS, min_size=1, max_size=5), seed=st.integers(0, 2**64 - 1), epoch=ROUNDS)
def test_shuffle_keys_are_those_of_the_twin(ids, seed, epoch):
    keys = np.zeros(len(ids), np.uint64)
    shuffle_keys(np.array(ids, np.int64), np.uint64(seed), np.uint64(epoch), keys)
    assert keys.tolist() == [naive.shuffle_key(example, seed, epoch) for example in ids]


@CASES
@given(ids=st.lists(IDS, min_size=1, max_size=5), place=WORDS, duplicate=ROUNDS)
def test_examples_are_named_as_the_twin_names_them_and_never_below_zero(ids, place, duplicate):
    named = np.zeros(len(ids), np.int64)
    places = np.full(len(ids), place, np.int64)
    name_examples(np.array(ids, np.int64), places, np.uint64(duplicate), named)
    assert named.tolist() == [naive.name_example(document, place, duplicate) for document in ids]
    assert named.min() >= 0


@CASES
@given(high=WORDS, low=WORDS, bound=st.integers(1, 2**32 - 1))
def test_a_scaled_number_lies_below_its_bound(high, low, bound):
    scaled = np.zeros(1, np.uint64)
    scale_words(*(np.array([part], np.uint64) for part in (high, low, bound)), scaled)
    assert scaled[0] < bound
    assert scaled[0] == naive.below(high, low, bound)


def test_scaling_reaches_both_ends():
    scaled = np.zeros(2, np.uint64)
    words = np.array([0, 2**32 - 1], np.uint64)
    scale_words(words, words, np.array([30_000, 30_000], np.uint64), scaled)
    assert scaled.tolist() == [0, 29_999]


@pytest.mark.parametrize(
    ("probability", "threshold"), [(0.0, 0), (1e-9, 4), (0.15, 644245094), (0.5, 2**31), (1, 2**32)]
)
def test_a_probability_becomes_a_whole_threshold(probability, threshold):
    assert probability_threshold(probability) == threshold
