"""Tokenizers in all their forms become one canonical tokenizer with roles."""

import json
import pickle

import numpy as np
import pytest
import tokenizers
from tokenizers import AddedToken, models, normalizers, pre_tokenizers, processors

from maskprep.encoders.loading import RoleOptions, load_tokenizer, tokenizer_from_json
from maskprep.encoders.saving import write_tokenizer_copy
from maskprep.encoders.vocabularies import guarded
from maskprep.errors import TokenizerError

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["[unused0]", "the", "cat", "##s", "sat", ".", "[", "]", "mask", "é"]
VOCAB = SPECIALS + WORDS
BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
TEXTS = ["The cats sat.", "the [MASK] sat", "CAT\u00c9 \u4e2d", "", "dog"]


def wordpiece(*, specials=SPECIALS, tokens=VOCAB):
    vocab = {token: number for number, token in enumerate(tokens)}
    built = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    built.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    built.add_special_tokens(list(specials))
    return built


def ids_of(tokenizer, texts=TEXTS):
    return [tokenizer.backend.encode(text, add_special_tokens=False).ids for text in texts]


def save(path, built):
    path.write_text(built.to_str(), encoding="utf-8")
    return str(path)


@pytest.fixture
def file(tmp_path):
    return save(tmp_path / "tokenizer.json", wordpiece())


def write_vocab(path, tokens):
    path.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return str(path)


def test_roles_are_known_by_their_usual_names(file):
    tokenizer = load_tokenizer(file)
    assert tokenizer.roles == dict(zip(["pad", "unk", "cls", "sep", "mask"], SPECIALS, strict=True))
    assert tokenizer.role_id("mask") == 4
    assert tokenizer.num_ids == len(VOCAB)
    assert tokenizer.token(6) == "the"
    assert tokenizer.special_ids.tolist() == [0, 1, 2, 3, 4]


def test_special_tokens_are_neither_masked_nor_replacements(file):
    tokenizer = load_tokenizer(file)
    assert np.flatnonzero(~tokenizer.maskable).tolist() == [0, 1, 2, 3, 4]
    # 5 is [unused0].
    assert tokenizer.replacement_pool.tolist() == [6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert tokenizer.replacement_pool.dtype == np.int32


def test_ids_without_a_token_are_no_replacements(tmp_path):
    vocab = {"[UNK]": 0, "a": 1, "b": 7, "madeupword0000": 3, "<unused_1>": 4, "<unused2>": 5}
    built = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer = load_tokenizer(save(tmp_path / "t.json", built))
    assert tokenizer.num_ids == 8
    assert tokenizer.replacement_pool.tolist() == [1, 7]
    assert tokenizer.token(2) == "<no token 2>"


def test_special_tokens_in_text_are_text_unless_parsed(file):
    assert ids_of(load_tokenizer(file), ["[MASK]"]) == [[11, 13, 12]]
    assert ids_of(load_tokenizer(file, parse_special_tokens=True), ["[MASK]"]) == [[4]]


def test_stored_truncation_padding_and_dropout_are_ignored(tmp_path):
    plain = load_tokenizer(save(tmp_path / "tokenizer.json", wordpiece()))
    built = wordpiece()
    built.enable_truncation(3)
    built.enable_padding(length=9)
    cutting = load_tokenizer(save(tmp_path / "cutting.json", built))
    assert (cutting.json, cutting.fingerprint) == (plain.json, plain.fingerprint)
    assert ids_of(cutting, ["the cat sat ."]) == [[6, 7, 9, 10]]

    random = tokenizers.Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")], dropout=0.9))
    loaded = load_tokenizer(save(tmp_path / "random.json", random))
    assert ids_of(loaded, ["ab"] * 20) == [[2]] * 20


def test_the_fingerprint_covers_vocabulary_and_roles(tmp_path, file):
    same = save(tmp_path / "same.json", wordpiece())
    other = save(tmp_path / "other.json", wordpiece(tokens=[*VOCAB, "more"]))
    fingerprint = load_tokenizer(file).fingerprint
    assert load_tokenizer(same).fingerprint == fingerprint
    assert load_tokenizer(other).fingerprint != fingerprint
    assert load_tokenizer(file, RoleOptions(mask_token="[PAD]")).fingerprint != fingerprint


def test_pickling_keeps_the_text_and_not_the_library_object(file):
    tokenizer = load_tokenizer(file)
    before = ids_of(tokenizer)
    restored = pickle.loads(pickle.dumps(tokenizer))
    assert restored == tokenizer
    assert "backend" not in vars(restored)
    assert ids_of(restored) == before


def test_a_stream_carries_the_same_tokenizer(file):
    tokenizer = load_tokenizer(file)
    again = tokenizer_from_json(tokenizer.json, tokenizer.roles, "the stream's tokenizer")
    assert (again.json, again.fingerprint) == (tokenizer.json, tokenizer.fingerprint)


def test_scores_keep_every_digit(tmp_path):
    scores = [0.0] + [-1 / (3 + k) ** 1.7 for k in range(2000)]
    pieces = [[f"p{k}", score] for k, score in enumerate(scores)]
    fields = json.loads(tokenizers.Tokenizer(models.Unigram()).to_str())
    fields["model"] = {"type": "Unigram", "unk_id": 0, "vocab": pieces}
    (tmp_path / "tokenizer.json").write_text(json.dumps(fields))
    tokenizer = load_tokenizer(str(tmp_path))
    assert json.loads(tokenizer.json)["model"]["vocab"] == pieces
    write_tokenizer_copy(tokenizer, tmp_path / "copy")
    assert load_tokenizer(str(tmp_path / "copy")).fingerprint == tokenizer.fingerprint


def test_options_win_over_companions_and_those_over_names(tmp_path):
    tokens = [*VOCAB, "<m>", "<n>", "<o>"]
    file = save(tmp_path / "tokenizer.json", wordpiece(tokens=tokens))
    config = {"mask_token": {"content": "<m>"}, "cls_token": "<m>", "pad_token": None}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "special_tokens_map.json").write_text(json.dumps({"mask_token": "<n>"}))
    assert load_tokenizer(file).roles["mask"] == "<n>"
    assert load_tokenizer(str(tmp_path)).roles["cls"] == "<m>"
    assert load_tokenizer(file).roles["pad"] == "[PAD]"
    named = load_tokenizer(file, RoleOptions(mask_token="<o>"))
    assert named.roles["mask"] == "<o>"
    assert named.role_id("mask") in named.special_ids


