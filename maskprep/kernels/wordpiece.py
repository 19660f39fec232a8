"""WordPiece on raw bytes: words as BERT's pre-tokenizer cuts them, longest pieces first.

A word that was seen lately is looked up (`word_cache`); another one is normalised character by
character (`characters`) and split by a hash table of the vocabulary.

Source: Devlin et al. 2019; `tokenizers`, models/wordpiece (the longest piece that fits, then the
rest likewise; the unknown token for a word that cannot be split, or is too long).
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.bits import EIGHT, leading_alphanumerics, load_eight
from maskprep.kernels.characters import (
    ALONE,
    BEGINS_WORD,
    ID_SHIFT,
    KIND,
    LENGTH,
    LENGTH_SHIFT,
    PLACE_SHIFT,
    REFERENCE,
    SPACE,
    code_point,
)
from maskprep.kernels.compilation import device, inlined, kernel
from maskprep.kernels.trie import CONTINUING, WHOLE, step
from maskprep.kernels.word_cache import (
    MOST_BYTES,
    keep_word,
    laid_token,
    lay_word,
    word_key,
)

# Slots of `settings`.
UNK, PLAIN, NUM_DEFERRED = range(3)
_BLANK = np.uint8(0x20)


@device
def _normalize(text, start, stop, characters, normalized, word, origins):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Write a word as the normaliser makes it; return its bytes, or -1 if it has too many.

    Args:
        text: uint8 [bytes].
        start: first byte of the word.
        stop: one past its last byte.
        characters: uint32 [code points].
        normalized: uint8 [bytes].
        word: int64 [4 bytes for each character that a word may have], written in place.
        origins: int64 [as word], byte of `text` that each byte comes from.
    """
    size = characters_so_far = 0
    i = start
    while i < stop:
        point, length = code_point(text, i)
        info = characters[point]
        place = np.int64(info >> PLACE_SHIFT)
        for b in range(place, place + np.int64((info >> LENGTH_SHIFT) & LENGTH)):
            if normalized[b] & 0xC0 != 0x80:  # noqa: PLR2004 - UTF-8
                characters_so_far += 1
            if 4 * characters_so_far > word.size:
                return -1
            word[size] = normalized[b]
            origins[size] = i
            size += 1
        i += length
    return size


