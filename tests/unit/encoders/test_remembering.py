"""Remembered chunks give the library's ids, on any text."""

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import decoders, models, pre_tokenizers, trainers

from maskprep.encoders import remembering
from maskprep.encoders.loading import load_tokenizer
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.encoders.remembering import RememberingEncoder, chunk_kind, encoder_for
from maskprep.kernels.chunks import BERT, BERT_IDEOGRAPHS, BYTE_LEVEL

ODD = " \t\x0b\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\u0301\u0308\ufeff"
LINES = st.lists(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("ab C.'-19 éßЖж中国" + ODD), st.characters(exclude_categories=["Cs"])
        ),
        max_size=40,
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory):
    """A byte-level BPE of a few words, made without maskprep."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        show_progress=False,
    )
    words = "it's a cat and the cats aren't there, they've said: don't! "
    tokenizer.train_from_iterator([words * 3, "Жажда жизни, кот и пёс "], trainer)
    path = tmp_path_factory.mktemp("byte_level") / "tokenizer.json"
    tokenizer.save(str(path))
    return load_tokenizer(str(path))


@pytest.fixture(scope="module")
def word_piece(toy_tokenizer):
    return load_tokenizer(str(toy_tokenizer))


def flat(lines):
    encoded = [line.encode() for line in lines]
    ends = np.cumsum([len(line) for line in encoded], dtype=np.int64)
    text = np.frombuffer(b"".join(encoded), np.uint8)
    return text, ends - np.array([len(line) for line in encoded], np.int64), ends


def assert_equal(ours, reference, lines):
    found, expected = ours.encode_lines(*flat(lines)), reference.encode_lines(*flat(lines))
    for name in ("ids", "offsets", "starts", "word_starts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


@pytest.mark.parametrize("tokenizer_name", ["word_piece", "byte_level"])
def test_any_lines_are_encoded_as_by_the_library(tokenizer_name, request):
    tokenizer = request.getfixturevalue(tokenizer_name)
    ours, reference = encoder_for(tokenizer), ReferenceEncoder(tokenizer)
    assert isinstance(ours, RememberingEncoder)

    @given(LINES)
    def check(lines):
        lines = [line for line in lines if line]
        assert_equal(ours, reference, lines)
        assert_equal(ours, reference, lines)  # Now remembered.

    check()


def test_no_chunk_is_encoded_twice(word_piece, monkeypatch):
    ours = encoder_for(word_piece)
    lines = ["the cat and the dog", "the dog and the file", "a file"]
    ours.encode_lines(*flat(lines))
    monkeypatch.setattr(ReferenceEncoder, "encode_lines", None)  # Not to be called again.
    assert ours.encode_lines(*flat(["a dog and a cat"])).ids.size >= 5


def test_a_full_memory_is_forgotten_and_long_lines_are_not_kept(word_piece, monkeypatch):
    monkeypatch.setattr(remembering, "MAX_CHUNKS", 10)
    monkeypatch.setattr(remembering, "PORTION_BYTES", 50)
    ours, reference = encoder_for(word_piece), ReferenceEncoder(word_piece)
    lines = [f"the file number {n} has {n * n} bytes" for n in range(40)]
    assert_equal(ours, reference, [*lines, "a long line " * 20, *lines])


def test_text_is_cut_only_where_the_tokenizer_is_known_not_to_look():
    bert = {
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "handle_chinese_chars": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }
    plain = {"type": "BertNormalizer", "handle_chinese_chars": False}
    byte_level = {"normalizer": None, "pre_tokenizer": {"type": "ByteLevel", "use_regex": True}}
    name = {"content": "New York", "special": False, "lstrip": False, "rstrip": False}
    mask = {"content": "<mask>", "special": True, "lstrip": True, "rstrip": False}
    kinds = [
        (bert, False, BERT_IDEOGRAPHS),
        ({**bert, "normalizer": plain}, False, BERT),
        (byte_level, False, BYTE_LEVEL),
        ({**byte_level, "normalizer": {"type": "NFKC"}}, False, None),
        ({**bert, "added_tokens": [name]}, False, None),
        ({**byte_level, "added_tokens": [mask]}, False, BYTE_LEVEL),
        ({**byte_level, "added_tokens": [mask]}, True, None),
        ({"pre_tokenizer": {"type": "Metaspace"}}, False, None),
        ({"pre_tokenizer": None}, False, None),
    ]
    for content, parse, kind in kinds:
        assert chunk_kind(content, parse_special_tokens=parse) == kind


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["bert-base-uncased", "bert-base-chinese", "gpt2", "roberta-base"])
def test_published_tokenizers_agree_on_195_languages(shared_data, name):
    import json
    import lzma

    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / f"{name}.tokenizer.json"))
    with lzma.open(shared_data / "text" / "udhr_a.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    lines = [line.strip() for text in texts[::7] for line in text.split("\n") if line.strip()]
    assert_equal(encoder_for(tokenizer), ReferenceEncoder(tokenizer), lines)
