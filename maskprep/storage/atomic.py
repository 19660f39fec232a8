"""Files that have their final name only when they are complete and on the disk."""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from maskprep.errors import MachineError

_HASH_BYTES = 2**20
_SPACE = "Free some space, or choose another disk with --output and --temp-dir"
_ADVICE = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: "Raise the limit that 'ulimit -f' shows, or make smaller files with --shard-rows",
    errno.EACCES: "Choose a folder that you may write to",
    errno.EROFS: "Choose a folder on a disk that can be written to",
    errno.EMFILE: "Raise the limit that 'ulimit -n' shows",
    errno.ENOLCK: "Choose an --output on a disk that has file locks",
}


def advice_on(error: OSError, otherwise: str) -> str:
    """Return what the user can do about an error of the system."""
    return _ADVICE.get(error.errno or 0, otherwise)


@contextmanager
def atomic_file(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name when the block ends, and only then.

    Args:
        path: its name.
        durable: name and content survive a power failure; if not, the caller sees to that.

    Raises:
        MachineError: the file cannot be written; nothing is left behind.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with machine_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
            if durable:
                sync_folder(path.parent)
    finally:
        # It has been renamed, or the folder itself is what could not be had.
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def machine_errors(path: Path | str) -> Iterator[None]:
    """Turn the operating system's refusals into messages that name the file.

    Raises:
        MachineError: on any OSError but a closed pipe, which means that the reader has enough.
        MemoryError: there is not enough of it.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # To map a file takes room for addresses; where pyarrow maps it, the number is lost.
        if error.errno == errno.ENOMEM or os.strerror(errno.ENOMEM) in str(error):
            raise MemoryError(str(path)) from error
        advice = advice_on(error, "Check the disk and the path")
        reason = error.strerror or str(error)
        raise MachineError(
            f"{path}: cannot be written: {reason}. {advice}; then run the same command again."
        ) from error


def move_into(folder: Path, files: Mapping[str, Path]) -> None:
    """Sync finished files, and give them names in a folder, in the place of what has them there.

    Raises:
        MachineError: the folder cannot be written to.
    """
    with machine_errors(folder):
        folder.mkdir(exist_ok=True)
        for path in files.values():
            sync_file(path)
        for name, path in sorted(files.items()):
            path.replace(folder / name)
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power failure."""
    sync_file(folder)


def sync_file(path: Path) -> None:
    """Make what was written to a file survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Make a folder of files survive a power failure."""
    for path in folder.iterdir():
        sync_file(path)
    sync_folder(folder)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
