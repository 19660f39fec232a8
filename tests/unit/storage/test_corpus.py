"""From files to batches of documents: the same whatever the block size or the packing."""

import bz2
import gzip
import io
import json
import lzma
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import naive
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError, CorpusError
from maskprep.schema import RAW_DOCUMENTS
from maskprep.storage import rows, text
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import ReadCounts, read_documents
from maskprep.storage.sources import find_sources, hash_source

PROSE = (
    "\r\n  \nThe ferry left at noon.\r\nNobody waved.\r\n \t\r\nRain fell — для всех.\n"
    "\n\n\n   An indented start\nand more\n\n她走了。\n\nlast words"
).encode()
TEXTS = st.lists(
    st.sampled_from([b"word", "щ".encode(), b"\n", b"\n", b"\n\n", b"  ", b"\r\n", b"x" * 40])
).map(b"".join)


def zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKINGS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}


def read_all(inputs, config, spool, counts=None, **options):
    """Return the batches of each task."""
    counts = ReadCounts() if counts is None else counts
    sources = find_sources([str(path) for path in inputs], config).sources
    return [
        list(read_documents(blocks, config, counts, **options))
        for blocks in plan_blocks(sources, config, spool)
    ]


def rows_of(tasks):
    return [row for batches in tasks for batch in batches for row in batch.to_pylist()]


def read_bytes(data, config=None, name="a.txt", counts=None, **options):
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        return rows_of(read_all([path], config or CorpusConfig(), Path(folder), counts, **options))


def texts_of(table):
    return [row["text"] for row in table]


@settings(deadline=None, max_examples=60)
@given(
    data=TEXTS, block_bytes=st.integers(1, 90), separator=st.sampled_from(["blank-line", "line"])
)
def test_any_block_size_and_packing_gives_the_documents_of_the_twin(data, block_bytes, separator):
    config = CorpusConfig(documents=separator, block_bytes=block_bytes)
    expected = [t.decode() for _, t in naive.find_documents(data, separator)]
    tasks = {}
    for packing in ("plain", "gzip", "zstd"):
        with TemporaryDirectory() as folder:
            path = Path(folder, "a.txt")
            path.write_bytes(PACKINGS[packing](data))
            tasks[packing] = [
                [row for batch in batches for row in batch.to_pylist()]
                for batches in read_all([path], config, Path(folder))
            ]
    assert [row["text"] for task in tasks["plain"] for row in task] == expected
    # Not only the documents: each task's documents.
    assert tasks["gzip"] == tasks["plain"]
    assert tasks["zstd"] == tasks["plain"]