def test_a_role_token_becomes_special(tmp_path):
    built = wordpiece(specials=[])
    built.add_tokens([AddedToken("[MASK]", special=False)])
    tokenizer = load_tokenizer(save(tmp_path / "tokenizer.json", built))
    assert tokenizer.special_ids.tolist() == [0, 1, 2, 3, 4]
    assert ids_of(tokenizer, ["[MASK]"]) == [[11, 13, 12]]


def test_a_copy_loads_as_the_same_tokenizer(tmp_path, file):
    tokenizer = load_tokenizer(file, RoleOptions(mask_token="[PAD]"))
    folder = tmp_path / "copy" / "tokenizer"
    write_tokenizer_copy(tokenizer, folder)
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    write_tokenizer_copy(tokenizer, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
    copy = load_tokenizer(str(folder))
    assert (copy.json, copy.roles) == (tokenizer.json, tokenizer.roles)
    assert copy.fingerprint == tokenizer.fingerprint


def test_a_copy_loads_in_transformers_with_the_same_ids(tmp_path, file):
    transformers = pytest.importorskip("transformers")
    write_tokenizer_copy(load_tokenizer(file), tmp_path / "copy")
    loaded = transformers.AutoTokenizer.from_pretrained(str(tmp_path / "copy"))
    assert loaded.mask_token_id == 4
    ids = [loaded(t, add_special_tokens=False, split_special_tokens=True).input_ids for t in TEXTS]
    assert ids == ids_of(load_tokenizer(file))


def test_a_vocabulary_file_gives_the_same_ids(tmp_path, file):
    tokenizer = load_tokenizer(write_vocab(tmp_path / "x.vocab.txt", VOCAB))
    config = {"strip_accents": False}
    (tmp_path / "x.tokenizer_config.json").write_text(json.dumps(config))
    assert ids_of(load_tokenizer(str(tmp_path / "x.vocab.txt"))) == ids_of(load_tokenizer(file))
    # As in BERT, lower-casing strips accents unless it is told not to.
    assert ids_of(tokenizer, ["\u00e9"]) == [[1]]
    assert tokenizer.pair_template.special_ids.tolist() == [2, 3, 3]


@pytest.mark.parametrize(
    ("tokens", "config", "expected"),
    [
        pytest.param([*SPECIALS, "cat"], None, [5], id="no capitals: lower-casing"),
        pytest.param([*SPECIALS, "cat", "A"], None, [1], id="capitals: cased"),
        pytest.param([*SPECIALS, "cat", "A"], True, [5], id="the configuration says lower"),
        pytest.param([*SPECIALS, "cat"], False, [1], id="the configuration says cased"),
    ],
)
def test_lower_casing_is_told_by_the_configuration_or_the_vocabulary(
    tmp_path, tokens, config, expected
):
    file = write_vocab(tmp_path / "vocab.txt", tokens)
    if config is not None:
        (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": config}))
    assert ids_of(load_tokenizer(file), ["CAT"]) == [expected]


def test_tokens_added_beside_a_vocabulary_are_kept(tmp_path):
    write_vocab(tmp_path / "vocab.txt", VOCAB)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"xyzzy": 15, "plugh": 16}))
    assert ids_of(load_tokenizer(str(tmp_path)), ["the plugh xyzzy"]) == [[6, 16, 15]]


