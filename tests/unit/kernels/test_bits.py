"""Eight bytes at once, against their twins of one byte."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from maskprep.kernels import bits
from maskprep.kernels.compilation import kernel

EIGHT = st.binary(min_size=8, max_size=8)


@kernel("void(const_uint8[::1], int64[::1], uint64[::1])")
def ask_all(text, counts, numbers):
    eight = bits.load_eight(text, 0)
    counts[3] = bits.first_mark(eight)
    counts[0] = bits.leading_letters(eight)
    counts[1] = bits.leading_alphanumerics(eight)
    counts[2] = 1 if bits.is_ascii(eight) else 0
    for count in range(9):
        numbers[count] = bits.first_bytes(eight, count)


def leading(data, is_wanted):
    return next((n for n, byte in enumerate(data) if not is_wanted(byte)), 8)


def ends_no_sentence(byte):
    return 0x20 <= byte < 0x80 and byte not in b".!?;"


def is_letter(byte):
    return byte < 0x80 and chr(byte).isalpha()


def is_alphanumeric(byte):
    return byte < 0x80 and chr(byte).isalnum()


@given(
    st.one_of(
        EIGHT,
        st.lists(st.sampled_from(b"aAzZ09@[`{/:\x10\x19\x7f\x80\xe1"), min_size=8, max_size=8).map(
            bytes
        ),
    )
)
@example(b"abcdefgh")
@example(b"\x10\x11\x19\xb0\xb9\xc1\xda\xe1")
def test_every_answer_is_that_of_single_bytes(data):
    counts, numbers = np.zeros(4, np.int64), np.zeros(9, np.uint64)
    ask_all(np.frombuffer(data, np.uint8), counts, numbers)
    assert counts.tolist() == [
        leading(data, is_letter),
        leading(data, is_alphanumeric),
        int(data.isascii()),
        leading(data, ends_no_sentence),
    ]
    assert numbers.tolist() == [int.from_bytes(data[:n], "little") for n in range(9)]


def test_every_byte_at_every_place_is_told_apart():
    for place in range(8):
        for byte in range(256):
            data = bytearray(b"aaaaaaaa")
            data[place] = byte
            counts, numbers = np.zeros(4, np.int64), np.zeros(9, np.uint64)
            ask_all(np.frombuffer(bytes(data), np.uint8), counts, numbers)
            assert counts[[0, 1, 3]].tolist() == [
                8 if is_right(byte) else place
                for is_right in (is_letter, is_alphanumeric, ends_no_sentence)
            ]


@kernel("int64(const_uint8[::1], int64, int64, int64)")
def look_for(text, first, stop, byte):
    return bits.find_byte(text, first, stop, byte)


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 255))
@example(b"\x0b\x8a\n\x0a\x8a\x0b\n\n" * 2, 0, 16, 10)
def test_a_byte_is_found_where_python_finds_it(data, first, stop, byte):
    first, stop = sorted((min(first, len(data)), min(stop, len(data))))
    text = np.frombuffer(data, np.uint8)
    for wanted in {byte, *data[:3]}:
        place = data.find(wanted, first, stop)
        assert look_for(text, first, stop, wanted) == (stop if place < 0 else place)
