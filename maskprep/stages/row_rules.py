"""What is known of rows before they are read, and what is counted of them when they are checked."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskprep.config import MaskingConfig
from maskprep.length_bins import LengthBins
from maskprep.stages.padding import Padding
from maskprep.stages.selection import rounded_counts


@dataclass(frozen=True)
class RowRules:
    """What is known of the rows from settings and tokenizer.

    Attributes:
        maskable: bool [ids], false for special tokens.
        replacing: bool [ids], whether an id may replace a token; None: not known.
        mask_id: id of the mask token, if there is one.
        unknown_id: id of the unknown token, if there is one.
        max_tokens: most tokens of a row, if that is known.
        masking: settings of masked rows.
        padding: of masked rows, if they are padded.
        bins: of the data set, if it has any.
        bin: that all rows of the shard must be of.
    """

    maskable: NDArray[np.bool_]
    replacing: NDArray[np.bool_] | None = None
    mask_id: int | None = None
    unknown_id: int | None = None
    max_tokens: int | None = None
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    padding: Padding | None = None
    bins: LengthBins | None = None
    bin: int | None = None

    @property
    def tells_counts(self) -> bool:
        """Whether how many tokens of a row are selected is known, and not only expected."""
        listed = self.masking.never_mask or self.masking.always_mask
        return self.masking.selection == "rounded" and self.masking.unit == "token" and not listed

    def expected_counts(
        self, lengths: NDArray[np.int64], maskable: NDArray[np.int64], epoch: int
    ) -> NDArray[Any]:
        """Return how many tokens of each row are selected on average, before any are cut.

        Args:
            lengths: int64 [rows], tokens of each row.
            maskable: int64 [rows], how many of them may be selected.
            epoch: of the rows.
        """
        asked = self.masking.epoch_mlm_probability(epoch)
        if self.masking.selection == "rounded":
            return rounded_counts(asked, lengths, maskable)
        return asked * maskable

    @property
    def random_other_prob(self) -> float:
        """How likely a token becomes another one: a random replacement can be the token itself."""
        asked = self.masking.random_replace_prob
        if self.replacing is None or self.masking.replace_with == "other":
            return asked
        return asked * (1.0 - 1.0 / max(int(self.replacing.sum()), 1))


@dataclass
class RowTotals:
    """Counts of the rows so far; sums over shards are sums of these.

    `same_tokens` are selected tokens that stand in the row as they were: kept, or replaced by
    themselves. `expected_tokens` are selected on average: the maskable tokens of each epoch times
    its probability, or what `--selection rounded` makes of it.
    `*_squares` are sums over the rows of (found - expected)^2: what the rows
    themselves say about how far a sum may lie from its expectation.
    """

    rows: int = 0
    tokens: int = 0
    padding_tokens: int = 0
    documents: int = 0
    sentences: int = 0
    unknown_tokens: int = 0
    random_pairs: int = 0
    swapped_pairs: int = 0
    sequences: int = 0
    two_segment_rows: int = 0
    maskable_tokens: int = 0
    masked_tokens: int = 0
    other_tokens: int = 0
    same_tokens: int = 0
    rows_without_maskable_tokens: int = 0
    rows_without_selection: int = 0
    expected_tokens: float = 0.0
    selected_squares: float = 0.0
    masked_squares: float = 0.0
    other_squares: float = 0.0

    @property
    def selected_tokens(self) -> int:
        """Tokens that are to be predicted."""
        return self.masked_tokens + self.other_tokens + self.same_tokens
