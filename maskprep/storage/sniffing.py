"""What standard input holds, told from its first line."""

from collections.abc import Iterator
from typing import Literal

import orjson

from maskprep.errors import MaskprepError

SourceFormat = Literal["text", "jsonl", "parquet", "csv"]
PARQUET_MAGIC = b"PAR1"
SNIFFED_BYTES = 4 * 2**20
"""A first line longer than this is judged by its beginning."""


def first_line(stream: Iterator[bytes]) -> bytes:
    """Return a stream's beginning, with its first line if that is short."""
    text = b""
    try:
        for data in stream:
            text += data
            if b"\n" in text.lstrip() or len(text) >= SNIFFED_BYTES:
                break
    except MaskprepError:
        # Whoever reads the documents reports the damage with its place.
        return text
    return text


def sniff(text: bytes) -> SourceFormat:
    """Tell a format from the beginning of a stream."""
    if text.startswith(PARQUET_MAGIC):
        return "parquet"
    line, ended, _ = text.lstrip().partition(b"\n")
    if not ended and len(text) >= SNIFFED_BYTES:
        return "jsonl" if line.startswith(b'{"') else "text"
    try:
        return "jsonl" if isinstance(orjson.loads(line), dict) else "text"
    except orjson.JSONDecodeError:
        return "text"
