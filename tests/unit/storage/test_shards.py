"""Shards: the same bytes for the same rows, whole or not there at all."""

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.errors import MachineError, SchemaError, ShardError
from maskprep.schema import EXAMPLES, with_metadata
from maskprep.storage import shard_reading
from maskprep.storage.row_hash import RowHash
from maskprep.storage.shard_reading import check_columns, open_shard, read_shard, shard_metadata
from maskprep.storage.shards import regroup, row_group_rows, write_shard

TOKENIZER = {"fingerprint": "f", "num_ids": 9, "roles": {}, "special_ids": {}}
RECORD = {"stage": "pair", "settings": {"seed": 1}, "lineage": [], "tokenizer": TOKENIZER}
SCHEMA = with_metadata(EXAMPLES, RECORD)


def examples(lengths):
    rng = np.random.default_rng(len(lengths))
    ids = [rng.integers(0, 1000, length).tolist() for length in lengths]
    columns = {
        "example_id": list(range(len(ids))),
        "document_id": [1] * len(ids),
        "document_id_b": [2] * len(ids),
        "input_ids": ids,
        "token_type_ids": [[t % 2 for t in range(len(row))] for row in ids],
        "word_starts": [[t % 3 == 0 for t in range(len(row))] for row in ids],
        "next_sentence_label": [0] * len(ids),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in EXAMPLES]
    return pa.record_batch(arrays, schema=EXAMPLES)


def cut(batch, cuts):
    edges = [0, *sorted(cuts), batch.num_rows]
    return [batch.slice(start, stop - start) for start, stop in itertools.pairwise(edges)]


def write(path, batch, rows=10):
    return write_shard(regroup([batch], rows), path, SCHEMA, "zstd")


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.integers(0, 9), max_size=30),
    rows=st.integers(1, 12),
    tokens=st.one_of(st.none(), st.integers(1, 20)),
    data=st.data(),
)
def test_groups_do_not_depend_on_where_batches_were_cut(lengths, rows, tokens, data):
    whole = examples(lengths)
    cuts = data.draw(st.lists(st.integers(0, len(lengths)), max_size=5))
    groups = list(regroup([whole], rows, tokens))
    others = list(regroup(cut(whole, cuts), rows, tokens))
    assert [group.num_rows for group in groups] == [group.num_rows for group in others]
    assert [group.to_pylist() for group in groups] == [group.to_pylist() for group in others]
    assert [row for group in groups for row in group.to_pylist()] == whole.to_pylist()
    for group in groups:
        num_tokens = len(group.column("input_ids").flatten())
        assert group.num_rows == 1 or tokens is None or num_tokens <= tokens
    if tokens is None:
        assert {group.num_rows for group in groups[:-1]} <= {rows}


def test_a_row_that_is_too_long_for_a_group_stands_alone():
    groups = regroup(cut(examples([9, 1, 1, 9, 1]), [1, 2, 3, 4]), rows=10, tokens=5)
    assert [group.num_rows for group in groups] == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("length", "rows"), [(1, 2**20), (128, 8192), (2**20, 1)], ids=["1", "128", "2^20"]
)
def test_row_groups_hold_about_a_million_tokens(length, rows):
    assert row_group_rows(length) == rows


def test_a_shard_reads_back_and_says_what_it_holds(tmp_path):
    batch = examples([5, 3, 0, 7] * 10)
    path = tmp_path / "part-00000.parquet"
    shard = write(path, batch)
    assert pa.concat_batches(read_shard(path, EXAMPLES.names)).equals(batch)
    assert (shard.name, shard.rows, shard.tokens) == ("part-00000.parquet", 40, 150)
    assert shard.bytes == path.stat().st_size
    assert shard.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    rows_hash = RowHash(EXAMPLES)
    rows_hash.update(batch)
    assert shard.rows_xxh128 == rows_hash.hexdigest()
    assert shard_metadata(path)["stage"] == "pair"
    assert pq.read_schema(path).field("input_ids").metadata[b"meaning"]
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(g).num_rows for g in range(4)] == [10, 10, 10, 10]


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 57), max_size=6))
def test_the_bytes_do_not_depend_on_where_batches_were_cut(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("bytes")
    batch = examples([4] * 57)
    first = write(folder / "a.parquet", batch)
    groups = regroup(cut(batch, cuts), 10)
    second = write_shard(groups, folder / "b.parquet", SCHEMA, "zstd")
    assert first.sha256 == second.sha256


def test_any_range_of_rows_can_be_read(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_reading, "READ_ROWS", 4)
    batch = examples([2] * 23)
    path = tmp_path / "part.parquet"
    write(path, batch)
    for start in range(24):
        for stop in [*range(start, 26), None]:
            parts = read_shard(path, ["example_id"], start, stop)
            found = [row["example_id"] for part in parts for row in part.to_pylist()]
            assert found == list(range(23))[start:stop]


def test_only_the_named_columns_are_read(tmp_path):
    path = tmp_path / "part.parquet"
    write(path, examples([2, 2]))
    (batch,) = read_shard(path, ["input_ids"])
    assert batch.schema.names == ["input_ids"]


def test_no_rows_make_no_file(tmp_path):
    assert write_shard(iter([]), tmp_path / "part.parquet", SCHEMA, "zstd") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("has_old_file", [False, True])
def test_a_failure_on_the_way_leaves_no_file_and_an_old_one_untouched(tmp_path, has_old_file):
    path = tmp_path / "part.parquet"
    if has_old_file:
        path.write_bytes(b"old")

    def failing():
        yield examples([3] * 10)
        raise ShardError("the input ended early")

    with pytest.raises(ShardError, match="ended early"):
        write_shard(failing(), path, SCHEMA, "zstd")
    assert [file.name for file in tmp_path.iterdir()] == (["part.parquet"] if has_old_file else [])
    assert not has_old_file or path.read_bytes() == b"old"


def test_a_folder_that_cannot_be_written_to_is_the_machines_fault(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MachineError, match=r"part\.parquet: cannot be written"):
        write(tmp_path / "file" / "part.parquet", examples([3]))


def test_a_missing_shard_is_named(tmp_path):
    with pytest.raises(ShardError, match=r"part\.parquet: this shard is missing"):
        open_shard(tmp_path / "part.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a Parquet file", bytes(100)])
