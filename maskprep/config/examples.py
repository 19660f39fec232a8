"""Settings of what makes examples of documents: pairs or packed sequences."""

from dataclasses import dataclass
from typing import Literal

from maskprep.config.checks import (
    MOST_ROUNDS,
    require,
    require_choice,
    require_count,
    require_length,
    require_probability,
    require_seed,
)

Objective = Literal["nsp", "sop"]
Boundaries = Literal["cross", "document", "best-fit"]
SWAPPED_SHARE = 0.5
"""Of the pairs for sentence-order prediction (Lan et al. 2020, ALBERT, section 3.1)."""


@dataclass(frozen=True)
class PairingConfig:
    """How sentence pairs are made (Devlin et al. 2019, section 3.1 and appendix A.2)."""

    max_seq_length: int = 512
    short_seq_prob: float = 0.1
    random_next_prob: float = 0.5
    """Of next-sentence prediction; sentence order has no random segments."""
    seed: int = 0
    objective: Objective = "nsp"
    """sop: sentence-order prediction (Lan et al. 2020, ALBERT, section 3.1)."""
    duplicates: int = 1

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_length(self.max_seq_length)
        require_probability("short_seq_prob", self.short_seq_prob)
        require_probability("random_next_prob", self.random_next_prob)
        require_seed(self.seed)
        require_choice("objective", self.objective, Objective)
        require_count("duplicates", self.duplicates, most=MOST_ROUNDS)


@dataclass(frozen=True)
class PackingConfig:
    """How documents fill sequences without pairs (Liu et al. 2019, RoBERTa, section 4.2)."""

    max_seq_length: int = 512
    short_seq_prob: float = 0.0
    boundaries: Boundaries = "cross"
    seed: int = 0
    two_segments_prob: float = 0.0
    """Share of rows that are divided in two segments (ELECTRA); rows of one document only."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_length(self.max_seq_length)
        require_probability("short_seq_prob", self.short_seq_prob)
        require_choice("boundaries", self.boundaries, Boundaries)
        require(
            self.boundaries != "best-fit" or self.short_seq_prob == 0.0,
            "short_seq_prob",
            self.short_seq_prob,
            "0 with --boundaries best-fit, which fills every row as far as it can",
        )
        require_probability("two_segments_prob", self.two_segments_prob)
        require(
            self.boundaries == "document" or self.two_segments_prob == 0.0,
            "two_segments_prob",
            self.two_segments_prob,
            f"0 with --boundaries {self.boundaries}; only rows of one document (--boundaries "
            f"document) are divided in two segments",
        )
        require_seed(self.seed)
