"""How frequent tokens are in the examples that are masked: one pass over them, before masking."""

from dataclasses import dataclass

import numpy as np

from maskprep.config import MaskingConfig
from maskprep.encoders.loading import Tokenizer
from maskprep.errors import ConfigError
from maskprep.list_columns import flat_values
from maskprep.stages.masking import MaskingVocabulary, check_ids
from maskprep.tasks.examples import Examples
from maskprep.tasks.inputs import StageInput
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Run
from maskprep.tasks.rows import Rows
from maskprep.tasks.writing import edges_every, masking_vocabulary, shard_rows_for


@dataclass(frozen=True)
class TokenCountTask:
    """Count the tokens of a portion of examples."""

    rows: Rows
    num_ids: int


def count_tokens(task: TokenCountTask) -> Receipt:
    """Count how often each id occurs in a portion of examples."""
    counts = np.zeros(task.num_ids, np.int64)
    rows = 0
    for batch in task.rows.read(("example_id", "input_ids")):
        check_ids(batch, task.num_ids)
        input_ids, _ = flat_values(batch.column("input_ids"))
        counts += np.bincount(input_ids, minlength=task.num_ids)
        rows += batch.num_rows
    return {"rows": rows, "counts": counts.tolist()}


def counted_vocabulary(
    run: Run, tokenizer: Tokenizer, config: MaskingConfig, examples: Examples | None
) -> MaskingVocabulary:
    """Return what masking has to know of a tokenizer; count tokens if the settings ask for it.

    Args:
        run: engine and progress.
        tokenizer: of the examples.
        config: where replacements come from.
        examples: all that are masked; None: they pass by only once.
    """
    vocabulary = masking_vocabulary(tokenizer, config)
    if config.replace_from == "uniform" or examples is None:
        return vocabulary
    counts = np.zeros(tokenizer.num_ids, np.int64)
    portion = shard_rows_for(examples.rows, examples.max_seq_length)
    tasks = (
        TokenCountTask(rows, tokenizer.num_ids)
        for part in examples.by_bin()
        for rows in part.portions(run, edges_every(portion, part.rows))
    )
    for receipt in run.phase("count tokens", count_tokens, tasks, unit="rows", total=examples.rows):
        counts += np.array(receipt["counts"], np.int64)
    return vocabulary.with_frequencies(counts)


def require_countable(config: MaskingConfig, source: StageInput) -> None:
    """Check that examples can be read before they are masked, if they have to be.

    Raises:
        ConfigError: they come and go as a stream.
    """
    if config.replace_from == "unigram" and source.stream is not None:
        raise ConfigError(
            "--replace-from unigram counts the tokens of all examples before it masks the first, "
            "but they come as a stream and leave as one. Name an --output folder, or read the "
            "examples from a folder."
        )
