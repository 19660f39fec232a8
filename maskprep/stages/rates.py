"""Realised rates against the asked ones: how far chance may carry them."""

import math
from collections.abc import Iterator

from maskprep.stages.row_rules import RowRules, RowTotals

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
    totals: RowTotals,
    rules: RowRules,
    added: int,
    cut: int,
    replaced: int | None = None,
    missing: int = 0,
) -> Iterator[str]:
    """Compare what was selected, masked and replaced with the settings.

    Args:
        totals: of all rows.
        rules: with the asked rates.
        added: most tokens that were selected beyond the asked rate: a row in which none would have
            been chosen gets one unit.
        cut: selected tokens that were taken back, since a row had too many.
        replaced: tokens that were replaced, also by themselves, as it was counted; None: count
            those that differ, and expect that of a uniform replacement.
        missing: most tokens that all rows may lack, since too few of theirs may be selected.
    """
    asked = totals.expected_tokens / max(totals.maskable_tokens, 1)
    allowed = tolerance(asked, totals.maskable_tokens, totals.selected_squares)
    excess = totals.selected_tokens + cut - totals.expected_tokens
    if not -allowed - missing <= excess <= allowed + added:
        found = totals.selected_tokens + cut
        yield _off("selected tokens", found, totals.maskable_tokens, asked, allowed)
    masked = rules.masking.mask_replace_prob
    others, other_prob = totals.other_tokens, rules.random_other_prob
    if replaced is not None:
        others, other_prob = replaced, rules.masking.random_replace_prob
    actions = (
        ("masked tokens", totals.masked_tokens, masked, totals.masked_squares),
        ("replaced tokens", others, other_prob, totals.other_squares),
    )
    for name, found, asked, squares in actions:
        allowed = tolerance(asked, totals.selected_tokens, squares)
        if abs(found - asked * totals.selected_tokens) > allowed:
            yield _off(name, found, totals.selected_tokens, asked, allowed)


def row_rate_faults(
    name: str, rows: int, found: int, asked: float, missing: int = 0
) -> Iterator[str]:
    """Compare the share of random or swapped pairs, or of divided rows, with the asked one.

    Args:
        name: of such rows.
        rows: all of them.
        found: how many are such.
        asked: share of them.
        missing: most that would be such and could not.
    """
    allowed = tolerance(asked, rows)
    if not -allowed - missing <= found - asked * rows <= allowed:
        yield _off(name, found, rows, asked, allowed)


def _off(name: str, found: int, of: int, asked: float, allowed: float) -> str:
    share = found / max(of, 1)
    return (
        f"{share:.2%} {name} ({found:,} of {of:,}); asked for {asked:.2%}, and chance explains "
        f"{allowed / max(of, 1):.2%} more or less"
    )
