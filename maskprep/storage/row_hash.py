"""A hash of rows, not of bytes: the same for any file format, batch size and library version."""

import numpy as np
import pyarrow as pa
import xxhash

from maskprep.list_columns import flat_values, numpy_array


class RowHash:
    """Hash of a sequence of rows, fed batch by batch.

    XXH3 with 128 bits: it tells damage and change, not forgery, and costs next to nothing. For each
    column, the lengths of its lists (or texts) and its values are hashed apart, as
    little-endian bytes; the result is the hash of these hashes with the columns' names and types.
    So it does not depend on where batches were cut.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._columns = [(xxhash.xxh3_128(), xxhash.xxh3_128()) for _ in schema]

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the rows of a batch of this schema."""
        for column, (lengths, values) in zip(batch.columns, self._columns, strict=True):
            if pa.types.is_list(column.type):
                flat, offsets = flat_values(column)
            elif pa.types.is_string(column.type):
                binary = column.cast(pa.large_binary())
                offsets = np.frombuffer(binary.buffers()[1], np.int64)
                offsets = offsets[binary.offset : binary.offset + len(binary) + 1]
                data = binary.buffers()[2]
                text = np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8)
                flat = text[offsets[0] : offsets[-1]]
            else:
                values.update(np.ascontiguousarray(numpy_array(column)).data)
                continue
            lengths.update(np.diff(offsets).astype("<i8").data)
            values.update(np.ascontiguousarray(flat).data)

    def hexdigest(self) -> str:
        """Return the hash of all rows so far, in hex."""
        digest = xxhash.xxh3_128()
        for field, hashes in zip(self._schema, self._columns, strict=True):
            digest.update(f"{field.name}:{field.type};".encode())
            for column_hash in hashes:
                digest.update(column_hash.digest())
        return digest.hexdigest()
