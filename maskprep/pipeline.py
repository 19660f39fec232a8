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
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
    check_padding,
    require_count,
)
from maskprep.encoders.choosing import choose_encoder
from maskprep.encoders.loading import RoleOptions, Tokenizer
from maskprep.stages.masking import check_kept_columns
from maskprep.stages.sentences import require_language
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks.fitting import require_fitting
from maskprep.tasks.inputs import (
    EXAMPLE_STAGES,
    InputRequest,
    open_stage_input,
    spare_inputs,
)
from maskprep.tasks.jobs import ExamplesJob, MaskingJob, TokenizationJob
from maskprep.tasks.makers import ExamplesConfig, example_maker
from maskprep.tasks.plan import Run
from maskprep.tasks.preparation import Preparation, Recipe
from maskprep.tasks.records import Identity, identity_of, next_record, tokenization_record
from maskprep.tasks.repair import repair_folder
from maskprep.tasks.rerun import RepairRequest
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
from maskprep.tasks.tokenization import find_corpus, require_readable_again
from maskprep.tasks.training import TrainingSummary, learn_tokenizer, train_once
from maskprep.tasks.validation import with_summary, with_validation
from maskprep.tasks.verification import (
    Verification,
    existing_folder,
    verify_folder,
    verify_validation,
)
from maskprep.tasks.word_lists import listed_words, with_words_of_files
from maskprep.tasks.writing import require_maskable, required_padding


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

    def __post_init__(self) -> None:
        """Check how many rows are to be read.

        Raises:
            ConfigError: no such number can be.
        """
        require_count("limit", self.limit)


def train_corpus(
    inputs: Sequence[str],
    corpus: CorpusConfig,
    config: TrainingConfig,
    output: Path,
    context: Context,
) -> TrainingSummary:
    """Learn a tokenizer from a corpus and save it in a folder."""
    with start_engine(context) as engine:
        text = find_corpus(inputs, corpus, engine, context.progress)
        with stream_run(context, engine) as run:
            return learn_tokenizer(text, config, output, context, run)


