r"""Words as GPT-2's pattern cuts them, on raw bytes and kinds of characters.

    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+

Source: Radford et al. 2019, `encoder.py` of openai/gpt-2.
"""

# ruff: noqa: PLR2004 - the forms of UTF-8, and the letters of contractions.

import numpy as np

from maskprep.kernels.bits import EIGHT, leading_letters, load_eight
from maskprep.kernels.characters import (
    KIND,
    LENGTH,
    LENGTH_SHIFT,
    PLACE_SHIFT,
    REFERENCE,
    WHITE,
    code_point,
)
from maskprep.kernels.compilation import device, inlined

SPACE_BYTE = 0x20
_QUOTE = 0x27


@inlined
def kind_at(text, i, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the kind of the character at byte i, and its number of bytes."""
    point, length = code_point(text, i)
    return characters[point] & KIND, length


@device
def _plain_letter(text, i, end, characters, normalized):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the one byte that the character at i becomes, or 0, and where the next one begins."""
    if i >= end:
        return np.uint8(0), i
    point, length = code_point(text, i)
    info = characters[point]
    if (info >> LENGTH_SHIFT) & LENGTH != np.uint32(1):
        return np.uint8(0), i + length
    return normalized[np.int64(info >> PLACE_SHIFT)], i + length


@device
def _contraction_stop(text, i, end, characters, normalized):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return where 's, 't, 'm, 'd, 're, 've or 'll ends that may begin at i; i if none does."""
    first, after_first = _plain_letter(text, i + 1, end, characters, normalized)
    if first in (0x73, 0x74, 0x6D, 0x64):  # s t m d
        return after_first
    second, after_second = _plain_letter(text, after_first, end, characters, normalized)
    if second == 0x65 and first in (0x72, 0x76):  # re ve
        return after_second
    return after_second if first == 0x6C and second == 0x6C else i  # ll


@device
def _white_stop(text, i, end, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    r"""Return where white space ends that begins at i, and whether the library must say so.

    \s+(?!\S) leaves the last of several characters to the word behind them; \s+ takes one alone.
    """
    last = stop = i
    while stop < end:
        kind, length = kind_at(text, stop, characters)
        if kind != np.uint32(WHITE):
            return (last if last > i else stop), kind == np.uint32(REFERENCE)
        last = stop
        stop += length
    return stop, False


@device
def word_stop(text, i, end, after_space, characters, normalized):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return where the word that begins at i ends, and whether the library must say so.

    `after_space` tells that a space was put before i, which the text does not have.
    """
    begin = i + 1 if text[i] == SPACE_BYTE and i + 1 < end and not after_space else i
    if begin + EIGHT <= text.size:
        letters = leading_letters(load_eight(text, begin))
        stop = begin + letters
        if 0 < letters < EIGHT and (stop >= end or text[stop] < 0x80):
            return min(stop, end), False
    kind, length = kind_at(text, begin, characters)
    if kind == np.uint32(WHITE):
        return _white_stop(text, i, end, characters)
    if begin == i and text[i] == _QUOTE and not after_space:
        stop = _contraction_stop(text, i, end, characters, normalized)
        if stop > i:
            return stop, False
    stop = begin
    following = kind
    while following == kind:
        stop += length
        if stop >= end:
            break
        following, length = kind_at(text, stop, characters)
    return stop, kind == np.uint32(REFERENCE) or following == np.uint32(REFERENCE)
