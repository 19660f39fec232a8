"""Raw text to documents: one task for each block of the corpus."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from maskprep.config import CorpusConfig, TokenizationConfig
from maskprep.encoders.choosing import ChosenEncoder, Encoder, named_encoder
from maskprep.encoders.loading import Tokenizer, load_tokenizer
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.encoders.saving import write_tokenizer_copy
from maskprep.errors import ConfigError
from maskprep.stages.parts import assemble_parts
from maskprep.stages.sentences import require_language, split_sentences
from maskprep.stages.tokenization import (
    TokenizationCounts,
    lines_to_encode,
    tokenize_documents,
)
from maskprep.storage.atomic import machine_errors
from maskprep.storage.blocks import Block, plan_blocks
from maskprep.storage.changes import unchanging
from maskprep.storage.corpus import read_documents
from maskprep.storage.read_counts import ReadCounts
from maskprep.storage.rejects import MOST_LISTED, RejectList
from maskprep.storage.sources import Source, find_sources
from maskprep.tasks.destinations import Destination
from maskprep.tasks.hashing import SourceHashes
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Engine, Progress, Run, add_counts
from maskprep.tasks.rejects import add_lines, list_rejects


@dataclass
class CorpusText:
    """A corpus that has been found.

    Attributes:
        sources: in order; standard input's size and hash are known only when it has been read.
        config: how they are read.
        ignored: files in the input folders that are not read.
        hashes: of the files.
        streamed: standard input, once it has been read.
    """

    sources: Sequence[Source]
    config: CorpusConfig
    ignored: tuple[str, ...]
    hashes: SourceHashes
    streamed: list[Source] = field(default_factory=list)

    @property
    def reads_stdin(self) -> bool:
        """Whether a part of the corpus cannot be read twice."""
        return any(source.path is None for source in self.sources)

    @property
    def num_bytes(self) -> int | None:
        """Size of the text, if it can be known before it is read."""
        plain = all(
            source.compression == "none"
            and source.format in ("text", "jsonl")
            and source.path is not None
            for source in self.sources
        )
        if not plain or self.config.limit is not None:
            return None
        return sum(source.num_bytes for source in self.sources)

    def entries(self) -> list[dict[str, Any]]:
        """Name, bytes and hash of each source, for a manifest."""
        known = {**self.hashes.result(), **{source.name: source for source in self.streamed}}
        return [_entry(known.get(source.name, source)) for source in self.sources]

    def found_entries(self) -> list[dict[str, Any]]:
        """Return the entries as far as they are known without reading the files."""
        return [_entry(source) for source in self.sources]


def _entry(source: Source) -> dict[str, Any]:
    return {"name": source.name, "bytes": source.num_bytes, "sha256": source.sha256}


def find_corpus(
    inputs: Sequence[str], config: CorpusConfig, engine: Engine, progress: Progress
) -> CorpusText:
    """Find every source."""
    found = find_sources(inputs, config)
    files = [source for source in found.sources if source.path is not None]
    hashes = SourceHashes(files, engine, progress)
    return CorpusText(found.sources, config, found.ignored, hashes)


def require_readable_again(text: CorpusText, *, trains: bool) -> None:
    """Check that a whole run can read the corpus as often as it must.

    Args:
        text: the corpus.
        trains: the run learns a tokenizer first.

    Raises:
        ConfigError: standard input would have to be read twice.
    """
    if not text.reads_stdin:
        return
    if trains:
        raise ConfigError(
            "standard input can be read only once, but training a tokenizer and tokenizing "
            "both read the corpus. Name a --tokenizer, or put the corpus into a file."
        )
    if text.config.makes_both:
        raise ConfigError(
            "standard input can be read only once, but training data and validation data are made "
            "one after the other. Name one with --split, or put the corpus into a file."
        )


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
    most_rejects: int = MOST_LISTED


_ready: dict[tuple[str, str, bool], Encoder] = {}
"""The encoder that this process used last, by fingerprint, name and special tokens: its tables are
made once. The process that hands out tasks has its own ready before the first one."""


def _encoder_for(task: TokenizationTask) -> Encoder:
    parse = task.config.special_tokens_in_text == "parse"
    key = task.fingerprint, task.encoder, parse
    if key not in _ready:
        _ready.clear()
        tokenizer = load_tokenizer(task.tokenizer_folder, parse_special_tokens=parse)
        _ready[key] = named_encoder(ReferenceEncoder(tokenizer), task.encoder)
    return _ready[key]


def tokenize_blocks(task: TokenizationTask) -> Receipt:
    """Read, tokenize and write the documents of some blocks."""
    encoder = _encoder_for(task)
    read = ReadCounts(rejects=RejectList(task.most_rejects))
    counts = TokenizationCounts()
    without_tokens: list[int] = []
    whole = task.config.encode == "document"
    raw = read_documents(task.blocks, task.corpus, read, whole_documents=whole)
    tokenized = (
        tokenize_documents(batch, encoder, split_sentences, task.config, counts) for batch in raw
    )
    parts = assemble_parts(tokenized, counts, without_tokens=without_tokens)
    with unchanging([block.source for block in task.blocks]):
        written = task.destination.write(parts)
    rejects = list_rejects(task.blocks, task.corpus, read.rejects, without_tokens)
    for block in task.blocks:
        if block.spooled is not None:
            Path(block.spooled).unlink(missing_ok=True)
    return {
        "bytes": read.bytes_seen,
        "read": read.numbers(),
        "counts": asdict(counts),
        "rejects": rejects,
        **written,
    }


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
        is_enough: set by whoever needs no more of the corpus.
        rejects: lines of `rejects.jsonl`, in the corpus's order.
    """

    text: CorpusText
    config: TokenizationConfig
    tokenizer: Tokenizer
    encoder: ChosenEncoder
    folder: Path
    destination: Callable[[int], Destination]
    is_enough: bool = False
    rejects: list[Receipt] = field(default_factory=list)

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
        totals |= {"read": ReadCounts().numbers(), "counts": asdict(TokenizationCounts())}
        limit = self.text.config.limit
        for receipt in run.phase(
            "tokenize",
            tokenize_blocks,
            self._tasks(run, totals),
            unit="bytes",
            total=self.text.num_bytes,
            serial=limit is not None,
        ):
            add_counts(totals, {"read": receipt["read"], "counts": receipt["counts"]})
            self.rejects += receipt["rejects"][: MOST_LISTED - len(self.rejects)]
            yield receipt
        _ready.clear()  # The phases that follow need the memory.
        add_lines(self.rejects, self.text.sources)

    def _tasks(self, run: Run, totals: dict[str, Any]) -> Iterator[TokenizationTask]:
        corpus = self.text.config
        blocks_folder = run.scratch / "blocks"
        blocks_folder.mkdir(parents=True, exist_ok=True)
        planned = plan_blocks(self.text.sources, corpus, blocks_folder, self.text.streamed)
        for number, blocks in enumerate(planned):
            if self.is_enough:
                return
            if corpus.limit is not None:
                # Phases with a limit are serial: what was made so far is known here.
                remaining = corpus.limit - ReadCounts(**totals["read"]).num_seen
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
                MOST_LISTED - len(self.rejects),
            )

    def _try_encoder(self, blocks: Sequence[Block]) -> None:
        """Compare the encoder with the library on the corpus's first documents; have it ready."""
        whole = self.config.encode == "document"
        # Documents of either split: in a few blocks there may be none of this one.
        corpus = replace(self.text.config, validation=0.0, split=None)
        raw = read_documents(blocks, corpus, ReadCounts(), whole_documents=whole)
        for batch in raw:
            self.encoder = self.encoder.tried_on(*lines_to_encode(batch, self.config))
            break
        parse = self.config.special_tokens_in_text == "parse"
        _ready.clear()
        _ready[self.tokenizer.fingerprint, self.encoder.name, parse] = self.encoder.encoder
