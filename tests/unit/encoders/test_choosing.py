"""Which encoder a tokenizer gets, and what happens when a fast one is wrong."""

import json

import numpy as np
import pytest
import tokenizers
from tokenizers import models, normalizers, pre_tokenizers

from maskprep.encoders.choosing import PROBE, choose_encoder
from maskprep.encoders.fast import FastEncoder
from maskprep.encoders.loading import load_tokenizer, tokenizer_from_json
from maskprep.encoders.reference import EncodedLines
from maskprep.encoders.wordpiece import WordPieceModel
from maskprep.errors import TokenizerError


@pytest.fixture(scope="module")
def tokenizer(toy_tokenizer):
    return load_tokenizer(str(toy_tokenizer))


@pytest.fixture(scope="module")
def unigram():
    built = tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0), ("a", -1.0)], 0))
    built.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return tokenizer_from_json(built.to_str(), {}, "unigram.json")


def one_line(text):
    data = np.frombuffer(text.encode(), np.uint8)
    return data, np.array([0]), np.array([data.size])


def test_the_fastest_that_agrees_is_chosen(tokenizer, unigram):
    chosen = choose_encoder(tokenizer)
    assert chosen.record() == {"name": "fast", "reason": "", "has_failed": False}
    assert choose_encoder(tokenizer, "fast").name == "fast"
    remembering = choose_encoder(unigram)
    assert remembering.record() == {
        "name": "remembering",
        "reason": "its model is Unigram",
        "has_failed": False,
    }


def test_the_library_itself_is_chosen_where_it_is_asked_for_or_nothing_else_is_exact(
    tokenizer, unigram
):
    assert choose_encoder(tokenizer, "reference").name == "reference"
    built = tokenizers.Tokenizer.from_str(unigram.json)
    built.normalizer = normalizers.Prepend("x")
    chosen = choose_encoder(tokenizer_from_json(built.to_str(), {}, "odd.json"))
    assert (chosen.name, chosen.reason) == ("reference", "its model is Unigram")


def test_fast_is_refused_where_no_kernel_can_do_it(unigram):
    with pytest.raises(TokenizerError, match=r"--encoder fast cannot be used with unigram\.json: "):
        choose_encoder(unigram, "fast")


def wrong_by_one(self, *lines, encode=FastEncoder.encode_lines):
    right = encode(self, *lines)
    return EncodedLines(right.ids + 1, right.offsets, right.starts, right.word_starts)


def test_a_fast_encoder_that_differs_on_the_probe_is_not_used(tokenizer, monkeypatch):
    monkeypatch.setattr(FastEncoder, "encode_lines", wrong_by_one)
    chosen = choose_encoder(tokenizer)
    assert (chosen.name, chosen.has_failed) == ("reference", True)
    assert "other ids than the tokenizers library" in chosen.reason
    with pytest.raises(TokenizerError, match="other ids than the tokenizers library"):
        choose_encoder(tokenizer, "fast")


def test_a_fast_encoder_that_differs_on_the_text_itself_is_not_used(tokenizer, monkeypatch):
    chosen = choose_encoder(tokenizer)
    assert chosen.tried_on(*one_line("the text of a run")) is chosen
    monkeypatch.setattr(FastEncoder, "encode_lines", wrong_by_one)
    changed = chosen.tried_on(*one_line("the text of a run"))
    assert (changed.name, changed.has_failed) == ("reference", True)


def test_a_long_first_line_is_not_encoded_twice(tokenizer, monkeypatch):
    chosen = choose_encoder(tokenizer)
    monkeypatch.setattr(WordPieceModel, "encode", None)  # Not to be called.
    assert chosen.tried_on(*one_line("a" * 2**17)) is chosen


def test_the_probe_has_what_goes_wrong_first():
    text = "".join(json.loads(PROBE.read_bytes()))
    for needed in ("\u4e2d", "\u0e20", "\ue000", "\u0378", "[MASK]", "\u0301", "\x00", "z" * 101):
        assert needed in text
