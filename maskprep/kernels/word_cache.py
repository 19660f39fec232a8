"""A cache of words and their tokens: one line of 64 bytes for each word, found by its bytes.

A line holds a word of up to 31 bytes (`uint64` 0 to 3: bytes padded with zeros, the length in the
highest byte) and up to 7 tokens (`uint64` 4: number of tokens, first token; 5 to 7: the others). A
token of a line has 32 bits: id (26), whether a word begins (1), first byte in the word (5). Words
that share a line take turns; what does not fit is worked out each time it comes. So a cache never
grows, and a word that is found costs one line of memory.

Tokens that are laid out (`uint64`) have: id (26), `BEGINS` (1), and the first byte in their line of
text in the upper half.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.bits import EIGHT, first_bytes, load_eight
from maskprep.kernels.compilation import device, inlined, kernel

MOST_BYTES = 31
MOST_TOKENS = 7
LINE = 8
"""Numbers of a line."""

ID_MASK = np.uint64(2**26 - 1)
BEGINS = np.uint64(2**26)

_TOKEN_MASK = np.uint64(2**27 - 1)
_START_SHIFT = np.uint64(27)
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)
_BYTE = np.uint64(8)
_LENGTH_SHIFT = np.uint64(56)
# Odd numbers without pattern: the fractional parts of the square roots of 2, 3, 5, 7 and 11.
_FACTOR_0 = np.uint64(0x6A09E667F3BCC909)
_FACTOR_1 = np.uint64(0xBB67AE8584CAA73B)
_FACTOR_2 = np.uint64(0x3C6EF372FE94F82B)
_FACTOR_3 = np.uint64(0x54FF53A5F1D36F1D)
_FACTOR_4 = np.uint64(0x510E527FADE682D1)


@inlined
def _pack(text, start, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return up to 8 bytes as one number, the first the lowest."""
    if start + EIGHT <= text.size:
        return first_bytes(load_eight(text, start), stop - start)
    value = np.uint64(0)
    for i in range(stop - 1, start - 1, -1):
        value = value << _BYTE | np.uint64(text[i])
    return value


@inlined
def word_key(text, start, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the four numbers that stand for a word of up to 31 bytes, its length among them."""
    size = np.uint64(stop - start) << _LENGTH_SHIFT
    none = np.uint64(0)
    if stop - start <= EIGHT:
        return _pack(text, start, stop), none, none, size
    first = _pack(text, start, start + EIGHT)
    if stop - start <= 2 * EIGHT:
        return first, _pack(text, start + EIGHT, stop), none, size
    second = _pack(text, start + EIGHT, start + 2 * EIGHT)
    third = _pack(text, start + 2 * EIGHT, min(start + 3 * EIGHT, stop))
    if stop - start > 3 * EIGHT:
        size |= _pack(text, start + 3 * EIGHT, stop)
    return first, second, third, size


@inlined
def _line_of(key, num_lines):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the only line that can hold a word; `num_lines` is a power of two.

    An unsigned number: Numba asks of every other index whether it counts from the end.
    """
    mixed = key[0] * _FACTOR_0 + key[1] * _FACTOR_1 + key[2] * _FACTOR_2 + key[3] * _FACTOR_3
    mixed = (mixed ^ (mixed >> _HALF)) * _FACTOR_4
    return (mixed >> _HALF) & np.uint64(num_lines - 1)


@inlined
def laid_token(token_id, begins, start):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return a token as it is laid out."""
    token = np.uint64(token_id) | np.uint64(start) << _HALF
    return token | BEGINS if begins else token


@inlined
def _lay(packed, start):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return (packed & _TOKEN_MASK) | (start + (packed >> _START_SHIFT)) << _HALF


@inlined
def lay_word(text, start, stop, line_start, cache, tokens, n):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Lay out the tokens of a word that the cache holds.

    Args:
        text: uint8 [bytes].
        start: first byte of the word.
        stop: one past its last byte.
        line_start: first byte of its line of text.
        cache: uint64 [lines, 8].
        tokens: uint64 [tokens], written in place.
        n: number of the first token.

    Returns:
        How many tokens there are then; -1 if the cache does not hold the word.
    """
    if stop - start > MOST_BYTES:
        return np.int64(-1)
    key = word_key(text, start, stop)
    line = _line_of(key, cache.shape[0])
    # One comparison of all: four branches cost more.
    differs = cache[line, 0] ^ key[0] | cache[line, 1] ^ key[1]
    differs |= cache[line, 2] ^ key[2] | cache[line, 3] ^ key[3]
    if differs != np.uint64(0):
        return np.int64(-1)
    inside = np.uint64(start - line_start)
    head, pair = cache[line, 4], cache[line, 5]
    count = np.int64(head & _LOW_HALF)
    # Nearly every word has up to three tokens: writing three without asking is faster.
    tokens[np.uint64(n)] = _lay(head >> _HALF, inside)
    tokens[np.uint64(n + 1)] = _lay(pair & _LOW_HALF, inside)
    tokens[np.uint64(n + 2)] = _lay(pair >> _HALF, inside)
    for t in range(3, count):
        pair = cache[line, 4 + ((t + 1) >> 1)]
        tokens[n + t] = _lay(pair >> _HALF if t & 1 == 0 else pair & _LOW_HALF, inside)
    return n + count


@device
def keep_word(cache, key, inside, tokens, span):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Enter a word and its tokens, if they fit; the word that was in its line is forgotten.

    Args:
        cache: uint64 [lines, 8], changed in place.
        key: of the word.
        inside: first byte of the word in its line of text.
        tokens: uint64 [tokens], as they were laid out.
        span: first token of the word and one past its last.
    """
    count = span[1] - span[0]
    if count > MOST_TOKENS:
        return
    line = _line_of(key, cache.shape[0])
    cache[line, 0], cache[line, 1], cache[line, 2], cache[line, 3] = key
    cache[line, 4] = np.uint64(count)
    for t in range(count):
        token = tokens[span[0] + t]
        start = (token >> _HALF) - np.uint64(inside)
        packed = (token & _TOKEN_MASK) | start << _START_SHIFT
        if t & 1 == 0:
            cache[line, 4 + ((t + 1) >> 1)] |= packed << _HALF
        else:
            cache[line, 4 + ((t + 1) >> 1)] = packed


@kernel("void(const_uint64[::1], int32[::1], int32[::1], boolean[::1])")
def unpack_tokens(
    tokens: NDArray[np.uint64],
    ids: NDArray[np.int32],
    starts: NDArray[np.int32],
    word_starts: NDArray[np.bool_],
) -> None:
    """Take laid out tokens apart.

    Args:
        tokens: uint64 [tokens].
        ids: int32 [tokens], written in place, as are the next two.
        starts: int32 [tokens], first byte in the line.
        word_starts: bool [tokens].
    """
    for t in range(tokens.size):
        ids[t] = np.int32(tokens[t] & ID_MASK)
        starts[t] = np.int32(tokens[t] >> _HALF)
        word_starts[t] = (tokens[t] & BEGINS) != np.uint64(0)
