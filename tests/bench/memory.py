"""Private memory of a run over one huge document, in each of the forms it can come in.

    python tests/bench/memory.py --tokenizer TOKENIZER [--mib 2048] [--workers 1] [CASE ...]

Every case writes its input into a temporary folder, runs the command, and samples RssAnon and
RssShmem of all its processes (memory that the system may take back any time still counts).
"""

import argparse
import gzip
import json
import os
import pydoc_data.topics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

MIB = 2**20
PROSE = "\n".join(
    line for text in pydoc_data.topics.topics.values() for line in text.split("\n") if line.strip()
)
SECONDS_BETWEEN_SAMPLES = 0.05


def repeated(text: bytes, num_bytes: int) -> Iterator[bytes]:
    """Yield a text again and again."""
    chunk = text * max(MIB // len(text), 1)
    for _ in range(num_bytes // len(chunk) + 1):
        yield chunk


def write(path: Path, *parts: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for part in parts:
            for chunk in part:
                file.write(chunk)


def lines(path: Path, num_bytes: int) -> None:
    write(path, repeated(PROSE.encode() + b"\n", num_bytes))


def one_line(path: Path, num_bytes: int) -> None:
    write(path, repeated(PROSE.replace("\n", " ").encode() + b" ", num_bytes // 4))


def one_word(path: Path, num_bytes: int) -> None:
    write(path, repeated(b"donaudampfschifffahrt", num_bytes // 4))


def invalid_bytes(path: Path, num_bytes: int) -> None:
    write(path, repeated(PROSE.encode() + b"\n\xff", num_bytes))


def json_line(path: Path, num_bytes: int) -> None:
    text = PROSE.replace("\\", " ").replace('"', " ").replace("\n", "\\n").encode()
    write(path, iter([b'{"text": "']), repeated(text, num_bytes), iter([b'"}\n{"text": "end"}\n']))


def csv_cell(path: Path, num_bytes: int) -> None:
    text = PROSE.replace('"', " ").encode()
    write(path, iter([b'text\n"']), repeated(text, num_bytes), iter([b'"\nend\n']))


def parquet_cell(path: Path, num_bytes: int) -> None:
    # A value has at most 2^31 - 1 bytes.
    text = b"".join(repeated(PROSE.encode(), num_bytes))[: 2**31 - 2**20]
    column = pa.array([text, b"end"], pa.large_binary())
    pq.write_table(pa.table({"text": column}), path, use_dictionary=False)


def parquet_bomb(path: Path, num_bytes: int) -> None:
    row = pa.DictionaryArray.from_arrays(
        pa.array([0] * (num_bytes // MIB), pa.int32()), pa.array([PROSE[:MIB].ljust(MIB, "x")])
    )
    pq.write_table(pa.table({"text": row}), path)


def json_lines(path: Path, num_bytes: int) -> None:
    # One character beyond the others makes Python hold four bytes for each.
    line = json.dumps({"text": f"\U0001f600{long_text()}"}, ensure_ascii=False).encode() + b"\n"
    write(path, repeated(line, num_bytes // 8))


def csv_rows(path: Path, num_bytes: int) -> None:
    text = long_text().replace('"', " ").encode()
    write(path, iter([b"text\n"]), repeated(b'"' + text + b'"\n', num_bytes // 8))


def parquet_pages(path: Path, num_bytes: int) -> None:
    texts = [f"{n} {long_text(30)}" for n in range(max(num_bytes // (8 * 30 * MIB), 1))]
    table = pa.table({"text": texts})
    pq.write_table(table, path, use_dictionary=False, write_batch_size=1)


def documents(path: Path, num_bytes: int) -> None:
    write(path, repeated(long_text().encode() + b"\n\n", num_bytes // 8))


def long_text(mib: int = 15) -> str:
    return PROSE * (mib * MIB // len(PROSE.encode()))


def gzip_of(byte: bytes) -> Callable[[Path, int], None]:
    def write_zip(path: Path, num_bytes: int) -> None:
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(b"begin ")
            for chunk in repeated(byte, num_bytes):
                file.write(chunk)
            file.write(b" end\n")

    return write_zip


def tiny_documents(path: Path, num_bytes: int) -> None:
    write(path, repeated(b"a\n\n", num_bytes // 4))


CASES: dict[str, tuple[str, Callable[[Path, int], None], tuple[str, ...]]] = {
    "one document": ("a.txt", lines, ()),
    "a whole file": ("a.txt", lines, ("--documents", "file")),
    "a line (of a quarter)": ("a.txt", one_line, ()),
    "a word (of a quarter)": ("a.txt", one_word, ()),
    "invalid bytes replaced": ("a.txt", invalid_bytes, ("--on-invalid", "replace")),
    "invalid bytes skipped": ("a.txt", invalid_bytes, ("--on-invalid", "skip")),
    "gzip of zeros": ("a.txt.gz", gzip_of(b"\0"), ()),
    "gzip of spaces": ("a.txt.gz", gzip_of(b" "), ()),
    "gzip of line breaks": ("a.txt.gz", gzip_of(b"\n"), ()),
    "tiny documents": ("a.txt", tiny_documents, ()),
    "JSON line": ("a.jsonl", json_line, ("--on-invalid", "skip")),
    "CSV cell": ("a.csv", csv_cell, ("--on-invalid", "skip")),
    "Parquet cell": ("a.parquet", parquet_cell, ("--on-invalid", "skip")),
    "Parquet bomb": ("a.parquet", parquet_bomb, ()),
    "JSON lines of 15 MiB": ("a.jsonl", json_lines, ()),
    "CSV rows of 15 MiB": ("a.csv", csv_rows, ()),
    "Parquet pages of 30 MiB": ("a.parquet", parquet_pages, ()),
    "encoded whole, 15 MiB": ("a.txt", documents, ("--encode", "document")),
    "whole document encoded": (
        "a.txt",
        lines,
        ("--encode", "document", "--on-invalid", "skip"),
    ),
}


def private_bytes(root: int) -> int:
    """Return RssAnon + RssShmem of a process and all below it."""
    parents, sizes = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            status = (entry / "status").read_text()
        except OSError:
            continue
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        pid = int(entry.name)
        parents[pid] = int(fields["PPid"])
        sizes[pid] = sum(
            int(fields.get(name, "0").split()[0]) * 1024 for name in ("RssAnon", "RssShmem")
        )
    return sum(size for pid, size in sizes.items() if _is_below(pid, root, parents))


def _is_below(pid: int, root: int, parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid == root:
            return True
        pid = parents.get(pid, 0)
    return False


def measure(command: list[str]) -> tuple[int, float, int, str]:
    """Run a command; return its peak, seconds, exit code and last words."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    peak = 0
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(process.communicate()))
    reader.start()
    while reader.is_alive():
        peak = max(peak, private_bytes(process.pid))
        reader.join(SECONDS_BETWEEN_SAMPLES)
    words = (output[1].strip() or output[0].strip()).splitlines()
    return peak, time.monotonic() - begun, process.returncode, words[-1] if words else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--workers", default="1")
    parser.add_argument("--command", default="tokenize")
    parser.add_argument("--folder", default=tempfile.gettempdir())
    options = parser.parse_args()
    print(f"{'case':24} {'peak':>9} {'time':>7} exit")
    for case in options.cases:
        name, make, settings = CASES[case]
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path, output = Path(folder, name), Path(folder, "out")
            if os.fork() == 0:  # so that what makes the input needs no memory of ours
                make(path, options.mib * MIB)
                os._exit(0)
            os.wait()
            command = [sys.executable, "-m", "maskprep", options.command, str(path), *settings]
            command += ["--tokenizer", options.tokenizer, "--workers", options.workers]
            command += ["--output", str(output), "--progress", "none"]
            peak, seconds, code, words = measure(command)
        print(
            f"{case:24} {peak / MIB:5.0f} MiB {seconds:5.0f} s {code:4} {words[:150]}", flush=True
        )


if __name__ == "__main__":
    main()
