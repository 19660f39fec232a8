"""The kernels of sentences find the borders that ICU and the repairs of their twin find."""

# ruff: noqa: RUF001 - letters of other scripts look like Latin ones.

import icu_sentences
import numpy as np
import pytest
from character_borders import characters_of_another_unicode, flatten, split_lines
from hypothesis import example, given
from hypothesis import strategies as st

from maskprep.kernels.sentences import find_sentences
from maskprep.stages.abbreviations import ORDINAL_NOUNS, abbreviations_of
from maskprep.stages.sentence_tables import sentence_tables

LANGUAGES = ["auto", "en", "ru", "zh", "el", "de", "fr", "es", "it", "nl", "pl", "hi", "pt", "fi"]
WORDS = abbreviations_of("auto")
SMALL = sorted(WORDS.inside | WORDS.before_number | WORDS.sometimes_last | WORDS.openers)
# One or more of each class and each set that a rule asks for, of one to four bytes.
SIGNS = (
    "....??!!!… \u00a0\u3000\n\r\u2028\u2029\x85\x0b\x1c\x1f\taAbÖя1२٣ivXГ一あ,，:;)(『』[]{}«»‘’“”"
    "‹›「」\"'*_—–-„¿/=&\u0301\u00ad\u200d\u02bc\u0345。！？．।۔ـאबकि😀𝐀𝟗\U00010a56·․‥\u037eKİſßẞ"
)
UNLIKE = set(characters_of_another_unicode())

characters = st.characters(exclude_categories=["Cs"]).filter(lambda c: c not in UNLIKE)
words = st.one_of(
    st.sampled_from([*SMALL, *sorted(ORDINAL_NOUNS)]),
    st.sampled_from(SMALL).map(str.capitalize),
    st.sampled_from(SMALL).map(str.upper),
    st.sampled_from(
        [
            "U.S",
            "J",
            "z",
            "B",
            "12",
            "3",
            "1999",
            "12345",
            "IV",
            "vi",
            "http://a.b/",
            "?q=1",
            "[31]",
        ]
    ),
)
gaps = st.sampled_from(
    [" ", ". ", ". ", ".", "? ", "! ", "… ", ".[3] ", ".) ", '."', ' "', " (", "\n", "。", " — "]
)
# What stands just inside a window of 48 characters, or just outside.
runs = st.builds(lambda c, n: c * n, st.sampled_from(SIGNS), st.integers(44, 50))
texts = st.one_of(
    st.text(st.sampled_from(" .? !aA1一,)(\n"), max_size=14),
    st.text(st.sampled_from(SIGNS), max_size=30),
    st.text(st.one_of(st.sampled_from(SIGNS), characters), max_size=30),
    st.lists(st.one_of(words, gaps), max_size=30).map("".join),
    st.lists(st.one_of(runs, words, gaps, st.sampled_from(SIGNS)), max_size=8).map("".join),
)


@given(st.lists(texts, max_size=4), st.sampled_from(LANGUAGES))
@example(["a." + ")" * 47 + "b", "a." + ")" * 46 + "b"], "auto")
@example(["B. \n\n \r\n5", "He.* 5 a", "Go?" + "\x1c" * 50 + "a"], "auto")
@example(
    ["A long sentence, without any mark of its own for a while! And, \u201cno\u201d, more."], "en"
)
@example(["Ab.[3] \n[4] Cd. [5]", "Ab!«[(Cd", "\u2028 Ab. Cd"], "en")
def test_borders_are_those_of_the_twin(lines, language):
    assert split_lines(lines, language) == icu_sentences.split_sentences(lines, language)


def test_marks_in_ascii_are_those_that_are_looked_for_eight_bytes_at_a_time():
    # `kernels.bits.first_mark` knows them by heart, as tables cannot be asked for eight at once.
    for language in LANGUAGES:
        marks = np.flatnonzero(sentence_tables(language).first_bytes[0x20:0x80]) + 0x20
        assert set(bytes(marks.tolist())) <= set(b".!?;")


FRAMES = ["A.{}", "A.{}a", "A.{}A", "A. {}b", "A. {} A", "A.){}A", "{}.A", "a{} A", "A! {}b"]


@pytest.mark.parametrize("language", ["auto", "el"])
def test_every_kind_of_character_breaks_as_in_icu(language):
    """The first and the last character of each run of equal ones, and the marks of every script."""
    table = sentence_tables(language).characters
    changes = np.flatnonzero(np.diff(table))
    points = sorted({*changes.tolist(), *(changes + 1).tolist(), *range(0x600)})
    found = [chr(c) for c in points if not 0xD800 <= c < 0xE000 and chr(c) not in UNLIKE]
    assert len(found) > 4000
    lines = [frame.format(character) for character in found for frame in FRAMES]
    assert split_lines(lines, language) == icu_sentences.split_sentences(lines, language)


def test_what_does_not_fit_is_counted_and_left_out():
    tables = sentence_tables("auto")
    data, lines = flatten(["One! Two! Three!", "Four! Five!"])
    num_sentences, starts = np.empty(2, np.int64), np.full(5, -1)
    found = find_sentences(
        *(data, lines, tables.characters, tables.first_bytes, tables.lower, tables.slots),
        *(tables.arena, tables.ordinals, num_sentences, starts[:3]),
    )
    assert (found, num_sentences.tolist(), starts.tolist()) == (5, [3, 2], [0, 5, 10, -1, -1])
