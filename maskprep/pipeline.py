"""Which stages make a run: the whole tool in one module.

Every function opens its inputs, runs phases of tasks, and fills a data-set folder or writes a
stream; it returns what the command reports.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.loading import RoleOptions, Tokenizer, write_tokenizer_copy
from maskprep.schema import DOCUMENTS, EXAMPLES, documents_schema, masked_schema, with_metadata
from maskprep.stages.masking import MaskingCounts, check_kept_columns
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.runs import Shuffle
from maskprep.storage.spool import Spool
from maskprep.tasks.destinations import DocumentShards, FlatFiles, RunFiles
from maskprep.tasks.examples import (
    EpochWriter,
    Examples,
    examples_of,
    examples_of_stream,
    source_batches,
)
from maskprep.tasks.inputs import InputRequest, open_stage_input
from maskprep.tasks.pairing import PairingPhase, require_pairable, spool_input
from maskprep.tasks.plan import Run
from maskprep.tasks.records import (
    Record,
    history_entry,
    identity_of,
    masking_results,
    next_record,
    pairing_results,
    shard_record,
    tokenization_record,
    tokenization_results,
    tokenizer_record,
)
from maskprep.tasks.running import (
    Context,
    Made,
    Summary,
    Target,
    emit_runs,
    fill_folder,
    start_engine,
    stream_run,
    stream_writer,
)
from maskprep.tasks.tokenization import CorpusText, TokenizationPhase, survey_corpus
from maskprep.tasks.training import TrainingSummary, learn_tokenizer, train_once
from maskprep.tasks.writing import mask_batches, maskings, require_maskable


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
        text = survey_corpus(inputs, corpus, engine, context.progress)
        with stream_run(context, engine) as run:
            return learn_tokenizer(text, config, output, context, run)


def tokenize_corpus(
    corpus: Corpus, tokenizer: Tokenizer, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn a corpus into documents."""
    with start_engine(context) as engine:
        text = survey_corpus(corpus.inputs, corpus.config, engine, context.progress)
        record = tokenization_record(corpus.config, corpus.tokenization)
        schema = with_metadata(
            documents_schema(corpus.config.id_column), shard_record(record, tokenizer)
        )

        def make(run: Run, folder: DatasetFolder) -> Made:
            def part(number: int) -> DocumentShards:
                return DocumentShards(
                    str(folder.staged),
                    f"{number:06d}",
                    schema,
                    shards.compression,
                    shards.shard_rows,
                )

            totals: Record = {}
            phase = TokenizationPhase(text, corpus.tokenization, tokenizer, folder.tokenizer, part)
            written = [shard for receipt in phase.run(run, totals) for shard in receipt["shards"]]
            return written, {
                **tokenization_results(totals),
                "sources": text.entries(),
                "tokenizer": tokenizer_record(tokenizer),
            }

        if isinstance(target, Path):
            identity = identity_of(
                record,
                text.entries(),
                shards,
                tokenizer.fingerprint,
                block_bytes=corpus.config.block_bytes,
            )
            summary = fill_folder(
                target, identity, context, engine, make, resumable=not text.reads_stdin
            )
            return replace(summary, ignored=text.ignored)
        with stream_run(context, engine) as run:
            writer = stream_writer(target, schema, tokenizer)
            totals: Record = {}
            phase = TokenizationPhase(
                text,
                corpus.tokenization,
                tokenizer,
                run.scratch / "tokenizer",
                lambda number: RunFiles(str(run.scratch / "documents"), f"{number:06d}", None, 0),
            )
            for receipt in phase.run(run, totals):
                emit_runs(writer, [RowRun(**fields) for fields in receipt["runs"]])
            results = {**tokenization_results(totals), "sources": text.entries()}
            writer.finish({"history": [history_entry("tokenize", results)]})
        return Summary({**record, **results}, None, ignored=text.ignored)


