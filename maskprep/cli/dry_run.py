"""What a dry run shows: settings, inputs, and about how much disk the run would need."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from maskprep.cli.progress import readable_bytes

Line = tuple[str, str]
SHOWN_SOURCES = 5
_DISK_OF_TEXT = {"tokenize": (0.5, 0.0), "mask": (2.5, 1.2)}
"""Bytes on disk for a byte of text at the fullest moment: once, and for every epoch."""
_DISK_OF_SHARDS = {"pair": (8.0, 0.0), "pack": (6.0, 0.0), "mask": (2.5, 2.0)}
"""The same for a byte of the shards that a stage reads, which are compressed."""


def dry_run_lines(manifest: Mapping[str, Any], *, raw: bool) -> list[Line]:
    """Return names and values of what would decide the result.

    Args:
        manifest: identity of the run (`tasks.records.identity_of`).
        raw: the inputs are raw text, not shards.
    """
    return [*_settings(manifest), *_sources(manifest), *_disk(manifest, raw=raw)]


def _settings(manifest: Mapping[str, Any]) -> Iterator[Line]:
    for entry in (*manifest.get("lineage", []), manifest):
        for name, value in entry["settings"].items():
            shown = value if isinstance(value, str) else json.dumps(value, default=str)
            yield f"{entry['stage']}.{name}", shown


def _sources(manifest: Mapping[str, Any]) -> Iterator[Line]:
    sources = manifest.get("sources", [])
    for source in sources[:SHOWN_SOURCES]:
        size = source.get("bytes")
        yield "input", f"{source['name']}" + (f" ({readable_bytes(size)})" if size else "")
    if len(sources) > SHOWN_SOURCES:
        yield "input", f"and {len(sources) - SHOWN_SOURCES:,} more"
    yield "inputs", f"{len(sources):,} ({readable_bytes(_stored(sources))})"


def _stored(sources: list[Mapping[str, Any]]) -> int:
    return sum(int(source.get("bytes", 0)) for source in sources)


def _disk(manifest: Mapping[str, Any], *, raw: bool) -> Iterator[Line]:
    factors = (_DISK_OF_TEXT if raw else _DISK_OF_SHARDS).get(manifest["stage"])
    size = _stored(manifest["sources"])
    if factors and size:
        once, every_epoch = factors
        needed = size * (once + every_epoch * manifest["settings"].get("epochs", 1))
        # A manifest's names of sources do not say how a source is compressed.
        more = "; about four times that if the text is compressed" if raw else ""
        yield "disk needed", f"about {readable_bytes(needed)}{more}"
