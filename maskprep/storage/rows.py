"""Texts become rows: checked, counted, named, and cut where they are long."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from maskprep.config import CorpusConfig
from maskprep.errors import CorpusError
from maskprep.kernels.identity import hash_positions
from maskprep.kernels.lines import count_line_breaks
from maskprep.kernels.validation import HASHED_BYTES
from maskprep.list_columns import arrow_array, numpy_array
from maskprep.schema import RAW_DOCUMENTS, WORD_BORDERS
from maskprep.storage.given_words import join_given_words
from maskprep.storage.read_counts import ReadCounts
from maskprep.storage.rejects import LINE_CUT, REPLACED
from maskprep.storage.sources import Source
from maskprep.storage.text import LONGEST_WHOLE_BYTES, MAX_ROWS, PIECE_BYTES, piece_end
from maskprep.storage.validation import ValidationChoice

Array = Any
"""An Arrow array: pyarrow's type information does not follow casts and filters."""

Locate = Callable[[int, int], tuple[str, int]]
"""From row and byte in its text to what a message says: "a.txt:812" and the byte, from 1 on."""


def raw_schema(config: CorpusConfig) -> pa.Schema:
    """Return RAW_DOCUMENTS, with given words, and with the column that --id-column names."""
    schema = RAW_DOCUMENTS
    if config.words != "tokenizer":
        schema = schema.append(WORD_BORDERS)
    return schema if config.id_column is None else schema.append(_id_field(config.id_column))


def _id_field(name: str) -> pa.Field:
    return pa.field(name, pa.string())


