"""Filling rows: with sentence after sentence, or with whole documents where they fit best.

Tokens are spooled and gathered as in `kernels.pairing`. A segment is a run of one document's tokens
in one row.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.counter_rng import PACK, draw
from maskprep.kernels.row_gather import bit_at
from maskprep.kernels.segments import lay_segment, lay_specials

# Columns of a plan, int64 [segments, PLAN_COLUMNS].
ROW, DOCUMENT, START, STOP, B_START = range(5)
PLAN_COLUMNS = 5

# Entries of `plan_sequences`' settings, uint64.
BUDGET, SEPARATOR_TOKENS, CROSSES, LONGEST_WHOLE, SHORT_THRESHOLD, SEED, MOST_TOKENS = range(7)
DIVIDED_THRESHOLD, DIVIDER_TOKENS = range(7, 9)

# Entries of `plan_sequences`' state, int64.
NEXT_DOCUMENT, LAST_DOCUMENT, NEXT_SENTENCE, NEXT_TOKEN, OPEN_ROW, FILLED, ROOM, TARGET = range(8)

# Entries of `plan_sequences`' counts, int64.
SENTENCES_CUT, WORDS_CUT = range(2)

ROOMS_PER_BLOCK = 64
_SHIFT = np.uint64(32)
_ROUND = np.uint64(0)


@device
def draw_row(settings, item, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Draw what a row is to be, from the document and the place of its first token.

    Returns:
        How many tokens it may hold; how many it should hold, as many or now and then fewer;
        whether it is divided in two segments; and 32 bits more.
    """
    w0, w1, w2, w3 = draw(settings[SEED], PACK, _ROUND, item, place)
    room = settings[BUDGET]
    is_divided = w2 < settings[DIVIDED_THRESHOLD]
    if is_divided:
        room -= settings[DIVIDER_TOKENS]
    target = room
    if w0 < settings[SHORT_THRESHOLD]:
        target = np.uint64(1) + ((w1 * room) >> _SHIFT)
    return np.int64(room), np.int64(target), is_divided, w3


@device
def _whole_words(word_starts, start, most):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return how many tokens the words have that lie wholly in the next `most`."""
    for taken in range(most, 0, -1):
        if bit_at(word_starts, np.uint64(start + taken)):
            return taken
    return 0


@device
def _gather(word_starts, sentence_offsets, last, settings, state, counts):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Go on over the sentences that the open row takes; return how many tokens they have."""
    start = state[NEXT_TOKEN]
    longest = np.int64(settings[LONGEST_WHOLE])
    filled = state[FILLED]
    if filled > 0:
        filled += np.int64(settings[SEPARATOR_TOKENS])
    goal = state[TARGET] - filled
    room = state[ROOM] - filled
    taken = np.int64(0)
    s = state[NEXT_SENTENCE]
    while s < last and taken < goal:
        rest = sentence_offsets[s + 1] - start - taken
        is_long = sentence_offsets[s + 1] - sentence_offsets[s] > longest
        if rest <= (goal if is_long else room) - taken:
            taken += rest
            s += 1
            continue
        if is_long:
            cut = _whole_words(word_starts, start + taken, goal - taken)
            if cut == 0 and state[FILLED] == 0 and taken == 0:
                cut = goal
                counts[WORDS_CUT] += 1
            if cut > 0 and longest > 0 and start + taken == sentence_offsets[s]:
                counts[SENTENCES_CUT] += 1
            taken += cut
        break
    state[NEXT_SENTENCE] = s
    state[NEXT_TOKEN] = start + taken
    if taken > 0:
        state[FILLED] = filled + taken
    return taken


@device
def _close_row(state):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    state[OPEN_ROW] += 1
    state[FILLED] = 0


