"""Record batches into a Parquet file, one row group for each.

Written here, because pyarrow spends most of its time on the levels of lists, value by value, and
cannot write the dictionary of `storage.parquet_columns`. Only what our schemas need: numbers, bools
and texts, and lists of them, without nulls. Every page has a checksum.

Source: https://github.com/apache/parquet-format, parquet.thrift.
"""

import base64
from collections.abc import Iterator
from typing import Any, Protocol

import pyarrow as pa

import maskprep
from maskprep.config import Compression
from maskprep.storage.compact_protocol import Struct
from maskprep.storage.parquet_columns import chunk_metadata, physical_type, write_chunk

_MAGIC = b"PAR1"
_FORMAT_VERSION = 2
_OPTIONAL, _REPEATED = 1, 2
_LIST = 3


class _Sink(Protocol):
    def write(self, data: Any) -> int: ...  # noqa: ANN401 - any buffer


class ParquetWriter:
    """Writes one file; `close` makes it complete."""

    def __init__(self, sink: _Sink, schema: pa.Schema, compression: Compression) -> None:
        """Begin a file.

        Args:
            sink: a binary file, written from front to back.
            schema: with its metadata.
            compression: codec of the pages.
        """
        self._sink = sink
        self._schema = schema
        self._compression = compression
        self._place = 0
        self._rows = 0
        self._groups: list[Struct] = []
        self._write(_MAGIC)

    def write_group(self, batch: pa.RecordBatch) -> None:
        """Write a row group: a batch of the schema, without nulls."""
        begin, plain_bytes = self._place, 0
        columns = []
        for column, field in zip(batch.columns, self._schema, strict=True):
            chunk = write_chunk(column, self._compression)
            columns.append(chunk_metadata(chunk, field, self._place, self._compression))
            for part in chunk.parts:
                self._write(part)
            plain_bytes += chunk.plain_bytes
        group = Struct().structs(1, columns).i64(2, plain_bytes).i64(3, batch.num_rows)
        self._groups.append(group.i64(5, begin).i64(6, self._place - begin))
        self._rows += batch.num_rows

    def close(self) -> None:
        """Write the footer."""
        footer = bytes(
            Struct()
            .i32(1, _FORMAT_VERSION)
            .structs(2, list(_schema_elements(self._schema)))
            .i64(3, self._rows)
            .structs(4, self._groups)
            .structs(5, [Struct().text(1, k).text(2, v) for k, v in _metadata(self._schema)])
            .text(6, f"maskprep version {maskprep.__version__}")
        )
        self._write(footer + len(footer).to_bytes(4, "little") + _MAGIC)

    def _write(self, data: Any) -> None:  # noqa: ANN401 - any buffer
        self._sink.write(data)
        self._place += len(data)


def _schema_elements(schema: pa.Schema) -> Iterator[Struct]:
    yield Struct().text(4, "schema").i32(5, len(schema))
    for field in schema:
        if pa.types.is_list(field.type):
            yield Struct().i32(3, _OPTIONAL).text(4, field.name).i32(5, 1).i32(6, _LIST)
            yield Struct().i32(3, _REPEATED).text(4, "list").i32(5, 1)
        number, converted, _ = physical_type(field.type)
        name = "element" if pa.types.is_list(field.type) else field.name
        element = Struct().i32(1, number).i32(3, _OPTIONAL).text(4, name)
        yield element if converted is None else element.i32(6, converted)


def _metadata(schema: pa.Schema) -> Iterator[tuple[bytes, bytes]]:
    yield from (schema.metadata or {}).items()
    # Where there is this, pyarrow takes all of a schema from it: the meaning of each column too.
    yield b"ARROW:schema", base64.b64encode(schema.serialize())
