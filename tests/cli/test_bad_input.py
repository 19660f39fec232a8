"""Everything a user can get wrong gives one clear line, the right exit code, and no litter."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
from data_sets import edit_manifest
from tokenizers import models, pre_tokenizers
from typer.testing import CliRunner

from maskprep.cli.app import app

TEXT = "The cats sat on the mat. They slept.\nIt rained.\n\nA dog barked. Nobody came.\n"


def maskprep(*arguments, stdin=None):
    return CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def tokenize(toy_tokenizer, tmp_path):
    """Tokenize an input; the folder is tmp_path/"documents"."""

    def run(*arguments):
        output = ("--output", tmp_path / "documents")
        return maskprep("tokenize", *arguments, "--tokenizer", toy_tokenizer, *output)

    return run


@pytest.fixture
def examples(text, tokenize, tmp_path):
    assert tokenize(text).exit_code == 0
    output = tmp_path / "examples"
    assert maskprep("pair", tmp_path / "documents", "--output", output).exit_code == 0
    return output


def word_level(path, tokens):
    """Save a tokenizer of whole words with these tokens, and return its path."""
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))
    return path


def assert_one_line(result, exit_code, *parts):
    assert result.exit_code == exit_code, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def test_a_missing_file_is_named_with_its_neighbour(tokenize, text, tmp_path):
    result = tokenize(tmp_path / "texd.txt")
    assert_one_line(result, 2, "texd.txt: no such file", f"Did you mean {text}?")
    assert not (tmp_path / "documents").exists()


@pytest.mark.parametrize("content", [b"", b"\n\n  \n"], ids=["empty", "blank"])
def test_a_file_without_text(tokenize, tmp_path, content):
    (tmp_path / "empty.txt").write_bytes(content)
    result = tokenize(tmp_path / "empty.txt")
    assert_one_line(result, 1, "no text")
    assert not (tmp_path / "documents").exists()


def test_a_folder_without_text(tokenize, tmp_path):
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "cat.jpg").write_bytes(b"\xff\xd8")
    assert_one_line(tokenize(tmp_path / "pictures"), 1, "no readable text", "1 files of other")


def test_training_on_nothing(tmp_path):
    (tmp_path / "empty.txt").touch()
    result = maskprep("train", tmp_path / "empty.txt", "--output", tmp_path / "tok")
    assert_one_line(result, 1, "no text")
    assert not (tmp_path / "tok").exists()


def test_a_vocabulary_with_no_room(text, tmp_path):
    output = ("--output", tmp_path / "tok", "--vocab-size", 7)
    assert_one_line(maskprep("train", text, *output), 2, "vocab")
    assert not (tmp_path / "tok").exists()


def test_a_tokenizer_without_cls_and_sep_cannot_pair(text, tmp_path):
    tokenizer = word_level(tmp_path / "tokenizer.json", ["[UNK]", "[MASK]", "cats"])
    documents = tmp_path / "documents"
    made = maskprep("tokenize", text, "--tokenizer", tokenizer, "--output", documents)
    assert made.exit_code == 0, made.output
    result = maskprep("pair", documents, "--output", tmp_path / "examples")
    assert_one_line(result, 2, "--cls-token", "--sep-token")
    assert not (tmp_path / "examples").exists()


def test_a_tokenizer_without_mask_cannot_mask(text, tmp_path):
    tokenizer = word_level(tmp_path / "tokenizer.json", ["[UNK]", "[CLS]", "[SEP]", "cats"])
    documents, examples = tmp_path / "documents", tmp_path / "examples"
    maskprep("tokenize", text, "--tokenizer", tokenizer, "--output", documents)
    assert maskprep("pair", documents, "--output", examples).exit_code == 0
    result = maskprep("mask", examples, "--output", tmp_path / "masked")
    assert_one_line(result, 2, "no mask token", "--mask-token")
    assert not (tmp_path / "masked").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", "{"),
        ("tokenizer.json", "[1, 2]"),
        ("tokenizer.json", '{"model": {"type": "WordPiece"}}'),
        ("vocab.txt", ""),
        ("vocab.txt", "just one line of prose\n"),
    ],
    ids=["broken JSON", "other JSON", "half a model", "empty vocabulary", "prose"],
)
def test_a_vocabulary_that_is_none(text, tmp_path, name, content):
    (tmp_path / name).write_text(content)
    output = ("--output", tmp_path / "documents")
    result = maskprep("tokenize", text, "--tokenizer", tmp_path / name, *output)
    assert_one_line(result, 2, name)
    assert not (tmp_path / "documents").exists()


def test_a_parquet_file_with_other_columns(tokenize, tmp_path):
    pq.write_table(pa.table({"body": ["text"], "n": [1]}), tmp_path / "other.parquet")
    assert_one_line(tokenize(tmp_path / "other.parquet"), 2, "no column 'text'", "body")
    result = maskprep("mask", tmp_path / "other.parquet", "--output", tmp_path / "masked")
    assert_one_line(result, 1, "no column", "found: body, n")


def test_data_sets_of_different_tokenizers(text, tokenize, tmp_path):
    assert tokenize(text).exit_code == 0
    tokens = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", "cats"]
    other = word_level(tmp_path / "tokenizer.json", tokens)
    maskprep("tokenize", text, "--tokenizer", other, "--output", tmp_path / "others")
    folders = (tmp_path / "documents", tmp_path / "others")
    result = maskprep("pair", *folders, "--output", tmp_path / "examples")
    assert_one_line(result, 2, "another tokenizer")
    assert not (tmp_path / "examples").exists()


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--mlm-probability", "1.5", "--mlm-probability is 1.5; expected a probability"),
        ("--mlm-probability", "0", "more than 0"),
        ("--mlm-probability", "nan", "--mlm-probability is nan"),
        ("--random-replace-prob", "0.5", "at most 0.2"),
        ("--epochs", "0", "--epochs is 0; expected a number between 1 and"),
        ("--keep", "colour", "'colour'"),
        ("--memory", "10MiB", "--memory is 10 MiB"),
        ("--memory", "9" * 200, "expected an amount like 512MiB or 2GiB, up to"),
        ("--limit", "0", "--limit is 0; expected a number between 1 and"),
        ("--workers", "0", "--workers is 0"),
    ],
)
def test_settings_out_of_range(examples, tmp_path, option, value, expected):
    result = maskprep("mask", examples, "--output", tmp_path / "masked", option, value)
    assert_one_line(result, 2, expected)
    assert not (tmp_path / "masked").exists()


@pytest.mark.parametrize("length", [0, 1, 4])
def test_a_sequence_length_that_holds_nothing(text, tokenize, tmp_path, length):
    assert tokenize(text).exit_code == 0
    output = ("--output", tmp_path / "examples", "--max-seq-length", length)
    result = maskprep("pair", tmp_path / "documents", *output)
    assert_one_line(result, 2, "--max-seq-length")
    assert not (tmp_path / "examples").exists()


def test_documents_without_sentences_cannot_pair(text, tokenize, tmp_path):
    assert tokenize(text, "--sentences", "none").exit_code == 0
    result = maskprep("pair", tmp_path / "documents", "--output", tmp_path / "examples")
    assert_one_line(result, 2, "no sentences")


def test_invalid_utf8_is_located(tokenize, tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"fine\n\nnot \xff fine\n")
    result = tokenize(tmp_path / "bad.txt")
    assert_one_line(result, 1, "bad.txt:3: invalid UTF-8 at byte 5", "--on-invalid skip")
    assert not (tmp_path / "documents").exists()


def test_invalid_utf8_can_be_skipped_and_is_counted(tokenize, tmp_path):
    (tmp_path / "bad.txt").write_bytes(b"fine\n\nnot \xff fine\n")
    result = tokenize(tmp_path / "bad.txt", "--on-invalid", "skip")
    assert result.exit_code == 0
    assert "1 document with invalid UTF-8" in result.output


def test_a_truncated_gzip(tokenize, tmp_path):
    whole = gzip.compress(TEXT.encode() * 200)
    (tmp_path / "cut.txt.gz").write_bytes(whole[: len(whole) // 2])
    assert_one_line(tokenize(tmp_path / "cut.txt.gz"), 1, "cut.txt.gz")
    assert not (tmp_path / "documents").exists()


@pytest.mark.parametrize("command", ["pair", "mask"])
def test_text_piped_into_a_stage_that_reads_rows(tmp_path, command):
    result = maskprep(command, "--output", tmp_path / "out", stdin=TEXT)
    assert_one_line(result, 1, "standard input is no Arrow stream")
    assert not (tmp_path / "out").exists()


def test_a_folder_in_the_place_of_a_tokenizer(text, tmp_path):
    output = ("--output", tmp_path / "documents")
    result = maskprep("tokenize", text, "--tokenizer", tmp_path, *output)
    assert_one_line(result, 2, "holds no tokenizer")


def test_an_output_folder_with_other_files(text, tokenize, tmp_path):
    (tmp_path / "documents").mkdir()
    (tmp_path / "documents" / "thesis.tex").write_text("years of work")
    assert_one_line(tokenize(text, "--overwrite"), 2, "did not make (thesis.tex)")
    assert (tmp_path / "documents" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
def test_an_output_folder_that_lost_its_manifest(text, tokenize, tmp_path, overwrite):
    assert tokenize(text).exit_code == 0
    (tmp_path / "documents" / "manifest.json").unlink()
    expected = "documents has lost its manifest.json, which says what its shards must be. Put"
    assert_one_line(tokenize(text, *overwrite), 2, expected)
    (tmp_path / "documents" / "thesis.tex").write_text("years of work")
    assert_one_line(tokenize(text, *overwrite), 2, "did not make (thesis.tex)")
    assert (tmp_path / "documents" / "data" / "part-00000.parquet").exists()


def test_other_settings_for_a_finished_folder(text, tokenize):
    assert tokenize(text).exit_code == 0
    assert_one_line(tokenize(text, "--sentences", "lines"), 2, "other settings", "--overwrite")
    assert tokenize(text, "--sentences", "lines", "--overwrite").exit_code == 0


def test_a_read_only_place_is_the_machines_fault(text, toy_tokenizer):
    output = ("--output", "/proc/maskprep")
    result = maskprep("tokenize", text, "--tokenizer", toy_tokenizer, *output)
    assert_one_line(result, 3, "/proc/maskprep")


def test_a_damaged_data_set(examples, tmp_path):
    shard = next((examples / "data").iterdir())
    shard.write_bytes(shard.read_bytes()[:-10])
    result = maskprep("mask", examples, "--output", tmp_path / "masked")
    assert_one_line(result, 1, shard.name, "the manifest says")


@pytest.mark.parametrize("command", ["pair", "pack", "mask"])
@pytest.mark.parametrize("kept", [0, 1])
def test_a_shard_of_fewer_rows_than_the_manifest_says(examples, tmp_path, command, kept):
    folder = examples if command == "mask" else tmp_path / "documents"
    shard = next((folder / "data").iterdir())
    rows = pq.read_table(shard)
    pq.write_table(rows.slice(0, kept), shard)
    size = shard.stat().st_size
    edit_manifest(folder, lambda manifest: manifest["shards"][0].update(bytes=size))
    result = maskprep(command, folder, "--output", tmp_path / "masked")
    expected = f"has {kept} rows; the manifest says {rows.num_rows} rows"
    assert_one_line(result, 1, shard.name, expected)


@pytest.mark.parametrize("said", [0, 1, 1000])
def test_a_manifest_of_other_rows_than_the_shard_has(examples, tmp_path, said):
    edit_manifest(examples, lambda manifest: manifest["shards"][0].update(rows=said))
    result = maskprep("mask", examples, "--output", tmp_path / "masked")
    assert_one_line(result, 1, f"rows; the manifest says {said} rows")
    assert not (tmp_path / "masked").exists()


def test_a_manifest_that_is_none(examples, tmp_path):
    (examples / "manifest.json").write_text(json.dumps([1]))
    result = maskprep("mask", examples, "--output", tmp_path / "masked")
    assert_one_line(result, 1, "manifest.json")


def test_control_characters_of_a_name_do_not_reach_the_terminal(tokenize, tmp_path):
    result = tokenize(tmp_path / "a\x1b[31m\nb.txt")
    assert_one_line(result, 2, r"a\x1b[31m\nb.txt")
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize("place", ["examples", "examples/data", "examples/new", "."])
def test_no_run_writes_where_its_input_lies(examples, tmp_path, place):
    before = sorted(path.name for path in examples.rglob("*"))
    result = maskprep("mask", examples, "--output", tmp_path / place, "--overwrite")
    assert_one_line(result, 2, "which must stay as it is", "Choose another --output")
    assert sorted(path.name for path in examples.rglob("*")) == before


def test_the_same_rows_given_twice_are_refused(examples, tmp_path):
    shard = examples / "data" / "part-00000.parquet"
    for second in (examples, shard):
        result = maskprep("mask", examples, second, "--output", tmp_path / "masked")
        assert_one_line(result, 2, "every row would count twice")


def test_what_maskprep_wrote_below_the_corpus_is_no_part_of_it(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "documents" / ".work").mkdir(parents=True)
    (tmp_path / "documents" / "part.txt").write_text("An unfinished run.")
    (tmp_path / "tok").mkdir()
    (tmp_path / "tok" / "tokenizer.json").write_text("{}")
    (tmp_path / "tok" / "vocab.txt").write_text("[UNK]\n")
    output = ("--tokenizer", tmp_path / "toy", "--output", tmp_path / "out")
    word_level(tmp_path / "toy", ["[UNK]", "cats"])
    assert maskprep("tokenize", tmp_path, "--format", "auto", *output).exit_code == 0
    sources = json.loads((tmp_path / "out" / "manifest.json").read_text())["sources"]
    assert [source["name"] for source in sources] == ["text.txt", "toy"]
    assert "nothing to do" in maskprep("tokenize", tmp_path, *output).output


def test_a_temporary_folder_that_cannot_be_is_named(examples, tmp_path):
    place = tmp_path / "text.txt" / "below"
    output = ("--temp-dir", place, "--output")
    into_stream = maskprep("mask", examples, *output, "-")
    assert_one_line(into_stream, 3, f"{place}: cannot be written")
    into_folder = maskprep("mask", examples, *output, tmp_path / "masked")
    assert_one_line(into_folder, 3, f"{place}", "cannot be written")


@pytest.mark.parametrize("rows", ["-1", str(2**63)])
def test_inspecting_so_many_rows(examples, rows):
    result = maskprep("inspect", examples, "--rows", rows)
    assert_one_line(result, 2, f"--rows is {rows}; expected a number between 0 and")
