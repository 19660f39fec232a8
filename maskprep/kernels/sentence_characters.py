"""What the rules of sentences ask of characters, as bits of one number, and steps over characters.

A table `characters` (uint32 [code points]) holds the bits of every code point. Constants have a
type, as Numba compiles a function anew for every plain number that it is called with.
"""

import numpy as np

from maskprep.kernels.compilation import device
from maskprep.kernels.lines import character_at

# Classes of Sentence_Break (UAX #29, table 4); a character without one of these bits is "Other".
EXTEND = np.uint32(1 << 0)
"""Extend and Format."""
PARAGRAPH = np.uint32(1 << 1)
"""CR, LF and Sep."""
SP = np.uint32(1 << 2)
LOWER = np.uint32(1 << 3)
UPPER = np.uint32(1 << 4)
OLETTER = np.uint32(1 << 5)
NUMERIC = np.uint32(1 << 6)
ATERM = np.uint32(1 << 7)
STERM = np.uint32(1 << 8)
SCONTINUE = np.uint32(1 << 9)
CLOSE = np.uint32(1 << 10)

# What Python's methods say: str.isspace and so on.
IS_SPACE = np.uint32(1 << 11)
IS_ALPHA = np.uint32(1 << 12)
IS_ALNUM = np.uint32(1 << 13)
IS_DECIMAL = np.uint32(1 << 14)
IS_DIGIT = np.uint32(1 << 15)
IS_LOWER = np.uint32(1 << 16)
IS_UPPER = np.uint32(1 << 17)

# Sets of our own.
MARK = np.uint32(1 << 18)
"""A sentence may end behind it."""
OPENER = np.uint32(1 << 19)
"""A quote or bracket that belongs to the sentence after it."""
CLOSER = np.uint32(1 << 20)
"""May stand between a sentence's mark and its end."""
BEFORE_A_WORD = np.uint32(1 << 21)
"""Is no part of the word after it."""
AFTER_A_WORD = np.uint32(1 << 22)
"""Is no part of the word before it."""
IN_CHAPTER = np.uint32(1 << 23)
"""A Roman digit of chapters, small or large."""
IN_ROMAN = np.uint32(1 << 24)
"""A Roman digit."""


@device
def step_back(data, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return where the character before byte i begins."""
    i -= 1
    while data[i] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8
        i -= 1
    return i


@device
def bits_at(data, i, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the bits of the character that begins at byte i."""
    return characters[character_at(data, i)[0]]


@device
def skip(data, i, stop, room, characters, bits, wanted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Pass characters that have one of the bits, or none of them, from byte i on.

    Returns:
        The byte after them, and `room`, the most characters to pass, less those that were passed.
    """
    while i < stop and room > 0:
        point, size = character_at(data, i)
        if (characters[point] & bits != 0) != wanted:
            break
        i += size
        room -= 1
    return i, room


@device
def skip_back(data, start, i, room, characters, bits, wanted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Pass characters as `skip` does, from byte i back to `start`; return the first byte passed."""
    while i > start and room > 0:
        before = step_back(data, i)
        if (bits_at(data, before, characters) & bits != 0) != wanted:
            break
        i = before
        room -= 1
    return i, room


@device
def are_all(data, i, stop, characters, bits):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Tell whether there is a character between two bytes, and only such that have the bits."""
    return i < stop and skip(data, i, stop, stop, characters, bits, True)[0] == stop


@device
def num_characters(data, begin, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return how many characters there are between two bytes."""
    number = 0
    for i in range(begin, stop):
        number += data[i] & 0xC0 != 0x80  # noqa: PLR2004 - UTF-8
    return number
