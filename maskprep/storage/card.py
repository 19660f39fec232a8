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
  data_files: data/{files}
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
    files = {"default": "*.parquet"}
    bins = [f"bin-{one['bin']}" for one in manifest.get("bins", [])]
    files |= {name: f"*-{name}.parquet" for name in bins}
    number = _content_number(manifest)
    configs = "".join(
        _CONFIG.format(name=name, files=pattern, number=number) for name, pattern in files.items()
    )
    return _CARD.format(title=_TITLES[stage], stage=stage, configs=configs)


def _content_number(manifest: Mapping[str, Any]) -> int:
    """Return a number that changes with the shards.

    `datasets` caches a folder by its name and the version in its card: without one it would serve
    the rows of an older data set of the same name.
    """
    hashes = "".join(shard["sha256"] for shard in manifest["shards"])
    return int(hashlib.sha256(hashes.encode()).hexdigest()[:8], 16)
