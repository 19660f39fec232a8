"""Whether the settings of a whole run fit one another: asked before anything is made."""

from maskprep.config import PairingConfig, check_padding
from maskprep.encoders.loading import Tokenizer
from maskprep.schema import examples_schema
from maskprep.stages.masking import check_kept_columns
from maskprep.stages.sentences import require_language
from maskprep.tasks.makers import example_maker, kind_made
from maskprep.tasks.pairing import require_sentences
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.word_lists import listed_words
from maskprep.tasks.writing import require_maskable, required_padding


def require_fitting(recipe: Recipe, tokenizer: Tokenizer | None) -> None:
    """Check that each stage of a run can do what the settings ask of it.

    Args:
        recipe: its settings, with the words of files.
        tokenizer: of the run; None: it is trained first, and what depends on it is asked then.

    Raises:
        ConfigError: settings exclude one another, or the tokenizer.
        TokenizerError: the tokenizer lacks a token that a stage needs.
    """
    check_kept_columns(recipe.masking, examples_schema(kind_made(recipe.examples)))
    check_padding(recipe.masking, recipe.shards)
    require_language(recipe.tokenization.language)
    if isinstance(recipe.examples, PairingConfig):
        require_sentences(recipe.record)
    if tokenizer is not None:
        require_maskable(tokenizer)
        listed_words(recipe.masking, tokenizer)
        required_padding(recipe.record, tokenizer, recipe.masking)
        example_maker(recipe.record, tokenizer, recipe.examples)
