"""Settings of what reads text: how it is found, cut, tokenized, and learned from."""

from dataclasses import dataclass
from typing import Literal

from maskprep.config.checks import (
    drop_repeats,
    require,
    require_choice,
    require_count,
    require_probability,
)

Format = Literal["auto", "text", "jsonl", "parquet", "csv"]
Documents = Literal["blank-line", "line", "file"]
OnInvalid = Literal["error", "skip", "replace"]
Words = Literal["tokenizer", "spaces", "list"]
Split = Literal["train", "validation"]
Sentences = Literal["split", "lines", "none"]
LineBreaks = Literal["boundary", "space"]
Encode = Literal["line", "document"]
SpecialTokensInText = Literal["split", "error", "parse"]
Model = Literal["wordpiece", "bpe", "unigram"]
LARGEST_VOCABULARY = 2**24
"""Tokens to train; room for them is taken before the first is learned."""


@dataclass(frozen=True)
class CorpusConfig:
    """How raw documents are found, cut and read."""

    format: Format = "auto"
    documents: Documents = "blank-line"
    text_column: str = "text"
    id_column: str | None = None
    on_invalid: OnInvalid = "error"
    stdin_filename: str | None = None
    block_bytes: int = 16 * 2**20
    """A task reads the documents whose first byte lies in one block of this many bytes."""
    limit: int | None = None
    """Read only this many documents, from the first on."""
    words: Words = "tokenizer"
    """Where words begin: as the tokenizer sees them, or where the corpus says."""
    validation: float = 0.0
    """Share of the documents that are held out for validation, chosen by their text."""
    split: Split | None = None
    """Read the documents for training or those for validation; None: those for training, and
    `prepare` makes the others beside them."""

    @property
    def makes_both(self) -> bool:
        """Whether a whole run makes training and validation data."""
        return self.validation > 0.0 and self.split is None

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_choice("format", self.format, Format)
        require_choice("documents", self.documents, Documents)
        require_choice("words", self.words, Words)
        require_choice("on_invalid", self.on_invalid, OnInvalid)
        require_count("block_bytes", self.block_bytes)
        require_count("limit", self.limit)
        require(
            0.0 <= self.validation < 1.0,
            "validation",
            self.validation,
            "a share of the documents from 0 to below 1, e.g. 0.005",
        )
        if self.split is not None:
            require_choice("split", self.split, Split)
            require(
                self.validation > 0.0,
                "split",
                self.split,
                "--validation P beside it, the share of the documents that is held out",
            )


@dataclass(frozen=True)
class TokenizationConfig:
    """How a document becomes token ids with sentence and word borders."""

    sentences: Sentences = "split"
    line_breaks: LineBreaks = "boundary"
    encode: Encode = "line"
    language: str = "auto"
    special_tokens_in_text: SpecialTokensInText = "split"

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_choice("sentences", self.sentences, Sentences)
        require_choice("line_breaks", self.line_breaks, LineBreaks)
        require_choice("encode", self.encode, Encode)
        require_choice("special_tokens_in_text", self.special_tokens_in_text, SpecialTokensInText)


@dataclass(frozen=True)
class TrainingConfig:
    """What tokenizer is learned from a corpus."""

    model: Model = "wordpiece"
    vocab_size: int = 30_522
    lowercase: bool = True
    strip_accents: bool = False
    min_frequency: int = 2
    character_coverage: float = 0.9995
    special_tokens: tuple[str, ...] = ()
    """Further special tokens, after the model's own five."""
    sample_bytes: int | None = None
    """Learn from about this many bytes of text, documents chosen by hash."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        require_choice("model", self.model, Model)
        require_count("vocab_size", self.vocab_size, most=LARGEST_VOCABULARY)
        require_count("min_frequency", self.min_frequency, least=0)
        require_probability("character_coverage", self.character_coverage)
        require_count("sample_bytes", self.sample_bytes)
        drop_repeats(self, "special_tokens")
        for token in self.special_tokens:
            require(bool(token.strip()), "special_token", token, "a token with visible characters")
