"""Packed sequences against the readable twin, and what holds for every row and every token."""

import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import naive
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.config import PackingConfig
from maskprep.encoders.templates import PairTemplate
from maskprep.kernels import packing as kernels
from maskprep.schema import DOCUMENTS, examples_schema
from maskprep.stages import best_fit, packing
from maskprep.stages.packing import PackingCounts, pack_documents
from maskprep.stages.row_layout import SequenceLayout
from maskprep.storage.spool import SpooledCorpus, write_spool
from maskprep.tasks.packing import UNCUT

CLS, SEP, EOS = 2, 3, 4
FIRST_ID, FIRST_DOCUMENT = 10, 100
NUM_IDS = 2**16, 2**17
"""By turns: ids of 16 and of 32 bits."""
LAYOUTS = {
    "bert": SequenceLayout(*(np.array(part, np.int32) for part in ([CLS], [SEP], [SEP]))),
    "no end": SequenceLayout(*(np.array(part, np.int32) for part in ([CLS], [SEP, EOS], []))),
}
TYPES = np.array([0, 0, 0, 1, 1], np.int8)
CASES = settings(deadline=None, max_examples=60)
SENTENCES = st.lists(st.integers(1, 6), min_size=1, max_size=5)
CORPORA = st.lists(st.lists(SENTENCES, max_size=6), min_size=1, max_size=8)
CONFIGS = st.one_of(
    st.builds(
        PackingConfig,
        max_seq_length=st.one_of(st.integers(3, 24), st.just(64)),
        short_seq_prob=st.sampled_from([0.0, 0.5, 1.0]),
        boundaries=st.sampled_from(["cross", "document"]),
        seed=st.integers(0, 2**64 - 1),
    ),
    st.builds(
        PackingConfig,
        max_seq_length=st.one_of(st.integers(3, 24), st.just(150)),
        boundaries=st.just("best-fit"),
    ),
    st.builds(
        PackingConfig,
        max_seq_length=st.one_of(st.integers(5, 24), st.just(64)),
        short_seq_prob=st.sampled_from([0.0, 0.5, 1.0]),
        boundaries=st.just("document"),
        two_segments_prob=st.sampled_from([0.5, 1.0]),
        seed=st.integers(0, 2**64 - 1),
    ),
)


def number_tokens(corpus):
    """Turn word lengths into tokens (id, whether a word begins): every token its own id."""
    ids = itertools.count(FIRST_ID)
    return [
        [[(next(ids), t == 0) for word in words for t in range(word)] for words in document]
        for document in corpus
    ]


def document_batch(documents, first):
    columns = {
        "document_id": [FIRST_DOCUMENT + first + d for d in range(len(documents))],
        "document_part": [0] * len(documents),
        "input_ids": [[token for s in document for token, _ in s] for document in documents],
        "sentence_lengths": [[len(s) for s in document] for document in documents],
        "word_starts": [[begins for s in document for _, begins in s] for document in documents],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in DOCUMENTS]
    return pa.record_batch(arrays, schema=DOCUMENTS)


def spool_corpus(documents, folder, cuts=()):
    edges = [0, *sorted(cuts), len(documents)]
    return SpooledCorpus(
        [
            write_spool(
                [document_batch(documents[a:b], a)],
                Path(folder) / str(place),
                UNCUT,
                NUM_IDS[place % 2],
            )
            for place, (a, b) in enumerate(itertools.pairwise(edges))
        ]
    )


def layout_for(layout, config):
    """Return the layout with that of a pair, where rows are divided."""
    if not config.two_segments_prob:
        return layout
    return replace(layout, pair=PairTemplate(layout.before, layout.separator, layout.after, TYPES))


def pack_corpus(documents, config, layout, *, cuts=(), has_sentences=True):
    counts = PackingCounts()
    layout = layout_for(layout, config)
    with tempfile.TemporaryDirectory() as folder:
        corpus = spool_corpus(documents, folder, cuts)
        ranges = corpus.documents_between(0, 2**40)
        batches = list(
            pack_documents(ranges, corpus, layout, config, counts, has_sentences=has_sentences)
        )
    kind = "segments" if config.two_segments_prob else "packed"
    assert all(batch.schema.equals(examples_schema(kind)) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()], counts


