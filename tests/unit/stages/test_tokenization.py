"""Raw text becomes documents: lines, sentences, special tokens in the text."""

from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers

from maskprep.config import TokenizationConfig
from maskprep.encoders.loading import tokenizer_from_json
from maskprep.encoders.reference import ReferenceEncoder
from maskprep.errors import CorpusError
from maskprep.schema import DOCUMENTS, RAW_DOCUMENTS
from maskprep.stages.tokenization import TokenizationCounts, tokenize_documents

TOKENS = ["[UNK]", "[MASK]", "the", "cat", "##s", "sat", "they", ".", "[", "]", "mask", "\u4e2d"]


def split_at_stops(data, lines, _language):
    """Begin a sentence behind each full stop and the white space after it."""
    found = []
    for start, end in lines.tolist():
        line = data[start:end].tobytes()
        stops = [i + 1 for i in range(len(line)) if line[i : i + 1] == b"."]
        behind = [stop + len(line[stop:]) - len(line[stop:].lstrip()) for stop in stops]
        found.append([start, *(start + at for at in behind if at < len(line))])
    return np.array([*map(len, found)], np.int64), np.array([*chain(*found)], np.int64)


def encoder_for(*, parse_special_tokens=False):
    vocab = {token: number for number, token in enumerate(TOKENS)}
    built = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    built.normalizer = normalizers.BertNormalizer()
    built.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    loaded = tokenizer_from_json(
        built.to_str(), {}, "toy", parse_special_tokens=parse_special_tokens
    )
    return ReferenceEncoder(loaded)


ENCODER = encoder_for()


def raw(texts, continues=None):
    return pa.RecordBatch.from_arrays(
        [
            pa.array(np.arange(len(texts)) + 7),
            pa.array(continues or [False] * len(texts)),
            pa.array(texts, pa.large_string()),
        ],
        schema=RAW_DOCUMENTS,
    )


def tokenize(batch, encoder=ENCODER, **settings):
    counts = TokenizationCounts()
    config = TokenizationConfig(**settings)
    rows = tokenize_documents(batch, encoder, split_at_stops, config, counts)
    rows.validate(full=True)
    return rows, counts


def words_and_lengths(text, **settings):
    row = tokenize(raw([text]), **settings)[0].to_pylist()[0]
    return " ".join(TOKENS[i] for i in row["input_ids"]), row["sentence_lengths"]


def test_a_document_becomes_ids_sentences_and_word_starts():
    rows, counts = tokenize(raw(["The cats sat. They sat", "\u4e2d\u4e2d dog"]))
    assert rows.schema.equals(DOCUMENTS)
    assert rows.to_pylist() == [
        {
            "document_id": 7,
            "document_part": 0,
            "input_ids": [2, 3, 4, 5, 7, 6, 5],
            "sentence_lengths": [5, 2],
            "word_starts": [True, True, False, True, True, True, True],
        },
        {
            "document_id": 8,
            "document_part": 0,
            "input_ids": [11, 11, 0],
            "sentence_lengths": [3],
            "word_starts": [True, True, True],
        },
    ]
    assert counts == TokenizationCounts(
        documents=2, lines=2, sentences=3, tokens=10, unknown_tokens=1
    )


@pytest.mark.parametrize(
    ("settings", "lengths"),
    [
        pytest.param({}, [4, 2, 2, 3], id="sentences within lines"),
        pytest.param({"sentences": "lines"}, [4, 4, 3], id="lines"),
        pytest.param({"sentences": "none"}, [11], id="the document"),
        pytest.param({"line_breaks": "space"}, [4, 2, 2, 3], id="paragraphs, split"),
        pytest.param({"line_breaks": "space", "sentences": "lines"}, [8, 3], id="paragraphs"),
        pytest.param({"encode": "document"}, [4, 2, 2, 3], id="encoded whole, split"),
        pytest.param({"encode": "document", "sentences": "lines"}, [4, 4, 3], id="encoded whole"),
    ],
)
def test_what_is_a_sentence(settings, lengths):
    text = " the cat sat.\r\nsat. they sat \n\u3000\nthe cats\n"
    words = "the cat sat . sat . they sat the cat ##s"
    assert words_and_lengths(text, **settings) == (words, lengths)


