"""A data-set folder: its layout, who may write to it, and how it becomes complete.

OUT/data/part-00000.parquet ...   shards
OUT/manifest.json                 written last: a folder with it is complete
OUT/tokenizer/                    copy of the tokenizer
OUT/rejects.jsonl                 documents that were skipped, cut or mended, if there are any
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
from maskprep.storage.atomic import atomic_file, hash_file, machine_errors, sync_folder
from maskprep.storage.shards import Shard

FORMAT_VERSION = 1
_OURS = ("data", "manifest.json", "tokenizer", "rejects.jsonl", "README.md", ".work")

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
        self.rejects = path / "rejects.jsonl"
        self.work = path / ".work"
        self.journal = self.work / "journal"
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
        except (ValueError, RecursionError) as error:
            raise ShardError(
                f"{self.manifest}: not a manifest ({error}). Make the data set again."
            ) from None
        if not _is_manifest(manifest):
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
            found = self._unfinished() if manifest is None else _identity_of(manifest)
            if found is not None and not _same(found, identity):
                if not overwrite:
                    if manifest is not None:
                        self._forget_work()
                    self._refuse(found, identity, complete=manifest is not None)
                self._clear()
                manifest = None
            if manifest is not None:
                self._forget_work()
                yield True
            else:
                self._restart_if_moved()
                for folder in (self.journal, self.staged, self.scratch):
                    with machine_errors(folder):
                        folder.mkdir(parents=True, exist_ok=True)
                with atomic_file(self.work / "run.json") as file:
                    file.write(_to_json(identity))
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
                    shutil.rmtree(folder, ignore_errors=True)
        with machine_errors(place):
            place.write_text(here)

    def _forget_work(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def _forget_run(self) -> None:
        self._forget_work()
        shutil.rmtree(self.tokenizer, ignore_errors=True)
        self.rejects.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Not empty: not ours alone.
            self.path.rmdir()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        owner = self.work / "owner"
        lock = filelock.FileLock(self.work / "lock", blocking=False)
        try:
            with lock:
                owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
                yield
        except filelock.Timeout:
            held_by = owner.read_text() if owner.exists() else "another process"
            raise MachineError(
                f"{self.path} is held by another run ({held_by}). Wait for it to end, or choose "
                f"another --output."
            ) from None

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
        raise ConfigError(
            f"{self.path} holds {state} made with other settings ({_difference(found, identity)}). "
            f"Choose another --output, or replace it with --overwrite."
        )

    def _clear(self) -> None:
        with machine_errors(self.path):
            self.manifest.unlink(missing_ok=True)
            self.rejects.unlink(missing_ok=True)
            for folder in (self.data, self.tokenizer, self.journal, self.staged, self.scratch):
                shutil.rmtree(folder, ignore_errors=True)

    def stage_rejects(self, entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Write the lines of `rejects.jsonl`, which gets its name when the shards get theirs.

        Returns:
            How many are `listed`, and the `sha256` of the file: None without any, and no file.

        Raises:
            MachineError: it cannot be written.
        """
        staged = self.work / self.rejects.name
        if not entries:
            staged.unlink(missing_ok=True)
            return {"listed": 0, "sha256": None}
        with atomic_file(staged) as file:
            for entry in entries:
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        return {"listed": len(entries), "sha256": hash_file(staged)}

    def commit(self, manifest: Mapping[str, Any], staged: Sequence[Path], title: str) -> None:
        """Give the shards their final names, and write the manifest last.

        Args:
            manifest: the content of manifest.json.
            staged: the shards' files, in the order of `manifest["shards"]`.
            title: of the data-set card.
        """
        with machine_errors(self.data):
            self.data.mkdir(exist_ok=True)
            for path, shard in zip(staged, manifest["shards"], strict=True):
                final = self.data / shard["name"]
                if path.exists():
                    path.replace(final)
            names = {shard["name"] for shard in manifest["shards"]}
            for stray in self.data.iterdir():
                if stray.name not in names:  # Left by an attempt that read another pipe.
                    stray.unlink()
            sync_folder(self.data)
            self._name_rejects(manifest)
        with atomic_file(self.path / "README.md") as file:
            file.write(CARD.format(title=title, number=_content_number(manifest)).encode())
        with atomic_file(self.manifest) as file:
            file.write(_to_json(manifest))

    def _name_rejects(self, manifest: Mapping[str, Any]) -> None:
        staged = self.work / self.rejects.name
        if not manifest.get("rejects", {}).get("listed"):
            self.rejects.unlink(missing_ok=True)
        elif staged.exists():
            staged.replace(self.rejects)


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


def _is_manifest(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if not isinstance(value, dict) or not isinstance(value.get("stage"), str):
        return False
    kinds = {"name": str, "rows": int, "bytes": int, "sha256": str}
    shards = value.get("shards")
    return isinstance(shards, list) and all(
        isinstance(shard, dict)
        and all(isinstance(shard.get(key), kind) for key, kind in kinds.items())
        for shard in shards
    )


IDENTITY_KEYS = ("stage", "lineage", "settings", "sources", "versions")


def _identity_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {key: manifest.get(key) for key in IDENTITY_KEYS}


def _same(found: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    return _to_json(found) == _to_json(identity)


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name the first settings that differ, with both values."""
    differences = []
    for key, (before, now) in _flat_pairs(found, wanted):
        differences.append(f"{key}: {before!r} there, {now!r} now")
    return "; ".join(differences[:3]) or "another order of the same settings"


def _flat_pairs(
    found: Any,  # noqa: ANN401 - any JSON value
    wanted: Any,  # noqa: ANN401
    name: str = "",
) -> Iterator[tuple[str, tuple[Any, Any]]]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in sorted(found.keys() | wanted.keys()):
            yield from _flat_pairs(found.get(key), wanted.get(key), f"{name}.{key}".lstrip("."))
    elif _are_named(found) and _are_named(wanted) and len(found) == len(wanted):
        for before, now in zip(found, wanted, strict=True):
            yield from _flat_pairs(before, now, f"{name}.{before.get('stage') or before['name']}")
    elif json.dumps(found, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        if isinstance(found, list | dict) or isinstance(wanted, list | dict):
            yield name, ("something else", "this run's")
        else:
            yield name, (found, wanted)


def _are_named(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether this is a list of sources or of stages."""
    return isinstance(value, list) and all(
        isinstance(entry, dict) and ("stage" in entry or "name" in entry) for entry in value
    )


def _to_json(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
