"""Documents of Parquet and CSV files."""

import gzip
import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError, CorpusError
from maskprep.storage import rows
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import ReadCounts, read_documents
from maskprep.storage.sources import find_sources

TEXTS = ["first", None, "zweiter Text", " ", "", "третий"]
KEPT = ["first", "zweiter Text", "третий"]


def read_all(inputs, config, spool, counts=None):
    counts = ReadCounts() if counts is None else counts
    sources = find_sources([str(path) for path in inputs], config).sources
    return [
        row
        for blocks in plan_blocks(sources, config, spool)
        for batch in read_documents(blocks, config, counts)
        for row in batch.to_pylist()
    ]


def write(path, column, **options):
    names = pa.array(range(len(column)))
    pq.write_table(pa.table({"text": column, "n": names}), path, **options)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.large_binary(),
        pa.dictionary(pa.int32(), pa.string()),
    ],
    ids=str,
)
def test_every_kind_of_text_column_is_read(tmp_path, kind):
    column = pa.array(TEXTS).cast(kind)
    counts = ReadCounts()
    table = read_all([write(tmp_path / "a.parquet", column)], CorpusConfig(), tmp_path, counts)
    assert [row["text"] for row in table] == KEPT
    assert counts.dropped == {"null_text": 1, "empty_text": 2}
    assert counts.documents == 3


@pytest.mark.parametrize("block_bytes", [1, 300, 10**6])
def test_rows_are_named_by_their_index_whatever_the_blocks(tmp_path, block_bytes):
    column = [f"text number {n}" for n in range(500)]
    path = write(tmp_path / "a.parquet", column, row_group_size=7)
    config = CorpusConfig(block_bytes=block_bytes, id_column="n")
    table = read_all([path], config, tmp_path)
    assert [(row["text"], row["n"]) for row in table] == [
        (text, str(n)) for n, text in enumerate(column)
    ]
    single = write(path, column)
    ids = [row["document_id"] for row in read_all([single], CorpusConfig(), tmp_path)]
    assert ids == [row["document_id"] for row in table]


def test_row_groups_are_the_blocks(tmp_path):
    path = write(tmp_path / "a.parquet", [f"text {n}" for n in range(100)], row_group_size=10)
    config = CorpusConfig(block_bytes=1)
    plan = list(plan_blocks(find_sources([str(path)], config).sources, config, tmp_path))
    assert [(b.start, b.stop) for blocks in plan for b in blocks] == [(n, n + 1) for n in range(10)]


def test_parquet_from_standard_input(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", TEXTS)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert [row["text"] for row in read_all(["-"], CorpusConfig(), tmp_path)] == KEPT


def test_equal_texts_in_a_small_file_are_read_in_bounded_batches(tmp_path):
    path = write(tmp_path / "a.parquet", ["x" * 2**19] * 400)
    assert path.stat().st_size < 2**20
    config = CorpusConfig()
    (blocks,) = plan_blocks(find_sources([str(path)], config).sources, config, tmp_path)
    before = pa.total_allocated_bytes()
    num_rows = 0
    for batch in read_documents(blocks, config, ReadCounts()):
        num_rows += batch.num_rows
        assert pa.total_allocated_bytes() - before < 2**26
    assert num_rows == 400


def test_long_texts_go_on_in_further_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "PIECE_BYTES", 10)
    table = read_all([write(tmp_path / "a.parquet", ["a\n" * 11, "b"])], CorpusConfig(), tmp_path)
    assert [(row["text"], row["continues"]) for row in table] == [
        ("a\n" * 5, False),
        ("a\n" * 5, True),
        ("a\n", True),
        ("b", False),
    ]


def test_invalid_utf8_is_named_by_row_and_byte(tmp_path):
    column = pa.array([b"good", None, b"ba\xffd"])
    path = write(tmp_path / "a.parquet", column)
    with pytest.raises(CorpusError, match=r"a\.parquet, row 3: invalid UTF-8 at byte 3"):
        read_all([path], CorpusConfig(), tmp_path)
    table = read_all([path], CorpusConfig(on_invalid="skip"), tmp_path)
    assert [row["text"] for row in table] == ["good"]


@pytest.mark.parametrize("option", ["text_column", "id_column"])
@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_missing_column_lists_what_is_there(tmp_path, name, option):
    path = tmp_path / name
    path.write_text("text,n\nwords,1\n")
    if name == "a.parquet":
        write(path, TEXTS)
    with pytest.raises(ConfigError, match=r"no column 'body' \(found: text, n\)\. Name .* with --"):
        read_all([path], CorpusConfig(**{option: "body"}), tmp_path)


def test_a_column_of_numbers_is_refused(tmp_path):
    path = write(tmp_path / "a.parquet", [1, 2])
    with pytest.raises(ConfigError, match="column 'text' holds int64, expected strings"):
        read_all([path], CorpusConfig(), tmp_path)


@pytest.mark.parametrize(
    "column",
    [pa.array([["a", "b"], ["c"]]), pa.array([{"a": "x"}, {"a": "y"}])],
    ids=["list", "struct"],
)
def test_a_nested_column_is_refused(tmp_path, column):
    path = write(tmp_path / "a.parquet", column)
    with pytest.raises(ConfigError, match=r"column 'text' holds (list|struct)<.*expected strings"):
        read_all([path], CorpusConfig(), tmp_path)


