"""Words that the corpus tells apart, from files to shards: no id changes, words are whole."""

# ruff: noqa: RUF001 - the punctuation of Chinese.

import json
from itertools import accumulate, chain

import naive
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
from tokenizers import models, pre_tokenizers

from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PairingConfig,
    RunConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.encoders.loading import load_tokenizer
from maskprep.errors import ConfigError, CorpusError
from maskprep.pipeline import Corpus, prepare_corpus, tokenize_corpus, train_corpus
from maskprep.tasks.preparation import Recipe
from maskprep.tasks.running import Context

CONTEXT = Context(machine=RunConfig(workers=1))
SENTENCES = [
    ["我", "在", "北京", "大学", "学习", "Deep", " ", "Learning", "。"],
    ["他们", "说", "：", "“", "你好", "”", "！"],
    ["今天", "天气", "很", "好", "，", "我们", "去", "公园", "。"],
    ["\u0e19\u0e49\u0e33", "\u0e17\u0e35\u0e48", "\u0e14\u0e35"],
]
DOCUMENTS = [SENTENCES[:2], SENTENCES[2:], SENTENCES[::-1]]
TEXTS = ["\n".join("".join(words) for words in document) for document in DOCUMENTS]
SPACED = ["\n".join(" ".join(words) for words in document) for document in DOCUMENTS]
LISTS = [[*chain(*([*words, "\n"] for words in document))] for document in DOCUMENTS]


@pytest.fixture(scope="module", params=["wordpiece", "bytelevel", "unigram", "unigram-reference"])
def tokenizer(request, tmp_path_factory):
    """One for each encoder; pieces of WordPiece and of Unigram span words."""
    folder = tmp_path_factory.mktemp("tokenizer")
    letters = sorted(set("".join(TEXTS)) - set("\n "))
    if request.param == "bytelevel":
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        tokens = ["<s>", "</s>", "<mask>", "<unk>", *alphabet]
        merges = [("¨", "å")]  # The last byte of 在 and the first of 北.
        tokens += [a + b for a, b in merges]
        model = models.BPE({token: number for number, token in enumerate(tokens)}, merges)
        built = tokenizers.Tokenizer(model)
        built.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    elif request.param == "wordpiece":
        tokens = ["[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + one for one in letters)]
        tokens += ["##大学学"]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        built = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        built.pre_tokenizer = pre_tokenizers.Whitespace()
    else:
        pieces = [("<unk>", 0.0), ("\u2581", -2.0), *((one, -3.0) for one in letters)]
        built = tokenizers.Tokenizer(models.Unigram([*pieces, ("大学学", -1.0)], 0))
        built.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    path = folder / "tokenizer.json"
    built.save(str(path))
    wanted = "reference" if request.param.endswith("reference") else "auto"
    return load_tokenizer(str(path)), built, Context(machine=RunConfig(workers=1, encoder=wanted))


def write_corpus(folder, words):
    if words == "spaces":
        path = folder / "corpus.txt"
        path.write_text("\n\n".join(SPACED), encoding="utf-8")
    elif words == "list":
        path = folder / "corpus.jsonl"
        lines = [json.dumps({"text": words}) for words in LISTS]
        path.write_text("\n".join(lines), encoding="utf-8")
    elif words == "parquet":
        path = folder / "corpus.parquet"
        pq.write_table(pa.table({"other": [1, 2, 3], "text": LISTS}), path)
    else:
        path = folder / "plain.txt"
        path.write_text("\n\n".join(TEXTS), encoding="utf-8")
    return path


def tokenized(folder, words, tokenizer, context=CONTEXT, **settings):
    path = write_corpus(folder, words)
    words = {"parquet": "list"}.get(words, words)
    config = TokenizationConfig(**settings)
    corpus = Corpus([str(path)], CorpusConfig(words=words), config)
    target = folder / f"out-{path.name}-{len(list(folder.iterdir()))}"
    summary = tokenize_corpus(corpus, tokenizer, ShardConfig(), target, context)
    return pq.read_table(target / "data").to_pylist(), summary.manifest


@pytest.mark.parametrize("words", ["spaces", "list", "parquet"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"line_breaks": "space"}, {"encode": "document"}, {"sentences": "none"}],
    ids=["lines", "wrapped", "documents", "without-sentences"],
)
def test_ids_and_sentences_are_those_of_the_text_itself(tokenizer, tmp_path, words, settings):
    loaded, _, context = tokenizer
    expected, _ = tokenized(tmp_path, "tokenizer", loaded, context, **settings)
    found, manifest = tokenized(tmp_path, words, loaded, context, **settings)
    for name in ("input_ids", "sentence_lengths"):
        assert [row[name] for row in found] == [row[name] for row in expected]
    assert manifest["totals"]["text_bytes"] >= len("".join(TEXTS).encode())
    assert manifest["settings"]["words"] == {"parquet": "list"}.get(words, words)


