"""Raw text to documents: one task for each block of the corpus."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from maskprep.config import CorpusConfig, TokenizationConfig
from maskprep.encoders.choosing import ChosenEncoder, Encoder, named_encoder
from maskprep.encoders.loading import Tokenizer, load_tokenizer, write_tokenizer_copy
from maskprep.stages.parts import assemble_parts
from maskprep.stages.sentences import require_language, split_sentences
from maskprep.stages.tokenization import (
    TokenizationCounts,
    lines_to_encode,
    tokenize_documents,
)
from maskprep.storage.atomic import machine_errors
from maskprep.storage.blocks import Block, plan_blocks
from maskprep.storage.corpus import read_documents
from maskprep.storage.rows import ReadCounts
from maskprep.storage.sources import Source, find_sources, hash_source
from maskprep.tasks.destinations import Destination
from maskprep.tasks.plan import Engine, Progress, Receipt, Run, add_counts

SURVEY_BYTES = 64 * 2**20


def hash_sources(sources: Sequence[Source]) -> Receipt:
    """Hash a few sources: a task of the survey."""
    hashed = [hash_source(source) for source in sources]
    return {
        "sources": [asdict(source) for source in hashed],
        "bytes": sum(source.num_bytes for source in hashed),
    }


@dataclass
class CorpusText:
    """A corpus that has been found, and hashed by `survey_corpus`.

    Attributes:
        sources: in order; standard input's size and hash are known only when it has been read.
        config: how they are read.
        ignored: files in the input folders that are not read.
        streamed: standard input, once it has been read.
    """

    sources: Sequence[Source]
    config: CorpusConfig
    ignored: tuple[str, ...] = ()
    streamed: list[Source] = field(default_factory=list)

    @property
    def reads_stdin(self) -> bool:
        """Whether a part of the corpus cannot be read twice."""
        return any(source.path is None for source in self.sources)

    def entries(self) -> list[dict[str, Any]]:
        """Name, bytes and hash of each source, for a manifest."""
        known = {source.name: source for source in self.streamed}
        sources = [known.get(source.name, source) for source in self.sources]
        return [
            {"name": source.name, "bytes": source.num_bytes, "sha256": source.sha256}
            for source in sources
        ]


def find_corpus(inputs: Sequence[str], config: CorpusConfig, engine: Engine) -> CorpusText:
    """Find every source; a large corpus lets the workers get ready."""
    found = find_sources(inputs, config)
    if sum(source.num_bytes for source in found.sources) > 2 * config.block_bytes:
        engine.prepare()
    return CorpusText(found.sources, config, found.ignored)


def survey_corpus(text: CorpusText, engine: Engine, progress: Progress) -> CorpusText:
    """Hash every source that is a file; standard input is hashed while it is read."""
    files = [source for source in text.sources if source.path is not None]
    total = sum(source.num_bytes for source in files)
    run = Run(engine, progress, Path())
    receipts = run.phase("survey", hash_sources, _grouped(files), unit="bytes", total=total)
    hashed = [Source(**fields) for receipt in receipts for fields in receipt["sources"]]
    by_name = {source.name: source for source in hashed}
    sources = [by_name.get(source.name, source) for source in text.sources]
    return CorpusText(sources, text.config, text.ignored)


def _grouped(sources: Sequence[Source]) -> Iterator[tuple[Source, ...]]:
    group: list[Source] = []
    size = 0
    for source in sources:
        group.append(source)
        size += source.num_bytes
        if size >= SURVEY_BYTES:
            yield tuple(group)
            group, size = [], 0
    if group:
        yield tuple(group)


@dataclass(frozen=True)
class TokenizationTask:
    """Tokenize the documents of some blocks."""

    blocks: tuple[Block, ...]
    corpus: CorpusConfig
    config: TokenizationConfig
    tokenizer_folder: str
    fingerprint: str
    encoder: str
    destination: Destination


_ready: dict[tuple[str, str, bool], Encoder] = {}
"""The encoder that this process used last, by fingerprint, name and special tokens: its tables are
made once. The process that hands out tasks has its own ready before the first one."""


def _encoder_for(task: TokenizationTask) -> Encoder:
    parse = task.config.special_tokens_in_text == "parse"
    key = task.fingerprint, task.encoder, parse
    if key not in _ready:
        _ready.clear()
        tokenizer = load_tokenizer(task.tokenizer_folder, parse_special_tokens=parse)
        _ready[key] = named_encoder(tokenizer, task.encoder)
    return _ready[key]


def tokenize_blocks(task: TokenizationTask) -> Receipt:
    """Read, tokenize and write the documents of some blocks."""
    encoder = _encoder_for(task)
    read = ReadCounts()
    counts = TokenizationCounts()
    whole = task.config.encode == "document"
    raw = read_documents(task.blocks, task.corpus, read, whole_documents=whole)
    tokenized = (
        tokenize_documents(batch, encoder, split_sentences, task.config, counts)
        for batch in first_documents(raw, task.corpus.limit)
    )
    written = task.destination.write(assemble_parts(tokenized, counts))
    for block in task.blocks:
        if block.spooled is not None:
            Path(block.spooled).unlink(missing_ok=True)
    return {"bytes": read.text_bytes, "read": asdict(read), "counts": asdict(counts), **written}


def first_documents(
    batches: Iterator[pa.RecordBatch], limit: int | None
) -> Iterator[pa.RecordBatch]:
    """Pass on the rows of the first documents."""
    seen = 0
    for batch in batches:
        if limit is None:
            yield batch
            continue
        number = seen + np.cumsum(~batch.column("continues").to_numpy(zero_copy_only=False))
        seen = int(number[-1]) if number.size else seen
        rows = int((number <= limit).sum())
        if rows:
            yield batch.slice(0, rows)
        if seen >= limit and rows < batch.num_rows:
            return


@dataclass
class TokenizationPhase:
    """What all tasks of one tokenization share.

    Attributes:
        text: the corpus.
        config: how it is tokenized.
        tokenizer: to tokenize with.
        encoder: of the tokenizer; tried on the first documents when they are there.
        folder: where its copy goes, for the workers.
        destination: gives a task's number a place for its rows.
    """

    text: CorpusText
    config: TokenizationConfig
    tokenizer: Tokenizer
    encoder: ChosenEncoder
    folder: Path
    destination: Callable[[int], Destination]

    def run(self, run: Run, totals: dict[str, Any]) -> Iterator[Receipt]:
        """Tokenize all blocks; yield the receipts in the corpus's order.

        Args:
            run: engine, progress, folders.
            totals: sums of what was read (`read`) and made (`counts`); added to.

        Raises:
            ConfigError: the language is not known.
        """
        require_language(self.config.language)
        with machine_errors(self.folder):
            write_tokenizer_copy(self.tokenizer, self.folder)
        totals |= {"read": asdict(ReadCounts()), "counts": asdict(TokenizationCounts())}
        limit = self.text.config.limit
        for receipt in run.phase(
            "tokenize",
            tokenize_blocks,
            self._tasks(run, totals),
            unit="bytes",
            total=self._text_bytes(),
            serial=limit is not None,
        ):
            add_counts(totals, {"read": receipt["read"], "counts": receipt["counts"]})
            yield receipt

    def _tasks(self, run: Run, totals: dict[str, Any]) -> Iterator[TokenizationTask]:
        corpus = self.text.config
        blocks_folder = run.scratch / "blocks"
        blocks_folder.mkdir(parents=True, exist_ok=True)
        planned = plan_blocks(self.text.sources, corpus, blocks_folder, self.text.streamed)
        for number, blocks in enumerate(planned):
            if corpus.limit is not None:
                # Phases with a limit are serial: what was made so far is known here.
                remaining = corpus.limit - totals["counts"]["documents"]
                if remaining <= 0:
                    return
            else:
                remaining = None
            if number == 0:
                self._try_encoder(blocks)
            yield TokenizationTask(
                blocks,
                replace(corpus, limit=remaining),
                self.config,
                str(self.folder),
                self.tokenizer.fingerprint,
                self.encoder.name,
                self.destination(number),
            )

    def _try_encoder(self, blocks: Sequence[Block]) -> None:
        """Compare the encoder with the library on the corpus's first documents; have it ready."""
        whole = self.config.encode == "document"
        raw = read_documents(blocks, self.text.config, ReadCounts(), whole_documents=whole)
        for batch in raw:
            self.encoder = self.encoder.tried_on(*lines_to_encode(batch, self.config))
            break
        parse = self.config.special_tokens_in_text == "parse"
        _ready.clear()
        _ready[self.tokenizer.fingerprint, self.encoder.name, parse] = self.encoder.encoder

    def _text_bytes(self) -> int | None:
        """Return the size of the text, if it can be known before it is read."""
        sources = self.text.sources
        plain = all(
            source.compression == "none"
            and source.format in ("text", "jsonl")
            and source.path is not None
            for source in sources
        )
        if not plain or self.text.config.limit is not None:
            return None
        return sum(source.num_bytes for source in sources)
