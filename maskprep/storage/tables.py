"""Documents of Parquet files, and of columns of texts: one row a document."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maskprep.errors import ConfigError, CorpusError
from maskprep.list_columns import numpy_array
from maskprep.storage.blocks import Block, missing_column, parquet_errors
from maskprep.storage.compression import open_stored
from maskprep.storage.parquet_pages import Pages, page_sizes
from maskprep.storage.rows import Array, DocumentRows
from maskprep.storage.text import LONGEST_WHOLE_BYTES, MAX_ROWS, PIECE_BYTES
from maskprep.storage.word_lists import is_list, joined_lists, list_lengths, without_long_lists

LARGEST_PAGE_BYTES = 32 * 2**20
"""Of a column: pyarrow decodes a page as a whole. Usual pages have 1 MiB."""
READ_BYTES = 2**20
_TEXT_KINDS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_null,
)


def read_parquet(block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    """Yield the documents of some row groups.

    Raises:
        ConfigError: the text or id column is missing, or holds no text.
        CorpusError: the file is damaged or changed.
    """
    source = block.source
    path = block.spooled or str(source.path)
    with open_stored(path, None if block.spooled else source.num_bytes):
        pass
    with parquet_errors(source):
        yield from _row_groups(path, block, rows)


def _columns(path: str, rows: DocumentRows) -> list[str]:
    """Return the columns to be read, and check that they are there before anything is read."""
    schema = pq.read_schema(path)
    wanted = [(rows.config.text_column, "--text-column")]
    if rows.config.id_column is not None:
        wanted.append((rows.config.id_column, "--id-column"))
    for column, option in wanted:
        if column not in schema.names:
            raise missing_column(rows.source, column, schema.names, option)
    require_text(schema.field(rows.config.text_column).type, rows)
    return list(dict.fromkeys(column for column, _ in wanted))


def _row_groups(path: str, block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    columns = _columns(path, rows)
    with ExitStack() as opened:
        files: dict[bool, pq.ParquetFile] = {}
        metadata = pq.read_metadata(path)
        leaves = _leaves(metadata.schema, columns)
        position = sum(metadata.row_group(group).num_rows for group in range(block.start))
        for group in range(block.start, block.stop):
            info = metadata.row_group(group)
            pages = [page_sizes(path, info.column(number)) for number in leaves]
            if _are_too_large(pages, info, group, rows):
                rows.drop("too_long", *range(position, position + info.num_rows))
                position += info.num_rows
                continue
            # A few bytes of a dictionary can stand for gigabytes of equal texts; read as one, they
            # do not. But that takes several times the memory of pages with long texts.
            as_dictionary = all(
                one.dictionary <= PIECE_BYTES and one.largest <= LONGEST_WHOLE_BYTES
                for one in pages
            )
            if as_dictionary not in files:
                file = pq.ParquetFile(
                    path,
                    read_dictionary=list(leaves.values()) if as_dictionary else None,
                    buffer_size=READ_BYTES,
                    page_checksum_verification=True,
                )
                files[as_dictionary] = opened.enter_context(file)
            size = _batch_rows(info, pages, as_dictionary=as_dictionary)
            batches = files[as_dictionary].iter_batches(
                batch_size=size, row_groups=[group], columns=columns
            )
            for batch in batches:
                yield from table_rows(batch, position + np.arange(batch.num_rows), rows)
                position += batch.num_rows


def _leaves(schema: pq.ParquetSchema, columns: list[str]) -> dict[int, str]:
    """Return numbers and paths of some columns' values; those of a list lie below its name."""
    below = tuple(f"{column}." for column in columns)
    paths = (schema.column(number).path for number in range(len(schema)))
    return {n: path for n, path in enumerate(paths) if f"{path}.".startswith(below)}


