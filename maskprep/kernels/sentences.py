r"""Where sentences begin in lines of UTF-8: Unicode's breaks, repaired.

    line -> breaks of `kernels.sentence_breaks`
         -> minus those that end no sentence: "Dr. Who", "J. K. Rowling", "3. Oktober", '"Go!" he'
         -> opening quotes and brackets moved to the sentence they open: 他说。|「好」,
            the number of a note to the sentence it is for: done.[3] |Then

Nothing is done between two marks but looking for the next one.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.lines import character_at
from maskprep.kernels.sentence_breaks import (
    CARRIAGE_RETURN,
    ELLIPSIS,
    EXCLAMATION_MARK,
    FULL_STOP,
    LINE_FEED,
    QUESTION_MARK,
    break_after,
    find_mark,
    further_break,
)
from maskprep.kernels.sentence_characters import (
    BEFORE_A_WORD,
    CLOSER,
    IS_ALNUM,
    IS_ALPHA,
    IS_DECIMAL,
    IS_DIGIT,
    IS_LOWER,
    IS_SPACE,
    OPENER,
    PARAGRAPH,
    are_all,
    bits_at,
    num_characters,
    skip,
    skip_back,
    step_back,
)
from maskprep.kernels.sentence_words import WINDOW, stop_ends_sentence

_DASHES = (0x2D, 0x2013, 0x2014, 0x2212)
_OPENING_BRACKET, _CLOSING_BRACKET = 0x5B, 0x5D
_SLASH, _EQUALS, _AMPERSAND = 0x2F, 0x3D, 0x26
_LONGEST_NOTE_NUMBER = np.int64(4)
_LONGEST_ITEM_NUMBER = 4
"""With its full stop: "12. Item", "1.) Item"; a year is longer."""


@device
def _add_start(sentence_starts, found, start):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    if found < sentence_starts.size:
        sentence_starts[found] = start


@device
def _split_line(data, first, stop, characters, first_bytes, words, found, sentence_starts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Find the sentences of one line; return how many have been found with them."""
    # White space at the beginning of the line is no sentence of its own.
    visible, _ = skip(data, first, stop, stop, characters, IS_SPACE, True)
    start = floor = i = first
    further = stop
    while True:
        mark = find_mark(data, i, stop, characters, first_bytes)
        if further <= mark:
            if further == stop:
                return found
            candidate, further, i = further, stop, mark
        else:
            candidate, i = break_after(data, first, mark, stop, characters)
            if candidate == further:
                further = stop
            after = further_break(data, mark, stop, characters)
            if after not in (stop, candidate):
                further = after
            if candidate == stop:
                continue
        border = _place_border(data, floor, candidate, stop, characters)
        floor = candidate
        if border > start and _ends_sentence(data, start, border, stop, characters, words):
            start, _ = skip(data, border, stop, stop, characters, IS_SPACE, True)
            if visible < start < stop:
                _add_start(sentence_starts, found, start)
                found += 1


