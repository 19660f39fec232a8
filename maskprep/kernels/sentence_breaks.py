"""Sentence breaks by Unicode's rules, and those that the rules miss.

Source: Unicode Standard Annex #29, revision 47 (Unicode 17.0), section 5.1, as ICU 78 reads it.

Each rule looks from a mark to the next one at most, so the work grows with the length of a line.
"""

from maskprep.kernels.bits import EIGHT, first_mark, load_eight
from maskprep.kernels.compilation import device
from maskprep.kernels.lines import character_at
from maskprep.kernels.sentence_characters import (
    ATERM,
    CLOSE,
    CLOSER,
    EXTEND,
    IS_DECIMAL,
    IS_SPACE,
    LOWER,
    MARK,
    NUMERIC,
    OLETTER,
    PARAGRAPH,
    SCONTINUE,
    SP,
    STERM,
    UPPER,
    bits_at,
    skip,
    skip_back,
    step_back,
)

_PREVENTS = PARAGRAPH | SCONTINUE | STERM | ATERM
_ENDS_OF_SEARCH = OLETTER | UPPER | LOWER | PARAGRAPH | STERM | ATERM
_CLOSES = CLOSE | EXTEND
_SPACES = SP | EXTEND

_BEYOND_ASCII = 0x80
CARRIAGE_RETURN, LINE_FEED = 13, 10
FULL_STOP, QUESTION_MARK, EXCLAMATION_MARK, ELLIPSIS = 0x2E, 0x3F, 0x21, 0x2026


@device
def find_mark(data, i, stop, characters, first_bytes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the byte where the next mark begins, `stop` if there is none."""
    while i < stop:
        if i + EIGHT <= data.size and data[i] < _BEYOND_ASCII:
            passed = first_mark(load_eight(data, i))
            if passed == EIGHT:  # By far the most: the next load need not wait for the number.
                i += EIGHT
                continue
            i += passed
            if i >= stop:
                break
        if not first_bytes[data[i]]:
            i += 1
            continue
        point, size = character_at(data, i)
        if characters[point] & MARK:
            return i
        i += size
    return stop


@device
def break_after(data, start, mark, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the break that a mark makes (`stop` if none), and the byte to look on from."""
    point, size = character_at(data, mark)
    bits = characters[point]
    i = mark + size
    if bits & PARAGRAPH:  # SB3, SB4
        if point == CARRIAGE_RETURN and i < stop and data[i] == LINE_FEED:
            i += 1
        return i, i
    if not bits & (ATERM | STERM):
        return stop, i
    touching, _ = skip(data, i, stop, stop, characters, EXTEND, True)  # SB5, here and below
    i, _ = skip(data, touching, stop, stop, characters, _CLOSES, True)  # SB9
    i, _ = skip(data, i, stop, stop, characters, _SPACES, True)  # SB10
    if i == stop:
        return stop, stop
    following = bits_at(data, i, characters)
    if following & _PREVENTS:  # SB8a, SB9, SB10
        return stop, i
    if bits & ATERM and (
        (i == touching and _goes_on(data, start, mark, following, characters))
        or _is_before_lower(data, i, stop, characters)
    ):
        return stop, i
    return i, i


@device
def _goes_on(data, start, mark, following, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """SB6 "3.4", SB7 "U.S": the full stop stands inside a number or an acronym."""
    if following & UPPER:
        i, _ = skip_back(data, start, mark, mark, characters, EXTEND, True)
        return i > start and bits_at(data, step_back(data, i), characters) & (UPPER | LOWER) != 0
    return following & NUMERIC != 0


@device
def _is_before_lower(data, i, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """SB8: the next letter before any other mark is a small one."""
    i, _ = skip(data, i, stop, stop, characters, _ENDS_OF_SEARCH, False)
    return i < stop and bits_at(data, i, characters) & LOWER != 0


@device
def further_break(data, mark, stop, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the break before a number, or after an ellipsis, which Unicode lacks; else `stop`."""
    point, size = character_at(data, mark)
    if point not in (FULL_STOP, ELLIPSIS):
        return stop
    i, _ = skip(data, mark + size, stop, stop, characters, CLOSER, True)
    after, _ = skip(data, i, stop, stop, characters, IS_SPACE, True)
    if after in (i, stop):
        return stop
    if point == FULL_STOP:
        is_break = bits_at(data, after, characters) & IS_DECIMAL != 0
    else:
        is_break = data[after] not in (FULL_STOP, QUESTION_MARK, EXCLAMATION_MARK)
    return after if is_break else stop
