"""Sentence pairs against the readable twin, and what holds for every pair and every token."""

import itertools
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import naive
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.config import PairingConfig
from maskprep.kernels import pairing as kernels
from maskprep.schema import DOCUMENTS
from maskprep.stages import pairing
from maskprep.stages.pairing import PairingCounts, PairLayout, pair_sentences
from maskprep.storage.spool import SpooledCorpus, write_spool

CLS, SEP = 2, 3
FIRST_ID = 10
NUM_IDS = 2**16, 2**17
"""By turns: ids of 16 and of 32 bits."""
LAYOUTS = {
    "bert": PairLayout(
        np.array([CLS, SEP, SEP], np.int32), np.array([1, 1, 1]), np.array([0, 0, 0, 1, 1], np.int8)
    ),
    "roberta": PairLayout(
        np.array([CLS, SEP, SEP, SEP], np.int32), np.array([1, 2, 1]), np.zeros(5, np.int8)
    ),
}
CASES = settings(deadline=None, max_examples=60)

LONGEST_WORD = 6
WORDS = st.integers(1, LONGEST_WORD)
SENTENCES = st.lists(WORDS, min_size=1, max_size=5)
CORPORA = st.lists(st.lists(SENTENCES, max_size=6), min_size=1, max_size=5)
CONFIGS = st.builds(
    PairingConfig,
    max_seq_length=st.one_of(st.integers(6, 24), st.sampled_from([6, 64])),
    short_seq_prob=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    random_next_prob=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 2**64 - 1),
)
ORDERS = st.builds(
    PairingConfig,
    max_seq_length=st.one_of(st.integers(6, 24), st.sampled_from([6, 64])),
    short_seq_prob=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 2**64 - 1),
    objective=st.just("sop"),
)


def number_tokens(corpus):
    """Turn word lengths into tokens (id, whether a word begins): every token its own id."""
    ids = itertools.count(FIRST_ID)
    return [
        [[(next(ids), t == 0) for word in words for t in range(word)] for words in document]
        for document in corpus
    ]


def document_batch(documents, first=0):
    columns = {
        "document_id": [100 + first + d for d in range(len(documents))],
        "document_part": [0] * len(documents),
        "input_ids": [[token for s in document for token, _ in s] for document in documents],
        "sentence_lengths": [[len(s) for s in document] for document in documents],
        "word_starts": [[begins for s in document for _, begins in s] for document in documents],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in DOCUMENTS]
    return pa.record_batch(arrays, schema=DOCUMENTS)


