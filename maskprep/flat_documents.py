"""Documents as flat arrays, which may be memory-mapped: what pairing and packing read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.segments import copy_narrow_segments, copy_segments


@dataclass(frozen=True)
class FlatDocuments:
    """A run of a corpus's documents.

    Attributes:
        ids: uint16 or uint32 [tokens].
        word_starts: uint8 [tokens / 8], a bit for each token, lowest first: a word begins there.
        sentence_offsets: int64 [sentences + 1], in tokens.
        document_offsets: int64 [documents + 1], in sentences.
        document_ids: int64 [documents].
        first_rank: how many sentences of the corpus lie before these.
    """

    ids: NDArray[np.uint16] | NDArray[np.uint32]
    word_starts: NDArray[np.uint8]
    sentence_offsets: NDArray[np.int64]
    document_offsets: NDArray[np.int64]
    document_ids: NDArray[np.int64]
    first_rank: int

    def copy(
        self,
        segments: NDArray[np.int64],
        destinations: NDArray[np.int64],
        gathered: NDArray[np.uint32],
    ) -> None:
        """Copy runs of tokens to where they are needed, as `copy_segments` says."""
        is_narrow = self.ids.dtype == np.uint16
        copy: Any = copy_narrow_segments if is_narrow else copy_segments
        copy(self.ids, self.word_starts, segments, destinations, gathered)


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