@pytest.mark.parametrize("separator", ["blank-line", "line", "file"])
@pytest.mark.parametrize("block_bytes", [1, 7, 30, 64, 10_000])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["no mark", "byte order mark"])
def test_every_packing_gives_the_same_tasks(tmp_path, monkeypatch, separator, block_bytes, bom):
    config = CorpusConfig(documents=separator, block_bytes=block_bytes, stdin_filename="a.txt")
    data = bom + PROSE
    tasks = {}
    for packing, compress in PACKINGS.items():
        path = tmp_path / packing / "a.txt"
        path.parent.mkdir()
        path.write_bytes(compress(data))
        tasks[packing] = read_all([path], config, tmp_path / packing)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    (tmp_path / "piped").mkdir()
    tasks["stdin"] = read_all(["-"], config, tmp_path / "piped")
    expected = naive.find_documents(data, separator, len(bom))
    assert texts_of(rows_of(tasks["plain"])) == [t.decode() for _, t in expected]
    for packing, found in tasks.items():
        assert found == tasks["plain"], packing
    plan = list(plan_blocks(find_sources([str(path)], config).sources, config, tmp_path))
    assert len(plan) == (1 if separator == "file" else -(-len(data) // block_bytes))


def test_a_document_is_named_by_its_source_and_its_first_byte():
    whole = read_bytes(PROSE)
    assert [row["document_id"] for row in read_bytes(PROSE, CorpusConfig(block_bytes=3))] == [
        row["document_id"] for row in whole
    ]
    assert len({row["document_id"] for row in whole}) == len(whole)
    assert read_bytes(PROSE, name="b.txt")[0]["document_id"] != whole[0]["document_id"]


def test_small_sources_share_a_task(tmp_path):
    for number in range(3000):
        (tmp_path / f"{number:05d}.txt").write_text("words\n")
    config = CorpusConfig(block_bytes=6000)
    sources = find_sources([str(tmp_path)], config).sources
    plan = list(plan_blocks(sources, config, tmp_path))
    assert [len(blocks) for blocks in plan] == [1000, 1000, 1000]
    counts = ReadCounts()
    (batch,) = read_documents(plan[0], config, counts)
    assert (batch.num_rows, batch.schema) == (1000, RAW_DOCUMENTS)
    assert (counts.documents, counts.lines, counts.text_bytes) == (1000, 1000, 5000)


@pytest.fixture
def small_pieces(monkeypatch):
    """Documents are cut at 100 bytes, so that no test needs megabytes."""
    monkeypatch.setattr(text, "PIECE_BYTES", 100)
    monkeypatch.setattr(rows, "PIECE_BYTES", 100)
    monkeypatch.setattr("maskprep.storage.corpus.PIECE_BYTES", 100)


LONG = "\n".join(f"Zeile {n}: ääääääääää öööööööö" for n in range(40)) + "\n" + "щ" * 333 + "\nend"


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
@pytest.mark.parametrize("block_bytes", [1, 64, 5000])
def test_a_long_document_goes_on_in_further_rows(name, block_bytes):
    data = f"short\n\n{LONG}\n\nshort".encode()
    if name == "a.jsonl":
        data = b"".join(json.dumps({"text": t}).encode() + b"\n" for t in ("short", LONG, "short"))
    table = read_bytes(data, CorpusConfig(block_bytes=block_bytes), name)
    assert [row["continues"] for row in table] == [False, False] + [True] * (len(table) - 3) + [
        False
    ]
    pieces = table[1:-1]
    assert "".join(texts_of(pieces)) == LONG
    assert len({row["document_id"] for row in pieces}) == 1
    assert all(len(row["text"].encode()) <= 100 for row in pieces)
    inside_a_line = [row["text"] for row in pieces[:-1] if not row["text"].endswith("\n")]
    assert all(set(t) == {"щ"} for t in inside_a_line)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_whole_documents_are_never_cut(name):
    data = LONG.encode() if name == "a.txt" else json.dumps({"text": LONG}).encode()
    assert texts_of(read_bytes(data, name=name, whole_documents=True)) == [LONG]


@pytest.mark.usefixtures("small_pieces")
def test_invalid_bytes_at_the_end_of_a_long_document_drop_all_of_it():
    counts = ReadCounts()
    data = b"first\n\n" + LONG.encode() + b"\n\xff\n\nlast"
    table = read_bytes(data, CorpusConfig(on_invalid="skip"), counts=counts)
    assert texts_of(table) == ["first", "last"]
    assert counts.dropped == {"invalid_utf8": 1}


@pytest.mark.usefixtures("small_pieces")
def test_a_document_with_replaced_bytes_counts_once():
    counts = ReadCounts()
    data = b"\xff\n" * 300
    table = read_bytes(data, CorpusConfig(on_invalid="replace"), counts=counts)
    assert set("".join(texts_of(table))) == {"\ufffd", "\n"}
    assert (counts.replaced, counts.documents) == (1, 1)


@pytest.mark.parametrize("packing", list(PACKINGS))
@pytest.mark.parametrize("block_bytes", [3, 20, 5000])
def test_invalid_utf8_is_named_by_line_and_byte(tmp_path, packing, block_bytes):
    path = tmp_path / "a.txt"
    path.write_bytes(PACKINGS[packing](b"one\n\ntwo\nthree\n\n  and fo\xffur\n"))
    with pytest.raises(CorpusError, match=r"a\.txt:6: invalid UTF-8 at byte 9\. Convert"):
        read_all([path], CorpusConfig(block_bytes=block_bytes), tmp_path)


def test_invalid_documents_are_skipped_or_mended_and_counted():
    data = b"good\n\nb\xc3\x28d\n\nalso good"
    counts = ReadCounts()
    assert texts_of(read_bytes(data, CorpusConfig(on_invalid="skip"), counts=counts)) == [
        "good",
        "also good",
    ]
    assert (counts.dropped, counts.documents) == ({"invalid_utf8": 1}, 2)
    mended = read_bytes(data, CorpusConfig(on_invalid="replace"), counts=counts)
    assert texts_of(mended)[1] == "b\ufffd(d"
    assert counts.replaced == 1


def test_utf16_gets_a_hint():
    with pytest.raises(CorpusError, match=r"this is UTF-16, expected UTF-8\. Convert it: iconv"):
        read_bytes("text".encode("utf-16"))


def test_a_file_that_changed_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    config = CorpusConfig()
    (blocks,) = plan_blocks(find_sources([str(path)], config).sources, config, tmp_path)
    path.write_text("and after")
    with pytest.raises(CorpusError, match="the file changed during the run"):
        list(read_documents(blocks, config, ReadCounts()))
    path.unlink()
    with pytest.raises(CorpusError, match="vanished during the run"):
        list(read_documents(blocks, config, ReadCounts()))


@pytest.mark.parametrize("data", [b"", b"\n \n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_no_visible_text_is_no_document(data, name):
    assert read_bytes(data, name=name) == []
    assert read_bytes(gzip.compress(data), name=name) == []


def test_a_piece_is_never_cut_inside_a_character():
    for character in ("a", "щ", "她", "🙂"):
        data = (character * 40).encode()
        for size in range(8, 40):
            end, at_line_break = text.piece_end(data[:size])
            assert data[:end].decode() == character * (end // len(character.encode()))
            assert end > size - 4
            assert not at_line_break


def test_standard_input_is_hashed_when_it_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(PROSE, mtime=0))))
    sources = find_sources(["-"], CorpusConfig()).sources
    streamed = []
    list(plan_blocks(sources, CorpusConfig(), tmp_path, streamed))
    path = tmp_path / "same.gz"
    path.write_bytes(gzip.compress(PROSE, mtime=0))
    expected = hash_source(find_sources([str(path)], CorpusConfig()).sources[0])
    assert (streamed[0].sha256, streamed[0].num_bytes) == (expected.sha256, expected.num_bytes)


@pytest.mark.parametrize("name", ["document_id", "text", "input_ids", "sentence_lengths"])
def test_an_id_column_must_not_hide_ours(name):
    with pytest.raises(ConfigError, match=f"--id-column is '{name}'"):
        read_bytes(PROSE, CorpusConfig(id_column=name))


def test_text_has_empty_names_in_the_id_column():
    assert {row["title"] for row in read_bytes(PROSE, CorpusConfig(id_column="title"))} == {""}


class TestJsonLines:
    def test_text_and_id_come_from_their_keys(self):
        data = b'{"body": "a\\nb", "n": 7}\r\n\n{"n": "x", "body": "c"}\n{"body": "d"}'
        config = CorpusConfig(text_column="body", id_column="n")
        table = read_bytes(data, config, "a.jsonl")
        assert [(row["text"], row["n"]) for row in table] == [
            ("a\nb", "7"),
            ("c", "x"),
            ("d", ""),
        ]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            pytest.param(b'{"text": "\\ud800"}', "not valid JSON", id="lone surrogate"),
            pytest.param(b'{"text": "a", "x": NaN}', "not valid JSON", id="NaN"),
            pytest.param(b'{"text": ' + b"[" * 5000, "not valid JSON", id="deep"),
            pytest.param(b'["text"]', "expected a JSON object, found a list", id="list"),
            pytest.param(b'{"text": 7}', "'text' is a number, expected a string", id="number"),
            pytest.param(b"{", "over several lines", id="indented"),
        ],
    )
    def test_a_bad_line_is_named_or_skipped(self, line, message):
        data = b'{"text": "good"}\n\n' + line + b'\n{"text": "also"}\n'
        with pytest.raises(CorpusError, match=rf"a\.jsonl:3: .*{message}.*--on-invalid skip"):
            read_bytes(data, name="a.jsonl")
        counts = ReadCounts()
        table = read_bytes(data, CorpusConfig(on_invalid="skip"), "a.jsonl", counts)
        assert texts_of(table) == ["good", "also"]
        assert sum(counts.dropped.values()) == 1

    def test_invalid_utf8_is_named_by_its_byte(self):
        data = b'{"text": "good"}\n  {"text": "b\xffd"}\n'
        with pytest.raises(CorpusError, match=r"a\.jsonl:2: invalid UTF-8 at byte 14"):
            read_bytes(data, name="a.jsonl")

    def test_broken_characters_are_replaced_on_request(self):
        data = b'{"text": "b\xffd"}\n{"text": "\\ud800!"}\n'
        counts = ReadCounts()
        table = read_bytes(data, CorpusConfig(on_invalid="replace"), "a.jsonl", counts)
        assert texts_of(table) == ["b\ufffdd", "\ufffd!"]
        assert counts.replaced == 2

    def test_a_missing_key_lists_the_keys_found(self):
        with pytest.raises(ConfigError, match=r"a.jsonl:1: no column 'text' \(found: body, n\)"):
            read_bytes(b'{"body": "a", "n": 1}\n', name="a.jsonl")

    def test_null_and_empty_texts_are_dropped_and_counted(self):
        counts = ReadCounts()
        data = b'{"text": null}\n{"text": " \\n"}\n{"text": ""}\n{"text": "a"}'
        assert texts_of(read_bytes(data, name="a.jsonl", counts=counts)) == ["a"]
        assert counts.dropped == {"null_text": 1, "empty_text": 2}

    def test_a_line_too_long_to_parse_is_invalid(self, monkeypatch):
        monkeypatch.setattr(text, "PIECE_BYTES", 100)
        for module in ("rows", "json_lines"):
            monkeypatch.setattr(f"maskprep.storage.{module}.LONGEST_WHOLE_BYTES", 400)
        data = b'{"text": "a"}\n{"text": "' + b"x" * 900 + b'"}\n{"text": "' + b"y" * 350 + b'"}\n'
        with pytest.raises(CorpusError, match=r"a\.jsonl:2: the line is longer than 400 bytes"):
            read_bytes(data, name="a.jsonl")
        table = read_bytes(data, CorpusConfig(on_invalid="skip"), "a.jsonl")
        assert texts_of(table) == ["a", "y" * 350]


def test_positions_need_63_bits_at_most():
    ids = [row["document_id"] for row in read_bytes(b"a\n" * 500, CorpusConfig(documents="line"))]
    assert min(ids) >= 0
    assert np.array(ids, np.int64).max() > 2**61


@pytest.mark.usefixtures("small_pieces")
def test_blocks_inside_a_long_document_do_not_read_to_its_end(monkeypatch):
    num_bytes = 0
    read_at = text.BlockFile.read_at

    def counted(file, place, size):
        nonlocal num_bytes
        data = read_at(file, place, size)
        num_bytes += len(data)
        return data

    monkeypatch.setattr(text.BlockFile, "read_at", counted)
    read_bytes(b"x" * 20_000, CorpusConfig(block_bytes=200))
    assert num_bytes < 200_000


@pytest.mark.shared_data
def test_real_books_are_read_to_the_byte(shared_data, tmp_path):
    counts = ReadCounts()
    path = shared_data / "text" / "en_books_a.jsonl.xz"
    table = read_all([path], CorpusConfig(id_column="id"), tmp_path, counts)
    assert (counts.documents, counts.text_bytes) == (1648, 30_453_856)
    assert sum(batch.num_rows for task in table for batch in task) == 1648