def test_a_missing_column_of_a_compressed_file_is_named(tmp_path):
    data = write(tmp_path / "a.parquet", pa.array(["x"])).read_bytes()
    (tmp_path / "b.parquet.gz").write_bytes(gzip.compress(data))
    config = CorpusConfig(text_column="body")
    with pytest.raises(ConfigError, match=r"no column 'body' \(found: text, n\)"):
        read_all([tmp_path / "b.parquet.gz"], config, tmp_path)


@pytest.mark.parametrize("damage", ["cut", "middle", "empty", "text"])
def test_a_damaged_parquet_file_is_an_error(tmp_path, damage):
    path = write(tmp_path / "a.parquet", [f"text {n}" * 20 for n in range(1000)])
    data = bytearray(path.read_bytes())
    data[50:5000] = b"\xaa" * 4950
    damaged = {
        "cut": path.read_bytes()[:-9],
        "middle": bytes(data),
        "empty": b"",
        "text": b"words, only words",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(CorpusError, match=r"a\.parquet: damaged Parquet file"):
        read_all([path], CorpusConfig(), tmp_path)


@pytest.mark.parametrize("packing", ["plain", "gzip", "stdin"])
def test_csv_with_quotes_and_line_breaks_in_values(tmp_path, monkeypatch, packing):
    data = '\ufefftext,n\n"two\nlines, ""quoted""",7\nNA,\n,x\n'.encode()
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(data) if packing == "gzip" else data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    counts = ReadCounts()
    config = CorpusConfig(id_column="n", stdin_filename="a.csv")
    table = read_all(["-" if packing == "stdin" else path], config, tmp_path, counts)
    assert [(row["text"], row["n"]) for row in table] == [
        ('two\nlines, "quoted"', "7"),
        ("NA", ""),
    ]
    assert counts.dropped == {"empty_text": 1}


def test_tsv_is_separated_by_tabs(tmp_path):
    (tmp_path / "a.tsv").write_text("n\ttext\n1\ta, b\n")
    assert read_all([tmp_path / "a.tsv"], CorpusConfig(), tmp_path)[0]["text"] == "a, b"


def test_csv_rows_with_other_widths_are_an_error_or_skipped(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,n\na,1\nb,2,3\nc,4\n")
    with pytest.raises(CorpusError, match=r"a\.csv: unreadable CSV .*Expected 2 columns, got 3"):
        read_all([path], CorpusConfig(), tmp_path)
    counts = ReadCounts()
    table = read_all([path], CorpusConfig(on_invalid="skip"), tmp_path, counts)
    assert [row["text"] for row in table] == ["a", "c"]
    assert counts.dropped == {"invalid_csv": 1}


def test_a_csv_quote_that_is_not_closed_is_named_or_left_out_with_the_rest(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('n,text\n1,one\n2,"two\n3,three\n')
    with pytest.raises(CorpusError, match=r"a\.csv, row 2: a quote is not closed up to the end"):
        read_all([path], CorpusConfig(), tmp_path)
    counts = ReadCounts()
    rows = read_all([path], CorpusConfig(on_invalid="skip"), tmp_path, counts)
    assert [row["text"] for row in rows] == ["one"]
    assert counts.dropped == {"invalid_csv": 1}
    path.write_text('n,"text\n1,one\n')
    with pytest.raises(
        CorpusError, match=r"the first row, which names the columns: a quote is not"
    ):
        read_all([path], CorpusConfig(on_invalid="skip"), tmp_path)


def test_a_csv_row_too_long_to_hold_is_named(tmp_path, monkeypatch):
    for module in ("rows", "csv_rows"):
        monkeypatch.setattr(f"maskprep.storage.{module}.LONGEST_WHOLE_BYTES", 1000)
    path = tmp_path / "a.csv"
    path.write_text("text\n" + "short\n" * 10 + "x" * 3000 + "\n")
    with pytest.raises(CorpusError, match=r"row 11: the row, .* is longer than 1,000 bytes"):
        read_all([path], CorpusConfig(), tmp_path)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"text\n", b"text,n"])
def test_a_csv_file_without_rows_has_no_documents(tmp_path, data):
    (tmp_path / "a.csv").write_bytes(data)
    assert read_all([tmp_path / "a.csv"], CorpusConfig(), tmp_path) == []


def test_a_cut_off_compressed_csv_is_an_error(tmp_path):
    text = "text\n" + "".join(f"line {n * n}\n" for n in range(10_000))
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(text.encode())[:-20])
    with pytest.raises(CorpusError, match="damaged or cut-off gzip data"):
        read_all([tmp_path / "a.csv.gz"], CorpusConfig(), tmp_path)


def test_invalid_utf8_in_csv_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"text\ngood\nba\xff\n")
    with pytest.raises(CorpusError, match=r"a\.csv, row 2: invalid UTF-8 at byte 3"):
        read_all([tmp_path / "a.csv"], CorpusConfig(), tmp_path)