def test_a_file_that_is_no_parquet_is_refused(tmp_path, content):
    path = tmp_path / "part.parquet"
    path.write_bytes(content)
    with pytest.raises(ShardError, match=r"part\.parquet: not a whole Parquet file"):
        open_shard(path)


def test_a_cut_off_shard_is_refused(tmp_path):
    path = tmp_path / "part.parquet"
    write(path, examples([5] * 30))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ShardError, match="not a whole Parquet file"):
        open_shard(path)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "snappy", "none"])
def test_segments_of_many_tokens_take_less_than_a_bit_a_token(tmp_path, compression):
    lengths = np.full(400, 500)
    types = pa.array([[0] * (100 + row) + [1] * (400 - row) for row in range(400)])
    batch = examples(lengths.tolist())
    place = EXAMPLES.get_field_index("token_type_ids")
    batch = batch.set_column(place, EXAMPLES.field(place), types.cast(EXAMPLES.types[place]))
    path = tmp_path / "part.parquet"
    write_shard(regroup([batch], 400), path, SCHEMA, compression)
    assert pa.concat_batches(read_shard(path, EXAMPLES.names)).equals(batch)
    chunk = pq.read_metadata(path).row_group(0).column(place)
    assert chunk.path_in_schema == "token_type_ids.list.element"
    assert 8 * chunk.total_compressed_size < lengths.sum()


def test_a_flipped_bit_in_any_page_is_found(tmp_path):
    path = tmp_path / "part.parquet"
    write(path, examples([50] * 30))
    data = path.read_bytes()
    metadata = pq.read_metadata(path)
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            # The last byte of a column's last page: page headers stand at the other end.
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            damaged = bytearray(data)
            damaged[start + chunk.total_compressed_size - 1] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(ShardError, match=r"part\.parquet: damaged at row"):
                list(read_shard(path, EXAMPLES.names))


def test_a_shard_of_other_software_has_no_metadata_of_ours(tmp_path):
    pq.write_table(pa.table({"input_ids": [[1]]}), tmp_path / "part.parquet")
    assert shard_metadata(tmp_path / "part.parquet") is None


def test_missing_and_mistyped_columns_are_named():
    found = pa.schema([("input_ids", pa.list_(pa.int64())), ("text", pa.string())])
    expected = pa.schema([("input_ids", pa.list_(pa.int32()))])
    with pytest.raises(SchemaError, match=r"input_ids is list<.*int64>; expected list<.*int32>"):
        check_columns("part.parquet", found, expected, "pair")
    with pytest.raises(SchemaError, match="no column example_id, document_id"):
        check_columns("part.parquet", found, EXAMPLES, "pair")
    check_columns("part.parquet", SCHEMA, EXAMPLES, "pair")


def test_a_shard_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pq, "ParquetFile", refuse)
    with pytest.raises(MachineError, match=r"part\.parquet: cannot be read"):
        open_shard(tmp_path / "part.parquet")


@pytest.mark.parametrize("name", ["input_ids", "example_id"])
def test_a_null_is_refused_with_its_column(tmp_path, name):
    table = pa.Table.from_batches([examples([3, 3])])
    column = pa.array([None, table[name][1].as_py()], table.schema.field(name).type)
    place = table.schema.get_field_index(name)
    pq.write_table(table.set_column(place, name, column), tmp_path / "part.parquet")
    with pytest.raises(ShardError, match=f"part.parquet: column {name} holds null"):
        list(read_shard(tmp_path / "part.parquet", EXAMPLES.names))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"no JSON"])
def test_metadata_of_other_software_under_our_name_is_refused(tmp_path, text):
    table = pa.table({"input_ids": [[1]]}).replace_schema_metadata({b"maskprep": text})
    pq.write_table(table, tmp_path / "part.parquet")
    with pytest.raises(ShardError, match="not what maskprep writes"):
        shard_metadata(tmp_path / "part.parquet")
