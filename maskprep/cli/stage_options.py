"""Options that are settings of a stage; each stands here once.

Groups are dataclasses whose fields have the names of the settings they fill
(`maskprep.config`); defaults are the settings' own, so they are written down once as well.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from maskprep.cli.options import parse_size
from maskprep.config import (
    Boundaries,
    Columns,
    CorpusConfig,
    CorruptPer,
    Documents,
    Encode,
    Format,
    LineBreaks,
    MaskingConfig,
    Model,
    Objective,
    OnInvalid,
    PackingConfig,
    PairingConfig,
    ReplaceFrom,
    ReplaceWith,
    Selection,
    Sentences,
    SpecialTokensInText,
    Split,
    TokenizationConfig,
    TrainingConfig,
    Unit,
    Words,
)

_corpus = partial(typer.Option, rich_help_panel="Corpus")
_tokenizer = partial(typer.Option, rich_help_panel="Tokenizer")
_pairs = partial(typer.Option, rich_help_panel="Pairs")
_sequences = partial(typer.Option, rich_help_panel="Sequences")
_masks = partial(typer.Option, rich_help_panel="Masks")


def parse_rate(text: str | float) -> float | tuple[float, float]:
    """Read a share of tokens, or the shares of the first and the last epoch: 0.15, 0.30:0.15.

    Raises:
        BadParameter: it is neither.
    """
    if not isinstance(text, str):
        return text
    try:
        ends = tuple(float(one) for one in text.split(":"))
    except ValueError:
        ends = ()
    if len(ends) == 1:
        return ends[0]
    if len(ends) == 2:  # noqa: PLR2004 - the two ends
        return ends
    raise typer.BadParameter(f"{text!r} is no share; expected one like 0.15, or 0.30:0.15.")


@dataclass(frozen=True)
class CorpusOptions:
    """How raw documents are found, cut and read."""

    format: Annotated[Format, _corpus(help="Of the files; auto: told by name.")] = (
        CorpusConfig.format
    )
    documents: Annotated[
        Documents,
        _corpus(help="What ends a document in text: a blank line, every line, the file's end."),
    ] = CorpusConfig.documents
    text_column: Annotated[
        str,
        _corpus(metavar="NAME", help="Where JSON Lines, Parquet and CSV hold text."),
    ] = CorpusConfig.text_column
    id_column: Annotated[
        str | None,
        _corpus(metavar="NAME", help="Column of ids to keep beside ours."),
    ] = None
    words: Annotated[
        Words,
        _corpus(
            help="Where words begin: as the tokenizer sees them, at spaces in the text, or as the "
            "text column lists them; separators are no part of the text."
        ),
    ] = CorpusConfig.words
    on_invalid: Annotated[
        OnInvalid,
        _corpus(help="Invalid UTF-8: stop, skip the document, or put U+FFFD in its place."),
    ] = CorpusConfig.on_invalid
    stdin_filename: Annotated[
        str | None,
        _corpus(metavar="NAME", help="Treat standard input as a file of this name."),
    ] = None
    limit: Annotated[
        int | None,
        _corpus(metavar="N", min=1, help="Read only the first N documents."),
    ] = None
    validation: Annotated[
        float,
        _corpus(
            metavar="P",
            help="Hold out about this share of the documents, chosen by the hash of their text.",
        ),
    ] = CorpusConfig.validation
    split: Annotated[
        Split | None,
        _corpus(
            help="With --validation, read this split alone; by default train, and prepare makes "
            "both."
        ),
    ] = None


@dataclass(frozen=True)
class TokenizationOptions:
    """How a document becomes token ids with sentence and word borders."""

    sentences: Annotated[
        Sentences,
        _corpus(help="Split sentences, take each line as one, or keep none."),
    ] = TokenizationConfig.sentences
    line_breaks: Annotated[
        LineBreaks,
        _corpus(help="A line break ends a sentence, or is a space (hard-wrapped text)."),
    ] = TokenizationConfig.line_breaks
    encode: Annotated[
        Encode,
        _corpus(help="Encode each line by itself, or documents with their line breaks."),
    ] = TokenizationConfig.encode
    language: Annotated[
        str,
        _corpus(metavar="CODE", help="Whose sentence rules apply, e.g. en; auto."),
    ] = TokenizationConfig.language
    special_tokens_in_text: Annotated[
        SpecialTokensInText,
        _tokenizer(
            help="A special token spelt in the text: ordinary text, an error, or that token."
        ),
    ] = TokenizationConfig.special_tokens_in_text


@dataclass(frozen=True)
class SpecialTokenOptions:
    """Which tokens play which role, where a tokenizer's files do not say."""

    mask_token: Annotated[str | None, _tokenizer(metavar="T", help="The mask token.")] = None
    cls_token: Annotated[
        str | None,
        _tokenizer(metavar="T", help="The token before a pair."),
    ] = None
    sep_token: Annotated[
        str | None,
        _tokenizer(metavar="T", help="The token after a segment."),
    ] = None
    pad_token: Annotated[str | None, _tokenizer(metavar="T", help="The padding token.")] = None
    unk_token: Annotated[
        str | None,
        _tokenizer(metavar="T", help="The token of unknown text."),
    ] = None


