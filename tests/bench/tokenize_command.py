"""Measure the whole `tokenize` command, beside a script that uses the library, in one run.

    python tests/bench/tokenize_command.py corpus.jsonl --tokenizer tokenizer.json

Every route is a fresh process on the same text, in turn. The script (`library_tokenize.py`) has one
thread and writes ids alone; `maskprep tokenize` also writes sentences and word starts, with one
worker and with two. Memory is private memory (RssAnon and shared) of all processes of a route.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
MEMORY = ("RssAnon:", "RssShmem:")


def main() -> None:
    """Run every route, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="JSON Lines with a key 'text'")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a tokenizer.json")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--skip-library", action="store_true", help="maskprep alone")
    options = parser.parse_args()
    size = options.corpus.stat().st_size / 1e6
    print(f"{size:.1f} MB of {options.corpus.name}, {options.tokenizer.name}")
    found: dict[str, list[tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        routes = _routes(options, Path(scratch))
        for _ in range(options.runs):
            for name, command in routes.items():
                # A finished folder would be found finished.
                for folder in Path(scratch).iterdir():
                    if folder.is_dir():
                        shutil.rmtree(folder)
                found.setdefault(name, []).append(_measured(command))
    first = statistics.median(seconds for seconds, _ in next(iter(found.values())))
    print(f"{'route':<28}{'seconds':>9}{'MB/s':>8}{'ratio':>8}{'peak MiB':>10}")
    for name, runs in found.items():
        seconds = statistics.median(taken for taken, _ in runs)
        peak = max(memory for _, memory in runs) / 2**20
        print(
            f"{name:<28}{seconds:>9.2f}{size / seconds:>8.1f}{first / seconds:>8.2f}{peak:>10.0f}"
        )


def _routes(options: argparse.Namespace, scratch: Path) -> dict[str, list[str]]:
    text, tokenizer = str(options.corpus), str(options.tokenizer)
    script = [sys.executable, str(HERE / "library_tokenize.py"), text, tokenizer]
    routes = {} if options.skip_library else {"library": [*script, str(scratch / "ids.parquet")]}
    for workers in ("1", "2"):
        routes[f"maskprep, workers {workers}"] = [
            *(sys.executable, "-m", "maskprep", "tokenize", text, "--tokenizer", tokenizer),
            *("--output", str(scratch / workers), "--workers", workers, "--overwrite", "--quiet"),
        ]
    return routes


def _measured(command: list[str]) -> tuple[float, int]:
    """Run a command; return its seconds, and its most memory in bytes."""
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        peak = [0]
        watch = threading.Thread(target=_watch, args=(process, peak))
        watch.start()
        code = process.wait()
        seconds = time.perf_counter() - begin
        watch.join()
    if code:
        raise SystemExit(f"exit code {code}: {' '.join(command)}")
    return seconds, peak[0]


def _watch(process: "subprocess.Popen[bytes]", peak: list[int]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_private_bytes, _family(process.pid))))
        time.sleep(0.1)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(one for child in children for one in _family(int(child)))]


def _private_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(MEMORY))


if __name__ == "__main__":
    main()
