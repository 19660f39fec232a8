"""Cutting documents into chunks, and chunks into segments A and B.

Of spooled documents `word_starts` is uint8 [bytes] with one bit for each token, the lowest first:
whether a word begins there. Where tokens are gathered, one is a uint32: the id in the low 31 bits,
and WORD_START where a word begins.
A sentence here is what pairs are made of: a sentence of the text, or a piece of a long one.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel
from maskprep.kernels.counter_rng import PAIR, draw
from maskprep.kernels.row_gather import bit_at

WORD_START = np.uint32(0x80000000)
TOKEN_ID = np.uint32(0x7FFFFFFF)

# Columns of a plan, int64 [pairs, PLAN_COLUMNS].
DOCUMENT, PLACE, A_START, A_STOP, B_START, B_STOP = range(6)
IS_RANDOM, B_TARGET, B_RANK, IS_SWAPPED = range(6, 10)
PLAN_COLUMNS = 10

# Entries of `plan_pairs`' settings, uint64.
BUDGET, SHORT_THRESHOLD, RANDOM_THRESHOLD, SEED, DUPLICATE = range(5)
OTHER_SENTENCES, SWAP_THRESHOLD = range(5, 7)

_SEGMENTS = 2
_SHIFT = np.uint64(32)
SLOTS_PER_PAIR = np.uint64(256)


@kernel("int64(const_int32[::1], const_boolean[::1], int64, int64[::1], int64[::1])")
def cut_long_sentences(
    sentence_lengths: NDArray[np.int32],
    word_starts: NDArray[np.bool_],
    max_tokens: int,
    piece_lengths: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> int:
    """Cut sentences that are longer than `max_tokens` into pieces of about equal length.

    A cut falls on the word border nearest to the even one, or inside a word over max_tokens.

    Args:
        sentence_lengths: int32 [sentences], sums to the number of tokens.
        word_starts: bool [tokens].
        max_tokens: at least 1.
        piece_lengths: int64 [at least 4 * (tokens / max_tokens + sentences)], written in place.
        counts: int64 [1], sentences that were cut; added to.

    Returns:
        How many pieces there are.
    """
    num_pieces = 0
    start = np.int64(0)
    for s in range(sentence_lengths.size):
        remaining = np.int64(sentence_lengths[s])
        if remaining > max_tokens:
            counts[0] += 1
        while remaining > max_tokens:
            even = remaining // ((remaining + max_tokens - 1) // max_tokens)
            cut = even
            # A piece much shorter than the even one ends before a long word, so that no two such
            # pieces follow each other: there are at most four pieces for every max_tokens.
            for distance in range(max_tokens):
                if distance < even and word_starts[start + even - distance]:
                    cut = even - distance
                    break
                if even + distance <= max_tokens and word_starts[start + even + distance]:
                    cut = even + distance
                    break
            piece_lengths[num_pieces] = cut
            num_pieces += 1
            start += cut
            remaining -= cut
        piece_lengths[num_pieces] = remaining
        num_pieces += 1
        start += remaining
    return num_pieces


@device
def middle_word(word_starts, start, stop):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the word border strictly inside that is nearest the middle, or -1."""
    middle = start + (stop - start) // 2  # The same wherever the document lies in its spool.
    for distance in range(stop - start):
        if start < middle - distance and bit_at(word_starts, np.uint64(middle - distance)):
            return middle - distance
        inside = start < middle + distance < stop
        if inside and bit_at(word_starts, np.uint64(middle + distance)):
            return middle + distance
    return np.int64(-1)


@device
def _chunk_end(sentence_offsets, i, last, start, target):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Gather sentences from number i on until they hold the target; two of them if there are."""
    j = i
    while j < last and (sentence_offsets[j] - start < target or j - i < _SEGMENTS):
        j += 1
    return j


@device
def _choose_partner(settings, item, slot, own_sentences, wanted, row):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Draw where a random B begins, among the sentences of the other documents."""
    r0, r1, _, _ = draw(settings[SEED], PAIR, settings[DUPLICATE], item, slot + np.uint64(1))
    others = settings[OTHER_SENTENCES] - own_sentences
    row[B_RANK] = np.int64(((r1 << _SHIFT) | r0) % others)
    row[B_TARGET] = max(wanted, 1)


