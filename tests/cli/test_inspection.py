"""inspect: what it finds in data sets, shards, streams and tokenizers."""

import gzip
import json
import os
import re
import threading

import pytest
from typer.testing import CliRunner

from maskprep.cli.app import app
from maskprep.cli.inspection_report import SHOWN_TOKENS

FORMS = ("loss-mask", "labels", "positions", "keras")


def maskprep(*arguments, stdin=None):
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def stages(toy_corpus, toy_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stages")
    one_worker = ("--workers", "1")
    maskprep(
        *("tokenize", toy_corpus, "--documents", "file", "--tokenizer", toy_tokenizer),
        *("--output", folder / "documents", *one_worker),
    )
    pair = ("pair", folder / "documents", "--max-seq-length", "64", "--shard-rows", "900")
    maskprep(*pair, "--output", folder / "examples", *one_worker)
    for form in FORMS:
        mask = ("mask", folder / "examples", "--columns", form, "--shard-rows", "900")
        maskprep(*mask, "--output", folder / form, *one_worker)
    return folder


def inspected(*arguments, stdin=None):
    output = maskprep("inspect", *arguments, "--json", stdin=stdin).stdout
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("form", FORMS)
def test_rates_counted_from_the_rows_are_those_of_the_manifest(stages, form):
    (found,) = inspected(stages / form)
    manifest = json.loads((stages / form / "manifest.json").read_bytes())
    measured = found["statistics"]["measured"]
    assert measured["rows"] == found["statistics"]["rows"] == manifest["totals"]["rows"]
    assert measured["tokens"] == manifest["totals"]["tokens"]
    assert measured["rates"]["masked"] == manifest["rates"]["masked"]
    # A random replacement can be the original token, which rows alone cannot tell from a kept one.
    for name in ("replaced", "kept"):
        assert measured["rates"][name] == pytest.approx(manifest["rates"][name], abs=1e-3)
    assert measured["rates"]["random_next"] == manifest["history"][-1]["rates"]["random_next"]
    assert measured["longest_row"] == 64


@pytest.mark.parametrize("form", FORMS)
def test_the_selected_share_counts_the_same_tokens_as_masking(stages, form):
    (found,) = inspected(stages / form)
    manifest = json.loads((stages / form / "manifest.json").read_bytes())
    # A shard does not tell [UNK] that was masked from other tokens, hence not to the last digit.
    selected = found["statistics"]["measured"]["rates"]["selected"]
    assert selected == pytest.approx(manifest["rates"]["selected"], abs=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_the_most_predictions_of_a_row_are_those_of_its_longest_list(stages, form):
    (found,) = inspected(stages / form, "--rows", "100000")
    lists = {
        "loss-mask": lambda row: sum(row["loss_mask"]),
        "labels": lambda row: sum(label != -100 for label in row["labels"]),
        "positions": lambda row: len(row["masked_lm_positions"]),
        "keras": lambda row: len(row["mask_positions"]),
    }
    most = max(map(lists[form], found["rows"]))
    assert found["statistics"]["measured"]["most_predictions"] == most
    shown = maskprep("inspect", stages / form).stdout
    assert re.search(rf"most predictions +{most} tokens of one row", shown)


def test_as_many_rows_as_asked_for(stages):
    assert len(inspected(stages / "labels")[0]["rows"]) == 3
    assert len(inspected(stages / "labels", "--rows", "1000")[0]["rows"]) == 1000
    assert inspected(stages / "labels", "--rows", "0")[0]["rows"] == []


def test_columns_come_with_their_meaning(stages):
    (found,) = inspected(stages / "labels")
    meanings = {column["name"]: column["meaning"] for column in found["columns"]}
    assert all(meanings.values())
    assert meanings["next_sentence_label"] == "0: B follows A in the text; 1: B is random"


def test_a_single_shard_finds_its_tokenizer(stages):
    (found,) = inspected(stages / "labels" / "data" / "part-00000.parquet")
    assert found["kind"] == "shard"
    assert found["statistics"]["rows"] == 900
    assert found["rows"][0]["text"].startswith("A: [CLS] ")


def test_a_shard_without_tokenizer_shows_ids(stages, tmp_path):
    shard = stages / "labels" / "data" / "part-00000.parquet"
    (tmp_path / "alone.parquet").write_bytes(shard.read_bytes())
    (found,) = inspected(tmp_path / "alone.parquet", "--rows", "1")
    assert "<id 2>" in found["rows"][0]["text"]


def test_a_stream_is_read_to_its_end(stages):
    stream = maskprep("mask", stages / "examples").stdout_bytes
    (found,) = inspected(stdin=stream)
    assert found["kind"] == "stream"
    assert found["statistics"]["rows"] == found["statistics"]["measured"]["rows"]
    assert [entry["stage"] for entry in found["statistics"]["manifest"]["history"]] == [
        "tokenize",
        "pair",
        "mask",
    ]


def test_a_long_document_is_cut_for_display_only(stages):
    output = maskprep("inspect", stages / "documents", "--rows", "79").stdout
    assert "tokens more" in output
    (found,) = inspected(stages / "documents", "--rows", "79")
    assert max(len(row["input_ids"]) for row in found["rows"]) > SHOWN_TOKENS


def test_a_tokenizer_shows_its_roles(toy_tokenizer):
    output = maskprep("inspect", toy_tokenizer).stdout
    assert "WordPiece" in output
    assert "mask [MASK], cls [CLS], sep [SEP], pad [PAD], unk [UNK]" in output


def test_html_holds_the_rows_in_colour(stages, tmp_path):
    path = tmp_path / "rows.html"
    result = maskprep("inspect", stages / "labels", "--rows", "1", "--html", path)
    assert (result.stdout, result.stderr) == ("", f"inspect wrote {path}\n")
    page = (tmp_path / "rows.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "[MASK]</span>" in page
    assert "next sentence" in page


@pytest.mark.parametrize("name", ["books.jsonl", "prose.txt", "books.jsonl.gz", "README"])
def test_raw_text_is_called_so(tmp_path, name):
    path = tmp_path / name
    content = b'{"text": "Some prose."}\n' * 9
    path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    result = CliRunner().invoke(app, ["inspect", str(path)])
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert f"{name} is neither rows that maskprep wrote nor a tokenizer" in line
    assert f"'maskprep tokenize {path} --tokenizer" in line


def test_several_paths_come_one_after_the_other(stages, toy_tokenizer):
    kinds = [found["kind"] for found in inspected(stages / "labels", toy_tokenizer)]
    assert kinds == ["data set", "tokenizer"]


@pytest.mark.parametrize(
    ("make", "exit_code", "expected"),
    [
        (lambda _: None, 2, "no such file or folder"),
        (lambda path: path.mkdir(), 2, "holds no tokenizer"),
        (lambda path: (path / ".work").mkdir(parents=True), 1, "is not finished"),
        (lambda path: path.write_bytes(b"PAR1 and no more"), 1, "not a whole Parquet file"),
        (lambda path: path.write_text("prose"), 2, "tokenizer"),
    ],
    ids=["missing", "empty folder", "unfinished", "damaged shard", "prose"],
)
def test_what_cannot_be_inspected(tmp_path, make, exit_code, expected):
    make(tmp_path / "x")
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "x")])
    assert result.exit_code == exit_code
    assert expected in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("made", ["documents", "labels"])
def test_a_damaged_page_is_named(stages, tmp_path, made):
    shard = min((stages / made / "data").iterdir())
    data = bytearray(shard.read_bytes())
    data[len(data) // 3] ^= 1
    (tmp_path / "part.parquet").write_bytes(data)
    result = CliRunner().invoke(app, ["inspect", str(tmp_path / "part.parquet")])
    assert result.exit_code == 1
    assert "part.parquet: damaged at row" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_html_is_written_through_links_and_into_pipes(stages, tmp_path):
    plain, link, pipe = (tmp_path / name for name in ("plain.html", "link.html", "pipe"))
    plain.write_text("older")
    link.symlink_to(plain)
    os.mkfifo(pipe)
    maskprep("inspect", stages / "labels", "--html", link)
    assert link.is_symlink()
    assert plain.read_text().startswith("<!DOCTYPE html>")
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    maskprep("inspect", stages / "labels", "--html", pipe)
    reader.join()
    assert pipe.is_fifo()
    assert read == [plain.read_text()]