@pytest.mark.parametrize("words", ["spaces", "list", "parquet"])
def test_words_are_the_given_ones_and_those_that_share_a_token_are_one(tokenizer, tmp_path, words):
    loaded, built, context = tokenizer
    found, manifest = tokenized(tmp_path, words, loaded, context)
    joined = 0
    for row, document in zip(found, DOCUMENTS, strict=True):
        places, borders, first = [], [], 0
        for words_of_line in document:
            line = "".join(words_of_line)
            ends = [sum(map(len, words_of_line[:n])) for n in range(len(words_of_line))]
            borders += [first + end for end in ends if not line[end].isspace()]
            spans = built.encode(line).offsets
            covered = [0, *accumulate((stop for _, stop in spans), max)]
            starts = [first_shown(line, start) for start, _ in spans]
            places.append(
                [
                    (first + start, begin >= before)
                    for start, (begin, _), before in zip(starts, spans, covered, strict=False)
                ]
            )
            first += len(line) + 1
        expected, number = naive.lay_words(borders, places)
        assert row["word_starts"] == expected
        joined += number
    assert manifest["changed"]["words_joined"] == joined
    assert joined > 0


def first_shown(line, place):
    """Return the place of the first character that is no space."""
    while line[place].isspace():
        place += 1
    return place


def test_masked_words_are_whole(tmp_path):
    path = write_corpus(tmp_path, "spaces")
    text = path.read_text(encoding="utf-8")
    path.write_text("\n\n".join([text] * 30), encoding="utf-8")
    recipe = Recipe(
        corpus=CorpusConfig(words="spaces"),
        training=TrainingConfig(vocab_size=200, min_frequency=1),
        pairing=PairingConfig(max_seq_length=32),
        masking=MaskingConfig(unit="word", keep=("word_starts",)),
    )
    prepare_corpus([str(path)], recipe, None, tmp_path / "shards", CONTEXT)
    whole = 0
    for row in pq.read_table(tmp_path / "shards" / "data").to_pylist():
        starts = [t for t, begins in enumerate(row["word_starts"]) if begins]
        for start, stop in zip(starts, [*starts[1:], len(row["word_starts"])], strict=True):
            chosen = row["loss_mask"][start:stop]
            assert len(set(chosen)) == 1
            whole += chosen[0] and stop - start > 1
    assert whole > 20


@pytest.mark.parametrize("words", ["spaces", "list", "parquet"])
def test_blocks_and_workers_change_nothing(toy_tokenizer, tmp_path, words):
    path = write_corpus(tmp_path, words)
    loaded = load_tokenizer(str(toy_tokenizer))
    made = []
    for workers, block_bytes in ((1, 2**20), (2, 50)):
        config = CorpusConfig(words={"parquet": "list"}.get(words, words), block_bytes=block_bytes)
        target = tmp_path / f"out-{workers}"
        context = Context(machine=RunConfig(workers=workers))
        tokenize_corpus(Corpus([str(path)], config), loaded, ShardConfig(), target, context)
        made.append(pq.read_table(target / "data").to_pylist())
    assert made[0] == made[1]


