"""A data-set folder: its layout, who may write to it, and how it becomes complete.

OUT/data/part-00000.parquet ...   shards
OUT/manifest.json                 written last: a folder with it is complete
OUT/tokenizer/                    copy of the tokenizer
OUT/README.md                     data-set card
OUT/.work/                        lock, journal, unfinished shards; gone at the end
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock

from maskprep.errors import ConfigError, MachineError, MaskprepError, ShardError
from maskprep.storage.atomic import atomic_file, machine_errors, sync_folder, sync_tree
from maskprep.storage.identity import identity_of, name_differences, same_identity, to_json
from maskprep.storage.shards import Shard

FORMAT_VERSION = 1
_OURS = ("data", "manifest.json", "tokenizer", "README.md", ".work")

CARD = """\
---
configs:
- config_name: default
  data_files: data/*.parquet
  version: 1.0.{number}
---

# {title}

Made by maskprep. `manifest.json` holds every setting, the hash of every source and shard, and what
was dropped; `maskprep inspect` shows rows.
"""


class DatasetFolder:
    """One folder, by its path."""

    def __init__(self, path: Path, temp_dir: str | None = None) -> None:
        self.path = path
        self.data = path / "data"
        self.tokenizer = path / "tokenizer"
        self.manifest = path / "manifest.json"
        self.work = path / ".work"
        self.journal = self.work / "journal"
        self.naming = self.work / "naming.json"
        self.staged = self.work / "shards"
        self.scratch = self.work / "scratch"
        if temp_dir is not None:
            name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
            self.scratch = Path(temp_dir) / f"maskprep-{name}"

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, or None where there is none.

        Raises:
            ShardError: the file is no manifest.
            MachineError: it cannot be read.
        """
        try:
            manifest: dict[str, Any] = json.loads(self.manifest.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MachineError(
                f"{self.manifest}: cannot be read ({error.strerror}). Check its permissions and "
                f"the disk."
            ) from None
        except ValueError as error:
            raise ShardError(
                f"{self.manifest}: not a manifest ({error}). Make the data set again."
            ) from None
        if not isinstance(manifest, dict) or "shards" not in manifest or "stage" not in manifest:
            raise ShardError(
                f"{self.manifest}: not a manifest of maskprep (no stage or shards in it)."
            )
        return manifest

    @contextmanager
    def writing(self, identity: Mapping[str, Any], *, overwrite: bool) -> Iterator[bool]:
        """Hold the folder while a run writes to it.

        Args:
            identity: everything that decides the result: stage, settings, sources, versions.
            overwrite: remove a data set that was made with another identity.

        Yields:
            True if the folder already is what this run would make.

        Raises:
            ConfigError: the folder holds something else.
            MachineError: another run holds the folder, or it cannot be written to.
        """
        self._check_ours()
        with machine_errors(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        with self._lock():
            manifest = self.read_manifest()
            found = self._unfinished() if manifest is None else identity_of(manifest)
            if found is not None and not same_identity(found, identity):
                if not overwrite:
                    if manifest is not None:
                        self._forget_work()
                    self._refuse(found, identity, complete=manifest is not None)
                found = manifest = None
            if manifest is not None:
                self._forget_work()
                yield True
            else:
                if found is None:  # Whatever is here belongs to no run that could go on.
                    self._clear()
                self._restart_if_moved()
                self._take_names_back()
                for folder in (self.journal, self.staged, self.scratch):
                    with machine_errors(folder):
                        folder.mkdir(parents=True, exist_ok=True)
                with atomic_file(self.work / "run.json") as file:
                    file.write(to_json(identity))
                try:
                    yield False
                except MaskprepError as error:
                    # Mending the input or a setting makes another run: nothing here serves it.
                    if error.exit_code != MachineError.exit_code:
                        self._forget_run()
                    raise
                self._forget_work()

    def _restart_if_moved(self) -> None:
        """Forget receipts whose files lie elsewhere: the folder or --temp-dir has another path."""
        place = self.work / "place"
        here = str(self.scratch.resolve())
        if place.exists() and place.read_text() != here:
            with machine_errors(self.work):
                for folder in (self.journal, self.staged, self.scratch):
                    _remove(folder)
        with machine_errors(place):
            place.write_text(here)

    def _take_names_back(self) -> None:
        """Undo half a commit, so that the shards are where their receipts say."""
        if not self.naming.exists():
            return
        with machine_errors(self.data):
            for final, before in json.loads(self.naming.read_bytes()).items():
                named, staged = self.data / Path(final).name, self.staged / Path(before).name
                if named.exists() and not staged.exists():
                    named.replace(staged)
            self.naming.unlink()

    def _forget_work(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def _forget_run(self) -> None:
        # .work last: without it the rest would not be known as ours.
        shutil.rmtree(self.tokenizer, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        self._forget_work()
        with contextlib.suppress(OSError):  # Not empty: not ours alone.
            self.path.rmdir()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        owner = self.work / "owner"
        lock = filelock.FileLock(self.work / "lock", blocking=False)
        with machine_errors(self.work / "lock"):
            try:
                lock.acquire()
            except filelock.Timeout:
                held_by = owner.read_text() if owner.exists() else "another process"
                raise MachineError(
                    f"{self.path} is held by another run ({held_by}). Wait for it to end, or "
                    f"choose another --output."
                ) from None
        try:
            with machine_errors(owner):
                owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
        finally:
            lock.release()

    def _check_ours(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"--output {self.path} is a file; expected a folder to make or fill.")
        if not self.path.is_dir():
            return
        with machine_errors(self.path):
            names = sorted(entry.name for entry in self.path.iterdir())
        known = "manifest.json" in names or ".work" in names
        if names and not (known and set(names) <= set(_OURS)):
            strange = next((name for name in names if name not in _OURS), names[0])
            raise ConfigError(
                f"--output {self.path} holds files that maskprep did not make ({strange}). "
                f"Choose a new or an empty folder."
            )

    def _unfinished(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.work / "run.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found

    def _refuse(
        self, found: Mapping[str, Any], identity: Mapping[str, Any], *, complete: bool
    ) -> None:
        state = "a data set" if complete else "an unfinished run"
        differing = name_differences(found, identity)
        raise ConfigError(
            f"{self.path} holds {state} made with other settings ({differing}). "
            f"Choose another --output, or replace it with --overwrite."
        )

    def _clear(self) -> None:
        """Remove all that is ours, the identity first: half removed, it is nobody's."""
        with machine_errors(self.path):
            for file in (self.manifest, self.work / "run.json", self.naming):
                file.unlink(missing_ok=True)
            for folder in (self.journal, self.data, self.tokenizer, self.staged, self.scratch):
                _remove(folder)

    def commit(self, manifest: Mapping[str, Any], staged: Sequence[Path], title: str) -> None:
        """Give the shards their final names, and write the manifest last.

        Args:
            manifest: the content of manifest.json.
            staged: the shards' files, in the order of `manifest["shards"]`.
            title: of the data-set card.

        Raises:
            MachineError: the folder cannot be written to.
        """
        names = {
            shard["name"]: path for shard, path in zip(manifest["shards"], staged, strict=True)
        }
        with atomic_file(self.naming) as file:
            file.write(to_json({name: path.name for name, path in names.items()}))
        with machine_errors(self.data):
            sync_tree(self.tokenizer)
            self.data.mkdir(exist_ok=True)
            for name, path in names.items():
                path.replace(self.data / name)
            for stray in self.data.iterdir():
                if stray.name not in names:  # Left by an attempt that read another pipe.
                    stray.unlink()
            sync_folder(self.data)
        card = CARD.format(title=title, number=_content_number(manifest))
        self._publish("README.md", card.encode())
        self._publish("manifest.json", to_json(manifest))

    def _publish(self, name: str, content: bytes) -> None:
        """Write a file beside the shards; what is unfinished lies in .work, like all the rest."""
        with atomic_file(self.work / name) as file:
            file.write(content)
        with machine_errors(self.path / name):
            (self.work / name).replace(self.path / name)
            sync_folder(self.path)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _content_number(manifest: Mapping[str, Any]) -> int:
    """Return a number that changes with the shards.

    `datasets` caches a folder by its name and the version in its card: without one it would serve
    the rows of an older data set of the same name.
    """
    hashes = "".join(shard["sha256"] for shard in manifest["shards"])
    return int(hashlib.sha256(hashes.encode()).hexdigest()[:8], 16)


def shard_entry(shard: Shard, number: int) -> dict[str, Any]:
    """Return a shard's line in the manifest, under its final name."""
    return {
        "name": f"part-{number:05d}.parquet",
        "rows": shard.rows,
        "tokens": shard.tokens,
        "bytes": shard.bytes,
        "sha256": shard.sha256,
        "rows_sha256": shard.rows_sha256,
    }
