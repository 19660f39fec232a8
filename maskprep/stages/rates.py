"""Realised rates against the asked ones: how far chance may carry them."""

import math
from collections.abc import Iterator

from maskprep.stages.verification import RowRules, RowTotals

STANDARD_ERRORS = 5.0
"""Chance exceeds so many once in a million data sets."""
SMALLEST_TOLERANCE = 5.0
"""In tokens or pairs: where so few are expected, their number is not normally distributed."""


def tolerance(probability: float, draws: int, squares: float = 0.0) -> float:
    """Return how far a count may lie from probability x draws.

    Five standard errors, and five counts more. The variance is that of independent draws,
    p (1 - p) n, or what the rows show, if that is larger: draws for whole words are fewer than
    their tokens, and the sum over the rows of (found - expected)^2 estimates the variance of any
    way to draw, because rows are independent of each other.

    Args:
        probability: as asked.
        draws: how many tokens or pairs were drawn for.
        squares: sum over the rows of (found - expected)^2, if rows hold several draws.
    """
    variance = max(probability * (1.0 - probability) * draws, squares)
    return STANDARD_ERRORS * math.sqrt(variance) + SMALLEST_TOLERANCE


def masking_rate_faults(
    totals: RowTotals, rules: RowRules, rows_forced: int, unit_tokens: int
) -> Iterator[str]:
    """Compare what was selected, masked and replaced with the settings.

    Args:
        totals: of all rows.
        rules: with the asked rates.
        rows_forced: rows that got one unit because none would have been chosen; each may raise
            the number of selected tokens by that unit.
        unit_tokens: most tokens of a unit.
    """
    allowed = tolerance(rules.mlm_probability, totals.maskable_tokens, totals.selected_squares)
    excess = totals.selected_tokens - rules.mlm_probability * totals.maskable_tokens
    if not -allowed <= excess <= allowed + rows_forced * unit_tokens:
        yield _off(
            "selected tokens",
            totals.selected_tokens,
            totals.maskable_tokens,
            rules.mlm_probability,
            allowed,
        )
    actions = (
        ("masked tokens", totals.masked_tokens, rules.mask_replace_prob, totals.masked_squares),
        ("replaced tokens", totals.other_tokens, rules.random_other_prob, totals.other_squares),
    )
    for name, found, asked, squares in actions:
        allowed = tolerance(asked, totals.selected_tokens, squares)
        if abs(found - asked * totals.selected_tokens) > allowed:
            yield _off(name, found, totals.selected_tokens, asked, allowed)


def pair_rate_faults(name: str, pairs: int, labelled: int, asked: float) -> Iterator[str]:
    """Compare the share of random or swapped pairs with the asked one."""
    allowed = tolerance(asked, pairs)
    if abs(labelled - asked * pairs) > allowed:
        yield _off(name, labelled, pairs, asked, allowed)


def _off(name: str, found: int, of: int, asked: float, allowed: float) -> str:
    share = found / max(of, 1)
    return (
        f"{share:.2%} {name} ({found:,} of {of:,}); asked for {asked:.2%}, and chance explains "
        f"{allowed / max(of, 1):.2%} more or less"
    )
