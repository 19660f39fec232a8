"""Ways to make examples of documents, pairs or packed sequences, behind one face."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from maskprep.config import PackingConfig, PairingConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.schema import ExampleKind, examples_schema
from maskprep.stages.packing import max_packed_tokens
from maskprep.storage.runs import Order
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.spool import Spool
from maskprep.tasks.packing import UNCUT, PackingPhase, sequence_layout
from maskprep.tasks.pairing import PairingPhase, pair_layout, require_pairable
from maskprep.tasks.plan import Run
from maskprep.tasks.records import Record, setting_of
from maskprep.tasks.results import packing_results, pairing_results

ExamplesConfig = PairingConfig | PackingConfig


class ExamplesPhase(Protocol):
    """Tasks that make examples of spooled documents."""

    def run(self, run: Run, counts: dict[str, int]) -> Iterator[list[RowRun]]:
        """Yield the runs in order; add what was counted."""


def stage_of(config: ExamplesConfig) -> str:
    """Return the name of the stage that has such settings."""
    return "pair" if isinstance(config, PairingConfig) else "pack"


def kind_made(config: ExamplesConfig) -> ExampleKind:
    """Return the kind of examples that such settings give."""
    if isinstance(config, PairingConfig):
        return config.objective
    return "segments" if config.two_segments_prob else "packed"


@dataclass(frozen=True)
class ExampleMaker:
    """How documents become examples.

    Attributes:
        config: of pairs or of packed sequences.
        tokenizer: that made the documents.
        max_sentence: longest sentence in a spool, in tokens.
        has_sentences: the documents are cut into sentences.
    """

    config: ExamplesConfig
    tokenizer: Tokenizer
    max_sentence: int
    has_sentences: bool

    @property
    def stage(self) -> str:
        """Name of the stage: pair or pack."""
        return stage_of(self.config)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the examples."""
        return examples_schema(kind_made(self.config))

    def phase(
        self, spools: Sequence[Spool], order: Order, columns: tuple[str, ...]
    ) -> ExamplesPhase:
        """Return the tasks, for documents that are spooled.

        Args:
            spools: all documents.
            order: of the runs.
            columns: of the examples that somebody reads.
        """
        config = self.config
        if isinstance(config, PairingConfig):
            return PairingPhase(spools, config, pair_layout(self.tokenizer), order, columns)
        layout = sequence_layout(self.tokenizer, config)
        return PackingPhase(spools, config, layout, self.has_sentences, order, columns)

    def rows(self, counts: Record) -> int:
        """Return how many examples were made."""
        return int(counts["pairs" if self.stage == "pair" else "rows"])

    def results(self, counts: Record) -> Record:
        """Turn counts into totals, rates and drops."""
        if isinstance(self.config, PairingConfig):
            return pairing_results(counts, self.config)
        return packing_results(counts, self.config)


def example_maker(record: Record, tokenizer: Tokenizer, config: ExamplesConfig) -> ExampleMaker:
    """Check that such examples can be made of documents, and say how.

    Args:
        record: of the documents, or of what is made of them.
        tokenizer: that made them.
        config: of pairs or of packed sequences.

    Raises:
        ConfigError: the documents were made without sentences and pairs are wanted,
            --max-seq-length is too small, or the tokenizer does not tell two segments apart.
        TokenizerError: the tokenizer has no special tokens to put around segments.
    """
    has_sentences = setting_of(record, "tokenize", "sentences") != "none"
    if isinstance(config, PairingConfig):
        budget = require_pairable(record, tokenizer, config)
        return ExampleMaker(config, tokenizer, budget, has_sentences)
    max_packed_tokens(sequence_layout(tokenizer, config), config)
    return ExampleMaker(config, tokenizer, UNCUT, has_sentences)
