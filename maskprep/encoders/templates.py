"""Where a tokenizer puts its special tokens around a pair of segments."""

from dataclasses import dataclass

import numpy as np
import tokenizers
from numpy.typing import NDArray

PROBES = ("a", "the", "0", "\u7684", "\u0430", ".")
"""Texts of which at least one gives a token with any vocabulary that is of use."""


@dataclass(frozen=True)
class PairTemplate:
    """Special tokens around segments A and B: `before A between B after`.

    Attributes:
        before: int32 [specials before A].
        between: int32 [specials between A and B], at least one.
        after: int32 [specials after B].
        types: int8 [5], token type of: before, A, between, B, after.
    """

    before: NDArray[np.int32]
    between: NDArray[np.int32]
    after: NDArray[np.int32]
    types: NDArray[np.int8]

    @property
    def special_ids(self) -> NDArray[np.int32]:
        """All special tokens, in order."""
        return np.concatenate([self.before, self.between, self.after])

    @property
    def num_specials(self) -> NDArray[np.int64]:
        """How many special tokens stand before A, between A and B, after B: int64 [3]."""
        return np.array([self.before.size, self.between.size, self.after.size])


def bert_template(cls_id: int, sep_id: int) -> PairTemplate:
    """Return [CLS] A [SEP] B [SEP] with types 0 0 0 1 1 (Devlin et al. 2019, figure 2)."""
    sep = np.array([sep_id], np.int32)
    return PairTemplate(np.array([cls_id], np.int32), sep, sep, np.array([0, 0, 0, 1, 1], np.int8))


def probe_template(backend: tokenizers.Tokenizer) -> PairTemplate | None:
    """Let the tokenizer join two texts, and read the template off the result.

    Returns:
        None if it puts nothing between two segments, or B before A.
    """
    for text in PROBES:
        if not backend.encode(text, add_special_tokens=False).ids:
            continue
        joined = backend.encode(text, text, add_special_tokens=True)
        return _read_template(joined.ids, joined.sequence_ids, joined.type_ids)
    return None


def _read_template(
    ids: list[int], sequences: list[int | None], types: list[int]
) -> PairTemplate | None:
    first, second = sequences.index(0), sequences.index(1)
    first_end = len(ids) - sequences[::-1].index(0)
    second_end = len(ids) - sequences[::-1].index(1)
    if not first_end < second:
        return None
    after_type = types[second_end] if second_end < len(ids) else types[second]
    return PairTemplate(
        np.array(ids[:first], np.int32),
        np.array(ids[first_end:second], np.int32),
        np.array(ids[second_end:], np.int32),
        np.array([types[0], types[first], types[first_end], types[second], after_type], np.int8),
    )
