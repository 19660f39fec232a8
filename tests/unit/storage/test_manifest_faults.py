"""Manifests: what is said of one that is not whole."""

import pytest

from maskprep.storage.manifest import bin_entries
from maskprep.storage.manifest_faults import manifest_faults

SHARD = {
    "name": "part-00000.parquet",
    "rows": 1,
    "tokens": 5,
    "bytes": 100,
    "sha256": "0" * 64,
    "rows_xxh128": "1" * 32,
}
MANIFEST = {
    "format_version": 1,
    "stage": "pair",
    "settings": {"seed": 0},
    "lineage": [{"stage": "tokenize", "settings": {}}],
    "history": [{"stage": "tokenize", "totals": {}, "rates": {}}],
    "versions": {},
    "tokenizer": {"fingerprint": "f", "num_ids": 9, "roles": {}, "special_ids": {}},
    "sources": [{"name": "a.txt", "bytes": 3, "sha256": "2" * 64}],
    "shards": [SHARD],
    "totals": {"pairs": 1},
    "rates": {"random_next": 0.5},
    "dropped": {},
    "changed": {},
}


def test_a_whole_manifest_has_no_fault():
    assert list(manifest_faults(MANIFEST)) == []


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("format_version", 2, "format_version is 2; expected 1"),
        ("format_version", None, "format_version is None"),
        ("stage", "bake", "stage is 'bake'; expected one of tokenize, pair, pack, mask"),
        ("settings", [], "settings is []; expected an object"),
        ("lineage", None, "lineage is missing; expected a list"),
        ("lineage", [{"stage": "bake"}], "lineage[0] is"),
        ("lineage", [{"stage": "pair"}], "lineage[0] lacks settings"),
        ("history", {}, "history is {}; expected a list"),
        ("history", [{"stage": "pair"}], "history[0] lacks totals or rates"),
        ("tokenizer", {"fingerprint": "f"}, "expected fingerprint, num_ids, roles"),
        ("tokenizer", MANIFEST["tokenizer"] | {"roles": {"king": "x"}}, "tokenizer is"),
        ("sources", [{"name": "a"}], "sources[0] is"),
        ("shards", ["part-00000.parquet"], "shards[0] is"),
        ("shards", [SHARD | {"rows": -1}], "shards[0] is"),
        ("shards", [SHARD | {"rows": True}], "shards[0] is"),
        ("shards", [SHARD | {"sha256": "x"}], "shards[0] is"),
        ("shards", [SHARD, SHARD], "shards[1] is named 'part-00000.parquet'"),
        ("validation", [], "validation is []; expected documents, rows and checksum"),
        ("validation", {"documents": 1, "rows": 2, "checksum": None}, "validation is"),
        ("settings", {"made_with_validation": True}, "validation is missing"),
        ("totals", {"pairs": "many"}, 'totals.pairs is "many"; expected a count'),
        ("dropped", {"tokens": None}, "dropped.tokens is missing; expected a count"),
        ("changed", [], "changed is []; expected an object"),
        ("rejects", 7, "rejects is 7; expected documents, listed and sha256"),
        ("rejects", {"sha256": 7}, 'rejects is {"sha256": 7}; expected documents'),
        ("tokenizer", MANIFEST["tokenizer"] | {"num_ids": 10**20}, "tokenizer is"),
        (
            "history",
            [{"stage": "pair", "totals": {"pairs": "x"}, "rates": {}}],
            'history[0].totals.pairs is "x"; expected a count',
        ),
    ],
)
def test_faults_are_named(key, value, expected):
    (fault,) = manifest_faults(MANIFEST | {key: value})
    assert expected in fault


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "../../etc/passwd", "/etc/passwd", "part-0.parquet", "part-00001.parquet"),
        *("data/part-00000.parquet", "part-00000.parquet\n", "PART-00000.parquet", "", 7),
    ],
)
def test_no_name_of_a_shard_leads_out_of_the_folder(name):
    faults = list(manifest_faults(MANIFEST | {"shards": [SHARD | {"name": name}]}))
    assert len(faults) == 1
    assert "shards[0]" in faults[0]


BINNED = [
    SHARD | {"name": f"part-0000{number}-bin-{end}.parquet", "bin": end, "rows": rows}
    for number, (end, rows) in enumerate([(32, 4), (64, 2), (32, 1)])
]
BINS = [
    {"bin": 32, "shards": 2, "rows": 5, "tokens": 10},
    {"bin": 64, "shards": 1, "rows": 2, "tokens": 5},
]


def test_bins_that_are_the_sums_of_their_shards_are_no_fault():
    assert bin_entries(BINNED) == BINS
    assert list(manifest_faults(MANIFEST | {"shards": BINNED, "bins": BINS})) == []


@pytest.mark.parametrize(
    ("shards", "bins", "expected"),
    [
        ([BINNED[0] | {"bin": 64}], None, "named 'part-00000-bin-32.parquet'; expected"),
        ([BINNED[0] | {"bin": "../x"}], None, 'shards[0].bin is "../x"; expected a length'),
        ([SHARD | {"bin": 32}], None, "expected 'part-00000-bin-32.parquet'"),
        (BINNED, [BINS[0]], "bins are not the sums of the shards of each bin"),
        (BINNED, None, "bins are not the sums of the shards of each bin"),
        ([SHARD], BINS, "bins are not the sums of the shards of each bin"),
    ],
)
def test_bins_that_do_not_agree_with_the_shards_are_named(shards, bins, expected):
    manifest = MANIFEST | {"shards": shards} | ({} if bins is None else {"bins": bins})
    (fault,) = manifest_faults(manifest)
    assert expected in fault


def test_long_values_are_shortened_in_messages():
    (fault,) = manifest_faults(MANIFEST | {"totals": {"pairs": "x" * 1000}})
    assert len(fault) < 120
