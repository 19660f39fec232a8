"""Arrow streams between the stages of a pipe.

The schema's metadata carries the whole tokenizer and how the rows were made. The last batch is
empty and carries the receipt; a stream without it was cut off, which a plain Arrow reader would
not notice when the writer died between two batches.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from maskprep.errors import SchemaError, ShardError
from maskprep.storage.shard_reading import refuse_nulls

_RECEIPT = b"receipt"
_RUN_AGAIN = "Look for the error of the stage that wrote it, and run the pipe again."


class StreamWriter:
    """Writes record batches and, at the end, the receipt."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema) -> None:
        self._schema = schema
        # The sink belongs to the caller, who finds out there whether the reader has gone.
        self._writer = pa.ipc.new_stream(sink, schema)

    def write(self, batch: pa.RecordBatch) -> None:
        """Write the rows of one batch."""
        self._writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))

    def finish(self, receipt: dict[str, Any]) -> None:
        """Write the receipt and end the stream."""
        empty = self._schema.empty_table().to_batches()
        last = empty[0] if empty else _empty_batch(self._schema)
        self._writer.write_batch(last, custom_metadata={_RECEIPT: json.dumps(receipt)})
        self._writer.close()


def _empty_batch(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


class StreamReader:
    """Reads the batches of a stream; `receipt` is known when all are read."""

    def __init__(self, source: BinaryIO, origin: str) -> None:
        """Read the stream's schema.

        Args:
            source: binary file.
            origin: what the stream is called in messages.

        Raises:
            SchemaError: the input is no Arrow stream.
        """
        self.origin = origin
        self.receipt: dict[str, Any] = {}
        self._source = source
        try:
            self._reader = pa.ipc.open_stream(source)
        except (pa.ArrowInvalid, OSError, EOFError):
            raise SchemaError(
                f"{origin} is no Arrow stream. Pipe another maskprep stage into this one (if one "
                f"is, look for its error), or name a data-set folder or shards."
            ) from None
        self.schema: pa.Schema = self._reader.schema

    @property
    def metadata(self) -> dict[bytes, bytes]:
        """The schema's metadata."""
        return self.schema.metadata or {}

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read all batches.

        Raises:
            ShardError: the stream is damaged, ends without its receipt, or something follows it.
        """
        while True:
            try:
                batch, metadata = self._reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                break
            except pa.ArrowMemoryError:
                raise  # The machine's fault, not the stream's.
            except (pa.ArrowException, OSError, EOFError) as error:
                reason = str(error).rstrip(".")
                raise ShardError(
                    f"{self.origin} was cut off or damaged: {reason}. {_RUN_AGAIN}"
                ) from error
            if metadata is not None and _RECEIPT in metadata:
                self.receipt = json.loads(metadata[_RECEIPT])
            if batch.num_rows:
                refuse_nulls(self.origin, batch)
                yield batch
        if not self.receipt:
            raise ShardError(f"{self.origin} was cut off: it ends without a receipt. {_RUN_AGAIN}")
        if self._source.read(1):
            raise ShardError(
                f"{self.origin} goes on behind the end of the stream; expected one stream alone. "
                f"Give the stage before all inputs at once, or write folders and name them all."
            )
