"""Choosing and corrupting tokens: the cases at the edges, each written out."""

import numpy as np
import pytest

from maskprep.kernels.counter_rng import probability_threshold
from maskprep.kernels.masking import FIRST, REST, choose_units, replace_tokens
from maskprep.kernels.replacement import replace_again

CLS, SEP, MASK, UNK = 2, 3, 4, 1
VOCABULARY = 50
MASKABLE = np.arange(VOCABULARY) >= 10
POOL = np.arange(10, VOCABULARY, dtype=np.int32)


def choose(rows, starts=None, probability=0.15, seed=0, maskable=MASKABLE, budgets=()):
    lengths = [len(row) for row in rows]
    tokens = np.array([token for row in rows for token in row], np.int32)
    unit_starts = np.ones(tokens.size, np.bool_)
    if starts is not None:
        unit_starts = np.array([start for row in starts for start in row], np.bool_)
    selected = np.zeros(tokens.size, np.uint8)
    counts = np.zeros(3, np.int64)
    choose_units(
        maskable[tokens],
        unit_starts,
        np.array([0, *np.cumsum(lengths)], np.int64),
        np.arange(len(rows), dtype=np.int64),
        np.array([seed, 0], np.uint64),
        probability_threshold(probability),
        np.array(budgets, np.int64),
        selected,
        counts,
    )
    return selected, counts.tolist()


def replace(tokens, selected, thresholds, seed=0, pool=POOL, cumulative=(), other=0):
    tokens = np.array(tokens, np.int32)
    corrupted = tokens.copy()
    counts = np.zeros(4, np.int64)
    replace_tokens(
        np.array([0, tokens.size], np.int64),
        np.zeros(1, np.int64),
        np.array(selected, np.uint8),
        pool,
        np.array(cumulative, np.uint64),
        np.array([seed, 0], np.uint64),
        np.int32(MASK),
        np.array([*map(probability_threshold, thresholds), other], np.uint64),
        corrupted,
        counts,
    )
    if other:
        replace_again(
            np.array([0, tokens.size], np.int64),
            np.zeros(1, np.int64),
            pool,
            np.array(cumulative, np.uint64),
            np.array([seed, 0], np.uint64),
            corrupted,
        )
    return corrupted, counts[:3].tolist()


def test_with_probability_one_every_maskable_token_is_chosen():
    selected, counts = choose([[CLS, 10, 11, UNK, 12, SEP]], probability=1.0)
    assert selected.tolist() == [0, FIRST, FIRST, 0, FIRST, 0]
    assert counts == [0, 0, 3]


def test_as_many_single_tokens_are_chosen_as_each_row_is_given():
    rows = [[CLS, 10, 11, UNK, 12, SEP]] * 30
    selected, counts = choose(rows, budgets=[1, 2, 3] * 10)
    assert (selected.reshape(30, 6) != 0).sum(axis=1).tolist() == [1, 2, 3] * 10
    assert counts == [0, 0, 90]


def test_given_numbers_are_those_of_words_on_average():
    # Words of 1 to 4 tokens, 20 tokens in a row.
    starts = [[True, *[False] * 3, True, *[False] * 2, True, False, *[True] * 11]] * 4000
    selected, counts = choose([[10] * 20] * 4000, starts, budgets=[3] * 4000)
    per_row = (selected.reshape(4000, 20) != 0).sum(axis=1)
    # Only the longest word can leave a row empty, which is then forced to have it.
    forced = counts[0] / 4000
    assert per_row.mean() == pytest.approx(3 + 4 * forced, abs=0.1)
    rates = (selected.reshape(4000, 20) != 0).mean(axis=0) - forced * (np.arange(20) < 4)
    assert rates == pytest.approx(0.15, abs=0.025)


def test_with_a_tiny_probability_each_row_is_forced_to_one_unit():
    rows = [[CLS, 10, 11, 12, SEP]] * 20
    selected, counts = choose(rows, [[True, True, False, True, True]] * 20, probability=1e-9)
    assert counts == [20, 0, 60]
    per_row = selected.reshape(20, 5).tolist()
    assert {tuple(row) for row in per_row} == {(0, FIRST, REST, 0, 0), (0, 0, 0, FIRST, 0)}


def test_rows_of_special_tokens_are_counted_and_left_alone():
    selected, counts = choose([[CLS, SEP, SEP], [], [CLS, 10, SEP], [UNK]])
    assert selected.tolist() == [0, 0, 0, 0, FIRST, 0, 0]
    assert counts == [1, 3, 1]


