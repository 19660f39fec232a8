"""Names of documents: 63-bit hashes of where a document begins."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel
from maskprep.kernels.counter_rng import DOCUMENT, WORD, philox_block

_SHIFT = np.uint64(32)
_STREAM_SHIFT = np.uint64(24)
_ID_MASK = np.uint64(2**63 - 1)


@kernel("void(uint64, const_int64[::1], int64[::1])")
def hash_positions(
    name_hash: np.uint64, positions: NDArray[np.int64], document_ids: NDArray[np.int64]
) -> None:
    """Derive each document's id from its source's name and its place in the source.

    Args:
        name_hash: 64 bits of a hash of the source's name.
        positions: int64 [documents], byte offset or row index of each document.
        document_ids: int64 [documents], written in place; not negative.
    """
    for d in range(positions.size):
        position = np.uint64(positions[d])
        r0, r1, _, _ = philox_block(
            np.uint64(0),
            DOCUMENT << _STREAM_SHIFT,
            position & WORD,
            position >> _SHIFT,
            name_hash & WORD,
            name_hash >> _SHIFT,
        )
        document_ids[d] = np.int64(((r1 << _SHIFT) | r0) & _ID_MASK)