@pytest.mark.parametrize("path", ["vocab.json", "merges.txt", ""])
def test_byte_level_vocabulary_and_merges(tmp_path, path):
    tokens = ["<s>", "</s>", "<mask>", *BYTES, "\u0120a", "ab"]
    vocab = {token: number for number, token in enumerate(tokens)}
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n\u0120 a\na b\n", encoding="utf-8")
    tokenizer = load_tokenizer(str(tmp_path / path))
    assert ids_of(tokenizer, ["ab a"]) == [[vocab["ab"], vocab["\u0120a"]]]
    template = tokenizer.pair_template
    assert template.special_ids.tolist() == [0, 1, 1, 1]
    assert template.num_specials.tolist() == [1, 2, 1]
    assert template.types.tolist() == [0, 0, 0, 0, 0]


def test_the_template_is_the_tokenizers_own(tmp_path):
    built = wordpiece()
    built.post_processor = processors.TemplateProcessing(
        single="$A [SEP]",
        pair="$A:0 [SEP]:0 [PAD]:1 $B:1 [CLS]:2",
        special_tokens=[("[SEP]", 3), ("[PAD]", 0), ("[CLS]", 2)],
    )
    template = load_tokenizer(save(tmp_path / "t.json", built)).pair_template
    assert [part.tolist() for part in (template.before, template.between, template.after)] == [
        [],
        [3, 0],
        [2],
    ]
    assert template.types.tolist() == [0, 0, 0, 1, 2]


def test_without_a_template_the_roles_make_berts(file):
    template = load_tokenizer(file).pair_template
    assert template.special_ids.tolist() == [2, 3, 3]
    assert template.types.tolist() == [0, 0, 0, 1, 1]


def test_a_missing_role_is_named_with_what_there_is(tmp_path):
    tokens = [token for token in VOCAB if token not in ("[MASK]", "[CLS]")]
    file = save(tmp_path / "tokenizer.json", wordpiece(specials=["[PAD]"], tokens=tokens))
    tokenizer = load_tokenizer(file)
    with pytest.raises(TokenizerError) as error:
        tokenizer.role_id("mask")
    assert str(error.value) == (
        f"{file} has no mask token (found [PAD] [UNK] [SEP]). Retrain it with 'maskprep train', "
        "or name one with --mask-token."
    )
    with pytest.raises(TokenizerError, match=r"--cls-token and --sep-token"):
        _ = tokenizer.pair_template


def test_a_named_token_must_be_in_the_vocabulary(tmp_path, file):
    with pytest.raises(TokenizerError, match=r"--mask-token is '<none>', which is not in the"):
        load_tokenizer(file, RoleOptions(mask_token="<none>"))
    (tmp_path / "special_tokens_map.json").write_text('{"sep_token": "<none>"}')
    with pytest.raises(TokenizerError, match=r"special_tokens_map.json names '<none>' as the sep"):
        load_tokenizer(file)


def with_vocab(vocab):
    fields = json.loads(wordpiece().to_str())
    fields["model"]["vocab"] = vocab
    return json.dumps(fields)


