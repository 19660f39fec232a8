"""Rates against settings: chance is never called a fault, a wrong rate is."""

import numpy as np
import pytest

from maskprep.stages.rates import masking_rate_faults, row_rate_faults, tolerance
from maskprep.stages.row_rules import RowRules, RowTotals

RULES = RowRules(
    np.ones(1000, np.bool_),
    np.ones(1000, np.bool_),
)


def totals(rate=0.15, masked=0.8, other=0.1, rows=2000, tokens_of_row=100):
    maskable = rows * tokens_of_row
    selected = round(rate * maskable)
    return RowTotals(
        rows=rows,
        maskable_tokens=maskable,
        expected_tokens=0.15 * maskable,
        masked_tokens=round(masked * selected),
        other_tokens=round(other * selected),
        same_tokens=selected - round(masked * selected) - round(other * selected),
    )


def test_what_was_asked_for_is_no_fault():
    assert list(masking_rate_faults(totals(), RULES, 0, 0)) == []


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({"rate": 0.16}, "16.00% selected tokens"),
        ({"rate": 0.14}, "14.00% selected tokens"),
        ({"masked": 0.82, "other": 0.1}, "82.00% masked tokens"),
        ({"masked": 0.8, "other": 0.12}, "12.00% replaced tokens"),
    ],
)
def test_another_rate_is_one_fault_with_both_numbers(found, named):
    (fault,) = masking_rate_faults(totals(**found), RULES, 0, 0)
    assert named in fault
    assert "asked for" in fault


def test_forced_rows_may_raise_the_rate_by_a_unit_each():
    # 500 tokens too many: forced rows explain them, but never too few.
    high, low = totals(rate=0.16), totals(rate=0.14)
    assert list(masking_rate_faults(high, RULES, 2000, 0)) == []
    assert list(masking_rate_faults(high, RULES, 3200, 0)) == []
    assert len(list(masking_rate_faults(low, RULES, 32000, 0))) == 1


def test_what_was_cut_counts_as_chosen():
    low = totals(rate=0.10)
    assert list(masking_rate_faults(low, RULES, 0, 10_000)) == []
    assert len(list(masking_rate_faults(low, RULES, 0, 5_000))) == 1


@pytest.mark.parametrize("probability", [0.0, 0.001, 0.15, 0.5, 0.99, 1.0])
@pytest.mark.parametrize("draws", [1, 10, 1000, 100_000])
def test_chance_alone_is_never_a_fault(probability, draws):
    counts = np.random.default_rng(7).binomial(draws, probability, 20_000)
    assert np.abs(counts - probability * draws).max() <= tolerance(probability, draws)


def test_long_words_widen_the_tolerance_as_the_rows_show():
    """Sixteen tokens share one draw: the sums vary sixteen times as much as those of tokens."""
    rng = np.random.default_rng(1)
    words = rng.random((300, 200, 8)) < 0.8  # data sets, rows, words of 16 tokens each
    found = 16 * words.sum(axis=2)
    selected = 16 * 8
    excess = np.abs((found - 0.8 * selected).sum(axis=1))
    squares = np.square(found - 0.8 * selected).sum(axis=1)
    draws = 200 * selected
    assert excess.max() > tolerance(0.8, draws)
    assert all(
        one <= tolerance(0.8, draws, square) for one, square in zip(excess, squares, strict=True)
    )


def test_random_pairs():
    assert list(row_rate_faults("random pairs", 10_000, 5_100, 0.5)) == []
    (fault,) = row_rate_faults("random pairs", 10_000, 5_500, 0.5)
    assert fault == (
        "55.00% random pairs (5,500 of 10,000); asked for 50.00%, and chance explains 2.55% more "
        "or less"
    )
