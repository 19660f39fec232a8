"""A corpus to a tokenizer folder."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from maskprep.config import TrainingConfig
from maskprep.encoders.loading import Tokenizer, load_tokenizer
from maskprep.encoders.saving import save_tokenizer
from maskprep.errors import ConfigError
from maskprep.stages.training import TrainedTokenizer, train_tokenizer
from maskprep.storage.atomic import machine_errors, sync_folder, sync_tree
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import read_documents
from maskprep.storage.rows import ReadCounts
from maskprep.tasks.plan import Run
from maskprep.tasks.running import Context
from maskprep.tasks.tokenization import CorpusText, first_documents


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
        ConfigError: the folder is in use, or the vocabulary is too small.
        CorpusError: the corpus holds no text.
        MachineError: the folder cannot be written to.
    """
    read = ReadCounts()
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
        text: the corpus.
        config: of the tokenizer.
        folder: where it goes.
        unfinished: where it is until it is complete, on the same disk.
        run: progress, folders.
    """
    if not folder.exists():
        _save(_train(text, config, run, ReadCounts()), folder, unfinished)
    return load_tokenizer(str(folder))


def _train(
    text: CorpusText, config: TrainingConfig, run: Run, read: ReadCounts
) -> TrainedTokenizer:
    sizes = [source.num_bytes for source in text.sources]
    plain = all(source.compression == "none" and source.path for source in text.sources)
    run.progress.begin("train", sum(sizes) if plain else None, "bytes")
    documents = first_documents(_documents(text, run, read), text.config.limit)
    trained = train_tokenizer(documents, config)
    run.progress.end()
    return trained


def _documents(text: CorpusText, run: Run, read: ReadCounts) -> Iterator[pa.RecordBatch]:
    """Read the whole corpus in this process."""
    blocks_folder = run.scratch / "blocks"
    blocks_folder.mkdir(parents=True, exist_ok=True)
    for blocks in plan_blocks(text.sources, text.config, blocks_folder, text.streamed):
        for batch in read_documents(blocks, text.config, read):
            run.progress.advance(batch.column("text").nbytes)
            yield batch
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
