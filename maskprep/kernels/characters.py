"""What a tokenizer does with each character, as one number, and which characters a text has.

The number of a code point (uint32) is `kind | LETTER if so | length << 4 | place << 9`: the
`length` bytes at `place` are what the tokenizer's normaliser makes of it. `ALONE` characters have
their token there instead: `kind | id << 4`.
"""

# ruff: noqa: PLR2004 - the forms of UTF-8 (RFC 3629).

import numpy as np
from numpy.typing import NDArray

from maskprep.kernels.bits import EIGHT, is_ascii, load_eight
from maskprep.kernels.compilation import inlined, kernel

# Kinds for BERT's words: what is below SPACE stands inside a word.
WORD = 0
DROP = 1
REFERENCE = 2
"""Only the library knows what it does here."""
SPACE = 3
ALONE = 4
"""A word of its own."""

# Kinds for GPT-2's pattern; REFERENCE as above, OTHER is neither letter, number nor white space.
LETTER, NUMBER, OTHER, WHITE = 0, 1, 3, 4

KIND = np.uint32(7)
BEGINS_WORD = np.uint32(8)
"""A letter of a script written without spaces."""
LENGTH = np.uint32(31)
LENGTH_SHIFT = np.uint32(4)
ID_SHIFT = np.uint32(4)
PLACE_SHIFT = np.uint32(9)

NUM_CODE_POINTS = 0x110000
BLOCK_SHIFT = 8
"""Characters are looked up in blocks of 256 code points."""


@inlined
def code_point(text, i):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the code point that begins at byte i of valid UTF-8, and its number of bytes."""
    lead = np.uint32(text[i])
    if lead < 0x80:
        return lead, 1
    second = np.uint32(text[i + 1]) & np.uint32(0x3F)
    if lead < 0xE0:
        return (lead & np.uint32(0x1F)) << np.uint32(6) | second, 2
    third = np.uint32(text[i + 2]) & np.uint32(0x3F)
    if lead < 0xF0:
        high = (lead & np.uint32(0x0F)) << np.uint32(12)
        return high | second << np.uint32(6) | third, 3
    high = (lead & np.uint32(0x07)) << np.uint32(18) | second << np.uint32(12)
    return high | third << np.uint32(6) | np.uint32(text[i + 3]) & np.uint32(0x3F), 4


@kernel("void(const_uint8[::1], boolean[::1])")
def find_blocks(text: NDArray[np.uint8], used: NDArray[np.bool_]) -> None:
    """Mark the blocks of code points that a text has characters of.

    Args:
        text: uint8 [bytes], valid UTF-8.
        used: bool [blocks], set where a character lies in the block.
    """
    i = 0
    size = text.size
    while i < size:
        while i + EIGHT <= size and is_ascii(load_eight(text, i)):
            used[0] = True
            i += EIGHT
        if i < size:
            point, length = code_point(text, i)
            used[point >> np.uint32(BLOCK_SHIFT)] = True
            i += length
