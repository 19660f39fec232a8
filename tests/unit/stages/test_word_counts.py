# ruff: noqa: RUF001 - Chinese text has Chinese punctuation
import json
import lzma
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import models

from maskprep.config import TrainingConfig
from maskprep.encoders.building import build_tokenizer
from maskprep.stages import word_counts
from maskprep.stages.word_counts import WordCounter

EMPTY = {"wordpiece": models.WordPiece, "bpe": models.BPE, "unigram": models.Unigram}
ODD_TEXTS = [
    "It's  two   spaces,\tand tabs \t here.\n\n \u3000Indented line \u00a0 \n",
    "don't 'tis they'LL a 's b 't' \u00a0's x\u2003 y  \u2003 z \u3000 '",
    "猫在桌子上，狗在床下。“好”，他说：走！ 再见 ，好\nかな交じり文、です。",
    "e\u0301te\u0301 \u0301 alone \u0301\u0301 x \u200b zero\u200bwidth",
    "\x0bcontrols \x0b\x0c\x1c\x85 end\u2028more\x1f",
    "İstanbul ΣΑΣ ﬁne ½ \U00020000\U0001f600\U0002f800 \ufffd \x00nul a\rb",
    "   ",
    "",
]


def tokenizer_for(config):
    return build_tokenizer(EMPTY[config.model](), config)


def count(texts, config):
    counter = WordCounter(config.model)
    for text in texts:
        counter.add(pa.array([text], pa.large_string()))
    words, counts = counter.count_words(tokenizer_for(config))
    return dict(zip(words, counts.tolist(), strict=True))


def count_with_library(texts, config):
    """Every line through the library's own normaliser and pre-tokenizer."""
    tokenizer = tokenizer_for(config)
    counts = Counter()
    for text in texts:
        for line in text.split("\n"):
            normal = line.strip()
            if not normal:
                continue
            if tokenizer.normalizer is not None:
                normal = tokenizer.normalizer.normalize_str(normal)
            counts.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal))
    return dict(counts)


CONFIGS = [
    pytest.param(TrainingConfig(model=model, lowercase=lowercase, strip_accents=strip), id=name)
    for model in ("wordpiece", "bpe")
    for lowercase, strip, name in (
        (True, False, f"{model}-lower"),
        (False, False, f"{model}-cased"),
        (True, True, f"{model}-stripped"),
    )
]


@pytest.mark.parametrize("config", CONFIGS)
def test_words_are_the_librarys_words_on_odd_texts(config):
    assert count(ODD_TEXTS, config) == count_with_library(ODD_TEXTS, config)


@pytest.mark.parametrize("config", CONFIGS)
@settings(max_examples=80, deadline=None)
@given(
    text=st.text(
        st.one_of(
            st.sampled_from(" \n'，。中国 ab\t\u00a0\u3000\u0301\u2003st!\r"),
            st.characters(exclude_categories=["Cs"]),
        ),
        max_size=40,
    )
)
@example(text="a \u0301\n\u0301 b \u0301")
def test_words_are_the_librarys_words(config, text):
    assert count([text], config) == count_with_library([text], config)


def test_unigram_words_carry_the_sign_for_a_space():
    config = TrainingConfig(model="unigram")
    texts = ["Ａ small  cat\nsat on a ﬁsh", "猫 sat"]
    assert count(texts, config) == count_with_library(texts, config)
    assert count(texts, config)["▁a"] == 2


@pytest.mark.parametrize("model", ["wordpiece", "bpe", "unigram"])
def test_tables_grow_within_a_line(model):
    config = TrainingConfig(model=model)
    words = [f"{'long' * 6}{number:x}" for number in range(90_000)]
    line = "  " + " ".join(words)
    expected = count_with_library([line], config)
    assert count([line, line], config) == {word: 2 * n for word, n in expected.items()}


def test_a_slice_of_an_array_is_counted_as_it_stands():
    counter = WordCounter("wordpiece")
    counter.add(pa.array(["left out", "taken", "taken too", "out"], pa.large_string()).slice(1, 2))
    words, counts = counter.count_words(tokenizer_for(TrainingConfig()))
    assert dict(zip(words, counts.tolist(), strict=True)) == {"taken": 2, "too": 1}
    assert counter.num_bytes == len("takentaken too")


def test_chinese_text_takes_memory_for_its_characters_only():
    counter = WordCounter("wordpiece")
    characters = [chr(0x4E00 + i) for i in range(500)]
    rng = np.random.default_rng(0)
    lines = ["".join(rng.permuted(characters)) for _ in range(40)]
    counter.add(pa.array(["\n".join(lines)], pa.large_string()))
    assert counter.num_chunks == 500


@pytest.mark.shared_data
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", ["udhr_a", "zh_prose_a"])
def test_words_are_the_librarys_words_in_real_text(shared_data, config, name):
    with lzma.open(shared_data / "text" / f"{name}.jsonl.xz", "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file][:150]
    assert count(texts, config) == count_with_library(texts, config)


def test_rare_words_are_forgotten_when_there_are_too_many_and_that_is_counted(monkeypatch):
    monkeypatch.setattr(word_counts, "_FIRST_CHUNKS", 8)
    monkeypatch.setattr(word_counts, "MOST_CHUNKS", 16)
    counter = WordCounter("wordpiece")
    rare = [f"rare{number:04d}" for number in range(100)]
    text = "\n".join(f"often {word} twice twice" for word in rare)
    counter.add(pa.array([text], pa.large_string()))
    words, counts = counter.count_words(tokenizer_for(TrainingConfig()))
    found = dict(zip(words, counts.tolist(), strict=True))
    assert counter.num_chunks <= 16
    assert (found["often"], found["twice"]) == (100, 200)
    assert counter.num_forgotten > 50
    assert sum(found.values()) + counter.num_forgotten == 400


def test_forgetting_does_not_depend_on_how_text_is_cut_into_batches(monkeypatch):
    monkeypatch.setattr(word_counts, "_FIRST_CHUNKS", 8)
    monkeypatch.setattr(word_counts, "MOST_CHUNKS", 16)
    lines = [f"a{number % 7} b{number % 31} c{number}" for number in range(200)]
    once, many = WordCounter("wordpiece"), WordCounter("wordpiece")
    once.add(pa.array(["\n".join(lines)], pa.large_string()))
    for line in lines:
        many.add(pa.array([line], pa.large_string()))
    tokenizer = tokenizer_for(TrainingConfig())
    (words, counts), (words_again, counts_again) = (
        counter.count_words(tokenizer) for counter in (once, many)
    )
    assert words == words_again
    np.testing.assert_array_equal(counts, counts_again)
    assert once.num_forgotten == many.num_forgotten > 0


@pytest.mark.parametrize("config", CONFIGS)
def test_counts_of_parts_add_up_to_those_of_the_whole(monkeypatch, config):
    monkeypatch.setattr(word_counts, "_FIRST_CHUNKS", 4)
    parts = [["one two two", "three"], [], ["two four\nfive"], ["six seven eight nine ten two"]]
    whole, added = WordCounter(config.model), WordCounter(config.model)
    for texts in parts:
        part = WordCounter(config.model)
        for counter in (whole, part):
            counter.add(pa.array(texts, pa.large_string()))
        added.add_counted(part.table())
    tokenizer = tokenizer_for(config)
    words, counts = whole.count_words(tokenizer)
    words_again, counts_again = added.count_words(tokenizer)
    assert words == words_again
    np.testing.assert_array_equal(counts, counts_again)
    assert added.num_bytes == whole.num_bytes > 0
