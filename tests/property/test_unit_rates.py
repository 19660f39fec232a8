"""Units of several words, and units chosen one by one: rates over real text.

Fixed seeds, stated tolerances; chi-square as in `test_rates.py`.
"""

import re
from pydoc_data import topics

import numba
import numpy as np
import pytest

from maskprep.config import MaskingConfig
from maskprep.kernels.masking import FIRST, replace_tokens
from maskprep.stages.masking import MaskingVocabulary, action_thresholds
from maskprep.stages.selection import TokenRows, select_tokens
from maskprep.stages.unit_lengths import first_unit_shares, unit_length_shares

if numba.config.DISABLE_JIT:
    pytest.skip("millions of tokens take minutes without compiled kernels", allow_module_level=True)

CLS, SEP, MASK, FIRST_ID = 2, 3, 4, 5
ROW_TOKENS, SEGMENT_TOKENS = 256, 126
PIECE_LETTERS = 3
EPOCHS = 40
WAYS = [
    pytest.param({"unit": "ngram"}, id="ngram"),
    pytest.param({"unit": "ngram", "max_ngram": 5}, id="ngram-of-5"),
    pytest.param({"unit": "span"}, id="span"),
    pytest.param({"unit": "span", "selection": "bernoulli"}, id="span-bernoulli"),
    pytest.param({"unit": "ngram", "selection": "bernoulli"}, id="ngram-bernoulli"),
    pytest.param({"unit": "word", "selection": "bernoulli"}, id="word-bernoulli"),
    pytest.param({"unit": "token", "selection": "bernoulli"}, id="token-bernoulli"),
]


def chi_square(observed, expected):
    """Return the statistic and the value it exceeds with probability 0.001."""
    freedom = observed.size - 1
    spread = 2 / (9 * freedom)
    critical = freedom * (1 - spread + 3.09 * np.sqrt(spread)) ** 3
    return ((observed - expected) ** 2 / expected).sum(), critical


