"""Record batches out of Parquet shards, in bounded batches, and what shards say of themselves."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.errors import MachineError, SchemaError, ShardError
from maskprep.storage.manifest import from_json
from maskprep.storage.manifest_faults import record_faults

READ_ROWS = 4096
_LISTS = (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)


def open_shard(path: Path) -> pq.ParquetFile:
    """Open a Parquet file.

    Raises:
        ShardError: it is missing, no Parquet file, or damaged.
        MachineError: the system refuses to open it.
    """
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise ShardError(f"{path}: this shard is missing. Make the data set again.") from None
    except PermissionError:
        raise MachineError(
            f"{path}: cannot be read: Permission denied. Check its permissions."
        ) from None
    except pa.ArrowMemoryError:
        raise  # The machine's fault, not the file's.
    except (OSError, pa.ArrowException) as error:
        raise ShardError(
            f"{path}: not a whole Parquet file ({first_line(error)}). Make the shard again."
        ) from error


def read_shard(
    path: Path, columns: Sequence[str], start: int = 0, stop: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Read rows start ... stop - 1 of a shard, in bounded batches.

    Raises:
        ShardError: the file is missing or damaged, or holds null.
    """
    file = open_shard(path)
    position = 0
    try:
        for group in range(file.metadata.num_row_groups):
            num_rows = file.metadata.row_group(group).num_rows
            if position + num_rows <= start or (stop is not None and position >= stop):
                position += num_rows
                continue
            for batch in file.iter_batches(
                READ_ROWS, row_groups=[group], columns=list(columns), use_threads=False
            ):
                first = max(start - position, 0)
                last = batch.num_rows if stop is None else min(batch.num_rows, stop - position)
                position += batch.num_rows
                if last > first:
                    refuse_nulls(str(path), batch)
                    yield batch.slice(first, last - first)
    except pa.ArrowMemoryError:
        raise  # The machine's fault, not the file's.
    except (OSError, pa.ArrowException) as error:
        raise ShardError(
            f"{path}: damaged at row {position} ({first_line(error)}). Make the shard again."
        ) from error


def refuse_nulls(where: str, batch: pa.RecordBatch) -> None:
    """Check that every value of a batch is there, in lists too.

    Raises:
        ShardError: a column holds null, which no array of numbers can.
    """
    for name in null_columns(batch):
        raise ShardError(
            f"{where}: column {name} holds null; expected a value everywhere. Make the data set "
            f"again."
        )


def null_columns(batch: pa.RecordBatch) -> list[str]:
    """Return the columns that hold null, in lists too."""
    found = []
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        inner = column.flatten() if isinstance(column, _LISTS) else column
        if column.null_count or inner.null_count:
            found.append(name)
    return found


def check_columns(where: str, found: pa.Schema, expected: pa.Schema, made_by: str) -> None:
    """Check that a table has the columns a stage reads, of the right types.

    Raises:
        SchemaError: a column is missing, is there twice, or is of another type.
    """
    missing = [name for name in expected.names if name not in found.names]
    if missing:
        raise SchemaError(
            f"{where}: no column {', '.join(missing)} (found: {', '.join(found.names)}). "
            f"Expected what 'maskprep {made_by}' writes."
        )
    refuse_repeated_columns(where, found.names)
    for field in expected:
        if found.field(field.name).type != field.type:
            raise SchemaError(
                f"{where}: column {field.name} is {found.field(field.name).type}; expected "
                f"{field.type}, as 'maskprep {made_by}' writes it."
            )


def refuse_repeated_columns(where: str, names: Sequence[str]) -> None:
    """Check that a name means one column.

    Raises:
        SchemaError: two columns share one.
    """
    for name in names:
        if names.count(name) > 1:
            raise SchemaError(
                f"{where}: {names.count(name)} columns are called {name}; expected one. Remove or "
                f"rename the others."
            )


def shard_metadata(path: Path) -> dict[str, Any] | None:
    """Return what maskprep wrote about a shard into its Parquet metadata, if it did.

    Raises:
        ShardError: the file is missing or damaged.
    """
    metadata = open_shard(path).schema_arrow.metadata or {}
    text = metadata.get(b"maskprep")
    return None if text is None else record_of(str(path), text)


def record_of(where: str, text: bytes) -> dict[str, Any]:
    """Return what maskprep wrote about rows into their metadata.

    Raises:
        ShardError: something else wrote it.
    """
    try:
        record = from_json(text)
    except ValueError:
        record = None
    faults = record_faults(record) if isinstance(record, dict) else ["no JSON object"]
    for what in faults:
        raise ShardError(
            f"{where}: its metadata 'maskprep' are not what maskprep writes ({what}). Make the "
            f"data set again."
        )
    return dict(record)


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says."""
    return (str(error).splitlines() or ["unreadable"])[0]
