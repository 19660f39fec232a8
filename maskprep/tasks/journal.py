"""Receipts of finished tasks, written down so that a run can go on where it stopped.

The process that hands out the tasks writes them, and waits for the disk, so that workers need not.
"""

import json
import os
from pathlib import Path
from typing import Any

from maskprep.storage.atomic import atomic_file, machine_errors, sync_file
from maskprep.tasks.destinations import files_of

Receipt = dict[str, Any]


def read_receipt(path: Path) -> Receipt | None:
    """Return a receipt, or None if there is none or its files are not what they were."""
    try:
        kept = json.loads(path.read_bytes())
        sizes = {name: os.stat(name).st_size for name in kept["files"]}  # noqa: PTH116 - many
    except FileNotFoundError:
        return None
    receipt: Receipt = kept["receipt"]
    return receipt if sizes == kept["files"] else None


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write a receipt down, once its files would survive a power failure.

    Raises:
        MachineError: the disk is full or refuses.
    """
    sizes = {}
    folders = set()
    for file in files_of(receipt):
        with machine_errors(file):
            sync_file(file)
            sizes[str(file)] = file.stat().st_size
            folders.add(file.parent)
    for folder in folders:
        with machine_errors(folder):
            sync_file(folder)
    with atomic_file(path) as written:
        written.write(json.dumps({"receipt": receipt, "files": sizes}).encode())
