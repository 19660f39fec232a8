"""A whole run, from text to masked shards: its settings, and what it does to one split."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PackingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.choosing import ChosenEncoder
from maskprep.encoders.loading import Tokenizer
from maskprep.tasks.jobs import PreparationJob
from maskprep.tasks.makers import ExamplesConfig, stage_of
from maskprep.tasks.plan import Engine
from maskprep.tasks.records import (
    Identity,
    Record,
    identity_of,
    next_record,
    tokenization_record,
)
from maskprep.tasks.running import Context, Summary, fill_folder
from maskprep.tasks.tokenization import CorpusText


@dataclass(frozen=True)
class Recipe:
    """Settings of a whole run, as a recipe or a configuration file gives them.

    `training` is used where no tokenizer is given, and `packing`, if it is there, instead of
    `pairing`.
    """

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenization: TokenizationConfig = field(default_factory=TokenizationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    pairing: PairingConfig = field(default_factory=PairingConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    shards: ShardConfig = field(default_factory=ShardConfig)
    packing: PackingConfig | None = None

    @property
    def examples(self) -> ExamplesConfig:
        """How documents become examples."""
        return self.pairing if self.packing is None else self.packing

    @property
    def record(self) -> Record:
        """What the rows say of themselves."""
        record = tokenization_record(self.corpus, self.tokenization)
        record = next_record(record, stage_of(self.examples), self.examples, None)
        return next_record(record, "mask", self.masking, None)


@dataclass(frozen=True)
class Preparation:
    """A whole run over one split of a corpus.

    Attributes:
        recipe: its settings.
        text: the corpus, read with `recipe.corpus`.
        context: machine and progress.
        engine: of the run.
    """

    recipe: Recipe
    text: CorpusText
    context: Context
    engine: Engine

    def identity(self, made_with: str | TrainingConfig, **more: bool) -> Identity:
        """Return what decides the result."""
        entries = self.text.found_entries()
        known = identity_of(self.recipe.record, entries, self.recipe.shards, made_with, **more)
        return Identity(known, self.text.entries, self.text.hashes)

    def job(self, tokenizer: Tokenizer, encoder: ChosenEncoder) -> PreparationJob:
        """Return what is to be done."""
        return PreparationJob(
            self.text,
            tokenizer,
            encoder,
            self.recipe.tokenization,
            self.recipe.examples,
            self.recipe.masking,
            self.recipe.shards,
            self.recipe.record,
        )

    def held_out(self, tokenizer: Tokenizer, encoder: ChosenEncoder, output: Path) -> Summary:
        """Do the same to the documents that are held out for validation."""
        corpus = replace(self.recipe.corpus, split="validation")
        text = replace(self.text, config=corpus)
        part = replace(self, recipe=replace(self.recipe, corpus=corpus), text=text)
        job, identity = part.job(tokenizer, encoder), part.identity(tokenizer.fingerprint)
        return fill_folder(output, identity, self.context, self.engine, job.fill)
