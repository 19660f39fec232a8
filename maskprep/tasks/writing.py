"""Examples to final shards: sort for a shuffle, mask if asked, write equal shards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from maskprep.config import Compression, MaskingConfig, ShardConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.errors import ConfigError, TokenizerError
from maskprep.list_columns import flat_values
from maskprep.stages.masking import MaskingCounts, MaskingVocabulary, mask_examples
from maskprep.stages.padding import Padding, pad_examples
from maskprep.storage.manifest import shard_name
from maskprep.storage.runs import Order
from maskprep.storage.runs import Run as RowRun
from maskprep.storage.shards import regroup, row_group_rows, write_shard
from maskprep.tasks.destinations import RunFiles
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Run
from maskprep.tasks.records import Record, max_seq_length_of
from maskprep.tasks.rows import Rows, ShardRows
from maskprep.tasks.word_lists import listed_words

MAX_SHARD_TOKENS = 2**26
FEWEST_SHARDS = 16


def shard_rows_for(total: int, max_seq_length: int) -> int:
    """Return how many rows make a shard where the user does not say.

    About 256 MiB (2^26 tokens); a smaller data set still gets 16 equal shards, if each then holds
    at least a row group, so that readers and our own workers have something to share out.
    """
    most = max(1, MAX_SHARD_TOKENS // max_seq_length)
    return min(most, max(row_group_rows(max_seq_length), -(-total // FEWEST_SHARDS)))


def edges_every(rows: int, total: int) -> list[int]:
    """Return where portions of `rows` rows begin and the last one, maybe a shorter one, ends."""
    return [*range(0, total, rows), total]


def shard_edges(total: int, max_seq_length: int, config: ShardConfig) -> list[int]:
    """Return where each shard of an epoch, or of a bin of it, begins and where the last one ends.

    Args:
        total: rows of the epoch, or of the bin.
        max_seq_length: of the rows.
        config: asks for so many rows in a shard, or for so many shards.
    """
    if config.num_shards is not None:
        number = min(config.num_shards, total)
        return [total * shard // number for shard in range(number)] + [total]
    return edges_every(config.shard_rows or shard_rows_for(total, max_seq_length), total)


@dataclass(frozen=True)
class SortingTask:
    """Sort a portion of rows into runs."""

    rows: Rows
    columns: tuple[str, ...]
    destination: RunFiles


def sort_rows(task: SortingTask) -> Receipt:
    """Sort a portion of rows by their bins, their shuffle keys, or both."""
    written = task.destination.write(task.rows.read(task.columns))
    return {"rows": sum(run["rows"] for run in written["runs"]), **written}


def sort_phase(
    run: Run,
    name: str,
    portions: Sequence[Rows],
    columns: tuple[str, ...],
    order: Order,
    run_rows: int,
) -> list[RowRun]:
    """Sort all rows into runs, so that any stretch of their order can be read."""
    folder = run.scratch / name.replace(" ", "-")
    tasks = (
        SortingTask(rows, columns, RunFiles(str(folder), f"{number:05d}", order, run_rows))
        for number, rows in enumerate(portions)
    )
    receipts = run.phase(name, sort_rows, tasks, unit="rows")
    return [RowRun(**fields) for receipt in receipts for fields in receipt["runs"]]


@dataclass(frozen=True)
class Masking:
    """How the rows of a shard are masked."""

    vocabulary: MaskingVocabulary
    config: MaskingConfig
    epoch: int
    padding: Padding | None = None


def masking_vocabulary(tokenizer: Tokenizer, config: MaskingConfig) -> MaskingVocabulary:
    """Return what masking has to know of a tokenizer."""
    return MaskingVocabulary(
        tokenizer.role_id("mask"),
        tokenizer.maskable,
        tokenizer.replacement_pool,
        listed_words(config, tokenizer),
    )


def maskings(
    vocabulary: MaskingVocabulary, config: MaskingConfig, padding: Padding | None
) -> list[Masking]:
    """Return the maskings of all epochs."""
    return [Masking(vocabulary, config, epoch, padding) for epoch in range(config.epochs)]


def required_padding(record: Record, tokenizer: Tokenizer, config: MaskingConfig) -> Padding | None:
    """Return how rows are padded, if the settings ask for it.

    Args:
        record: of the examples, or of what is made of them.
        tokenizer: of the examples.
        config: of masking.

    Raises:
        ConfigError: nothing says how long the rows can be, or they hold fewer tokens than
            predictions.
        TokenizerError: the tokenizer has no padding token.
    """
    if not config.pad_to_max:
        return None
    length = max_seq_length_of(record)
    if length is None:
        raise ConfigError(
            "--pad-to-max: the examples do not say how long their rows can be; expected the "
            "max_seq_length that 'maskprep pair' and 'maskprep pack' write into each shard. Name "
            "what one of these wrote, or mask without --pad-to-max and pad batches in the trainer."
        )
    if config.pads_predictions and (config.max_predictions or 0) > length:
        raise ConfigError(
            f"--max-predictions is {config.max_predictions:,}, to which --pad-to-max pads the "
            f"lists of predictions; expected at most {length:,}, the tokens of a row."
        )
    return Padding(tokenizer.role_id("pad"), length, config.max_predictions)


def require_maskable(tokenizer: Tokenizer) -> None:
    """Check that a tokenizer can be masked with.

    Raises:
        TokenizerError: it has no mask token, or nothing that could replace a token.
    """
    tokenizer.role_id("mask")
    if tokenizer.replacement_pool.size == 0:
        raise TokenizerError(
            f"{tokenizer.origin} has no tokens but special ones; expected words to replace "
            f"tokens with. Train a tokenizer on more text."
        )


@dataclass(frozen=True)
class ShardContent:
    """What one shard holds.

    Attributes:
        rows: of it.
        max_seq_length: most tokens of a row.
        bin: that the rows are of; None: there are no bins.
    """

    rows: Rows
    max_seq_length: int
    bin: int | None = None


@dataclass(frozen=True)
class WritingTask:
    """Write one shard: read its rows, mask them if asked."""

    content: ShardContent
    columns: tuple[str, ...]
    masking: Masking | None
    path: str
    schema: pa.Schema
    compression: Compression


def write_rows(task: WritingTask) -> Receipt:
    """Write one shard."""
    counts = MaskingCounts()
    content = task.content
    groups = regroup(
        mask_batches(content.rows.read(task.columns), task.masking, counts),
        row_group_rows(content.max_seq_length),
    )
    shard = write_shard(groups, Path(task.path), task.schema, task.compression)
    if shard is None:
        return {"rows": 0, "shards": [], "counts": {}}
    counted = {} if task.masking is None else asdict(counts)
    entry = {**asdict(shard), "bin": content.bin, "file": task.path}
    return {"rows": shard.rows, "shards": [entry], "counts": counted}


def mask_batches(
    batches: Iterator[pa.RecordBatch], masking: Masking | None, counts: MaskingCounts
) -> Iterator[pa.RecordBatch]:
    """Mask batches of examples, and pad them if asked; without masking, pass them on."""
    if masking is None:
        yield from batches
        return
    config, padding = masking.config, masking.padding
    for batch in batches:
        masked = mask_examples(batch, masking.vocabulary, config, masking.epoch, counts)
        if padding is None:
            yield masked
            continue
        tokens = flat_values(batch.column("input_ids"))[0].size
        counts.padding_tokens += batch.num_rows * padding.length - tokens
        yield from pad_examples(masked, config, padding)


@dataclass(frozen=True)
class WritingPhase:
    """What all shards of one data set share."""

    staged: Path
    schema: pa.Schema
    compression: Compression
    columns: tuple[str, ...]
    """Of the examples that are read."""

    def run(
        self, run: Run, contents: Mapping[int, ShardContent], masking: Masking | None
    ) -> Iterator[Receipt]:
        """Write shards, by their numbers."""
        tasks = (
            WritingTask(
                content,
                self.columns,
                masking,
                str(self.staged / shard_name(number, content.bin)),
                self.schema,
                self.compression,
            )
            for number, content in contents.items()
        )
        total = sum(
            one.rows.rows if isinstance(one.rows, ShardRows) else one.rows.stretch.rows
            for one in contents.values()
        )
        name = "write"
        if masking is not None:
            name = "mask" if masking.config.epochs == 1 else f"mask epoch {masking.epoch}"
        yield from run.phase(name, write_rows, tasks, unit="rows", total=total)
