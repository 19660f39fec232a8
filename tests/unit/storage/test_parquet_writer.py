"""What the writer writes is what pyarrow reads, page by page."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskprep.schema import DOCUMENTS, EXAMPLES, masked_schema, with_metadata
from maskprep.storage import parquet_columns
from maskprep.storage.compact_protocol import Struct
from maskprep.storage.parquet_writer import ParquetWriter

INT32 = st.integers(-(2**31), 2**31 - 1) | st.integers(0, 3) | st.integers(0, 300)
INT64 = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-100, 0, 1, 2**31, -(2**31)])
TYPES = {
    pa.int8(): st.integers(-128, 127),
    pa.int32(): INT32,
    pa.int64(): INT64,
    pa.bool_(): st.booleans(),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.string(): st.text(max_size=4),
}
CODECS = ["zstd", "snappy", "lz4", "none"]


@st.composite
def groups(draw):
    """Draw a schema and row groups of it."""
    kinds = draw(st.lists(st.tuples(st.sampled_from(list(TYPES)), st.booleans()), min_size=1))
    fields, values = [], []
    for number, (kind, in_list) in enumerate(kinds):
        is_list = in_list and not pa.types.is_string(kind)
        fields.append(pa.field(f"c{number}", pa.list_(kind) if is_list else kind))
        values.append(st.lists(TYPES[kind], max_size=9) if is_list else TYPES[kind])
    schema = pa.schema(fields, metadata={"maskprep": "{}"})
    batches = []
    for rows in draw(st.lists(st.lists(st.tuples(*values), min_size=1, max_size=6), max_size=3)):
        columns = zip(*rows, strict=True)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        batches.append(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return schema, batches


def written(schema, batches, compression="zstd"):
    sink = io.BytesIO()
    writer = ParquetWriter(sink, schema, compression)
    for batch in batches:
        writer.write_group(batch)
    writer.close()
    return sink.getvalue()


def opened(data):
    return pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True)


def documents(token_rows, dtype=None):
    column = pa.array(token_rows, pa.list_(dtype or pa.int32()))
    return pa.record_batch({"input_ids": column})


@settings(deadline=None)
@given(drawn=groups(), compression=st.sampled_from(CODECS), page_values=st.integers(1, 20))
def test_pyarrow_reads_what_was_written(drawn, compression, page_values):
    schema, batches = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_columns, "PAGE_VALUES", page_values)
        file = opened(written(schema, batches, compression))
    assert file.schema_arrow == schema
    assert file.schema_arrow.metadata == schema.metadata
    assert file.metadata.num_row_groups == len(batches)
    for number, batch in enumerate(batches):
        read = file.read_row_group(number)
        assert read.equals(pa.Table.from_batches([batch]))
        read.validate(full=True)


@pytest.mark.parametrize(
    "schema",
    [DOCUMENTS, EXAMPLES, masked_schema("keras", ("word_starts",))],
    ids=["documents", "examples", "masked"],
)
def test_the_columns_of_every_stage_have_a_form(schema):
    whole = with_metadata(schema, {"stage": "x"})
    file = opened(written(whole, []))
    assert file.schema_arrow == whole
    assert file.schema_arrow.metadata == whole.metadata
    assert [f.metadata for f in file.schema_arrow] == [f.metadata for f in whole]
    assert file.metadata.num_rows == 0


@pytest.mark.parametrize("distinct", [1, 256, 257, 65_536, 65_537])
@pytest.mark.parametrize("dtype", [pa.int32(), pa.int64()])
def test_frequent_tokens_come_first_in_a_dictionary_of_whole_bytes(distinct, dtype):
    tokens = np.tile(np.arange(distinct), 2)
    tokens = np.append(tokens, [7] if distinct > 7 else [0])
    batch = documents([tokens[:9], [], tokens[9:]], dtype)
    file = opened(written(batch.schema, [batch]))
    assert file.read().equals(pa.Table.from_batches([batch]))
    encodings = file.metadata.row_group(0).column(0).encodings
    assert ("RLE_DICTIONARY" in encodings) == (distinct <= 65_536)


def test_slices_and_their_copies_give_the_same_bytes():
    batch = documents([[5, 6], [7], [5, 5, 5], [], [9]])
    part = batch.slice(1, 3)
    copy = documents(part.column(0).to_pylist())
    assert written(batch.schema, [part]) == written(batch.schema, [copy])


@pytest.mark.parametrize("compression", CODECS)
def test_a_flipped_bit_in_any_page_is_noticed(compression):
    batch = documents([list(range(300)) * 3, [1, 2]])
    data = written(batch.schema, [batch], compression)
    column = opened(data).metadata.row_group(0).column(0)
    begin, middle = column.dictionary_page_offset, column.data_page_offset
    # Headers are not part of any checksum; the hash of the file is for them.
    header = 40
    places = [
        *range(begin + header, middle),
        *range(middle + header, begin + column.total_compressed_size),
    ]
    for place in places[::5]:
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises(OSError, match="CRC"):
            opened(bytes(broken)).read()


def test_long_lists_of_a_struct_have_their_length_behind_the_head():
    short, long = (bytes(Struct().i32s(1, [0] * n)) for n in (14, 15))
    assert short == b"\x19\xe5" + b"\0" * 14 + b"\0"
    assert long == b"\x19\xf5\x0f" + b"\0" * 15 + b"\0"
