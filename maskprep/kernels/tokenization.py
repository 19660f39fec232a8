"""Sentences laid over tokens; words and documents that are too long."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel

_NOWHERE = np.int64(2**62)


@kernel("int64(boolean[::1], int64)")
def cut_words(word_starts: NDArray[np.bool_], max_tokens: int) -> int:
    """Let a new word begin after every `max_tokens` tokens of one.

    Args:
        word_starts: bool [tokens], the first true; changed in place.
        max_tokens: of a word.

    Returns:
        How many words were longer.
    """
    cut = 0
    length = 0
    is_cut = False
    for t in range(word_starts.size):
        if word_starts[t]:
            length = 0
            is_cut = False
        elif length == max_tokens:
            word_starts[t] = True
            length = 0
            cut += 0 if is_cut else 1
            is_cut = True
        length += 1
    return cut


@kernel(
    "int64(const_int64[::1], const_int64[::1], const_int64[::1], const_int32[::1], "
    "const_int64[::1], int32[::1], int64[::1], int64[::1])"
)
def lay_sentences(
    unit_rows: NDArray[np.int64],
    unit_starts: NDArray[np.int64],
    token_offsets: NDArray[np.int64],
    starts: NDArray[np.int32],
    borders: NDArray[np.int64],
    lengths: NDArray[np.int32],
    row_sentences: NDArray[np.int64],
    row_tokens: NDArray[np.int64],
) -> int:
    """Count the tokens of each sentence; a token belongs to the sentence of its first byte.

    Args:
        unit_rows: int64 [units], ascending.
        unit_starts: int64 [units], first byte of each.
        token_offsets: int64 [units + 1].
        starts: int32 [tokens], first byte in the unit.
        borders: int64 [borders], bytes at which a sentence begins, ascending; a row always
            begins one.
        lengths: int32 [tokens], written in place; sentences without tokens are left out.
        row_sentences: int64 [rows], zeros, added to.
        row_tokens: int64 [rows], zeros, added to.

    Returns:
        How many sentences have tokens.
    """
    num_sentences = 0
    passed = 0
    current = -1
    row = -1
    for unit in range(unit_rows.size):
        if unit_rows[unit] != row:
            row = unit_rows[unit]
            current = -1
        t, stop = token_offsets[unit], token_offsets[unit + 1]
        while t < stop:
            place = unit_starts[unit] + starts[t]
            while passed < borders.size and borders[passed] <= place:
                passed += 1
            if passed != current:
                current = passed
                lengths[num_sentences] = 0
                num_sentences += 1
                row_sentences[row] += 1
            first = t
            next_border = borders[passed] - unit_starts[unit] if passed < borders.size else _NOWHERE
            t += 1
            while t < stop and starts[t] < next_border:
                t += 1
            lengths[num_sentences - 1] += t - first
            row_tokens[row] += t - first
    return num_sentences


@kernel(
    "void(const_int32[::1], const_int64[::1], const_boolean[::1], int64, int64, int32[::1], "
    "int64[:, ::1], int64[::1])"
)
def cut_parts(
    sentence_lengths: NDArray[np.int32],
    document_offsets: NDArray[np.int64],
    word_starts: NDArray[np.bool_],
    max_tokens: int,
    max_word: int,
    lengths: NDArray[np.int32],
    parts: NDArray[np.int64],
    num_written: NDArray[np.int64],
) -> None:
    """Cut documents into parts of whole sentences, and sentences that fill more than a part.

    A part takes sentences as long as they fit. A sentence too long for a part of its own begins
    one and is cut at the last word start that fits, or after `max_tokens`. A document without
    sentences is one empty part.

    Args:
        sentence_lengths: int32 [sentences], at least 1 each.
        document_offsets: int64 [documents + 1], in sentences.
        word_starts: bool [tokens].
        max_tokens: of a part.
        max_word: how far back a word start is looked for.
        lengths: int32 [most pieces], written in place: tokens per sentence or piece of one.
        parts: int64 [most parts, 4], written in place: document, number of the part in it,
            its sentences or pieces, its tokens.
        num_written: int64 [2], written in place: how many lengths, how many parts.
    """
    num_lengths = 0
    num_parts = 0
    token = 0
    for document in range(document_offsets.size - 1):
        parts[num_parts, 0] = document
        parts[num_parts, 1:] = 0
        num_parts += 1
        filled = 0
        for sentence in range(document_offsets[document], document_offsets[document + 1]):
            left = int(sentence_lengths[sentence])
            while left > 0:
                if filled > 0 and filled + left > max_tokens:
                    parts[num_parts, 0] = document
                    parts[num_parts, 1] = parts[num_parts - 1, 1] + 1
                    parts[num_parts, 2:] = 0
                    num_parts += 1
                    filled = 0
                taken = left
                if left > max_tokens:
                    taken = max_tokens
                    while taken > max(max_tokens - max_word, 0) and not word_starts[token + taken]:
                        taken -= 1
                    if taken == max(max_tokens - max_word, 0):
                        taken = max_tokens
                lengths[num_lengths] = taken
                num_lengths += 1
                parts[num_parts - 1, 2] += 1
                parts[num_parts - 1, 3] += taken
                filled += taken
                token += taken
                left -= taken
    num_written[0] = num_lengths
    num_written[1] = num_parts
