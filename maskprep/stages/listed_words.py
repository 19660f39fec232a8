"""Words that are never or always selected."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.listed_words import mark_listed_words


@dataclass(frozen=True)
class ListedWords:
    """Words as their tokens, laid out for `mark_listed_words`.

    Attributes:
        entries_of_id: int64 [vocabulary + 1].
        entries: int32 [tokens of all entries].
        entry_offsets: int64 [entries + 1].
        is_never: bool [entries].
    """

    entries_of_id: NDArray[np.int64]
    entries: NDArray[np.int32]
    entry_offsets: NDArray[np.int64]
    is_never: NDArray[np.bool_]

    def mark(
        self,
        input_ids: NDArray[np.int32],
        maskable: NDArray[np.bool_],
        word_starts: NDArray[np.bool_],
        offsets: NDArray[np.int64],
    ) -> NDArray[np.uint8]:
        """Return marks uint8 [tokens], as `mark_listed_words` writes them."""
        marks = np.zeros(input_ids.size, np.uint8)
        mark_listed_words(
            input_ids,
            maskable,
            word_starts,
            offsets,
            self.entries_of_id,
            self.entries,
            self.entry_offsets,
            self.is_never,
            marks,
        )
        return marks


def list_words(
    never: Collection[tuple[int, ...]], always: Iterable[tuple[int, ...]], num_ids: int
) -> ListedWords:
    """Lay words out, each a sequence of ids.

    Args:
        never: never selected; no word is in both.
        always: always selected.
        num_ids: of the vocabulary.
    """
    entries = sorted({*never, *always}, key=lambda entry: (entry[0], -len(entry), entry))
    firsts = np.array([entry[0] for entry in entries], np.int64)
    return ListedWords(
        np.searchsorted(firsts, np.arange(num_ids + 1)).astype(np.int64),
        np.array([number for entry in entries for number in entry], np.int32),
        np.cumsum([0, *map(len, entries)], dtype=np.int64),
        np.array([entry in never for entry in entries], np.bool_),
    )
