"""Full stops that end only a word: abbreviations, initials, ordinals.

A tuple `words` holds what is known of a language: `lower` (int32 [code points]), the small letter
of each letter that the known words are made of; `slots` (int32 [a power of two]), the place of each
word in the `arena` at its hash, 0 where free; `arena` (int32), for each word its bits, its length
and its code points; `ordinals` (bool), whether a number with a full stop is an ordinal.
"""

import numpy as np

from maskprep.kernels.compilation import device
from maskprep.kernels.lines import character_at
from maskprep.kernels.sentence_characters import (
    AFTER_A_WORD,
    BEFORE_A_WORD,
    IN_CHAPTER,
    IN_ROMAN,
    IS_ALNUM,
    IS_DECIMAL,
    IS_DIGIT,
    IS_LOWER,
    IS_SPACE,
    IS_UPPER,
    are_all,
    bits_at,
    num_characters,
    skip,
    skip_back,
    step_back,
)

WINDOW = np.int64(48)
"""Characters before a break, and after it, that decide whether it ends a sentence."""

# The bits of a known word.
INSIDE = 1 << 0
BEFORE_NUMBER = 1 << 1
SOMETIMES_LAST = 1 << 2
OPENS = 1 << 3
ORDINAL_NOUN = 1 << 4
ENDS_AFTER_NUMBER = 1 << 5

HASH_FACTOR = 1_000_003
HASH_BITS = 0xFFFFFFFF

_FULL_STOP, _COMMA = 0x2E, 0x2C
_AS_WRITTEN = np.int64(0)
_HEBREW, _THAI = 0x590, 0xE00
"""From Hebrew on and before Thai, one letter may stand for a name."""
_LAST_OF_ARABIC = 0x8FF
"""In the scripts of India, which follow, a letter may be written with vowel signs."""


@device
def _known(data, i, stop, words, num_lowered):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the bits of the word between two bytes, 0 if it is not known.

    Its code points below `num_lowered` are read as small letters.
    """
    lower, slots, arena, _ = words
    value = length = 0
    b = i
    while b < stop:
        point, size = character_at(data, b)
        if point < num_lowered:
            point = np.int64(lower[point])
        value = (value * HASH_FACTOR + point) & HASH_BITS
        length += 1
        b += size
    slot = value & (slots.size - 1)
    while slots[slot] != 0:
        place = slots[slot]
        if arena[place + 1] == length and _spells(data, i, words, place + 2, length, num_lowered):
            return arena[place]
        slot = (slot + 1) & (slots.size - 1)
    return 0


@device
def _spells(data, i, words, place, length, num_lowered):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether the word at byte i is the one whose code points begin at `place`."""
    lower, _, arena, _ = words
    for k in range(length):
        point, size = character_at(data, i)
        if point < num_lowered:
            point = np.int64(lower[point])
        if point != arena[place + k]:
            return False
        i += size
    return True


@device
def _opens_sentence(data, i, stop, characters, words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a word is one that begins sentences, apart from what touches it."""
    i, _ = skip(data, i, stop, WINDOW, characters, BEFORE_A_WORD, True)
    while stop > i and data[stop - 1] == _COMMA:
        stop -= 1
    return _known(data, i, stop, words, words[0].size) & OPENS != 0


@device
def stop_ends_sentence(data, start, begin, end, room, border, stop, characters, words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201, PLR0911 - one return per rule
    """Tell whether a full stop ends a sentence, and not only the word data[begin:end] before it.

    The sentence begins at byte `start`; `room` characters before the word may be looked at. The
    next word is looked for from the byte `border` on.
    """
    i, _ = skip(data, begin, end, WINDOW, characters, BEFORE_A_WORD, True)
    following, left = skip(data, border, stop, WINDOW, characters, IS_SPACE, True)
    following_end, _ = skip(data, following, stop, left, characters, IS_SPACE, False)
    bare_end, _ = skip_back(data, following, following_end, WINDOW, characters, AFTER_A_WORD, True)
    if are_all(data, i, end, characters, IS_DIGIT):
        is_short = num_characters(data, i, end) <= 2  # noqa: PLR2004 - "1999." is a year
        noun = _known(data, following, bare_end, words, words[0].size) & ORDINAL_NOUN
        return not (noun != 0 or (words[3] and is_short))
    before_number = (
        following < following_end and bits_at(data, following, characters) & IS_DIGIT != 0
    )
    small = _known(data, i, end, words, words[0].size)
    known = small | _known(data, i, end, words, _AS_WRITTEN)
    if known & INSIDE or (before_number and are_all(data, i, end, characters, IN_CHAPTER)):
        return False
    if known & BEFORE_NUMBER and (
        before_number or are_all(data, following, bare_end, characters, IN_ROMAN)
    ):
        return False
    if small & ENDS_AFTER_NUMBER and _is_after_number(data, start, begin, room, characters):
        return True
    if _is_small_initial(data, i, end, characters) and (
        before_number or _is_initial(data, following, following_end, characters)
    ):
        return False  # "z. B."
    if known & SOMETIMES_LAST or _are_initials(data, i, end, characters):
        return _opens_sentence(data, following, following_end, characters, words)
    return True


@device
def _is_after_number(data, start, begin, room, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    i, room = skip_back(data, start, begin, room, characters, IS_SPACE, True)
    return i > start and room > 0 and bits_at(data, step_back(data, i), characters) & IS_DIGIT != 0


@device
def _is_small_initial(data, i, end, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if i >= end:
        return False
    point, size = character_at(data, i)
    return i + size == end and characters[point] & IS_LOWER != 0


@device
def _is_initial(data, i, end, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a word begins with a letter and a full stop."""
    if i >= end:
        return False
    point, size = character_at(data, i)
    is_letter = characters[point] & (IS_ALNUM | IS_DECIMAL) == IS_ALNUM
    return is_letter and i + size < end and data[i + size] == _FULL_STOP


@device
def _are_initials(data, i, end, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a word is an initial or an acronym: "J", "U.S", in Arabic and Hindi too."""
    if i >= end:
        return False
    first, size = character_at(data, i)
    if i + size == end:
        return characters[first] & IS_UPPER != 0 or _HEBREW <= first < _THAI
    num_parts = 0
    while i <= end:
        first = length = 0
        while i < end and data[i] != _FULL_STOP:
            point, size = character_at(data, i)
            first = point if length == 0 else first
            length += 1
            i += size
        is_letter = length == 1 or (2 <= length <= 3 and first > _LAST_OF_ARABIC)  # noqa: PLR2004
        if not is_letter:
            return False
        num_parts += 1
        i += 1
    return num_parts > 1
