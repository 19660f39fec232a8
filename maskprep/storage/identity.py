"""What decides the bytes of a data set, and what differs where two are not the same."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

IDENTITY_KEYS = ("stage", "lineage", "settings", "sources", "versions")


def identity_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a manifest that decides the rest."""
    return {key: manifest.get(key) for key in IDENTITY_KEYS}


def same_identity(found: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Tell whether two runs make the same bytes."""
    return to_json(found) == to_json(identity)


def name_differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name the first settings that differ, with both values."""
    differences = []
    for key, (before, now) in _flat_pairs(found, wanted):
        differences.append(f"{key}: {before!r} there, {now!r} now")
    return "; ".join(differences[:3]) or "another order of the same settings"


def _flat_pairs(
    found: Any,  # noqa: ANN401 - any JSON value
    wanted: Any,  # noqa: ANN401
    name: str = "",
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            yield from _flat_pairs(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif _are_named(found) and _are_named(wanted) and len(found) == len(wanted):
        for before, now in zip(found, wanted, strict=True):
            yield from _flat_pairs(before, now, f"{name}.{before.get('stage') or before['name']}")
    elif json.dumps(found, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        if isinstance(found, list | dict) or isinstance(wanted, list | dict):
            yield name, ("something else", "this run's")
        else:
            yield name, (found, wanted)


def _are_named(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether this is a list of sources or of stages."""
    return isinstance(value, list) and all(
        isinstance(entry, dict) and ("stage" in entry or "name" in entry) for entry in value
    )


def to_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return JSON that is the same for the same value."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
