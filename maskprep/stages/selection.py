"""Which tokens are predicted: units of a row, chosen by the settings."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskprep.config import MaskingConfig
from maskprep.kernels.counter_rng import probability_threshold
from maskprep.kernels.listed_words import ALWAYS_FIRST, ALWAYS_REST, NEVER
from maskprep.kernels.masking import FIRST, REST, choose_units
from maskprep.kernels.spans import (
    choose_each_unit,
    choose_units_apart,
    cut_selection,
    join_words,
)
from maskprep.stages.unit_lengths import length_thresholds, unit_length_shares


@dataclass(frozen=True)
class TokenRows:
    """Flat arrays of a batch.

    Attributes:
        maskable: bool [tokens], false where a token may not be chosen.
        word_starts: bool [tokens]; all true where single tokens are chosen.
        offsets: int64 [examples + 1], row e is maskable[offsets[e]:offsets[e + 1]].
        example_ids: int64 [examples].
        marks: uint8 [tokens], of listed words, as in `maskprep.kernels.listed_words`; None: there
            are none.
    """

    maskable: NDArray[np.bool_]
    word_starts: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    example_ids: NDArray[np.int64]
    marks: NDArray[np.uint8] | None = None


def select_tokens(
    rows: TokenRows, config: MaskingConfig, epoch: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Choose tokens to predict.

    Returns:
        selected uint8 [tokens], as in `maskprep.kernels.masking`, and counts int64 [7]: rows that
        were forced to one unit, rows without maskable tokens, tokens that could be chosen, rows
        that were cut, tokens that were taken back, tokens that are never and always selected.
    """
    if rows.marks is None:
        selected, counts = _choose(rows, config, epoch)
        _cut(rows, config, epoch, selected, counts)
        return selected, counts
    # Listed words stand for special tokens, and what is always selected comes on top.
    selected, counts = _choose(
        replace(rows, maskable=rows.maskable & (rows.marks == 0)), config, epoch
    )
    selected[rows.marks == ALWAYS_FIRST] = FIRST
    selected[rows.marks == ALWAYS_REST] = REST
    maskable_before = np.append(0, np.cumsum(rows.maskable))[rows.offsets]
    counts[1] = np.count_nonzero(np.diff(maskable_before) == 0)
    counts[5] = np.count_nonzero(rows.marks == NEVER)
    counts[6] = np.count_nonzero(rows.marks > NEVER)
    _cut(rows, config, epoch, selected, counts)
    return selected, counts


def _choose(
    rows: TokenRows, config: MaskingConfig, epoch: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Choose among all maskable tokens."""
    key = np.array([config.seed, epoch], np.uint64)
    selected = np.zeros(rows.maskable.size, np.uint8)
    counts = np.zeros(7, np.int64)
    unit_starts = _unit_starts(rows, config, key)
    arrays = rows.maskable, unit_starts, rows.offsets, rows.example_ids, key
    probability = probability_threshold(config.epoch_mlm_probability(epoch))
    if config.selection == "bernoulli":
        choose_each_unit(*arrays, probability, config.units_apart, selected, counts[:3])
    elif config.units_apart:
        choose_units_apart(*arrays, probability, selected, counts[:3])
    else:
        choose_units(*arrays, probability, _budgets(rows, config, epoch), selected, counts[:3])
    return selected, counts


def _budgets(rows: TokenRows, config: MaskingConfig, epoch: int) -> NDArray[np.int64]:
    """Return how many tokens of each row to choose; empty where its probability says so."""
    if config.selection != "rounded":
        return np.zeros(0, np.int64)
    maskable = np.diff(np.append(0, np.cumsum(rows.maskable))[rows.offsets])
    return rounded_counts(config.epoch_mlm_probability(epoch), np.diff(rows.offsets), maskable)


def rounded_counts(
    probability: float, tokens: NDArray[np.int64], maskable: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many tokens `--selection rounded` selects, before --max-predictions cuts them.

    Args:
        probability: share of a row's tokens.
        tokens: int64 [examples], of each row, special ones included.
        maskable: int64 [examples], how many of them may be chosen.

    Returns:
        int64 [examples]: probability x tokens, rounded to the nearest number (a half to the even
        one), at least 1, at most all that may be chosen.

    Source: google-research/bert, create_pretraining_data.py, create_masked_lm_predictions.
    """
    rounded = np.maximum(np.rint(probability * tokens), 1.0).astype(np.int64)
    counts: NDArray[np.int64] = np.minimum(rounded, maskable)
    return counts


def _cut(
    rows: TokenRows,
    config: MaskingConfig,
    epoch: int,
    selected: NDArray[np.uint8],
    counts: NDArray[np.int64],
) -> None:
    if config.max_predictions is not None:
        key = np.array([config.seed, epoch], np.uint64)
        cut_selection(
            rows.offsets, rows.example_ids, key, config.max_predictions, selected, counts[3:5]
        )


def _unit_starts(
    rows: TokenRows, config: MaskingConfig, key: NDArray[np.uint64]
) -> NDArray[np.bool_]:
    if not config.units_apart:
        return rows.word_starts
    unit_starts = np.zeros(rows.maskable.size, np.bool_)
    join_words(
        rows.maskable,
        rows.word_starts,
        rows.offsets,
        rows.example_ids,
        key,
        length_thresholds(config),
        unit_length_shares(config).size,
        unit_starts,
    )
    return unit_starts