@pytest.mark.parametrize("words", ["spaces", "list"])
def test_a_tokenizer_is_trained_on_the_text_itself(tmp_path, words):
    config = TrainingConfig(model="unigram", vocab_size=90, min_frequency=1)
    made = []
    for kind in ("tokenizer", words):
        path = write_corpus(tmp_path, kind)
        train_corpus([str(path)], CorpusConfig(words=kind), config, tmp_path / kind, CONTEXT)
        made.append((tmp_path / kind / "tokenizer.json").read_bytes())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("name", "content", "words", "error", "message"),
    [
        (
            "a.txt",
            "a b",
            "list",
            ConfigError,
            r"--words is 'list', but .*a.txt is text",
        ),
        ("a.csv", "text\na b", "list", ConfigError, r"a.csv is csv"),
        ("a.jsonl", '{"text": "a"}', "list", CorpusError, r"a string, expected a list of strings"),
        (
            "a.jsonl",
            '{"text": ["a", 1]}',
            "list",
            CorpusError,
            r"is a list, expected a list of strings",
        ),
        (
            "a.jsonl",
            '{"text": ["a"]}',
            "tokenizer",
            CorpusError,
            r"expected a string\. --words list",
        ),
    ],
)
def test_what_holds_no_words_says_so(tmp_path, toy_tokenizer, name, content, words, error, message):
    path = tmp_path / name
    path.write_text(content)
    corpus = Corpus([str(path)], CorpusConfig(words=words))
    loaded = load_tokenizer(str(toy_tokenizer))
    with pytest.raises(error, match=message):
        tokenize_corpus(corpus, loaded, ShardConfig(), tmp_path / "out", CONTEXT)


@pytest.mark.parametrize(("column", "words"), [(["a"], "list"), ([["a"]], "tokenizer")])
def test_a_column_of_another_kind_says_so(tmp_path, toy_tokenizer, column, words):
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    corpus = Corpus([str(tmp_path / "a.parquet")], CorpusConfig(words=words))
    loaded = load_tokenizer(str(toy_tokenizer))
    with pytest.raises(ConfigError, match=r"column 'text' holds .*--words list"):
        tokenize_corpus(corpus, loaded, ShardConfig(), tmp_path / "out", CONTEXT)


def test_lists_with_nulls_and_without_words_are_left_out(tmp_path, toy_tokenizer):
    lists = [["the", "class"], None, [], ["a", None], [""], ["a"]]
    pq.write_table(
        pa.table({"text": pa.array(lists, pa.list_(pa.string()))}), tmp_path / "a.parquet"
    )
    corpus = Corpus([str(tmp_path / "a.parquet")], CorpusConfig(words="list"))
    loaded = load_tokenizer(str(toy_tokenizer))
    summary = tokenize_corpus(corpus, loaded, ShardConfig(), tmp_path / "out", CONTEXT)
    dropped = summary.manifest["dropped"]
    assert (dropped["null_text"], dropped["empty_text"]) == (2, 2)
    assert summary.manifest["totals"]["documents"] == 2


def test_a_list_that_cannot_be_held_is_left_out(tmp_path, toy_tokenizer):
    lists = [["a"], ["word"] * 4_000_000, ["b"]]
    pq.write_table(pa.table({"text": lists}), tmp_path / "a.parquet")
    corpus = Corpus([str(tmp_path / "a.parquet")], CorpusConfig(words="list", on_invalid="skip"))
    loaded = load_tokenizer(str(toy_tokenizer))
    summary = tokenize_corpus(corpus, loaded, ShardConfig(), tmp_path / "out", CONTEXT)
    assert summary.manifest["dropped"]["too_long"] == 1
    assert summary.manifest["totals"]["documents"] == 2