def _batch_rows(info: pq.RowGroupMetaData, pages: list[Pages], *, as_dictionary: bool) -> int:
    """Return how many rows can be read at once, whatever their texts are."""
    row_bytes = info.total_byte_size // max(info.num_rows, 1) + 1
    size: int = min(max(PIECE_BYTES // row_bytes, 1), MAX_ROWS)
    for one in pages:
        # A page counts the values of a list one by one.
        values = max(int(one.rows.sum()) // max(info.num_rows, 1), 1)
        within = one.rows_within(max(LONGEST_WHOLE_BYTES, one.largest), size * values)
        size = max(within // values, 1)
        if one.dictionary and not as_dictionary:
            size = min(size, max(LARGEST_PAGE_BYTES // one.dictionary, 1))
    return size


def _are_too_large(
    pages: list[Pages], info: pq.RowGroupMetaData, group: int, rows: DocumentRows
) -> bool:
    """Tell whether a page of a row group is too large to be decoded.

    Raises:
        CorpusError: one is, and --on-invalid is error.
    """
    size = max((one.largest for one in pages), default=0)
    if size <= LARGEST_PAGE_BYTES:
        return False
    if rows.config.on_invalid == "error":
        raise CorpusError(
            f"{rows.source.shown_name}: row group {group} has a page of {size:,} bytes; expected "
            f"at most {LARGEST_PAGE_BYTES:,}, what is decoded at once. Write the file with smaller "
            f"pages (pyarrow: write_table(..., write_batch_size=16)), or skip the "
            f"{info.num_rows:,} documents of the group with --on-invalid skip."
        )
    return True


def table_rows(
    batch: pa.RecordBatch, positions: NDArray[np.int64], rows: DocumentRows
) -> Iterator[pa.RecordBatch]:
    """Yield the documents of a table in bounded batches.

    Args:
        batch: with the text column, and the id column if there is one.
        positions: int64 [rows], ascending.
        rows: of the source.

    Raises:
        ConfigError: the id column cannot be written as text.
        CorpusError: invalid UTF-8, and --on-invalid is error.
    """
    source = rows.source
    if rows.config.words == "list":
        batch, positions = without_long_lists(batch, positions, rows)
    texts = batch.column(rows.config.text_column)
    ids = None if rows.config.id_column is None else batch.column(rows.config.id_column)
    for first, stop in _bounded_slices(texts, ids):
        places = positions[first:stop]

        def locate(row: int, byte: int, places: Any = places) -> tuple[str, int]:  # noqa: ANN401
            return f"{source.shown_name}, row {places[row] + 1}", byte + 1

        part = _as_bytes(texts.slice(first, stop - first))
        names = None
        if ids is not None:
            names = _as_names(ids.slice(first, stop - first), rows, int(places[0]))
        yield from rows.column_batches(part, places, names, locate)


def _bounded_slices(texts: Array, ids: Array | None) -> Iterator[tuple[int, int]]:
    """Cut columns so that no part has much more than a batch of text, equal texts included."""
    ends = np.cumsum(_lengths(texts) + _lengths(ids))
    first = 0
    while first < len(texts):
        before = ends[first - 1] if first else 0
        reach = int(np.searchsorted(ends, before + PIECE_BYTES, side="right"))
        stop = max(first + 1, reach)
        yield first, stop
        first = stop


def _lengths(values: Array | None) -> Any:  # noqa: ANN401 - int64 [rows], or 0
    """Return the length of each text of a dictionary; other columns are bounded as they are."""
    if values is not None and is_list(values.type):
        return list_lengths(values)
    if values is None or not pa.types.is_dictionary(values.type) or len(values.dictionary) == 0:
        return 0 if values is None else np.zeros(len(values), np.int64)
    sizes: Array = pc.binary_length(_plain(values.dictionary))
    return numpy_array(pc.fill_null(sizes.take(values.indices), 0)).astype(np.int64)


def _plain(values: Array) -> Array:
    """Return large_binary for text of any of Arrow's layouts."""
    return values.cast(pa.large_binary())


def require_text(kind: pa.DataType, rows: DocumentRows) -> None:
    """Check the type of the text column.

    Raises:
        ConfigError: it holds something else.
    """
    wanted, is_wanted = "strings", _is_text(kind)
    if rows.config.words == "list":
        wanted = "lists of strings (--words list)"
        is_wanted = is_list(kind) and _is_text(kind.value_type)
    if not is_wanted:
        raise ConfigError(
            f"{rows.source.shown_name}: column {rows.config.text_column!r} holds {kind}, expected "
            f"{wanted}. Name a column of text with --text-column."
            f"{' --words list takes lists of words.' if is_list(kind) else ''}"
        )


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return any(is_kind(kind) for is_kind in _TEXT_KINDS)


def _as_bytes(texts: Array) -> Array:
    if is_list(texts.type):
        return joined_lists(texts)
    if pa.types.is_dictionary(texts.type):
        return _plain(texts.dictionary).take(texts.indices)
    return _plain(texts)


def _as_names(values: Array, rows: DocumentRows, position: int) -> Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        return _sound_names(pc.fill_null(_as_strings(values), ""), rows, position)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(
            f"{rows.source.shown_name}: column {rows.config.id_column!r} ({values.type}) cannot "
            f"be written as text. Name another one with --id-column."
        ) from error


def _as_strings(values: Array) -> Array:
    """Return the values as strings; those of bytes may hold invalid UTF-8."""
    if pa.types.is_string(values.type):
        return values
    if any(is_kind(values.type) for is_kind in _TEXT_KINDS):
        as_bytes = values.cast(pa.binary())
        return pa.Array.from_buffers(
            pa.string(), len(as_bytes), as_bytes.buffers(), offset=as_bytes.offset
        )
    return values.cast(pa.string())


def _sound_names(names: Array, rows: DocumentRows, position: int) -> Array:
    try:
        names.validate(full=True)
    except pa.ArrowInvalid as error:
        if rows.config.on_invalid == "error":
            raise CorpusError(
                f"{rows.source.shown_name}: column {rows.config.id_column!r} holds invalid UTF-8 "
                f"from row {position + 1} on. Convert it, or put U+FFFD in with --on-invalid "
                f"replace."
            ) from error
        mended = [data.decode(errors="replace") for data in names.cast(pa.binary()).to_pylist()]
        return pa.array(mended, pa.string())
    return names
