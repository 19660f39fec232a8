"""A whole run as the single commands, one after the other; what each of them makes stays."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from maskprep import pipeline
from maskprep.config import ShardConfig
from maskprep.encoders.loading import Tokenizer, load_tokenizer
from maskprep.errors import ConfigError
from maskprep.tasks.fitting import require_fitting
from maskprep.tasks.inputs import STDIN, spare_inputs
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context, Summary
from maskprep.tasks.word_lists import with_words_of_files

_TOKENIZER, _DOCUMENTS, _EXAMPLES, _VALIDATION = "tokenizer", "documents", "examples", "validation"


def prepare_in_stages(
    inputs: Sequence[str],
    recipe: Recipe,
    tokenizer: Tokenizer | None,
    stages: Path,
    output: Path,
    context: Context,
) -> Summary:
    """Do what `pipeline.prepare_corpus` does, and keep tokenizer, documents and examples.

    Args:
        inputs: raw text.
        recipe: settings of all stages.
        tokenizer: None: one is trained on the text.
        stages: folder of the stages' folders.
        output: folder of the masked shards; the same bytes as without stages.
        context: machine and progress.

    Raises:
        ConfigError: standard input would have to be read twice, the folders lie in one another, or
            `stages` holds another tokenizer than would be trained.
    """
    names = (_TOKENIZER, _DOCUMENTS, _EXAMPLES, _VALIDATION)
    spare_inputs([*inputs, *(str(stages / name) for name in names)], output)
    _require_fitting(recipe, tokenizer)
    if STDIN in inputs and (tokenizer is None or recipe.corpus.makes_both):
        raise ConfigError(
            "--keep-stages reads the corpus twice where it trains a tokenizer or makes validation "
            "data beside, and standard input can be read once. Name files, or give a --tokenizer "
            "and a --split."
        )
    if tokenizer is None:
        tokenizer = _trained(inputs, recipe, stages / _TOKENIZER, context)
        _require_fitting(recipe, tokenizer)
    rows = _examples(inputs, recipe, tokenizer, stages, context)
    if not recipe.corpus.makes_both:
        return pipeline.mask_dataset(rows, recipe.masking, recipe.shards, output, context)
    held_out = replace(recipe, corpus=replace(recipe.corpus, split="validation"))
    others = _examples(inputs, held_out, tokenizer, stages / _VALIDATION, context)
    return pipeline.mask_both(rows, others, recipe.masking, recipe.shards, output, context)


def _require_fitting(recipe: Recipe, tokenizer: Tokenizer | None) -> None:
    # The stage that masks reads the files of words itself; a word of theirs may begin with "@".
    expanded = replace(recipe, masking=with_words_of_files(recipe.masking))
    require_fitting(expanded, tokenizer)


def _examples(
    inputs: Sequence[str], recipe: Recipe, tokenizer: Tokenizer, stages: Path, context: Context
) -> pipeline.StageRows:
    """Make documents and examples of one split."""
    corpus = pipeline.Corpus(inputs, recipe.corpus, recipe.tokenization)
    documents, examples = stages / _DOCUMENTS, stages / _EXAMPLES
    plain = ShardConfig(compression=recipe.shards.compression)
    pipeline.tokenize_corpus(corpus, tokenizer, plain, documents, context)
    rows = pipeline.StageRows([str(documents)])
    pipeline.make_examples(rows, recipe.examples, recipe.shards, examples, context)
    return pipeline.StageRows([str(examples)])


def _trained(inputs: Sequence[str], recipe: Recipe, folder: Path, context: Context) -> Tokenizer:
    """Train into a folder, or find there what would be trained."""
    is_there = (folder / "tokenizer.json").exists()
    if not is_there or context.machine.overwrite:
        pipeline.train_corpus(inputs, recipe.corpus, recipe.training, folder, context)
        return load_tokenizer(str(folder))
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tokenizer-") as scratch:
        again = Path(scratch) / "tokenizer"
        pipeline.train_corpus(inputs, recipe.corpus, recipe.training, again, context)
        expected = load_tokenizer(str(again)).fingerprint
    found = load_tokenizer(str(folder))
    if found.fingerprint != expected:
        raise ConfigError(
            f"{folder} holds another tokenizer than this corpus and these settings give. Choose "
            f"another --keep-stages folder, name it with --tokenizer, or replace it with "
            f"--overwrite."
        )
    return found
