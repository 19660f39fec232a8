"""Measure training a tokenizer, beside the library's own trainer, in one run.

    python tests/bench/training.py corpus.jsonl [--megabytes 100] [--vocab-size 30522]

Both learn WordPiece and byte-level BPE from the same lines, with the same normaliser, alphabet and
least frequency. The library trains on one thread and on all; maskprep is the whole command.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIBRARY = """
import json, sys
from tokenizers import Tokenizer, models, trainers
from maskprep.config import TrainingConfig
from maskprep.encoders.building import build_tokenizer, special_tokens_of
path, model, size = sys.argv[1:]
config = TrainingConfig(model=model, vocab_size=int(size))
tokenizer = build_tokenizer(models.BPE() if model == "bpe" else models.WordPiece(), config)
options = dict(vocab_size=int(size), min_frequency=2, show_progress=False,
               special_tokens=special_tokens_of(config))
trainer = trainers.BpeTrainer if model == "bpe" else trainers.WordPieceTrainer
def lines():
    with open(path, encoding="utf-8") as file:
        for row in file:
            for line in json.loads(row)["text"].split("\\n"):
                if line.strip():
                    yield line.strip()
tokenizer.train_from_iterator(lines(), trainer(**options))
"""


def main() -> None:
    """Train by both ways, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="JSON Lines with a key 'text'")
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--vocab-size", default="30522")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        text = _sample(options.corpus, options.megabytes * 10**6, Path(scratch))
        print(f"{text.stat().st_size / 1e6:.1f} MB of {options.corpus.name}")
        print(
            f"{'model':<12}{'library, 1 thread':>20}{'all threads':>14}{'maskprep':>12}{'ratio':>8}"
        )
        for model in ("wordpiece", "bpe"):
            library = [sys.executable, "-c", LIBRARY, str(text), model, options.vocab_size]
            ours = [
                *(sys.executable, "-m", "maskprep", "train", str(text), "--model", model),
                *("--vocab-size", options.vocab_size, "--output", str(Path(scratch) / model)),
            ]
            one = _seconds(library, TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1")
            every = _seconds(library, TOKENIZERS_PARALLELISM="true")
            mine = _seconds(ours)
            ratio = min(one, every) / mine
            print(f"{model:<12}{one:>18.1f} s{every:>12.1f} s{mine:>10.1f} s{ratio:>8.1f}")


def _sample(corpus: Path, num_bytes: int, scratch: Path) -> Path:
    """Write the corpus again and again, until there are enough bytes."""
    data, path = corpus.read_bytes(), scratch / "sample.jsonl"
    with path.open("wb") as file:
        while file.tell() < num_bytes:
            file.write(data)
    return path


def _seconds(command: list[str], **environment: str) -> float:
    begin = time.perf_counter()
    env = {**os.environ, **environment}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
