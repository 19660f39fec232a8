"""Documents of Parquet and CSV files: one text column, one row a document."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from maskprep.errors import ConfigError, CorpusError
from maskprep.list_columns import numpy_array
from maskprep.storage.blocks import Block, damaged_parquet, missing_column
from maskprep.storage.compression import as_arrow_file, open_stored, unreadable
from maskprep.storage.rows import Array, DocumentRows
from maskprep.storage.text import MAX_ROWS, PIECE_BYTES, foreign_encoding, is_utf16

CSV_BLOCK_BYTES = 16 * 2**20
"""A row of a CSV file must be shorter."""
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
    try:
        with pq.ParquetFile(
            path,
            read_dictionary=_dictionaries(path, rows.config.text_column),
            page_checksum_verification=True,
        ) as file:
            yield from _row_groups(file, block, rows)
    except pa.ArrowException as error:
        raise damaged_parquet(source, error) from error
    except OSError as error:
        if error.errno is not None:
            raise unreadable(path, error) from error
        raise damaged_parquet(source, error) from error


def _dictionaries(path: str, column: str) -> list[str]:
    """Return the text column if it may be read as a dictionary, which no list or struct may."""
    # A few bytes of a dictionary can stand for gigabytes of equal texts.
    schema = pq.read_metadata(path).schema
    leaves = {schema.column(leaf).path for leaf in range(len(schema))}
    return [column] if column in leaves else []


def _row_groups(file: pq.ParquetFile, block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    columns = [rows.config.text_column]
    names = file.schema_arrow.names
    if rows.config.text_column not in names:
        raise missing_column(block.source, rows.config.text_column, names)
    if rows.config.id_column is not None:
        if rows.config.id_column not in names:
            raise missing_column(block.source, rows.config.id_column, names, "--id-column")
        columns.append(rows.config.id_column)
    metadata = file.metadata
    position = sum(metadata.row_group(group).num_rows for group in range(block.start))
    for group in range(block.start, block.stop):
        info = metadata.row_group(group)
        row_bytes = info.total_byte_size // max(info.num_rows, 1) + 1
        size = min(max(PIECE_BYTES // row_bytes, 1), MAX_ROWS)
        for batch in file.iter_batches(batch_size=size, row_groups=[group], columns=columns):
            yield from _table_rows(batch, position, rows)
            position += batch.num_rows


def read_csv(block: Block, rows: DocumentRows) -> Iterator[pa.RecordBatch]:
    """Yield the documents of a CSV (or tab-separated) file.

    Raises:
        ConfigError: the text or id column is missing.
        CorpusError: the file is damaged, changed, or a row is too long.
    """
    columns = [rows.config.text_column]
    if rows.config.id_column is not None and rows.config.id_column not in columns:
        columns.append(rows.config.id_column)
    _refuse_utf16(block)
    position = 0
    try:
        with _open_bytes(block) as stream, _open_csv(stream, rows, columns) as reader:
            for batch in reader:
                yield from _table_rows(batch, position, rows)
                position += batch.num_rows
    except pa.ArrowKeyError as error:
        raise _missing_csv_column(block, rows, columns) from error
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0].rstrip(".")
        if position == 0 and "Empty CSV file" in reason:
            return
        if "straddling" in reason:
            reason = f"a row is longer than {CSV_BLOCK_BYTES:,} bytes, or a quote is not closed"
        raise CorpusError(
            f"{block.source.shown_name}: unreadable CSV behind row {position:,} ({reason}). Mend "
            f"the file, or skip rows with a wrong number of values with --on-invalid skip."
        ) from error


def _refuse_utf16(block: Block) -> None:
    with _open_bytes(block) as stream:
        head = stream.read(2)
    if is_utf16(head):
        raise foreign_encoding(block.source.shown_name)


def _open_bytes(block: Block) -> Any:  # noqa: ANN401 - pyarrow's files
    if block.spooled:
        return pa.OSFile(block.spooled, mode="r")
    return as_arrow_file(open_stored(str(block.source.path), block.source.num_bytes))


def _open_csv(stream: Any, rows: DocumentRows, columns: list[str] | None) -> Any:  # noqa: ANN401
    def handle(_row: pyarrow.csv.InvalidRow) -> Literal["skip", "error"]:
        if rows.config.on_invalid == "error":
            return "error"
        rows.counts.drop("invalid_csv")
        return "skip"

    suffix = PurePosixPath(rows.source.name).suffix.lower()
    types = {name: pa.large_binary() for name in columns or ()}
    return pyarrow.csv.open_csv(
        stream,
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter="\t" if suffix == ".tsv" else ",",
            newlines_in_values=True,
            invalid_row_handler=handle,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            check_utf8=False, include_columns=columns, column_types=types
        ),
    )


def _missing_csv_column(block: Block, rows: DocumentRows, columns: list[str]) -> ConfigError:
    with _open_bytes(block) as stream, _open_csv(stream, rows, None) as reader:
        names = reader.schema.names
    missing = next(name for name in columns if name not in names)
    option = "--text-column" if missing == rows.config.text_column else "--id-column"
    return missing_column(block.source, missing, names, option)


def _table_rows(
    batch: pa.RecordBatch, position: int, rows: DocumentRows
) -> Iterator[pa.RecordBatch]:
    source = rows.source
    texts = batch.column(rows.config.text_column)
    _require_text(texts, rows)
    ids = None
    if rows.config.id_column is not None:
        ids = _as_names(batch.column(rows.config.id_column), rows)
    for first, stop in _bounded_slices(texts):
        places = np.arange(position + first, position + stop)

        def locate(row: int, byte: int, places: Any = places) -> tuple[str, int]:  # noqa: ANN401
            return f"{source.shown_name}, row {places[row] + 1}", byte + 1

        part = _as_bytes(texts.slice(first, stop - first))
        names = None if ids is None else ids.slice(first, stop - first)
        yield from rows.column_batches(part, places, names, locate)


def _bounded_slices(texts: Array) -> Iterator[tuple[int, int]]:
    """Cut a column so that no part has much more than a batch of text, equal texts included."""
    if not pa.types.is_dictionary(texts.type) or len(texts.dictionary) == 0:
        yield 0, len(texts)
        return
    sizes: Array = pc.binary_length(_plain(texts.dictionary))
    lengths = sizes.take(texts.indices)
    ends = np.cumsum(numpy_array(pc.fill_null(lengths, 0)), dtype=np.int64)
    first = 0
    while first < len(texts):
        before = ends[first - 1] if first else 0
        reach = int(np.searchsorted(ends, before + PIECE_BYTES, side="right"))
        stop = max(first + 1, reach)
        yield first, stop
        first = stop


def _plain(values: Array) -> Array:
    """Return large_binary for text of any of Arrow's layouts."""
    return values.cast(pa.large_binary())


def _require_text(texts: Array, rows: DocumentRows) -> None:
    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    if not any(is_kind(kind) for is_kind in _TEXT_KINDS):
        raise ConfigError(
            f"{rows.source.shown_name}: column {rows.config.text_column!r} holds {kind}, expected "
            f"strings. Name a column of text with --text-column."
        )


def _as_bytes(texts: Array) -> Array:
    if pa.types.is_dictionary(texts.type):
        return _plain(texts.dictionary).take(texts.indices)
    return _plain(texts)


def _as_names(values: Array, rows: DocumentRows) -> Array:
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    try:
        return pc.fill_null(values.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ConfigError(
            f"{rows.source.shown_name}: column {rows.config.id_column!r} ({values.type}) cannot "
            f"be written as text. Name another one with --id-column."
        ) from error
