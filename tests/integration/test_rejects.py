"""rejects.jsonl lists what was left out, cut or mended: the same list for any run."""

import gzip
import hashlib
import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.config import CorpusConfig, RunConfig, ShardConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import MachineError
from maskprep.pipeline import Corpus, tokenize_corpus
from maskprep.storage.dataset import DatasetFolder
from maskprep.tasks.running import Context

GOOD = "The cats sat on the mat. They slept.\nIt rained.\n\n"


def maskprep(*arguments, exit_code=0):
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == exit_code, result.output
    return result


def listed(folder):
    """Return the entries of rejects.jsonl, checked against the manifest."""
    record = json.loads((folder / "manifest.json").read_text())["rejects"]
    path = folder / "rejects.jsonl"
    if not record["listed"]:
        assert not path.exists()
        assert record["sha256"] is None
        return []
    data = path.read_bytes()
    assert record["sha256"] == hashlib.sha256(data).hexdigest()
    entries = [json.loads(line) for line in data.splitlines()]
    assert record["listed"] == len(entries)
    return entries


def places(entries):
    return [
        (one["source"], one.get("byte", one.get("row")), one.get("line"), one["reason"])
        for one in entries
    ]


@pytest.fixture
def corpus(tmp_path):
    """One source of each kind, with something wrong in each."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    plain = GOOD.encode() + b"bad \xff\n\n" + GOOD.encode() + b"\x01\x02\n\n" + GOOD.encode()
    (folder / "a.txt").write_bytes(plain)
    (folder / "b.txt.gz").write_bytes(gzip.compress(b"\n\n" + plain))
    lines = ['{"text": "Good."}', "{", '{"text": null}', '{"body": "x"}', '{"text": 1}']
    (folder / "c.jsonl").write_text("\n".join([*lines, '{"text": " "}', ""]))
    (folder / "d.csv").write_bytes(b"text,n\nGood.,1\n\nbad\n \t,2\nb\xff,3\nGood.,4\n")
    column = pa.array([b"Good.", None, b"\xff", b" "])
    pq.write_table(pa.table({"text": column}), folder / "e.parquet")
    return folder


EXPECTED = [
    ("a.txt", 49, 4, "invalid_utf8"),
    ("a.txt", 105, 9, "documents_without_tokens"),
    ("b.txt", 51, 6, "invalid_utf8"),
    ("b.txt", 107, 11, "documents_without_tokens"),
    ("c.jsonl", 18, 2, "invalid_json"),
    ("c.jsonl", 20, 3, "null_text"),
    ("c.jsonl", 35, 4, "missing_text"),
    ("c.jsonl", 49, 5, "invalid_text"),
    ("c.jsonl", 61, 6, "empty_text"),
    ("d.csv", 2, None, "invalid_csv"),
    ("d.csv", 3, None, "empty_text"),
    ("d.csv", 4, None, "invalid_utf8"),
    ("e.parquet", 2, None, "null_text"),
    ("e.parquet", 3, None, "invalid_utf8"),
    ("e.parquet", 4, None, "empty_text"),
]


def test_every_document_that_is_left_out_is_listed_with_its_place(corpus, toy_tokenizer, tmp_path):
    options = ("--tokenizer", toy_tokenizer, "--on-invalid", "skip", "--workers", 1)
    maskprep("tokenize", corpus, *options, "--output", tmp_path / "documents")
    entries = listed(tmp_path / "documents")
    assert places(entries) == EXPECTED
    assert {one["action"] for one in entries} == {"skipped"}
    manifest = json.loads((tmp_path / "documents" / "manifest.json").read_text())
    assert manifest["rejects"]["documents"] == len(EXPECTED) == sum(manifest["dropped"].values())


def test_a_whole_run_lists_the_same(corpus, toy_tokenizer, tmp_path):
    options = ("--tokenizer", toy_tokenizer, "--on-invalid", "skip", "--workers", 1)
    maskprep("prepare", corpus, *options, "--output", tmp_path / "masked")
    assert places(listed(tmp_path / "masked")) == EXPECTED


@pytest.mark.parametrize("most", [40, 10_000])
def test_the_list_is_the_same_for_any_workers_blocks_and_stops(
    toy_tokenizer, tmp_path, monkeypatch, most
):
    monkeypatch.setattr("maskprep.tasks.tokenization.MOST_LISTED", most)
    pieces = [GOOD.encode(), b"\xff\n\n", b"\x01\n\n", b"\xff\xfe " * 20 + b"\n\n"]
    chosen = random.Random(4).choices(pieces, k=400)
    (tmp_path / "a.txt").write_bytes(b"".join(chosen))
    tokenizer = load_tokenizer(str(toy_tokenizer))
    found = []
    for workers, block_bytes in ((1, 2**20), (1, 900), (2, 900)):
        output = tmp_path / f"{workers}-{block_bytes}"
        config = CorpusConfig(on_invalid="skip", block_bytes=block_bytes)
        corpus = Corpus([str(tmp_path / "a.txt")], config)
        context = Context(machine=RunConfig(workers=workers))
        with monkeypatch.context() as patch:
            patch.setattr(DatasetFolder, "commit", stop)
            with pytest.raises(MachineError):
                tokenize_corpus(corpus, tokenizer, ShardConfig(), output, context)
        assert not (output / "rejects.jsonl").exists()
        tokenize_corpus(corpus, tokenizer, ShardConfig(), output, context)
        found.append(listed(output))
    assert len(found[0]) == min(most, sum(piece != pieces[0] for piece in chosen))
    assert found[0] == found[1] == found[2]


def stop(*_):
    raise MachineError("the power is gone")


def test_documents_that_stay_are_listed_as_mended_or_cut(toy_tokenizer, tmp_path, monkeypatch):
    for module in ("text", "rows", "corpus"):
        monkeypatch.setattr(f"maskprep.storage.{module}.PIECE_BYTES", 100)
    (tmp_path / "a.txt").write_bytes(b"fine\n\nb\xff\xffd\n\n" + b"word " * 100 + b"\nend\n")
    (tmp_path / "b.jsonl").write_text(json.dumps({"text": "word " * 100}) + "\n")
    inputs = (tmp_path / "a.txt", tmp_path / "b.jsonl", "--tokenizer", toy_tokenizer)
    output = ("--on-invalid", "replace", "--workers", 1, "--output", tmp_path / "documents")
    maskprep("tokenize", *inputs, *output)
    entries = listed(tmp_path / "documents")
    assert places(entries) == [
        ("a.txt", 6, 3, "invalid_characters_replaced"),
        ("a.txt", 12, 5, "line_cut"),
        ("b.jsonl", 0, 1, "line_cut"),
    ]
    assert [one["action"] for one in entries] == ["mended", "cut", "cut"]
    changed = json.loads((tmp_path / "documents" / "manifest.json").read_text())["changed"]
    assert (changed["invalid_characters_replaced"], changed["line_cut"]) == (1, 2)


def test_without_rejects_there_is_no_file(toy_tokenizer, tmp_path):
    (tmp_path / "a.txt").write_text(GOOD + "\x01\n\n")
    options = ("--tokenizer", toy_tokenizer, "--output", tmp_path / "documents")
    maskprep("tokenize", tmp_path / "a.txt", *options)
    assert places(listed(tmp_path / "documents")) == [("a.txt", 49, 4, "documents_without_tokens")]
    (tmp_path / "a.txt").write_text(GOOD)
    maskprep("tokenize", tmp_path / "a.txt", *options, "--overwrite")
    assert listed(tmp_path / "documents") == []


def test_a_run_that_fails_leaves_no_list(toy_tokenizer, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\n")
    options = ("--tokenizer", toy_tokenizer, "--output", tmp_path / "documents")
    maskprep("tokenize", tmp_path / "a.txt", *options, "--on-invalid", "skip", exit_code=1)
    assert not (tmp_path / "documents").exists()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "not those that were written"),
    ],
    ids=["lost", "cut"],
)
def test_verify_compares_the_list_with_the_manifest(corpus, toy_tokenizer, tmp_path, damage, what):
    options = ("--tokenizer", toy_tokenizer, "--on-invalid", "skip", "--workers", 1)
    folder = tmp_path / "documents"
    maskprep("tokenize", corpus, *options, "--output", folder)
    maskprep("verify", folder)
    damage(folder / "rejects.jsonl")
    result = maskprep("verify", folder, exit_code=1)
    assert "rejects.jsonl" in result.output
    assert what in " ".join(result.output.split())
