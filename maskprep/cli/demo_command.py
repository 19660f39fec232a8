"""`maskprep demo`: the whole job on text that every Python carries."""

import json
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from maskprep.cli.options import DemoFolder, MachineOptions, ReportOptions
from maskprep.cli.standard_streams import output_folder
from maskprep.config import (
    CorpusConfig,
    MaskingConfig,
    PairingConfig,
    ShardConfig,
    TokenizationConfig,
    TrainingConfig,
)
from maskprep.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from maskprep.tasks.running import Context

TRAINING = TrainingConfig(vocab_size=4000)
TOKENIZATION = TokenizationConfig(line_breaks="space")
PAIRING = PairingConfig(max_seq_length=128)
MASKING = MaskingConfig()


def demo_command(
    *,
    output: DemoFolder = "maskprep-demo",
    machine: MachineOptions,
    report: ReportOptions,
) -> None:
    """Run the main job on text that every Python carries: seconds, nothing to download.

    The text is the language reference of `pydoc_data.topics`.
    """
    folder = output_folder(output)
    _require_ours(folder)

    from maskprep.cli.report import open_console
    from maskprep.cli.running import note, run_context

    texts = _documents()
    num_bytes = sum(len(text.encode()) for text in texts.values())
    note(report, f"Python's own documentation, {len(texts)} documents, {num_bytes:,} bytes:")
    _write_corpus(folder / "corpus" / "topics.jsonl")
    with run_context(machine, report) as context:
        for name, run in _STAGES:
            begin = time.monotonic()
            made = run(folder, context)
            note(report, f"  {name:<9} {made} ({time.monotonic() - begin:.1f} s)")
    if not report.quiet:
        _print_end(folder, open_console())


def _documents() -> dict[str, str]:
    import pydoc_data.topics

    return pydoc_data.topics.topics


def _require_ours(folder: Path) -> None:
    is_ours = (folder / "corpus" / "topics.jsonl").exists()
    if folder.exists() and not is_ours and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"--output {folder} holds something that the demo did not make. Choose a new folder."
        )


def _write_corpus(path: Path) -> None:
    from maskprep.storage.atomic import atomic_file

    documents = sorted(_documents().items())
    lines = [json.dumps({"id": name, "text": text}) + "\n" for name, text in documents]
    data = "".join(lines).encode()
    if not path.exists() or path.read_bytes() != data:
        with atomic_file(path) as file:
            file.write(data)


def _train(folder: Path, context: "Context") -> str:
    from maskprep import pipeline
    from maskprep.encoders.loading import load_tokenizer

    output = folder / "tokenizer"
    if context.machine.overwrite or not (output / "tokenizer.json").exists():
        corpus = [str(folder / "corpus")]
        pipeline.train_corpus(corpus, CorpusConfig(), TRAINING, output, context)
    return f"a WordPiece tokenizer of {load_tokenizer(str(output)).num_ids:,} tokens"


def _tokenize(folder: Path, context: "Context") -> str:
    from maskprep import pipeline
    from maskprep.encoders.loading import load_tokenizer

    corpus = pipeline.Corpus([str(folder / "corpus")], CorpusConfig(), TOKENIZATION)
    tokenizer = load_tokenizer(str(folder / "tokenizer"))
    summary = pipeline.tokenize_corpus(
        corpus, tokenizer, ShardConfig(), folder / "documents", context
    )
    totals = summary.manifest["totals"]
    return f"{totals['tokens']:,} tokens in {totals['sentences']:,} sentences"


def _pair(folder: Path, context: "Context") -> str:
    from maskprep import pipeline

    documents = pipeline.StageRows([str(folder / "documents")])
    summary = pipeline.make_examples(
        documents, PAIRING, ShardConfig(), folder / "examples", context
    )
    share = summary.manifest["rates"]["random_next"]
    return f"{summary.manifest['totals']['pairs']:,} pairs, B random in {share:.1%}"


def _mask(folder: Path, context: "Context") -> str:
    from maskprep import pipeline

    examples = pipeline.StageRows([str(folder / "examples")])
    summary = pipeline.mask_dataset(examples, MASKING, ShardConfig(), folder / "masked", context)
    rates = summary.manifest["rates"]
    shares = ", ".join(f"{rates[name]:.1%} {name}" for name in ("masked", "replaced", "kept"))
    return f"{rates['selected']:.2%} of the tokens to predict: {shares}"


_STAGES = (("train", _train), ("tokenize", _tokenize), ("pair", _pair), ("mask", _mask))


def _print_end(folder: Path, console: "Console") -> None:
    from maskprep.cli.inspection import inspect_path
    from maskprep.cli.inspection_report import print_rows
    from maskprep.cli.report import has_colour

    masked = inspect_path(str(folder / "masked"), 1)
    colour = has_colour(console)
    print_rows(console, masked.rows, masked.vocabulary(), colour=colour)
    paths = {name: shlex.quote(str(folder / name)) for name in ("masked", "examples", "corpus")}
    tokenizer, words, shards = (
        shlex.quote(str(folder / name)) for name in ("tokenizer", "whole-words", "shards")
    )
    console.print(f"\nWhat a trainer reads is {paths['masked']}/data/*.parquet. To try next:")
    prepare = f"maskprep prepare {paths['corpus']} --recipe bert --max-seq-length 128"
    for command in (
        f"maskprep inspect {paths['masked']} --rows 5",
        f"maskprep mask {paths['examples']} --unit word --columns labels --output {words}",
        f"{prepare} --tokenizer {tokenizer} --output {shards}",
    ):
        console.print(f"  {command}", soft_wrap=True)
