"""Rows of one document, divided in two segments: where B begins, and both laid out.

Source: google-research/electra, build_pretraining_dataset.py.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.packing import B_START, DOCUMENT, START, STOP, draw_row
from maskprep.kernels.pairing import middle_word
from maskprep.kernels.segments import lay_segment, lay_specials

# Entries of `divide_rows`' counts, int64; those before are `plan_sequences`'.
SENTENCES_DIVIDED, ROWS_UNDIVIDED = range(2, 4)

_HALF = np.uint64(2**31)


@device
def _sentence_border(sentence_offsets, start, stop, coin):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the sentence border strictly inside that is next to the half, or -1.

    The sentence that lies over the half goes before or after the border as the coin says, if
    there are others on both sides.
    """
    i = np.searchsorted(sentence_offsets, (start + stop + 1) // 2)
    lower, upper = sentence_offsets[i - 1], sentence_offsets[i]
    if lower <= start and upper >= stop:
        return np.int64(-1)
    if lower <= start or 2 * upper == start + stop:
        return upper
    return lower if upper >= stop or coin < _HALF else upper


@kernel(
    "void(const_uint8[::1], const_int64[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], int64[:, ::1], int64[::1])"
)
def divide_rows(
    word_starts: NDArray[np.uint8],
    sentence_offsets: NDArray[np.int64],
    document_offsets: NDArray[np.int64],
    document_ids: NDArray[np.int64],
    settings: NDArray[np.uint64],
    plan: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> None:
    """Find where segment B begins in each row that is to be divided.

    It is the sentence border next to half of the row's tokens; in a row of one sentence, the word
    border nearest its middle. A row of one word stays one segment.

    Args:
        word_starts: uint8 [tokens / 8], a bit for each token, as in `kernels.pairing`.
        sentence_offsets: int64 [sentences + 1], in tokens.
        document_offsets: int64 [documents + 1], in sentences.
        document_ids: int64 [documents], items of the random numbers.
        settings: uint64 [9], those of `plan_sequences`.
        plan: int64 [rows, PLAN_COLUMNS], as `plan_sequences` wrote it for rows of one document;
            B_START is written in place.
        counts: int64 [4], sentences that were divided, rows that were to be divided and could not;
            added to.

    Unlike ELECTRA: a sentence after the one that went to B never goes to A, and half is that of the
    row and not of its target, so that the short row at a document's end is divided as well.
    """
    for r in range(plan.shape[0]):
        row = plan[r]
        document, start, stop = row[DOCUMENT], row[START], row[STOP]
        place = np.uint64(start - sentence_offsets[document_offsets[document]])
        item = np.uint64(document_ids[document])
        _, _, is_divided, coin = draw_row(settings, item, place)
        if not is_divided:
            continue
        border = _sentence_border(sentence_offsets, start, stop, coin)
        if border < 0:
            border = middle_word(word_starts, start, stop)
            counts[SENTENCES_DIVIDED if border >= 0 else ROWS_UNDIVIDED] += 1
        if border >= 0:
            row[B_START] = border


@kernel(
    "void(const_uint32[::1], const_int64[::1], const_int64[::1], const_int32[::1],"
    " const_int64[::1], const_int8[::1], int64[::1], int32[::1], int8[::1], boolean[::1])"
)
def lay_out_segments(
    tokens: NDArray[np.uint32],
    row_offsets: NDArray[np.int64],
    b_starts: NDArray[np.int64],
    special_ids: NDArray[np.int32],
    num_specials: NDArray[np.int64],
    types: NDArray[np.int8],
    offsets: NDArray[np.int64],
    input_ids: NDArray[np.int32],
    token_type_ids: NDArray[np.int8],
    word_starts: NDArray[np.bool_],
) -> None:
    """Write rows of one segment (specials, A, specials) or of two (with specials, B before them).

    Args:
        tokens: uint32 [tokens of all rows], with WORD_START.
        row_offsets: int64 [rows + 1], in tokens.
        b_starts: int64 [rows], in tokens; where the row ends, if it is one segment.
        special_ids: int32 [special tokens]: before A, between A and B, at the end of the row.
        num_specials: int64 [3], how many of each.
        types: int8 [5], token type of: before, A, between, B, after B. What stands at the end of a
            row of one segment has A's.
        offsets: int64 [rows + 1], in tokens of the rows; written in place, as are the next three.
        input_ids: int32 [tokens of the rows].
        token_type_ids: int8 [tokens of the rows].
        word_starts: bool [tokens of the rows].
    """
    between = num_specials[0] + num_specials[1]
    t = np.int64(0)
    offsets[0] = 0
    for r in range(b_starts.size):
        middle, stop = b_starts[r], row_offsets[r + 1]
        begin, last_type = t, types[1]
        t = lay_specials(special_ids[: num_specials[0]], t, input_ids, word_starts)
        token_type_ids[begin:t] = types[0]
        begin = t
        t = lay_segment(tokens, row_offsets[r], middle, t, input_ids, word_starts)
        token_type_ids[begin:t] = types[1]
        if middle < stop:
            begin, last_type = t, types[4]
            t = lay_specials(special_ids[num_specials[0] : between], t, input_ids, word_starts)
            token_type_ids[begin:t] = types[2]
            begin = t
            t = lay_segment(tokens, middle, stop, t, input_ids, word_starts)
            token_type_ids[begin:t] = types[3]
        begin = t
        t = lay_specials(special_ids[between:], t, input_ids, word_starts)
        token_type_ids[begin:t] = last_type
        offsets[r + 1] = t