@kernel(
    "int64(const_uint8[::1], const_int64[::1], const_int64[::1], const_int64[::1],"
    " const_uint64[::1], int64[::1], int64[:, ::1], int64[::1])"
)
def plan_pairs(
    word_starts: NDArray[np.uint8],
    sentence_offsets: NDArray[np.int64],
    document_offsets: NDArray[np.int64],
    document_ids: NDArray[np.int64],
    settings: NDArray[np.uint64],
    cursor: NDArray[np.int64],
    plan: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> int:
    """Plan pairs from where the cursor stands until the plan is full or the documents end.

    Sentences are gathered until they hold the target number of tokens, but at least two of them if
    the document has so many; A takes a random number of them; B is the rest, or begins at a random
    sentence of another document, and then the rest goes back. A last sentence that is alone is
    split at the word border nearest its middle.

    Args:
        word_starts: uint8 [tokens / 8], a bit for each token.
        sentence_offsets: int64 [sentences + 1], in tokens.
        document_offsets: int64 [documents + 1], in sentences.
        document_ids: int64 [documents], items of the random numbers.
        settings: uint64 [7], see the module's constants; OTHER_SENTENCES is the number of sentences
            in the whole corpus, from which the document's own are taken off. RANDOM_THRESHOLD is
            for next-sentence prediction, SWAP_THRESHOLD for sentence order; the other one is 0.
        cursor: int64 [4], document, sentence, token and pair where to go on; updated.
        plan: int64 [pairs, PLAN_COLUMNS], written in place; segments in tokens.
        counts: int64 [2], documents that gave no pair, tokens that are in no pair; added to.

    Returns:
        How many pairs were planned.

    Source: google-research/bert, create_instances_from_document; Devlin et al. 2019, appendix A.2.
    Unlike BERT: the short target is drawn for each pair and not for each document, and a chunk of
    one sentence is not forced to be random, which makes 53 to 55 % of BERT's pairs random.
    """
    num_pairs = 0
    budget = settings[BUDGET]
    while cursor[0] < document_ids.size:
        document = cursor[0]
        last = document_offsets[document + 1]
        own_sentences = np.uint64(last - document_offsets[document])
        item = np.uint64(document_ids[document])
        while cursor[2] < sentence_offsets[last]:
            if num_pairs == plan.shape[0]:
                return num_pairs
            slot = np.uint64(cursor[3]) * SLOTS_PER_PAIR
            w0, w1, w2, w3 = draw(settings[SEED], PAIR, settings[DUPLICATE], item, slot)
            target = np.int64(budget)
            if w0 < settings[SHORT_THRESHOLD]:
                target = 2 + np.int64((w1 * (budget - np.uint64(1))) >> _SHIFT)
            i, start = cursor[1], cursor[2]
            j = _chunk_end(sentence_offsets, i, last, start, target)
            stop = sentence_offsets[j]
            if j - i >= _SEGMENTS:
                a_stop = sentence_offsets[i + 1 + np.int64((w2 * np.uint64(j - i - 1)) >> _SHIFT)]
            else:
                a_stop = middle_word(word_starts, start, stop)
            if a_stop < 0:
                counts[1] += stop - start
                break
            is_random = w3 < settings[RANDOM_THRESHOLD]
            row = plan[num_pairs]
            row[DOCUMENT], row[PLACE] = document, cursor[3]
            row[A_START], row[A_STOP], row[B_START], row[B_STOP] = start, a_stop, a_stop, stop
            row[IS_RANDOM] = np.int64(is_random)
            row[IS_SWAPPED] = np.int64(w3 < settings[SWAP_THRESHOLD])
            if is_random:
                _choose_partner(settings, item, slot, own_sentences, target - a_stop + start, row)
                stop = a_stop
            num_pairs += 1
            cursor[2] = stop
            while cursor[1] < last and sentence_offsets[cursor[1] + 1] <= stop:
                cursor[1] += 1
            cursor[3] += 1
        if cursor[3] == 0:
            counts[0] += 1
        cursor[0] += 1
        cursor[1] = last
        cursor[2] = sentence_offsets[last]
        cursor[3] = 0
    return num_pairs


@kernel(
    "void(const_int64[::1], const_int64[::1], const_int64[::1], const_int64[::1], int64[:, ::1])"
)
def measure_partners(
    sentence_offsets: NDArray[np.int64],
    last_sentences: NDArray[np.int64],
    starts: NDArray[np.int64],
    targets: NDArray[np.int64],
    segments: NDArray[np.int64],
) -> None:
    """Extend each random B over whole sentences until it holds its target, or its document ends.

    Args:
        sentence_offsets: int64 [sentences + 1], in tokens.
        last_sentences: int64 [pairs], one past the last sentence of B's document.
        starts: int64 [pairs], sentence at which B begins.
        targets: int64 [pairs], tokens that B should hold.
        segments: int64 [pairs, 2], first token and one past the last; written in place.
    """
    for p in range(starts.size):
        stop = starts[p] + 1
        begin = sentence_offsets[starts[p]]
        while stop < last_sentences[p] and sentence_offsets[stop] - begin < targets[p]:
            stop += 1
        segments[p, 0] = begin
        segments[p, 1] = sentence_offsets[stop]
