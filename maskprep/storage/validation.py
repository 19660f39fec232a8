"""Which documents are held out for validation: a fact of each document's text.

A document is one of them if the hash of its text, without white space, lies below the share. So no
document and no copy of one is on both sides, whatever its name, place or format, and each keeps its
side while the corpus grows; a smaller share chooses some of those of a larger one.
"""

import codecs
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.kernels.validation import (
    BYTE_ORDER_MARK,
    HASHED_BYTES,
    HASHED_WORDS,
    hash_texts,
)


class ValidationChoice:
    """Tells which rows of one source are for validation, in order."""

    def __init__(self, share: float) -> None:
        """Take the share of the documents, below 1."""
        self._threshold = np.uint64(round(share * 2**64))
        self._is_chosen = False
        self._words = np.empty(HASHED_WORDS, np.uint64)

    def of_rows(
        self,
        texts: Any,  # noqa: ANN401 - an Arrow array
        continues: NDArray[np.bool_],
        beginning: Iterable[bytes] | None = None,
    ) -> NDArray[np.bool_]:
        """Return bool [rows], true for validation.

        Args:
            texts: large_string [rows].
            continues: bool [rows], true where a row goes on with the document before it, which may
                be one of an earlier call.
            beginning: pieces of a document of which `texts` holds only the first row, which can be
                as short as a title: where it is cut depends on white space. No more of them are
                taken than decide.
        """
        if not len(texts):
            return np.zeros(0, np.bool_)
        if beginning is not None:
            texts = pa.array([_what_decides(beginning)], pa.large_string())
        _, offset_buffer, text_buffer = texts.buffers()
        offsets = np.frombuffer(offset_buffer, np.int64)[texts.offset :][: len(texts) + 1]
        hashes = np.empty(len(texts), np.uint64)
        data = np.frombuffer(text_buffer or b"", np.uint8)
        hash_texts(data, offsets, self._words, hashes)
        first = np.maximum.accumulate(np.where(continues, -1, np.arange(len(texts))))
        chosen = np.where(first < 0, self._is_chosen, (hashes < self._threshold)[first])
        self._is_chosen = bool(chosen[-1])
        return chosen


def _what_decides(pieces: Iterable[bytes]) -> str:
    """Return so much of a text, without white space, that what follows makes no difference."""
    # Invalid bytes are no characters, whatever becomes of the document.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    visible: list[str] = []
    size = 0
    for piece in pieces:
        text = "".join(decoder.decode(piece).split()).replace(chr(BYTE_ORDER_MARK), "")
        visible.append(text)
        size += len(text.encode())
        if size >= HASHED_BYTES:
            break
    return "".join(visible)
