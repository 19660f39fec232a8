"""Documents as flat files on disk: what pairing and packing read by position, memory-mapped.

A spool is a folder of five raw files; an id takes 16 bits where the vocabulary is small enough. The
spools of a corpus, in order, number all its sentences; a random segment is found by that number.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskprep.errors import ShardError
from maskprep.flat_documents import DocumentRange, FlatDocuments, Partners
from maskprep.kernels.pairing import cut_long_sentences, measure_partners
from maskprep.list_columns import flat_values, list_offsets, numpy_array
from maskprep.row_values import id_faults, refuse_faults, token_id_faults
from maskprep.storage.atomic import machine_errors
from maskprep.storage.narrow_ids import MOST_NARROW_IDS

_FILES = ("ids", "word_starts", "sentence_offsets", "document_offsets", "document_ids")


@dataclass(frozen=True)
class Spool:
    """A folder of flat files, and how much it holds; `id_bytes`: of an id, 2 or 4."""

    folder: str
    id_bytes: int
    documents: int
    sentences: int
    tokens: int
    sentences_cut: int


def write_spool(
    batches: Iterable[pa.RecordBatch], folder: Path, max_tokens: int, num_ids: int
) -> Spool:
    """Write documents as flat files; sentences longer than `max_tokens` are cut into pieces.

    Args:
        batches: rows of DOCUMENTS; the first begins a document.
        folder: made anew; whatever it held is overwritten.
        max_tokens: longest sentence, in tokens.
        num_ids: of the tokenizer; ids are below it.

    Raises:
        ShardError: the first row goes on with a document of another shard, a row's lists disagree,
            there is an id that the tokenizer does not have, or an id of its own is negative.
        MachineError: the disk is full or refuses.
    """
    num_tokens = num_sentences = 0
    document_starts: list[int] = []
    document_ids: list[NDArray[np.int64]] = []
    cut = np.zeros(1, np.int64)
    id_type = np.dtype("<u2" if num_ids <= MOST_NARROW_IDS else "<u4")
    with machine_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / "ids").open("wb") as ids_file,
            (folder / "word_starts").open("wb") as words_file,
            (folder / "sentence_offsets").open("wb") as sentences_file,
        ):
            word_bits = _Bits(words_file)
            sentences_file.write(np.zeros(1, "<i8").data)
            for batch in batches:
                _check_lists(batch)
                _check_ids(batch, num_ids)
                ids, _ = flat_values(batch.column("input_ids"))
                word_starts, _ = flat_values(batch.column("word_starts"))
                lengths, row_sentences = _piece_lengths(batch, word_starts, max_tokens, cut)
                begins = numpy_array(batch.column("document_part")) == 0
                if not document_starts and begins.size and not begins[0]:
                    raise ShardError(
                        f"document {batch.column('document_id')[0]} goes on from another shard. "
                        f"Give all shards of the data set, in their order."
                    )
                document_starts.extend((num_sentences + row_sentences[:-1][begins]).tolist())
                document_ids.append(numpy_array(batch.column("document_id"))[begins])
                ids_file.write(ids.astype(id_type).data)
                word_bits.write(word_starts)
                sentences_file.write((num_tokens + np.cumsum(lengths)).astype("<i8").data)
                num_tokens += ids.size
                num_sentences += lengths.size
            word_bits.end()
        offsets = np.array([*document_starts, num_sentences], "<i8")
        (folder / "document_offsets").write_bytes(offsets.data)
        all_ids = np.concatenate(document_ids) if document_ids else np.zeros(0, np.int64)
        (folder / "document_ids").write_bytes(all_ids.astype("<i8").data)
    return Spool(
        str(folder),
        id_type.itemsize,
        len(document_starts),
        num_sentences,
        num_tokens,
        int(cut[0]),
    )


class _Bits:
    """Writes bools as bits, the lowest of a byte first, whatever portions they come in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = np.zeros(0, np.bool_)

    def write(self, values: NDArray[np.bool_]) -> None:
        """Write all whole bytes that there are."""
        values = np.concatenate([self._rest, values])
        whole = values.size - values.size % 8
        self._file.write(np.packbits(values[:whole], bitorder="little").data)
        self._rest = values[whole:]

    def end(self) -> None:
        """Write what is left, filled up with zeros."""
        self._file.write(np.packbits(self._rest, bitorder="little").data)


def spool_files(folder: Path) -> list[Path]:
    """Return the files of a spool."""
    return [folder / name for name in _FILES]


def _check_lists(batch: pa.RecordBatch) -> None:
    # Kernels check nothing: a wrong length would read foreign memory.
    token_offsets = list_offsets(batch.column("input_ids"))
    word_offsets = list_offsets(batch.column("word_starts"))
    lengths, sentence_offsets = flat_values(batch.column("sentence_lengths"))
    ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    agree = (token_offsets == word_offsets) & (token_offsets == ends[sentence_offsets])
    if agree.all() and lengths.min(initial=1) >= 1:
        return
    if agree.all():
        row = int(np.searchsorted(sentence_offsets, np.argmin(lengths), side="right")) - 1
    else:
        row = int(np.argmin(agree)) - 1
    raise ShardError(
        f"document {batch.column('document_id')[row]}: input_ids, word_starts and "
        f"sentence_lengths disagree; expected a word start for each token and sentences of at "
        f"least 1 token that sum to them. Make the documents again with 'maskprep tokenize'."
    )


