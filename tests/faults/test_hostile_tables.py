"""Parquet and CSV files that are damaged or hostile: a message, never a crash of the interpreter.

Files that were changed at random are read in a process of their own, so that a crash is seen.
"""

import json
import random
import signal
import struct
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app

READ_ALL = """
import json, sys, tempfile
from pathlib import Path
from maskprep.config import CorpusConfig
from maskprep.errors import MaskprepError
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import ReadCounts, read_documents
from maskprep.storage.sources import find_sources

for path in sys.argv[1:]:
    print(path, flush=True)
    config = CorpusConfig(on_invalid="skip", id_column="n")
    try:
        for blocks in plan_blocks(find_sources([path], config).sources, config, Path(path).parent):
            for batch in read_documents(blocks, config, ReadCounts()):
                batch.validate(full=True)
    except MaskprepError:
        pass
"""


@pytest.fixture
def tokenize(toy_tokenizer, tmp_path):
    def run(path, *options):
        output = ("--output", tmp_path / "documents", "--workers", 1)
        arguments = ["tokenize", path, "--tokenizer", toy_tokenizer, *output, *options]
        return CliRunner().invoke(app, [str(one) for one in arguments])

    return run


def assert_refused(result, tmp_path, *parts, exit_code=1):
    assert result.exit_code == exit_code, result.output
    (line,) = result.stderr.strip().splitlines()
    for part in parts:
        assert part in line
    assert not (tmp_path / "documents").exists()


def table(num_rows=300):
    texts = [f"The {n}. text has words of its own." * (n % 7 + 1) for n in range(num_rows)]
    return pa.table({"text": texts, "n": [str(n) for n in range(num_rows)]})


