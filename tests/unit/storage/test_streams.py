"""Arrow streams between stages: whole with a receipt, or an error."""

import io

import pyarrow as pa
import pytest

from maskprep.errors import SchemaError, ShardError
from maskprep.storage.streams import StreamReader, StreamWriter

SCHEMA = pa.schema([("example_id", pa.int64()), ("input_ids", pa.list_(pa.int32()))])
BATCHES = [
    pa.record_batch([[1, 2], [[3], [4, 5]]], schema=SCHEMA),
    pa.record_batch([[6], [[]]], schema=SCHEMA),
]


def stream_of(batches, receipt=None, schema=SCHEMA):
    sink = io.BytesIO()
    writer = StreamWriter(sink, schema)
    for batch in batches:
        writer.write(batch)
    if receipt is not None:
        writer.finish(receipt)
    return sink.getvalue()


def reader_of(data):
    return StreamReader(io.BytesIO(data), "stdin")


@pytest.mark.parametrize("batches", [BATCHES, []], ids=["rows", "no-rows"])
def test_rows_metadata_and_receipt_arrive(batches):
    schema = SCHEMA.with_metadata({"maskprep": "{}"})
    reader = reader_of(stream_of(batches, {"documents": 3}, schema))
    assert reader.schema == SCHEMA
    assert reader.metadata == {b"maskprep": b"{}"}
    assert list(reader.batches()) == batches
    assert reader.receipt == {"documents": 3}


def test_the_sink_stays_open_for_its_owner():
    sink = io.BytesIO()
    StreamWriter(sink, SCHEMA).finish({"documents": 0})
    assert not sink.closed


def test_a_plain_arrow_reader_sees_the_same_rows():
    table = pa.ipc.open_stream(stream_of(BATCHES, {"documents": 3})).read_all()
    assert table == pa.Table.from_batches(BATCHES)


def test_a_stream_without_its_receipt_was_cut_off():
    reader = reader_of(stream_of(BATCHES))
    rows = reader.batches()
    assert [next(rows), next(rows)] == BATCHES
    with pytest.raises(ShardError, match="stdin was cut off: it ends without a receipt"):
        next(rows)


def test_a_stream_of_other_software_has_no_receipt():
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, SCHEMA) as writer:
        writer.write_batch(BATCHES[0])
    with pytest.raises(ShardError, match="ends without a receipt"):
        list(reader_of(sink.getvalue()).batches())


@pytest.mark.parametrize("more", [b"\n", stream_of(BATCHES, {"documents": 3})])
def test_what_follows_a_stream_is_not_lost_silently(more):
    reader = reader_of(stream_of(BATCHES, {"documents": 3}) + more)
    with pytest.raises(ShardError, match="stdin goes on behind the end of the stream"):
        list(reader.batches())


def test_a_stream_cut_at_any_byte_before_its_receipt_is_an_error():
    data = stream_of(BATCHES, {"documents": 3})
    # What follows the receipt says only that nothing follows.
    receipt_ends = len(data) - 8
    for length in range(receipt_ends):
        with pytest.raises((ShardError, SchemaError), match=r"stdin (was cut off|is no Arrow)"):
            list(reader_of(data[:length]).batches())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello, world\n", id="text"),
        pytest.param(b'{"text": "hello"}\n' * 20, id="json"),
        pytest.param(b"PAR1" + bytes(50), id="parquet"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"\xff" * 64, id="ones"),
        pytest.param(b"\x1f\x8b\x08\x00" + bytes(60), id="gzip"),
    ],
)
def test_other_data_is_no_stream(data):
    with pytest.raises(SchemaError, match="stdin is no Arrow stream"):
        reader_of(data)
