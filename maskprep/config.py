"""Settings of each stage: frozen, checked when made, named as in the literature.

Fields carry the names of the command-line options and of the tables in a recipe
(`maskprep/recipes/bert.toml`); `docs/reference/config.md` lists them all.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from maskprep.errors import ConfigError

Format = Literal["auto", "text", "jsonl", "parquet", "csv"]
Documents = Literal["blank-line", "line", "file"]
OnInvalid = Literal["error", "skip", "replace"]
Words = Literal["tokenizer", "spaces", "list"]
Split = Literal["train", "validation"]
Sentences = Literal["split", "lines", "none"]
LineBreaks = Literal["boundary", "space"]
Encode = Literal["line", "document"]
SpecialTokensInText = Literal["split", "error", "parse"]
EncoderChoice = Literal["auto", "fast", "reference"]
Model = Literal["wordpiece", "bpe", "unigram"]
Unit = Literal["token", "word", "ngram", "span"]
Selection = Literal["exact", "bernoulli", "rounded"]
CorruptPer = Literal["unit", "token"]
ReplaceFrom = Literal["uniform", "unigram"]
ReplaceWith = Literal["any", "other"]
Objective = Literal["nsp", "sop"]
SWAPPED_SHARE = 0.5
"""Of the pairs for sentence-order prediction (Lan et al. 2020, ALBERT, section 3.1)."""
Boundaries = Literal["cross", "document", "best-fit"]
Columns = Literal["loss-mask", "labels", "positions", "keras"]
Compression = Literal["zstd", "snappy", "lz4", "none"]

SEED_LIMIT = 2**64
MAX_SHARDS = 100_000
LONGEST_NGRAM = 100
MOST_APART = 0.5
"""Most of what can be chosen if no two chosen units touch: every second one."""


def _option(field: str) -> str:
    return "--" + field.replace("_", "-")


def _require(ok: bool, field: str, value: object, expected: str) -> None:
    if not ok:
        raise ConfigError(f"{_option(field)} is {value!r}; expected {expected}.")


def _require_choice(field: str, value: str, choices: object) -> None:
    allowed = get_args(choices)
    _require(value in allowed, field, value, "one of " + ", ".join(allowed))


def _require_probability(field: str, value: float) -> None:
    _require(0.0 <= value <= 1.0, field, value, "a probability between 0 and 1")


def _require_length(max_seq_length: int) -> None:
    _require(
        1 <= max_seq_length <= 2**20,
        "max_seq_length",
        max_seq_length,
        "a number of tokens between 1 and 1,048,576",
    )


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
        _require_choice("format", self.format, Format)
        _require_choice("documents", self.documents, Documents)
        _require_choice("words", self.words, Words)
        _require_choice("on_invalid", self.on_invalid, OnInvalid)
        _require(self.block_bytes >= 1, "block_bytes", self.block_bytes, "at least 1 byte")
        _require(self.limit is None or self.limit >= 1, "limit", self.limit, "at least 1")
        _require(
            0.0 <= self.validation < 1.0,
            "validation",
            self.validation,
            "a share of the documents between 0 and 1, e.g. 0.005",
        )
        if self.split is not None:
            _require_choice("split", self.split, Split)
            _require(
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
        _require_choice("sentences", self.sentences, Sentences)
        _require_choice("line_breaks", self.line_breaks, LineBreaks)
        _require_choice("encode", self.encode, Encode)
        _require_choice("special_tokens_in_text", self.special_tokens_in_text, SpecialTokensInText)


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
        _require_choice("model", self.model, Model)
        _require(self.vocab_size >= 1, "vocab_size", self.vocab_size, "at least 1")
        _require(self.min_frequency >= 0, "min_frequency", self.min_frequency, "at least 0")
        _require_probability("character_coverage", self.character_coverage)
        _require(
            self.sample_bytes is None or self.sample_bytes >= 1,
            "sample_bytes",
            self.sample_bytes,
            "at least 1",
        )
        for token in self.special_tokens:
            _require(bool(token.strip()), "special_token", token, "a token with visible characters")


@dataclass(frozen=True)
class PairingConfig:
    """How sentence pairs are made (Devlin et al. 2019, section 3.1 and appendix A.2)."""

    max_seq_length: int = 512
    short_seq_prob: float = 0.1
    random_next_prob: float = 0.5
    """Of next-sentence prediction; sentence order has no random segments."""
    seed: int = 0
    objective: Objective = "nsp"
    """sop: sentence-order prediction (Lan et al. 2020, ALBERT, section 3.1)."""
    duplicates: int = 1

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        _require_length(self.max_seq_length)
        _require_probability("short_seq_prob", self.short_seq_prob)
        _require_probability("random_next_prob", self.random_next_prob)
        _require(0 <= self.seed < SEED_LIMIT, "seed", self.seed, "a number between 0 and 2^64 - 1")
        _require_choice("objective", self.objective, Objective)
        _require(1 <= self.duplicates < 2**24, "duplicates", self.duplicates, "at least 1")


@dataclass(frozen=True)
class PackingConfig:
    """How documents fill sequences without pairs (Liu et al. 2019, RoBERTa, section 4.2)."""

    max_seq_length: int = 512
    short_seq_prob: float = 0.0
    boundaries: Boundaries = "cross"
    seed: int = 0
    two_segments_prob: float = 0.0
    """Share of rows that are divided in two segments (ELECTRA); rows of one document only."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        _require_length(self.max_seq_length)
        _require_probability("short_seq_prob", self.short_seq_prob)
        _require_choice("boundaries", self.boundaries, Boundaries)
        _require(
            self.boundaries != "best-fit" or self.short_seq_prob == 0.0,
            "short_seq_prob",
            self.short_seq_prob,
            "0 with --boundaries best-fit, which fills every row as far as it can",
        )
        _require_probability("two_segments_prob", self.two_segments_prob)
        _require(
            self.boundaries == "document" or self.two_segments_prob == 0.0,
            "two_segments_prob",
            self.two_segments_prob,
            f"0 with --boundaries {self.boundaries}; only rows of one document (--boundaries "
            f"document) are divided in two segments",
        )
        _require(0 <= self.seed < SEED_LIMIT, "seed", self.seed, "a number between 0 and 2^64 - 1")


