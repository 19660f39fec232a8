"""EXAMPLES -> MASKED: choose tokens, corrupt them, and lay out what a trainer reads."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import MaskingConfig
from maskprep.errors import ConfigError
from maskprep.kernels.counter_rng import probability_threshold
from maskprep.kernels.masking import FIRST, look_up, replace_tokens
from maskprep.kernels.replacement import replace_again
from maskprep.list_columns import arrow_array, flat_values, numpy_array
from maskprep.row_values import (
    RowFault,
    id_faults,
    part_faults,
    refuse_faults,
    token_id_faults,
    type_faults,
)
from maskprep.schema import kind_of_examples, masked_schema
from maskprep.stages.listed_words import ListedWords
from maskprep.stages.row_shape import list_faults
from maskprep.stages.selection import TokenRows, select_tokens
from maskprep.stages.targets import TARGET_COLUMNS, MaskedRows


@dataclass(frozen=True)
class MaskingVocabulary:
    """What masking has to know of the tokenizer.

    Attributes:
        mask_id: id of the mask token.
        maskable: bool [vocabulary], false for special tokens and for the unknown token.
        replacement_pool: int32 [ids], ascending: what a random replacement may be.
        listed: words that are never or always selected.
        cumulative: uint64 [ids - 1], how likely one of the first ids is, times 2^64; empty: all
            are equally likely.
    """

    mask_id: int
    maskable: NDArray[np.bool_]
    replacement_pool: NDArray[np.int32]
    listed: ListedWords | None = None
    cumulative: NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, np.uint64))

    def with_frequencies(self, counts: NDArray[np.int64]) -> "MaskingVocabulary":
        """Return the same, with replacements as frequent as their tokens.

        Args:
            counts: int64 [vocabulary], occurrences of each id in the examples.
        """
        counts = counts[self.replacement_pool]
        seen = counts > 0
        if not seen.any():
            return self
        # Whole numbers of any size: shares of 64 bits are exact.
        sums = list(itertools.accumulate(counts[seen].tolist()))
        cumulative = np.array([(one << 64) // sums[-1] for one in sums[:-1]], np.uint64)
        pool = self.replacement_pool[seen]
        if not cumulative.size:
            return replace(self, replacement_pool=pool)
        return replace(self, replacement_pool=pool, cumulative=cumulative)


@dataclass
class MaskingCounts:
    """What happened to the tokens of the rows so far."""

    rows: int = 0
    tokens: int = 0
    maskable_tokens: int = 0
    masked_tokens: int = 0
    replaced_tokens: int = 0
    kept_tokens: int = 0
    rows_forced: int = 0
    rows_without_maskable_tokens: int = 0
    rows_without_selection: int = 0
    rows_cut: int = 0
    predictions_cut: int = 0
    never_tokens: int = 0
    always_tokens: int = 0
    padding_tokens: int = 0

    def add(
        self,
        rows: TokenRows,
        chosen: NDArray[np.int64],
        actions: NDArray[np.int64],
    ) -> None:
        """Add one batch: its rows, and the counts of `select_tokens` and `replace_tokens`."""
        self.rows += rows.example_ids.size
        self.tokens += rows.maskable.size
        self.rows_forced += int(chosen[0])
        self.rows_without_maskable_tokens += int(chosen[1])
        self.maskable_tokens += int(chosen[2] + chosen[5] + chosen[6])
        self.rows_cut += int(chosen[3])
        self.predictions_cut += int(chosen[4])
        self.never_tokens += int(chosen[5])
        self.always_tokens += int(chosen[6])
        self.masked_tokens += int(actions[0])
        self.replaced_tokens += int(actions[1])
        self.kept_tokens += int(actions[2])
        # Rows with nothing to choose are among those in which nothing is selected.
        self.rows_without_selection += int(actions[3] - chosen[1])


def mask_examples(
    batch: pa.RecordBatch,
    vocabulary: MaskingVocabulary,
    config: MaskingConfig,
    epoch: int,
    counts: MaskingCounts,
) -> pa.RecordBatch:
    """Mask one batch of examples for one epoch.

    Each row depends on (seed, epoch, example_id) and its own tokens only.

    Args:
        batch: examples of any kind.
        vocabulary: of the tokenizer that made the examples.
        config: rates, unit, form of the targets, seed.
        epoch: round of the random numbers.
        counts: added to.

    Returns:
        As many rows, in the same order, with the columns of `masked_schema`.

    Raises:
        ShardError: ids that the tokenizer does not have, lists of different lengths, or other
            values that no row can have.
    """
    target_ids, offsets = flat_values(batch.column("input_ids"))
    check_ids(batch, vocabulary.maskable.size)
    _check_rows(batch, offsets)
    token_rows = _token_rows(batch, vocabulary, config)
    selected, chosen = select_tokens(token_rows, config, epoch)
    input_ids = target_ids.copy()
    actions = _corrupt(input_ids, selected, token_rows, vocabulary, config, epoch)
    counts.add(token_rows, chosen, actions)
    rows = MaskedRows(input_ids, target_ids, selected != 0, offsets)
    return _lay_out(batch, rows, config, epoch)


def _corrupt(
    input_ids: NDArray[np.int32],
    selected: NDArray[np.uint8],
    rows: TokenRows,
    vocabulary: MaskingVocabulary,
    config: MaskingConfig,
    epoch: int,
) -> NDArray[np.int64]:
    """Change the selected tokens in place; return the counts of `replace_tokens`."""
    actions = np.zeros(4, np.int64)
    key = np.array([config.seed, epoch], np.uint64)
    replace_tokens(
        rows.offsets,
        rows.example_ids,
        selected if config.corrupt_per == "unit" else np.minimum(selected, FIRST),
        vocabulary.replacement_pool,
        vocabulary.cumulative,
        key,
        np.int32(vocabulary.mask_id),
        action_thresholds(config),
        input_ids,
        actions,
    )
    if config.replace_with == "other":
        replace_again(
            rows.offsets,
            rows.example_ids,
            vocabulary.replacement_pool,
            vocabulary.cumulative,
            key,
            input_ids,
        )
    return actions


def _token_rows(
    batch: pa.RecordBatch, vocabulary: MaskingVocabulary, config: MaskingConfig
) -> TokenRows:
    """Return what choosing has to know of a batch."""
    input_ids, offsets = flat_values(batch.column("input_ids"))
    maskable = np.empty(input_ids.size, np.bool_)
    look_up(vocabulary.maskable, input_ids, maskable)
    marks = None
    if config.unit != "token" or vocabulary.listed is not None:
        word_starts, _ = flat_values(batch.column("word_starts"))
    if vocabulary.listed is not None:
        marks = vocabulary.listed.mark(input_ids, maskable, word_starts, offsets)
    if config.unit == "token":
        word_starts = np.ones(input_ids.size, np.bool_)
    example_ids = numpy_array(batch.column("example_id"))
    return TokenRows(maskable, word_starts, offsets, example_ids, marks)


def check_ids(batch: pa.RecordBatch, num_ids: int) -> None:
    """Check that the tokenizer has all ids of examples.

    Raises:
        ShardError: it does not.
    """
    _refuse(batch, token_id_faults(batch, num_ids))


def _check_rows(batch: pa.RecordBatch, offsets: NDArray[np.int64]) -> None:
    # Lists first: the other checks take them to be as long as the row.
    _refuse(batch, list_faults(batch))
    checks = (id_faults(batch), part_faults(batch, offsets), type_faults(batch, offsets))
    _refuse(batch, itertools.chain(*checks))


def _refuse(batch: pa.RecordBatch, faults: Iterable[RowFault]) -> None:
    def name_row(row: int) -> str:
        return f"example {batch.column('example_id')[row]}"

    refuse_faults(faults, name_row, "Make the examples again.")


def action_thresholds(config: MaskingConfig) -> NDArray[np.uint64]:
    """Return the thresholds of `replace_tokens`: uint64 [3]."""
    either = config.mask_replace_prob + config.random_replace_prob
    return np.array(
        [
            probability_threshold(config.mask_replace_prob),
            probability_threshold(either),
            config.replace_with == "other",
        ],
        np.uint64,
    )


def _lay_out(
    batch: pa.RecordBatch, rows: MaskedRows, config: MaskingConfig, epoch: int
) -> pa.RecordBatch:
    names = batch.schema.names
    schema = masked_schema(config.columns, config.keep, kind_of_examples(names))
    types = batch.column("token_type_ids") if "token_type_ids" in names else None
    made: dict[str, pa.Array] = {
        **TARGET_COLUMNS[config.columns](rows, types),
        "epoch": arrow_array(np.full(batch.num_rows, epoch, np.int32)),
    }
    return pa.record_batch(
        [made[name] if name in made else batch.column(name) for name in schema.names],
        schema=schema,
    )


def columns_read(config: MaskingConfig, examples: pa.Schema) -> tuple[str, ...]:
    """Return the names of the columns that masking reads of examples, in their order.

    Args:
        config: asks for whole words or not, and for columns to carry along.
        examples: columns that there are.
    """
    kind = kind_of_examples(examples.names)
    wanted = {*masked_schema(config.columns, config.keep, kind).names}
    wanted |= {"input_ids", "token_type_ids"}
    if config.reads_words:
        wanted.add("word_starts")
    return tuple(name for name in examples.names if name in wanted)


def check_kept_columns(config: MaskingConfig, available: pa.Schema) -> None:
    """Check that the columns to carry along exist and are not made by masking itself.

    Raises:
        ConfigError: --keep names another column.
    """
    made = masked_schema(config.columns, kind=kind_of_examples(available.names)).names
    free = [name for name in available.names if name not in made]
    for name in config.keep:
        if name not in free:
            raise ConfigError(
                f"--keep names the column {name!r}; expected one of: {', '.join(free)}."
            )
