"""Options that are settings of pairs, packed sequences and masking; each stands here once.

As in `maskprep.cli.corpus_options`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import typer

from maskprep.config import (
    Boundaries,
    Columns,
    CorruptPer,
    MaskingConfig,
    Objective,
    PackingConfig,
    PairingConfig,
    ReplaceFrom,
    ReplaceWith,
    Selection,
    Unit,
)

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
