"""What a dry run shows: settings, inputs, and about how much disk the run would need."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from maskprep.cli.progress import readable_bytes

Line = tuple[str, str]
SHOWN_SOURCES = 5
_TEXT_OF_COMPRESSED = 4.0
"""Bytes of text in a byte of a compressed or columnar file, roughly."""
_COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".parquet", ".pq")
_DISK_OF_TEXT = {"tokenize": 0.8, "mask": 4.5}
"""Bytes on disk for a byte of text at the fullest moment: shards and intermediate files."""
_DISK_OF_SHARDS = {"pair": 7.0, "mask": 6.0}
"""The same for a byte of the shards that a stage reads."""


def dry_run_lines(manifest: Mapping[str, Any]) -> list[Line]:
    """Return names and values of what would decide the result.

    Args:
        manifest: identity of the run (`tasks.records.identity_of`).
    """
    return [*_settings(manifest), *_sources(manifest), *_disk(manifest)]


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


def _disk(manifest: Mapping[str, Any]) -> Iterator[Line]:
    sources, stage = manifest.get("sources", []), manifest["stage"]
    if stage == "train" or not _stored(sources):
        return
    made = {entry["stage"] for entry in manifest.get("lineage", [])}
    is_raw = "made_with_tokenizer" in manifest["settings"] and not any(
        str(source["name"]).startswith("part-") for source in sources
    )
    if is_raw or not made:
        text = sum(
            int(source.get("bytes", 0))
            * (_TEXT_OF_COMPRESSED if str(source["name"]).endswith(_COMPRESSED) else 1.0)
            for source in sources
        )
        needed = text * _DISK_OF_TEXT.get(stage, 1.0)
    else:
        needed = _stored(sources) * _DISK_OF_SHARDS.get(stage, 1.0)
    epochs = manifest["settings"].get("epochs", 1)
    yield "disk needed", f"about {readable_bytes(needed * max(1.0, 0.5 + 0.5 * epochs))}"
