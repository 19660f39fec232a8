"""Documents as flat arrays, which may be memory-mapped: what pairing and packing read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class FlatDocuments:
    """A run of a corpus's documents.

    Attributes:
        tokens: uint32 [tokens], id and, in the highest bit, whether a word begins.
        sentence_offsets: int64 [sentences + 1], in tokens.
        document_offsets: int64 [documents + 1], in sentences.
        document_ids: int64 [documents].
        first_rank: how many sentences of the corpus lie before these.
    """

    tokens: NDArray[np.uint32]
    sentence_offsets: NDArray[np.int64]
    document_offsets: NDArray[np.int64]
    document_ids: NDArray[np.int64]
    first_rank: int


@dataclass(frozen=True)
class DocumentRange:
    """Documents number `first` ... `stop - 1` of the run of the corpus that has number `place`."""

    place: int
    first: int
    stop: int


@dataclass(frozen=True)
class Partners:
    """Where segments lie that are wanted together, e.g. the random ones of some pairs.

    Attributes:
        places: int64 [segments], in which run of the corpus each lies.
        segments: int64 [segments, 2], first token there and one past the last.
        document_ids: int64 [segments].
    """

    places: NDArray[np.int64]
    segments: NDArray[np.int64]
    document_ids: NDArray[np.int64]