@dataclass(frozen=True)
class TrainingOptions:
    """What tokenizer is learned."""

    model: Annotated[Model, _tokenizer(help="Kind of tokenizer; bpe is byte-level.")] = (
        TrainingConfig.model
    )
    vocab_size: Annotated[int, _tokenizer(metavar="N", help="How many tokens.")] = (
        TrainingConfig.vocab_size
    )
    lowercase: Annotated[
        bool,
        _tokenizer("--lowercase/--cased", help="Fold case or keep it."),
    ] = TrainingConfig.lowercase
    strip_accents: Annotated[
        bool,
        _tokenizer(
            "--strip-accents/--keep-accents",
            help="Take accents off letters (English only: it breaks many scripts).",
        ),
    ] = TrainingConfig.strip_accents
    min_frequency: Annotated[
        int,
        _tokenizer(metavar="N", help="Join only pairs that occur this often."),
    ] = TrainingConfig.min_frequency
    character_coverage: Annotated[
        float,
        _tokenizer(metavar="P", help="Share of the characters with a token."),
    ] = TrainingConfig.character_coverage
    special_tokens: Annotated[
        list[str] | None,
        _tokenizer(
            "--special-token", metavar="T", help="A further special token; may be repeated."
        ),
    ] = None
    sample_bytes: Annotated[
        int | None,
        _tokenizer(
            metavar="SIZE",
            parser=parse_size,
            help="Learn from about this much text (512MiB), documents chosen by hash.",
        ),
    ] = None


@dataclass(frozen=True)
class PairingOptions:
    """How sentence pairs are made."""

    max_seq_length: Annotated[
        int,
        _pairs(metavar="N", help="Most tokens of a pair, special ones included."),
    ] = PairingConfig.max_seq_length
    short_seq_prob: Annotated[float, _pairs(metavar="P", help="Share of shorter pairs.")] = (
        PairingConfig.short_seq_prob
    )
    random_next_prob: Annotated[
        float,
        _pairs(metavar="P", help="Share of pairs whose B is random (nsp)."),
    ] = PairingConfig.random_next_prob
    objective: Annotated[
        Objective,
        _pairs(help="Next sentence (B may be random), or sentence order (A and B may be swapped)."),
    ] = PairingConfig.objective
    duplicates: Annotated[
        int,
        _pairs(metavar="N", help="Make pairs of the corpus this often, other ones each time."),
    ] = PairingConfig.duplicates


@dataclass(frozen=True)
class SequenceOptions:
    """How long packed rows are."""

    max_seq_length: Annotated[
        int,
        _sequences(metavar="N", help="Most tokens of a row, special ones included."),
    ] = PackingConfig.max_seq_length
    short_seq_prob: Annotated[
        float, _sequences(metavar="P", help="Share of shorter rows; RoBERTa has none.")
    ] = PackingConfig.short_seq_prob


