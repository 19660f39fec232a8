"""Documents that were left out, cut or mended: where they stand in the corpus, and why.

A list is bounded: of all documents it keeps the first ones in the order of the corpus, whatever
the order in which they were found.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from maskprep.storage.blocks import Block
from maskprep.storage.sources import Source
from maskprep.storage.text import BlockFile

MOST_LISTED = 10_000
"""Documents that `rejects.jsonl` lists of a corpus; the manifest counts all of them."""

WITHOUT_TOKENS = "documents_without_tokens"
REPLACED = "invalid_characters_replaced"
LINE_CUT = "line_cut"
_STAYS = {REPLACED: "mended", LINE_CUT: "cut"}


@dataclass(frozen=True)
class Reject:
    """One document, by the name of its source and its first byte or its row (from 0 on)."""

    source: str
    position: int
    reason: str


class RejectList:
    """The first documents of some blocks that something was done to."""

    def __init__(self, most: int = MOST_LISTED, wanted: Collection[int] = ()) -> None:
        """Take the length of the list, and ids of documents to be listed as without tokens."""
        self.most = most
        self._found: list[Reject] = []
        self._last: tuple[bytes, int] | None = None
        self._wanted = np.array(sorted(wanted), np.int64)

    def add(self, source: str, positions: Sequence[int], reason: str) -> None:
        """List those of some documents that are among the first.

        Args:
            source: name of their source.
            positions: ascending.
            reason: why they are listed.
        """
        if self._wanted.size and reason != WITHOUT_TOKENS:
            return
        if self._last is not None and (source.encode(), positions[0]) > self._last:
            return
        self._found.extend(Reject(source, place, reason) for place in positions[: self.most])
        if len(self._found) > 2 * self.most:
            self._found = self.first()
            last = self._found[-1:]
            self._last = (last[0].source.encode(), last[0].position) if last else (b"", -1)

    def look_for_wanted(
        self, source: str, ids: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> None:
        """List those of some documents that are wanted.

        Args:
            source: their name.
            ids: int64 [documents].
            positions: int64 [documents].
        """
        if self._wanted.size:
            found = positions[np.isin(ids, self._wanted)].tolist()
            if found:
                self.add(source, found, WITHOUT_TOKENS)

    def first(self) -> list[Reject]:
        """Return the first documents, in the order of the corpus."""
        self._found.sort(key=lambda one: (one.source.encode(), one.position, one.reason))
        return self._found[: self.most]

    def __len__(self) -> int:
        return len(self._found)


class LineNumbers:
    """Lines of a source's places, asked for in ascending order: every byte is read once."""

    def __init__(self, block: Block) -> None:
        """Open the source, or the part of it that the block's spool file holds.

        Raises:
            CorpusError: it vanished or changed.
            MachineError: it cannot be read.
        """
        self._file = BlockFile(block)
        self._at = self._file.offset
        self._line = block.line if block.spooled else 1

    def line_of(self, place: int) -> int:
        """Return the line, from 1 on, that begins at a place or holds it."""
        self._line += self._file.count_line_breaks(self._at, place)
        self._at = max(self._at, place)
        return self._line

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def is_text(source: Source) -> bool:
    """Tell whether places in a source are bytes and have lines."""
    return source.format in ("text", "jsonl")


def entry_of(reject: Reject, source: Source, line: int | None) -> dict[str, Any]:
    """Return a line of `rejects.jsonl`."""
    in_text = is_text(source)
    return {
        "source": reject.source,
        **({"byte": reject.position} if in_text else {"row": reject.position + 1}),
        **({"line": line} if in_text else {}),
        "action": _STAYS.get(reject.reason, "skipped"),
        "reason": reject.reason,
    }