def twin_rows(documents, config, layout, *, has_sentences):
    """Return the twin's rows, and its counts of cut sentences and words."""
    before, separator, after = (
        part.tolist() for part in (layout.before, layout.separator, layout.after)
    )
    budget = config.max_seq_length - len(before) - len(after)
    numbers = {
        "budget": budget,
        "separator": len(separator),
        "crosses": config.boundaries == "cross",
        "longest_whole": 0,
        "short_threshold": round(config.short_seq_prob * 2**32),
        "divided_threshold": round(config.two_segments_prob * 2**32),
        "divider": len(separator) if config.two_segments_prob else 0,
        "seed": config.seed,
    }
    if has_sentences:
        numbers["longest_whole"] = budget - numbers["divider"]
    ids = [FIRST_DOCUMENT + d for d in range(len(documents))]
    filled, sentences_cut, words_cut = naive.fill_rows(documents, ids, numbers)
    own = config.boundaries == "best-fit"
    if own:
        pieces = [row[0] for row in filled]
        sizes = [len(tokens) + len(before) + len(after) for _, tokens in pieces]
        rows = naive.fit_best(sizes, config.max_seq_length)
        filled = [[p for p, r in zip(pieces, rows, strict=True) if r == n] for n in set(rows)]
        filled.sort(key=lambda row: row[0][1][0][0])
    first_tokens = {d: s[0][0][0] for d, s in enumerate(documents) if s}
    made = []
    for row in filled:
        d, tokens = row[0]
        place = tokens[0][0] - first_tokens[d]
        input_ids, starts, lengths = naive.lay_out_sequences(row, before, separator, after, own=own)
        of_segments = {}
        if config.two_segments_prob:
            sentences = [sentence[0][0] - first_tokens[d] for sentence in documents[d]]
            in_a = naive.divide_row(tokens, sentences, ids[d], place, numbers)
            parts = (before, separator, after)
            input_ids, types, starts = naive.lay_out_segments(tokens, in_a, *parts)
            lengths = [len(input_ids)]
            of_segments = {"token_type_ids": types}
        made.append(
            {
                "example_id": naive.name_example(ids[d], place, 0),
                "document_id": ids[d],
                "input_ids": input_ids,
                "word_starts": starts,
                "sequence_lengths": lengths,
                **of_segments,
            }
        )
    return made, sentences_cut, words_cut


def tokens_of(row):
    return [token for token in row["input_ids"] if token >= FIRST_ID]


@CASES
@given(
    corpus=CORPORA,
    config=CONFIGS,
    layout=st.sampled_from(sorted(LAYOUTS)),
    has_sentences=st.booleans(),
)
def test_rows_and_counts_are_those_of_the_twin(corpus, config, layout, has_sentences):
    documents = number_tokens(corpus)
    rows, counts = pack_corpus(documents, config, LAYOUTS[layout], has_sentences=has_sentences)
    expected, *cut = twin_rows(documents, config, LAYOUTS[layout], has_sentences=has_sentences)
    assert rows == expected
    assert [counts.sentences_cut, counts.words_split] == cut
    assert counts.rows == len(rows)
    assert counts.sequences == sum(len(row["sequence_lengths"]) for row in rows)
    assert counts.tokens == sum(len(row["input_ids"]) for row in rows)


@CASES
@given(corpus=CORPORA, config=CONFIGS, has_sentences=st.booleans(), data=st.data())
def test_rows_do_not_depend_on_spools_and_batches(corpus, config, has_sentences, data):
    documents = number_tokens(corpus)
    whole = pack_corpus(documents, config, LAYOUTS["bert"], has_sentences=has_sentences)
    cuts = data.draw(st.lists(st.integers(0, len(documents)), max_size=3))
    with_small = {
        (packing, "TOKENS_PER_BATCH"): data.draw(st.integers(1, 30)),
        (packing, "SEGMENTS_AT_ONCE"): data.draw(st.integers(1, 4)),
        (best_fit, "TOKENS_PER_BATCH"): data.draw(st.integers(1, 30)),
    }
    before = {place: getattr(*place) for place in with_small}
    try:
        for place, value in with_small.items():
            setattr(*place, value)
        again = pack_corpus(
            documents, config, LAYOUTS["bert"], cuts=cuts, has_sentences=has_sentences
        )
    finally:
        for place, value in before.items():
            setattr(*place, value)
    assert again == whole


