"""One run at a time in a folder."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from maskprep.errors import MachineError
from maskprep.storage.atomic import machine_errors


@contextmanager
def held(
    folder: Path, work: Path, advice: str = "Wait for it to end, or choose another --output."
) -> Iterator[None]:
    """Hold a folder by a lock in its folder of work files, and say there who does.

    Args:
        folder: for the message.
        work: exists.
        advice: what to do where another run holds it.

    Raises:
        MachineError: another run holds it, or it cannot be written to.
    """
    owner = work / "owner"
    lock = filelock.FileLock(work / "lock", blocking=False)
    with machine_errors(work / "lock"):
        try:
            lock.acquire()
        except filelock.Timeout:
            held_by = owner.read_text() if owner.exists() else "another process"
            raise MachineError(f"{folder} is held by another run ({held_by}). {advice}") from None
    try:
        with machine_errors(owner):
            owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
        yield
    finally:
        lock.release()
