"""Tokenizer files that are broken, odd or hostile: one clear line, exit code 2, and no crash.

Each runs in the command as a user runs it, as far as encoding a text.
"""

import copy
import json

import pytest
import tokenizers
from tokenizers import models, pre_tokenizers
from typer.testing import CliRunner

from maskprep.cli.app import app

TEXT = "The cats sat on the mat. They slept.\nIt rained: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\n"
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cats", "##s", "mat", ".", "a"]


def wordpiece():
    """Return the fields of a small tokenizer.json."""
    vocab = {token: number for number, token in enumerate(TOKENS)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return json.loads(tokenizer.to_str())


def bpe():
    tokenizer = tokenizers.Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return json.loads(tokenizer.to_str())


def changed(fields, **parts):
    """Return fields with some parts replaced; a name with "__" goes one level down."""
    fields = copy.deepcopy(fields)
    for name, value in parts.items():
        *above, last = name.split("__")
        place = fields
        for step in above:
            place = place[step]
        place[last] = value
    return fields


def template(**parts):
    piece = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
    sequence = {"Sequence": {"id": "A", "type_id": 0}}
    token = {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}}
    fields = {"single": [piece, sequence], "pair": [piece, sequence], "special_tokens": token}
    return {"type": "TemplateProcessing", **fields, **parts}


REPLACE = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}


def replace_chain(steps):
    """Return normalizers of which each doubles a text of one letter."""
    return {"type": "Sequence", "normalizers": [REPLACE] * steps}


def regex(pattern):
    split = {"pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Split", **split}


def added(**parts):
    fresh = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return [{"id": 11, "content": "[NEW]", "special": True, **fresh, **parts}]


@pytest.fixture
def tokenize(tmp_path):
    """Tokenize a text with the bytes of a tokenizer.json; return the result of the command."""
    (tmp_path / "a.txt").write_text(TEXT)

    def run(data, name="tokenizer.json"):
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        output = ("--output", tmp_path / "documents", "--workers", 1)
        arguments = ["tokenize", tmp_path / "a.txt", "--tokenizer", path, *output]
        return CliRunner().invoke(app, [str(one) for one in arguments])

    return run


