"""The data-set card: README.md, where `datasets` and hubs read which files are the data."""

import hashlib
from collections.abc import Mapping
from typing import Any

_CARD = """\
---
configs:
{configs}---

# {title}

Made by `maskprep {stage}`. `manifest.json` holds every setting, the hash of every source and
shard, and what was dropped; `maskprep inspect` shows rows.
"""

_CONFIG = """\
- config_name: {name}
  data_files:{files}
  version: 1.0.{number}
"""

_TITLES = {
    "tokenize": "Tokenized documents",
    "pair": "Sentence pairs",
    "pack": "Packed sequences",
    "mask": "Masked examples",
}


def card_text(manifest: Mapping[str, Any]) -> str:
    """Return the card of a data set: `datasets` loads all of it, or one bin by its name."""
    stage = manifest["stage"]
    files = {"default": _data_files(manifest)}
    for one in manifest.get("bins", []):
        name = f"bin-{one['bin']}"
        files[name] = _data_files(manifest, f"*-{name}.parquet")
    number = _content_number(manifest)
    configs = "".join(
        _CONFIG.format(name=name, files=where, number=number) for name, where in files.items()
    )
    return _CARD.format(title=_TITLES[stage], stage=stage, configs=configs)


_EVERY_SHARD = "*.parquet"


def _data_files(manifest: Mapping[str, Any], pattern: str = _EVERY_SHARD) -> str:
    """Return where each split is; training data alone needs no name."""
    stages = (*manifest["lineage"], manifest)
    if any(entry["settings"].get("split") == "validation" for entry in stages):
        return _of_split("validation", f"data/{pattern}")
    if not manifest.get("validation", {}).get("rows"):
        return f" data/{pattern}"
    files = _of_split("train", f"data/{pattern}")
    if pattern == _EVERY_SHARD:  # Which bins the other data have is not known here.
        files += _of_split("validation", f"validation/data/{pattern}")
    return files


def _of_split(name: str, files: str) -> str:
    return f"\n  - split: {name}\n    path: {files}"


def _content_number(manifest: Mapping[str, Any]) -> int:
    """Return a number that changes with the shards.

    `datasets` caches a folder by its name and the version in its card: without one it would serve
    the rows of an older data set of the same name.
    """
    hashes = "".join(shard["sha256"] for shard in manifest["shards"])
    hashes += manifest.get("validation", {}).get("checksum") or ""
    return int(hashlib.sha256(hashes.encode()).hexdigest()[:8], 16)
