"""Options that are settings of what reads text; each stands here once.

Groups are dataclasses whose fields have the names of the settings they fill
(`maskprep.config`); defaults are the settings' own, so they are written down once as well.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from maskprep.cli.options import parse_size
from maskprep.config import (
    CorpusConfig,
    Documents,
    Encode,
    Format,
    LineBreaks,
    Model,
    OnInvalid,
    Sentences,
    SpecialTokensInText,
    Split,
    TokenizationConfig,
    TrainingConfig,
    Words,
)

_corpus = partial(typer.Option, rich_help_panel="Corpus")
_tokenizer = partial(typer.Option, rich_help_panel="Tokenizer")


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
        _corpus(metavar="N", help="Read only the first N documents."),
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
