"""Characters and words of the sentence rules are the same on every version of Python."""

import sys
import unicodedata

import pytest
from character_borders import METHODS, characters_of_another_unicode

from maskprep.kernels import sentence_characters as bits
from maskprep.kernels import sentence_words as words
from maskprep.stages.languages import LANGUAGES
from maskprep.stages.sentence_tables import sentence_tables

CHARACTERS = sentence_tables("auto").characters


@pytest.mark.skipif(
    unicodedata.unidata_version > "17.0.0", reason="this Python knows a later version of Unicode"
)
def test_characters_are_what_python_says_of_those_it_knows():
    """Between Unicode 14.0 and 17.0 a few letters became small letters."""
    unlike = [c for c in characters_of_another_unicode() if unicodedata.category(c) != "Cn"]
    assert set(unlike) <= set("\u0295\u10fc\ua7f2\ua7f3\ua7f4\uab69")


def test_every_method_is_true_of_some_characters():
    for says, bit in METHODS.items():
        assert (CHARACTERS & bit != 0).sum() >= sum(map(says, map(chr, range(0x300))))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (bits.SP, "Sp"),
        (bits.LOWER, "Lower"),
        (bits.UPPER, "Upper"),
        (bits.OLETTER, "OLetter"),
        (bits.NUMERIC, "Numeric"),
        (bits.ATERM, "ATerm"),
        (bits.STERM, "STerm"),
        (bits.SCONTINUE, "SContinue"),
        (bits.CLOSE, "Close"),
    ],
)
def test_classes_are_those_of_another_library(ours, theirs):
    regex = pytest.importorskip("regex")
    pattern = regex.compile(rf"\p{{Sentence_Break={theirs}}}")
    known = [chr(c) for c in range(sys.maxunicode + 1) if unicodedata.category(chr(c)) != "Cn"]
    of_class = {c for c in known if CHARACTERS[ord(c)] & ours}
    assert of_class == {c for c in known if pattern.match(c)}


def known_words(tables):
    found, place = {}, 1
    while place < tables.arena.size:
        first = place + 2
        stop = first + int(tables.arena[place + 1])
        word = "".join(map(chr, tables.arena[first:stop].tolist()))
        found[word] = int(tables.arena[place])
        place = stop
    return found


def test_letters_of_known_words_have_their_small_letters():
    """Whatever Python would write with the letters of a known word is found by the table too."""
    every = [(point, chr(point).lower()) for point in range(sys.maxunicode + 1)]
    small = [
        (point, letter) for point, letter in every if point < 0x3000 or ord(letter[0]) != point
    ]
    for language in ["auto", *sorted(LANGUAGES)]:
        tables = sentence_tables(language)
        letters = {letter for word in known_words(tables) for letter in word}
        assert "k" in letters
        lowered = {point: ord(letter) for point, letter in small if letter in letters}
        beyond = {point for point in lowered if point >= tables.lower.size}
        assert all(lowered[point] == point for point in beyond)
        inside = [point for point in lowered if point not in beyond]
        assert tables.lower[inside].tolist() == [lowered[point] for point in inside]


def test_a_word_can_be_of_several_kinds():
    known = known_words(sentence_tables("de"))
    assert known["im"] == words.OPENS
    assert known["st"] == words.INSIDE | words.BEFORE_NUMBER
    assert known["januar"] == words.ORDINAL_NOUN
    assert len(known) == (sentence_tables("de").slots > 0).sum()
