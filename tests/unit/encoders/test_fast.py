"""The fast encoder gives the library's ids, starts and word starts, on any text."""

import itertools
import json
import lzma

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, trainers

from maskprep.encoders import fast
from maskprep.encoders.choosing import named_encoder
from maskprep.encoders.fast import FastEncoder, why_not_fast
from maskprep.encoders.loading import load_tokenizer, tokenizer_from_json
from maskprep.encoders.reference import ReferenceEncoder

PUBLISHED = [
    "bert-base-uncased.tokenizer.json",
    "bert-base-uncased.vocab.txt",
    "bert-base-chinese.tokenizer.json",
    "bert-base-chinese.vocab.txt",
    "gpt2.tokenizer.json",
    "gpt2.vocab.json",
    "roberta-base.tokenizer.json",
]
SPECIAL = ["[CLS]", "[MASK]", "[unused1]", "<mask>", "</s>", "<|endoftext|>", "##", "\u2581"]
WHITE = list(" \t\r\x0b\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\ufeff")
MARKS = ["\u0301", "\u0308", "\u0327", "\u05b8", "\u064e", "\u093f", "\u0bca", "\U0001d165"]
ODD = ["\x00", "\x7f", "\xad", "\u0378", "\ue000", "\ud7ff", "\uffff", "\U000e0001", "\U0010ffff"]
LETTERS = list(
    "aeistT019.,'-\u00e9\u00df\u0130\u0416\u0439\u4e2d\u56fd\u30ab\u0e01\u0e34\uac00\u11a8\ufb01\u212a"
)
CONTRACTIONS = ["'s", "'LL", " 'Ve", "'t", "'d", "don't", "it's"]
LONG = ["x" * 31, "y" * 32, "\u00e9" * 17, "z" * 101, "1" * 300, "\u0416" * 101]
PIECES = st.one_of(
    st.sampled_from([*SPECIAL, *WHITE, *MARKS, *ODD, *LETTERS, *CONTRACTIONS, *LONG]),
    st.characters(exclude_categories=["Cs"]),
)
LINES = st.lists(st.lists(PIECES, min_size=1, max_size=25).map("".join), min_size=1, max_size=6)


def flat(lines):
    encoded = [line.encode() for line in lines]
    ends = np.cumsum([len(line) for line in encoded], dtype=np.int64)
    starts = ends - np.array([len(line) for line in encoded], np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), starts, ends


def assert_equal(ours, reference, lines):
    found, expected = ours.encode_lines(*flat(lines)), reference.encode_lines(*flat(lines))
    for name in ("offsets", "ids", "starts", "word_starts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def words_of(lowercase, strip, chinese, clean):
    normalizer = normalizers.BertNormalizer(
        clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lowercase
    )
    return wordpiece(normalizer)


def wordpiece(normalizer, prefix="##", **options):
    letters = [*"aeistxyz019.,'-T", *(one for one in LETTERS if len(one) == 1), "\u0436"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, "is", "east", "xxxx"]
    pieces += [prefix + piece for piece in [*letters, "st", "ttt", "\u0436\u0436"]]
    vocab = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    model = models.WordPiece(vocab, unk_token="[UNK]", continuing_subword_prefix=prefix, **options)
    built = tokenizers.Tokenizer(model)
    built.normalizer = normalizer
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return built


def byte_level(normalizer=None, *, prefix=False, added=()):
    built = tokenizers.Tokenizer(models.BPE())
    built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    trainer = trainers.BpeTrainer(
        vocab_size=330,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<s>", "</s>", "<mask>"],
        show_progress=False,
    )
    text = "it's east, isn't it? they've said 1019: don't! \u0416\u0430\u0436\u0434 \u4e2d\u56fd "
    built.train_from_iterator([text * 3], trainer)
    built.normalizer = normalizer
    built.add_tokens(list(added))
    return built


DECOMPOSING = normalizers.Sequence(
    [normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()]
)
SPACES = [AddedToken(" " * size, normalized=True) for size in (2, 3, 8)]
BUILT = {
    **{
        f"bert {flags}": words_of(*flags)
        for flags in itertools.product(
            (True, False), (None, True, False), (True, False), (True, False)
        )
    },
    "bert, decomposing": wordpiece(DECOMPOSING),
    "bert, no normaliser": wordpiece(None),
    "bert, short words": wordpiece(normalizers.BertNormalizer(), max_input_chars_per_word=5),
    "bert, other prefix": wordpiece(normalizers.BertNormalizer(), prefix="@@"),
    "bytes": byte_level(),
    "bytes, prefix": byte_level(prefix=True),
    "bytes, lower case": byte_level(normalizers.Lowercase()),
    "bytes, NFC": byte_level(normalizers.NFC()),
    "bytes, NFKC, prefix": byte_level(normalizers.NFKC(), prefix=True),
    "bytes, decomposing": byte_level(DECOMPOSING),
    "ModernBERT": byte_level(
        normalizers.NFC(), added=[*SPACES, AddedToken("|||E|||"), AddedToken("[unused1]")]
    ),
    "added": byte_level(
        added=[
            AddedToken("est", single_word=True),
            AddedToken("1", lstrip=True, normalized=False),
            AddedToken("T", rstrip=True),
        ]
    ),
}


def both(built, *, parse=False):
    tokenizer = tokenizer_from_json(built.to_str(), {}, "built", parse_special_tokens=parse)
    assert why_not_fast(json.loads(tokenizer.json), parse_special_tokens=parse) == ""
    reference = ReferenceEncoder(tokenizer)
    return named_encoder(reference, FastEncoder.name), reference


@pytest.mark.parametrize("name", BUILT)
def test_any_text_is_encoded_as_by_the_library(name):
    ours, reference = both(BUILT[name])

    @settings(max_examples=40)
    @given(LINES)
    @example(["don't DON'T it's  \u00a0 x \u3000y", " leading", "a\u0301\u0327 \u0130'\u017f"])
    @example(["".join(LONG), *LONG, "e" * 5000, "'" * 70])
    @example(["  two  spaces   three        eight", "|||E||| est east 1 T T "])
    def check(lines):
        assert_equal(ours, reference, lines)
        assert_equal(ours, reference, [*lines, *lines[::-1]])  # Now from the cache.

    check()


@pytest.mark.parametrize("name", ["bytes", "bytes, prefix", "added"])
def test_special_tokens_spelt_in_the_text_are_parsed_as_by_the_library(name):
    ours, reference = both(BUILT[name], parse=True)
    lines = ["a <mask> b", "<s></s>", "x<mask>y", "  <mask>", "nothing", "<mask"]
    assert_equal(ours, reference, lines)
    mask = reference.tokenizer.backend.token_to_id("<mask>")
    assert (ours.encode_lines(*flat(lines)).ids == mask).sum() == 3


@pytest.mark.parametrize("name", ["bert (True, None, True, True)", "bytes", "added"])
def test_words_that_share_a_line_of_the_cache_take_turns(name, monkeypatch):
    monkeypatch.setattr(fast, "CACHE_LINES", 2)
    monkeypatch.setattr(fast, "PORTION_BYTES", 40)
    ours, reference = both(BUILT[name])
    lines = ["it is east and 1019 isn't", "a", "x y z " * 20, *LONG, "it is east", "\u4e2d\u56fd"]
    for _ in range(3):
        assert_equal(ours, reference, lines)


def test_no_lines_have_no_tokens():
    ours, _ = both(BUILT["bytes"])
    none = np.empty(0, np.int64)
    encoded = ours.encode_lines(np.empty(0, np.uint8), none, none)
    assert (encoded.ids.size, encoded.offsets.tolist()) == (0, [0])


def test_a_token_starts_behind_its_space_whatever_the_tokenizer_trims():
    for encoder in both(BUILT["bytes"]):
        encoded = encoder.encode_lines(*flat(["it east"]))
        starts = encoded.starts[encoded.word_starts]
        assert starts.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": {"type": "Unigram"}}, "its model is Unigram"),
        ({"pre_tokenizer": None}, "its pre-tokenizer is none"),
        ({"pre_tokenizer": {"type": "Metaspace"}}, "its pre-tokenizer is Metaspace"),
        ({"normalizer": {"type": "NFC"}}, "its normalizer has the step NFC"),
        (
            {"added_tokens": [{"content": "covid", "special": False}]},
            "its normalizer may change how 'covid' is found in text",
        ),
    ],
)
def test_what_no_kernel_can_do_is_told(change, reason):
    content = json.loads(BUILT["bert, decomposing"].to_str()) | change
    assert why_not_fast(content, parse_special_tokens=False) == reason