def pair_documents(
    rows: StageRows, config: PairingConfig, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn documents into sentence pairs."""
    source = open_stage_input(
        InputRequest(rows.inputs, "tokenize", DOCUMENTS, rows.tokenizer, rows.roles, context.stdin)
    )
    budget = require_pairable(source.record, source.tokenizer, config)
    record = next_record(source.record, "pair", config, rows.limit)
    schema = with_metadata(EXAMPLES, shard_record(record, source.tokenizer))
    shuffle = Shuffle(config.seed, 0) if shards.shuffle and isinstance(target, Path) else None

    def pairs(run: Run, folder: Path, counts: Record) -> Iterator[list[RowRun]]:
        write_tokenizer_copy(source.tokenizer, folder)
        spools = spool_input(run, source, rows.limit, budget)
        return PairingPhase(spools, config, folder, shuffle).run(run, counts)

    def make(run: Run, folder: DatasetFolder) -> Made:
        counts: Record = {}
        runs = tuple(one for several in pairs(run, folder.tokenizer, counts) for one in several)
        examples = Examples(counts["pairs"], config.max_seq_length, runs=runs, shuffle=shuffle)
        writer = EpochWriter(folder.staged, schema, shards, config.seed)
        written, _ = writer.write_all(run, examples, [None])
        return written, {**pairing_results(counts), **source.provenance()}

    with start_engine(context) as engine:
        if isinstance(target, Path):
            identity = identity_of(record, source.entries(), shards, source.tokenizer.fingerprint)
            resumable = source.stream is None
            return fill_folder(target, identity, context, engine, make, resumable=resumable)
        with stream_run(context, engine) as run:
            writer = stream_writer(target, schema, source.tokenizer)
            counts: Record = {}
            for runs in pairs(run, run.scratch / "tokenizer", counts):
                emit_runs(writer, runs)
            results = {**pairing_results(counts), **source.provenance()}
            writer.finish({"history": [*results["history"], history_entry("pair", results)]})
    return Summary({**record, **results}, None)


def mask_dataset(
    rows: StageRows, config: MaskingConfig, shards: ShardConfig, target: Target, context: Context
) -> Summary:
    """Turn examples into masked examples."""
    source = open_stage_input(
        InputRequest(rows.inputs, "pair", EXAMPLES, rows.tokenizer, rows.roles, context.stdin)
    )
    check_kept_columns(config, EXAMPLES)
    require_maskable(source.tokenizer)
    record = next_record(source.record, "mask", config, rows.limit)
    schema = with_metadata(
        masked_schema(config.columns, config.keep), shard_record(record, source.tokenizer)
    )

    def make(run: Run, folder: DatasetFolder) -> Made:
        write_tokenizer_copy(source.tokenizer, folder.tokenizer)
        shuffle = Shuffle(config.seed, 0) if shards.shuffle else None
        examples = (
            examples_of(source, rows.limit)
            if source.stream is None
            else examples_of_stream(run, source, rows.limit, shuffle)
        )
        writer = EpochWriter(folder.staged, schema, shards, config.seed)
        epochs = maskings(folder.tokenizer, source.tokenizer, config)
        written, counts = writer.write_all(run, examples, epochs)
        return written, {**masking_results(counts), **source.provenance()}

    with start_engine(context) as engine:
        if isinstance(target, Path):
            identity = identity_of(record, source.entries(), shards, source.tokenizer.fingerprint)
            resumable = source.stream is None
            return fill_folder(target, identity, context, engine, make, resumable=resumable)
        with stream_run(context, engine) as run:
            folder = run.scratch / "tokenizer"
            write_tokenizer_copy(source.tokenizer, folder)
            writer = stream_writer(target, schema, source.tokenizer)
            counts = MaskingCounts()
            epochs = maskings(folder, source.tokenizer, config)
            for masking, batches in source_batches(run, source, rows.limit, epochs):
                for batch in mask_batches(batches, masking, counts):
                    writer.write(batch)
            results = {**masking_results(asdict(counts)), **source.provenance()}
            writer.finish({"history": [*results["history"], history_entry("mask", results)]})
    return Summary({**record, **results}, None)


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
    """
    with start_engine(context) as engine:
        text = survey_corpus(inputs, recipe.corpus, engine, context.progress)

        def make(run: Run, folder: DatasetFolder) -> Made:
            used = tokenizer or train_once(text, recipe.training, folder.tokenizer, run)
            return _prepare(run, folder, text, recipe, used)

        identity = identity_of(
            _masked_record(recipe),
            text.entries(),
            recipe.shards,
            recipe.training if tokenizer is None else tokenizer.fingerprint,
        )
        summary = fill_folder(
            output, identity, context, engine, make, resumable=not text.reads_stdin
        )
        return replace(summary, ignored=text.ignored)


def _masked_record(recipe: Recipe) -> Record:
    tokenized = tokenization_record(recipe.corpus, recipe.tokenization)
    paired = next_record(tokenized, "pair", recipe.pairing, None)
    return next_record(paired, "mask", recipe.masking, None)


def _prepare(
    run: Run, folder: DatasetFolder, text: CorpusText, recipe: Recipe, tokenizer: Tokenizer
) -> Made:
    require_maskable(tokenizer)
    record = _masked_record(recipe)
    budget = require_pairable(record, tokenizer, recipe.pairing)
    schema = with_metadata(
        masked_schema(recipe.masking.columns, recipe.masking.keep), shard_record(record, tokenizer)
    )
    totals: Record = {}
    phase = TokenizationPhase(
        text,
        recipe.tokenization,
        tokenizer,
        folder.tokenizer,
        lambda number: FlatFiles(str(run.scratch / f"spool-{number:05d}"), budget),
    )
    spools = [Spool(**receipt["spool"]) for receipt in phase.run(run, totals)]
    first = {**tokenization_results(totals), "sources": text.entries()}
    counts: Record = {}
    shuffle = Shuffle(recipe.masking.seed, 0) if recipe.shards.shuffle else None
    pairing = PairingPhase(spools, recipe.pairing, folder.tokenizer, shuffle)
    runs = tuple(one for several in pairing.run(run, counts) for one in several)
    second = pairing_results(counts)
    examples = Examples(counts["pairs"], recipe.pairing.max_seq_length, runs=runs, shuffle=shuffle)
    writer = EpochWriter(folder.staged, schema, recipe.shards, recipe.masking.seed)
    epochs = maskings(folder.tokenizer, tokenizer, recipe.masking)
    written, masked = writer.write_all(run, examples, epochs)
    results = {
        **masking_results(masked),
        "sources": text.entries(),
        "history": [history_entry("tokenize", first), history_entry("pair", second)],
        "tokenizer": tokenizer_record(tokenizer),
    }
    return written, results
