"""Which stages make a run: the whole tool in one module.

Every function opens its inputs, runs phases of tasks, and fills a data-set folder or writes a
stream; it returns what the command reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.choosing import choose_encoder
from maskprep.encoders.loading import RoleOptions, Tokenizer
from maskprep.errors import ConfigError
from maskprep.schema import DOCUMENTS, EXAMPLES
from maskprep.stages.masking import check_kept_columns
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks.inputs import InputRequest, open_stage_input, spare_inputs
from maskprep.tasks.jobs import MaskingJob, PairingJob, PreparationJob, TokenizationJob
from maskprep.tasks.pairing import require_pairable
from maskprep.tasks.plan import Run
from maskprep.tasks.records import identity_of, next_record, tokenization_record
from maskprep.tasks.running import (
    Context,
    Made,
    Summary,
    Target,
    carry_out,
    fill_folder,
    start_engine,
    stream_run,
)
from maskprep.tasks.tokenization import find_corpus, survey_corpus
from maskprep.tasks.training import TrainingSummary, learn_tokenizer, train_once
from maskprep.tasks.writing import require_maskable


@dataclass(frozen=True)
class Corpus:
    """Raw text: what the user named, how it is read and how it is tokenized."""

    inputs: Sequence[str]
    config: CorpusConfig = field(default_factory=CorpusConfig)
    tokenization: TokenizationConfig = field(default_factory=TokenizationConfig)


@dataclass(frozen=True)
class StageRows:
    """Rows of another stage: what the user named, and a tokenizer if they carry none."""

    inputs: Sequence[str]
    tokenizer: str | None = None
    roles: RoleOptions = field(default_factory=RoleOptions)
    limit: int | None = None


def train_corpus(
    inputs: Sequence[str],
    corpus: CorpusConfig,
    config: TrainingConfig,
    output: Path,
    context: Context,
) -> TrainingSummary:
    """Learn a tokenizer from a corpus and save it in a folder."""
    with start_engine(context) as engine:
        found = find_corpus(inputs, corpus, engine)
        text = survey_corpus(found, engine, context.progress)
        with stream_run(context, engine) as run:
            return learn_tokenizer(text, config, output, context, run)


def tokenize_corpus(
    corpus: Corpus, tokenizer: Tokenizer, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn a corpus into documents."""
    spare_inputs(corpus.inputs, target)
    with start_engine(context) as engine:
        found = find_corpus(corpus.inputs, corpus.config, engine)
        encoder = choose_encoder(tokenizer, context.machine.encoder)
        text = survey_corpus(found, engine, context.progress)
        record = tokenization_record(corpus.config, corpus.tokenization)
        job = TokenizationJob(text, corpus.tokenization, tokenizer, encoder, shards, record)
        blocks = {"block_bytes": corpus.config.block_bytes}
        identity = identity_of(record, text.entries(), shards, tokenizer.fingerprint, **blocks)
        summary = carry_out(job, identity, target, context, engine, resumable=not text.reads_stdin)
        return replace(summary, ignored=text.ignored, encoder=encoder)


def pair_documents(
    rows: StageRows, config: PairingConfig, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn documents into sentence pairs."""
    request = InputRequest(
        rows.inputs, "tokenize", DOCUMENTS, rows.tokenizer, rows.roles, context.stdin
    )
    spare_inputs(rows.inputs, target)
    source = open_stage_input(request)
    budget = require_pairable(source.record, source.tokenizer, config)
    record = next_record(source.record, "pair", config, rows.limit)
    job = PairingJob(source, config, shards, record, rows.limit, budget)
    identity = identity_of(record, source.entries(), shards, source.tokenizer.fingerprint)
    with start_engine(context) as engine:
        resumable = source.stream is None
        return carry_out(job, identity, target, context, engine, resumable=resumable)


def mask_dataset(
    rows: StageRows, config: MaskingConfig, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn examples into masked examples."""
    request = InputRequest(rows.inputs, "pair", EXAMPLES, rows.tokenizer, rows.roles, context.stdin)
    spare_inputs(rows.inputs, target)
    source = open_stage_input(request)
    check_kept_columns(config, EXAMPLES)
    require_maskable(source.tokenizer)
    record = next_record(source.record, "mask", config, rows.limit)
    job = MaskingJob(source, config, shards, record, rows.limit)
    identity = identity_of(record, source.entries(), shards, source.tokenizer.fingerprint)
    with start_engine(context) as engine:
        resumable = source.stream is None
        return carry_out(job, identity, target, context, engine, resumable=resumable)


@dataclass(frozen=True)
class Recipe:
    """Settings of a whole run, as a recipe or a configuration file gives them.

    `training` is used where no tokenizer is given.
    """

    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    tokenization: TokenizationConfig = field(default_factory=TokenizationConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    pairing: PairingConfig = field(default_factory=PairingConfig)
    masking: MaskingConfig = field(default_factory=MaskingConfig)
    shards: ShardConfig = field(default_factory=ShardConfig)


def prepare_corpus(
    inputs: Sequence[str],
    recipe: Recipe,
    tokenizer: Tokenizer | None,
    output: Path,
    context: Context,
) -> Summary:
    """Turn a corpus into masked shards, training a tokenizer first if none is given.

    The shards have the same bytes as those of `tokenize_corpus`, `pair_documents` and
    `mask_dataset` one after the other.

    Raises:
        ConfigError: standard input would have to be read twice.
    """
    check_kept_columns(recipe.masking, EXAMPLES)
    spare_inputs(inputs, output)
    record = tokenization_record(recipe.corpus, recipe.tokenization)
    record = next_record(record, "pair", recipe.pairing, None)
    record = next_record(record, "mask", recipe.masking, None)
    wanted = context.machine.encoder
    with start_engine(context) as engine:
        found = find_corpus(inputs, recipe.corpus, engine)
        encoder = None if tokenizer is None else choose_encoder(tokenizer, wanted)
        if tokenizer is None and found.reads_stdin:
            raise ConfigError(
                "standard input can be read only once, but training a tokenizer and tokenizing "
                "both read the corpus. Name a --tokenizer, or put the corpus into a file."
            )
        text = survey_corpus(found, engine, context.progress)

        def make(run: Run, folder: DatasetFolder) -> Made:
            unfinished = folder.work / "tokenizer"
            used = tokenizer or train_once(text, recipe.training, folder.tokenizer, unfinished, run)
            job = PreparationJob(
                text,
                used,
                encoder or choose_encoder(used, wanted),
                recipe.tokenization,
                recipe.pairing,
                recipe.masking,
                recipe.shards,
                record,
            )
            return job.fill(run, folder)

        made_with = recipe.training if tokenizer is None else tokenizer.fingerprint
        identity = identity_of(record, text.entries(), recipe.shards, made_with)
        resumable = not text.reads_stdin
        summary = fill_folder(output, identity, context, engine, make, resumable=resumable)
        return replace(summary, ignored=text.ignored, encoder=encoder)
