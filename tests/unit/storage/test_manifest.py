"""Manifests: how shards are called, and what makes two manifests alike."""

import json

import pytest

from maskprep.storage.manifest import (
    describe_difference,
    from_json,
    is_unchanged,
    number_of_shard,
    shard_name,
    to_json,
    with_checksum,
)

MANIFEST = {
    "stage": "pair",
    "settings": {"seed": 0},
    "lineage": [{"stage": "tokenize", "settings": {}}],
    "sources": [{"name": "a.txt", "bytes": 3, "sha256": "2" * 64}],
    "rates": {"random_next": 0.5},
}


def test_shards_of_bins_are_called_by_number_and_bin():
    assert shard_name(7, 128) == "part-00007-bin-128.parquet"
    assert number_of_shard("part-00007-bin-128.parquet") == 7
    assert number_of_shard("part-00000-bin-x.parquet") is None


@pytest.mark.parametrize(
    "text", [b'{"a": ["\\ud800"]}', b'{"\\udc00": 1}', b'"\xed\xa0\x80"', b"[" * 10**5, b"{"]
)
def test_json_that_could_not_be_written_again_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        from_json(text)


def test_any_change_breaks_the_checksum():
    written = to_json(with_checksum(MANIFEST))
    assert is_unchanged(json.loads(written))
    for position in range(0, len(written), 7):
        flipped = bytearray(written)
        flipped[position] ^= 1
        try:
            read = json.loads(flipped)
        except ValueError:
            continue
        assert not isinstance(read, dict) or not is_unchanged(read) or read == json.loads(written)


def test_a_manifest_without_a_checksum_is_a_changed_one():
    assert not is_unchanged(MANIFEST)


def test_differences_name_both_values():
    other = MANIFEST | {"settings": {"seed": 1}, "sources": []}
    assert describe_difference(MANIFEST, other) == (
        "--seed 0 there, 1 now; sources something else there, something else now"
    )