def test_a_sentence_goes_on_over_a_line_break_that_is_a_space():
    text = "the cat\nsat. they\nsat"
    assert words_and_lengths(text, line_breaks="space")[1] == [4, 2]
    assert words_and_lengths(text)[1] == [2, 2, 1, 1]


TEXTS = st.lists(
    st.lists(
        st.sampled_from(
            ["the", " ", "cats", ".", "\n", "\r\n", "\u4e2d", "dog", "\u3000", "[MASK]"]
        )
    ).map("".join),
    max_size=4,
)


@given(TEXTS, st.sampled_from(["line", "document"]), st.sampled_from(["boundary", "space"]))
def test_sentences_never_change_an_id(texts, encode, line_breaks):
    kinds = [
        tokenize(raw(texts), sentences=sentences, encode=encode, line_breaks=line_breaks)[0]
        for sentences in ("split", "lines", "none")
    ]
    for rows in kinds:
        assert rows.column("input_ids").equals(kinds[0].column("input_ids"))
        assert rows.column("word_starts").equals(kinds[0].column("word_starts"))
        for row in rows.to_pylist():
            assert sum(row["sentence_lengths"]) == len(row["input_ids"])
            assert 0 not in row["sentence_lengths"]
            assert len(row["word_starts"]) == len(row["input_ids"])


@given(TEXTS)
def test_a_slice_gives_the_rows_of_the_whole(texts):
    whole = tokenize(raw(["they.", *texts, "sat"]))[0]
    part = tokenize(raw(["they.", *texts, "sat"]).slice(1, len(texts)))[0]
    assert part.to_pylist() == whole.slice(1, len(texts)).to_pylist()


def test_encoding_lines_drops_their_outer_white_space_only():
    assert words_and_lengths("\u2028the  cat\u00a0\n \n\t\nsat")[0] == "the cat sat"
    rows, counts = tokenize(raw(["", " \n\u3000\r\n"]))
    assert rows.column("input_ids").to_pylist() == [[], []]
    assert (counts.documents, counts.lines, counts.tokens) == (2, 0, 0)


def test_rows_that_go_on_are_told_from_new_documents():
    rows, counts = tokenize(raw(["the", "cat", "sat"], [False, True, False]))
    assert rows.column("document_part").to_pylist() == [0, 1, 0]
    assert counts.documents == 2


def test_other_columns_are_carried_along():
    batch = raw(["the", "cat"]).append_column("url", pa.array(["a", "b"]))
    rows, _ = tokenize(batch)
    assert rows.schema.names == [*DOCUMENTS.names, "url"]
    assert rows.column("url").to_pylist() == ["a", "b"]


def test_long_words_are_cut_and_counted():
    rows, counts = tokenize(raw(["cat" + "s" * 40]))
    starts = rows.column("word_starts").to_pylist()[0]
    assert [t for t, begins in enumerate(starts) if begins] == [0, 16, 32]
    assert counts.words_cut == 1


def test_special_tokens_in_the_text_are_text_and_counted():
    texts = ["[MASK] [MASK]", "the cat", "[MASK", "MASK]"]
    rows, counts = tokenize(raw(texts))
    assert rows.column("input_ids").to_pylist()[0] == [8, 10, 9, 8, 10, 9]
    assert counts.special_tokens_in_text == 2


@pytest.mark.parametrize("texts", [["the [MA", "SK] sat"], ["[MASK", "[[]"], ["the [MASK"]])
def test_a_part_of_a_special_token_is_not_counted(texts):
    assert tokenize(raw(texts))[1].special_tokens_in_text == 0


def test_special_tokens_in_the_text_can_be_parsed():
    parsing = encoder_for(parse_special_tokens=True)
    rows, counts = tokenize(raw(["the [MASK]"]), parsing, special_tokens_in_text="parse")
    assert rows.column("input_ids").to_pylist() == [[2, 1]]
    assert counts.special_tokens_in_text == 1


def test_special_tokens_in_the_text_can_be_an_error():
    message = r"document 8 spells the special token \[MASK\]; expected none in the text\."
    with pytest.raises(CorpusError, match=message):
        tokenize(raw(["the", "a [MASK]"]), special_tokens_in_text="error")
    tokenize(raw(["the", "a mask"]), special_tokens_in_text="error")
