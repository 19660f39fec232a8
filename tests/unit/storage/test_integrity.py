"""Files against the manifest: every deviation is one line."""

import hashlib
import os

import pyarrow as pa
import pytest

from maskprep.schema import EXAMPLES, with_metadata
from maskprep.storage.integrity import byte_faults, damage_noted, schema_faults, stray_names

ENTRY = {"bytes": 3, "sha256": hashlib.sha256(b"abc").hexdigest()}
RECORD = {"stage": "pair", "settings": {"seed": 1}, "lineage": [], "tokenizer": {}}
SCHEMA = with_metadata(EXAMPLES, RECORD)
TWICE = SCHEMA.append(EXAMPLES.field("example_id"))
REVERSED = pa.schema(list(SCHEMA)[::-1], SCHEMA.metadata)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"abc", []),
        (b"abd", ["its bytes are not those that were written (sha256)"]),
        (b"ab", ["has 2 bytes; the manifest says 3"]),
        (None, ["is missing"]),
    ],
    ids=["whole", "other bytes", "cut off", "missing"],
)
def test_bytes(tmp_path, content, expected):
    path = tmp_path / "part-00000.parquet"
    if content is not None:
        path.write_bytes(content)
    assert list(byte_faults(path, ENTRY)) == expected


def test_only_regular_files_are_opened(tmp_path):
    """Opening a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        assert list(byte_faults(tmp_path / name, ENTRY)) == ["is no regular file"]


def test_stray_names(tmp_path):
    for name in ("part-00000.parquet", "notes.txt", ".hidden"):
        (tmp_path / name).touch()
    assert stray_names(tmp_path, {"part-00000.parquet"}) == [".hidden", "notes.txt"]
    assert stray_names(tmp_path / "nowhere", set()) == []


def test_a_schema_is_equal_to_itself():
    assert list(schema_faults(SCHEMA, SCHEMA)) == []


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (SCHEMA.remove(2), "has no column document_id_b"),
        (
            SCHEMA.set(0, pa.field("example_id", pa.uint64())),
            "column example_id is uint64; expected int64",
        ),
        (
            TWICE,
            f"its columns are {', '.join(TWICE.names)}; not in the order its stage writes them",
        ),
        (
            SCHEMA.append(pa.field("more", pa.int8())),
            "has the columns more, which its stage does not write",
        ),
        (
            REVERSED,
            f"its columns are {', '.join(REVERSED.names)}; not in the order its stage writes them",
        ),
        (
            with_metadata(EXAMPLES, RECORD | {"settings": {"seed": 2}}),
            "its metadata maskprep differ (settings.seed: 2 there, 1 in the manifest)",
        ),
        (
            SCHEMA.with_metadata({**SCHEMA.metadata, b"maskprep": b"{"}),
            "its metadata maskprep are no JSON",
        ),
        (
            SCHEMA.with_metadata({b"maskprep": SCHEMA.metadata[b"maskprep"]}),
            "has no metadata huggingface",
        ),
    ],
)
def test_schemas(found, expected):
    assert list(schema_faults(found, SCHEMA)) == [expected]


@pytest.mark.parametrize(
    "error", [OSError("no"), pa.ArrowInvalid("no"), MemoryError("no"), OverflowError("no")]
)
def test_whatever_a_reader_says_becomes_a_fault(error):
    faults = []
    with damage_noted(faults):
        raise error
    assert faults == ["cannot be read as Parquet (no)"]
