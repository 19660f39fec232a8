"""manifest.json: what it must hold, and what makes two of them alike."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from maskprep.config.checks import option_name
from maskprep.storage.shards import Shard

FORMAT_VERSION = 1
STAGES = ("tokenize", "pair", "pack", "mask")
_SETTING = re.compile(rf"(?:lineage\.(?:{'|'.join(STAGES)})\.)?settings\.((?!made_with_)\w+)")
"""The dotted name of a value that an option of the command line sets."""
IDENTITY_KEYS = ("stage", "lineage", "settings", "sources", "versions")

_KINDS: dict[str, type] = {
    "stage": str,
    "settings": dict,
    "lineage": list,
    "versions": dict,
    "tokenizer": dict,
    "sources": list,
    "shards": list,
    "totals": dict,
    "rates": dict,
    "dropped": dict,
    "changed": dict,
}
_ROLES = {"mask", "cls", "sep", "pad", "unk"}
_SHARD_NAME = re.compile(r"part-([0-9]{5,})(?:-bin-([0-9]+))?\.parquet")
_HASH = re.compile(r"(?:[0-9a-f]{32}){1,2}")
MOST_IDS = 2**31 - 1
"""Ids are int32."""


def shard_name(number: int, longest: int | None = None) -> str:
    """Return the final name of a shard.

    Args:
        number: of the shard, first in the name so that names are in the order of the rows.
        longest: longest length of its bin, if there are bins.
    """
    stem = f"part-{number:05d}" + ("" if longest is None else f"-bin-{longest}")
    return f"{stem}.parquet"


def number_of_shard(name: str) -> int | None:
    """Return the number of the shard that has such a name; None: no shard has."""
    found = _SHARD_NAME.fullmatch(name)
    return None if found is None else int(found[1])


def shard_entry(shard: Shard, number: int) -> dict[str, Any]:
    """Return a shard's line in the manifest, under its final name."""
    of_bin = {} if shard.bin is None else {"bin": shard.bin}
    return {
        "name": shard_name(number, shard.bin),
        **of_bin,
        "rows": shard.rows,
        "tokens": shard.tokens,
        "bytes": shard.bytes,
        "sha256": shard.sha256,
        "rows_xxh128": shard.rows_xxh128,
    }


def bin_entries(shards: Iterable[Mapping[str, Any]]) -> list[dict[str, int]]:
    """Return what each bin holds, by ascending length; nothing where shards are of no bin."""
    found: dict[int, dict[str, int]] = {}
    for shard in shards:
        if "bin" in shard:
            empty = {"bin": shard["bin"], "shards": 0, "rows": 0, "tokens": 0}
            entry = found.setdefault(shard["bin"], empty)
            entry["shards"] += 1
            entry["rows"] += shard["rows"]
            entry["tokens"] += shard["tokens"]
    return [found[longest] for longest in sorted(found)]


def to_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Write JSON as manifests are written: the same bytes for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def with_checksum(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest with the hash of all that it says under `checksum`."""
    return {**manifest, "checksum": _checksum(manifest)}


def is_unchanged(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a manifest says what it said when it was written."""
    return manifest.get("checksum") == _checksum(manifest)


def _checksum(manifest: Mapping[str, Any]) -> str:
    said = {key: value for key, value in manifest.items() if key != "checksum"}
    return hashlib.sha256(to_json(said)).hexdigest()


def is_manifest(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether this has a stage and a list of shards, as every manifest has."""
    if not isinstance(value, dict) or not isinstance(value.get("stage"), str):
        return False
    kinds = {"name": str, "rows": int, "bytes": int, "sha256": str}
    shards = value.get("shards")
    return isinstance(shards, list) and all(
        isinstance(shard, dict)
        and all(isinstance(shard.get(key), kind) for key, kind in kinds.items())
        for shard in shards
    )


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
    wrong = [key for key, kind in _KINDS.items() if not isinstance(manifest.get(key), kind)]
    for key in wrong:
        yield f"{key} is {_shown(manifest.get(key))}; expected {_of_kind(_KINDS[key])}"
    if wrong:
        return
    if manifest["stage"] not in STAGES:
        yield f"stage is {manifest['stage']!r}; expected one of {', '.join(STAGES)}"
    yield from _stage_faults(manifest)
    yield from _tokenizer_faults(manifest["tokenizer"])
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


def _count_faults(place: str, counted: Mapping[str, Any]) -> Iterator[str]:
    for group in ("totals", "dropped", "changed"):
        counts = counted.get(group, {})
        if not isinstance(counts, dict):
            yield f"{place}{group} is {_shown(counts)}; expected an object"
            continue
        for key, value in counts.items():
            if not _is_count(value):
                yield f"{place}{group}.{key} is {_shown(value)}; expected a count"


def _stage_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    wanted = {"lineage": ("settings",), "history": ("totals", "rates")}
    for key, parts in wanted.items():
        entries = manifest.get(key, [])
        if not isinstance(entries, list):
            yield f"{key} is {_shown(entries)}; expected a list"
            continue
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
        or tokenizer["num_ids"] > MOST_IDS
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
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_SHOWN_CHARACTERS = 60


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return "missing"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def _of_kind(kind: type) -> str:
    kinds: dict[type, str] = {str: "a text", dict: "an object", list: "a list"}
    return kinds[kind]


def identity_of_manifest(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what decided the data set, of all that its manifest says."""
    return {key: manifest.get(key) for key in IDENTITY_KEYS}


def is_same(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether two identities are one."""
    return to_json(found) == to_json(wanted)


def describe_difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name the first settings that differ, as the options that they are, with both values."""
    differences = dict.fromkeys(
        f"{_option(key)} {_given(before)} there, {_given(now)} now"
        for key, before, now in differing(found, wanted)
    )
    return "; ".join(list(differences)[:3]) or "another order of the same settings"


def is_of_unread_pipe(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether nothing differs but what a pipe brings, which nobody has read yet."""
    unread = any(not source.get("sha256") for source in wanted["sources"])
    names = [name for name, _, _ in differing(found, wanted)]
    return unread and all(name.partition(".")[0] == "sources" for name in names)


def _option(key: str) -> str:
    setting = _SETTING.fullmatch(key)
    return option_name(setting[1]) if setting else key


def _given(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return "not given" if value is None else brief(value)


def brief(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Show a value in a message; of a list or an object only that it is another one."""
    return "something else" if isinstance(value, list | dict) else repr(value)


def differing(
    found: Any,  # noqa: ANN401 - any JSON value
    wanted: Any,  # noqa: ANN401
    name: str = "",
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted name of each value that differs, with both values."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            yield from differing(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif _are_named(found) and _are_named(wanted) and len(found) == len(wanted):
        for before, now in zip(found, wanted, strict=True):
            yield from differing(before, now, f"{name}.{before.get('stage') or before['name']}")
    elif json.dumps(found, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        yield name, found, wanted


def _are_named(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether this is a list of sources or of stages."""
    return isinstance(value, list) and all(
        isinstance(entry, dict) and ("stage" in entry or "name" in entry) for entry in value
    )
