"""Rows become whole documents, long ones in parts."""

import naive
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from maskprep.schema import DOCUMENTS
from maskprep.stages.parts import assemble_parts
from maskprep.stages.tokenization import MAX_WORD_TOKENS, TokenizationCounts

SCHEMA = DOCUMENTS.append(pa.field("url", pa.string()))
SENTENCE = st.lists(st.booleans(), min_size=1, max_size=40).map(lambda starts: [True, *starts[1:]])
DOCUMENT = st.lists(st.lists(SENTENCE, max_size=3), min_size=1, max_size=4)
"""Rows of sentences, each given as its tokens' word starts."""


def batches_of(documents, sizes):
    rows, token = [], 0
    for number, document in enumerate(documents):
        for part, sentences in enumerate(document):
            word_starts = [start for sentence in sentences for start in sentence]
            rows.append(
                {
                    "document_id": number,
                    "document_part": min(part, 1),
                    "input_ids": list(range(token, token + len(word_starts))),
                    "sentence_lengths": [len(sentence) for sentence in sentences],
                    "word_starts": word_starts,
                    "url": f"u{number}",
                }
            )
            token += len(word_starts)
    table = pa.Table.from_pylist(rows, SCHEMA)
    first = 0
    while first < table.num_rows or first == 0:
        size = sizes[first % len(sizes)]
        yield from table.slice(first, size).combine_chunks().to_batches()
        first += max(size, 1)


def assembled(documents, sizes, max_tokens):
    counts = TokenizationCounts()
    rows = []
    for batch in assemble_parts(batches_of(documents, sizes), counts, max_tokens):
        batch.validate(full=True)
        assert batch.schema.equals(SCHEMA)
        assert batch.num_rows
        rows += batch.to_pylist()
    return rows, counts.documents_without_tokens


@given(
    st.lists(DOCUMENT, max_size=4),
    st.lists(st.integers(1, 3), min_size=1, max_size=3),
    st.integers(1, 60),
)
def test_parts_do_not_depend_on_rows_or_batches(documents, sizes, max_tokens):
    rows, dropped = assembled(documents, sizes, max_tokens)
    joined = [[[sentence for row in document for sentence in row]] for document in documents]
    assert (rows, dropped) == assembled(joined, [len(documents) + 1], max_tokens)

    cut = [naive.cut_document(whole[0], max_tokens, MAX_WORD_TOKENS) for whole in joined]
    assert [(row["document_id"], row["document_part"]) for row in rows] == [
        (d, p) for d, parts in enumerate(cut) for p, part in enumerate(parts) if part
    ]
    assert [row["sentence_lengths"] for row in rows] == [
        [len(sentence) for sentence in part] for parts in cut for part in parts if part
    ]
    tokens = [token for row in rows for token in row["input_ids"]]
    assert tokens == list(range(len(tokens)))
    assert all(0 < len(row["input_ids"]) <= max_tokens for row in rows)
    assert all(row["url"] == f"u{row['document_id']}" for row in rows)
    assert dropped == sum(not any(document) for document in documents)


def test_a_document_whose_first_row_has_no_tokens_is_not_joined_to_the_one_before():
    documents = [[[[True]]], [[], [[True, True]]]]
    rows, dropped = assembled(documents, [1], 100)
    assert [(row["document_id"], row["input_ids"]) for row in rows] == [(0, [0]), (1, [1, 2])]
    assert dropped == 0


def test_nothing_becomes_nothing():
    assert assembled([], [1], 100) == ([], 0)
    assert assembled([[[], []]], [1], 100) == ([], 1)
