"""Bins of rows by length: a batch of rows of one bin needs little padding.

A bin is called by the longest length that it takes: what a trainer pads its rows to.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LengthBins:
    """Rows with i * size + 1 to (i + 1) * size tokens are one bin.

    Attributes:
        size: how many lengths a bin takes.
        longest: most tokens of any row, where the last bin ends; None: not known.

    Source: NVIDIA LDDL, `bin_size` of its preprocessors.
    """

    size: int
    longest: int | None = None

    def of_lengths(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the bin of each row.

        Args:
            lengths: int64 [rows], tokens of each row.

        Returns:
            int64 [rows], longest length of the row's bin.
        """
        ends = np.maximum(-(-lengths // self.size), 1) * self.size
        return ends if self.longest is None else np.minimum(ends, self.longest)

    def shortest(self, longest: int) -> int:
        """Return the shortest length of the bin that is called `longest`."""
        return (longest - 1) // self.size * self.size + 1

    def is_bin(self, longest: int) -> bool:
        """Tell whether a bin is called so."""
        return bool(self.of_lengths(np.array([longest]))[0] == longest)
