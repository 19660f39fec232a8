"""What the kernels of sentences know of characters and words, as arrays."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels import sentence_characters as bits
from maskprep.kernels import sentence_words as words
from maskprep.stages.abbreviations import (
    ENDING_AFTER_NUMBER,
    ORDINAL_NOUNS,
    abbreviations_of,
)

OPENERS = "([{\u00ab\u2018\u201c\u2039\u300a\u3008\u300c\u300e\u3010\u3014\u3016\uff08\uff3b\uff5b"
CLOSERS = ")]}\u00bb\u2019\u201d\u201c\u203a\"'\u300b\u3009\u300d\u300f\u3011\uff09*_"
BEFORE_A_WORD = OPENERS + "\u201e\u201a\"'\u00bf\u00a1*_\u2014\u2013-"
_ELLIPSIS = "\u2026"  # ends no sentence for Unicode
_GREEK_QUESTION_MARKS = ";\u037e"  # the only difference between ICU's languages

_NUM_CODE_POINTS = 0x110000
_BITS = {
    "Extend": bits.EXTEND,
    "Paragraph": bits.PARAGRAPH | bits.MARK,
    "Sp": bits.SP,
    "Lower": bits.LOWER,
    "Upper": bits.UPPER,
    "OLetter": bits.OLETTER,
    "Numeric": bits.NUMERIC,
    "ATerm": bits.ATERM | bits.MARK,
    "STerm": bits.STERM | bits.MARK,
    "SContinue": bits.SCONTINUE,
    "Close": bits.CLOSE,
    "space": bits.IS_SPACE,
    "alpha": bits.IS_ALPHA | bits.IS_ALNUM,
    "decimal": bits.IS_DECIMAL | bits.IS_ALNUM,
    "digit": bits.IS_DIGIT | bits.IS_ALNUM,
    "numeric": bits.IS_ALNUM,
    "lower": bits.IS_LOWER,
    "upper": bits.IS_UPPER,
}
_SETS = {
    OPENERS: bits.OPENER,
    CLOSERS: bits.CLOSER,
    BEFORE_A_WORD: bits.BEFORE_A_WORD,
    ".,;:)": bits.AFTER_A_WORD,
    "ivxIVX": bits.IN_CHAPTER,
    "IVXLC": bits.IN_ROMAN,
    _ELLIPSIS: bits.MARK,
}
_NUM_SLOTS = 4096
_AFTER_LETTERS = 0x2200
"""Every character beyond is its own small letter, as far as it is in a known word."""


@dataclass(frozen=True)
class SentenceTables:
    """What is known of a language, as `kernels.sentences.find_sentences` takes it."""

    characters: NDArray[np.uint32]
    first_bytes: NDArray[np.bool_]
    lower: NDArray[np.int32]
    slots: NDArray[np.int32]
    arena: NDArray[np.int32]
    ordinals: bool


@cache
def sentence_tables(language: str) -> SentenceTables:
    """Return the tables of a language ("auto": of none)."""
    known = _known_words(language)
    characters = _greek_characters() if language == "el" else _characters()
    marks = np.flatnonzero(characters & bits.MARK)
    first_bytes = np.zeros(256, np.bool_)
    first_bytes[[chr(mark).encode()[0] for mark in marks]] = True
    slots, arena = _hashed(known)
    ordinals = abbreviations_of(language).ordinals
    return SentenceTables(characters, first_bytes, _lower(known), slots, arena, ordinals)


@cache
def _characters() -> NDArray[np.uint32]:
    characters = np.zeros(_NUM_CODE_POINTS, np.uint32)
    text = files("maskprep.stages").joinpath("sentence_characters.txt").read_text("ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *runs = line.split()
        for run in runs:
            ends, _, step = run.partition("/")
            first, _, last = ends.partition("-")
            stop = int(last or first, 16) + 1
            characters[int(first, 16) : stop : int(step or 1)] |= _BITS[name]
    for members, bit in _SETS.items():
        characters[[ord(member) for member in members]] |= bit
    return characters


def _greek_characters() -> NDArray[np.uint32]:
    characters = _characters().copy()
    for mark in _GREEK_QUESTION_MARKS:
        characters[ord(mark)] = bits.STERM | bits.MARK
    return characters


def _known_words(language: str) -> dict[str, int]:
    """Return the bits of every known word."""
    abbreviations = abbreviations_of(language)
    known: dict[str, int] = {}
    for members, bit in (
        (abbreviations.inside, words.INSIDE),
        (abbreviations.before_number, words.BEFORE_NUMBER),
        (abbreviations.sometimes_last, words.SOMETIMES_LAST),
        (abbreviations.openers, words.OPENS),
        (ORDINAL_NOUNS, words.ORDINAL_NOUN),
        (ENDING_AFTER_NUMBER, words.ENDS_AFTER_NUMBER),
    ):
        for word in members:
            known[word] = known.get(word, 0) | bit
    return known


def _lower(known: dict[str, int]) -> NDArray[np.int32]:
    """Return int32 [code points]: the small letter, where known words are written with it."""
    letters = {letter for word in known for letter in word.lower()}
    lower = np.arange(_AFTER_LETTERS, dtype=np.int32)
    for point in range(_AFTER_LETTERS):
        small = chr(point).lower()
        if small in letters:
            lower[point] = ord(small)
    return lower


def _hashed(known: dict[str, int]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return slots and arena of `kernels.sentence_words`."""
    slots = np.zeros(_NUM_SLOTS, np.int32)
    arena = [0]  # place 0 says that a slot is free
    for word in sorted(known):
        value = 0
        for letter in word:
            value = (value * words.HASH_FACTOR + ord(letter)) & words.HASH_BITS
        slot = value % _NUM_SLOTS
        while slots[slot]:
            slot = (slot + 1) % _NUM_SLOTS
        slots[slot] = len(arena)
        arena += [known[word], len(word), *map(ord, word)]
    return slots, np.array(arena, np.int32)