@CASES
@given(corpus=CORPORA, at_once=st.integers(1, 9), data=st.data())
def test_the_best_fit_is_looked_for_among_the_same_pieces(corpus, at_once, data):
    documents = number_tokens(corpus)
    config = PackingConfig(max_seq_length=20, boundaries="best-fit")
    cuts = data.draw(st.lists(st.integers(0, len(documents)), max_size=3))
    before = best_fit.PIECES_AT_ONCE
    best_fit.PIECES_AT_ONCE = at_once
    try:
        whole = pack_corpus(documents, config, LAYOUTS["bert"])
        assert pack_corpus(documents, config, LAYOUTS["bert"], cuts=cuts) == whole
    finally:
        best_fit.PIECES_AT_ONCE = before


@CASES
@given(corpus=CORPORA, config=CONFIGS, has_sentences=st.booleans())
def test_every_token_is_in_one_row(corpus, config, has_sentences):
    documents = number_tokens(corpus)
    rows, _ = pack_corpus(documents, config, LAYOUTS["bert"], has_sentences=has_sentences)
    seen = [token for row in rows for token in tokens_of(row)]
    if config.boundaries == "best-fit":
        seen.sort()
    assert seen == list(range(FIRST_ID, FIRST_ID + len(seen)))
    assert len(seen) == sum(len(s) for document in documents for s in document)
    for row in rows:
        assert len(row["input_ids"]) <= config.max_seq_length
        assert sum(row["sequence_lengths"]) == len(row["input_ids"]) == len(row["word_starts"])
        assert tokens_of(row) == sorted(tokens_of(row))


@CASES
@given(corpus=CORPORA, config=CONFIGS)
def test_a_sequence_holds_the_tokens_of_one_document(corpus, config):
    documents = number_tokens(corpus)
    owners = {token: d for d, document in enumerate(documents) for s in document for token, _ in s}
    rows, counts = pack_corpus(documents, config, LAYOUTS["bert"])
    parts_of = dict.fromkeys(owners.values(), 0)
    for row in rows:
        ends = list(itertools.accumulate(row["sequence_lengths"], initial=0))
        found = []
        for start, stop in itertools.pairwise(ends):
            part = row["input_ids"][start:stop]
            found += {owners[token] for token in part if token >= FIRST_ID}
            assert part[-1] == SEP
            assert (part[0] == CLS) == (start == 0 or config.boundaries == "best-fit")
        assert len(found) == len(row["sequence_lengths"])
        assert row["document_id"] == FIRST_DOCUMENT + found[0]
        for d in found:
            parts_of[d] += 1
        if config.boundaries == "document":
            assert len(found) == 1
    assert counts.documents_split == sum(parts > 1 for parts in parts_of.values())


@CASES
@given(corpus=CORPORA, config=CONFIGS)
def test_sentences_and_documents_that_fit_are_not_cut(corpus, config):
    documents = number_tokens(corpus)
    rows, _ = pack_corpus(documents, config, LAYOUTS["bert"])
    whole = [list(document) for document in documents]
    if config.boundaries == "best-fit":
        whole = [[[token for s in document for token in s]] for document in documents if document]
    row_of = {token: r for r, row in enumerate(rows) for token in tokens_of(row)}
    specials = 3 if config.two_segments_prob else 2
    for piece in (piece for document in whole for piece in document):
        if len(piece) + specials <= config.max_seq_length:
            assert len({row_of[token] for token, _ in piece}) == 1


