"""Which documents are held out: a fact of their text, whatever carries it."""

import csv
import json
import lzma
from dataclasses import replace

import naive
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskprep.config import CorpusConfig
from maskprep.errors import ConfigError
from maskprep.storage.blocks import plan_blocks
from maskprep.storage.corpus import read_documents
from maskprep.storage.read_counts import ReadCounts
from maskprep.storage.sources import find_sources

TEXTS = [f"Document {n} of the cats.\nThey slept {n * n} times." for n in range(400)]
HELD_OUT = CorpusConfig(documents="blank-line", validation=0.2, split="validation")


def read(paths, config, spool):
    """Return the texts of one split, long ones whole, and what was counted."""
    counts = ReadCounts()
    texts = []
    sources = find_sources([str(path) for path in paths], config).sources
    for blocks in plan_blocks(sources, config, spool):
        for batch in read_documents(blocks, config, counts):
            for row in batch.to_pylist():
                if row["continues"]:
                    texts[-1] += row["text"]
                else:
                    texts.append(row["text"])
    return texts, counts


def write_text(folder, texts):
    path = folder / "a.txt"
    path.write_text("\n\n".join(texts))
    return path


def bare(texts):
    return {"".join(text.split()) for text in texts}


def write_wrapped(folder, texts):
    path = folder / "wrapped.txt"
    path.write_text(" \n\n".join(f"  {text}  ".replace(" ", "\r\n\t") for text in texts))
    return path


def write_json(folder, texts):
    path = folder / "b.jsonl"
    path.write_text("".join(json.dumps({"text": f"\n{text} "}) + "\n" for text in texts))
    return path


def write_csv(folder, texts):
    path = folder / "c.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([text.replace(" ", "  ")] for text in texts)])
    return path


def write_parquet(folder, texts):
    path = folder / "d.parquet"
    pq.write_table(pa.table({"text": texts}), path)
    return path


WRITERS = [write_wrapped, write_json, write_csv, write_parquet]


def test_each_document_is_on_one_side(tmp_path):
    path = write_text(tmp_path, TEXTS)
    held_out, of_validation = read([path], HELD_OUT, tmp_path)
    trained, of_training = read([path], replace(HELD_OUT, split=None), tmp_path)
    assert sorted(held_out + trained) == sorted(TEXTS)
    assert held_out == [text for text in TEXTS if naive.hash_text(text) < 0.2 * 2**64]
    assert of_training.documents == of_validation.other_documents == len(trained)
    assert of_validation.documents == of_training.other_documents == len(held_out)
    assert of_training.text_bytes == of_validation.other_bytes == len("".join(trained))
    assert of_training.num_seen == of_validation.num_seen == len(TEXTS)


@pytest.mark.parametrize("write", WRITERS)
def test_copies_with_other_white_space_in_other_formats_are_on_the_same_side(tmp_path, write):
    expected, _ = read([write_text(tmp_path, TEXTS)], HELD_OUT, tmp_path)
    found, _ = read([write(tmp_path, TEXTS)], HELD_OUT, tmp_path)
    assert len(found) == len(expected)
    assert bare(found) == bare(expected)


def test_words_that_the_corpus_gives_change_no_side(tmp_path):
    expected, _ = read([write_text(tmp_path, TEXTS)], HELD_OUT, tmp_path)
    path = tmp_path / "words.jsonl"
    path.write_text("".join(json.dumps({"text": text.split()}) + "\n" for text in TEXTS))
    found, _ = read([path], replace(HELD_OUT, words="list"), tmp_path)
    assert bare(found) == bare(expected)


def test_no_document_changes_its_side_when_the_corpus_grows(tmp_path):
    before, _ = read([write_text(tmp_path, TEXTS[:100])], HELD_OUT, tmp_path)
    after, _ = read([write_text(tmp_path, TEXTS[::-1])], HELD_OUT, tmp_path)
    assert set(after) & set(TEXTS[:100]) == set(before)


def test_a_smaller_share_is_a_part_of_a_larger_one(tmp_path):
    path = write_text(tmp_path, TEXTS)
    chosen = [set(read([path], replace(HELD_OUT, validation=p), tmp_path)[0]) for p in (0.1, 0.3)]
    assert chosen[0] < chosen[1]