# Checksums are left out, so that changes reach what decodes pages.
KINDS = {
    "plain": {"use_dictionary": False, "compression": "none"},
    "dictionary": {"compression": "snappy"},
    "zstd": {"use_dictionary": False, "compression": "zstd"},
    "pages of version 2": {"data_page_version": "2.0", "data_page_size": 500},
    "delta": {"use_dictionary": False, "column_encoding": "DELTA_BYTE_ARRAY"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_files_changed_at_random_crash_nothing(tmp_path, kind):
    pq.write_table(table(), tmp_path / "whole.parquet", row_group_size=100, **KINDS[kind])
    data = (tmp_path / "whole.parquet").read_bytes()
    chance = random.Random(kind)
    paths = []
    for number in range(80):
        changed = bytearray(data)
        # Half of the changes meet the metadata at the end.
        first = len(data) - 3000 if number % 2 else 0
        for _ in range(chance.choice([1, 1, 3, 20])):
            changed[chance.randrange(max(first, 0), len(data))] = chance.randrange(256)
        paths.append(tmp_path / f"{number}.parquet")
        paths[-1].write_bytes(changed)
    while paths:
        command = [sys.executable, "-c", READ_ALL, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        reached = len(done.stdout.splitlines())
        # Known of pyarrow 26: RowGroupMetaData.column() ends the process at such metadata.
        known = done.returncode == -signal.SIGABRT and "histogram size mismatch" in done.stderr
        assert known or done.returncode == 0, (paths[reached - 1], done.stderr[-2000:])
        del paths[:reached]


def footer(length):
    return b"PAR1" + bytes(100) + struct.pack("<I", length) + b"PAR1"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PAR1",
        b"PAR1PAR1",
        footer(2**31),
        footer(100),
        footer(0),
        b"PAR1" + b"\xff" * 1000 + struct.pack("<I", 1000) + b"PAR1",
        b"PAR1" + b"\x15" * 1000 + struct.pack("<I", 1000) + b"PARE",
    ],
    ids=["empty", "magic", "no footer", "far footer", "zeros", "no length", "ones", "encrypted"],
)
def test_a_broken_footer_is_an_error(tokenize, tmp_path, data):
    (tmp_path / "a.parquet").write_bytes(data)
    assert_refused(tokenize(tmp_path / "a.parquet"), tmp_path, "a.parquet: damaged Parquet file")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_cut_off_file_is_an_error(tokenize, tmp_path, share):
    pq.write_table(table(), tmp_path / "a.parquet")
    data = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(data[: int(len(data) * share)])
    assert_refused(tokenize(tmp_path / "a.parquet"), tmp_path, "a.parquet: damaged Parquet file")


def test_a_flipped_bit_under_a_page_checksum_is_an_error(tokenize, tmp_path):
    settings = {"use_dictionary": False, "compression": "none", "write_page_checksum": True}
    pq.write_table(table(), tmp_path / "a.parquet", **settings)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[data.index(b"The 150. text")] ^= 1
    (tmp_path / "a.parquet").write_bytes(data)
    assert_refused(tokenize(tmp_path / "a.parquet"), tmp_path, "damaged", "CRC")


def test_a_bomb_of_equal_texts_is_read_in_bounded_memory(tokenize, tmp_path):
    indices = pa.array([0] * 200, pa.int32())
    texts = pa.DictionaryArray.from_arrays(indices, pa.array(["word " * 2**17]))
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 2**20
    before = pa.default_memory_pool().max_memory()
    result = tokenize(tmp_path / "a.parquet")
    assert result.exit_code == 0, result.output
    manifest = json.loads((tmp_path / "documents" / "manifest.json").read_text())
    assert manifest["totals"]["text_bytes"] == 200 * (5 * 2**17)
    assert pa.default_memory_pool().max_memory() <= max(before, 2**27)


@pytest.mark.parametrize(
    "text_type",
    [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.string_view()],
    ids=str,
)
def test_every_layout_of_text_is_read(tokenize, tmp_path, text_type):
    column = pa.array(["One.", None, "Two."]).cast(text_type)
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    result = tokenize(tmp_path / "a.parquet")
    assert result.exit_code == 0, result.output
    assert "1 row without text" in result.output


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_a_surrogate_is_invalid_text_of_one_row(tokenize, tmp_path, name):
    texts = [b"One.", b"\xed\xa0\x80", b"Two."]
    if name == "a.csv":
        (tmp_path / name).write_bytes(b"text\n" + b"\n".join(texts) + b"\n")
    else:
        pq.write_table(pa.table({"text": pa.array(texts)}), tmp_path / name)
    assert_refused(tokenize(tmp_path / name), tmp_path, f"{name}, row 2: invalid UTF-8 at byte 1")
    assert tokenize(tmp_path / name, "--on-invalid", "skip").exit_code == 0


@pytest.mark.parametrize(
    ("data", "exit_code", "message"),
    [
        (b"text,n\na,1,2\n", 1, "unreadable CSV behind row 0 (CSV parse error: Row #2: Expected 2"),
        (b"body\na\n", 2, "no column 'text' (found: body)"),
        ("text\na\n".encode("utf-16"), 1, "this is UTF-16"),
        (b"\xfftext\na\n", 1, "the first row, which names the columns, is no UTF-8 or no CSV"),
    ],
    ids=["width", "column", "UTF-16", "names of invalid bytes"],
)
def test_a_bad_csv_file_is_named(tokenize, tmp_path, data, exit_code, message):
    (tmp_path / "a.csv").write_bytes(data)
    result = tokenize(tmp_path / "a.csv")
    assert_refused(result, tmp_path, "a.csv", message, exit_code=exit_code)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv"])
def test_names_of_invalid_bytes_are_told_or_mended(tokenize, tmp_path, name):
    if name == "a.csv":
        (tmp_path / name).write_bytes(b"text,n\nOne.,b\xff\nTwo.,b\n")
    else:
        names = pa.array([b"b\xff", b"b"])
        columns = {"text": ["One.", "Two."], "n": names.view(pa.string())}
        pq.write_table(pa.table(columns), tmp_path / name)
    result = tokenize(tmp_path / name, "--id-column", "n")
    assert_refused(result, tmp_path, f"{name}: column 'n' holds invalid UTF-8 from row 1 on")
    result = tokenize(tmp_path / name, "--id-column", "n", "--on-invalid", "replace")
    assert result.exit_code == 0, result.output
    rows = pq.read_table(tmp_path / "documents" / "data").to_pylist()
    assert [row["n"] for row in rows] == ["b\ufffd", "b"]


def test_offsets_beyond_32_bits_are_never_needed(tokenize, tmp_path, monkeypatch):
    """Batches are cut by bytes, so that no column reaches what 32-bit offsets can hold."""
    for module in ("text", "rows", "corpus", "tables"):
        monkeypatch.setattr(f"maskprep.storage.{module}.PIECE_BYTES", 1000)
    pq.write_table(table(3000), tmp_path / "a.parquet")
    sizes = []
    from maskprep.storage import corpus

    joined = corpus._joined
    monkeypatch.setattr(
        corpus, "_joined", lambda *a: sizes.append(sum(b.nbytes for b in a[0])) or joined(*a)
    )
    assert tokenize(tmp_path / "a.parquet").exit_code == 0
    assert max(sizes) < 3000
