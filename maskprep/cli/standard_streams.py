"""When a command reads standard input, and when it writes standard output."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import typer

from maskprep.config import ShardConfig
from maskprep.config.checks import require

STANDARD = "-"


def replace_closed_streams() -> None:
    """Let what is said go nowhere where standard error is closed (2>&-).

    Whatever descriptor is closed is taken, or the next file that is opened, a shard, would have its
    number, and get what libraries write to it. Closed input and output stay None: that nothing can
    be read or written there is for each command to say.
    """
    descriptor = 0
    while descriptor <= 2:  # noqa: PLR2004 - standard error
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8")  # noqa: SIM115 - open to the end


def printable(text: str) -> str:
    """Return the text on one line, with control characters (of file names) spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def input_names(inputs: Sequence[str] | None) -> list[str]:
    """Return the inputs; standard input if there are none and it is no terminal.

    Raises:
        UsageError: there is nothing to read.
    """
    if inputs:
        return list(inputs)
    if sys.stdin is None or sys.stdin.isatty():
        raise typer.BadParameter(
            "nothing to read. Name files or folders, or pipe data into the command.",
            param_hint="INPUT",
        )
    return [STANDARD]


def binary_input() -> BinaryIO | None:
    """Return standard input as bytes."""
    return None if sys.stdin is None else sys.stdin.buffer


def open_output(
    output: str | None, shards: ShardConfig, *, dry_run: bool = False
) -> Path | BinaryIO:
    """Return a folder's path, or standard output where that was asked for or is piped.

    Raises:
        UsageError: nowhere to write to, or binary data would go to a terminal.
        ConfigError: options say how a stream is laid into shards, which it has none of.
    """
    if output is not None and output != STANDARD:
        return output_folder(output)
    if output == STANDARD or not dry_run:
        for name in ("shard_rows", "num_shards", "bin_size"):
            value = getattr(shards, name)
            expected = "nothing where rows go into a stream, which has no shards: name --output OUT"
            require(value is None, name, value, expected)
    if dry_run:
        return Path(STANDARD)
    if sys.stdout is None or sys.stdout.isatty():
        wanted = "a terminal shows no shards" if output else "nowhere to write to"
        raise typer.BadParameter(
            f"{wanted}. Name a folder with --output OUT, or pipe the rows into another command.",
            param_hint="--output",
        )
    return sys.stdout.buffer


def output_folder(output: str) -> Path:
    """Return the path of a folder to make.

    Raises:
        UsageError: it is empty or standard output.
    """
    if output in ("", STANDARD):
        raise typer.BadParameter(
            f"{output!r} is no folder; this command writes a folder.", param_hint="--output"
        )
    return Path(output)


def goes_to_stdout(output: str | None) -> bool:
    """Tell whether data takes standard output, so that reports go to standard error."""
    return output is None or output == STANDARD
