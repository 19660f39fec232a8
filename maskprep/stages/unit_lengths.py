"""How many words a masking unit has: published distributions, and how rows are cut by them."""

import functools

import numpy as np
from numpy.typing import NDArray

from maskprep.config import MaskingConfig

SPAN_SUCCESS_PROBABILITY = 0.2
MAX_SPAN_WORDS = 10
"""Of SpanBERT's geometric distribution, renormalised to 1 ... 10 words; its mean is 3.797."""

_PRECISION = 1e-12


def unit_length_shares(config: MaskingConfig) -> NDArray[np.float64]:
    """Return the share of units of 1, 2, ... words: float64 [most words].

    Source: Lan et al. 2020, ALBERT, section 4.1 (n-grams, p(n) proportional to 1/n); Joshi et al.
    2020, SpanBERT, section 3.1 (spans).
    """
    shares = [1.0]
    if config.unit == "ngram":
        shares = [1.0 / words for words in range(1, config.max_ngram + 1)]
    elif config.unit == "span":
        shares = [(1.0 - SPAN_SUCCESS_PROBABILITY) ** words for words in range(MAX_SPAN_WORDS)]
    return np.array(shares, np.float64) / sum(shares)


def first_unit_shares(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how likely the next unit has 1, 2, ... words, if so many words remain.

    Units are cut off one after the other until no word remains. With the returned shares the
    expected numbers of units of each length are in the asked proportion for every stretch of words,
    except where a stretch is too short for that (`docs/explanation/masking.md`).

    Args:
        shares: float64 [most words], the asked proportion, falling.

    Returns:
        float64 [remaining words, most words]: row r where r + 1 words remain, the last row where
        as many or more do.
    """
    most = shares.size
    expected = [np.zeros(most)]  # units of each length in a stretch of 0, 1, ... words
    rows: list[NDArray[np.float64]] = []
    num_exact = 0
    while num_exact < most:
        remaining = len(rows) + 1
        longest = min(remaining, most)
        lengths = np.arange(1, longest + 1)
        asked = np.zeros(most)
        asked[:longest] = shares[:longest] * remaining / (shares[:longest] @ lengths)
        # Column n: the units of a stretch whose first unit has n + 1 words.
        after = np.eye(most)[:, :longest] + np.stack([expected[remaining - n] for n in lengths], 1)
        solved = np.maximum(np.linalg.solve(after[:longest], asked[:longest]), 0.0)
        row = np.zeros(most)
        row[:longest] = solved / solved.sum()
        rows.append(row)
        expected.append(after @ row[:longest])
        is_exact = longest == most and np.abs(expected[-1] - asked).max() < _PRECISION * remaining
        num_exact = num_exact + 1 if is_exact else 0
    return np.stack([*rows, shares])


@functools.lru_cache(maxsize=8)
def length_thresholds(config: MaskingConfig) -> NDArray[np.uint64]:
    """Return `first_unit_shares` as `join_words` takes them: uint64 [remaining words x lengths]."""
    cumulative = np.cumsum(first_unit_shares(unit_length_shares(config)), axis=1)
    return np.rint(np.minimum(cumulative, 1.0) * 2.0**32).astype(np.uint64).ravel()