PANICKING_BPE = {
    **json.loads(tokenizers.Tokenizer(models.BPE({"a": 0}, [])).to_str()),
    "model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]},
}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("tokenizer.json", "{", r"tokenizer.json:1: no JSON", id="no JSON"),
        pytest.param("tokenizer.json", "[1]", r"JSON of another kind \(list\)", id="a list"),
        pytest.param("tokenizer.json", "{}", r"is no tokenizer", id="an empty object"),
        pytest.param("t.json", "[" * 100_000, r"(too deep|no JSON)", id="deep JSON"),
        pytest.param("t.json", '{"version": "1.0"}', r"is no tokenizer that the", id="no model"),
        pytest.param("t.json", '{"a": 0}', r"is a bare vocabulary", id="a vocabulary"),
        pytest.param("t.json", with_vocab({}), r"has no token for unknown words", id="no tokens"),
        pytest.param("t.json", with_vocab({"[UNK]": 2**31}), r"2,147,483,648", id="large id"),
        pytest.param("t.json", with_vocab({"[UNK]": 1, "[x]": 1}), r"id 1 to both", id="same id"),
        pytest.param("t.json", with_vocab({"[UNK]": -1}), r"is no tokenizer", id="negative id"),
        pytest.param("t.json", json.dumps(PANICKING_BPE), r"is no tok", id="odd merge"),
        pytest.param("vocab.txt", "", r"is empty; expected a vocabulary", id="empty file"),
        pytest.param("vocab.txt", "It was\nthe best\n", r"vocab.txt:1: 'It was' is no", id="prose"),
        pytest.param("vocab.txt", "[UNK]\n\na\n", r":2: an empty line is no token", id="a gap"),
        pytest.param("vocab.txt", "[UNK]\na\na\n", r":3: the token 'a' stands in", id="twice"),
        pytest.param("vocab.txt", "a\nb\n", r"has no \[UNK\]. Name .* --unk-token", id="no unk"),
        pytest.param("vocab.json", "{}", r"needs merges.txt beside it", id="no merges"),
        pytest.param("merges.txt", "a b", r"needs vocab.json beside it", id="no vocabulary"),
        pytest.param("t.bin", "\x00\x01", r"no JSON", id="bytes"),
    ],
)  # fmt: skip
def test_what_is_no_tokenizer_gets_one_clear_line(tmp_path, name, content, message, capfd):
    (tmp_path / name).write_text(content)
    with pytest.raises(TokenizerError, match=message) as error:
        load_tokenizer(str(tmp_path / name))
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)
    capfd.readouterr()


@pytest.mark.parametrize(
    ("vocab", "merges", "message"),
    [
        pytest.param(["a"], "", r"vocab.json is no tokenizer: JSON of another kind", id="a list"),
        pytest.param({"a": "b"}, "", r"vocab.json is no vocabulary", id="no numbers"),
        pytest.param({"a</w>": 0}, "", r"is no byte-level vocabulary", id="ends of words"),
        pytest.param({"\u0120a": 0}, "a b c\n", r"merges.txt:1: 'a b c' is no merge", id="no pair"),
        pytest.param({"\u0120a": 0}, "a b\n", r"is no tokenizer that the", id="unknown tokens"),
    ],
)
def test_what_is_no_byte_level_vocabulary_is_refused(tmp_path, vocab, merges, message):
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text(merges)
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(str(tmp_path / "vocab.json"))


def test_missing_paths_and_folders_without_a_tokenizer(tmp_path):
    with pytest.raises(TokenizerError, match=r"nowhere: no such file or folder. Expected a tok"):
        load_tokenizer(str(tmp_path / "nowhere"))
    with pytest.raises(TokenizerError, match=r"holds no tokenizer. Expected"):
        load_tokenizer(str(tmp_path))
    (tmp_path / "tokenizer.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(TokenizerError, match=r"invalid UTF-8 at byte 7"):
        load_tokenizer(str(tmp_path))


def test_a_file_too_large_to_be_a_tokenizer_is_not_read(tmp_path):
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(TokenizerError, match=r"has 1,099,511,627,776 bytes; expected"):
        load_tokenizer(str(path))


class Terminated(BaseException):
    """As the command line raises it at SIGTERM."""


@pytest.mark.parametrize("stop", [Terminated, KeyboardInterrupt, MemoryError])
def test_a_stop_while_loading_is_no_fault_of_the_file(stop):
    def interrupted():
        raise stop

    with pytest.raises(stop):
        guarded("t.json", interrupted)
