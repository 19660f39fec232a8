r"""The readable twin of the kernels of sentences: ICU's sentence breaks, then repairs.

    line -> ICU (Unicode Standard Annex 29) -> breaks
         -> breaks that ICU misses: after an ellipsis, before a number
         -> minus breaks that end no sentence: "Dr. Who", "J. K. Rowling", "3. Oktober", '"Go!" he'
         -> opening quotes and brackets moved to the sentence they open: 他说。|「好」,
            the number of a note to the sentence it is for: done.[3] |Then

Every decision looks at no more than `_WINDOW` characters on each side of a break, so the work grows
with the length of a line and with nothing else.
"""

import re
from collections.abc import Iterator, Sequence

from icu4py.breakers import SentenceBreaker

from maskprep.stages.abbreviations import (
    ENDING_AFTER_NUMBER,
    ORDINAL_NOUNS,
    Abbreviations,
    abbreviations_of,
)

_WINDOW = 48
_PARAGRAPH_ENDS = "\n\r\x85\u2028\u2029"
# Every character after which ICU can break, found by asking it; the ellipsis and the question marks
# of Greek are ours: the first ends no sentence for ICU, the others end one in Greek.
_TERMINATOR = re.compile(
    "[!.?;\u037e\u2026\n\r\x85\u2028\u2029\u0589\u061d-\u061f\u06d4\u0700-\u0702\u07f9\u0837\u0839\u083d"
    "\u083e\u0964\u0965\u104a\u104b\u1362\u1367\u1368\u166e\u1735\u1736\u17d4\u17d5\u1803\u1809"
    "\u1944\u1945\u1aa8-\u1aab\u1b4e\u1b4f\u1b5a\u1b5b\u1b5e\u1b5f\u1b7d-\u1b7f\u1c3b\u1c3c\u1c7e"
    "\u1c7f\u2024\u203c\u203d\u2047-\u2049\u2cf9-\u2cfb\u2e2e\u2e3c\u2e53\u2e54\u3002\ua4ff\ua60e"
    "\ua60f\ua6f3\ua6f7\ua876\ua877\ua8ce\ua8cf\ua92f\ua9c8\ua9c9\uaa5d-\uaa5f\uaaf0\uaaf1\uabeb"
    "\ufe12\ufe15\ufe16\ufe52\ufe56\ufe57\uff01\uff0e\uff1f\uff61\U00010a56-\U0001da88]"
)
_TERMINATOR_IN_ASCII = re.compile("[!.?;\n\r]")
_WHITE_SPACE = re.compile(r"\s++")

_OPENERS = "([{\u00ab\u2018\u201c\u2039\u300a\u3008\u300c\u300e\u3010\u3014\u3016\uff08\uff3b\uff5b"
_CLOSERS = ")]}\u00bb\u2019\u201d\u201c\u203a\"'\u300b\u3009\u300d\u300f\u3011\uff09*_"
_BEFORE_A_WORD = _OPENERS + "\u201e\u201a\"'\u00bf\u00a1*_\u2014\u2013-"
_ELLIPSIS = re.compile(f"\u2026[{re.escape(_CLOSERS)}]*+\\s++(?=[^\\s.?!])")
_BEFORE_NUMBER = re.compile(rf"[.][{re.escape(_CLOSERS)}]*+\s++(?=\d)")
_AFTER_A_WORD = ".,;:)"
_INITIAL = re.compile(r"[^\W\d_][.]")
_NOTE_NUMBER = re.compile(r"\[\d{1,4}\][^\S\n\r]*+")
_DASHES = ("-", "\u2013", "\u2014", "\u2212")
_CHAPTER = re.compile("[ivxIVX]+$")
_ROMAN = re.compile("[IVXLC]+$")


def split_sentences(lines: Sequence[str], language: str = "auto") -> list[list[int]]:
    """Find where sentences begin.

    Args:
        lines: texts that are split one by one; a line break inside one is a border.
        language: "auto" or the shortest ISO 639 code; it chooses abbreviations and ordinals.

    Returns:
        For each line the character offsets at which a new sentence begins, ascending, without 0.
        White space belongs to the sentence before it.
    """
    words = abbreviations_of(language)
    return [_split_line(line, "" if language == "auto" else language, words) for line in lines]


def _split_line(line: str, locale: str, words: Abbreviations) -> list[int]:
    search = _TERMINATOR_IN_ASCII if line.isascii() else _TERMINATOR
    first = search.search(line)
    if first is None or first.end() == len(line):
        return []
    borders: list[int] = []
    start = previous = 0
    for candidate in _candidates(line, locale):
        border = _place_border(line, previous, candidate)
        previous = candidate
        if border <= start or not _ends_sentence(line, start, border, words):
            continue
        white = _WHITE_SPACE.match(line, border)
        border = white.end() if white else border
        # White space at the beginning of the line is no sentence of its own.
        if border < len(line) and (borders or not line[:border].isspace()):
            borders.append(border)
        start = border
    return borders