# Real text and published tokenizers.


def read_lines(shared_data, name):
    path = shared_data / "text" / name
    if path.suffix == ".txt":
        texts = [path.read_text(encoding="utf-8")]
    else:
        with lzma.open(path, "rt", encoding="utf-8") as file:
            texts = [json.loads(line)["text"] for line in file]
    return [line.strip() for text in texts for line in text.split("\n") if line.strip()]


def sample(lines, num_bytes):
    """Return lines spread evenly over all, of about so many bytes together."""
    total = sum(len(line.encode()) for line in lines)
    return lines[:: max(1, total // num_bytes)]


@pytest.fixture(scope="module")
def published(shared_data):
    def load(name):
        tokenizer = load_tokenizer(str(shared_data / "tokenizers" / name))
        return named_encoder(ReferenceEncoder(tokenizer), FastEncoder.name), ReferenceEncoder(
            tokenizer
        )

    return load


@pytest.mark.shared_data
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tokenizers_agree_on_real_text(shared_data, published, name, all_text):
    ours, reference = published(name)
    for path in sorted((shared_data / "text").iterdir()):
        lines = read_lines(shared_data, path.name)
        assert_equal(ours, reference, lines if all_text else sample(lines, 150_000))


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name", ["bert-base-uncased.tokenizer.json", "roberta-base.tokenizer.json"]
)
def test_published_tokenizers_agree_on_unicode_tests_and_naughty_strings(
    shared_data, published, name, all_text
):
    ours, reference = published(name)
    folder = shared_data / "unicode"
    naughty = json.loads((folder / "blns.json").read_text(encoding="utf-8"))
    assert_equal(ours, reference, [line for line in naughty if line])
    with lzma.open(folder / "NormalizationTest-8.0.0.txt.xz", "rt", encoding="utf-8") as file:
        rows = [line.split(";")[:5] for line in file if line[0] not in "#@"]
    columns = [
        "".join(chr(int(point, 16)) for point in column.split()) for row in rows for column in row
    ]
    columns = [column for column in columns if column.strip()]
    assert_equal(ours, reference, columns if all_text else columns[::7])


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    ["bert-base-uncased.tokenizer.json", "bert-base-chinese.tokenizer.json", "gpt2.tokenizer.json"],
)
def test_published_tokenizers_agree_on_every_character(published, name, all_text):
    ours, reference = published(name)
    points = [p for p in range(1, 0x110000, 1 if all_text else 61) if not 0xD800 <= p < 0xE000]
    for first in range(0, len(points), 1 << 17):
        characters = map(chr, points[first : first + (1 << 17)])
        assert_equal(ours, reference, [f"{c}{c}a{c}1{c}.{c} {c}'s" for c in characters])