def tokenize_corpus(
    corpus: Corpus, tokenizer: Tokenizer, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn a corpus into documents."""
    require_language(corpus.tokenization.language)
    spare_inputs(corpus.inputs, target)
    with start_engine(context) as engine:
        text = find_corpus(corpus.inputs, corpus.config, engine, context.progress)
        encoder = choose_encoder(tokenizer, context.machine.encoder)
        record = tokenization_record(corpus.config, corpus.tokenization)
        job = TokenizationJob(text, corpus.tokenization, tokenizer, encoder, shards, record)
        blocks = {"block_bytes": corpus.config.block_bytes}
        known = identity_of(record, text.found_entries(), shards, tokenizer.fingerprint, **blocks)
        identity = Identity(known, text.entries, text.hashes)
        summary = carry_out(job, identity, target, context, engine, resumable=not text.reads_stdin)
        return replace(summary, ignored=text.ignored, encoder=encoder)


def make_examples(
    rows: StageRows, config: ExamplesConfig, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn documents into sentence pairs or packed sequences, as the settings are of the one."""
    request = InputRequest(rows.inputs, ("tokenize",), rows.tokenizer, rows.roles, context.stdin)
    spare_inputs(rows.inputs, target)
    source = open_stage_input(request)
    maker = example_maker(source.record, source.tokenizer, config)
    record = next_record(source.record, maker.stage, config, rows.limit)
    job = ExamplesJob(source, maker, shards, record, rows.limit)
    fingerprint = source.tokenizer.fingerprint
    identity = Identity(identity_of(record, source.entries(), shards, fingerprint))
    with start_engine(context) as engine:
        resumable = source.stream is None
        return carry_out(job, identity, target, context, engine, resumable=resumable)


def mask_dataset(
    rows: StageRows, config: MaskingConfig, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn examples into masked examples."""
    spare_inputs(rows.inputs, target)
    config = with_words_of_files(config)
    job, identity = _masking(rows, config, shards, context)
    with start_engine(context) as engine:
        resumable = job.source.stream is None
        return carry_out(job, identity, target, context, engine, resumable=resumable)


def mask_both(
    rows: StageRows,
    held_out: StageRows,
    config: MaskingConfig,
    shards: ShardConfig,
    output: Path,
    context: Context,
) -> Summary:
    """Turn examples, and those held out for validation, into what a whole run makes of them."""
    spare_inputs([*rows.inputs, *held_out.inputs], output)
    config = with_words_of_files(config)
    job, identity = _masking(rows, config, shards, context, made_with_validation=True)
    with start_engine(context) as engine:

        def fill_validation(folder: Path) -> Summary:
            of_part = _masking(held_out, config, shards, context)
            return carry_out(*of_part, folder, context, engine, resumable=True)

        def make(run: Run, folder: DatasetFolder) -> Made:
            return with_validation(folder, job.fill(run, folder), fill_validation)

        return with_summary(fill_folder(output, identity, context, engine, make))


def _masking(
    rows: StageRows, config: MaskingConfig, shards: ShardConfig, context: Context, **more: bool
) -> tuple[MaskingJob, Identity]:
    """Open examples; return what is to be done, and what decides it (with `more` settings)."""
    check_padding(config, shards)
    request = InputRequest(rows.inputs, EXAMPLE_STAGES, rows.tokenizer, rows.roles, context.stdin)
    source = open_stage_input(request)
    check_kept_columns(config, source.schema)
    require_maskable(source.tokenizer)
    listed_words(config, source.tokenizer)
    required_padding(source.record, source.tokenizer, config)
    record = next_record(source.record, "mask", config, rows.limit)
    job = MaskingJob(source, config, shards, record, rows.limit)
    fingerprint = source.tokenizer.fingerprint
    return job, Identity(identity_of(record, source.entries(), shards, fingerprint, **more))


def prepare_corpus(
    inputs: Sequence[str],
    recipe: Recipe,
    tokenizer: Tokenizer | None,
    output: Path,
    context: Context,
) -> Summary:
    """Turn a corpus into masked shards, training a tokenizer first if none is given.

    The shards have the same bytes as those of `tokenize_corpus`, `make_examples` and
    `mask_dataset` one after the other. Documents that are held out for validation become a data
    set of their own below the folder, unless one split alone is asked for.

    Raises:
        ConfigError: standard input would have to be read twice.
    """
    recipe = replace(recipe, masking=with_words_of_files(recipe.masking))
    spare_inputs(inputs, output)
    require_fitting(recipe, tokenizer)
    with start_engine(context) as engine:
        text = find_corpus(inputs, recipe.corpus, engine, context.progress)
        require_readable_again(text, trains=tokenizer is None)
        encoder = None if tokenizer is None else choose_encoder(tokenizer, context.machine.encoder)
        if tokenizer is None and not context.dry_run:
            # Training takes long: what the run is made of must be written down before it.
            text.hashes.result()
        part = Preparation(recipe, text, context, engine)
        made_with = recipe.training if tokenizer is None else tokenizer.fingerprint
        both = {"made_with_validation": True} if recipe.corpus.makes_both else {}

        def make(run: Run, folder: DatasetFolder) -> Made:
            unfinished = folder.work / "tokenizer"
            used = tokenizer
            if used is None:
                used = train_once(text, recipe.training, folder.tokenizer, unfinished, run)
                require_fitting(recipe, used)
            chosen = encoder or choose_encoder(used, context.machine.encoder)
            made = part.job(used, chosen).fill(run, folder)
            if not both:
                return made
            return with_validation(folder, made, lambda path: part.held_out(used, chosen, path))

        identity = part.identity(made_with, **both)
        resumable = not text.reads_stdin
        summary = fill_folder(output, identity, context, engine, make, resumable=resumable)
        return with_summary(replace(summary, ignored=text.ignored, encoder=encoder))


def verify_dataset(path: Path, context: Context) -> Verification:
    """Compare a data-set folder with its manifest."""
    folder = existing_folder(path, context.machine.temp_dir)
    with start_engine(context) as engine:

        def verify(one: DatasetFolder) -> Verification:
            return verify_folder(one, Run(engine, context.progress, one.scratch))

        return verify_validation(verify(folder), folder, verify)


def repair_dataset(path: Path, request: RepairRequest, context: Context) -> Verification:
    """Make anew what is broken in a data-set folder, byte for byte."""
    folder = existing_folder(path, context.machine.temp_dir)
    folder.finished_manifest("prepare")
    with start_engine(context) as engine:

        def repair(one: DatasetFolder) -> Verification:
            wanted = request
            if one is not folder and request.tokenizer is None:
                wanted = replace(request, tokenizer=str(folder.tokenizer))
            with one.repairing():
                run = Run(engine, context.progress, one.scratch)
                return repair_folder(one, wanted, context, run)

        return verify_validation(repair(folder), folder, repair)
