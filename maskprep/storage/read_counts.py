"""What reading a corpus counts."""

from dataclasses import dataclass, field, fields
from typing import Any

from maskprep.storage.rejects import RejectList


@dataclass
class ReadCounts:
    """What was read, and what was left out and why."""

    documents: int = 0
    text_bytes: int = 0
    other_documents: int = 0
    """Of the other split: they are not passed on."""
    other_bytes: int = 0
    lines: int = 0
    """As many as documents: every document is one line."""
    replaced: int = 0
    """Documents in which invalid bytes became U+FFFD."""
    lines_cut: int = 0
    """Documents with a line so long that it was cut inside."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Documents by reason: invalid_utf8, invalid_json, too_long, null_text, empty_text, ..."""
    rejects: RejectList = field(default_factory=RejectList, repr=False)
    """The first documents that were dropped, replaced or cut."""

    @property
    def num_seen(self) -> int:
        """Documents of both splits: what a limit counts."""
        return self.documents + self.other_documents

    @property
    def bytes_seen(self) -> int:
        """Bytes of text of both splits: how far the corpus is read."""
        return self.text_bytes + self.other_bytes

    def numbers(self) -> dict[str, Any]:
        """Return the counts alone, as JSON has them."""
        counts = {one.name: getattr(self, one.name) for one in fields(self)}
        del counts["rejects"]
        return counts
