"""Lines in UTF-8 text, and places in it."""

import naive
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from maskprep.kernels.lines import (
    count_line_breaks,
    find_letters,
    find_lines,
    join_lines,
    place_tokens,
)

WHITE = "".join(chr(c) for c in range(0x110000) if chr(c).isspace())
TEXTS = st.lists(
    st.one_of(
        st.sampled_from([*"ab.\n\n\r \u00e9\u4e2d\u0e01\U00020000", *WHITE, "longer than a word"]),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=40,
).map("".join)


def lines_of(texts):
    data = np.frombuffer("".join(texts).encode(), np.uint8)
    offsets = np.cumsum([0, *(len(text.encode()) for text in texts)])
    found = np.empty((data.size + len(texts), 4), np.int64)
    return data, found[: find_lines(data, offsets, found)]


def text_at(data, place):
    return data[place[1] : place[2]].tobytes().decode()


@given(st.lists(TEXTS, max_size=4))
@example(["\n\n", WHITE, "", " a\r\n\u3000b\u2028\nc" + WHITE])
def test_lines_are_what_python_strips(texts):
    data, found = lines_of(texts)
    assert count_line_breaks(data) == sum(text.count("\n") for text in texts)
    expected = [(row, line) for row, text in enumerate(texts) for line in naive.find_lines(text)]
    assert [(int(line[0]), text_at(data, line)) for line in found] == expected


@given(st.lists(TEXTS, max_size=4))
@example(["a\nb\n\nc\n \nd\n", "e\n\r\nf"])
def test_lines_between_blank_ones_are_joined_by_spaces(texts):
    data, found = lines_of(texts)
    joined = np.empty(data.size + len(found), np.uint8)
    units = np.empty((len(found), 4), np.int64)
    units = units[: join_lines(data, found, joined, units)]
    expected = [(row, unit) for row, text in enumerate(texts) for unit in naive.join_lines(text)]
    assert [(int(unit[0]), text_at(joined, unit)) for unit in units] == expected


@given(st.lists(st.tuples(TEXTS, st.lists(st.tuples(*[st.integers(0, 40)] * 2))), max_size=4))
def test_tokens_are_placed_by_bytes_and_begin_words_at_letters(lines):
    letters = {"\u4e2d", "\u0e01", "\U00020000"}
    table = np.zeros(0x20001, np.bool_)
    table[[ord(letter) for letter in letters]] = True
    texts = [text for text, _ in lines]
    tokens = [
        [(min(a, len(text)), min(max(a, b), len(text))) for a, b in places]
        for text, places in lines
    ]
    data = np.frombuffer("".join(texts).encode(), np.uint8)
    ends = np.cumsum([len(text.encode()) for text in texts], dtype=np.int64)
    starts = ends - np.array([len(text.encode()) for text in texts], np.int64)
    characters = np.array([t for places in tokens for t in places], np.int32).reshape(-1, 2)
    first_bytes = np.empty(len(characters), np.int32)
    word_starts = np.zeros(len(characters), np.bool_)
    place_tokens(
        data,
        np.stack([starts, ends], axis=1),
        np.cumsum([0, *map(len, tokens)]),
        characters,
        table,
        np.empty(data.size + 1, np.int32),
        first_bytes,
        word_starts,
    )
    expected = [naive.place_tokens(t, p, letters) for t, p in zip(texts, tokens, strict=True)]
    assert first_bytes.tolist() == [start for starts, _ in expected for start in starts]
    assert word_starts.tolist() == [begins for _, words in expected for begins in words]

    has_letters = np.empty(len(texts), np.bool_)
    find_letters(data, starts, ends, table, has_letters)
    assert has_letters.tolist() == [bool(letters & set(text)) for text in texts]
