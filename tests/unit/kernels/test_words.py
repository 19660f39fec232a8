"""Given words: their text, their borders, and the words of tokens."""

import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.encoders.scripts import unspaced_characters, unspaced_letters
from maskprep.kernels.words import ANY_SPACE, join_words, lay_words

UNSPACED = unspaced_characters()
LETTERS = unspaced_letters()
SEPARATORS = {None: ANY_SPACE, "\x1f": 0x1F}
# Han, Thai with a mark, kana, CJK punctuation, Latin, a separator, spaces, line breaks.
ALPHABET = "中\u0e17\u0e35\u3042。ab“\x1f \u3000\t\r\n"


def joined(texts, separator=None):
    encoded = [text.encode() for text in texts]
    data = np.frombuffer(b"".join(encoded), np.uint8)
    offsets = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    out = np.empty(data.size, np.uint8)
    starts, word_offsets = np.zeros((2, len(texts) + 1), np.int64)
    borders = np.empty(data.size // 2 + len(texts) + 1, np.int64)
    num_words = join_words(
        data, offsets, SEPARATORS[separator], UNSPACED, out, starts, borders, word_offsets
    )
    assert word_offsets[-1] == num_words
    return [
        (
            out[starts[row] : starts[row + 1]].tobytes().decode(),
            borders[word_offsets[row] : word_offsets[row + 1]].tolist(),
        )
        for row in range(len(texts))
    ]


@pytest.mark.parametrize("separator", [None, "\x1f"], ids=["spaces", "list"])
@given(texts=st.lists(st.text(ALPHABET, max_size=12), max_size=4))
def test_words_are_joined_as_the_twin_joins_them(separator, texts):
    def is_unspaced(character):
        return ord(character) < UNSPACED.size and bool(UNSPACED[ord(character)])

    expected = [naive.join_words(text, separator, is_unspaced) for text in texts]
    assert joined(texts, separator) == expected


@pytest.mark.parametrize(
    ("text", "separator", "expected", "words"),
    [
        ("我 爱 北京 。", None, "我爱北京。", ["我", "爱", "北京", "。"]),
        ("The cat sat .", None, "The cat sat .", ["The ", "cat ", "sat ", "."]),
        ("在 New York 工作", None, "在New York工作", ["在", "New ", "York", "工作"]),
        ("在 New   York", None, "在New York", ["在", "New ", "York"]),
        (
            "\u0e44\u0e1b   \u0e21\u0e32",
            None,
            "\u0e44\u0e1b \u0e21\u0e32",
            ["\u0e44\u0e1b ", "\u0e21\u0e32"],
        ),
        (
            "\u0e19\u0e49\u0e33 \u0e17\u0e35\u0e48 \u0e14\u0e35",
            None,
            "\u0e19\u0e49\u0e33\u0e17\u0e35\u0e48\u0e14\u0e35",
            ["\u0e19\u0e49\u0e33", "\u0e17\u0e35\u0e48", "\u0e14\u0e35"],
        ),
        ("他 说\n 你好 \n", None, "他说\n 你好 \n", ["他", "说\n ", "你好 \n"]),
        ("New York\x1fis\x1fbig", "\x1f", "New York is big", ["New York ", "is ", "big"]),
        ("你好\x1f \x1f世界", "\x1f", "你好 世界", ["你好 ", "世界"]),
        ("你好\x1f\x1f世界", "\x1f", "你好世界", ["你好", "世界"]),
        ("\x1f我\x1f\n\x1f爱\x1f", "\x1f", "我\n爱", ["我\n", "爱"]),
    ],
    ids=lambda value: None if isinstance(value, list) else ascii(value)[:20],
)
def test_what_stays_between_two_words(text, separator, expected, words):
    [(found, borders)] = joined([text], separator)
    assert found == expected
    data = found.encode()
    first = data[: borders[0]].decode()
    pieces = [data[a:b].decode() for a, b in zip(borders, [*borders[1:], None], strict=True)]
    assert (first, pieces) == ("", words)


def laid(text, borders, starts, word_starts, unit_starts=(0,), offsets=None):
    flags = np.array(word_starts, np.bool_)
    number = lay_words(
        np.frombuffer(text.encode(), np.uint8),
        np.array(unit_starts, np.int64),
        np.array([0, len(starts)] if offsets is None else offsets, np.int64),
        np.array(starts, np.int32),
        np.array(borders, np.int64),
        LETTERS,
        flags,
    )
    return flags.tolist(), number


def test_words_begin_where_they_are_given_and_nowhere_else():
    assert laid("北京大学", [0, 6], [0, 3, 6, 9], [True] * 4) == ([True, False, True, False], 0)


def test_a_token_that_spans_two_words_makes_them_one():
    assert laid("abcdef", [0, 2, 4], [0, 3, 4], [True] * 3) == ([True, False, True], 1)


def test_a_token_that_shares_a_letter_with_the_one_before_begins_no_word():
    # As an encoder says: the second token begins inside the second letter.
    assert laid("北京", [0, 3], [0, 3], [True, False]) == ([True, False], 1)


def test_a_piece_may_begin_a_given_word():
    assert laid("ab", [0, 1], [0, 1], [True, False]) == ([True, True], 0)


@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1).map(sorted), max_size=4),
    st.sets(st.integers(0, 39)),
)
def test_words_are_laid_as_the_twin_lays_them(units, borders):
    first_bytes = {10 * unit for unit in range(len(units))}
    borders = sorted(first_bytes | {b for b in borders if b < 10 * len(units)})
    units = [[0, *unit[1:]] for unit in units]
    places = [[(10 * u + byte, True) for byte in unit] for u, unit in enumerate(units)]
    found = laid(
        "a" * 40,
        borders,
        [byte for unit in units for byte in unit],
        [True] * sum(map(len, units)),
        range(0, 10 * len(units), 10),
        np.cumsum([0, *map(len, units)]),
    )
    assert found == naive.lay_words(borders, places)
