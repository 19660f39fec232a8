"""Which tokens are predicted: units of a row, chosen by the settings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskprep.config import MaskingConfig
from maskprep.kernels.counter_rng import probability_threshold
from maskprep.kernels.masking import choose_units
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
    """

    maskable: NDArray[np.bool_]
    word_starts: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    example_ids: NDArray[np.int64]


def select_tokens(
    rows: TokenRows, config: MaskingConfig, epoch: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Choose tokens to predict.

    Returns:
        selected uint8 [tokens], as in `maskprep.kernels.masking`, and counts int64 [5]: rows that
        were forced to one unit, rows with nothing to choose, tokens that could be chosen, rows that
        were cut, tokens that were taken back.
    """
    key = np.array([config.seed, epoch], np.uint64)
    selected = np.zeros(rows.maskable.size, np.uint8)
    counts = np.zeros(5, np.int64)
    unit_starts = _unit_starts(rows, config, key)
    arrays = rows.maskable, unit_starts, rows.offsets, rows.example_ids, key
    probability = probability_threshold(config.epoch_mlm_probability(epoch))
    if config.selection == "bernoulli":
        choose_each_unit(*arrays, probability, config.units_apart, selected, counts[:3])
    elif config.units_apart:
        choose_units_apart(*arrays, probability, selected, counts[:3])
    else:
        choose_units(*arrays, probability, selected, counts[:3])
    if config.max_predictions is not None:
        cut_selection(
            rows.offsets, rows.example_ids, key, config.max_predictions, selected, counts[3:]
        )
    return selected, counts


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
