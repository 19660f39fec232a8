"""Eight bytes of text as one number: what Numba has no function for, tests on all eight at once.

Without compilation (`NUMBA_DISABLE_JIT=1`) the plain functions below serve.
"""

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from maskprep.kernels.compilation import inlined

EIGHT = 8
_HIGH_BITS = np.uint64(0x8080808080808080)
_LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)
_CASE = np.uint64(0x2020202020202020)
_ONES = np.uint64(0x0101010101010101)
# What must be added to a byte so that its highest bit says "at least" or "more than".
_FROM_A = np.uint64(0x1F1F1F1F1F1F1F1F)
_PAST_Z = np.uint64(0x0505050505050505)
_FROM_0 = np.uint64(0x5050505050505050)
_PAST_9 = np.uint64(0x4646464646464646)
_FROM_SPACE = np.uint64(0x6060606060606060)
_FULL_STOPS, _EXCLAMATION_MARKS = np.uint64(0x2E2E2E2E2E2E2E2E), np.uint64(0x2121212121212121)
_QUESTION_MARKS, _BIT_2 = np.uint64(0x3F3F3F3F3F3F3F3F), np.uint64(0x0404040404040404)
_SETTINGS: Any = numba.config


def _load(text: Any, place: Any) -> Any:  # noqa: ANN401 - compiled for any index
    return np.uint64(int.from_bytes(text[place : place + EIGHT].tobytes(), "little"))


def _trailing_zeros(value: Any) -> Any:  # noqa: ANN401
    number = int(value)
    return np.int64((number & -number).bit_length() - 1 if number else 64)


if not _SETTINGS.DISABLE_JIT:

    @intrinsic
    def _load(typingctx, text, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            pointer = builder.gep(array.data, [arguments[1]])
            number = builder.bitcast(pointer, ir.IntType(64).as_pointer())
            return builder.load(number, align=1)

        return types.uint64(text, types.int64), generate

    @intrinsic
    def _trailing_zeros(typingctx, value):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
            return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), generate


@inlined
def load_eight(text, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return eight bytes, the first the lowest; all of them must be there."""
    return _load(text, np.int64(place))


@inlined
def is_ascii(eight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Tell whether eight bytes are ASCII."""
    return eight & _HIGH_BITS == np.uint64(0)


@inlined
def leading_letters(eight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return how many of eight bytes, from the first on, are A-Z or a-z."""
    low = (eight | _CASE) & _LOW_BITS
    letters = (low + _FROM_A) & ~(low + _PAST_Z) & ~eight & _HIGH_BITS
    return _trailing_zeros(~letters & _HIGH_BITS) >> 3


@inlined
def leading_alphanumerics(eight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return how many of eight bytes, from the first on, are A-Z, a-z or 0-9."""
    low = eight & _LOW_BITS
    lower = low | _CASE
    letters = (lower + _FROM_A) & ~(lower + _PAST_Z)
    digits = (low + _FROM_0) & ~(low + _PAST_9)
    return _trailing_zeros(~((letters | digits) & ~eight) & _HIGH_BITS) >> 3


@inlined
def first_bytes(eight, count):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the first `count` of eight bytes, the others zero."""
    if count >= EIGHT:
        return eight
    return eight & ((np.uint64(1) << np.uint64(count << 3)) - np.uint64(1))


@inlined
def first_mark(eight):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return where a sentence may end in eight bytes: 8 if there are only bytes that end none.

    Those are ASCII, but for control characters, full stops, exclamation marks, question marks and
    (they end Greek questions) semicolons.
    """
    low = eight & _LOW_BITS
    others = (low + _FROM_SPACE) & ((low ^ _FULL_STOPS) + _LOW_BITS)
    # ";" and "?" are one bit apart.
    others &= ((low ^ _EXCLAMATION_MARKS) + _LOW_BITS) & (
        (low | _BIT_2) ^ _QUESTION_MARKS
    ) + _LOW_BITS
    return _trailing_zeros((~others | eight) & _HIGH_BITS) >> 3


@inlined
def find_byte(data, i, stop, byte):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return where a byte stands next, from byte i on; `stop` if it does not before that."""
    wanted = _ONES * np.uint64(byte)
    last = min(stop, data.size) - EIGHT
    while i <= last:
        others = load_eight(data, i) ^ wanted
        # The high bits of bytes that are zero: exact, as no byte carries into the next one.
        found = ~((others & _LOW_BITS) + _LOW_BITS | others) & _HIGH_BITS
        if found != np.uint64(0):
            return i + (_trailing_zeros(found) >> 3)
        i += EIGHT
    while i < stop and data[i] != byte:
        i += 1
    return i
