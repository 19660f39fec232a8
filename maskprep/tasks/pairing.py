"""Documents to examples: spool every document, then make pairs of each spool's documents."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskprep.config import PairingConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.errors import ConfigError
from maskprep.list_columns import numpy_array
from maskprep.schema import DOCUMENTS
from maskprep.stages.pairing import (
    PairingCounts,
    PairLayout,
    max_pair_tokens,
    pair_sentences,
)
from maskprep.storage.atomic import atomic_file
from maskprep.storage.runs import Order
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.spool import Spool, SpooledCorpus, write_spool
from maskprep.tasks.destinations import FlatFiles, RunFiles
from maskprep.tasks.inputs import StageInput
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Run, add_counts
from maskprep.tasks.records import Record, setting_of
from maskprep.tasks.rows import ShardRows

STREAM_SPOOL_TOKENS = 2**24
RUN_TOKENS = 2**22
"""Of rows that are sorted in memory, for a shuffle or into bins."""


def pair_layout(tokenizer: Tokenizer) -> PairLayout:
    """Return the special tokens around a pair, as the tokenizer's own template has them.

    Raises:
        TokenizerError: the tokenizer knows no template and no [CLS] and [SEP].
    """
    template = tokenizer.pair_template
    return PairLayout(template.special_ids, template.num_specials, template.types)


@dataclass(frozen=True)
class SpoolingTask:
    """Copy the documents of one shard into flat files."""

    rows: ShardRows
    files: FlatFiles


def spool_documents(task: SpoolingTask) -> Receipt:
    """Copy documents from a shard into flat files."""
    written = task.files.write(task.rows.read(DOCUMENTS.names))
    return {"tokens": written["spool"]["tokens"], **written}


def require_pairable(record: Record, tokenizer: Tokenizer, config: PairingConfig) -> int:
    """Check that documents can be paired; return how many tokens A and B may hold together.

    Raises:
        ConfigError: the documents were made without sentences, or --max-seq-length is too small.
        TokenizerError: the tokenizer has no special tokens to put around segments.
    """
    require_sentences(record)
    return max_pair_tokens(pair_layout(tokenizer), config)


def require_sentences(record: Record) -> None:
    """Check that documents have the sentences that pairs are made of.

    Raises:
        ConfigError: they have none.
    """
    if setting_of(record, "tokenize", "sentences") == "none":
        raise ConfigError(
            "these documents have no sentences (--sentences none); pairs need them. Tokenize with "
            "--sentences split or lines."
        )


def spool_input(run: Run, rows: StageInput, limit: int | None, max_tokens: int) -> list[Spool]:
    """Copy documents into flat files, in order.

    Args:
        run: engine, progress, folders.
        rows: shards or a stream of documents.
        limit: only so many documents, from the first on.
        max_tokens: longest sentence; longer ones are cut.
    """
    num_ids = rows.tokenizer.num_ids
    if rows.stream is not None:
        return _spool_batches(run, _first(rows.stream.batches(), limit), max_tokens, num_ids)
    if limit is not None:
        every = ShardRows(tuple(rows.shards), 0, rows.rows).read(DOCUMENTS.names)
        return _spool_batches(run, _first(every, limit), max_tokens, num_ids)
    tasks = (
        SpoolingTask(
            ShardRows((shard,), 0, shard[1]),
            FlatFiles(str(run.scratch / f"spool-{number:05d}"), max_tokens, num_ids),
        )
        for number, shard in enumerate(rows.shards)
    )
    receipts = run.phase("spool", spool_documents, tasks, unit="tokens")
    return [Spool(**receipt["spool"]) for receipt in receipts]


def _first(batches: Iterable[pa.RecordBatch], limit: int | None) -> Iterator[pa.RecordBatch]:
    seen = 0
    for batch in batches:
        if limit is None:
            yield batch
            continue
        number = seen + np.cumsum(numpy_array(batch.column("document_part")) == 0)
        kept = int(np.count_nonzero(number <= limit))
        seen = int(number[-1])
        # What follows is read all the same, because a stream ends with its receipt.
        if kept:
            yield batch.slice(0, kept)


def _spool_batches(
    run: Run, batches: Iterable[pa.RecordBatch], max_tokens: int, num_ids: int
) -> list[Spool]:
    """Spool documents in this process, which alone holds the pipe they come from."""
    run.progress.begin("spool", None, "tokens")
    spools: list[Spool] = []
    for documents in _portions(batches):
        folder = run.scratch / f"spool-{len(spools):05d}"
        spools.append(write_spool(documents, folder, max_tokens, num_ids))
        run.progress.advance(spools[-1].tokens)
    run.progress.end()
    return spools


def _portions(batches: Iterable[pa.RecordBatch]) -> Iterator[Iterator[pa.RecordBatch]]:
    """Deal a stream out in portions of about STREAM_SPOOL_TOKENS, cut between documents."""
    source = iter(batches)
    pending = next(source, None)

    def portion() -> Iterator[pa.RecordBatch]:
        nonlocal pending
        tokens = 0
        while pending is not None:
            begins = numpy_array(pending.column("document_part")) == 0
            if tokens >= STREAM_SPOOL_TOKENS and begins.any():
                cut = int(begins.argmax())
                if cut:
                    yield pending.slice(0, cut)
                pending = pending.slice(cut)
                return
            tokens += len(pending.column("input_ids").flatten())
            yield pending
            pending = next(source, None)

    while pending is not None:
        yield portion()


@dataclass(frozen=True)
class PairingTask:
    """Make pairs of the documents of one spool."""

    corpus_index: str
    place: int
    duplicate: int
    layout: PairLayout
    config: PairingConfig
    destination: RunFiles


def write_index(run: Run, spools: Sequence[Spool]) -> str:
    """Write down where the spools of a corpus lie; return the path, for `spooled_corpus`."""
    spooled_corpus.cache_clear()
    index = run.scratch / "spools.json"
    with atomic_file(index) as file:
        file.write(json.dumps([asdict(spool) for spool in spools]).encode())
    return str(index)


@lru_cache(maxsize=1)
def spooled_corpus(index: str) -> SpooledCorpus:
    """Open the corpus that `write_index` wrote down."""
    return SpooledCorpus([Spool(**fields) for fields in json.loads(Path(index).read_bytes())])


def pair_spool(task: PairingTask) -> Receipt:
    """Make pairs of the documents of one spool, with random segments from all of them."""
    corpus = spooled_corpus(task.corpus_index)
    counts = PairingCounts()
    pairs = pair_sentences(
        corpus.documents(task.place),
        corpus,
        task.layout,
        task.config,
        counts,
        task.duplicate,
    )
    written = task.destination.write(pairs)
    return {"pairs": counts.pairs, "counts": asdict(counts), **written}


@dataclass(frozen=True)
class PairingPhase:
    """What all tasks of one pairing share."""

    spools: Sequence[Spool]
    config: PairingConfig
    layout: PairLayout
    order: Order
    columns: tuple[str, ...]

    def run(self, run: Run, counts: dict[str, int]) -> Iterator[list[RowRun]]:
        """Pair the documents of every spool; yield the runs in the corpus's order.

        With duplicates, all pairs of the first one come before those of the second.

        Args:
            run: engine, progress, folders.
            counts: what became of documents and tokens; added to.
        """
        index = write_index(run, self.spools)
        run_rows = max(1, RUN_TOKENS // self.config.max_seq_length)
        folder = str(run.scratch / "pairs")
        tasks = (
            PairingTask(
                index,
                place,
                duplicate,
                self.layout,
                self.config,
                RunFiles(
                    folder, f"{duplicate:05d}-{place:05d}", self.order, run_rows, self.columns
                ),
            )
            for duplicate in range(self.config.duplicates)
            for place in range(len(self.spools))
        )
        add_counts(counts, asdict(PairingCounts()))
        add_counts(counts, {"sentences_cut": sum(spool.sentences_cut for spool in self.spools)})
        for receipt in run.phase("pair", pair_spool, tasks, unit="pairs"):
            add_counts(counts, receipt["counts"])
            yield [RowRun(**fields) for fields in receipt["runs"]]