def test_no_rows_are_no_trouble():
    selected, counts = choose([])
    assert selected.size == 0
    assert counts == [0, 0, 0]


def test_a_word_that_fills_the_row_is_chosen_whole():
    row = [CLS, *[10] * 100, SEP]
    starts = [True, True, *[False] * 99, True]
    for seed in range(20):
        selected, counts = choose([row], [starts], seed=seed)
        assert selected.tolist() == [0, FIRST, *[REST] * 99, 0]
        assert counts[0] in (0, 1)


def test_a_word_does_not_go_on_behind_a_separator():
    # Its second half carries no word start, as if it had lost its front.
    selected, _ = choose([[10, 11, SEP, 12, 13]], [[True, False, True, False, False]], 1.0)
    assert selected.tolist() == [FIRST, REST, 0, FIRST, REST]


def test_words_longer_than_the_budget_are_chosen_as_often_as_others():
    # A word of 10 tokens and ten of 1 in a row whose budget is 3.
    rows = [[10] * 20] * 2000
    starts = [[True, *[False] * 9, *[True] * 10]] * 2000
    selected, (forced, *_) = choose(rows, starts)
    rates = (selected.reshape(2000, 20) != 0).mean(axis=0)
    # Only the long word can leave a row empty, and it is what such a row is forced to have.
    # In 2,000 rows the standard deviation of one rate is 0.8 points.
    assert rates[0] - forced / 2000 == pytest.approx(0.15, abs=0.03)
    assert rates[10:].mean() == pytest.approx(0.15, abs=0.01)


def test_one_action_for_all_tokens_of_a_word():
    actions = set()
    for seed in range(60):
        corrupted, counts = replace([10] * 4, [FIRST, REST, REST, 0], [0.4, 0.8], seed)
        assert sorted(counts) == [0, 0, 3]
        assert corrupted[3] == 10
        if counts[0]:
            assert corrupted[:3].tolist() == [MASK] * 3
        if counts[2]:
            assert corrupted[:3].tolist() == [10] * 3
        actions.add(counts.index(3))
    assert actions == {0, 1, 2}


def test_the_tokens_of_a_replaced_word_are_drawn_apart():
    corrupted, counts = replace([10] * 9, [FIRST, *[REST] * 8], [0.0, 1.0])
    assert counts == [0, 9, 0]
    assert len(set(corrupted.tolist())) > 3
    assert np.isin(corrupted, POOL).all()


@pytest.mark.parametrize(
    ("thresholds", "action"),
    [
        pytest.param([1.0, 1.0], 0, id="always-mask"),
        pytest.param([0.0, 1.0], 1, id="always-replace"),
        pytest.param([0.0, 0.0], 2, id="always-keep"),
    ],
)
def test_probabilities_of_zero_and_one_are_exact(thresholds, action):
    _, counts = replace([10] * 300, [FIRST] * 300, thresholds)
    assert counts[action] == 300


def test_what_is_not_chosen_stays():
    corrupted, counts = replace([CLS, 10, UNK, 11, SEP], [0] * 5, [0.8, 0.9])
    assert corrupted.tolist() == [CLS, 10, UNK, 11, SEP]
    assert counts == [0, 0, 0]


def test_a_token_is_replaced_by_another_one_where_that_is_asked_for():
    pool = np.array([10, 11], np.int32)
    same, _ = replace([10] * 300, [FIRST] * 300, [0.0, 1.0], pool=pool)
    assert set(same.tolist()) == {10, 11}
    other, _ = replace([10] * 300, [FIRST] * 300, [0.0, 1.0], pool=pool, other=1)
    assert set(other.tolist()) == {11}
    # What was another token at first stays what it was.
    assert (other[same != 10] == same[same != 10]).all()


def test_a_token_that_is_almost_always_drawn_is_not_drawn_for_ever():
    cumulative = [2**64 - 1]  # the second id has a share of 2^-64
    pool = np.array([10, 11], np.int32)
    other, _ = replace([10] * 3, [FIRST] * 3, [0.0, 1.0], 0, pool, cumulative, 1)
    assert other.tolist() == [11] * 3


def test_replacements_follow_cumulative_shares():
    cumulative = [2**62, 2**63]  # a quarter, a quarter, a half
    pool = np.array([20, 21, 22], np.int32)
    corrupted, _ = replace([10] * 8000, [FIRST] * 8000, [0.0, 1.0], 1, pool, cumulative)
    shares = np.bincount(corrupted - 20) / 8000
    assert shares == pytest.approx([0.25, 0.25, 0.5], abs=0.02)
