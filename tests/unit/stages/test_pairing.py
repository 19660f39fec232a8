"""Pairing a corpus of few tokens: the shortest rows there can be."""

import numpy as np
import pyarrow as pa
import pytest

from maskprep.config import PairingConfig
from maskprep.errors import ConfigError
from maskprep.schema import DOCUMENTS, EXAMPLES
from maskprep.stages.pairing import PairingCounts, PairLayout, max_pair_tokens, pair_sentences
from maskprep.storage.spool import SpooledCorpus, write_spool

BERT = PairLayout(
    np.array([2, 3, 3], np.int32), np.array([1, 1, 1]), np.array([0, 0, 0, 1, 1], np.int8)
)


def pair_words(tmp_path, documents, max_seq_length):
    """Pair documents given as lists of sentences of one-token words."""
    ids = [[token for sentence in document for token in sentence] for document in documents]
    columns = [
        list(range(len(documents))),
        [0] * len(documents),
        ids,
        [[len(sentence) for sentence in document] for document in documents],
        [[True] * len(row) for row in ids],
    ]
    arrays = [pa.array(column, t) for column, t in zip(columns, DOCUMENTS.types, strict=True)]
    batch = pa.record_batch(arrays, schema=DOCUMENTS)
    config = PairingConfig(max_seq_length=max_seq_length)
    corpus = SpooledCorpus([write_spool([batch], tmp_path, max_pair_tokens(BERT, config), 100)])
    counts = PairingCounts()
    batches = list(pair_sentences(corpus.documents(0), corpus, BERT, config, counts))
    assert all(batch.schema.equals(EXAMPLES) for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()], counts


def test_the_shortest_rows_hold_one_token_in_each_segment(tmp_path):
    rows, counts = pair_words(tmp_path, [[[10, 11, 12]], [[13], [14]]], max_seq_length=5)
    assert rows
    assert all(len(row["input_ids"]) == 5 for row in rows)
    assert all(row["token_type_ids"] == [0, 0, 0, 1, 1] for row in rows)
    following = [row for row in rows if row["next_sentence_label"] == 0]
    assert all(row["input_ids"][3] == row["input_ids"][1] + 1 for row in following)
    # Five tokens: one in each A, one in each B that follows, the rest counted.
    assert len(rows) + len(following) + counts.tokens_unpaired + counts.tokens_trimmed == 5


def test_a_sequence_length_without_room_for_two_segments_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--max-seq-length is 4; expected at least 5"):
        pair_words(tmp_path, [[[10], [11]]], max_seq_length=4)


@pytest.mark.parametrize(
    "documents",
    [
        pytest.param([], id="no-document"),
        pytest.param([[]], id="no-sentence"),
        pytest.param([[[10]]], id="one-word"),
        pytest.param([[], [[10]], []], id="one-word-among-empty-documents"),
    ],
)
def test_what_can_give_no_pair_is_counted(tmp_path, documents):
    rows, counts = pair_words(tmp_path, documents, max_seq_length=128)
    assert rows == []
    assert counts.documents_without_pair == len(documents)
    assert counts.tokens_unpaired == sum(len(document) for document in documents)


def test_two_documents_of_one_word_give_no_pair(tmp_path):
    _, counts = pair_words(tmp_path, [[[10]], [[11]]], max_seq_length=128)
    assert (counts.pairs, counts.tokens_unpaired, counts.documents_without_pair) == (0, 2, 2)
