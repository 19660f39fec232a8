"""The command `maskprep`: its commands, and what their failures look like."""

import contextlib
import errno
import functools
import io
import os
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from maskprep import __version__
from maskprep.cli.demo_command import demo_command
from maskprep.cli.inspect_command import inspect_command
from maskprep.cli.mask_command import mask_command
from maskprep.cli.option_groups import grouped_options
from maskprep.cli.pack_command import pack_command
from maskprep.cli.pair_command import pair_command
from maskprep.cli.prepare_command import prepare_command
from maskprep.cli.recipes_command import recipes_command, show_command
from maskprep.cli.signals import ENDINGS, EndedBySignalError, ended_by_signals
from maskprep.cli.standard_streams import printable, replace_closed_streams
from maskprep.cli.tokenize_command import tokenize_command
from maskprep.cli.train_command import train_command
from maskprep.cli.verify_command import verify_command
from maskprep.errors import MachineError, MaskprepError

CLOSED_READER = 128 + 13
"""Exit code when whoever reads the output has gone: what a shell reports of SIGPIPE."""

_SPACE = "Free some space, or write somewhere else"
_PERMISSION = "Ask for permission, or choose another file or folder"
_LIMIT = "Lower --workers, or raise the limits that ulimit shows"
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EIO: "Check the disk",
    errno.EROFS: _SPACE,
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ELOOP: "Check the symbolic links",
    errno.EMFILE: _LIMIT,
    errno.ENFILE: _LIMIT,
    errno.EAGAIN: _LIMIT,
}
"""What the user can do where the system refuses something that no stage expected."""

_NO_MEMORY = re.compile(
    "failed to map segment|annot allocate memory|launch worker thread|can't start new thread"
)
"""How the loader of libraries, Arrow and Python say that a limit is reached (ulimit -v, -u)."""

_RESUMED = {
    one.__name__
    for one in (
        *(tokenize_command, pair_command, pack_command, mask_command),
        *(prepare_command, demo_command),
    )
}

app = typer.Typer(
    name="maskprep",
    help="Turns raw text into Parquet shards for masked-language-model pretraining.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run the command line."""
    replace_closed_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Text of any language must not fail in a terminal of one.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="maskprep")
    except OSError as error:  # From --help or --version: commands are guarded.
        sys.exit(_say_what_is_refused(error))


def _say(message: str) -> None:
    with contextlib.suppress(OSError):  # A terminal that has gone.
        typer.echo(printable(message), err=True)


def _announce_compilation() -> None:
    """Say why the first run after an installation is silent for a while."""
    if not sys.stderr.isatty():
        return
    from maskprep.kernels.compilation import is_first_run

    if is_first_run():
        _say("First run: compiling, once; this takes about half a minute.")


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with every expected failure turned into a line and an exit code."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - whatever Typer parsed
        try:
            with ended_by_signals():
                _announce_compilation()
                command(*arguments, **options)
                _flush_output()
        except EndedBySignalError as error:
            _say(f"{ENDINGS[error.number]}.{_how_to_go_on(command)}")
            raise typer.Exit(128 + error.number) from None
        except MaskprepError as error:
            _say(f"error: {error}")
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            _forget_output()
            raise typer.Exit(CLOSED_READER) from None
        except Exception as error:
            if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
                _say("error: out of memory. Lower --workers or --memory, or free some memory.")
                raise typer.Exit(MachineError.exit_code) from None
            if not isinstance(error, OSError):
                raise
            raise typer.Exit(_say_what_is_refused(error)) from None

    return run


def _how_to_go_on(command: Callable[..., None]) -> str:
    """Say what the same command does when it is run again."""
    if command.__name__ in _RESUMED:
        return " Where it fills a folder, the same command again goes on from here."
    return " The same command again starts over."


def _say_what_is_refused(error: OSError) -> int:
    advice = _ADVICE.get(error.errno or 0)
    if advice is None:
        raise error
    _forget_output()
    place = error.filename or "the output"
    _say(f"error: {place}: {error.strerror}. {advice}.")
    return MachineError.exit_code


def _flush_output() -> None:
    if sys.stdout is not None:
        sys.stdout.flush()


def _forget_output() -> None:
    """Let what is still buffered go nowhere, or the interpreter complains at its exit."""
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"maskprep {__version__}")
        raise typer.Exit


@app.callback()
def _main_options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Turns raw text into Parquet shards for masked-language-model pretraining."""


recipes = typer.Typer(invoke_without_command=True, callback=guarded(recipes_command))
"""A command with one below it."""


def _add(name: str, command: Callable[..., None], to: typer.Typer = app) -> None:
    to.command(name)(guarded(grouped_options(command)))


_add("train", train_command)
_add("tokenize", tokenize_command)
_add("pair", pair_command)
_add("pack", pack_command)
_add("mask", mask_command)
_add("prepare", prepare_command)
_add("inspect", inspect_command)
_add("verify", verify_command)
app.add_typer(recipes, name="recipes")
_add("show", show_command, recipes)
_add("demo", demo_command)
