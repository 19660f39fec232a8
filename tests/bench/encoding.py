"""Measure encoding alone: bytes in, ids and word starts out, one process, one thread.

    python tests/bench/encoding.py corpus.jsonl --tokenizer tokenizer.json [--megabytes 32]

Every run of an encoder begins with an empty cache, and takes its turn between runs of the library
(`encode_batch_fast`, on a part of the text, as it takes so long), so that the ratios hold on a
noisy machine. `tokie`, `gigatoken` and `flash-tokenizer` give ids alone; they are measured where
they are installed and can do the tokenizer, and their ids are compared with the library's.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for threads in ("RAYON_NUM_THREADS", "TOKIE_NUM_THREADS", "GIGATOKEN_NUM_THREADS"):
    os.environ[threads] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import numpy as np

from maskprep.encoders.choosing import choose_encoder, named_encoder
from maskprep.encoders.loading import load_tokenizer

BATCH_BYTES = 4 * 2**20
LIBRARY_BYTES = 2 * 10**6
Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
Run = Callable[[list[str]], Any]


def main() -> None:
    """Measure in turn, print a table."""
    options = _options()
    lines = list(_lines(options.corpus, options.megabytes * 10**6))
    part = _first(lines, LIBRARY_BYTES)
    tokenizer = load_tokenizer(str(options.tokenizer))
    chosen = choose_encoder(tokenizer)
    reference = tokenizer.new_backend()
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    size = sum(len(line.encode()) for line in lines)
    print(f"{size / 1e6:.1f} MB of {options.corpus.name}, {options.tokenizer}, {chosen.record()}\n")
    expected = _library(reference, part)
    routes: dict[str, Run] = dict(_others(options.tokenizer))
    speeds: dict[str, list[float]] = {}
    ratios: dict[str, list[float]] = {}
    differ: dict[str, str] = {}
    for _ in range(options.runs):
        library = _speed(_ids_only(reference), part)
        speeds.setdefault("tokenizers encode_batch_fast", []).append(library)
        encoder = named_encoder(chosen.reference, chosen.name)
        ours = _batched_speed(encoder, list(_batches(lines)))
        speeds.setdefault(f"maskprep, {chosen.name}", []).append(ours)
        ratios.setdefault(f"maskprep, {chosen.name}", []).append(ours / library)
        for name, run in routes.items():
            differ.setdefault(name, "" if np.array_equal(run(part), expected) else "other ids")
            speeds.setdefault(name, []).append(_speed(run, lines))
            ratios.setdefault(name, []).append(speeds[name][-1] / library)
    print(f"{'encoder':<32}{'MB/s':>8}{'ratio':>8}")
    for name, values in speeds.items():
        ratio = statistics.median(ratios.get(name, [1.0]))
        print(f"{name:<32}{statistics.median(values):>8.1f}{ratio:>8.1f}  {differ.get(name, '')}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="JSON Lines with a key 'text'")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a tokenizer.json")
    parser.add_argument("--megabytes", type=int, default=32)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def _lines(corpus: Path, num_bytes: int) -> Iterator[str]:
    """Yield the lines of a corpus, again and again, until there are enough bytes."""
    documents = [
        json.loads(line)["text"] for line in corpus.read_text(encoding="utf-8").splitlines()
    ]
    while True:
        for document in documents:
            for line in document.split("\n"):
                if line.strip():
                    yield line.strip()
                    num_bytes -= len(line.encode())
            if num_bytes <= 0:
                return


def _first(lines: list[str], num_bytes: int) -> list[str]:
    ends = np.cumsum([len(line.encode()) for line in lines])
    return lines[: int(np.searchsorted(ends, num_bytes)) + 1]


def _batches(lines: list[str]) -> Iterator[Batch]:
    """Yield lines as the stage has them: flat bytes, and where each begins and ends."""
    encoded = [line.encode() for line in lines]
    first = size = 0
    for number, line in enumerate(encoded):
        size += len(line)
        if size >= BATCH_BYTES or number + 1 == len(encoded):
            some = encoded[first : number + 1]
            ends = np.cumsum([len(one) for one in some], dtype=np.int64)
            starts = ends - np.array([len(one) for one in some], np.int64)
            yield np.frombuffer(b"".join(some), np.uint8), starts, ends
            first, size = number + 1, 0


def _speed(run: Run, lines: list[str]) -> float:
    begin = time.perf_counter()
    run(lines)
    return sum(len(line.encode()) for line in lines) / 1e6 / (time.perf_counter() - begin)


def _batched_speed(encoder: Any, batches: list[Batch]) -> float:
    begin = time.perf_counter()
    for batch in batches:
        encoder.encode_lines(*batch)
    seconds = time.perf_counter() - begin
    return sum(batch[0].size for batch in batches) / 1e6 / seconds


def _ids_only(backend: Any) -> Run:
    return lambda some: backend.encode_batch_fast(some, add_special_tokens=False)


def _library(backend: Any, lines: list[str]) -> np.ndarray:
    encodings = backend.encode_batch_fast(lines, add_special_tokens=False)
    return np.concatenate([np.array(one.ids, np.int64) for one in encodings])


def _others(path: Path) -> Iterator[tuple[str, Run]]:
    """Yield the other libraries that are installed and load the tokenizer."""
    if importlib.util.find_spec("tokie"):
        import tokie

        ours = tokie.Tokenizer.from_json(str(path))
        yield "tokie", lambda some: ours.encode_batch_flat(some, add_special_tokens=False)[0]
    kind = json.loads(path.read_text(encoding="utf-8"))["model"].get("type", "WordPiece")
    if importlib.util.find_spec("gigatoken") and kind == "BPE":
        import gigatoken

        giga = gigatoken.Tokenizer(str(path))
        yield (
            "gigatoken",
            lambda some: np.asarray(giga.encode_batch(some, parallel=False).layout.content.data),
        )
    vocab = path.with_name(path.name.replace("tokenizer.json", "vocab.txt"))
    if importlib.util.find_spec("flash_tokenizer") and vocab.exists() and vocab != path:
        import flash_tokenizer

        lower = "uncased" in path.name
        flash = flash_tokenizer.BertTokenizerFlash(str(vocab), do_lower_case=lower).tokenizer
        longest = 1 << 20
        yield (
            "flash-tokenizer",
            lambda some: np.concatenate(
                [np.array(flash.encode(one, "longest", longest)[1:-1]) for one in some]
            ),
        )


if __name__ == "__main__":
    main()
