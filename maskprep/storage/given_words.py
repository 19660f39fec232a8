"""Words that the corpus tells apart: by spaces, or as lists; their text, and where they begin."""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.config import Words
from maskprep.encoders.scripts import unspaced_characters
from maskprep.errors import ConfigError
from maskprep.kernels.words import ANY_SPACE, join_words
from maskprep.list_columns import arrow_array
from maskprep.storage.sources import Source

SEPARATOR = "\x1f"
"""What stands between the words of a list until they are joined: Unicode's unit separator, which
is white space. A word that holds one is two words."""


@cache
def _unspaced() -> NDArray[np.bool_]:
    return unspaced_characters()


def join_given_words(texts: Any, words: Words) -> tuple[Any, Any]:  # noqa: ANN401 - Arrow arrays
    """Take out what stands between words.

    Args:
        texts: large_string [rows]; words of lists with SEPARATOR between them.
        words: "spaces" or "list".

    Returns:
        The text itself, large_string [rows], and the bytes at which its words begin,
        large_list<int64> [rows].
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int64)
    offsets = offsets[texts.offset : texts.offset + len(texts) + 1]
    data = np.zeros(0, np.uint8)
    if len(texts) and offsets[-1] > offsets[0]:
        data = np.frombuffer(texts.buffers()[2], np.uint8)[offsets[0] : offsets[-1]]
    joined = np.empty(data.size, np.uint8)
    joined_offsets, border_offsets = (np.zeros(len(texts) + 1, np.int64) for _ in range(2))
    borders = np.empty(data.size // 2 + len(texts) + 1, np.int64)
    num_words = join_words(
        data,
        offsets - offsets[:1],
        ANY_SPACE if words == "spaces" else ord(SEPARATOR),
        _unspaced(),
        joined,
        joined_offsets,
        borders,
        border_offsets,
    )
    buffers = [None, pa.py_buffer(joined_offsets), pa.py_buffer(joined[: joined_offsets[-1]])]
    text = pa.Array.from_buffers(pa.large_string(), len(texts), buffers, null_count=0)
    places = arrow_array(borders[:num_words])
    return text, pa.LargeListArray.from_arrays(arrow_array(border_offsets), places)


def no_lists(source: Source) -> ConfigError:
    """Say that a file of this format cannot hold lists of words."""
    return ConfigError(
        f"--words is 'list', but {source.shown_name} is {source.format}; expected JSON Lines or "
        f"Parquet, whose text column can hold a list of words. Put spaces between words, and use "
        f"--words spaces."
    )
