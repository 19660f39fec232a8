"""Ids that others published, and the library's own over real text."""

import json
import lzma

import numpy as np
import pyarrow as pa
import pytest

from maskprep.config import TokenizationConfig
from maskprep.encoders.loading import load_tokenizer
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.schema import RAW_DOCUMENTS
from maskprep.stages.sentences import split_sentences
from maskprep.stages.tokenization import TokenizationCounts, tokenize_documents

pytestmark = pytest.mark.shared_data


def encode(tokenizer, texts):
    data = [text.encode() for text in texts]
    ends = np.cumsum([len(text) for text in data], dtype=np.int64)
    starts = ends - np.array([len(text) for text in data], np.int64)
    text = np.frombuffer(b"".join(data), np.uint8)
    encoded = ReferenceEncoder(tokenizer).encode_lines(text, starts, ends)
    return [ids.tolist() for ids in np.split(encoded.ids, encoded.offsets[1:-1])]


def read_jsonl(path, limit=None):
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line, _ in zip(file, range(limit or 10**9), strict=False)]


@pytest.mark.parametrize(
    "name", ["bert-base-uncased.tokenizer.json", "bert-base-uncased.vocab.txt"]
)
def test_squad_questions(shared_data, name):
    rows = read_jsonl(shared_data / "golden" / "bert_uncased_squad_questions_a.jsonl.xz")
    assert len(rows) == 5285
    ids = encode(load_tokenizer(str(shared_data / "tokenizers" / name)), [r["text"] for r in rows])
    assert ids == [row["ids"] for row in rows]


@pytest.mark.parametrize("name", ["gpt2.tokenizer.json", "gpt2.vocab.json", "gpt2.merges.txt"])
def test_gpt2_prompts(shared_data, name):
    text = (shared_data / "golden" / "ggml_gpt2_prompts.txt").read_text(encoding="utf-8")
    pairs = [line.rsplit(" => ", 1) for line in text.splitlines() if " => " in line]
    assert len(pairs) == 100
    ids = encode(load_tokenizer(str(shared_data / "tokenizers" / name)), [p for p, _ in pairs])
    assert ids == [[int(i) for i in numbers.split(",")] for _, numbers in pairs]


@pytest.mark.parametrize(
    ("model", "name"),
    [
        pytest.param("bert-base-uncased", "bert-base-uncased", id="bert"),
        pytest.param("distilgpt2", "gpt2", id="gpt2"),
    ],
)
def test_inputs_of_the_transformers_suite(shared_data, model, name):
    cases = json.loads((shared_data / "golden" / "hf_tokenizer_tests.json").read_text())[model]
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / f"{name}.tokenizer.json"))
    specials = (tokenizer.roles.get("cls"), tokenizer.roles.get("sep"))
    around = [tokenizer.backend.token_to_id(token) for token in specials if token]
    for case, ids in zip(cases, encode(tokenizer, [c["input"] for c in cases]), strict=True):
        expected = case["encoded"]["input_ids"]
        assert (around[:1] + ids + around[1:]) == expected


def test_a_french_text(shared_data):
    folder = shared_data / "golden"
    bert = json.loads((folder / "bert_uncased_encoded.json").read_text(encoding="utf-8"))
    gpt2 = json.loads((folder / "gpt2_encoded.json").read_text(encoding="utf-8"))
    tokenizers = shared_data / "tokenizers"
    ids = encode(load_tokenizer(str(tokenizers / "bert-base-uncased.vocab.txt")), [bert["text"]])
    assert [101, *ids[0], 102] == bert["token_ids"]
    ids = encode(load_tokenizer(str(tokenizers / "gpt2.vocab.json")), [gpt2["text"]])
    assert ids[0] == gpt2["token_ids"]


def sample_of(shared_data):
    texts = []
    for path in sorted((shared_data / "text").glob("*.jsonl.xz")):
        texts += [row["text"][:3000] for row in read_jsonl(path, 40)]
    for path in sorted((shared_data / "text").glob("*.txt")):
        texts.append(path.read_text(encoding="utf-8")[:100_000])
    texts += json.loads((shared_data / "unicode" / "blns.json").read_text(encoding="utf-8"))
    return texts


@pytest.mark.parametrize(
    ("name", "same_as"),
    [
        ("bert-base-uncased.tokenizer.json", "bert-base-uncased.vocab.txt"),
        ("bert-base-chinese.tokenizer.json", "bert-base-chinese.vocab.txt"),
        ("gpt2.tokenizer.json", "gpt2.merges.txt"),
        ("roberta-base.tokenizer.json", "roberta-base.tokenizer.json"),
    ],
)
def test_real_text_gets_the_librarys_ids(shared_data, name, same_as):
    texts = sample_of(shared_data)
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(range(len(texts)), pa.int64()),
            pa.array([False] * len(texts)),
            pa.array(texts, pa.large_string()),
        ],
        schema=RAW_DOCUMENTS,
    )
    folder = shared_data / "tokenizers"
    backend = load_tokenizer(str(folder / name)).backend
    lines = [[line.strip() for line in text.split("\n") if line.strip()] for text in texts]
    expected = [
        [i for one in backend.encode_batch(every, add_special_tokens=False) for i in one.ids]
        for every in lines
    ]
    for path in {name, same_as}:
        encoder = ReferenceEncoder(load_tokenizer(str(folder / path)))
        counts = TokenizationCounts()
        rows = tokenize_documents(batch, encoder, split_sentences, TokenizationConfig(), counts)
        assert rows.column("input_ids").to_pylist() == expected
