"""What each command does to its rows: into a folder's shards, or into a stream.

Every job has a `record` of the settings that decide its rows, `fill` for a folder and, but for the
whole run, `stream` for a pipe. Both return the results that a manifest or a receipt holds. `only`
names the numbers of the shards to write, where others are there already; None: all.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from maskprep.config import MaskingConfig, ShardConfig, TokenizationConfig
from maskprep.encoders.choosing import ChosenEncoder
from maskprep.encoders.loading import Tokenizer
from maskprep.encoders.saving import write_tokenizer_copy
from maskprep.schema import documents_schema, kind_of_examples, masked_schema, with_metadata
from maskprep.stages.masking import MaskingCounts, MaskingVocabulary, columns_read
from maskprep.storage.atomic import machine_errors
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.manifest import shard_name
from maskprep.storage.runs import INPUT_ORDER, Order
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.spool import Spool
from maskprep.tasks.destinations import DocumentShards, FlatFiles, RunFiles
from maskprep.tasks.examples import (
    EpochWriter,
    Examples,
    examples_of,
    first_order,
    open_examples,
    source_batches,
)
from maskprep.tasks.inputs import StageInput
from maskprep.tasks.makers import ExampleMaker, ExamplesConfig, example_maker, kind_made
from maskprep.tasks.pairing import spool_input
from maskprep.tasks.plan import Run
from maskprep.tasks.records import Record, history_entry, shard_record, tokenizer_record
from maskprep.tasks.results import masking_results, rejects_record, tokenization_results
from maskprep.tasks.running import Made, emit_runs, stream_writer
from maskprep.tasks.token_counts import counted_vocabulary, require_countable
from maskprep.tasks.tokenization import CorpusText, TokenizationPhase
from maskprep.tasks.writing import (
    Masking,
    mask_batches,
    maskings,
    required_padding,
)


@dataclass(frozen=True)
class TokenizationJob:
    """A corpus to documents."""

    text: CorpusText
    config: TokenizationConfig
    tokenizer: Tokenizer
    encoder: ChosenEncoder
    shards: ShardConfig
    record: Record
    only: frozenset[int] | None = None

    def _schema(self) -> pa.Schema:
        columns = documents_schema(self.text.config.id_column)
        return with_metadata(columns, shard_record(self.record, self.tokenizer))

    def _results(self, totals: Record, encoder: ChosenEncoder) -> Record:
        return {
            **tokenization_results(totals, encoder, is_split=self.text.config.validation > 0),
            "sources": self.text.entries(),
            "tokenizer": tokenizer_record(self.tokenizer),
        }

    def fill(self, run: Run, folder: DatasetFolder) -> Made:
        """Write the documents of each task as shards of their own."""
        schema = self._schema()

        def part(number: int) -> DocumentShards:
            stem, rows = f"{number:06d}", self.shards.shard_rows
            return DocumentShards(str(folder.staged), stem, schema, self.shards.compression, rows)

        totals: Record = {}
        phase = TokenizationPhase(
            self.text, self.config, self.tokenizer, self.encoder, folder.tokenizer, part
        )
        written = list(self._numbered(phase, run, totals))
        rejects = rejects_record(totals, folder.stage_rejects(phase.rejects))
        return written, {**self._results(totals, phase.encoder), **rejects}

    def _numbered(self, phase: TokenizationPhase, run: Run, totals: Record) -> Iterator[Record]:
        """Run a phase; yield its shards, without those that are not to be written.

        Which tasks give a shard at all is known only when they are done.
        """
        number = 0
        for receipt in phase.run(run, totals):
            for shard in receipt["shards"]:
                if self.only is None or number in self.only:
                    yield {**shard, "name": shard_name(number)}
                else:
                    Path(shard["file"]).unlink()
                number += 1
            # Standard input is hashed to its end, to tell whether it is the same.
            if self.only is not None and not self.text.reads_stdin:
                phase.is_enough = number > max(self.only)

    def stream(self, run: Run, sink: BinaryIO) -> Record:
        """Write the documents of each task as soon as all before are written."""

        def part(number: int) -> RunFiles:
            return RunFiles(str(run.scratch / "documents"), f"{number:06d}", INPUT_ORDER, 0)

        totals: Record = {}
        writer = stream_writer(sink, self._schema(), self.tokenizer)
        folder = run.scratch / "tokenizer"
        phase = TokenizationPhase(
            self.text, self.config, self.tokenizer, self.encoder, folder, part
        )
        for receipt in phase.run(run, totals):
            emit_runs(writer, [RowRun(**fields) for fields in receipt["runs"]])
        results = self._results(totals, phase.encoder)
        writer.finish({"history": [history_entry("tokenize", results)]})
        return results


@dataclass(frozen=True)
class ExamplesJob:
    """Documents to examples: sentence pairs or packed sequences."""

    source: StageInput
    maker: ExampleMaker
    shards: ShardConfig
    record: Record
    limit: int | None
    only: frozenset[int] | None = None

    def _schema(self) -> pa.Schema:
        return with_metadata(self.maker.schema, shard_record(self.record, self.source.tokenizer))

    def _runs(self, run: Run, order: Order, counts: Record) -> Iterator[list[RowRun]]:
        spools = spool_input(run, self.source, self.limit, self.maker.max_sentence)
        columns = tuple(self.maker.schema.names)
        return self.maker.phase(spools, order, columns).run(run, counts)

    def fill(self, run: Run, folder: DatasetFolder) -> Made:
        """Write the examples in global order."""
        with machine_errors(folder.tokenizer):
            write_tokenizer_copy(self.source.tokenizer, folder.tokenizer)
        counts: Record = {}
        config = self.maker.config
        order = first_order(self.record, self.shards, config.seed)
        runs = tuple(one for few in self._runs(run, order, counts) for one in few)
        names = tuple(self.maker.schema.names)
        examples = Examples(
            self.maker.rows(counts), config.max_seq_length, names, runs=runs, order=order
        )
        writer = EpochWriter(folder.staged, self._schema(), self.shards, config.seed, self.only)
        written, _ = writer.write_all(run, examples, [None])
        return written, {**self.maker.results(counts), **self.source.provenance()}

    def stream(self, run: Run, sink: BinaryIO) -> Record:
        """Write the examples in the order of the documents."""
        counts: Record = {}
        writer = stream_writer(sink, self._schema(), self.source.tokenizer)
        for runs in self._runs(run, INPUT_ORDER, counts):
            emit_runs(writer, runs)
        results = {**self.maker.results(counts), **self.source.provenance()}
        entry = history_entry(self.maker.stage, results)
        writer.finish({"history": [*results["history"], entry]})
        return results


@dataclass(frozen=True)
class MaskingJob:
    """Examples to masked examples."""

    source: StageInput
    config: MaskingConfig
    shards: ShardConfig
    record: Record
    limit: int | None
    only: frozenset[int] | None = None

    def _schema(self) -> pa.Schema:
        kind = kind_of_examples(self.source.schema.names)
        columns = masked_schema(
            self.config.columns, self.config.keep, kind, padded=self.config.pad_to_max
        )
        return with_metadata(columns, shard_record(self.record, self.source.tokenizer))

    def _maskings(self, vocabulary: MaskingVocabulary) -> list[Masking]:
        padding = required_padding(self.record, self.source.tokenizer, self.config)
        return maskings(vocabulary, self.config, padding)

    def fill(self, run: Run, folder: DatasetFolder) -> Made:
        """Write every epoch in an order of its own."""
        with machine_errors(folder.tokenizer):
            write_tokenizer_copy(self.source.tokenizer, folder.tokenizer)
        order = first_order(self.record, self.shards, self.config.seed)
        columns = columns_read(self.config, self.source.schema)
        examples = open_examples(run, self.source, self.limit, order, columns)
        writer = EpochWriter(
            folder.staged, self._schema(), self.shards, self.config.seed, self.only
        )
        vocabulary = counted_vocabulary(run, self.source.tokenizer, self.config, examples)
        written, counts = writer.write_all(run, examples, self._maskings(vocabulary))
        return written, {**masking_results(counts), **self.source.provenance()}

    def stream(self, run: Run, sink: BinaryIO) -> Record:
        """Write every epoch in input order."""
        require_countable(self.config, self.source)
        columns = columns_read(self.config, self.source.schema)
        examples = None if self.source.stream else examples_of(self.source, self.limit, columns)
        vocabulary = counted_vocabulary(run, self.source.tokenizer, self.config, examples)
        writer = stream_writer(sink, self._schema(), self.source.tokenizer)
        counts = MaskingCounts()
        epochs = self._maskings(vocabulary)
        for masking, batches in source_batches(run, self.source, self.limit, columns, epochs):
            for batch in mask_batches(batches, masking, counts):
                writer.write(batch)
        results = {**masking_results(asdict(counts)), **self.source.provenance()}
        writer.finish({"history": [*results["history"], history_entry("mask", results)]})
        return results


@dataclass(frozen=True)
class PreparationJob:
    """A corpus to masked examples, without writing documents and examples as data sets."""

    text: CorpusText
    tokenizer: Tokenizer
    encoder: ChosenEncoder
    tokenization: TokenizationConfig
    examples: ExamplesConfig
    masking: MaskingConfig
    shards: ShardConfig
    record: Record
    only: frozenset[int] | None = None

    def fill(self, run: Run, folder: DatasetFolder) -> Made:
        """Tokenize into spools, pair or pack into runs, mask into shards."""
        padding = required_padding(self.record, self.tokenizer, self.masking)
        maker = example_maker(self.record, self.tokenizer, self.examples)
        spools, tokenized, rejects = self._spools(run, folder, maker.max_sentence)
        examples, made = self._examples(run, maker, spools)
        kind = kind_made(self.examples)
        columns = masked_schema(
            self.masking.columns, self.masking.keep, kind, padded=self.masking.pad_to_max
        )
        schema = with_metadata(columns, shard_record(self.record, self.tokenizer))
        writer = EpochWriter(folder.staged, schema, self.shards, self.masking.seed, self.only)
        vocabulary = counted_vocabulary(run, self.tokenizer, self.masking, examples)
        epochs = maskings(vocabulary, self.masking, padding)
        written, counts = writer.write_all(run, examples, epochs)
        return written, {
            **masking_results(counts),
            "sources": self.text.entries(),
            "history": [tokenized, made],
            "tokenizer": tokenizer_record(self.tokenizer),
            **rejects,
        }

    def _spools(
        self, run: Run, folder: DatasetFolder, max_tokens: int
    ) -> tuple[list[Spool], Record, Record]:
        def part(number: int) -> FlatFiles:
            folder = str(run.scratch / f"spool-{number:05d}")
            return FlatFiles(folder, max_tokens, self.tokenizer.num_ids)

        totals: Record = {}
        phase = TokenizationPhase(
            self.text, self.tokenization, self.tokenizer, self.encoder, folder.tokenizer, part
        )
        spools = [Spool(**receipt["spool"]) for receipt in phase.run(run, totals)]
        results = {
            **tokenization_results(totals, phase.encoder, is_split=self.text.config.validation > 0),
            "sources": self.text.entries(),
        }
        rejects = rejects_record(totals, folder.stage_rejects(phase.rejects))
        return spools, history_entry("tokenize", results), rejects

    def _examples(
        self, run: Run, maker: ExampleMaker, spools: list[Spool]
    ) -> tuple[Examples, Record]:
        counts: Record = {}
        order = first_order(self.record, self.shards, self.masking.seed)
        columns = columns_read(self.masking, maker.schema)
        made = maker.phase(spools, order, columns).run(run, counts)
        runs = tuple(one for few in made for one in few)
        length = self.examples.max_seq_length
        examples = Examples(maker.rows(counts), length, columns, runs=runs, order=order)
        return examples, history_entry(maker.stage, maker.results(counts))
