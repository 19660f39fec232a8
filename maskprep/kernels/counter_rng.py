"""Random numbers that are looked up, not consumed: Philox4x32-10.

Every draw has an address (seed, stream, round, item, slot), so it depends on nothing else: not on
batches, workers, order or time. The counter is (slot32, stream8 << 24 | round24, item64), the key
is the seed. All words are 32-bit values held in uint64, because Numba promotes uint32 anyway.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011;
tested against the known answers of Random123.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel

# Streams: one for each purpose, so that no two decisions ever share a number. Never renumber.
DOCUMENT = np.uint64(1)
EXAMPLE = np.uint64(2)
PAIR = np.uint64(3)
SHUFFLE = np.uint64(4)
SELECT = np.uint64(5)
CORRUPT = np.uint64(6)
PACK = np.uint64(16)
SPLIT = np.uint64(24)

WORD = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_STREAM_SHIFT = np.uint64(24)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_ID_MASK = np.uint64(2**63 - 1)


@device
def _philox_round(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    p0 = _M0 * c0
    p1 = _M1 * c2
    return (p1 >> _SHIFT) ^ c1 ^ k0, p1 & WORD, (p0 >> _SHIFT) ^ c3 ^ k1, p0 & WORD


@device
def philox_block(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return four 32-bit words for a 128-bit counter and a 64-bit key."""
    # Written out, so that the compiler vectorises the loops it stands in.
    c0, c1, c2, c3 = _philox_round(c0, c1, c2, c3, k0, k1)
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(1) * _W0) & WORD, (k1 + np.uint64(1) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(2) * _W0) & WORD, (k1 + np.uint64(2) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(3) * _W0) & WORD, (k1 + np.uint64(3) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(4) * _W0) & WORD, (k1 + np.uint64(4) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(5) * _W0) & WORD, (k1 + np.uint64(5) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(6) * _W0) & WORD, (k1 + np.uint64(6) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(7) * _W0) & WORD, (k1 + np.uint64(7) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(8) * _W0) & WORD, (k1 + np.uint64(8) * _W1) & WORD
    )
    c0, c1, c2, c3 = _philox_round(
        c0, c1, c2, c3, (k0 + np.uint64(9) * _W0) & WORD, (k1 + np.uint64(9) * _W1) & WORD
    )
    return c0, c1, c2, c3


@device
def draw(seed, stream, round_, item, slot):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the four 32-bit words at one address.

    Args:
        seed: uint64.
        stream: uint64 below 2^8, the purpose.
        round_: uint64 below 2^24, epoch or duplicate.
        item: uint64, id of a document or example.
        slot: uint64 below 2^32, which draw of this item.
    """
    return philox_block(
        slot & WORD,
        (stream << _STREAM_SHIFT) | round_,
        item & WORD,
        item >> _SHIFT,
        seed & WORD,
        seed >> _SHIFT,
    )


@device
def draw_slots(seed, stream, round_, item, slots, num_slots, words):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Draw at many slots of one item: a plain loop over arrays, which the compiler vectorises.

    Args:
        seed: uint64.
        stream: uint64 below 2^8.
        round_: uint64 below 2^24.
        item: uint64.
        slots: uint64 [at least num_slots].
        num_slots: how many of them to draw at.
        words: uint64 [4, at least num_slots], written in place.
    """
    c1 = (stream << _STREAM_SHIFT) | round_
    c2, c3, k0, k1 = item & WORD, item >> _SHIFT, seed & WORD, seed >> _SHIFT
    for i in range(num_slots):
        words[0, i], words[1, i], words[2, i], words[3, i] = philox_block(
            slots[i], c1, c2, c3, k0, k1
        )


@device
def below(high, low, bound):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Map 64 random bits (two words) to 0 ... bound - 1, for bounds below 2^32.

    The share of each value is off by less than bound / 2^64.
    """
    return (high * bound + ((low * bound) >> _SHIFT)) >> _SHIFT


def probability_threshold(probability: float) -> np.uint64:
    """Return t such that `word < t` has the given probability (to 2^-33) for a 32-bit word."""
    return np.uint64(round(probability * 2**32))


@kernel("void(const_int64[::1], uint64, uint64, uint64[::1])")
def shuffle_keys(
    example_ids: NDArray[np.int64], seed: np.uint64, epoch: np.uint64, keys: NDArray[np.uint64]
) -> None:
    """Give each example its place in a shuffled order: ascending keys.

    Args:
        example_ids: int64 [examples].
        seed: of the shuffle.
        epoch: below 2^24.
        keys: uint64 [examples], written in place.
    """
    for e in range(example_ids.size):
        r0, r1, _, _ = draw(seed, SHUFFLE, epoch, np.uint64(example_ids[e]), np.uint64(0))
        keys[e] = (r1 << _SHIFT) | r0


@kernel("void(const_int64[::1], const_int64[::1], uint64, int64[::1])")
def name_examples(
    document_ids: NDArray[np.int64],
    places: NDArray[np.int64],
    duplicate: np.uint64,
    example_ids: NDArray[np.int64],
) -> None:
    """Derive stable, non-negative ids from documents and places in them.

    Args:
        document_ids: int64 [examples].
        places: int64 [examples], which example of its document, below 2^32.
        duplicate: below 2^24.
        example_ids: int64 [examples], written in place.
    """
    for e in range(document_ids.size):
        r0, r1, _, _ = draw(
            np.uint64(0), EXAMPLE, duplicate, np.uint64(document_ids[e]), np.uint64(places[e])
        )
        example_ids[e] = np.int64(((r1 << _SHIFT) | r0) & _ID_MASK)


@kernel("void(uint64[:, ::1], uint64[:, ::1], uint64[:, ::1])")
def philox_blocks(
    counters: NDArray[np.uint64], keys: NDArray[np.uint64], words: NDArray[np.uint64]
) -> None:
    """Apply `philox_block` row by row: the entry for the known-answer tests.

    Args:
        counters: uint64 [blocks, 4], 32-bit words.
        keys: uint64 [blocks, 2], 32-bit words.
        words: uint64 [blocks, 4], written in place.
    """
    for b in range(counters.shape[0]):
        words[b, 0], words[b, 1], words[b, 2], words[b, 3] = philox_block(
            counters[b, 0], counters[b, 1], counters[b, 2], counters[b, 3], keys[b, 0], keys[b, 1]
        )