@dataclass(frozen=True)
class MaskingConfig:
    """Which tokens are predicted, and what the model sees in their place."""

    mlm_probability: float | tuple[float, float] = 0.15
    """Share of tokens to predict, or that of the first and of the last epoch, linear between."""
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    unit: Unit = "token"
    max_ngram: int = 3
    """Most words of a unit of `ngram`."""
    corrupt_per: CorruptPer = "unit"
    """What is masked, replaced or kept by one draw."""
    replace_from: ReplaceFrom = "uniform"
    """Random tokens: all alike, or as frequent as in the examples that are masked."""
    replace_with: ReplaceWith = "any"
    """Random tokens: any, or never the one that is replaced."""
    selection: Selection = "exact"
    """Choose units to a budget for each row, or each by itself."""
    max_predictions: int | None = None
    """Most selected tokens of a row."""
    never_mask: tuple[str, ...] = ()
    """Words that are never selected; @FILE: the words of a file, one a line."""
    always_mask: tuple[str, ...] = ()
    """Words that are selected in every row and epoch, beyond the rate."""
    epochs: int = 1
    columns: Columns = "loss-mask"
    keep: tuple[str, ...] = ()
    """Columns of the examples to carry along, e.g. word_starts."""
    pad_to_max: bool = False
    """Pad rows to the examples' max_seq_length, and lists of predictions to max_predictions."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        self._check_rate()
        _require_probability("mask_replace_prob", self.mask_replace_prob)
        _require_probability("random_replace_prob", self.random_replace_prob)
        _require(
            self.mask_replace_prob + self.random_replace_prob <= 1.0 + 1e-9,
            "random_replace_prob",
            self.random_replace_prob,
            f"at most {1.0 - self.mask_replace_prob:.3g}, what --mask-replace-prob "
            f"{self.mask_replace_prob:g} leaves",
        )
        _require_choice("unit", self.unit, Unit)
        _require(
            1 <= self.max_ngram <= LONGEST_NGRAM,
            "max_ngram",
            self.max_ngram,
            f"1 to {LONGEST_NGRAM} words",
        )
        _require_choice("corrupt_per", self.corrupt_per, CorruptPer)
        _require_choice("replace_from", self.replace_from, ReplaceFrom)
        _require_choice("replace_with", self.replace_with, ReplaceWith)
        _require_choice("selection", self.selection, Selection)
        _require(
            not (self.selection == "rounded" and self.units_apart),
            "selection",
            self.selection,
            f"exact or bernoulli with --unit {self.unit}: a row has not always as many units that "
            f"do not touch as rounded asks for",
        )
        _require(
            self.max_predictions is None or self.max_predictions >= 1,
            "max_predictions",
            self.max_predictions,
            "at least 1",
        )
        for name, words in (("never_mask", self.never_mask), ("always_mask", self.always_mask)):
            for word in words:
                _require(bool(word.strip()), name, word, "a word with visible characters")
        _require(1 <= self.epochs < 2**24, "epochs", self.epochs, "at least 1")
        _require_choice("columns", self.columns, Columns)
        self._check_padding()
        _require(0 <= self.seed < SEED_LIMIT, "seed", self.seed, "a number between 0 and 2^64 - 1")

    def _check_padding(self) -> None:
        if not self.pad_to_max or self.max_predictions is not None:
            return
        if self.columns in ("positions", "keras"):
            rate = max(self.mlm_probability_ends)
            raise ConfigError(
                f"--pad-to-max pads the lists of --columns {self.columns} to --max-predictions, "
                f"which is not set; expected the most predictions of a row. Usual are "
                f"--mlm-probability x --max-seq-length, rounded up, or a little more: "
                f"{math.ceil(128 * rate)} for rows of 128 tokens, {math.ceil(512 * rate)} for 512."
            )

    def _check_rate(self) -> None:
        ends = self.mlm_probability
        if isinstance(ends, tuple):
            _require(len(ends) == 2, "mlm_probability", ends, "one share, or two: 0.30:0.15")  # noqa: PLR2004
        for rate in self.mlm_probability_ends:
            _require_probability("mlm_probability", rate)
            _require(rate > 0.0, "mlm_probability", rate, "more than 0")
            _require(
                not self.units_apart or rate <= MOST_APART,
                "mlm_probability",
                rate,
                f"at most {MOST_APART} with --unit {self.unit}, whose units do not touch",
            )
        first, last = self.mlm_probability_ends
        _require(
            first == last or self.epochs > 1,
            "epochs",
            self.epochs,
            f"2 or more, for --mlm-probability {first:g}:{last:g} goes from the first to the last",
        )

    @property
    def mlm_probability_ends(self) -> tuple[float, float]:
        """Share of tokens to predict in the first and in the last epoch."""
        if isinstance(self.mlm_probability, tuple):
            return self.mlm_probability
        return self.mlm_probability, self.mlm_probability

    def epoch_mlm_probability(self, epoch: int) -> float:
        """Return the share of tokens to predict in an epoch."""
        first, last = self.mlm_probability_ends
        if first == last:
            return first
        return first + (last - first) * min(epoch / (self.epochs - 1), 1.0)

    @property
    def units_apart(self) -> bool:
        """Whether no two chosen units touch: units of several words, which would run together."""
        return self.unit in ("ngram", "span")


@dataclass(frozen=True)
class ShardConfig:
    """How rows are laid into files."""

    shard_rows: int | None = None
    """Rows per shard; None: equal shards of at most about 256 MiB, 16 of them if they can be."""
    shuffle: bool = True
    compression: Compression = "zstd"
    num_shards: int | None = None
    """Of examples, for every epoch; their rows differ by one at most. None: as shard_rows says."""
    bin_size: int | None = None
    """Lengths that share a bin, of examples; every shard has rows of one bin. None: no bins."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        _require(
            self.shard_rows is None or self.shard_rows >= 1,
            "shard_rows",
            self.shard_rows,
            "at least 1",
        )
        _require_choice("compression", self.compression, Compression)
        _require(
            self.num_shards is None or 1 <= self.num_shards <= MAX_SHARDS,
            "num_shards",
            self.num_shards,
            f"a number between 1 and {MAX_SHARDS:,}",
        )
        _require(
            self.num_shards is None or self.shard_rows is None,
            "num_shards",
            self.num_shards,
            "nothing beside --shard-rows, which also says how many shards there are",
        )
        _require(
            self.bin_size is None or self.bin_size >= 1, "bin_size", self.bin_size, "at least 1"
        )