@kernel(
    "int64(const_uint8[::1], const_int64[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], int64[::1], int64[:, ::1], int64[::1])"
)
def plan_sequences(
    word_starts: NDArray[np.uint8],
    sentence_offsets: NDArray[np.int64],
    document_offsets: NDArray[np.int64],
    document_ids: NDArray[np.int64],
    settings: NDArray[np.uint64],
    state: NDArray[np.int64],
    plan: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> int:
    """Fill rows with whole sentences, in order, until the plan is full or the documents end.

    A row takes sentences until it holds its target, the next one exceeds its room, or, unless rows
    cross documents, the document ends. A sentence over LONGEST_WHOLE tokens is cut at the last word
    border that fits.

    Args:
        word_starts: uint8 [tokens / 8], a bit for each token, as in `kernels.pairing`.
        sentence_offsets: int64 [sentences + 1], in tokens.
        document_offsets: int64 [documents + 1], in sentences.
        document_ids: int64 [documents], items of the random numbers.
        settings: uint64 [9], see the module's constants. BUDGET is for tokens of documents and the
            separators between them, and DIVIDER_TOKENS fewer in a row that is to be divided;
            MOST_TOKENS is when to stop and be called again.
        state: int64 [8], where to go on, and the row that is open; updated. What is not where to go
            on may be carried from one spool to the next.
        plan: int64 [segments, PLAN_COLUMNS], written in place; START and STOP in tokens. B_START is
            STOP, which `two_segments.divide_rows` changes.
        counts: int64 [2 at least], long sentences that were cut, words that were cut inside; added
            to.

    Returns:
        How many segments were planned. Those of the open row may go on.

    Source: Liu et al. 2019, RoBERTa, section 4.2 (FULL-SENTENCES, DOC-SENTENCES).
    """
    num_segments = 0
    num_tokens = np.int64(0)
    crosses = settings[CROSSES] > 0
    while state[NEXT_DOCUMENT] < state[LAST_DOCUMENT]:
        document = state[NEXT_DOCUMENT]
        first, last = document_offsets[document], document_offsets[document + 1]
        item = np.uint64(document_ids[document])
        while state[NEXT_TOKEN] < sentence_offsets[last]:
            if num_segments == plan.shape[0] or num_tokens >= np.int64(settings[MOST_TOKENS]):
                return num_segments
            start = state[NEXT_TOKEN]
            if state[FILLED] == 0:
                place = np.uint64(start - sentence_offsets[first])
                state[ROOM], state[TARGET], _, _ = draw_row(settings, item, place)
            taken = _gather(word_starts, sentence_offsets, last, settings, state, counts)
            if taken > 0:
                row = plan[num_segments]
                row[ROW], row[DOCUMENT] = state[OPEN_ROW], document
                row[START], row[STOP], row[B_START] = start, start + taken, start + taken
                num_segments += 1
                num_tokens += taken
            goes_on = state[NEXT_TOKEN] < sentence_offsets[last]
            if goes_on or state[FILLED] >= state[TARGET]:
                _close_row(state)
        if not crosses and state[FILLED] > 0:
            _close_row(state)
        state[NEXT_DOCUMENT] += 1
        state[NEXT_SENTENCE] = last
        state[NEXT_TOKEN] = sentence_offsets[last]
    return num_segments


@device
def _least_room(lasts, blocks, size):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the least room of any row that is not below `size`, or -1."""
    room = size
    while room < lasts.size:
        if room % ROOMS_PER_BLOCK == 0 and blocks[room // ROOMS_PER_BLOCK] == 0:
            room += ROOMS_PER_BLOCK
        elif lasts[room] >= 0:
            return room
        else:
            room += 1
    return np.int64(-1)


@kernel("int64(const_int64[::1], const_int64[::1], int64[::1], int64[::1], int64[::1], int64[::1])")
def fit_best(
    sizes: NDArray[np.int64],
    order: NDArray[np.int64],
    lasts: NDArray[np.int64],
    blocks: NDArray[np.int64],
    earlier: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> int:
    """Put each piece into the row where it leaves the least room, or into a new one.

    Of several such rows it is the one that got this little room last.

    Args:
        sizes: int64 [pieces], tokens; at least 1, at most the capacity.
        order: int64 [pieces], in which the pieces are put; largest first packs best.
        lasts: int64 [capacity + 1], all -1; the last row with so much room.
        blocks: int64 [capacity // ROOMS_PER_BLOCK + 1], all 0; how many rows have so much room.
        earlier: int64 [pieces], the row that had a row's room before it did.
        rows: int64 [pieces], row of each piece; written in place, as are the three before.

    Returns:
        How many rows there are.

    Source: best-fit decreasing; Ding et al. 2024, "Fewer Truncations Improve Language Modeling".
    """
    num_rows = 0
    capacity = lasts.size - 1
    for i in range(order.size):
        piece = order[i]
        room = _least_room(lasts, blocks, sizes[piece])
        if room < 0:
            row = np.int64(num_rows)
            num_rows += 1
            room = np.int64(capacity)
        else:
            row = lasts[room]
            lasts[room] = earlier[row]
            blocks[room // ROOMS_PER_BLOCK] -= 1
        rows[piece] = row
        left = room - sizes[piece]
        earlier[row] = lasts[left]
        lasts[left] = row
        blocks[left // ROOMS_PER_BLOCK] += 1
    return num_rows


@kernel(
    "void(const_uint32[::1], const_int64[::1], const_int64[::1], const_int32[::1],"
    " const_int64[::1], int64, int64[::1], int32[::1], boolean[::1], int32[::1])"
)
def lay_out_sequences(
    tokens: NDArray[np.uint32],
    segment_offsets: NDArray[np.int64],
    row_segments: NDArray[np.int64],
    special_ids: NDArray[np.int32],
    num_specials: NDArray[np.int64],
    own_specials: int,
    offsets: NDArray[np.int64],
    input_ids: NDArray[np.int32],
    word_starts: NDArray[np.bool_],
    sequence_lengths: NDArray[np.int32],
) -> None:
    """Write rows of segments and special tokens.

    Args:
        tokens: uint32 [tokens of all segments], with WORD_START.
        segment_offsets: int64 [segments + 1], in tokens.
        row_segments: int64 [rows + 1], in segments.
        special_ids: int32 [special tokens]: before, separator, after.
        num_specials: int64 [3], how many of each.
        own_specials: 1 where each segment stands between `before` and `after`; 0 where the row
            does, and separators stand between its segments.
        offsets: int64 [rows + 1], in tokens of the rows; written in place, as are the next three.
        input_ids: int32 [tokens of the rows].
        word_starts: bool [tokens of the rows].
        sequence_lengths: int32 [segments], tokens of each with the special tokens around it; a
            separator belongs to the segment before it.
    """
    between = num_specials[0] + num_specials[1]
    before, separator = special_ids[: num_specials[0]], special_ids[num_specials[0] : between]
    after = special_ids[between:]
    t = np.int64(0)
    offsets[0] = 0
    for r in range(row_segments.size - 1):
        first, last = row_segments[r], row_segments[r + 1] - 1
        for i in range(first, last + 1):
            begin = t
            if own_specials == 1 or i == first:
                t = lay_specials(before, t, input_ids, word_starts)
            start, stop = segment_offsets[i], segment_offsets[i + 1]
            t = lay_segment(tokens, start, stop, t, input_ids, word_starts)
            if own_specials == 1 or i == last:
                t = lay_specials(after, t, input_ids, word_starts)
            else:
                t = lay_specials(separator, t, input_ids, word_starts)
            sequence_lengths[i] = np.int32(t - begin)
        offsets[r + 1] = t
