"""Spools: documents come back whole, and random segments are found wherever they lie."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from maskprep.errors import MachineError, ShardError
from maskprep.kernels.pairing import TOKEN_ID, WORD_START
from maskprep.schema import DOCUMENTS
from maskprep.storage.spool import SpooledCorpus, open_spool, write_spool


def batch_of(*rows):
    """Make rows of (document_id, part, sentences), sentences as lists of word lengths.

    Ids number the tokens of a document from 10 x document_id on.
    """
    lengths = [[sum(words) for words in sentences] for _, _, sentences in rows]
    starts = [
        [t == 0 for words in sentences for word in words for t in range(word)]
        for _, _, sentences in rows
    ]
    ids = [
        [10 * document + t for t in range(len(row))]
        for (document, _, _), row in zip(rows, starts, strict=True)
    ]
    columns = [[row[0] for row in rows], [row[1] for row in rows], ids, lengths, starts]
    arrays = [pa.array(column, t) for column, t in zip(columns, DOCUMENTS.types, strict=True)]
    return pa.record_batch(arrays, schema=DOCUMENTS)


NUM_IDS = 100
ROWS = [(1, 0, [[2, 1], [3]]), (2, 0, []), (3, 0, [[1]]), (3, 1, [[1, 1], [2]]), (4, 0, [[5]])]


def described(spool):
    documents = open_spool(spool, 0)
    tokens = np.zeros(documents.ids.size, np.uint32)
    documents.copy(np.array([[0, tokens.size]]), np.zeros(1, np.int64), tokens)
    return {
        "ids": (tokens & TOKEN_ID).tolist(),
        "starts": ((tokens & WORD_START) != 0).tolist(),
        "sentences": documents.sentence_offsets.tolist(),
        "documents": documents.document_offsets.tolist(),
        "document_ids": documents.document_ids.tolist(),
    }


def test_documents_are_spooled_with_their_parts_joined(tmp_path):
    spool = write_spool([batch_of(*ROWS)], tmp_path, 100, NUM_IDS)
    assert (spool.documents, spool.sentences, spool.tokens) == (4, 6, 16)
    found = described(spool)
    assert found["document_ids"] == [1, 2, 3, 4]
    assert found["documents"] == [0, 2, 2, 5, 6]
    assert found["sentences"] == [0, 3, 6, 7, 9, 11, 16]
    assert found["ids"][:6] == [10, 11, 12, 13, 14, 15]
    assert found["starts"][:6] == [True, False, True, True, False, False]


@pytest.mark.parametrize("max_tokens", [100, 2], ids=["whole", "cut"])
def test_a_spool_does_not_depend_on_how_rows_were_cut(tmp_path, max_tokens):
    whole = batch_of(*ROWS)
    spool = write_spool([whole], tmp_path / "whole", max_tokens, NUM_IDS)
    parts = [whole.slice(0, 0), *(whole.slice(row, 1) for row in range(5)), whole.slice(5)]
    others = write_spool(parts, tmp_path / "parts", max_tokens, NUM_IDS)
    assert described(spool) == described(others)
    assert (spool.sentences, spool.sentences_cut) == (others.sentences, others.sentences_cut)


def test_long_sentences_are_cut_and_counted_and_documents_stay_apart(tmp_path):
    spool = write_spool([batch_of(*ROWS)], tmp_path, 2, NUM_IDS)
    assert spool.sentences_cut == 3
    found = described(spool)
    assert np.diff(found["sentences"]).max() == 2
    assert [found["sentences"][s] for s in found["documents"]] == [0, 6, 6, 11, 16]


def test_an_empty_corpus_is_an_empty_spool(tmp_path):
    spool = write_spool([], tmp_path, 10, NUM_IDS)
    assert (spool.documents, spool.sentences, spool.tokens) == (0, 0, 0)
    assert described(spool)["documents"] == [0]


def test_a_first_row_that_goes_on_from_elsewhere_is_refused(tmp_path):
    with pytest.raises(ShardError, match="document 3 goes on from another shard"):
        write_spool([batch_of(ROWS[3])], tmp_path, 10, NUM_IDS)


def test_a_folder_that_cannot_be_made_is_the_machines_fault(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MachineError, match="cannot be written"):
        write_spool([batch_of(*ROWS)], tmp_path / "file" / "spool", 10, NUM_IDS)


def test_segments_are_found_in_every_spool_and_end_with_their_document(tmp_path):
    spools = [
        write_spool(
            [batch_of((1, 0, [[2], [2], [2]]), (2, 0, [[4]]))], tmp_path / "0", 10, NUM_IDS
        ),
        write_spool([batch_of((3, 0, []))], tmp_path / "1", 10, NUM_IDS),
        write_spool([batch_of((4, 0, []), (5, 0, [[1], [1]]))], tmp_path / "2", 10, NUM_IDS),
    ]
    corpus = SpooledCorpus(spools)
    assert corpus.num_sentences == 6
    ranks = np.array([5, 0, 3, 1, 4, 0])
    targets = np.array([1, 3, 1, 9, 2, 1])
    found = corpus.find(ranks, targets)
    assert found.document_ids.tolist() == [5, 1, 2, 1, 5, 1]
    assert found.segments.tolist() == [[1, 2], [0, 4], [6, 10], [2, 6], [0, 2], [0, 2]]
    lengths = found.segments[:, 1] - found.segments[:, 0]
    destinations = np.cumsum(lengths) - lengths
    gathered = np.zeros(lengths.sum(), np.uint32)
    corpus.copy(found, destinations, gathered)
    assert (gathered & TOKEN_ID).tolist() == [
        *[51],
        *[10, 11, 12, 13],
        *[20, 21, 22, 23],
        *[12, 13, 14, 15],
        *[50, 51],
        *[10, 11],
    ]


def test_finding_nothing_is_no_trouble(tmp_path):
    corpus = SpooledCorpus([write_spool([batch_of(*ROWS)], tmp_path, 10, NUM_IDS)])
    nothing = np.zeros(0, np.int64)
    found = corpus.find(nothing, nothing)
    corpus.copy(found, nothing, np.zeros(0, np.uint32))
    assert found.segments.shape == (0, 2)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("sentence_lengths", [4]),
        ("sentence_lengths", [6]),
        ("sentence_lengths", [5, 0]),
        ("word_starts", [True] * 4),
    ],
)
def test_lists_that_disagree_are_refused(tmp_path, column, value):
    good = batch_of(ROWS[0], ROWS[4])
    place = DOCUMENTS.names.index(column)
    changed = [good.column(column)[0].as_py(), value]
    bad = good.set_column(place, DOCUMENTS.field(place), pa.array(changed, DOCUMENTS.types[place]))
    with pytest.raises(ShardError, match=r"document 4: input_ids, word_starts and sentence_len"):
        write_spool([bad], tmp_path, 100, NUM_IDS)


@pytest.mark.parametrize(("num_ids", "id_bytes"), [(2**16, 2), (2**16 + 1, 4), (2**31, 4)])
@pytest.mark.parametrize("rows", [1, 7, 8, 9, 40])
def test_every_id_of_a_vocabulary_comes_back_with_its_word_border(
    tmp_path, num_ids, id_bytes, rows
):
    """Batches of any size: word borders are bits, which do not end with the batches."""
    largest = num_ids - 1
    ids = [[number % 50, largest - number, largest] for number in range(40)]
    starts = [[True, number % 3 == 0, number % 2 == 0] for number in range(40)]
    columns = [list(range(40)), [0] * 40, ids, [[3]] * 40, starts]
    arrays = [pa.array(column, t) for column, t in zip(columns, DOCUMENTS.types, strict=True)]
    batch = pa.record_batch(arrays, schema=DOCUMENTS)
    pieces = [batch.slice(first, rows) for first in range(0, 40, rows)]
    spool = write_spool(pieces, tmp_path, 10, num_ids)
    assert spool.id_bytes == id_bytes
    found = described(spool)
    assert found["ids"] == [token for row in ids for token in row]
    assert found["starts"] == [start for row in starts for start in row]


@pytest.mark.parametrize("token", [54, 2**31 - 1, -1])
def test_an_id_that_the_tokenizer_does_not_have_is_refused(tmp_path, token):
    batch = batch_of(*ROWS)
    ids = [*batch.column("input_ids").to_pylist()[:-1], [40, 41, token, 43, 44]]
    place = DOCUMENTS.names.index("input_ids")
    bad = batch.set_column(place, DOCUMENTS.field(place), pa.array(ids, DOCUMENTS.types[place]))
    with pytest.raises(ShardError, match=f"document 4: input_ids holds {token}; expected 0 to 53"):
        write_spool([bad], tmp_path, 10, 54)


@pytest.mark.parametrize("name", ["document_id", "document_part"])
def test_a_negative_id_is_refused(tmp_path, name):
    batch = batch_of(*ROWS)
    numbers = [*batch.column(name).to_pylist()[:-1], -2]
    place = DOCUMENTS.names.index(name)
    bad = batch.set_column(place, DOCUMENTS.field(place), pa.array(numbers, DOCUMENTS.types[place]))
    with pytest.raises(ShardError, match=rf"document -?\d: {name} is negative"):
        write_spool([bad], tmp_path, 10, NUM_IDS)


def test_an_open_spool_takes_no_descriptor(tmp_path):
    """A corpus of 100 GB has thousands of spools, and a process often 1,024 descriptors."""
    spool = write_spool([batch_of(*ROWS)], tmp_path, 100, NUM_IDS)
    before = len(list(Path("/proc/self/fd").iterdir()))
    documents = open_spool(spool, 0)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert documents.ids.size == spool.tokens
