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

_SHARD_NAME = re.compile(r"part-([0-9]{5,})(?:-bin-([0-9]+))?\.parquet")


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


def from_json(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON that can be written again.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or spells half of a surrogate pair, which
            no file can hold.
    """
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError(error) from None
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise ValueError(f"{half!a} in it is half of a surrogate pair") from None
    return value


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
    return (
        isinstance(value, dict)
        and isinstance(value.get("stage"), str)
        and isinstance(value.get("shards"), list)
    )


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
