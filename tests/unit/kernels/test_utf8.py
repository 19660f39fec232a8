"""Valid UTF-8 and visible text against Python's own opinion."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskprep.kernels.utf8 import find_visible, is_utf8

LEADS = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF]
LEADS += [0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
PIECES = st.binary(max_size=3) | st.lists(st.sampled_from(LEADS), max_size=5).map(bytes)
ROWS = st.lists(PIECES | st.text(max_size=4).map(str.encode), min_size=1, max_size=5)


def flat(rows):
    data = np.frombuffer(b"".join(rows), np.uint8)
    return data, np.cumsum([0, *(len(row) for row in rows)])


def is_text(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@given(rows=ROWS, padding=st.sampled_from([0, 1, 4094, 4097, 9000]))
def test_rows_are_valid_if_python_decodes_each(rows, padding):
    rows = [b"x" * padding, *rows]
    assert is_utf8(*flat(rows)) == all(is_text(row) for row in rows)


@pytest.mark.parametrize("a", LEADS)
def test_every_pair_of_bytes_before_two_others(a):
    for b in LEADS:
        for tail in (b"", b"\x80", b"\x80\x80", b"\x80\x80\x80", b"a"):
            row = bytes([a, b]) + tail
            assert is_utf8(*flat([row])) == is_text(row), row


def test_visible_is_what_python_calls_no_white_space():
    points = [p for p in range(sys.maxunicode + 1) if not 0xD800 <= p < 0xE000]
    rows = [chr(p).encode() for p in points]
    visible = np.empty(len(rows), np.bool_)
    find_visible(*flat(rows), visible)
    assert visible.tolist() == [not chr(p).isspace() for p in points]


@given(st.lists(st.text(st.sampled_from(" \n\u3000\u00a0a\u4e2d"), max_size=4), min_size=1))
def test_a_row_is_visible_if_any_of_its_characters_is(rows):
    visible = np.empty(len(rows), np.bool_)
    find_visible(*flat([row.encode() for row in rows]), visible)
    assert visible.tolist() == [bool(row.strip()) for row in rows]
