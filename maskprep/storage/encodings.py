"""Text that is no UTF-8 but could pass for it."""

from maskprep.errors import CorpusError

HEAD_BYTES = 512
"""From which an encoding is told."""
_LETTER_BLOCKS = 8
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


def is_utf16(head: bytes) -> bool:
    """Tell UTF-16 by its byte order mark, or by control characters in every second byte.

    Those are the upper bytes of Latin, Greek, Cyrillic, Hebrew and Arabic letters: UTF-8 as well,
    so that nothing else would find them.
    """
    if head.startswith(_UTF16_BOMS):
        return True
    first, second = (sum(byte < _LETTER_BLOCKS for byte in head[side::2]) for side in (0, 1))
    half = len(head) // 2
    return half > 0 and max(first, second) >= 0.9 * half and min(first, second) < 0.5 * half


def foreign_encoding(shown_name: str) -> CorpusError:
    """Name the remedy for UTF-16."""
    return CorpusError(
        f"{shown_name}: this is UTF-16, expected UTF-8. Convert it: "
        f"iconv -f UTF-16 -t UTF-8 {shown_name} > converted.txt"
    )
