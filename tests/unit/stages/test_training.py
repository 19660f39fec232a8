import hashlib
import json
import os
import pydoc_data.topics
import subprocess
import sys

import naive
import pyarrow as pa
import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

from maskprep.config import TrainingConfig
from maskprep.encoders.building import build_tokenizer
from maskprep.errors import ConfigError, CorpusError
from maskprep.schema import RAW_DOCUMENTS
from maskprep.stages.document_sample import sample_documents
from maskprep.stages.merges import choose_alphabet, learn_vocabulary
from maskprep.stages.training import train_tokenizer
from maskprep.stages.word_counts import WordCounter

TOPICS = [text for _, text in sorted(pydoc_data.topics.topics.items())]
SMALL = TOPICS[:20]
MODELS = ["wordpiece", "bpe", "unigram"]
TEXTS = ["The cats sat.", "The cats slept on the mat.", "A cat! Ünder the mat, Éva sat."]


def documents(texts, ids=None, continues=None):
    ids = list(range(len(texts))) if ids is None else ids
    continues = [False] * len(texts) if continues is None else continues
    columns = [pa.array(ids), pa.array(continues), pa.array(texts, pa.large_string())]
    return pa.RecordBatch.from_arrays(columns, schema=RAW_DOCUMENTS)


def train(texts, **settings):
    return train_tokenizer([documents(texts)], TrainingConfig(**settings))


def vocabulary(trained):
    return json.loads(trained.tokenizer.to_str())["model"]["vocab"]


def counted(texts, config):
    empty = {"wordpiece": models.WordPiece, "bpe": models.BPE}[config.model]()
    counter = WordCounter(config.model)
    counter.add(documents(texts).column("text"))
    return counter.count_words(build_tokenizer(empty, config))


PROGRAM = """
import hashlib, sys
sys.path.insert(0, {folder!r})
import test_training
for model in test_training.MODELS:
    trained = test_training.train(test_training.SMALL, model=model, vocab_size=900)
    print(model, hashlib.sha256(trained.tokenizer.to_str().encode()).hexdigest())
"""


def test_every_process_learns_the_same_bytes():
    folder = os.path.dirname(__file__)  # noqa: PTH120 - part of a program's text
    paths = os.pathsep.join(path for path in sys.path if path)
    printed = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM.format(folder=folder)],
            env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": seed, **threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (
            ("0", {}),
            ("1", {"RAYON_NUM_THREADS": "1"}),
            ("77", {"TOKENIZERS_PARALLELISM": "false"}),
        )
    }
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == len(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_order_and_cut_of_batches_change_nothing(model):
    config = TrainingConfig(model=model, vocab_size=600)
    whole = train_tokenizer([documents(SMALL)], config)
    parts = [documents([text]) for text in reversed(SMALL)]
    first, second = SMALL[0].split("\n", 1)
    parts[-1:] = [documents([first + "\n", second], [0, 0], [False, True])]
    cut = train_tokenizer(parts, config)
    assert cut.tokenizer.to_str() == whole.tokenizer.to_str()
    assert cut.num_documents == whole.num_documents == len(SMALL)
    assert cut.num_bytes == whole.num_bytes


def test_bpe_merges_are_the_librarys_but_for_ties():
    config = TrainingConfig(model="bpe", vocab_size=420, lowercase=False)
    words, counts = counted(SMALL, config)
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=415, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    library.train_from_iterator(
        [line.strip() for text in SMALL for line in text.split("\n")], trainer
    )
    vocab = sorted(alphabet)
    spelled = {tuple(word): count for word, count in zip(words, counts.tolist(), strict=True)}
    twin = naive.learn_merges(
        spelled, vocab, "", 415, 2, tie=lambda pair: tuple(map(vocab.index, pair))
    )
    learned = json.loads(library.to_str())["model"]
    assert [tuple(pair) for pair in learned["merges"]] == twin
    assert list(learned["vocab"]) == vocab
    # The twin with our ties is what we learn; so nothing but the ties differs.
    vocab = sorted(alphabet)
    assert learn_vocabulary(words, counts, config).pairs == naive.learn_merges(
        spelled, vocab, "", 415, 2
    )


def test_wordpiece_tokens_are_the_librarys_but_for_ties():
    config = TrainingConfig(vocab_size=420, character_coverage=0.999)
    words, counts = counted(SMALL, config)
    ours = learn_vocabulary(words, counts, config).tokens
    alphabet = choose_alphabet(words, counts, config.character_coverage)
    first = [token for token in ours if len(token.removeprefix("##")) == 1 or token[0] == "["]
    # The library takes its ids from leading special tokens, so ties and alphabet are fixed.
    trainer = trainers.WordPieceTrainer(
        vocab_size=420,
        min_frequency=2,
        limit_alphabet=len(alphabet),
        special_tokens=[AddedToken(token, special=True) for token in first],
        show_progress=False,
    )
    library = build_tokenizer(models.WordPiece(unk_token="[UNK]"), config)
    lines = [line.strip() for text in SMALL for line in text.split("\n")]
    library.train_from_iterator(lines, trainer)
    learned = list(json.loads(library.to_str())["model"]["vocab"])
    vocab = list(first)
    known = set(alphabet)
    spelled = {}
    for word, count in zip(words, counts.tolist(), strict=True):
        pieces = [c if i == 0 else "##" + c for i, c in enumerate(word) if c in known]
        spelled[tuple(pieces)] = spelled.get(tuple(pieces), 0) + count
    naive.learn_merges(spelled, vocab, "##", 420, 2, tie=lambda pair: tuple(map(vocab.index, pair)))
    assert learned == vocab
    vocab = list(first)
    naive.learn_merges(spelled, vocab, "##", 420, 2)
    assert ours == vocab


def test_wordpiece_ids_begin_with_special_tokens_and_sorted_characters():
    trained = train(TEXTS, vocab_size=60, character_coverage=1.0, special_tokens=("[DOC]",))
    tokens = list(vocabulary(trained))
    assert tokens[:6] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DOC]"]
    letters = [token for token in tokens[6:] if len(token) == 1]
    continuing = [token for token in tokens if len(token) == 3 and token[:2] == "##"]
    assert tokens[6 : 6 + len(letters) + len(continuing)] == sorted(letters) + sorted(continuing)
    assert {"ü", "é", "the", "sat"} <= set(tokens)


