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
    counts[0] = bits.leading_letters(eight)
    counts[1] = bits.leading_alphanumerics(eight)
    counts[2] = 1 if bits.is_ascii(eight) else 0
    for count in range(9):
        numbers[count] = bits.first_bytes(eight, count)


def leading(data, is_wanted):
    return next((n for n, byte in enumerate(data) if not is_wanted(byte)), 8)


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
    counts, numbers = np.zeros(3, np.int64), np.zeros(9, np.uint64)
    ask_all(np.frombuffer(data, np.uint8), counts, numbers)
    assert counts.tolist() == [
        leading(data, is_letter),
        leading(data, is_alphanumeric),
        int(data.isascii()),
    ]
    assert numbers.tolist() == [int.from_bytes(data[:n], "little") for n in range(9)]


def test_every_byte_at_every_place_is_told_apart():
    for place in range(8):
        for byte in range(256):
            data = bytearray(b"aaaaaaaa")
            data[place] = byte
            counts, numbers = np.zeros(3, np.int64), np.zeros(9, np.uint64)
            ask_all(np.frombuffer(bytes(data), np.uint8), counts, numbers)
            assert counts[:2].tolist() == [
                8 if is_letter(byte) else place,
                8 if is_alphanumeric(byte) else place,
            ]