@device
def _begins(text, origins, at, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Tell whether a token that begins at a byte of the word begins a word."""
    if at == 0:
        return True
    if origins[at] == origins[at - 1]:
        return False
    point, _ = code_point(text, origins[at])
    return (characters[point] & BEGINS_WORD) != np.uint32(0)


@device
def _split_word(  # type: ignore[no-untyped-def]  # noqa: ANN202
    text,  # noqa: ANN001
    size,  # noqa: ANN001
    word,  # noqa: ANN001
    origins,  # noqa: ANN001
    characters,  # noqa: ANN001
    edges,  # noqa: ANN001
    unknown,  # noqa: ANN001
    tokens,  # noqa: ANN001
    place,  # noqa: ANN001
):
    """Lay out the tokens of a normalised word; `place` is (number of the first token, line)."""
    first, line_start = place
    n = first
    at = 0
    while at < size:
        node = np.int64(WHOLE if at == 0 else CONTINUING)
        found, stop, b = np.int64(-1), at, at
        while b < size and node >= 0:
            node, token = step(node, word[b], edges)
            b += 1
            if token >= 0:
                found, stop = token, b
        if found < 0:
            tokens[first] = laid_token(unknown, True, origins[0] - line_start)
            return first + 1
        begins = _begins(text, origins, at, characters)
        tokens[n] = laid_token(found, begins, origins[at] - line_start)
        n += 1
        at = stop
    return n


@device
def _scan_word(text, start, end, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return where a word ends, and the kinds of its characters, one bit each."""
    kinds = np.uint32(0)
    i = start
    while i < end:
        point, length = code_point(text, i)
        kind = characters[point] & KIND
        if kind >= np.uint32(SPACE):
            break
        kinds |= kind
        i += length
    return i, kinds


@inlined
def _plain_stop(text, start, end, characters):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return where a word of up to 16 letters and digits ends; `start` if it is not such a word."""
    if start + 2 * EIGHT > text.size:
        return start
    stop = start + leading_alphanumerics(load_eight(text, start))
    if stop == start + EIGHT:
        stop += leading_alphanumerics(load_eight(text, stop))
    if stop >= end:
        return end
    following = text[np.uint64(stop)]
    # A word goes on with characters beyond ASCII, and with those that are dropped.
    ends = following < 0x80 and characters[following] & KIND >= np.uint32(SPACE)  # noqa: PLR2004
    return stop if ends and stop < start + 2 * EIGHT else start


@device
def _learn_word(  # type: ignore[no-untyped-def]  # noqa: ANN202
    text,  # noqa: ANN001
    span,  # noqa: ANN001
    characters,  # noqa: ANN001
    normalized,  # noqa: ANN001
    edges,  # noqa: ANN001
    unknown,  # noqa: ANN001
    cache,  # noqa: ANN001
    tokens,  # noqa: ANN001
    place,  # noqa: ANN001
    scratch,  # noqa: ANN001
):
    """Lay out the tokens of the word text[span], and keep them if they fit.

    `place` is (number of the first token, first byte of the line); returns how many tokens there
    are then.
    """
    start, stop = span
    n, line_start = place
    word, origins = scratch[0], scratch[1]
    size = _normalize(text, start, stop, characters, normalized, word, origins)
    if size < 0:
        tokens[n] = laid_token(unknown, True, origins[0] - line_start)
        after = n + 1
    else:
        after = _split_word(text, size, word, origins, characters, edges, unknown, tokens, place)
    if stop - start <= MOST_BYTES:
        keep_word(cache, word_key(text, start, stop), start - line_start, tokens, (n, after))
    return after


@kernel(
    "int64(const_uint8[::1], int64[:, ::1], const_uint32[::1], const_uint8[::1],"
    " int64[:, ::1], int64[::1], uint64[:, ::1], uint64[::1], int64[:, ::1], int64[:, ::1])"
)
def encode_words(
    text: NDArray[np.uint8],
    lines: NDArray[np.int64],
    characters: NDArray[np.uint32],
    normalized: NDArray[np.uint8],
    edges: NDArray[np.int64],
    settings: NDArray[np.int64],
    cache: NDArray[np.uint64],
    tokens: NDArray[np.uint64],
    deferred: NDArray[np.int64],
    scratch: NDArray[np.int64],
) -> int:
    """Encode lines.

    Args:
        text: uint8 [bytes], valid UTF-8.
        lines: int64 [lines, 3], first byte, one past the last; how many tokens there are after it
            is written in place.
        characters: uint32 [code points], see `characters`.
        normalized: uint8 [bytes], what characters become.
        edges: int64 [a power of two, 2], the vocabulary, see `trie`.
        settings: int64 [3]: id of the unknown token; whether the ASCII characters of words are
            letters and digits; the number of deferred words, written in place.
        cache: uint64 [a power of two, 8], see `word_cache`; updated.
        tokens: uint64 [bytes of the lines + 8], written in place, as `word_cache` lays them out.
        deferred: int64 [most deferred, 4], words that only the library can encode: line, first
            byte, one past the last, how many tokens stand before it; written in place.
        scratch: int64 [2, 4 bytes for each of the most characters of a word].

    Returns:
        How many tokens were written.
    """
    n = num_deferred = 0
    unknown, is_plain = settings[UNK], settings[PLAIN] != 0
    for line in range(lines.shape[0]):
        first, end = lines[line, 0], lines[line, 1]
        i = first
        while i < end:
            stop, kinds = i, np.uint32(0)
            if is_plain:
                stop = _plain_stop(text, i, end, characters)
            if stop == i:
                point, length = code_point(text, i)
                info = characters[point]
                if info & KIND == np.uint32(ALONE):
                    tokens[n] = laid_token(info >> ID_SHIFT, True, i - first)
                    n += 1
                if info & KIND >= np.uint32(SPACE):
                    i += length
                    continue
                stop, kinds = _scan_word(text, i, end, characters)
            if kinds & np.uint32(REFERENCE):
                deferred[num_deferred, 0], deferred[num_deferred, 1] = line, i
                deferred[num_deferred, 2], deferred[num_deferred, 3] = stop, n
                num_deferred += 1
            else:
                after = lay_word(text, i, stop, first, cache, tokens, n)
                if after < 0:
                    after = _learn_word(
                        text, (i, stop), characters, normalized, edges, unknown, cache,
                        tokens, (n, first), scratch,
                    )  # fmt: skip
                n = after
            # Most words are followed by one space.
            i = stop + 1 if stop < end and text[np.uint64(stop)] == _BLANK else stop
        lines[line, 2] = n
    settings[NUM_DEFERRED] = num_deferred
    return n
