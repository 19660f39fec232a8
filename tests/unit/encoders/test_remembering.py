"""Remembered chunks give the library's ids, on any text."""

import itertools
import json

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, models, normalizers, pre_tokenizers

from maskprep.encoders import remembering
from maskprep.encoders.choosing import named_encoder
from maskprep.encoders.loading import tokenizer_from_json
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.encoders.remembering import RememberingEncoder, may_remember

ODD = " \t\x0b\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\u0301\u0308\ufeff"
LINES = st.lists(
    st.text(
        alphabet=st.one_of(
            st.sampled_from("ab C.'`-19 \u00e9\u00df\u0416\u0436\u4e2d\u56fd\ufb01\u2581" + ODD),
            st.characters(exclude_categories=["Cs"]),
        ),
        min_size=1,
        max_size=40,
    ),
    max_size=8,
)


def unigram(pre_tokenizer, normalizer=None):
    pieces = [("<unk>", 0.0), ("\u2581", -3.0), ("\u2581a", -1.0), ("ab", -1.5), ("\u2581ab", -1.2)]
    pieces += [(letter, -2.0) for letter in "abcC.'\"19\u00e9\u0436\u4e2d"]
    built = tokenizers.Tokenizer(models.Unigram(pieces, 0, byte_fallback=False))
    built.normalizer = normalizer
    built.pre_tokenizer = pre_tokenizer
    return built


def metaspace(scheme, *, split=True):
    return pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split)


def after_white_space(scheme):
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace(scheme)])


SPACES = normalizers.Replace(Regex(" {2,}"), " ")
LOWER = normalizers.Sequence([normalizers.NFKD(), normalizers.Lowercase(), SPACES])
OURS = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), SPACES])
REMEMBERED = {
    f"{name}, {normalizer_name}": unigram(pre_tokenizer, normalizer)
    for (name, pre_tokenizer), (normalizer_name, normalizer) in itertools.product(
        {
            "always": metaspace("always"),
            "first": metaspace("first"),
            "white space, always": after_white_space("always"),
        }.items(),
        {"none": None, "ours": OURS, "lower case": LOWER, "Strip": normalizers.Strip()}.items(),
    )
}
NOT_REMEMBERED = {
    "never": unigram(metaspace("never")),
    "unsplit": unigram(metaspace("always", split=False)),
    "white space, first": unigram(after_white_space("first")),
    "none": unigram(None),
    "a space replaced": unigram(metaspace("always"), normalizers.Replace("a b", "ab")),
    "any pattern replaced": unigram(metaspace("always"), normalizers.Replace(Regex("a.b"), "c")),
    "a quote replaced": unigram(metaspace("always"), normalizers.Replace("``", '"')),
    "prepended": unigram(metaspace("always"), normalizers.Prepend("x")),
}


def loaded(built):
    return tokenizer_from_json(built.to_str(), {}, "built")


def flat(lines):
    encoded = [line.encode() for line in lines]
    ends = np.cumsum([len(line) for line in encoded], dtype=np.int64)
    text = np.frombuffer(b"".join(encoded), np.uint8)
    return text, ends - np.array([len(line) for line in encoded], np.int64), ends


def assert_equal(ours, reference, lines):
    found, expected = ours.encode_lines(*flat(lines)), reference.encode_lines(*flat(lines))
    for name in ("ids", "offsets", "starts", "word_starts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


@pytest.mark.parametrize("name", REMEMBERED)
def test_any_lines_are_encoded_as_by_the_library(name):
    tokenizer = loaded(REMEMBERED[name])
    assert may_remember(json.loads(tokenizer.json), parse_special_tokens=False)
    ours = named_encoder(ReferenceEncoder(tokenizer), RememberingEncoder.name)
    reference = ReferenceEncoder(tokenizer)

    @settings(max_examples=60)
    @given(LINES)
    @example(["a b  ab   c", " a", "`` ab ``", "a \u0301b", "\u0301a b", "ab ab ab"])
    def check(lines):
        assert_equal(ours, reference, lines)
        assert_equal(ours, reference, lines)  # Now remembered.

    check()


@pytest.mark.parametrize("name", NOT_REMEMBERED)
def test_text_is_cut_only_where_the_tokenizer_is_known_not_to_look(name):
    content = json.loads(loaded(NOT_REMEMBERED[name]).json)
    assert not may_remember(content, parse_special_tokens=False)


def test_tokens_that_are_looked_for_in_text_are_not_cut():
    built = unigram(metaspace("always"))
    built.add_special_tokens(["<mask>"])
    content = json.loads(loaded(built).json)
    assert may_remember(content, parse_special_tokens=False)
    assert not may_remember(content, parse_special_tokens=True)


def test_no_chunk_is_encoded_twice(monkeypatch):
    ours = named_encoder(
        ReferenceEncoder(loaded(REMEMBERED["always, ours"])), RememberingEncoder.name
    )
    ours.encode_lines(*flat(["ab a b", "a c ab"]))
    monkeypatch.setattr(ReferenceEncoder, "encode_lines", None)  # Not to be called again.
    assert ours.encode_lines(*flat(["c ab a b a"])).ids.size >= 5


def test_a_full_memory_is_forgotten_and_long_lines_are_not_kept(monkeypatch):
    monkeypatch.setattr(remembering, "MAX_CHUNKS", 10)
    monkeypatch.setattr(remembering, "PORTION_BYTES", 50)
    tokenizer = loaded(REMEMBERED["first, none"])
    ours = named_encoder(ReferenceEncoder(tokenizer), RememberingEncoder.name)
    lines = [f"the file number {n} has {n * n} bytes" for n in range(40)]
    assert_equal(ours, ReferenceEncoder(tokenizer), [*lines, "a long line " * 20, *lines])