def pair_corpus(documents, config, layout, cuts=(), duplicate=0):
    """Spool the documents, cut into several spools, and pair those of every spool."""
    counts = PairingCounts()
    edges = [0, *sorted(cuts), len(documents)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        budget = pairing.max_pair_tokens(layout, config)
        spools = [
            write_spool(
                [document_batch(documents[start:stop], start)],
                Path(folder) / str(place),
                budget,
                NUM_IDS[place % 2],
            )
            for place, (start, stop) in enumerate(itertools.pairwise(edges))
        ]
        corpus = SpooledCorpus(spools)
        for place in range(len(spools)):
            own = corpus.documents(place)
            batches = pair_sentences(own, corpus, layout, config, counts, duplicate)
            rows += [row for batch in batches for row in batch.to_pylist()]
    return rows, counts


def twin_rows(documents, config, layout, duplicate=0):
    """Return the rows that the twin makes, and how many tokens it trims and leaves unpaired."""
    specials = iter(layout.special_ids.tolist())
    specials = [list(itertools.islice(specials, n)) for n in layout.num_specials.tolist()]
    budget = config.max_seq_length - layout.special_ids.size
    pieces = [naive.cut_long_sentences(document, budget) for document in documents]
    num_sentences = sum(map(len, pieces))
    is_sop = config.objective == "sop"
    none_other = is_sop or max(map(len, pieces)) == num_sentences
    random_next = 0 if none_other else config.random_next_prob
    numbers = {
        "budget": budget,
        "short_threshold": round(config.short_seq_prob * 2**32),
        "random_threshold": round(random_next * 2**32),
        "seed": config.seed,
        "duplicate": duplicate,
    }
    rows, trimmed, unpaired = [], 0, 0
    for d, sentences in enumerate(pieces):
        others = [(o, s) for o in range(len(pieces)) if o != d for s in range(len(pieces[o]))]
        pairs, rest = naive.plan_pairs(sentences, 100 + d, len(others), numbers)
        unpaired += rest
        for chunk, (a, following, rank, target) in enumerate(pairs):
            document_b, b = d, following
            if following is None:
                document_b, first = others[rank]
                b = naive.gather_partner(pieces[document_b], first, target)
            coin = naive.draw(config.seed, naive.PAIR, duplicate, 100 + d, 256 * chunk)[3]
            is_swapped = is_sop and coin < 2**31
            first, second = (b, a) if is_swapped else (a, b)
            short_a, short_b = naive.trim_pair(first, second, 100 + d, chunk, numbers)
            trimmed += len(first) - len(short_a)
            trimmed += len(second) - len(short_b) if following else 0
            label = ("sentence_order_label", is_swapped)
            if not is_sop:
                label = ("next_sentence_label", following is None)
            ids, types, starts = naive.lay_out_pair(
                short_a, short_b, specials, layout.types.tolist()
            )
            rows.append(
                {
                    "example_id": naive.name_example(100 + d, chunk, duplicate),
                    "document_id": 100 + d,
                    "document_id_b": 100 + document_b,
                    "input_ids": ids,
                    "token_type_ids": types,
                    "word_starts": starts,
                    label[0]: int(label[1]),
                }
            )
    return rows, trimmed, unpaired


def segments_of(row):
    """Return A and B of a BERT row, special tokens left out."""
    first = row["input_ids"].index(SEP)
    return row["input_ids"][1:first], row["input_ids"][first + 1 : -1]


@CASES
@given(corpus=CORPORA, config=CONFIGS, layout=st.sampled_from(sorted(LAYOUTS)))
def test_rows_and_counts_are_those_of_the_twin(corpus, config, layout):
    documents = number_tokens(corpus)
    rows, counts = pair_corpus(documents, config, LAYOUTS[layout])
    expected, trimmed, unpaired = twin_rows(documents, config, LAYOUTS[layout])
    assert rows == expected
    assert (counts.tokens_trimmed, counts.tokens_unpaired) == (trimmed, unpaired)
    assert counts.pairs == len(rows)
    assert counts.random_pairs == sum(row["next_sentence_label"] for row in rows)
    assert counts.tokens == sum(len(row["input_ids"]) for row in rows)


@CASES
@given(corpus=CORPORA, config=ORDERS, duplicate=st.integers(0, 2**24 - 1))
def test_pairs_in_either_order_are_those_of_the_twin(corpus, config, duplicate):
    documents = number_tokens(corpus)
    rows, counts = pair_corpus(documents, config, LAYOUTS["bert"], duplicate=duplicate)
    expected, trimmed, unpaired = twin_rows(documents, config, LAYOUTS["bert"], duplicate)
    assert rows == expected
    assert (counts.tokens_trimmed, counts.tokens_unpaired) == (trimmed, unpaired)
    assert counts.swapped_pairs == sum(row["sentence_order_label"] for row in rows)
    assert counts.random_pairs == counts.random_tokens_trimmed == 0


@CASES
@given(corpus=CORPORA, seed=st.integers(0, 2**64 - 1))
def test_labels_of_order_are_true_and_no_segment_is_of_another_document(corpus, seed):
    documents = number_tokens(corpus)
    config = PairingConfig(max_seq_length=1000, seed=seed, objective="sop")
    rows, _ = pair_corpus(documents, config, LAYOUTS["bert"])
    for row in rows:
        a, b = segments_of(row)
        if row["sentence_order_label"]:
            a, b = b, a
        assert b[0] == a[-1] + 1
        assert row["document_id"] == row["document_id_b"]
    seen = sorted(token for row in rows for token in [*segments_of(row)[0], *segments_of(row)[1]])
    assert len(seen) == len(set(seen))


@CASES
@given(corpus=CORPORA, config=CONFIGS, duplicate=st.integers(1, 2**24 - 1))
def test_another_duplicate_has_pairs_of_its_own(corpus, config, duplicate):
    documents = number_tokens(corpus)
    rows, _ = pair_corpus(documents, config, LAYOUTS["bert"], duplicate=duplicate)
    first, _ = pair_corpus(documents, config, LAYOUTS["bert"])
    assert rows == twin_rows(documents, config, LAYOUTS["bert"], duplicate)[0]
    assert not {row["example_id"] for row in rows} & {row["example_id"] for row in first}


@CASES
@given(corpus=CORPORA, config=CONFIGS, data=st.data())
def test_rows_do_not_depend_on_how_the_corpus_is_spooled(corpus, config, data):
    documents = number_tokens(corpus)
    whole = pair_corpus(documents, config, LAYOUTS["bert"])
    cuts = data.draw(st.lists(st.integers(0, len(documents)), max_size=3))
    assert pair_corpus(documents, config, LAYOUTS["bert"], cuts) == whole


@CASES
@given(corpus=CORPORA, config=CONFIGS, rows=st.integers(1, 3))
def test_rows_do_not_depend_on_the_size_of_a_plan(corpus, config, rows):
    documents = number_tokens(corpus)
    whole = pair_corpus(documents, config, LAYOUTS["bert"])
    before = pairing.TOKENS_PER_BATCH
    pairing.TOKENS_PER_BATCH = rows * config.max_seq_length
    try:
        assert pair_corpus(documents, config, LAYOUTS["bert"]) == whole
    finally:
        pairing.TOKENS_PER_BATCH = before


@CASES
@given(corpus=CORPORA, config=CONFIGS)
def test_every_token_is_in_one_segment_or_counted(corpus, config):
    documents = number_tokens(corpus)
    rows, counts = pair_corpus(documents, config, LAYOUTS["bert"])
    seen = Counter()
    for row in rows:
        a, b = segments_of(row)
        seen.update(a)
        if row["next_sentence_label"] == 0:
            seen.update(b)
    assert set(seen.values()) <= {1}
    num_tokens = sum(len(sentence) for document in documents for sentence in document)
    assert seen.total() + counts.tokens_trimmed + counts.tokens_unpaired == num_tokens


@CASES
@given(corpus=CORPORA, config=CONFIGS)
def test_labels_are_true(corpus, config):
    documents = number_tokens(corpus)
    place = {token: d for d, document in enumerate(documents) for s in document for token, _ in s}
    rows, _ = pair_corpus(documents, config, LAYOUTS["bert"])
    for row in rows:
        a, b = segments_of(row)
        assert a == list(range(a[0], a[-1] + 1))
        assert b == list(range(b[0], b[-1] + 1))
        assert {place[token] + 100 for token in a} == {row["document_id"]}
        assert {place[token] + 100 for token in b} == {row["document_id_b"]}
        is_other = row["document_id"] != row["document_id_b"]
        assert is_other == (row["next_sentence_label"] == 1)
        # Between A and a B that follows it, only trimmed tokens can lie.
        assert is_other or a[-1] < b[0]


@CASES
@given(corpus=CORPORA, seed=st.integers(0, 2**64 - 1))
def test_without_trimming_a_following_segment_is_the_very_next_token(corpus, seed):
    documents = number_tokens(corpus)
    config = PairingConfig(max_seq_length=1000, random_next_prob=0.5, seed=seed)
    rows, counts = pair_corpus(documents, config, LAYOUTS["bert"])
    assert counts.tokens_trimmed == counts.random_tokens_trimmed == 0
    for row in rows:
        a, b = segments_of(row)
        assert row["next_sentence_label"] or b[0] == a[-1] + 1


@CASES
@given(document=st.lists(SENTENCES, max_size=8), config=CONFIGS)
def test_a_single_document_gives_no_random_pairs(document, config):
    rows, counts = pair_corpus(number_tokens([document, [], []]), config, LAYOUTS["bert"])
    assert counts.random_pairs == 0
    assert all(row["next_sentence_label"] == 0 for row in rows)
    assert all(row["document_id"] == row["document_id_b"] == 100 for row in rows)


@CASES
@given(corpus=CORPORA, config=CONFIGS)
def test_no_row_is_too_long_and_no_segment_is_empty(corpus, config):
    rows, _ = pair_corpus(number_tokens(corpus), config, LAYOUTS["bert"])
    for row in rows:
        assert len(row["input_ids"]) <= config.max_seq_length
        assert all(segments_of(row))


@CASES
@given(corpus=CORPORA, config=CONFIGS)
def test_segments_hold_whole_words_unless_no_word_fits(corpus, config):
    # Only a word longer than the budget is cut: such sentences have another test.
    config = replace(config, max_seq_length=max(config.max_seq_length, LONGEST_WORD + 3))
    documents = number_tokens(corpus)
    sentences = [sentence for document in documents for sentence in document]
    borders = {token for sentence in sentences for token, begins in sentence if begins}
    borders.add(sum(map(len, sentences)) + FIRST_ID)
    rows, _ = pair_corpus(number_tokens(corpus), config, LAYOUTS["bert"])
    for row in rows:
        for segment in segments_of(row):
            inside = [token for token in segment if token in borders]
            begins, ends = segment[0] in borders, segment[-1] + 1 in borders
            # A part of a word stands only where not one whole word is left.
            assert (begins and ends) or len(inside) <= 1


@CASES
@given(sentences=st.lists(SENTENCES, max_size=6), max_tokens=st.integers(1, 30), data=st.data())
def test_long_sentences_are_cut_as_the_twin_cuts_them(sentences, max_tokens, data):
    document = number_tokens([sentences])[0]
    # Now and then a sentence without any border: one endless word.
    if document and data.draw(st.booleans()):
        document[0] = [(token, False) for token, _ in document[0]] * data.draw(st.integers(1, 5))
    lengths = np.array([len(sentence) for sentence in document], np.int32)
    word_starts = np.array([begins for sentence in document for _, begins in sentence], np.bool_)
    room = 4 * (word_starts.size // max_tokens + lengths.size)
    pieces, cut = np.full(room + 1, -1, np.int64), np.zeros(1, np.int64)
    num_pieces = kernels.cut_long_sentences(lengths, word_starts, max_tokens, pieces, cut)
    expected = [len(piece) for piece in naive.cut_long_sentences(document, max_tokens)]
    assert pieces[:num_pieces].tolist() == expected
    assert max(expected, default=1) <= max_tokens
    assert num_pieces <= room
    assert cut[0] == np.count_nonzero(lengths > max_tokens)
