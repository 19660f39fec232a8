"""Rows that are looked into: whatever wrote them, their columns can be read and fit one another."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from maskprep.errors import SchemaError, ShardError
from maskprep.list_columns import list_offsets
from maskprep.row_values import RowFault, id_faults, part_faults, refuse_faults, type_faults
from maskprep.schema import COLUMN_TYPES
from maskprep.stages.measurement import TARGET_COLUMNS, TOKEN_COLUMNS
from maskprep.stages.padding import strip_padding
from maskprep.stages.row_shape import list_faults, position_faults, token_column
from maskprep.storage.shard_reading import first_line, read_shard, refuse_repeated_columns


def check_names(where: str, names: Sequence[str]) -> None:
    """Check that a table has the columns without which its rows tell nothing.

    Raises:
        SchemaError: a column is missing, or is there twice.
    """
    refuse_repeated_columns(where, names)
    found = f"(found: {', '.join(names)})"
    if not any(name in names for name in TOKEN_COLUMNS):
        raise SchemaError(
            f"{where}: no column input_ids or token_ids {found}. Give what maskprep tokenize, "
            f"pair, pack or mask wrote; text has to be tokenized first."
        )
    for form in TARGET_COLUMNS:
        missing = [name for name in form if name not in names]
        if 0 < len(missing) < len(form):
            raise SchemaError(
                f"{where}: no column {', '.join(missing)} {found}; expected {' and '.join(form)}, "
                f"as 'maskprep mask' writes them."
            )
    if "epoch" in names and not any(form[0] in names for form in TARGET_COLUMNS):
        raise SchemaError(
            f"{where}: masked rows without what is to be predicted {found}; expected one of "
            f"{', '.join(form[0] for form in TARGET_COLUMNS)}, as 'maskprep mask' writes them."
        )


def read_rows(
    path: Path, columns: Sequence[str], stop: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Read rows of a shard from the first on, as `readable_rows` gives them."""
    row = 0
    for batch in read_shard(path, columns, 0, stop):
        yield readable_rows(str(path), batch, row)
        row += batch.num_rows


def readable_rows(where: str, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """Return rows with columns of the types that maskprep writes, if they fit one another.

    Args:
        where: they come from.
        batch: without nulls, with names that were checked.
        first_row: number of the batch's first row.

    Raises:
        SchemaError: a column is of another type, that does not turn into the right one.
        ShardError: lists of one row differ in length, or hold what cannot be.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowException as error:
        raise ShardError(
            f"{where}: damaged at row {first_row} ({first_line(error)}). Make the data set again."
        ) from error
    batch = _as_written(where, batch)
    _refuse(where, list_faults(batch), first_row)
    unpadded, _ = strip_padding(batch)
    offsets = list_offsets(unpadded.column(token_column(unpadded)))
    checks = (
        position_faults(unpadded),
        part_faults(unpadded, offsets),
        type_faults(unpadded, offsets),
        id_faults(unpadded),
    )
    _refuse(where, itertools.chain(*checks), first_row)
    return batch


def _refuse(where: str, faults: Iterable[RowFault], first_row: int) -> None:
    def name_row(row: int) -> str:
        return f"{where}: row {first_row + row:,}"

    refuse_faults(faults, name_row, "Make the data set again.")


def _as_written(where: str, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with maskprep's types; other software writes longer numbers or offsets."""
    for place, field in enumerate(batch.schema):
        wanted = COLUMN_TYPES.get(field.name, field.type)
        if field.type == wanted:
            continue
        try:
            column = batch.column(place).cast(wanted)
        except pa.ArrowException as error:
            raise SchemaError(
                f"{where}: column {field.name} is {field.type}; expected {wanted} "
                f"({first_line(error)}). Give what maskprep wrote."
            ) from error
        batch = batch.set_column(place, field.with_type(wanted), column)
    return batch