@CASES
@given(corpus=CORPORA, config=CONFIGS, has_sentences=st.booleans())
def test_no_word_is_cut_that_fits_a_row(corpus, config, has_sentences):
    documents = number_tokens(corpus)
    rows, counts = pack_corpus(documents, config, LAYOUTS["bert"], has_sentences=has_sentences)
    begins = {token: b for document in documents for s in document for token, b in s}
    inside = sum(
        not begins[token]
        for row in rows
        for token, before in zip(row["input_ids"][1:], row["input_ids"], strict=False)
        if token >= FIRST_ID and before in (CLS, SEP)
    )
    assert (inside > 0) <= (counts.words_split > 0)
    assert counts.words_split == 0 or config.max_seq_length < 6 + 3 or config.short_seq_prob > 0


DIVIDED = st.builds(
    PackingConfig,
    max_seq_length=st.integers(5, 40),
    short_seq_prob=st.sampled_from([0.0, 0.5]),
    boundaries=st.just("document"),
    two_segments_prob=st.just(1.0),
    seed=st.integers(0, 2**64 - 1),
)


@CASES
@given(corpus=CORPORA, config=DIVIDED, has_sentences=st.booleans())
def test_every_row_is_divided_at_a_sentence_or_else_at_a_word(corpus, config, has_sentences):
    documents = number_tokens(corpus)
    firsts = {sentence[0][0] for document in documents for sentence in document}
    begins = {token: b for document in documents for s in document for token, b in s}
    rows, counts = pack_corpus(documents, config, LAYOUTS["bert"], has_sentences=has_sentences)
    at_words = alone = 0
    for row in rows:
        tokens, types = tokens_of(row), row["token_type_ids"]
        segments = [
            [t for t, kind in zip(row["input_ids"], types, strict=True) if kind == segment]
            for segment in (0, 1)
        ]
        assert segments[0] + segments[1] == row["input_ids"]
        if not segments[1]:
            assert not any(begins[token] for token in tokens[1:])
            assert row["input_ids"] == [CLS, *tokens, SEP]
            alone += 1
            continue
        (cls, *a, middle), (*b, sep) = segments
        assert (cls, middle, sep) == (CLS, SEP, SEP)
        assert a
        assert begins[b[0]]
        if firsts & set(tokens[1:]):
            assert b[0] in firsts
        else:
            at_words += 1
    assert (counts.sentences_divided, counts.rows_undivided) == (at_words, alone)
    assert counts.two_segment_rows == len(rows) - alone


@CASES
@given(corpus=CORPORA, size=st.integers(1, 40), data=st.data())
def test_sections_do_not_depend_on_spools(corpus, size, data):
    documents = number_tokens(corpus)
    total = sum(len(s) for document in documents for s in document)
    cuts = data.draw(st.lists(st.integers(0, len(documents)), max_size=3))
    found = []
    for some in ((), cuts):
        with tempfile.TemporaryDirectory() as folder:
            spooled = spool_corpus(documents, folder, some)
            found.append(
                [
                    [
                        int(spooled.documents(part.place).document_ids[d])
                        for part in spooled.documents_between(start, start + size)
                        for d in range(part.first, part.stop)
                        if documents[
                            int(spooled.documents(part.place).document_ids[d]) - FIRST_DOCUMENT
                        ]
                    ]
                    for start in range(0, total, size)
                ]
            )
    assert found[0] == found[1]
    ids = [FIRST_DOCUMENT + d for d, document in enumerate(documents) if document]
    assert [one for section in found[0] for one in section] == ids


@CASES
@given(sizes=st.lists(st.integers(1, 200), max_size=60), room=st.integers(0, 200))
def test_pieces_fit_best_as_in_the_twin(sizes, room):
    capacity = max(sizes, default=1) + room
    table = np.array(sizes, np.int64)
    rows = np.full(table.size, -1, np.int64)
    num_rows = kernels.fit_best(
        table,
        np.argsort(-table, kind="stable"),
        np.full(capacity + 1, -1, np.int64),
        np.zeros(capacity // kernels.ROOMS_PER_BLOCK + 1, np.int64),
        np.empty(table.size, np.int64),
        rows,
    )
    assert rows.tolist() == naive.fit_best(sizes, capacity)
    assert num_rows == len(set(rows.tolist()))
    assert np.bincount(rows, table, num_rows).max(initial=0) <= capacity
