"""Scripts that are written without spaces between words."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

UNSPACED_LETTERS: Final = (
    # Han: iteration marks, zero, ideographs and their extensions (Unicode 16, blocks whole).
    (0x3005, 0x3007),
    (0x3031, 0x3035),
    (0x303B, 0x303C),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3347F),
    # Kana: hiragana, katakana, phonetic extensions, half-width, supplements.
    (0x3041, 0x3096),
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x30FF),
    (0x31F0, 0x31FF),
    (0xFF66, 0xFF9D),
    (0x1AFF0, 0x1AFFE),
    (0x1B000, 0x1B167),
    # Thai.
    (0x0E01, 0x0E30),
    (0x0E32, 0x0E33),
    (0x0E40, 0x0E46),
    # Lao.
    (0x0E81, 0x0EB0),
    (0x0EB2, 0x0EB3),
    (0x0EBD, 0x0EBD),
    (0x0EC0, 0x0EC6),
    (0x0EDC, 0x0EDF),
    # Khmer.
    (0x1780, 0x17B3),
    (0x17D7, 0x17D7),
    (0x17DC, 0x17DC),
    # Burmese, and the other languages of its script.
    (0x1000, 0x102A),
    (0x103F, 0x103F),
    (0x1050, 0x1055),
    (0x105A, 0x105D),
    (0x1061, 0x1061),
    (0x1065, 0x1066),
    (0x106E, 0x1070),
    (0x1075, 0x1081),
    (0x108E, 0x108E),
    (0xA9E0, 0xA9E4),
    (0xA9E6, 0xA9EF),
    (0xA9FA, 0xA9FE),
    (0xAA60, 0xAA76),
    (0xAA7A, 0xAA7A),
    (0xAA7E, 0xAA7F),
)
"""First and last code points of their letters; no combining marks, digits or punctuation.

Written down, not asked of `unicodedata`: the same words for every version of Python.
"""


UNSPACED_CHARACTERS: Final = (
    *UNSPACED_LETTERS,
    # Thai, Lao, Burmese and Khmer with their marks, digits and punctuation.
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x19E0, 0x19FF),
    (0xA9E0, 0xA9FF),
    (0xAA60, 0xAA7F),
    # Radicals; punctuation, kana and Bopomofo; what is enclosed; without Hangul.
    (0x2E80, 0x2FDF),
    (0x3001, 0x312F),
    (0x3190, 0x33FF),
    (0xFE30, 0xFE4F),
    (0xFF01, 0xFF9F),
    (0xFFE0, 0xFFE5),
)
"""First and last code points of all that belongs to a script written without spaces."""


def unspaced_letters() -> NDArray[np.bool_]:
    """Return bool [code points]: true at each letter of a script written without spaces.

    A code point at or past the end of the array is none.
    """
    return _table(UNSPACED_LETTERS)


def unspaced_characters() -> NDArray[np.bool_]:
    """Return bool [code points]: true at all characters of such scripts, punctuation included."""
    return _table(UNSPACED_CHARACTERS)


def _table(ranges: tuple[tuple[int, int], ...]) -> NDArray[np.bool_]:
    table = np.zeros(max(last for _, last in ranges) + 1, np.bool_)
    for first, last in ranges:
        table[first : last + 1] = True
    return table
