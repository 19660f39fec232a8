"""From raw English, Russian and Chinese to a trained tokenizer and shards, read back by others."""

import json
import lzma
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

CORPORA = ["en_books_a", "ru_books_a", "zh_prose_a"]


def maskprep(*arguments, **options):
    command = [sys.executable, "-m", "maskprep", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


@pytest.mark.shared_data
@pytest.mark.parametrize("name", CORPORA)
def test_raw_text_becomes_shards_that_others_read(shared_data, tmp_path, name):
    corpus = tmp_path / "corpus.jsonl"
    with lzma.open(shared_data / "text" / f"{name}.jsonl.xz", "rt", encoding="utf-8") as file:
        lines = [line for line, _ in zip(file, range(40), strict=False)]
    corpus.write_text("".join(lines), encoding="utf-8")
    output, tokenizer = tmp_path / "out", tmp_path / "tokenizer"
    maskprep("train", corpus, "--vocab-size", 6000, "--output", tokenizer)
    maskprep(
        *("prepare", corpus, "--recipe", "bert", "--tokenizer", tokenizer),
        *("--max-seq-length", 128, "--unit", "word", "--seed", 3, "--output", output),
    )
    manifest = json.loads((output / "manifest.json").read_bytes())

    frame = pd.read_parquet(output / "data")
    assert len(frame) == manifest["totals"]["rows"] > 100
    table = pq.read_table(output / "data")
    assert table.num_rows == len(frame)

    vocabulary = json.loads((tokenizer / "tokenizer.json").read_bytes())["model"]["vocab"]
    mask_id = vocabulary["[MASK]"]
    for _, row in frame.head(200).iterrows():
        inputs, targets, loss = row["input_ids"], row["target_ids"], row["loss_mask"]
        assert len(inputs) == len(targets) == len(loss) == len(row["token_type_ids"]) <= 128
        assert loss.any()
        assert (inputs == targets)[~loss].all()
        assert not np.isin(targets[loss], [0, 1, 2, 3, 4]).any()
        assert mask_id not in targets
        separators = np.flatnonzero(targets == vocabulary["[SEP]"])
        assert len(separators) == 2
        assert row["token_type_ids"].sum() == separators[1] - separators[0]
    selected = np.concatenate(frame["loss_mask"].to_list()).sum()
    maskable = ~np.isin(np.concatenate(frame["target_ids"].to_list()), [0, 1, 2, 3, 4])
    assert selected / maskable.sum() == pytest.approx(0.15, abs=0.003)


@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore")  # The library's own.
def test_a_trained_tokenizer_loads_in_transformers_with_the_same_ids(shared_data, tmp_path):
    from transformers import AutoTokenizer

    from maskprep.encoders.loading import load_tokenizer

    sample = shared_data / "text" / "en_wikitext2_valid.txt"
    tokenizer = tmp_path / "tokenizer"
    maskprep("train", sample, "--vocab-size", 3000, "--output", tokenizer)
    theirs = AutoTokenizer.from_pretrained(tokenizer)
    ours = load_tokenizer(str(tokenizer)).backend
    for line in sample.read_text(encoding="utf-8").splitlines()[:500]:
        expected = ours.encode(line, add_special_tokens=False).ids
        assert theirs(line, add_special_tokens=False)["input_ids"] == expected
    assert theirs.mask_token == "[MASK]"
    assert theirs("a", "b")["token_type_ids"] == [0, 0, 0, 1, 1]
