"""The data-set card: README.md, where `datasets` and hubs read which files are the data."""

import hashlib
from collections.abc import Mapping
from typing import Any

_CARD = """\
---
configs:
- config_name: default
  data_files:{files}
  version: 1.0.{number}
---

# {title}

Made by `maskprep {stage}`. `manifest.json` holds every setting, the hash of every source and
shard, and what was dropped; `maskprep inspect` shows rows.
"""

_TITLES = {
    "tokenize": "Tokenized documents",
    "pair": "Sentence pairs",
    "pack": "Packed sequences",
    "mask": "Masked examples",
}


def card_text(manifest: Mapping[str, Any]) -> str:
    """Return the card of a data set."""
    stage = manifest["stage"]
    return _CARD.format(
        files=_data_files(manifest),
        title=_TITLES[stage],
        stage=stage,
        number=_content_number(manifest),
    )


def _data_files(manifest: Mapping[str, Any]) -> str:
    """Return where each split is; training data alone needs no name."""
    stages = (*manifest["lineage"], manifest)
    if any(entry["settings"].get("split") == "validation" for entry in stages):
        return _of_split("validation", "data")
    if manifest.get("validation", {}).get("rows"):
        return _of_split("train", "data") + _of_split("validation", "validation/data")
    return " data/*.parquet"


def _of_split(name: str, folder: str) -> str:
    return f"\n  - split: {name}\n    path: {folder}/*.parquet"


def _content_number(manifest: Mapping[str, Any]) -> int:
    """Return a number that changes with the shards.

    `datasets` caches a folder by its name and the version in its card: without one it would serve
    the rows of an older data set of the same name.
    """
    hashes = "".join(shard["sha256"] for shard in manifest["shards"])
    hashes += manifest.get("validation", {}).get("checksum") or ""
    return int(hashlib.sha256(hashes.encode()).hexdigest()[:8], 16)
