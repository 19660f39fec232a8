"""The tokens of a vocabulary as a trie of bytes, kept in one hash table of its edges.

Row (int64): 0 where it is free, else 1 + (node << 8 | byte); then the node that the edge leads to,
and in the upper half 1 + the id of the token that ends there, or 0.
"""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import device, kernel

WHOLE, CONTINUING, FIRST_FREE = range(3)
"""Roots: tokens at the start of a word, tokens further on. Other nodes follow."""

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_NODE = np.int64(2**32 - 1)


@device
def _row_of(key, edges):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Return the row of an edge, or the free row where it would be."""
    row = np.int64(((np.uint64(key) * _FACTOR) >> _HALF) & np.uint64(edges.shape[0] - 1))
    while edges[row, 0] != key and edges[row, 0] != 0:
        row = (row + 1) & (edges.shape[0] - 1)
    return row


@device
def step(node, byte, edges):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the node that a byte leads to, -1 if none, and the id that ends there, -1 if none."""
    key = (node << 8 | np.int64(byte)) + 1
    row = _row_of(key, edges)
    if edges[row, 0] == 0:
        return np.int64(-1), np.int64(-1)
    found = edges[row, 1]
    return found & _NODE, (found >> 32) - 1


@kernel("int64(const_uint8[::1], const_int64[::1], const_int64[::1], int64, int64, int64[:, ::1])")
def add_tokens(
    text: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    ids: NDArray[np.int64],
    root: int,
    num_nodes: int,
    edges: NDArray[np.int64],
) -> int:
    """Enter tokens below a root.

    Args:
        text: uint8 [bytes], the tokens one after the other.
        offsets: int64 [tokens + 1].
        ids: int64 [tokens].
        root: WHOLE or CONTINUING.
        num_nodes: nodes so far, FIRST_FREE at the beginning.
        edges: int64 [a power of two, over twice the bytes of all tokens, 2]; changed in place.

    Returns:
        How many nodes there are then.
    """
    for token in range(ids.size):
        node = np.int64(root)
        row = np.int64(-1)
        for b in range(offsets[token], offsets[token + 1]):
            key = (node << 8 | np.int64(text[b])) + 1
            row = _row_of(key, edges)
            if edges[row, 0] == 0:
                edges[row, 0] = key
                edges[row, 1] = num_nodes
                num_nodes += 1
            node = edges[row, 1] & _NODE
        if row >= 0:
            edges[row, 1] = node | (ids[token] + 1) << 32
    return num_nodes
