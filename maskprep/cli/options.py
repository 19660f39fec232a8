"""Options of the command line that say where, how and whether to run; each stands here once.

The settings of the stages are in `maskprep.cli.corpus_options` and `maskprep.cli.example_options`.
"""

import os
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

import typer

from maskprep.config import (
    Compression,
    EncoderChoice,
    RunConfig,
    ShardConfig,
)

ProgressForm = Literal["bar", "json", "none"]

_tokenizer = partial(typer.Option, rich_help_panel="Tokenizer")
_shards = partial(typer.Option, rich_help_panel="Shards")
_machine = partial(typer.Option, rich_help_panel="Machine")
_report = partial(typer.Option, rich_help_panel="Report")

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_BINARY_UNITS = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
# So few digits that no amount is infinite.
_SIZE = re.compile(r"\s*([0-9]{1,200}(?:\.[0-9]+)?)\s*([a-z]*?)b?\s*", re.IGNORECASE)


def parse_size(text: str | int) -> int:
    """Read an amount of bytes: 512MiB, 1.5GiB, 100MB, 4096.

    Raises:
        BadParameter: it is none.
    """
    if isinstance(text, int):
        return text
    match = _SIZE.fullmatch(text)
    unit = match.group(2).lower() if match else ""
    factor = (_UNITS | _BINARY_UNITS).get(unit)
    if match is None or factor is None:
        raise typer.BadParameter(f"{text!r} is no size; expected one like 512MiB, 2GiB or 100MB.")
    return int(float(match.group(1)) * factor)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


ALL_CORES = _available_cores()


RawInputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT",
        help="Files, folders, glob patterns; '-' or nothing: standard input.",
        show_default=False,
    ),
]
StageInputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT",
        help="Data-set folders, single shards; '-' or nothing: standard input.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Folder to make; '-', or nothing where output is piped: standard output.",
    ),
]
OutputFolder = Annotated[
    str, typer.Option("--output", "-o", metavar="OUT", help="Folder to make.", show_default=False)
]
TokenizerPath = Annotated[
    str,
    _tokenizer(
        "--tokenizer",
        metavar="PATH",
        help="A tokenizer.json, its folder, a vocab.txt, or vocab.json with merges.txt beside it.",
        show_default=False,
    ),
]
OptionalTokenizerPath = Annotated[
    str | None,
    _tokenizer(
        "--tokenizer", metavar="PATH", help="Where the tokenizer is, for inputs that carry none."
    ),
]
GivenTokenizerPath = Annotated[
    str | None,
    _tokenizer(
        "--tokenizer",
        metavar="PATH",
        help="Use this tokenizer; without it, one is trained on the corpus.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(metavar="N", help="Read only the first N documents or examples."),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Key of all random numbers.")]
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="NAME",
        help="Settings that maskprep brings along; 'maskprep recipes' lists them.",
    ),
]
ConfigFile = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="Settings from a TOML file, written like a recipe."
    ),
]
DemoFolder = Annotated[str, typer.Option("--output", "-o", metavar="OUT", help="Folder to make.")]
DryRun = Annotated[
    bool,
    _report("--dry-run", help="Show settings, inputs and the disk needed; write nothing."),
]
KeepStages = Annotated[
    str | None,
    typer.Option(
        "--keep-stages",
        metavar="DIR",
        help="Run stage by stage, and keep tokenizer, documents and examples in this folder.",
    ),
]


@dataclass(frozen=True)
class ShardOptions:
    """How rows are laid into files."""

    shard_rows: Annotated[
        int | None,
        _shards(
            metavar="N",
            help="Rows per shard; by default equal shards of up to 256 MiB, 16 if they can be.",
        ),
    ] = None
    compression: Annotated[Compression, _shards(help="Of the Parquet pages.")] = (
        ShardConfig.compression
    )


@dataclass(frozen=True)
class OrderOptions:
    """In which order rows of examples are written, and into how many shards."""

    shuffle: Annotated[
        bool,
        _shards(
            "--shuffle/--no-shuffle",
            help="Shuffle all rows of a folder; streams keep the input's order.",
        ),
    ] = ShardConfig.shuffle
    num_shards: Annotated[
        int | None,
        _shards(
            metavar="N",
            help="So many shards for every epoch, with equal numbers of rows (one more or less); "
            "with --bin-size, so many for every bin.",
        ),
    ] = None
    bin_size: Annotated[
        int | None,
        _shards(
            metavar="N",
            help="Every shard of a folder holds rows of one bin: 1 to N tokens, N + 1 to 2N, and "
            "so on. Batches of one bin need little padding.",
        ),
    ] = None


Workers = Annotated[
    int,
    _machine(metavar="N", help="Processes.", show_default="all available cores"),
]
Memory = Annotated[
    int | None,
    _machine(
        "--memory",
        metavar="SIZE",
        parser=parse_size,
        help="Most private memory of the run: less than 512MiB for each worker runs fewer. "
        "1GiB is enough for two.",
    ),
]
TempDir = Annotated[
    str | None,
    _machine(metavar="DIR", help="For intermediate files; by default OUT/.work."),
]


@dataclass(frozen=True)
class MachineOptions:
    """How the run uses this machine."""

    workers: Workers = ALL_CORES
    memory_bytes: Memory = RunConfig.memory_bytes
    temp_dir: TempDir = None
    overwrite: Annotated[
        bool,
        _machine("--overwrite", help="Replace what OUT holds."),
    ] = False


@dataclass(frozen=True)
class VerificationMachineOptions:
    """How a verification uses this machine: it replaces nothing but what is broken."""

    workers: Workers = ALL_CORES
    memory_bytes: Memory = RunConfig.memory_bytes
    temp_dir: TempDir = None


@dataclass(frozen=True)
class EncoderOptions:
    """What turns text into ids."""

    encoder: Annotated[
        EncoderChoice,
        _tokenizer(
            help="Same ids, at different speeds: auto takes fast wherever it gives the ids of the "
            "tokenizers library, which is the reference."
        ),
    ] = RunConfig.encoder


@dataclass(frozen=True)
class ReportOptions:
    """What is said, and how."""

    progress: Annotated[
        ProgressForm,
        _report(help="On standard error; bars only if that is a terminal."),
    ] = "bar"
    quiet: Annotated[bool, _report("--quiet", "-q", help="Say nothing but errors.")] = False
