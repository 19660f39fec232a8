"""Size against speed of the settings with which pyarrow can write a shard.

    python tests/bench/parquet_settings.py OUT/data/part-00000.parquet ...

Each way writes the first row groups of each shard, all columns, with page checksums, into memory,
and pyarrow reads them back. One thread; best of several turns, the ways by turns.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.config import Compression

CODECS: tuple[Compression, ...] = ("zstd", "snappy", "lz4", "none")
ENCODINGS = ("PLAIN", "dictionary", "BYTE_STREAM_SPLIT", "DELTA_BINARY_PACKED")

Write = Callable[[list[pa.RecordBatch]], bytes]


def write_pyarrow(groups: list[pa.RecordBatch], encoding: str, compression: str) -> bytes:
    """Write lists of numbers in one encoding, the rest plain (with a dictionary: all)."""
    settings: dict[str, Any] = {"use_dictionary": encoding == "dictionary"}
    if encoding not in ("PLAIN", "dictionary"):
        lists = [f for f in groups[0].schema if pa.types.is_list(f.type)]
        numbers = [f.name for f in lists if pa.types.is_integer(f.type.value_type)]
        settings["column_encoding"] = {f"{name}.list.element": encoding for name in numbers}
    sink = io.BytesIO()
    with pq.ParquetWriter(
        sink, groups[0].schema, compression=compression, write_page_checksum=True, **settings
    ) as writer:
        for group in groups:
            writer.write_table(pa.Table.from_batches([group]), row_group_size=group.num_rows)
    return sink.getvalue()


def ways() -> Iterator[tuple[str, str, Write]]:
    """Yield encoding, codec and function."""
    for codec in CODECS:
        for encoding in ENCODINGS:
            yield encoding, codec, partial(write_pyarrow, encoding=encoding, compression=codec)


def read_all(data: bytes) -> None:
    """Read every row group, with checksums, in one thread."""
    file = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True)
    for number in range(file.num_row_groups):
        file.read_row_group(number, use_threads=False)


def seconds(function: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    before = time.perf_counter()
    function()
    return time.perf_counter() - before


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", nargs="+")
    parser.add_argument("--groups", type=int, default=4, help="row groups of each shard")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    groups: list[pa.RecordBatch] = []
    for shard in options.shards:
        file = pq.ParquetFile(shard)
        for number in range(min(options.groups, file.num_row_groups)):
            groups += file.read_row_group(number).combine_chunks().to_batches()
    tokens = sum(len(group.column("input_ids").flatten()) for group in groups)
    best: dict[tuple[str, str], tuple[float, float]] = {}
    sizes: dict[tuple[str, str], int] = {}
    for _ in range(options.turns):
        for name, codec, write in ways():
            data = write(groups)
            taken = seconds(partial(write, groups)), seconds(partial(read_all, data))
            before = best.get((name, codec), taken)
            best[name, codec] = min(before[0], taken[0]), min(before[1], taken[1])
            sizes[name, codec] = len(data)
    print(f"pyarrow {pa.__version__}; {tokens:,} tokens in {len(groups)} row groups")
    print("| encoding | compression | bytes/token | write, ns/token | read, ns/token |")
    print("| --- | --- | --- | --- | --- |")
    for (name, codec), (write_s, read_s) in best.items():
        per_token = [sizes[name, codec] / tokens, write_s / tokens * 1e9, read_s / tokens * 1e9]
        print(f"| {name} | {codec} |", " | ".join(f"{number:.2f}" for number in per_token), "|")


if __name__ == "__main__":
    main()