VALID = json.dumps(wordpiece()).encode()
REFUSED = {
    "empty file": (b"", "no JSON"),
    "half a file": (VALID[: len(VALID) // 2], "no JSON"),
    "one byte short": (VALID[:-1], "no JSON"),
    "no JSON": (b"vocabulary", "no JSON"),
    "bytes": (b"\x00\xff\xfe", "invalid UTF-8"),
    "another encoding": (VALID.decode().encode("utf-16"), "invalid UTF-8"),
    "deep": (b'{"model":' * 100_000, "JSON too deep or odd"),
    "a number of 10,000 digits": (b'{"version": ' + b"9" * 10_000 + b"}", "JSON too deep or odd"),
    "no model": ({"version": "1.0"}, "is no tokenizer"),
    "model of another kind": (changed(wordpiece(), model__type="Quantum"), "is no tokenizer"),
    "model without type": (changed(wordpiece(), model={}), "is no tokenizer"),
    "vocabulary of text": (changed(wordpiece(), model__vocab={"a": "b"}), "is no tokenizer"),
    "negative id": (changed(wordpiece(), model__vocab={"[UNK]": -1}), "is no tokenizer"),
    "id 4294967295": (changed(wordpiece(), model__vocab={"[UNK]": 2**32 - 1}), "4,294,967,295"),
    "id over 32 bits": (changed(wordpiece(), model__vocab={"[UNK]": 2**40}), "is no tokenizer"),
    "duplicate ids": (changed(wordpiece(), model__vocab={"[UNK]": 0, "a": 0}), "the id 0 to both"),
    "no tokens": (changed(wordpiece(), model__vocab={}), "has an empty vocabulary"),
    "unknown token missing": (changed(wordpiece(), model__unk_token="?"), "for unknown words"),
    "merge not in the vocabulary": (changed(bpe(), model__merges=[["a", "x"]]), "is no tokenizer"),
    "merge of one token": (changed(bpe(), model__merges=["ab"]), "is no tokenizer"),
    "dropout over 1": (changed(bpe(), model__dropout=2.0), "is no tokenizer"),
    "regex that is none": (changed(wordpiece(), pre_tokenizer=regex("(")), "is no tokenizer"),
    "charsmap that is none": (
        changed(
            wordpiece(), normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAAAAAA"}
        ),
        "is no tokenizer",
    ),
    "unigram without scores": (
        changed(wordpiece(), model={"type": "Unigram", "unk_id": 0, "vocab": [["a"]]}),
        "is no tokenizer",
    ),
    "unigram with a far unknown id": (
        changed(wordpiece(), model={"type": "Unigram", "unk_id": 9, "vocab": [["a", 0.0]]}),
        "is no tokenizer",
    ),
    "fields of a later version": (changed(wordpiece(), later={"a": 1}), "is no tokenizer"),
    "text that grows without end": (
        changed(wordpiece(), normalizer=replace_chain(40)),
        "can make 1,099,511,627,776 bytes of one",
    ),
    "text that grows at every place": (
        changed(
            wordpiece(), normalizer={**REPLACE, "pattern": {"Regex": ""}, "content": "a" * 500}
        ),
        "can make 501 bytes of one",
    ),
    "added token of another kind": (changed(wordpiece(), added_tokens=["[NEW]"]), "is no tok"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_tokenizer_is_refused_in_one_line(tokenize, tmp_path, capfd, case):
    data, message = REFUSED[case]
    result = tokenize(data)
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith(f"error: {tmp_path / 'tokenizer.json'}")
    assert message in lines[0]
    assert not (tmp_path / "documents").exists()
    assert capfd.readouterr().err == ""


READ = {
    "added token with another id": changed(wordpiece(), added_tokens=added(id=2**31)),
    "regex that matches nothing": changed(wordpiece(), pre_tokenizer=regex("")),
    "dropout": changed(bpe(), model__dropout=0.5),
    "truncation to one token": changed(
        wordpiece(),
        truncation={"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
    ),
    "padding": changed(
        wordpiece(),
        padding={
            "strategy": {"Fixed": 512},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
    ),
    "a token with a line break": changed(wordpiece(), added_tokens=added(content="a\nb")),
}


@pytest.mark.parametrize("case", READ)
def test_what_is_odd_but_a_tokenizer_is_read(tokenize, tmp_path, case):
    result = tokenize(READ[case])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "documents" / "manifest.json").exists()


@pytest.mark.parametrize(
    "parts", [{"special_tokens": {}}, {"pair": []}], ids=["a missing token", "no places for text"]
)
def test_a_template_that_is_none_is_refused_by_the_stage_that_needs_it(
    tokenize, tmp_path, capfd, parts
):
    made = tokenize(changed(wordpiece(), post_processor=template(**parts)))
    assert made.exit_code == 0, made.output
    arguments = ["pair", tmp_path / "documents", "--output", tmp_path / "examples"]
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert "is no tokenizer that the tokenizers library" in line
    assert not (tmp_path / "examples").exists()
    assert capfd.readouterr().err == ""


def test_a_regex_that_takes_exponential_time_is_stopped(tokenize, capfd):
    result = tokenize(changed(wordpiece(), pre_tokenizer=regex(r"(a+)+$")))
    assert result.exit_code == 2, result.output
    assert "retry-limit-in-match over" in result.stderr
    assert "panicked" in capfd.readouterr().err  # The library's own words, while text is encoded.


def test_a_file_that_is_too_large_is_not_read(tokenize, tmp_path):
    tokenize(VALID)
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(2**33)
    arguments = ["tokenize", tmp_path / "a.txt", "--tokenizer", tmp_path / "large.json"]
    result = CliRunner().invoke(app, [*map(str, arguments), "--output", str(tmp_path / "other")])
    assert result.exit_code == 2
    assert "has 8,589,934,592 bytes; expected a tokenizer" in result.stderr