def test_bpe_ids_begin_with_special_tokens_and_the_256_bytes():
    tokens = list(vocabulary(train(TEXTS, model="bpe", vocab_size=270)))
    assert tokens[:5] == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    assert tokens[5:261] == sorted(pre_tokenizers.ByteLevel.alphabet())


def test_unigram_ids_begin_with_special_tokens_and_fall_in_probability():
    pieces = vocabulary(train(SMALL, model="unigram", vocab_size=400))
    assert [token for token, _ in pieces[:5]] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    scores = [score for _, score in pieces[5:]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("coverage", [0.0, 0.5, 0.95, 0.99])
def test_unigram_tokens_have_no_characters_beyond_the_coverage(coverage):
    settings = {"model": "unigram", "vocab_size": 300, "character_coverage": coverage}
    config = TrainingConfig(**settings)
    counter = WordCounter("unigram")
    counter.add(documents(SMALL).column("text"))
    words, counts = counter.count_words(build_tokenizer(models.Unigram(), config))
    pieces = vocabulary(train(SMALL, **settings))[5:]
    found = {character for token, _ in pieces for character in token}
    assert found == set(choose_alphabet(words, counts, coverage))


@pytest.mark.parametrize("model", MODELS)
def test_pairs_have_the_models_own_template(model):
    tokenizer = train(SMALL, model=model, vocab_size=600).tokenizer
    pair = tokenizer.encode("class", "class")
    if model == "bpe":
        assert [t for t in pair.tokens if t[0] == "<"] == ["<s>", "</s>", "</s>", "</s>"]
        assert set(pair.type_ids) == {0}
    else:
        assert [t for t in pair.tokens if t[0] == "["] == ["[CLS]", "[SEP]", "[SEP]"]
        assert pair.type_ids == sorted(pair.type_ids)
        assert pair.type_ids.count(1) == len(tokenizer.encode("class").ids) - 1


@pytest.mark.parametrize("model", ["bpe", "unigram", "wordpiece"])
def test_text_decodes_to_itself(model):
    tokenizer = train(SMALL, model=model, vocab_size=600).tokenizer
    assert tokenizer.decode(tokenizer.encode("the class is a mapping").ids) == (
        "the class is a mapping"
    )


def test_accents_are_kept_unless_they_are_to_be_stripped():
    kept = train(["йод ёж йод ёж"], vocab_size=40).tokenizer
    stripped = train(["йод ёж йод ёж"], vocab_size=40, strip_accents=True).tokenizer
    assert kept.encode("Йод", add_special_tokens=False).tokens == ["йод"]
    assert stripped.encode("Йод", add_special_tokens=False).tokens == ["иод"]


def test_alphabet_is_the_commonest_characters_ties_by_code_point():
    words, counts = ["aab", "dc"], [10, 1]
    assert choose_alphabet(words, counts, 0.6) == ["a"]
    assert choose_alphabet(words, counts, 0.95) == ["a", "b", "c"]
    assert choose_alphabet(words, counts, 1.0) == ["a", "b", "c", "d"]


def test_share_of_unknown_tokens_counts_words_with_rare_characters():
    texts = ["a a a a a a a a a", "ж"]
    assert train(texts, vocab_size=20, character_coverage=0.9).unknown_share == 0.1
    assert train(texts, vocab_size=20, character_coverage=1.0).unknown_share == 0.0
    assert train(texts, model="bpe", vocab_size=300).unknown_share == 0.0


def test_a_short_text_gives_fewer_tokens_than_asked_for():
    trained = train(TEXTS, vocab_size=5000)
    assert trained.vocab_size == len(vocabulary(trained)) < 100


@pytest.mark.parametrize("model", MODELS)
def test_a_vocabulary_without_room_for_the_alphabet_is_refused(model):
    with pytest.raises(ConfigError, match=r"--vocab-size is 12, but 5 special tokens and [\d,]+ "):
        train(TEXTS, model=model, vocab_size=12)


@pytest.mark.parametrize("model", MODELS)
def test_the_smallest_vocabulary_that_is_accepted_is_learned(model):
    with pytest.raises(ConfigError) as caught:
        train(TEXTS, model=model, vocab_size=6)
    least = int(str(caught.value).split("need ")[1].split(".")[0])
    assert 0 < train(TEXTS, model=model, vocab_size=least).vocab_size <= least


@pytest.mark.parametrize("texts", [[], [""], [" \n\t\n "]], ids=["none", "empty", "blank"])
@pytest.mark.parametrize("model", MODELS)
def test_a_corpus_without_text_is_refused(model, texts):
    with pytest.raises(CorpusError, match="no text to train on"):
        train(texts, model=model)


@pytest.mark.parametrize("model", MODELS)
def test_odd_characters_are_learned_from(model):
    odd = "\x00nul \u2585 <unk> <s> [MASK] \ufffd \u200b\u200d \U0001f600 " + "long" * 3000
    assert train([odd, *SMALL], model=model, vocab_size=700).vocab_size > 300


def test_characters_of_special_names_in_the_text_are_learned():
    """As in WikiText, where rare words stand as <unk>."""
    trained = train(["the <unk> of <unk> </s> <s>"] * 20, model="unigram", vocab_size=40)
    assert {"<", ">"} <= set(trained.tokenizer.get_vocab())
    assert trained.unknown_share == 0.0


def test_sample_is_the_documents_with_the_smallest_hashes():
    ids = [50, 10, 40, 20, 30]
    texts = [f"{number} " * 30 for number in ids]
    size = len(texts[0]) + 1
    sample = list(sample_documents([documents(texts, ids)], 2 * size + 1))
    assert [batch.column("document_id")[0].as_py() for batch in sample] == [10, 20, 30]
    assert sample[0].column("text")[0].as_py() == texts[1]


def test_sample_does_not_depend_on_order_or_cut():
    ids = [int(hashlib.sha256(text.encode()).hexdigest()[:15], 16) for text in TOPICS]
    config = TrainingConfig(vocab_size=500, sample_bytes=60_000)
    whole = train_tokenizer([documents(TOPICS, ids)], config)
    parts = []
    for document_id, text in reversed(list(zip(ids, TOPICS, strict=True))):
        first, second = text.split("\n", 1)
        parts.append(documents([first + "\n", second], [document_id] * 2, [False, True]))
    cut = train_tokenizer(parts, config)
    assert cut == whole or cut.tokenizer.to_str() == whole.tokenizer.to_str()
    assert cut.num_bytes == whole.num_bytes
    assert 60_000 - 1 <= whole.num_bytes < 60_000 + max(map(len, TOPICS))
    assert whole.num_documents < len(TOPICS)


def test_a_document_longer_than_the_sample_is_cut_at_a_line():
    (batch,) = sample_documents([documents(["one\ntwo\nthree\nfour", "other"], [1, 2])], 6)
    assert batch.column("text")[0].as_py() == "one\ntwo"
