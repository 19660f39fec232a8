"""Letters of scripts written without spaces."""

import unicodedata

import numpy as np
import pytest

from maskprep.encoders.scripts import UNSPACED_LETTERS, unspaced_letters

NAMES = ("CJK ", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR")


def test_every_letter_of_these_scripts_is_found_and_no_mark_or_digit():
    """Checked against the Unicode data of this Python, which may know fewer letters than we."""
    letters = unspaced_letters()
    for point in range(letters.size):
        name = unicodedata.name(chr(point), "")
        category = unicodedata.category(chr(point))
        if category.startswith(("M", "Nd", "S", "P")):
            assert not letters[point], hex(point)
        elif name.startswith(NAMES) and category.startswith("L") and "VOICED SOUND" not in name:
            assert letters[point], hex(point)


@pytest.mark.parametrize("letter", [*"中々〇ぁーｱกກកက", "\U00020000", "\U00031350"])
def test_letters(letter):
    assert unspaced_letters()[ord(letter)]


@pytest.mark.parametrize("other", [*"aéя한。、!ﾞ", "\u0e34", "\u0e51", "\u3099"])
def test_other_characters(other):
    letters = unspaced_letters()
    assert ord(other) >= letters.size or not letters[ord(other)]


def test_the_table_reaches_as_far_as_the_letters():
    assert unspaced_letters().size == max(last for _, last in UNSPACED_LETTERS) + 1
    assert np.flatnonzero(unspaced_letters())[0] == 0x0E01
