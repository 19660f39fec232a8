"""A corpus to a tokenizer folder."""

import itertools
import shutil
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from maskprep.config import CorpusConfig, TrainingConfig
from maskprep.encoders.loading import Tokenizer, load_tokenizer
from maskprep.encoders.saving import save_tokenizer
from maskprep.errors import ConfigError
from maskprep.stages.training import (
    TrainedTokenizer,
    count_documents,
    train_on_words,
    train_tokenizer,
)
from maskprep.stages.word_counts import CountedChunks, WordCounter
from maskprep.storage.atomic import machine_errors, sync_folder, sync_tree
from maskprep.storage.blocks import Block, plan_blocks
from maskprep.storage.changes import unchanging
from maskprep.storage.corpus import read_documents
from maskprep.storage.read_counts import ReadCounts
from maskprep.storage.rejects import RejectList
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Run, add_counts
from maskprep.tasks.running import Context
from maskprep.tasks.tokenization import CorpusText


@dataclass(frozen=True)
class TrainingSummary:
    """What training reports."""

    output: Path
    trained: TrainedTokenizer | None
    read: ReadCounts
    text: CorpusText


def learn_tokenizer(
    text: CorpusText, config: TrainingConfig, output: Path, context: Context, run: Run
) -> TrainingSummary:
    """Train on a corpus and save the tokenizer; the folder appears when it is complete.

    Raises:
        ConfigError: the folder is in use, the vocabulary is too small, or the documents for
            validation were asked for.
        CorpusError: the corpus holds no text.
        MachineError: the folder cannot be written to.
    """
    read = ReadCounts()
    if text.config.split == "validation":
        raise ConfigError(
            "--split is 'validation', but a tokenizer is learned from the training data, so that "
            "nothing of the validation data is in it. Leave --split out."
        )
    if context.dry_run:
        return TrainingSummary(output, None, read, text)
    _require_free(output, overwrite=context.machine.overwrite)
    trained = _train(text, config, run, read)
    _save(trained, output, output.with_name(f".{output.name}.unfinished"))
    return TrainingSummary(output, trained, read, text)


def train_once(
    text: CorpusText, config: TrainingConfig, folder: Path, unfinished: Path, run: Run
) -> Tokenizer:
    """Train the tokenizer of a larger run, or find it trained.

    Args:
        text: the corpus, of which the training split is learned from.
        config: of the tokenizer.
        folder: where it goes.
        unfinished: where it is until it is complete, on the same disk.
        run: progress, folders.
    """
    if not folder.exists():
        text = replace(text, config=replace(text.config, split=None))
        _save(_train(text, config, run, ReadCounts()), folder, unfinished)
    return load_tokenizer(str(folder))


def _train(
    text: CorpusText, config: TrainingConfig, run: Run, read: ReadCounts
) -> TrainedTokenizer:
    if config.sample_bytes is None and text.config.limit is None:
        counter = WordCounter(config.model)
        num_documents = _count_in_tasks(text, config, run, read, counter)
        return train_on_words(counter, num_documents, config)
    # Which documents are meant is known only to who sees them all.
    run.progress.begin("train", text.num_bytes, "bytes")
    trained = train_tokenizer(_documents(text, run, read), config)
    run.progress.end()
    return trained


@dataclass(frozen=True)
class CountingTask:
    """Count the words in the documents of some blocks."""

    blocks: tuple[Block, ...]
    corpus: CorpusConfig
    config: TrainingConfig
    path: str


def count_blocks(task: CountingTask) -> Receipt:
    """Count the words in the documents of some blocks; the counts go to a file."""
    read = ReadCounts(rejects=RejectList(0))
    counter = WordCounter(task.config.model)
    with unchanging([block.source for block in task.blocks]):
        batches = read_documents(task.blocks, task.corpus, read)
        num_documents = count_documents(batches, task.config, counter)
    _forget_spools(task.blocks)
    table = counter.table()
    with machine_errors(task.path):
        np.savez(task.path, chunks=table.chunks, text=table.text)
    return {
        "bytes": read.bytes_seen,
        "documents": num_documents,
        "forgotten": table.num_forgotten,
        "read": read.numbers(),
    }


def _count_in_tasks(
    text: CorpusText, config: TrainingConfig, run: Run, read: ReadCounts, counter: WordCounter
) -> int:
    """Count block by block, and add the counts in the blocks' order: the same for any workers."""
    folder = run.scratch / "counts"
    with machine_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = (folder / f"{number:06d}.npz" for number in itertools.count())
    used: deque[Path] = deque()

    def tasks() -> Iterator[CountingTask]:
        for blocks in _blocks(text, run):
            used.append(next(paths))
            yield CountingTask(blocks, text.config, config, str(used[-1]))

    num_documents = 0
    totals: Receipt = {}
    run = replace(run, journal=None)  # The counts are files that do not stay.
    for receipt in run.phase("count", count_blocks, tasks(), unit="bytes", total=text.num_bytes):
        path = used.popleft()
        with np.load(path) as stored:
            table = CountedChunks(
                stored["chunks"],
                stored["text"],
                receipt["read"]["text_bytes"],
                receipt["forgotten"],
            )
        counter.add_counted(table)
        path.unlink()
        add_counts(totals, receipt["read"])
        num_documents += receipt["documents"]
    vars(read).update(totals)
    return num_documents


def _blocks(text: CorpusText, run: Run) -> Iterator[tuple[Block, ...]]:
    folder = run.scratch / "blocks"
    with machine_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return plan_blocks(text.sources, text.config, folder, text.streamed)


def _documents(text: CorpusText, run: Run, read: ReadCounts) -> Iterator[pa.RecordBatch]:
    """Read the whole corpus in this process."""
    for blocks in _blocks(text, run):
        with unchanging([block.source for block in blocks]):
            for batch in read_documents(blocks, text.config, read):
                run.progress.advance(batch.column("text").nbytes)
                yield batch
        _forget_spools(blocks)
        if text.config.limit is not None and read.num_seen >= text.config.limit:
            return


def _forget_spools(blocks: Sequence[Block]) -> None:
    for block in blocks:
        if block.spooled is not None:
            Path(block.spooled).unlink(missing_ok=True)


def _require_free(output: Path, *, overwrite: bool) -> None:
    if output.exists() and not output.is_dir():
        raise ConfigError(f"--output {output} is a file; expected a folder to make or fill.")
    if not output.is_dir() or not any(output.iterdir()):
        return
    if not (output / "tokenizer.json").exists():
        raise ConfigError(
            f"--output {output} holds files that maskprep did not make. Choose a new or an empty "
            f"folder."
        )
    if not overwrite:
        raise ConfigError(
            f"--output {output} holds a tokenizer already. Choose another folder, or replace it "
            f"with --overwrite."
        )


def _save(trained: TrainedTokenizer, folder: Path, unfinished: Path) -> None:
    """Save into another folder and rename it, so that no half tokenizer has the name."""
    with machine_errors(folder):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            save_tokenizer(trained.tokenizer, trained.roles, unfinished)
            sync_tree(unfinished)
            if folder.exists():
                shutil.rmtree(folder)
            unfinished.rename(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