@device
def _place_border(data, floor, border, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the border before the openers that touch the next word, or after a note's number."""
    before, _ = skip_back(data, floor, border, border, characters, OPENER, True)
    if before == border or data[before] != _OPENING_BRACKET:
        return before
    digits = before + 1
    i, _ = skip(data, digits, stop, _LONGEST_NOTE_NUMBER, characters, IS_DECIMAL, True)
    if i in (digits, stop) or data[i] != _CLOSING_BRACKET:
        return before
    i += 1
    while i < stop and data[i] not in (LINE_FEED, CARRIAGE_RETURN):
        point, size = character_at(data, i)
        if not characters[point] & IS_SPACE:
            break
        i += size
    return i


@device
def _ends_sentence(data, start, border, stop, characters, words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, PLR0911 - one return per rule
    """Tell whether the break at `border` ends the sentence that begins at `start`."""
    if bits_at(data, step_back(data, border), characters) & PARAGRAPH:
        return True
    word_end, room = skip_back(data, start, border, WINDOW, characters, IS_SPACE, True)
    end, room = skip_back(data, start, word_end, room, characters, CLOSER, True)
    if end == start or room == 0:
        return True
    last = step_back(data, end)
    mark, _ = character_at(data, last)
    is_spaced = word_end < border
    if mark == FULL_STOP:
        if not is_spaced:
            is_cut = room == 1  # the window holds nothing of the word but its full stop
            return is_cut or not _is_inside_word(data, start, last, border, stop, characters)
        begin, room = skip_back(data, start, end, room, characters, IS_SPACE, False)
        if _is_first_number(data, start, begin, last, room, characters):
            return num_characters(data, begin, last) >= _LONGEST_ITEM_NUMBER
        if end != word_end:
            return True
        return stop_ends_sentence(data, start, begin, last, room, border, stop, characters, words)
    if mark == ELLIPSIS:
        return not _continues_ellipsis(data, border, stop, characters)
    if mark in (EXCLAMATION_MARK, QUESTION_MARK):
        if not is_spaced:
            begin, _ = skip_back(data, start, end, room, characters, IS_SPACE, False)
            return not _is_address(data, begin, end, border, stop, characters)
        # '"Go!" he said' goes on; without quotes people have just skipped the capital.
        return (
            end == word_end or border == stop or not (bits_at(data, border, characters) & IS_LOWER)
        )
    return True


@device
def _is_inside_word(data, start, full_stop, border, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a full stop stands between a letter and what may go on a word."""
    if border == stop or full_stop == start:
        return False
    is_after_letter = bits_at(data, step_back(data, full_stop), characters) & IS_ALPHA != 0
    return is_after_letter and bits_at(data, border, characters) & IS_ALNUM != 0


@device
def _is_first_number(data, start, begin, full_stop, room, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a word is a number, and the first word of a sentence within the window."""
    if not are_all(data, begin, full_stop, characters, IS_DIGIT):
        return False
    i, room = skip_back(data, start, begin, room, characters, IS_SPACE, True)
    return i == start and room > 0


@device
def _continues_ellipsis(data, border, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """As after "?" in Unicode's rules, a dash goes on: "Well... - he began"."""
    if border == stop:
        return False
    point, _ = character_at(data, border)
    i, room = skip(data, border, stop, WINDOW, characters, BEFORE_A_WORD, True)
    is_small = i < stop and room > 0 and bits_at(data, i, characters) & IS_LOWER != 0
    return point in _DASHES or is_small


@device
def _is_address(data, begin, end, border, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a word and what touches it are one web address: http://a.b/?c=d."""
    if border == stop:
        return False
    after = data[border]
    if after in (_SLASH, _EQUALS, _AMPERSAND):
        return True
    if after < 0x80:  # noqa: PLR2004 - ASCII
        for i in range(begin, end):
            if data[i] == _SLASH:
                return True
    following, room = skip(data, border, stop, WINDOW, characters, IS_SPACE, True)
    following_end, _ = skip(data, following, stop, room, characters, IS_SPACE, False)
    for i in range(following, following_end):  # noqa: SIM110 - Numba compiles no generators
        if data[i] == _EQUALS:
            return True
    return False


@kernel(
    "int64(const_uint8[::1], int64[:, ::1], const_uint32[::1], const_boolean[::1],"
    " const_int32[::1], const_int32[::1], const_int32[::1], boolean, int64[::1], int64[::1])"
)
def find_sentences(
    data: NDArray[np.uint8],
    lines: NDArray[np.int64],
    characters: NDArray[np.uint32],
    first_bytes: NDArray[np.bool_],
    lower: NDArray[np.int32],
    slots: NDArray[np.int32],
    arena: NDArray[np.int32],
    ordinals: bool,
    num_sentences: NDArray[np.int64],
    sentence_starts: NDArray[np.int64],
) -> int:
    """Find where sentences begin. White space belongs to the sentence before it.

    Args:
        data: uint8 [bytes], valid UTF-8.
        lines: int64 [lines, 2], first byte and one past the last.
        characters: uint32 [code points], see `kernels.sentence_characters`.
        first_bytes: bool [256], a mark may begin with this byte.
        lower: int32 [code points]; this and the next three: see `kernels.sentence_words`.
        slots: int32 [a power of two].
        arena: int32 [places].
        ordinals: a number with a full stop is an ordinal.
        num_sentences: int64 [lines], written in place.
        sentence_starts: int64 [sentences], written in place: of each line its first byte, and the
            bytes at which further sentences begin; those for which there is no room are left out.

    Returns:
        How many sentences there are.
    """
    words = (lower, slots, arena, ordinals)
    found = 0
    for line in range(lines.shape[0]):
        start, stop = lines[line, 0], lines[line, 1]
        before = found
        _add_start(sentence_starts, found, start)
        found = _split_line(
            data, start, stop, characters, first_bytes, words, found + 1, sentence_starts
        )
        num_sentences[line] = found - before
    return found