@pytest.fixture(scope="module")
def text():
    """Return rows [CLS] A [SEP] B [SEP] of the language reference, words cut into pieces.

    Returns:
        input_ids, all alike but for the specials, and word starts, both [rows, 256].
    """
    words = re.findall(r"\w+|[^\w\s]", " ".join(text for _, text in sorted(topics.topics.items())))
    lengths = np.array([-(-len(word) // PIECE_LETTERS) for word in words])
    begins = np.zeros(lengths.sum(), np.bool_)
    begins[np.cumsum([0, *lengths[:-1]])] = True
    num_rows = begins.size // (2 * SEGMENT_TOKENS)
    pieces = begins[: num_rows * 2 * SEGMENT_TOKENS].reshape(num_rows, 2, SEGMENT_TOKENS)
    starts = np.ones((num_rows, ROW_TOKENS), np.bool_)
    starts[:, 1:127], starts[:, 128:254] = pieces[:, 0], pieces[:, 1]
    input_ids = np.full(starts.shape, FIRST_ID, np.int32)
    input_ids[:, 0], input_ids[:, [127, 254, 255]] = CLS, SEP
    return input_ids, starts


def choose(text, config):
    """Return selected uint8 [epochs, rows, 256] and the counts of `select_tokens`."""
    input_ids, word_starts = text
    if config.unit == "token":
        word_starts = np.ones_like(word_starts)
    rows = TokenRows(
        (input_ids >= FIRST_ID).ravel(),
        word_starts.ravel(),
        np.arange(len(input_ids) + 1) * ROW_TOKENS,
        np.arange(len(input_ids)) * 7919,
    )
    chosen = [select_tokens(rows, config, epoch) for epoch in range(EPOCHS)]
    selected = np.stack([one.reshape(input_ids.shape) for one, _ in chosen])
    return selected, sum(counts for _, counts in chosen)


@pytest.fixture(scope="module", params=WAYS)
def masking(request, text):
    """Return the settings and what was selected with them."""
    config = MaskingConfig(**request.param, seed=12345)
    return config, *choose(text, config)


def words_of(text):
    """Return first token and length of each word, and whether it begins or ends a stretch."""
    input_ids, word_starts = text
    special = (input_ids < FIRST_ID).ravel()
    firsts = np.flatnonzero(word_starts.ravel() | special | np.roll(special, 1))
    lengths = np.diff(np.append(firsts, special.size))
    is_word = ~special[firsts]
    return firsts[is_word], lengths[is_word]


def test_fifteen_percent_of_the_tokens_are_chosen(masking):
    _, selected, counts = masking
    forced, _, maskable, *_ = counts
    assert maskable >= 1_000_000
    assert np.count_nonzero(selected) / maskable == pytest.approx(0.15, abs=0.001)
    assert forced < 0.001 * selected.shape[0] * selected.shape[1]


def test_the_rate_is_flat_over_positions(text, masking):
    _, selected, _ = masking
    rates = (selected != 0).mean(axis=(0, 1))
    is_text = text[0][0] >= FIRST_ID
    assert rates[~is_text].max() == 0
    # 25 buckets of about 10 positions; the first and the last of a segment by themselves.
    for bucket in np.array_split(rates[is_text], 25):
        assert bucket.mean() == pytest.approx(0.15, abs=0.005)
    edges = rates[[1, 2, 125, 126, 128, 129, 252, 253]]
    # Each holds 40 epochs of all rows: over 60,000 draws, a deviation of 0.15 points.
    assert edges == pytest.approx(np.full(8, 0.15), abs=0.006)


def test_the_rate_is_flat_over_word_lengths(text, masking):
    config, selected, _ = masking
    if config.unit == "token":
        return
    firsts, lengths = words_of(text)
    chosen = selected.reshape(EPOCHS, -1)[:, firsts] != 0
    for length in range(1, 5):
        of_length = chosen[:, lengths == length]
        assert of_length.size >= 50_000
        assert of_length.mean() == pytest.approx(0.15, abs=0.005), length


def test_words_are_chosen_whole(text, masking):
    config, selected, _ = masking
    if config.unit == "token":
        return
    firsts, lengths = words_of(text)
    chosen = selected.reshape(EPOCHS, -1) != 0
    for length in range(2, 5):
        of_length = firsts[lengths == length]
        for t in range(1, length):
            assert (chosen[:, of_length] == chosen[:, of_length + t]).all()


def test_runs_of_chosen_words_have_the_published_lengths(text, masking):
    """Seen from outside: runs of selected words, as a reader of the loss mask finds them."""
    config, selected, _ = masking
    if not config.units_apart:
        return
    firsts, _ = words_of(text)
    # A gap between any two stretches, and between epochs.
    stretch = np.cumsum((text[0] < FIRST_ID).ravel())[firsts]
    chosen = selected.reshape(EPOCHS, -1)[:, firsts] != 0
    run = np.zeros((EPOCHS, firsts.size), np.bool_)
    run[:, 0] = chosen[:, 0]
    run[:, 1:] = chosen[:, 1:] & (~chosen[:, :-1] | (stretch[1:] != stretch[:-1]))
    numbers = np.cumsum(run.ravel())[chosen.ravel()] - 1
    shares = unit_length_shares(config)
    observed = np.bincount(np.bincount(numbers), minlength=shares.size + 1)[1:]
    assert observed.size == shares.size
    assert observed.sum() >= 50_000
    statistic, critical = chi_square(observed, observed.sum() * shares)
    assert statistic < critical
    # Each run is one unit.
    assert np.count_nonzero(selected == FIRST) == observed.sum()


def test_every_row_gets_about_its_share(masking):
    config, selected, _ = masking
    if config.selection == "bernoulli" or config.unit == "span":
        return
    per_row = np.count_nonzero(selected, axis=2)
    # 252 x 15 % is 37.8; which second units the coin takes makes the rest.
    assert per_row.mean() == pytest.approx(37.8, abs=0.1)
    assert per_row.std() < 6


def test_actions_per_unit_and_per_token(text):
    """80 / 10 / 10 either way; within a unit all alike, or each token for itself."""
    config = MaskingConfig(unit="span", seed=3)
    selected, _ = choose(text, config)
    input_ids = text[0]
    pool = np.arange(FIRST_ID + 1, FIRST_ID + 1000, dtype=np.int32)
    outcomes = {}
    for per, marks in (("unit", selected), ("token", np.minimum(selected, FIRST))):
        corrupted = np.tile(input_ids, (EPOCHS, 1, 1))
        for epoch in range(EPOCHS):
            replace_tokens(
                np.arange(len(input_ids) + 1) * ROW_TOKENS,
                np.arange(len(input_ids)) * 7919,
                marks[epoch].ravel(),
                pool,
                np.zeros(0, np.uint64),
                np.array([3, epoch], np.uint64),
                np.int32(MASK),
                action_thresholds(config),
                corrupted[epoch].ravel(),
                np.zeros(4, np.int64),
            )
        flat = corrupted.ravel()
        kinds = np.where(flat == MASK, 0, np.where(flat > FIRST_ID, 1, 2))
        first = np.flatnonzero(selected.ravel() == FIRST)
        shares = np.bincount(kinds[first]) / first.size
        assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.005)
        second = np.flatnonzero(selected.ravel()[1:] == 2) + 1
        outcomes[per] = np.mean(kinds[second] == kinds[second - 1])
    assert outcomes["unit"] == 1
    # 0.8^2 + 0.1^2 + 0.1^2
    assert outcomes["token"] == pytest.approx(0.66, abs=0.01)


def test_what_is_cut_does_not_depend_on_the_place(text):
    config = MaskingConfig(max_predictions=20, seed=5)
    selected, (_, _, maskable, rows_cut, cut, *_) = choose(text, config)
    assert np.count_nonzero(selected, axis=2).max() == 20
    assert rows_cut == selected.shape[0] * selected.shape[1]
    assert np.count_nonzero(selected) + cut == pytest.approx(0.15 * maskable, rel=0.001)
    rates = (selected != 0).mean(axis=(0, 1))[text[0][0] >= FIRST_ID]
    for bucket in np.array_split(rates, 25):
        assert bucket.mean() == pytest.approx(20 / 252, abs=0.005)


def test_unigram_replacements_are_as_frequent_as_the_words_of_the_text():
    words = re.findall(r"\w+|[^\w\s]", " ".join(text for _, text in sorted(topics.topics.items())))
    _, ids, counts = np.unique(words, return_inverse=True, return_counts=True)
    input_ids = ids.astype(np.int32)
    offsets = np.append(np.arange(0, input_ids.size, 128), input_ids.size)
    example_ids = np.arange(offsets.size - 1)
    maskable = np.ones(counts.size, np.bool_)
    pool = np.arange(counts.size, dtype=np.int32)
    vocabulary = MaskingVocabulary(-1, maskable, pool).with_frequencies(counts)
    thresholds = action_thresholds(MaskingConfig(mask_replace_prob=0.0, random_replace_prob=1.0))
    observed = np.zeros(counts.size, np.int64)
    for epoch in range(10):
        corrupted = input_ids.copy()
        selected = np.full(input_ids.size, FIRST)
        replace_tokens(
            *(offsets, example_ids, selected, vocabulary.replacement_pool, vocabulary.cumulative),
            *(np.array([5, epoch], np.uint64), np.int32(-1), thresholds, corrupted),
            np.zeros(4, np.int64),
        )
        observed += np.bincount(corrupted, minlength=counts.size)
    expected = observed.sum() * counts / counts.sum()
    assert observed.sum() >= 1_000_000
    # Once in the text, ten times in as many draws: each word is a class of its own.
    assert expected.min() >= 5
    statistic, critical = chi_square(observed, expected)
    assert statistic < critical


@pytest.mark.parametrize("way", [{"unit": "ngram", "max_ngram": n} for n in (1, 2, 3, 7, 40)])
def test_ngrams_have_their_lengths_in_every_stretch(way):
    shares = unit_length_shares(MaskingConfig(**way))
    check_expected_lengths(shares, exact_from=1)


def test_spans_have_their_lengths_in_every_stretch_of_twelve_words():
    shares = unit_length_shares(MaskingConfig(unit="span"))
    assert shares @ np.arange(1, 11) == pytest.approx(3.797, abs=0.0005)
    assert shares[[0, 9]] == pytest.approx([0.2241, 0.0301], abs=0.0001)
    check_expected_lengths(shares, exact_from=12)


def check_expected_lengths(shares, exact_from):
    """Follow the cutting of stretches of 1 ... 200 words through, with exact expectations."""
    rows = first_unit_shares(shares)
    assert (rows >= 0).all()
    assert rows.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    expected = [np.zeros(shares.size)]
    for words in range(1, 200):
        row = rows[min(words, len(rows)) - 1]
        assert row[words:].sum() == 0
        made = row.copy()
        for n in range(1, min(words, shares.size) + 1):
            made += row[n - 1] * expected[words - n]
        expected.append(made)
        possible = shares[:words]
        if words >= exact_from:
            counts = made[: possible.size]
            assert counts / counts.sum() == pytest.approx(possible / possible.sum(), abs=1e-9)
        assert made @ np.arange(1, shares.size + 1) == pytest.approx(words)
