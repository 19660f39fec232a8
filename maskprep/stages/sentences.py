"""Lines -> where their sentences begin, by the rules of `kernels.sentences`."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.sentences import find_sentences
from maskprep.stages.languages import language_code
from maskprep.stages.sentence_tables import sentence_tables

_BYTES_PER_SENTENCE = 16
"""Fewer than in any prose; text with more sentences is gone through a second time."""


def require_language(language: str) -> None:
    """Check the value of --language.

    Raises:
        ConfigError: it is neither "auto" nor the code of a language.
    """
    language_code(language)


def split_sentences(
    data: NDArray[np.uint8], lines: NDArray[np.int64], language: str = "auto"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find where sentences begin. White space belongs to the sentence before it.

    Args:
        data: uint8 [bytes], valid UTF-8.
        lines: int64 [lines, 2], first byte and one past the last of what is split one by one; a
            line break inside is a border.
        language: "auto" or an ISO 639 code; it chooses abbreviations and ordinals.

    Returns:
        num_sentences: int64 [lines], at least 1.
        sentence_starts: int64 [sentences], the byte where each begins; a line begins one.

    Raises:
        ConfigError: no such language.
    """
    tables = sentence_tables(language_code(language))
    num_sentences = np.empty(len(lines), np.int64)
    room = len(lines) + data.size // _BYTES_PER_SENTENCE
    while True:
        sentence_starts = np.empty(room, np.int64)
        found = find_sentences(
            data,
            lines,
            tables.characters,
            tables.first_bytes,
            tables.lower,
            tables.slots,
            tables.arena,
            tables.ordinals,
            num_sentences,
            sentence_starts,
        )
        if found <= room:
            return num_sentences, sentence_starts[:found]
        room = found
