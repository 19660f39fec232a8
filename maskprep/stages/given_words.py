"""Words that the corpus tells apart, laid over tokens as sentences are: no id changes."""

from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.encoders.reference import EncodedLines
from maskprep.encoders.scripts import unspaced_letters
from maskprep.kernels.words import lay_words
from maskprep.list_columns import flat_values
from maskprep.schema import WORD_BORDERS


@cache
def _letters() -> NDArray[np.bool_]:
    return unspaced_letters()


def given_words(batch: pa.RecordBatch, offsets: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return int64 [words], the bytes of a batch's text at which given words begin.

    Args:
        batch: rows of RAW_DOCUMENTS, with WORD_BORDERS if words are given; else there are none.
        offsets: int64 [rows + 1], first byte of each row.
    """
    if WORD_BORDERS.name not in batch.schema.names:
        return None
    borders, of_rows = flat_values(batch.column(WORD_BORDERS.name))
    places: NDArray[np.int64] = borders + np.repeat(offsets[:-1], np.diff(of_rows))
    return places


def places_in_joined_lines(
    places: NDArray[np.int64], lines: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return where bytes of some lines stand when `join_lines` has joined them.

    Args:
        places: int64 [places], each in a line.
        lines: int64 [lines, 4], as `find_lines` writes them.
    """
    lengths = lines[:, 2] - lines[:, 1]
    joined = np.cumsum(lengths) - lengths + np.cumsum(lines[:, 3])
    line_of = np.searchsorted(lines[:, 1], places, side="right") - 1
    moved: NDArray[np.int64] = places - lines[line_of, 1] + joined[line_of]
    return moved


def lay_given_words(
    data: NDArray[np.uint8],
    unit_starts: NDArray[np.int64],
    words: NDArray[np.int64],
    encoded: EncodedLines,
) -> int:
    """Let words begin where the corpus says; return how many go on with the one before.

    Args:
        data: uint8 [bytes].
        unit_starts: int64 [units], first byte of each unit of encoding.
        words: int64 [words], first byte of each word, ascending.
        encoded: of the units, with all starts; `word_starts` is changed in place.
    """
    firsts = np.append(np.searchsorted(words, unit_starts), words.size)
    # Words of units without tokens share none with another word.
    has_tokens = np.repeat(np.diff(encoded.offsets) > 0, np.diff(firsts))
    return lay_words(
        data,
        unit_starts,
        encoded.offsets,
        encoded.starts,
        words[has_tokens],
        _letters(),
        encoded.word_starts,
    )
