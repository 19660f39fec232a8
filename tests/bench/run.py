"""Measure text to shards, and each stage, beside what one would do today.

    python tests/bench/run.py corpus.jsonl --tokenizer tokenizer.json [--megabytes 32] [--workers 2]

Every route starts as a fresh process on the same text and the same cores, in turn, so that the
ratios hold on a noisy machine; the first run of each (compilation, caches) is not counted.
The comparison is `datasets.map` with the same tokenizer, grouped to rows of the same length,
masked by `DataCollatorForLanguageModeling`, written to Parquet. Needs the extra `bench`.
"""

import argparse
import json
import lzma
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from maskprep.config import MaskingConfig
from maskprep.kernels.masking import replace_tokens
from maskprep.stages.masking import action_thresholds
from maskprep.stages.selection import TokenRows, select_tokens

HERE = Path(__file__).parent
MAX_SEQ_LENGTH = 128
MASKINGS = {
    **{f"--unit {unit}": MaskingConfig(unit=unit) for unit in ("token", "word", "ngram", "span")},
    "--unit token --selection bernoulli": MaskingConfig(selection="bernoulli"),
    "--unit token --max-predictions 15": MaskingConfig(max_predictions=15),
}


def main() -> None:
    """Run every route, print a table."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.temp_dir) as scratch:
        text = _sample(options.corpus, options.megabytes, Path(scratch))
        megabytes = text.stat().st_size / 1e6
        print(f"{_processor()}, {options.workers} workers, Python {platform.python_version()}")
        print(f"{megabytes:.1f} MB of {options.corpus.name}, {options.tokenizer.name}\n")
        seconds = _routes(text, options, Path(scratch))
    print(f"{'route':<34}{'seconds':>10}{'MB/s':>10}{'ratio':>8}")
    slowest = statistics.median(seconds["datasets + collator"])
    for route, runs in seconds.items():
        median = statistics.median(runs)
        print(f"{route:<34}{median:>10.2f}{megabytes / median:>10.2f}{slowest / median:>8.2f}")
    print()
    print("masking alone, one core, million tokens/s")
    for name, config in MASKINGS.items():
        print(f"{name:<34}{_masking_speed(config):>10.0f}")
    for name, whole_words in (("collator", False), ("collator, whole words", True)):
        print(f"{name:<34}{_collator_speed(options.tokenizer, whole_words=whole_words):>10.2f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="JSON Lines with a key 'text', or .jsonl.xz")
    parser.add_argument("--tokenizer", type=Path, required=True, help="a tokenizer.json")
    parser.add_argument(
        "--megabytes", type=int, default=32, help="repeat or cut the corpus to this"
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--temp-dir", type=Path)
    return parser.parse_args()


def _sample(corpus: Path, megabytes: int, scratch: Path) -> Path:
    """Write documents of the corpus, again and again, until there are enough bytes."""
    with (lzma.open if corpus.suffix == ".xz" else open)(corpus, "rt", encoding="utf-8") as file:
        lines = file.readlines()
    path = scratch / "sample.jsonl"
    with path.open("w", encoding="utf-8") as file:
        number = 0
        while file.tell() < megabytes * 1e6:
            text = json.loads(lines[number % len(lines)])["text"].replace("\r\n", "\n")
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")
            number += 1
    return path


def _routes(text: Path, options: argparse.Namespace, scratch: Path) -> dict[str, list[float]]:
    workers, tokenizer = str(options.workers), str(options.tokenizer)
    common = ["--workers", workers, "--quiet", "--overwrite"]
    documents, examples = str(scratch / "documents"), str(scratch / "examples")
    maskprep = [sys.executable, "-m", "maskprep"]
    length = ["--max-seq-length", str(MAX_SEQ_LENGTH)]
    routes = {
        **{
            name: [
                *(sys.executable, str(HERE / "hugging_face.py")),
                *(str(text), tokenizer, str(scratch / "hf"), workers, str(MAX_SEQ_LENGTH), arrays),
            ]
            for name, arrays in (("datasets + collator", "pt"), ("  with numpy arrays", "np"))
        },
        "maskprep prepare": [
            *(*maskprep, "prepare", str(text), "--tokenizer", tokenizer, "--recipe", "bert"),
            *(*length, "--output", str(scratch / "shards"), *common),
        ],
        "  maskprep tokenize": [
            *(*maskprep, "tokenize", str(text), "--tokenizer", tokenizer),
            *("--output", documents, *common),
        ],
        "  maskprep pair": [*maskprep, "pair", documents, *length, "--output", examples, *common],
        "  maskprep mask": [
            *(*maskprep, "mask", examples, "--output", str(scratch / "masked"), *common),
        ],
    }
    seconds: dict[str, list[float]] = {route: [] for route in routes}
    for number in range(options.runs + 1):
        for route, command in routes.items():
            _forget(scratch, documents, examples, keep_inputs_of=route)
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            if number:
                seconds[route].append(time.perf_counter() - begin)
    return seconds


def _forget(scratch: Path, documents: str, examples: str, *, keep_inputs_of: str) -> None:
    """Remove what a route is about to make: a finished folder would be found finished."""
    made = {
        "datasets + collator": scratch / "hf",
        "  with numpy arrays": scratch / "hf",
        "maskprep prepare": scratch / "shards",
        "  maskprep tokenize": Path(documents),
        "  maskprep pair": Path(examples),
        "  maskprep mask": scratch / "masked",
    }[keep_inputs_of]
    subprocess.run(["rm", "-rf", str(made)], check=True)
    os.sync()  # Or the next route waits for the disk that the one before has filled.


def _masking_speed(config: MaskingConfig, rows: int = 8192) -> float:
    """Return million tokens/s of all masking kernels on one batch, as the stage is given them."""
    random = np.random.default_rng(0)
    shape = (rows, MAX_SEQ_LENGTH)
    input_ids = random.integers(5, 30_000, shape).astype(np.int32)
    input_ids[:, [0, -1]] = 3
    word_starts = random.random(shape) < (1.1 if config.unit == "token" else 0.8)
    word_starts[:, 0] = True
    maskable, pool = np.arange(30_000) >= 5, np.arange(5, 30_000, dtype=np.int32)
    offsets = np.arange(0, input_ids.size + 1, MAX_SEQ_LENGTH)
    example_ids = random.integers(0, 2**63 - 1, rows)
    thresholds, key = action_thresholds(config), np.zeros(2, np.uint64)
    cumulative, counts = np.zeros(0, np.uint64), np.zeros(4, np.int64)
    ids = input_ids.ravel()
    speeds = []
    for _ in range(50):
        begin = time.perf_counter()
        batch = TokenRows(np.take(maskable, ids), word_starts.ravel(), offsets, example_ids)
        selected, _ = select_tokens(batch, config, 0)
        corrupted = ids.copy()
        replace_tokens(
            *(offsets, example_ids, selected, pool, cumulative, key, np.int32(4)),
            *(thresholds, corrupted, counts),
        )
        speeds.append(ids.size / (time.perf_counter() - begin) / 1e6)
    return statistics.median(speeds)


def _collator_speed(tokenizer_json: Path, *, whole_words: bool, rows: int = 512) -> float:
    """Return million tokens/s of `DataCollatorForLanguageModeling` on rows of as many tokens."""
    script = (
        "import sys, time, numpy as np, statistics\n"
        "from transformers import DataCollatorForLanguageModeling, PreTrainedTokenizerFast\n"
        "tokenizer = PreTrainedTokenizerFast(tokenizer_file=sys.argv[1], mask_token='[MASK]',"
        " pad_token='[PAD]', cls_token='[CLS]', sep_token='[SEP]', unk_token='[UNK]')\n"
        "words = bool(int(sys.argv[2]))\n"
        "collate = DataCollatorForLanguageModeling("
        "tokenizer, whole_word_mask=words, return_tensors='np', seed=0)\n"
        "random = np.random.default_rng(0)\n"
        "rows, length = int(sys.argv[3]), int(sys.argv[4])\n"
        "starts = np.cumsum(random.random((rows, length)) < 0.8, axis=1)\n"
        "ids = random.integers(1000, 8000, (rows, length))\n"
        "examples = [{'input_ids': row.tolist()} for row in ids]\n"
        "if words:\n"
        "    for example, row in zip(examples, starts):\n"
        "        row = row.tolist()\n"
        "        example['offset_mapping'] = [(2 * t + (t and row[t] != row[t - 1]), 2 * t + 2)"
        " for t in range(length)]\n"
        "spent = []\n"
        "for _ in range(5):\n"
        "    begin = time.perf_counter()\n"
        "    collate([dict(one) for one in examples])\n"
        "    spent.append(time.perf_counter() - begin)\n"
        "print(ids.size / statistics.median(spent) / 1e6)\n"
    )
    arguments = [str(tokenizer_json), str(int(whole_words)), str(rows), str(MAX_SEQ_LENGTH)]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return f"{platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    main()