def _candidates(line: str, locale: str) -> Iterator[int]:
    """Yield the offsets at which a sentence may begin, ascending, without 0 and the end."""
    breaks = _icu_breaks(line, locale)
    more = [match.end() for match in _BEFORE_NUMBER.finditer(line)]
    if "\u2026" in line:
        more += [match.end() for match in _ELLIPSIS.finditer(line)]
    return iter(sorted({*breaks, *more}) if more else breaks)


def _icu_breaks(line: str, locale: str) -> list[int]:
    # Pieces, not segments(): those count UTF-16 units.
    pieces = SentenceBreaker(line, locale)
    breaks = []
    end = 0
    for piece in pieces:
        end += len(piece)
        breaks.append(end)
    return breaks[:-1]


def _place_border(line: str, floor: int, border: int) -> int:
    """Return the border before the openers that touch the next word, or after a note's number."""
    before = border
    while before > floor and line[before - 1] in _OPENERS:
        before -= 1
    note = _NOTE_NUMBER.match(line, before) if before < border else None
    return note.end() if note else before


def _ends_sentence(  # noqa: PLR0911 - one return per rule
    line: str, start: int, border: int, words: Abbreviations
) -> bool:
    """Say whether the break at `border` ends the sentence that begins at `start`."""
    if line[border - 1] in _PARAGRAPH_ENDS:
        return True
    before = line[max(start, border - _WINDOW) : border].split()
    if not before:
        return True
    word = before[-1].rstrip(_CLOSERS)
    after = line[border : border + _WINDOW]
    spaced = line[border - 1].isspace()
    if word.endswith("."):
        if not spaced:
            return not (after[:1].isalnum() and word[-2:-1].isalpha())
        at_start = len(before) == 1 and border - start < _WINDOW
        if word[:-1].isdigit() and at_start:
            # "12. Item", "1.) Item": the number of a list or a chapter; a year is longer.
            return len(word) > 4
        return word != before[-1] or _stop_ends_sentence(before, after, words)
    if word.endswith("\u2026"):
        # As after "?" in Unicode's rules, a dash goes on: "Well... - he began".
        return not (after.startswith(_DASHES) or after.lstrip(_BEFORE_A_WORD)[:1].islower())
    if word.endswith(("!", "?")):
        if not spaced:
            return not _is_address(word, after)
        # '"Go!" he said' goes on; without quotes people have just skipped the capital.
        return word == before[-1] or not after[:1].islower()
    return True


def _is_address(word: str, after: str) -> bool:
    """Say whether `word` and what touches it are one web address: http://a.b/?c=d."""
    following = (after.split(None, 1) or [""])[0]
    return after[0] in "/=&" or ("/" in word and after[0].isascii()) or "=" in following


def _stop_ends_sentence(  # noqa: PLR0911 - one return per rule
    before: list[str], after: str, words: Abbreviations
) -> bool:
    """Say whether the full stop of the last word ends a sentence and not only that word."""
    stem = before[-1][:-1].lstrip(_BEFORE_A_WORD)
    lower = stem.lower()
    following = (after.split(None, 1) or [""])[0]
    before_number = following[:1].isdigit()
    if stem.isdigit():
        ordinal = following.rstrip(_AFTER_A_WORD).lower() in ORDINAL_NOUNS
        return not (ordinal or (words.ordinals and len(stem) <= 2))  # "1999." is a year
    if stem in words.inside or lower in words.inside or (before_number and _CHAPTER.match(stem)):
        return False
    if (stem in words.before_number or lower in words.before_number) and (
        before_number or _ROMAN.match(following.rstrip(_AFTER_A_WORD))
    ):
        return False
    if lower in ENDING_AFTER_NUMBER and len(before) > 1 and before[-2][-1].isdigit():
        return True
    if len(stem) == 1 and stem.islower() and (before_number or _INITIAL.match(following)):
        return False  # "z. B."
    if lower in words.sometimes_last or stem in words.sometimes_last or _is_initials(stem):
        return following.lstrip(_BEFORE_A_WORD).rstrip(",").lower() in words.openers
    return True


def _is_initials(stem: str) -> bool:
    """Say whether a word is an initial or an acronym: "J", "U.S", in Arabic and Hindi too."""
    if len(stem) == 1:
        return stem.isupper() or "\u0590" <= stem < "\u0e00"
    return "." in stem and all(
        len(part) == 1 or (0 < len(part) <= 3 and part[0] > "\u08ff")  # vowel signs
        for part in stem.split(".")
    )