@pytest.mark.shared_data
@pytest.mark.parametrize("share", [0.005, 0.05, 0.5])
def test_the_share_of_real_texts_is_the_asked_one(shared_data, tmp_path, share):
    """Lines of declarations in 195 languages, each once; five standard errors of a binomial."""
    with lzma.open(shared_data / "text" / "udhr_a.jsonl.xz", "rt", encoding="utf-8") as file:
        lines = {line for one in file for line in json.loads(one)["text"].split("\n")}
    path = tmp_path / "a.txt"
    path.write_text("\n".join(sorted(lines)), encoding="utf-8")
    config = CorpusConfig(documents="line", validation=share, split="validation")
    _, counts = read([path], config, tmp_path)
    number = counts.num_seen
    assert number > 10_000
    error = (share * (1 - share) * number) ** 0.5
    assert abs(counts.documents - share * number) < 5 * error


WORDS = "a word or two " * (5 * 2**20 // 14)


@pytest.mark.parametrize("write", [write_text, write_json, write_parquet])
@pytest.mark.parametrize(
    "text",
    [f"A title\n{WORDS}", f"A title{' ' * 9 * 2**20}\n{WORDS}", f"A title{' ' * 9 * 2**20}two"],
    ids=["a long line", "much white space", "little else"],
)
def test_a_long_document_is_whole_on_one_side(tmp_path, write, text):
    """Its first row is a title, where its only line break stands behind that."""
    path = write(tmp_path, ["before", text, "behind"])
    share = naive.hash_text(text) / 2**64
    for validation, is_held_out in ((share * (1 + 1e-9), True), (share * (1 - 1e-9), False)):
        for split in ("train", "validation"):
            config = CorpusConfig(validation=validation, split=split)
            texts, _ = read([path], config, tmp_path)
            is_here = is_held_out == (split == "validation")
            assert ("".join(text.split()) in bare(texts)) is is_here
            assert any("two" in one for one in texts) is is_here


def test_a_byte_order_mark_changes_no_side(tmp_path):
    for number, text in enumerate(TEXTS[:60]):
        marked, plain = tmp_path / f"{number}.txt", tmp_path / f"{number}.jsonl"
        marked.write_text(f"\ufeff{text}")
        plain.write_text(json.dumps({"text": f"\ufeff{text}"}) + "\n" + json.dumps({"text": text}))
        sides = []
        for path, expected in ((marked, 1), (plain, 2)):
            held_out, _ = read([path], replace(HELD_OUT, documents="file"), tmp_path)
            assert len(held_out) in (0, expected)
            sides.append(bool(held_out))
        assert sides[0] == sides[1]


def test_a_limit_counts_the_documents_of_both_sides(tmp_path):
    path = write_text(tmp_path, TEXTS)
    config = replace(HELD_OUT, limit=100, block_bytes=1000)
    held_out, _ = read([path], config, tmp_path)
    trained, counts = read([path], replace(config, split="train"), tmp_path)
    assert sorted(held_out + trained) == sorted(TEXTS[:100])
    assert (counts.documents, counts.num_seen) == (len(trained), 100)


def test_a_document_that_was_changed_is_listed_on_its_own_side(tmp_path):
    data = "\n\n".join(TEXTS[:50]).encode().replace(b"cats", b"c\xffts")
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    config = replace(HELD_OUT, on_invalid="replace")
    places = {}
    for split in ("train", "validation"):
        texts, counts = read([path], replace(config, split=split), tmp_path)
        assert counts.replaced == len(texts) == counts.documents > 0
        places[split] = {reject.position for reject in counts.rejects.first()}
        assert len(places[split]) == len(texts)
    assert len(places["train"] | places["validation"]) == 50


def test_a_document_that_is_skipped_is_counted_with_the_training_data(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [b'{"text": "fine"}', b'{"text": null}', b"{", b'{"text": "\xff"}', b'{"text": " "}']
    path.write_bytes(b"\n".join(lines))
    config = replace(HELD_OUT, on_invalid="skip")
    _, counts = read([path], config, tmp_path)
    assert (counts.dropped, counts.rejects.first()) == ({}, [])
    _, counts = read([path], replace(config, split="train"), tmp_path)
    assert counts.dropped == {"null_text": 1, "invalid_json": 1, "invalid_utf8": 1, "empty_text": 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation": 1.0}, "--validation is 1.0; expected a share of the documents"),
        ({"validation": float("nan")}, "--validation is nan; expected a share of the documents"),
        ({"validation": 0.1, "split": "test"}, "--split is 'test'; expected one of train, valid"),
        ({"split": "validation"}, "--split is 'validation'; expected --validation P beside it"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        CorpusConfig(**settings)
