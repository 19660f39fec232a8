"""Pieces of documents, put together in the rows that they fill best."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels import packing as kernels

TOKENS_PER_BATCH = 2**20
PIECES_AT_ONCE = 2**20
"""Among so many documents and pieces of them the best fit is looked for."""

# Columns of a table of segments, int64 [segments, SEGMENT_COLUMNS].
ROW, PLACE, START, STOP, DOCUMENT_ID, POSITION, B_START = range(7)
SEGMENT_COLUMNS = 7
NO_SEGMENTS = np.empty((0, SEGMENT_COLUMNS), np.int64)


def fit_rows(
    tables: Iterable[NDArray[np.int64]], specials: int, capacity: int
) -> Iterator[NDArray[np.int64]]:
    """Put those pieces of documents together that fill a row best.

    Args:
        tables: of pieces, each a row of its own, in the order of the corpus.
        specials: special tokens around each piece.
        capacity: most tokens of a row.

    Yields:
        Tables of whole rows, in the order of their first pieces; the pieces of a row are in that
        of the corpus.
    """
    waiting: list[NDArray[np.int64]] = []
    number = 0
    for segments in tables:
        waiting.append(segments)
        number += len(segments)
        while number >= PIECES_AT_ONCE:
            pieces = np.concatenate(waiting)
            yield from _fitted(pieces[:PIECES_AT_ONCE], specials, capacity)
            waiting, number = [pieces[PIECES_AT_ONCE:]], number - PIECES_AT_ONCE
    if number:
        yield from _fitted(np.concatenate(waiting), specials, capacity)


def _fitted(pieces: NDArray[np.int64], specials: int, capacity: int) -> Iterator[NDArray[np.int64]]:
    sizes = pieces[:, STOP] - pieces[:, START] + specials
    rows = np.empty(sizes.size, np.int64)
    kernels.fit_best(
        sizes,
        np.argsort(-sizes, kind="stable"),
        np.full(capacity + 1, -1, np.int64),
        np.zeros(capacity // kernels.ROOMS_PER_BLOCK + 1, np.int64),
        np.empty(sizes.size, np.int64),
        rows,
    )
    _, firsts = np.unique(rows, return_index=True)
    ranks = np.empty(firsts.size, np.int64)
    ranks[np.argsort(firsts)] = np.arange(firsts.size)
    rows = ranks[rows]
    order = np.argsort(rows, kind="stable")
    segments = pieces[order]
    segments[:, ROW] = rows[order]
    begins = np.flatnonzero(np.diff(segments[:, ROW], prepend=-1))
    before = offsets_of(sizes[order])[begins]
    parts = np.flatnonzero(np.diff(before // TOKENS_PER_BATCH, prepend=-1))
    yield from np.split(segments, begins[parts[1:]])


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each of some runs begins, and where the last one ends: int64 [runs + 1]."""
    offsets = np.zeros(lengths.size + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
