"""What is wrong with a manifest, or with what a shard says of itself, judged by itself."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from maskprep.storage.manifest import FORMAT_VERSION, STAGES, bin_entries, shard_name

_KINDS_OF_ROWS: dict[str, type] = {
    "stage": str,
    "settings": dict,
    "lineage": list,
    "tokenizer": dict,
}
_KINDS: dict[str, type] = {
    **_KINDS_OF_ROWS,
    "versions": dict,
    "sources": list,
    "shards": list,
    "totals": dict,
    "rates": dict,
    "dropped": dict,
    "changed": dict,
}
_ROLES = {"mask", "cls", "sep", "pad", "unk"}
_HASH = re.compile(r"(?:[0-9a-f]{32}){1,2}")
_MOST_IDS = 2**31 - 1
"""Ids are int32."""
_HIGHEST_COUNT = 2**63 - 1


def manifest_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a manifest, judged by itself.

    Of a manifest without a fault every value that `verify` uses has its type, and every shard's
    name is the one of its place: none leads out of the folder.
    """
    version = manifest.get("format_version")
    if version != FORMAT_VERSION:
        yield (
            f"format_version is {version!r}; expected {FORMAT_VERSION}. A newer maskprep may have "
            f"written it"
        )
        return
    wrong = list(_kind_faults(manifest, _KINDS))
    yield from wrong
    if wrong:
        return
    yield from _row_faults(manifest)
    yield from _entry_faults(manifest, "history", ("totals", "rates"))
    yield from _validation_faults(manifest)
    shard_faults = [
        fault
        for number, shard in enumerate(manifest["shards"])
        for fault in _shard_faults(number, shard)
    ]
    yield from shard_faults
    if not shard_faults and manifest.get("bins", []) != bin_entries(manifest["shards"]):
        yield "bins are not the sums of the shards of each bin"
    for number, source in enumerate(manifest["sources"]):
        if not _is_entry(source, ("bytes",), ("sha256",)):
            yield f"sources[{number}] is {_shown(source)}; expected name, bytes and sha256"
    yield from _count_faults("", manifest)
    rejects = manifest.get("rejects", {})
    if not isinstance(rejects, dict) or not isinstance(rejects.get("sha256"), str | None):
        yield f"rejects is {_shown(rejects)}; expected documents, listed and sha256"


def record_faults(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with what a shard or a stream says of its rows."""
    wrong = list(_kind_faults(record, _KINDS_OF_ROWS))
    yield from wrong or _row_faults(record)


def _kind_faults(record: Mapping[str, Any], kinds: Mapping[str, type]) -> Iterator[str]:
    for key, kind in kinds.items():
        if not isinstance(record.get(key), kind):
            yield f"{key} is {_shown(record.get(key))}; expected {_of_kind(kind)}"


def _row_faults(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with what a manifest and every shard say alike."""
    if record["stage"] not in STAGES:
        yield f"stage is {record['stage']!r}; expected one of {', '.join(STAGES)}"
    yield from _entry_faults(record, "lineage", ("settings",))
    yield from _tokenizer_faults(record["tokenizer"])


def _count_faults(place: str, counted: Mapping[str, Any]) -> Iterator[str]:
    for group in ("totals", "dropped", "changed"):
        counts = counted.get(group, {})
        if not isinstance(counts, dict):
            yield f"{place}{group} is {_shown(counts)}; expected an object"
            continue
        for key, value in counts.items():
            if not _is_count(value):
                yield f"{place}{group}.{key} is {_shown(value)}; expected a count"
    for key, value in counted.get("rates", {}).items():
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            yield f"{place}rates.{key} is {_shown(value)}; expected a share from 0 to 1"


def _entry_faults(record: Mapping[str, Any], key: str, parts: tuple[str, ...]) -> Iterator[str]:
    """Yield what is wrong with a list of stages, each of which says some things."""
    entries = record.get(key, [])
    if not isinstance(entries, list):
        yield f"{key} is {_shown(entries)}; expected a list"
        return
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or entry.get("stage") not in STAGES:
            yield f"{key}[{number}] is {_shown(entry)}; expected a stage and what it says"
        elif not all(isinstance(entry.get(part), dict) for part in parts):
            yield f"{key}[{number}] lacks {' or '.join(parts)}"
        else:
            yield from _count_faults(f"{key}[{number}].", entry)


def _tokenizer_faults(tokenizer: Mapping[str, Any]) -> Iterator[str]:
    ids = tokenizer.get("special_ids")
    roles = tokenizer.get("roles")
    if (
        not isinstance(tokenizer.get("fingerprint"), str)
        or not _is_count(tokenizer.get("num_ids"))
        or tokenizer["num_ids"] > _MOST_IDS
        or not isinstance(roles, dict)
        or not roles.keys() <= _ROLES
        or not all(isinstance(token, str) for token in roles.values())
        or not isinstance(ids, dict)
        or not all(_is_count(number) for number in ids.values())
    ):
        yield (
            f"tokenizer is {_shown(tokenizer)}; expected fingerprint, num_ids, roles and "
            f"special_ids"
        )


def _validation_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    said = manifest.get("validation")
    if said is None and not manifest["settings"].get("made_with_validation"):
        return
    if (
        not isinstance(said, dict)
        or not all(_is_count(said.get(key)) for key in ("documents", "rows"))
        or (said["rows"] and not isinstance(said.get("checksum"), str))
    ):
        yield f"validation is {_shown(said)}; expected documents, rows and checksum"


def _shard_faults(number: int, shard: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON value
    if not _is_entry(shard, ("rows", "tokens", "bytes"), ("sha256", "rows_xxh128")):
        yield (
            f"shards[{number}] is {_shown(shard)}; expected name, rows, tokens, bytes, sha256 and "
            f"rows_xxh128"
        )
    elif "bin" in shard and not _is_count(shard["bin"]):
        yield f"shards[{number}].bin is {_shown(shard['bin'])}; expected a length in tokens"
    elif shard["name"] != (expected := shard_name(number, shard.get("bin"))):
        yield f"shards[{number}] is named {shard['name']!r}; expected {expected!r}"


def _is_entry(entry: Any, counts: tuple[str, ...], hashes: tuple[str, ...]) -> bool:  # noqa: ANN401
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and all(_is_count(entry.get(key)) for key in counts)
        and all(isinstance(entry.get(key), str) and _HASH.fullmatch(entry[key]) for key in hashes)
    )


def _is_count(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _HIGHEST_COUNT


_SHOWN_CHARACTERS = 60


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return "missing"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _of_kind(kind: type) -> str:
    kinds: dict[type, str] = {str: "a text", dict: "an object", list: "a list"}
    return kinds[kind]
