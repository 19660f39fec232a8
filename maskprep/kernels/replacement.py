"""Replacements that are another token than the one they replace.

A kernel of its own: a second use of the generator in `replace_tokens` would keep the compiler from
vectorising the first, and make it half as fast.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel
from maskprep.kernels.counter_rng import CORRUPT, draw
from maskprep.kernels.masking import pick_replacement

_ATTEMPT_SLOTS = np.uint64(2**20)
"""No row is longer, so that the slots of further attempts lie apart."""
_MOST_ATTEMPTS = 1000


@kernel(
    "void(const_int64[::1], const_int64[::1], const_int32[::1], const_uint64[::1],"
    " const_uint64[::1], int32[::1])"
)
def replace_again(
    offsets: NDArray[np.int64],
    example_ids: NDArray[np.int64],
    pool: NDArray[np.int32],
    cumulative: NDArray[np.uint64],
    key: NDArray[np.uint64],
    corrupted: NDArray[np.int32],
) -> None:
    """Replace the tokens that `replace_tokens` would have replaced by themselves.

    Draws again until it is another token; after 999 attempts, which takes a pool that is almost one
    token alone, the next one of the pool.

    Args:
        offsets: int64 [examples + 1].
        example_ids: int64 [examples], items of the random numbers.
        pool: int32 [ids], as in `replace_tokens`.
        cumulative: uint64 [ids - 1] or empty, as in `replace_tokens`.
        key: uint64 [2], seed and epoch.
        corrupted: int32 [tokens], ~id where a token waits to be replaced; changed in place.
    """
    for e in range(offsets.size - 1):
        item = np.uint64(example_ids[e])
        for t in range(offsets[e], offsets[e + 1]):
            if corrupted[t] >= 0:
                continue
            original = ~corrupted[t]
            place = np.int64(0)
            slot = np.uint64(t - offsets[e])
            for _ in range(1, _MOST_ATTEMPTS):
                slot += _ATTEMPT_SLOTS
                _, _, w2, w3 = draw(key[0], CORRUPT, key[1], item, slot)
                place = pick_replacement(w2, w3, pool, cumulative)
                if pool[place] != original:
                    break
            if pool[place] == original:
                place = (place + 1) % pool.size
            corrupted[t] = pool[place]