class DocumentRows:
    """Makes the rows of one source."""

    def __init__(
        self, source: Source, config: CorpusConfig, counts: ReadCounts, *, whole: bool = False
    ) -> None:
        """Take the settings and the counts to add to; `whole` keeps long texts in one row."""
        self.source = source
        self.config = config
        self.counts = counts
        self.whole = whole
        self.is_past_limit = False
        """Whether there was a document behind the limit."""
        self._validation = ValidationChoice(config.validation)
        self._schema = raw_schema(config)
        digest = hashlib.sha256(source.name.encode()).digest()
        self._name_hash = np.uint64(int.from_bytes(digest[:8], "little"))
        self._last_changed = {REPLACED: -1, LINE_CUT: -1}
        self._changed: list[tuple[int, str]] = []
        """Positions and reasons of documents of which it is not yet known whether they are read."""

    def batch(
        self,
        texts: Array,
        positions: NDArray[np.int64],
        continues: NDArray[np.bool_],
        ids: Array | None = None,
        beginning: Iterable[bytes] | None = None,
    ) -> pa.RecordBatch:
        """Return rows of RAW_DOCUMENTS: those within the limit that belong to the split.

        Args:
            texts: large_string [rows].
            positions: int64 [rows], place of each row's document in its source.
            continues: bool [rows], true where a row goes on with the document before it.
            ids: string [rows], for --id-column.
            beginning: pieces of a document that goes on behind its first and only row here.
        """
        kept = self._wanted(texts, continues, beginning)
        self._count_changed(positions, kept)
        if not kept.all():
            mask = arrow_array(kept)
            texts, positions, continues = texts.filter(mask), positions[kept], continues[kept]
            ids = None if ids is None else ids.filter(mask)
        if not len(texts):
            return pa.RecordBatch.from_pylist([], self._schema)
        borders = None
        if self.config.words != "tokenizer":
            texts, borders = join_given_words(texts, self.config.words)
        num_documents = int(np.count_nonzero(~continues))
        data = texts.buffers()[2]
        begin, end = _offsets(texts)[[0, -1]]
        self.counts.documents += num_documents
        self.counts.text_bytes += int(end - begin)
        self.counts.lines += num_documents
        if end > begin:
            view = np.frombuffer(data, np.uint8)[begin:end]
            self.counts.lines += count_line_breaks(view)
        document_ids = np.empty(len(positions), np.int64)
        hash_positions(self._name_hash, np.ascontiguousarray(positions), document_ids)
        self.counts.rejects.look_for_wanted(
            self.source.name, document_ids[~continues], positions[~continues]
        )
        columns = [arrow_array(document_ids), arrow_array(continues), texts]
        if borders is not None:
            columns.append(borders)
        if self.config.id_column is not None:
            columns.append(pa.array([""] * len(texts), pa.string()) if ids is None else ids)
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _wanted(
        self, texts: Array, continues: NDArray[np.bool_], beginning: Iterable[bytes] | None
    ) -> NDArray[np.bool_]:
        """Tell which rows are within the limit and of the split; count those of the other one."""
        wanted = np.ones(len(texts), np.bool_)
        if self.config.limit is not None:
            wanted = self.counts.num_seen + np.cumsum(~continues) <= self.config.limit
            self.is_past_limit |= not wanted.all()
        if self.config.validation:
            chosen = self._validation.of_rows(texts, continues, beginning)
            is_other = chosen != (self.config.split == "validation")
            lengths = numpy_array(pc.binary_length(texts))
            self.counts.other_documents += int(np.count_nonzero(wanted & is_other & ~continues))
            self.counts.other_bytes += int(lengths[wanted & is_other].sum())
            wanted &= ~is_other
        return wanted

    def checked(
        self, texts: Array, positions: NDArray[np.int64], locate: Locate
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Return the texts as large_string, and which rows are left.

        Args:
            texts: large_binary [rows], no nulls.
            positions: int64 [rows].
            locate: where an invalid byte stands.

        Raises:
            CorpusError: invalid UTF-8, and --on-invalid is error.
        """
        try:
            return texts.cast(pa.large_string()), np.ones(len(texts), np.bool_)
        except pa.ArrowInvalid:
            pass
        kept = np.ones(len(texts), np.bool_)
        mended: list[str] = []
        for row, data in enumerate(texts.to_pylist()):
            try:
                mended.append(data.decode())
            except UnicodeDecodeError as error:
                if self.config.on_invalid == "error":
                    raise self.invalid_utf8(*locate(row, error.start)) from error
                kept[row] = self.config.on_invalid == "replace"
                if kept[row]:
                    mended.append(data.decode(errors="replace"))
                    self.count_replaced(int(positions[row]))
                else:
                    self.drop("invalid_utf8", int(positions[row]))
        return pa.array(mended, pa.large_string()), kept

    def drop(self, reason: str, *positions: int) -> None:
        """Count and list documents that are left out; their positions ascend.

        Without a text they are of no split: the training data tells of them.
        """
        if positions and self.config.split != "validation":
            dropped = self.counts.dropped
            dropped[reason] = dropped.get(reason, 0) + len(positions)
            self.counts.rejects.add(self.source.name, positions, reason)

    def count_replaced(self, position: int) -> None:
        """Count and list a document with replaced bytes, once for all its pieces, if it is read."""
        self._note_change(position, REPLACED)

    def count_line_cut(self, position: int) -> None:
        """Count and list a document with a line cut inside, once for all its pieces, if read."""
        self._note_change(position, LINE_CUT)

    def _note_change(self, position: int, reason: str) -> None:
        if self._last_changed[reason] != position:
            self._last_changed[reason] = position
            self._changed.append((position, reason))

    def _count_changed(self, positions: NDArray[np.int64], kept: NDArray[np.bool_]) -> None:
        """Count and list what was changed of some rows that are kept, and forget the rest."""
        if not self._changed or not positions.size:
            return
        places = set(positions[kept].tolist())
        for position, reason in self._changed:
            if position in places:
                self.counts.replaced += reason == REPLACED
                self.counts.lines_cut += reason == LINE_CUT
                self.counts.rejects.add(self.source.name, [position], reason)
        last = int(positions[-1])
        self._changed = [change for change in self._changed if change[0] > last]

    def refuse_long(self, position: int, what: str, where: Callable[[], str]) -> None:
        """Leave out a document of which too much would have to lie in memory.

        Raises:
            CorpusError: --on-invalid is error.
        """
        if self.config.on_invalid == "error":
            raise CorpusError(
                f"{where()}: {what} is longer than {LONGEST_WHOLE_BYTES:,} bytes, the most that is "
                f"read at once. Split it, or skip such documents with --on-invalid skip."
            )
        self.drop("too_long", position)

    def invalid_utf8(self, where: str, byte: int) -> CorpusError:
        """Say where the text is not UTF-8, and what to do."""
        return CorpusError(
            f"{where}: invalid UTF-8 at byte {byte}. Convert the file to UTF-8, or skip such "
            f"documents with --on-invalid skip."
        )

    def column_batches(
        self, texts: Array, positions: NDArray[np.int64], ids: Array | None, locate: Locate
    ) -> Iterator[pa.RecordBatch]:
        """Yield bounded rows from a column of whole texts.

        Args:
            texts: large_binary [rows]; nulls and texts of white space are dropped.
            positions: int64 [rows].
            ids: string [rows], for --id-column.
            locate: where an invalid byte stands.
        """
        present = numpy_array(texts.is_valid())
        self.drop("null_text", *positions[~present].tolist())
        if self.whole:
            present &= self._short_enough(texts, positions, locate)
            texts = texts.filter(arrow_array(present))
        numbers = np.flatnonzero(present)

        def locate_present(row: int, byte: int) -> tuple[str, int]:
            return locate(int(numbers[row]), byte)

        texts, kept = self.checked(texts.drop_null(), positions[numbers], locate_present)
        numbers = numbers[kept]
        is_space = numpy_array(pc.utf8_is_space(texts))
        visible = ~is_space & (numpy_array(pc.binary_length(texts)) > 0)
        self.drop("empty_text", *positions[numbers[~visible]].tolist())
        numbers = numbers[visible]
        if not visible.all():
            texts = texts.filter(arrow_array(visible))
        ids = None if ids is None else ids.take(numbers)
        yield from self._cut_column(texts, positions[numbers], ids)

    def _short_enough(
        self, texts: Array, positions: NDArray[np.int64], locate: Locate
    ) -> NDArray[np.bool_]:
        lengths = numpy_array(pc.fill_null(pc.binary_length(texts), 0))
        for row in np.flatnonzero(lengths > LONGEST_WHOLE_BYTES).tolist():
            where = partial(_where, locate, row)
            self.refuse_long(int(positions[row]), "the document", where)
        return lengths <= LONGEST_WHOLE_BYTES

    def _cut_column(
        self, texts: Array, positions: NDArray[np.int64], ids: Array | None
    ) -> Iterator[pa.RecordBatch]:
        offsets = _offsets(texts)
        first = 0
        while first < len(texts):
            reach = np.searchsorted(offsets, offsets[first] + PIECE_BYTES, side="right") - 1
            stop = max(first + 1, min(int(reach), first + MAX_ROWS))
            part = texts.slice(first, stop - first)
            place = positions[first:stop]
            named = None if ids is None else ids.slice(first, stop - first)
            if not self.whole and offsets[stop] - offsets[first] > PIECE_BYTES:
                yield from self._pieces(part[0].as_buffer(), place, named)
            else:
                yield self.batch(part, place, np.zeros(stop - first, np.bool_), named)
            first = stop

    def _pieces(
        self, text: pa.Buffer, position: NDArray[np.int64], name: Array | None
    ) -> Iterator[pa.RecordBatch]:
        begin = 0
        while begin < text.size:
            length = min(PIECE_BYTES, text.size - begin)
            if begin + length < text.size:
                length, at_line_break = piece_end(text.slice(begin, length).to_pybytes())
                if not at_line_break:
                    self.count_line_cut(int(position[0]))
            offsets = pa.py_buffer(np.array([begin, begin + length], np.int64))
            row = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, text])
            beginning = None if begin else _slices(text)
            yield self.batch(row, position, np.array([begin > 0]), name, beginning)
            begin += length


def _slices(text: pa.Buffer) -> Iterator[bytes]:
    for begin in range(0, text.size, HASHED_BYTES):
        yield text.slice(begin, min(HASHED_BYTES, text.size - begin)).to_pybytes()


def _where(locate: Locate, row: int) -> str:
    return locate(row, 0)[0]


def _offsets(texts: Array) -> NDArray[np.int64]:
    offsets = np.frombuffer(texts.buffers()[1], np.int64)
    return offsets[texts.offset : texts.offset + len(texts) + 1]
