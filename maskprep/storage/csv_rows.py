"""Documents of CSV files: one text column, one record a document."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.csv

from maskprep.errors import ConfigError, CorpusError
from maskprep.storage.blocks import Block, missing_column
from maskprep.storage.compression import StoredBytes, open_stored
from maskprep.storage.csv_records import Fault, RowNumbers, WholeRecords
from maskprep.storage.encodings import HEAD_BYTES, foreign_encoding, is_utf16
from maskprep.storage.rows import DocumentRows
from maskprep.storage.tables import table_rows
from maskprep.storage.text import LONGEST_WHOLE_BYTES

_HEADER = 1
"""Records before the first row."""


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
    numbers = RowNumbers()
    try:
        with _open_csv(block, rows, columns, numbers) as reader:
            for batch in reader:
                yield from table_rows(batch, numbers.number(batch.num_rows), rows)
    except pa.ArrowKeyError as error:
        raise _missing_csv_column(block, rows, columns) from error
    except pa.ArrowInvalid as error:
        reason = str(error).splitlines()[0].rstrip(".")
        if numbers.next == 0 and "Empty CSV file" in reason:
            return
        raise CorpusError(
            f"{block.source.shown_name}: unreadable CSV behind row {numbers.next:,} ({reason}). "
            f"Mend the file, or skip rows with a wrong number of values with --on-invalid skip."
        ) from error


def _refuse_utf16(block: Block) -> None:
    with _open_stored(block) as stored:
        head = stored.read(HEAD_BYTES)
    if is_utf16(head):
        raise foreign_encoding(block.source.shown_name)


def _open_stored(block: Block) -> StoredBytes:
    if block.spooled:
        return open_stored(block.spooled)
    return open_stored(str(block.source.path), block.source.num_bytes)


@contextmanager
def _open_csv(
    block: Block, rows: DocumentRows, columns: list[str] | None, numbers: RowNumbers
) -> Iterator[Any]:
    def refuse(record: int, fault: Fault) -> None:
        row = record - _HEADER
        where = f"{block.source.shown_name}, row {row + 1}"
        if row < 0:
            where = f"{block.source.shown_name}: the first row, which names the columns"
        if fault == "open_quote" and (row < 0 or rows.config.on_invalid == "error"):
            raise CorpusError(
                f"{where}: a quote is not closed up to the end of the file. Mend the file, or "
                f"leave out all from such a row on with --on-invalid skip."
            )
        if row < 0:
            raise CorpusError(
                f"{where}, is longer than {LONGEST_WHOLE_BYTES:,} bytes. Mend the file, or set "
                f"--format."
            )
        numbers.leave_out(row)
        if fault == "open_quote":
            rows.drop("invalid_csv", row)
        elif fault == "too_long":
            what = "the row, or what an unclosed quote makes of the rest,"
            rows.refuse_long(row, what, lambda: where)
        else:
            rows.drop(fault, row)

    delimiter = "\t" if PurePosixPath(rows.source.name).suffix.lower() == ".tsv" else ","
    types = {name: pa.large_binary() for name in columns or ()}
    with _open_stored(block) as stored:
        records = WholeRecords(
            stored.read,
            delimiter,
            LONGEST_WHOLE_BYTES,
            refuse,
            equal_widths=rows.config.on_invalid != "error",
        )
        with pyarrow.csv.open_csv(
            pa.PythonFile(records, mode="r"),
            # A record may lie across two blocks, not across three.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=LONGEST_WHOLE_BYTES),
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                check_utf8=False, include_columns=columns, column_types=types
            ),
        ) as reader:
            yield reader


def _missing_csv_column(block: Block, rows: DocumentRows, columns: list[str]) -> ConfigError:
    try:
        with _open_csv(block, rows, None, RowNumbers()) as reader:
            names = reader.schema.names
    except (UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise CorpusError(
            f"{block.source.shown_name}: the first row, which names the columns, is no UTF-8 or no "
            f"CSV. Convert the file to UTF-8, or set --format if it is something else."
        ) from error
    missing = next(name for name in columns if name not in names)
    option = "--text-column" if missing == rows.config.text_column else "--id-column"
    return missing_column(block.source, missing, names, option)
