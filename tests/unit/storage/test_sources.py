"""What a corpus consists of."""

import gzip
import hashlib
import io
import os
import pickle
import sys

import pytest

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError, CorpusError
from maskprep.storage.sources import find_sources, hash_source

CONFIG = CorpusConfig()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "corpus"
    files = {
        "b.txt": b"text",
        "a/z.jsonl.gz": gzip.compress(b'{"text": "x"}\n'),
        "a/plain.gz": b"only named so",
        "part-00000": b"PAR1 and so on",
        "table.CSV": b"text\nx\n",
        "picture.png": b"\x89PNG",
        ".hidden/c.txt": b"text",
        ".d.txt": b"text",
    }
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


@pytest.fixture
def stdin(monkeypatch):
    def pipe(data):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    return pipe


def test_a_folder_gives_its_files_sorted_with_names_below_it(folder):
    found = find_sources([str(folder)], CONFIG)
    assert [(s.name, s.format, s.compression) for s in found.sources] == [
        ("a/plain", "text", "none"),
        ("a/z.jsonl", "jsonl", "gzip"),
        ("b.txt", "text", "none"),
        ("part-00000", "parquet", "none"),
        ("table.CSV", "csv", "none"),
    ]
    assert found.ignored == (str(folder / "picture.png"),)


def test_an_explicit_format_takes_every_file_that_is_not_hidden(folder):
    found = find_sources([str(folder)], CorpusConfig(format="text"))
    assert len(found.sources) == 6
    assert {s.format for s in found.sources} == {"text"}


def test_a_named_file_of_unknown_suffix_is_text(folder):
    (source,) = find_sources([str(folder / "picture.png")], CONFIG).sources
    assert (source.name, source.format) == ("picture.png", "text")


def test_globs_give_base_names(folder):
    found = find_sources([str(folder / "**" / "*.gz")], CONFIG)
    assert [s.name for s in found.sources] == ["plain", "z.jsonl"]


def test_a_name_with_brackets_is_no_pattern_if_it_exists(tmp_path):
    (tmp_path / "a[1].txt").write_text("x")
    assert find_sources([str(tmp_path / "a[1].txt")], CONFIG).sources[0].name == "a[1].txt"


def test_hashing_fills_size_and_hash_of_stored_bytes(folder):
    (source,) = find_sources([str(folder / "a" / "z.jsonl.gz")], CONFIG).sources
    hashed = hash_source(source)
    assert hashed.sha256 == hashlib.sha256((folder / "a/z.jsonl.gz").read_bytes()).hexdigest()
    assert pickle.loads(pickle.dumps(hashed)) == hashed


@pytest.mark.parametrize(
    ("data", "config", "expected"),
    [
        pytest.param(b"plain words\n", CONFIG, ("stdin", "text", "none"), id="text"),
        pytest.param(b"\n", CONFIG, ("stdin", "text", "none"), id="blank"),
        pytest.param(b"", CONFIG, ("stdin", "text", "none"), id="empty"),
        pytest.param(b'\n{"text": "a"}\n{', CONFIG, ("stdin", "jsonl", "none"), id="jsonl"),
        pytest.param(b"[1, 2]\n", CONFIG, ("stdin", "text", "none"), id="json but no object"),
        pytest.param(
            gzip.compress(b'{"text": "a"}\n'), CONFIG, ("stdin", "jsonl", "gzip"), id="gzip"
        ),
        pytest.param(b"PAR1....", CONFIG, ("stdin", "parquet", "none"), id="parquet"),
        pytest.param(
            b"{}",
            CorpusConfig(stdin_filename="wiki.csv.gz"),
            ("wiki.csv", "csv", "none"),
            id="named",
        ),
        pytest.param(b"{}", CorpusConfig(format="text"), ("stdin", "text", "none"), id="format"),
    ],
)
def test_standard_input_is_told_from_its_first_bytes(stdin, data, config, expected):
    stdin(data)
    (source,) = find_sources(["-"], config).sources
    assert (source.name, source.format, source.compression) == expected
    assert data.startswith(source.head)


def test_a_first_line_longer_than_is_sniffed_is_judged_by_its_beginning(stdin):
    stdin(b'{"text": "' + b"x" * 5 * 2**20 + b'"}\n')
    assert find_sources(["-"], CONFIG).sources[0].format == "jsonl"


def test_missing_input_names_the_nearest_one(folder):
    with pytest.raises(ConfigError, match=r"no such file or folder. Did you mean .*b\.txt\?"):
        find_sources([str(folder / "bb.txt")], CONFIG)


def test_a_pattern_without_a_match_is_refused(folder):
    with pytest.raises(ConfigError, match="No file matches"):
        find_sources([str(folder / "*.html")], CONFIG)


def test_a_folder_without_text_is_refused(tmp_path):
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"no readable text in this folder \(1 files"):
        find_sources([str(tmp_path)], CONFIG)


def test_two_sources_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.txt").write_text("x")
    paths = [str(tmp_path / name / "same.txt") for name in ("a", "b")]
    with pytest.raises(ConfigError, match=r"would both be the source 'same\.txt'"):
        find_sources(paths, CONFIG)
    with pytest.raises(ConfigError, match="given twice"):
        find_sources(paths[:1] * 2, CONFIG)


def test_a_data_set_is_no_raw_text(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ConfigError, match="data set made by maskprep"):
        find_sources([str(tmp_path)], CONFIG)


def test_standard_input_twice_is_refused():
    with pytest.raises(ConfigError, match="given twice"):
        find_sources(["-", "-"], CONFIG)


def test_a_pipe_is_refused_with_a_hint(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="standard input"):
        find_sources([str(tmp_path / "pipe")], CONFIG)
