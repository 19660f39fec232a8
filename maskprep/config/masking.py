"""Settings of masking."""

import math
from dataclasses import dataclass
from typing import Literal

from maskprep.config.checks import (
    LONGEST_ROW,
    MOST_ROUNDS,
    drop_repeats,
    require,
    require_choice,
    require_count,
    require_probability,
    require_seed,
)
from maskprep.errors import ConfigError

Unit = Literal["token", "word", "ngram", "span"]
Selection = Literal["exact", "bernoulli", "rounded"]
CorruptPer = Literal["unit", "token"]
ReplaceFrom = Literal["uniform", "unigram"]
ReplaceWith = Literal["any", "other"]
Columns = Literal["loss-mask", "labels", "positions", "keras"]
LONGEST_NGRAM = 100
MOST_APART = 0.5
"""Most of what can be chosen if no two chosen units touch: every second one."""


@dataclass(frozen=True)
class MaskingConfig:
    """Which tokens are predicted, and what the model sees in their place."""

    mlm_probability: float | tuple[float, float] = 0.15
    """Share of tokens to predict, or that of the first and of the last epoch, linear between."""
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    unit: Unit = "token"
    max_ngram: int = 3
    """Most words of a unit of `ngram`."""
    corrupt_per: CorruptPer = "unit"
    """What is masked, replaced or kept by one draw."""
    replace_from: ReplaceFrom = "uniform"
    """Random tokens: all alike, or as frequent as in the examples that are masked."""
    replace_with: ReplaceWith = "any"
    """Random tokens: any, or never the one that is replaced."""
    selection: Selection = "exact"
    """Choose units to a budget for each row, or each by itself."""
    max_predictions: int | None = None
    """Most selected tokens of a row."""
    never_mask: tuple[str, ...] = ()
    """Words that are never selected; @FILE: the words of a file, one a line."""
    always_mask: tuple[str, ...] = ()
    """Words that are selected in every row and epoch, beyond the rate."""
    epochs: int = 1
    columns: Columns = "loss-mask"
    keep: tuple[str, ...] = ()
    """Columns of the examples to carry along, e.g. word_starts."""
    pad_to_max: bool = False
    """Pad rows to the examples' max_seq_length, and lists of predictions to max_predictions."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        self._check_rate()
        require_probability("mask_replace_prob", self.mask_replace_prob)
        require_probability("random_replace_prob", self.random_replace_prob)
        require(
            self.mask_replace_prob + self.random_replace_prob <= 1.0 + 1e-9,
            "random_replace_prob",
            self.random_replace_prob,
            f"at most {1.0 - self.mask_replace_prob:.3g}, what --mask-replace-prob "
            f"{self.mask_replace_prob:g} leaves",
        )
        require_choice("unit", self.unit, Unit)
        require(
            1 <= self.max_ngram <= LONGEST_NGRAM,
            "max_ngram",
            self.max_ngram,
            f"1 to {LONGEST_NGRAM} words",
        )
        require_choice("corrupt_per", self.corrupt_per, CorruptPer)
        require_choice("replace_from", self.replace_from, ReplaceFrom)
        require_choice("replace_with", self.replace_with, ReplaceWith)
        require_choice("selection", self.selection, Selection)
        require(
            not (self.selection == "rounded" and self.units_apart),
            "selection",
            self.selection,
            f"exact or bernoulli with --unit {self.unit}: a row has not always as many units that "
            f"do not touch as rounded asks for",
        )
        require_count("max_predictions", self.max_predictions, most=LONGEST_ROW)
        drop_repeats(self, "never_mask", "always_mask", "keep")
        for name, words in (("never_mask", self.never_mask), ("always_mask", self.always_mask)):
            for word in words:
                require(bool(word.strip()), name, word, "a word with visible characters")
        require_count("epochs", self.epochs, most=MOST_ROUNDS)
        require_choice("columns", self.columns, Columns)
        self._check_padding()
        require_seed(self.seed)

    def _check_padding(self) -> None:
        if self.pads_predictions and self.max_predictions is None:
            rate = max(self.mlm_probability_ends)
            raise ConfigError(
                f"--pad-to-max pads the lists of --columns {self.columns} to --max-predictions, "
                f"which is not set; expected the most predictions of a row. Usual are "
                f"--mlm-probability x --max-seq-length, rounded up, or a little more: "
                f"{math.ceil(128 * rate)} for rows of 128 tokens, {math.ceil(512 * rate)} for 512."
            )

    def _check_rate(self) -> None:
        ends = self.mlm_probability
        if isinstance(ends, tuple):
            require(len(ends) == 2, "mlm_probability", ends, "one share, or two: 0.30:0.15")  # noqa: PLR2004
        for rate in self.mlm_probability_ends:
            require_probability("mlm_probability", rate)
            require(rate > 0.0, "mlm_probability", rate, "more than 0")
            require(
                not self.units_apart or rate <= MOST_APART,
                "mlm_probability",
                rate,
                f"at most {MOST_APART} with --unit {self.unit}, whose units do not touch",
            )
        first, last = self.mlm_probability_ends
        require(
            first == last or self.epochs > 1,
            "epochs",
            self.epochs,
            f"2 or more, for --mlm-probability {first:g}:{last:g} goes from the first to the last",
        )

    @property
    def mlm_probability_ends(self) -> tuple[float, float]:
        """Share of tokens to predict in the first and in the last epoch."""
        if isinstance(self.mlm_probability, tuple):
            return self.mlm_probability
        return self.mlm_probability, self.mlm_probability

    def epoch_mlm_probability(self, epoch: int) -> float:
        """Return the share of tokens to predict in an epoch."""
        first, last = self.mlm_probability_ends
        if first == last:
            return first
        return first + (last - first) * min(epoch / (self.epochs - 1), 1.0)

    @property
    def pads_predictions(self) -> bool:
        """Whether rows have lists of predictions that are padded."""
        return self.pad_to_max and self.columns in ("positions", "keras")

    @property
    def reads_words(self) -> bool:
        """Whether masking has to know where words begin."""
        return self.unit != "token" or bool(self.never_mask or self.always_mask)

    @property
    def units_apart(self) -> bool:
        """Whether no two chosen units touch: units of several words, which would run together."""
        return self.unit in ("ngram", "span")
