"""Measure `mask --no-shuffle`, its start subtracted, beside plain pyarrow on the same rows.

    python tests/bench/masking.py EXAMPLES [--runs 3] [--columns loss-mask]

EXAMPLES is a folder made by `maskprep pair`. Plain pyarrow reads the columns that masking needs and
writes the finished columns, which it has in memory, with the same settings and row groups: nothing
is chosen, corrupted, hashed or made durable. One worker, one thread; medians.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

INPUTS = (
    "example_id",
    "document_id",
    "document_id_b",
    "input_ids",
    "token_type_ids",
    "word_starts",
)


def main() -> None:
    """Print seconds, tokens a second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("examples", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--columns", default="loss-mask")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        masked = Path(folder) / "masked"
        command = [
            *(sys.executable, "-m", "maskprep", "mask", str(options.examples), "--no-shuffle"),
            *("--columns", options.columns, "--workers", "1", "--quiet", "--output", str(masked)),
        ]
        found: dict[str, list[float]] = {"start": [], "mask": [], "pyarrow": []}
        seconds(command, masked)
        for _ in range(options.runs):
            found["start"].append(seconds([*command, "--limit", "1"], masked))
            found["mask"].append(seconds(command, masked))
            found["pyarrow"].append(plain_pyarrow(options.examples / "data", masked / "data"))
        shards = sorted((masked / "data").iterdir())
        name = "token_ids" if options.columns == "keras" else "input_ids"
        tokens = sum(
            len(pq.read_table(p, columns=[name])[name].combine_chunks().flatten()) for p in shards
        )
    start, mask, plain = (statistics.median(runs) for runs in found.values())
    print(f"{tokens:,} tokens, --columns {options.columns}")
    print(f"mask --no-shuffle {mask:.2f} s, of it the start {start:.2f} s")
    print(f"plain pyarrow     {plain:.2f} s ({tokens / plain / 1e6:.1f} million tokens/s)")
    print(f"ratio             {(mask - start) / plain:.2f}")


def seconds(command: list[str], made: Path) -> float:
    """Return how long a command takes that makes a folder anew."""
    shutil.rmtree(made, ignore_errors=True)
    begin = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - begin


def plain_pyarrow(examples: Path, masked: Path) -> float:
    """Return how long reading the examples and writing the masked columns takes."""
    spent = 0.0
    for path in sorted(examples.iterdir()):
        begin = time.perf_counter()
        file = pq.ParquetFile(path, page_checksum_verification=True)
        columns = [name for name in INPUTS if name in file.schema_arrow.names]
        for batch in file.iter_batches(4096, columns=columns, use_threads=False):
            assert batch.num_rows
        spent += time.perf_counter() - begin
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(masked.iterdir()):
            stored = pq.ParquetFile(path)
            groups = [
                stored.read_row_group(n).combine_chunks() for n in range(stored.num_row_groups)
            ]
            begin = time.perf_counter()
            with pq.ParquetWriter(
                Path(folder) / path.name,
                stored.schema_arrow,
                compression="zstd",
                write_batch_size=2**13,
                write_page_checksum=True,
            ) as writer:
                for group in groups:
                    writer.write_table(group, row_group_size=group.num_rows)
            spent += time.perf_counter() - begin
    return spent


if __name__ == "__main__":
    main()
