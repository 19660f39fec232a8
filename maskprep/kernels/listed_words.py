"""Where words of a list stand in rows of tokens."""

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.compilation import kernel

NEVER = np.uint8(1)
ALWAYS_FIRST = np.uint8(2)
ALWAYS_REST = np.uint8(3)


@kernel(
    "void(const_int32[::1], const_boolean[::1], const_boolean[::1], const_int64[::1],"
    " const_int64[::1], const_int32[::1], const_int64[::1], const_boolean[::1], uint8[::1])"
)
def mark_listed_words(
    input_ids: NDArray[np.int32],
    maskable: NDArray[np.bool_],
    word_starts: NDArray[np.bool_],
    offsets: NDArray[np.int64],
    entries_of_id: NDArray[np.int64],
    entries: NDArray[np.int32],
    entry_offsets: NDArray[np.int64],
    is_never: NDArray[np.bool_],
    marks: NDArray[np.uint8],
) -> None:
    """Mark the tokens of listed words: from left to right, the longest entry that fits.

    An entry fits where its tokens stand, from where a word begins to where a word ends.

    Args:
        input_ids: int32 [tokens].
        maskable: bool [tokens], false where a token may not be chosen, which ends a word.
        word_starts: bool [tokens].
        offsets: int64 [examples + 1], row e is input_ids[offsets[e]:offsets[e + 1]].
        entries_of_id: int64 [vocabulary + 1], first entry that begins with an id.
        entries: int32 [tokens of all entries], sorted by first id, then longest first.
        entry_offsets: int64 [entries + 1].
        is_never: bool [entries], whether it is never selected; else it always is.
        marks: uint8 [tokens], zeros; NEVER, or ALWAYS_FIRST and ALWAYS_REST, written in place.
    """
    for e in range(offsets.size - 1):
        t = offsets[e]
        stop = offsets[e + 1]
        while t < stop:
            step = np.int64(1)
            first = entries_of_id[input_ids[t]]
            last = entries_of_id[input_ids[t] + 1] if word_starts[t] else first
            for entry in range(first, last):
                begin = entry_offsets[entry]
                length = entry_offsets[entry + 1] - begin
                end = t + length
                if end > stop or (end < stop and maskable[end] and not word_starts[end]):
                    continue
                fits = True
                for i in range(1, length):
                    fits &= input_ids[t + i] == entries[begin + i]
                if fits:
                    marks[t:end] = NEVER if is_never[entry] else ALWAYS_REST
                    if not is_never[entry]:
                        marks[t] = ALWAYS_FIRST
                    step = length
                    break
            t += step
