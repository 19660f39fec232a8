"""The reference encoder against the library, token by token."""

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors

from maskprep.encoders import reference
from maskprep.encoders.loading import load_tokenizer, tokenizer_from_json
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.encoders.scripts import unspaced_letters
from maskprep.errors import TokenizerError

LETTERS = unspaced_letters()
PIECES = ["a", "b", "ab", "e", "s", ".", "1", "\u4e2d", "\u6587", "\u30ab", "\u0e01", "\u00e9"]


def wordpiece():
    tokens = ["[UNK]", "[MASK]", *PIECES, *(f"##{piece}" for piece in PIECES)]
    vocab = {token: number for number, token in enumerate(tokens)}
    built = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    built.normalizer = normalizers.BertNormalizer()
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return built


def byte_level(*, trim_offsets):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate([*alphabet, "ab", "\u0120a"])}
    built = tokenizers.Tokenizer(models.BPE(vocab, [("a", "b"), ("\u0120", "a")]))
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    built.post_processor = processors.ByteLevel(trim_offsets=trim_offsets)
    return built


def metaspace(*, split):
    pieces = [("<unk>", 0.0), ("\u2581", -3.0), ("\u2581ab", -1.0), *((p, -2.0) for p in PIECES)]
    built = tokenizers.Tokenizer(models.Unigram(pieces, 0, byte_fallback=False))
    built.normalizer = normalizers.NFKC()
    built.pre_tokenizer = pre_tokenizers.Metaspace(split=split)
    built.decoder = decoders.Metaspace(split=split)
    return built


BUILT = {
    "wordpiece": wordpiece(),
    "byte-level": byte_level(trim_offsets=False),
    "byte-level, trimmed": byte_level(trim_offsets=True),
    "metaspace": metaspace(split=True),
    "metaspace, unsplit": metaspace(split=False),
}
ENCODERS = {
    name: ReferenceEncoder(tokenizer_from_json(built.to_str(), {}, name))
    for name, built in BUILT.items()
}
LINES = st.lists(
    st.text(
        st.one_of(
            st.sampled_from([*"abes .1", "\u4e2d", "\u6587", "\u30ab", *"\u0e01\u0e34", "\ufb01"]),
            st.characters(exclude_categories=["Cs"]),
        ),
        max_size=20,
    ),
    max_size=5,
)


def encode(encoder, lines, needs_starts=None):
    data = [line.encode() for line in lines]
    ends = np.cumsum([len(line) for line in data], dtype=np.int64)
    starts = ends - np.array([len(line) for line in data], np.int64)
    text = np.frombuffer(b"".join(data), np.uint8)
    return encoder.encode_lines(text, starts, ends, needs_starts)


def expected_places(tokenizer, line, encoding, *, marked):
    """Return for each token the character where it shows, and whether a word begins there.

    Spaces in front of a word do not show.
    """
    borders = [
        t == 0
        or encoding.word_ids[t] != encoding.word_ids[t - 1]
        or (marked and tokenizer.token(encoding.ids[t]).startswith("\u2581"))
        for t in range(len(encoding))
    ]
    places, begins, covered = [], [], 0
    for t, (first, last) in enumerate(encoding.offsets):
        following = (n for n in range(t + 1, len(borders)) if borders[n])
        stop = encoding.offsets[next(following, len(borders)) - 1][1]
        shown = stop - len(line[first:stop].lstrip(" "))
        places.append(shown if shown < stop else first)
        letter = ord(line[places[-1]]) if places[-1] < len(line) else 0
        is_letter = letter < LETTERS.size and bool(LETTERS[letter])
        begins.append(borders[t] or (places[-1] >= covered and is_letter))
        covered = last
    return places, begins


@pytest.mark.parametrize("name", list(BUILT))
@given(lines=LINES)
@example(lines=["ab a\u4e2d\u6587b. \u30ab\u30ab\u0e01\u0e34\u0e01", "", "e\u0301\ufb01 ab  ab"])
@example(lines=["\u4e2d" * 30, "[MASK] <unk>", " \u4e2d", "\U00020000\u2f00\u0000"])
def test_ids_starts_and_words_are_the_librarys(name, lines):
    encoder = ENCODERS[name]
    encoded = encode(encoder, lines)
    assert encoded.offsets[-1] == encoded.ids.size == encoded.word_starts.size
    library = encoder.tokenizer.new_backend()
    library.post_processor = None  # It would trim offsets.
    for i, line in enumerate(lines):
        one = library.encode(line, add_special_tokens=False)
        tokens = slice(encoded.offsets[i], encoded.offsets[i + 1])
        assert encoded.ids[tokens].tolist() == one.ids
        places, words = expected_places(encoder.tokenizer, line, one, marked="metaspace" in name)
        assert encoded.starts[tokens].tolist() == [len(line[:place].encode()) for place in places]
        assert encoded.word_starts[tokens].tolist() == words


@pytest.mark.parametrize("name", list(BUILT))
@given(lines=LINES, chosen=st.lists(st.booleans(), min_size=5, max_size=5))
def test_starts_are_right_where_they_are_asked_for_and_change_nothing_else(name, lines, chosen):
    needs_starts = np.array(chosen[: len(lines)], np.bool_)
    every = encode(ENCODERS[name], lines)
    some = encode(ENCODERS[name], lines, needs_starts)
    assert some.ids.tolist() == every.ids.tolist()
    assert some.word_starts.tolist() == every.word_starts.tolist()
    asked = np.repeat(needs_starts, np.diff(every.offsets))
    assert some.starts[asked].tolist() == every.starts[asked].tolist()


def test_calls_of_the_library_are_bounded_and_change_nothing(monkeypatch):
    lines = ["ab a\u4e2d", "", "a" * 40, "b. \u30ab", "e"] * 3
    every = encode(ENCODERS["wordpiece"], lines)
    monkeypatch.setattr(reference, "CHUNK_BYTES", 8)
    pieces = encode(ENCODERS["wordpiece"], lines)
    for field in ("ids", "offsets", "starts", "word_starts"):
        assert getattr(pieces, field).tolist() == getattr(every, field).tolist()


def test_half_a_character_begins_no_word():
    encoded = encode(ENCODERS["byte-level"], ["a\u4e2d\u4e2d"])
    assert encoded.word_starts.tolist() == [True, True, False, False, True, False, False]


def test_the_sentencepiece_mark_begins_a_word_where_the_pre_tokenizer_sees_one_word():
    encoded = encode(ENCODERS["metaspace, unsplit"], ["ab ab"])
    assert encoded.ids.tolist() == [2, 2]
    assert encoded.word_starts.tolist() == [True, True]


def test_what_the_library_cannot_encode_is_an_error_of_the_tokenizer(tmp_path):
    broken = tokenizers.Tokenizer(models.WordLevel({"a": 0}, unk_token="<unk>"))
    path = tmp_path / "tokenizer.json"
    path.write_text(broken.to_str())
    encoder = ReferenceEncoder(load_tokenizer(str(path)))
    with pytest.raises(TokenizerError, match=r"tokenizer.json is no tokenizer that the"):
        encode(encoder, ["b"])


@pytest.mark.parametrize("name", ["byte-level", "byte-level, trimmed", "metaspace"])
def test_a_sentence_has_the_token_that_brings_the_space_before_it(name):
    encoded = encode(ENCODERS[name], ["b. ab e"])
    begins = [
        start for start, word in zip(encoded.starts, encoded.word_starts, strict=True) if word
    ]
    assert begins[-2:] == [3, 6]
