"""Whether files are what a manifest says: names, bytes, columns, metadata."""

import json
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.storage.atomic import hash_file
from maskprep.storage.manifest import brief, differing
from maskprep.storage.shard_reading import READ_ROWS, first_line

_SHOWN_DIFFERENCES = 3


def stray_names(folder: Path, expected: Collection[str]) -> list[str]:
    """Return what lies in a folder of shards and is none of them, sorted."""
    if not folder.is_dir():
        return []
    return sorted(entry.name for entry in folder.iterdir() if entry.name not in expected)


def byte_faults(path: Path, entry: Mapping[str, Any]) -> Iterator[str]:
    """Compare a file's size and hash with what the manifest says of it."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            yield "is no regular file"
        elif status.st_size != entry["bytes"]:
            yield f"has {status.st_size:,} bytes; the manifest says {entry['bytes']:,}"
        elif hash_file(path) != entry["sha256"]:
            yield "its bytes are not those that were written (sha256)"
    except FileNotFoundError:
        yield "is missing"
    except OSError as error:
        yield f"cannot be read ({error.strerror})"


def rejects_faults(path: Path, sha256: str | None) -> Iterator[str]:
    """Compare the list of rejected documents with its hash; None: there is no list."""
    if sha256 is None:
        if path.exists():
            yield "is there, but the manifest tells of no rejected document"
        return
    try:
        if hash_file(path) != sha256:
            yield "its bytes are not those that were written (sha256)"
    except FileNotFoundError:
        yield "is missing"
    except OSError as error:
        yield f"cannot be read ({error.strerror})"


def schema_faults(found: pa.Schema, expected: pa.Schema) -> Iterator[str]:
    """Compare columns and metadata of a shard with what its stage and settings call for."""
    types = dict(zip(found.names, found.types, strict=True))
    for field in expected:
        if field.name not in types:
            yield f"has no column {field.name}"
        elif types[field.name] != field.type:
            yield f"column {field.name} is {types[field.name]}; expected {field.type}"
    strange = [name for name in found.names if name not in expected.names]
    if strange:
        yield f"has the columns {', '.join(strange)}, which its stage does not write"
    elif types.keys() == set(expected.names) and found.names != expected.names:
        yield f"its columns are {', '.join(found.names)}; not in the order its stage writes them"
    for key, wanted in (expected.metadata or {}).items():
        yield from _metadata_faults(key.decode(), (found.metadata or {}).get(key), wanted)


def _metadata_faults(key: str, text: bytes | None, wanted: bytes) -> Iterator[str]:
    if text is None:
        yield f"has no metadata {key}"
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        yield f"its metadata {key} are no JSON"
        return
    differences = [
        f"{name}: {brief(before)} there, {brief(now)} in the manifest"
        for name, before, now in differing(found, json.loads(wanted))
    ]
    if differences:
        yield f"its metadata {key} differ ({'; '.join(differences[:_SHOWN_DIFFERENCES])})"


def read_groups(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """Read all rows of a shard, in batches that end with its row groups."""
    for group in range(file.metadata.num_row_groups):
        yield from file.iter_batches(READ_ROWS, row_groups=[group], use_threads=False)


@contextmanager
def damage_noted(faults: list[str]) -> Iterator[None]:
    """Turn what a Parquet reader says of a damaged file into a fault."""
    try:
        yield
    except (OSError, pa.ArrowException, MemoryError, ValueError, OverflowError) as error:
        faults.append(f"cannot be read as Parquet ({first_line(error)})")