def _check_ids(batch: pa.RecordBatch, num_ids: int) -> None:
    def name_row(row: int) -> str:
        return f"document {batch.column('document_id')[row]}"

    faults = itertools.chain(token_id_faults(batch, num_ids), id_faults(batch))
    refuse_faults(faults, name_row, "Make the documents again with 'maskprep tokenize'.")


def _piece_lengths(
    batch: pa.RecordBatch, word_starts: NDArray[np.bool_], max_tokens: int, cut: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pieces' lengths, and for each row (and the end) how many lie before it."""
    lengths, offsets = flat_values(batch.column("sentence_lengths"))
    if lengths.size == 0 or lengths.max() <= max_tokens:
        return lengths.astype(np.int64), offsets
    pieces = np.empty(4 * (word_starts.size // max_tokens + lengths.size), np.int64)
    num_pieces = cut_long_sentences(lengths, word_starts, max_tokens, pieces, cut)
    pieces = pieces[:num_pieces]
    token_offsets = list_offsets(batch.column("input_ids"))
    ends = np.concatenate(([0], np.cumsum(pieces)))
    return pieces, np.searchsorted(ends, token_offsets).astype(np.int64)


def open_spool(spool: Spool, first_rank: int) -> FlatDocuments:
    """Map a spool's files into memory, to be read only.

    Args:
        spool: as `write_spool` wrote it.
        first_rank: how many sentences of the corpus lie before this spool.
    """
    arrays: dict[str, Any] = {}
    types = {"ids": f"<u{spool.id_bytes}", "word_starts": "u1"}
    for name in _FILES:
        path, dtype = Path(spool.folder) / name, np.dtype(types.get(name, "<i8"))
        # Unlike numpy's, these maps hold no descriptor: of a large corpus there are thousands.
        with pa.memory_map(str(path)) as file:
            arrays[name] = np.frombuffer(file.read_buffer(), dtype)
    return FlatDocuments(**arrays, first_rank=first_rank)


class SpooledCorpus:
    """All spools of a corpus: finds and copies random segments (`stages.pairing.Negatives`)."""

    def __init__(self, spools: Sequence[Spool]) -> None:
        self._spools = spools
        self._ranks = np.cumsum([0, *(spool.sentences for spool in spools)])
        self._open: dict[int, FlatDocuments] = {}
        self.num_sentences = int(self._ranks[-1])
        self._tokens = np.cumsum([0, *(spool.tokens for spool in spools)])

    def documents(self, place: int) -> FlatDocuments:
        """Return one spool's documents."""
        if place not in self._open:
            self._open[place] = open_spool(self._spools[place], int(self._ranks[place]))
        return self._open[place]

    def documents_between(self, start: int, stop: int) -> list[DocumentRange]:
        """Return the documents whose first token has number `start` ... `stop - 1` in the corpus.

        Which documents these are does not depend on how the corpus is spooled.
        """
        found = []
        first = int(np.searchsorted(self._tokens, start, side="right")) - 1
        last = int(np.searchsorted(self._tokens, stop))
        for place in range(max(first, 0), min(last, len(self._spools))):
            documents = self.documents(place)
            begins = documents.sentence_offsets[documents.document_offsets[:-1]]
            edges = np.searchsorted(begins, np.array([start, stop]) - self._tokens[place])
            if edges[0] < edges[1]:
                found.append(DocumentRange(place, int(edges[0]), int(edges[1])))
        return found

    def find(self, ranks: NDArray[np.int64], targets: NDArray[np.int64]) -> Partners:
        """Find segments that begin at the sentences of these ranks and hold the target tokens.

        Args:
            ranks: int64 [pairs], numbers of sentences in the whole corpus.
            targets: int64 [pairs], tokens.
        """
        places = np.searchsorted(self._ranks, ranks, side="right") - 1
        segments = np.empty((ranks.size, 2), np.int64)
        document_ids = np.empty(ranks.size, np.int64)
        for place in np.unique(places):
            chosen = np.flatnonzero(places == place)
            spool = self.documents(int(place))
            starts = ranks[chosen] - spool.first_rank
            documents = np.searchsorted(spool.document_offsets, starts, side="right") - 1
            document_ids[chosen] = spool.document_ids[documents]
            found = np.empty((chosen.size, 2), np.int64)
            measure_partners(
                spool.sentence_offsets,
                spool.document_offsets[documents + 1],
                starts,
                targets[chosen],
                found,
            )
            segments[chosen] = found
        return Partners(places, segments, document_ids)

    def copy(
        self, partners: Partners, destinations: NDArray[np.int64], gathered: NDArray[np.uint32]
    ) -> None:
        """Copy the segments' tokens.

        Args:
            partners: what `find` found, or other segments.
            destinations: int64 [segments], where each segment begins in `gathered`.
            gathered: uint32 [tokens], written in place.
        """
        for place in np.unique(partners.places):
            chosen = np.flatnonzero(partners.places == place)
            documents = self.documents(int(place))
            documents.copy(partners.segments[chosen], destinations[chosen], gathered)