def check_padding(masking: MaskingConfig, shards: ShardConfig) -> None:
    """Check that rows are padded to one length or put into bins of lengths, not both.

    Raises:
        ConfigError: both are asked for.
    """
    if masking.pad_to_max and shards.bin_size is not None:
        raise ConfigError(
            f"--bin-size is {shards.bin_size}, and --pad-to-max gives all rows one length. Leave "
            f"one of them out: rows of a bin are padded by the trainer, to the end of their bin."
        )


@dataclass(frozen=True)
class RunConfig:
    """How a run uses this machine; nothing here changes a byte of the result."""

    workers: int = 1
    memory_bytes: int | None = None
    """Most private memory of the run, kept by running fewer workers; None: 512 MiB for each."""
    temp_dir: str | None = None
    overwrite: bool = False
    encoder: EncoderChoice = "auto"
    """What turns text into ids: always the ids of the tokenizers library, faster or by itself."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            ConfigError: a field has a value it cannot have.
        """
        _require(self.workers >= 1, "workers", self.workers, "at least 1")
        _require_choice("encoder", self.encoder, EncoderChoice)
        _require(
            self.memory_bytes is None or self.memory_bytes >= 1,
            "memory",
            self.memory_bytes,
            "an amount like 512MiB or 2GiB",
        )