@dataclass(frozen=True)
class BoundaryOptions:
    """What may share a packed row, and how it is divided."""

    boundaries: Annotated[
        Boundaries,
        _sequences(
            help="Sentences of any documents, of one document, or whole documents that fit best."
        ),
    ] = PackingConfig.boundaries
    two_segments_prob: Annotated[
        float,
        _sequences(
            metavar="P",
            help="Share of rows that are divided in two segments, with token types (ELECTRA).",
        ),
    ] = PackingConfig.two_segments_prob


@dataclass(frozen=True)
class MaskingOptions:
    """Which tokens are predicted, and what the model sees in their place."""

    mlm_probability: Annotated[
        Any,
        _masks(
            metavar="P[:Q]",
            parser=parse_rate,
            help="Share of tokens to predict; 0.30:0.15 goes from the first epoch to the last.",
        ),
    ] = MaskingConfig.mlm_probability
    mask_replace_prob: Annotated[
        float,
        _masks(metavar="P", help="Share of these that are masked."),
    ] = MaskingConfig.mask_replace_prob
    random_replace_prob: Annotated[
        float,
        _masks(metavar="P", help="Share of these that become a random token; the rest is kept."),
    ] = MaskingConfig.random_replace_prob
    unit: Annotated[
        Unit,
        _masks(
            help="Choose tokens, whole words, n-grams of words (ALBERT) or spans of 1 to 10 words "
            "(SpanBERT)."
        ),
    ] = MaskingConfig.unit
    max_ngram: Annotated[
        int, _masks(metavar="N", help="Most words of an n-gram; n words are 1/n as likely as 1.")
    ] = MaskingConfig.max_ngram
    corrupt_per: Annotated[
        CorruptPer,
        _masks(help="Mask, replace or keep a unit as a whole, or each of its tokens by itself."),
    ] = MaskingConfig.corrupt_per
    replace_from: Annotated[
        ReplaceFrom,
        _masks(help="Random tokens: all alike, or as frequent as in the examples."),
    ] = MaskingConfig.replace_from
    replace_with: Annotated[
        ReplaceWith,
        _masks(help="Random tokens: any, or never the one that is replaced."),
    ] = MaskingConfig.replace_with
    selection: Annotated[
        Selection,
        _masks(
            help="Fill a budget for each row, which is right on average; choose each unit by "
            "itself; or round P x the row's tokens, as Google's script does."
        ),
    ] = MaskingConfig.selection
    max_predictions: Annotated[
        int | None,
        _masks(metavar="N", help="Most tokens to predict in a row; what is too much is cut."),
    ] = MaskingConfig.max_predictions
    never_mask: Annotated[
        list[str] | None,
        _masks(
            metavar="WORD",
            help="Never predict this word; @FILE: the words of a file, one a line; may be "
            "repeated.",
        ),
    ] = None
    always_mask: Annotated[
        list[str] | None,
        _masks(
            metavar="WORD",
            help="Predict this word wherever it stands, beyond the rate; @FILE as above; may be "
            "repeated.",
        ),
    ] = None
    epochs: Annotated[
        int,
        _masks(metavar="N", help="Mask every example this often."),
    ] = MaskingConfig.epochs
    columns: Annotated[Columns, _masks(help="Form of the targets.")] = MaskingConfig.columns
    keep: Annotated[
        list[str] | None,
        _masks(
            metavar="COLUMN",
            help="Carry a column of the examples along, e.g. word_starts; may be repeated.",
        ),
    ] = None
    pad_to_max: Annotated[
        bool,
        _masks(
            "--pad-to-max/--no-pad-to-max",
            help="Pad rows to the examples' --max-seq-length, lists of predictions to "
            "--max-predictions, and say where the padding begins.",
        ),
    ] = MaskingConfig.pad_to_max
