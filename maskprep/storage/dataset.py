"""Who may write to a data-set folder, how a run goes on in it, and how it becomes complete."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from maskprep.errors import ConfigError, MachineError, MaskprepError, ShardError
from maskprep.storage.atomic import (
    atomic_file,
    hash_file,
    machine_errors,
    move_into,
    sync_folder,
    sync_tree,
)
from maskprep.storage.card import card_text
from maskprep.storage.layout import OURS, DatasetLayout
from maskprep.storage.locking import held
from maskprep.storage.manifest import (
    describe_difference,
    identity_of_manifest,
    is_of_unread_pipe,
    is_same,
    is_unchanged,
    number_of_shard,
    to_json,
    with_checksum,
)


class DatasetFolder(DatasetLayout):
    """A folder that a run writes to."""

    @contextmanager
    def writing(
        self, identity: Callable[[], Mapping[str, Any]], *, overwrite: bool
    ) -> Iterator[bool]:
        """Hold the folder while a run writes to it.

        Args:
            identity: everything that decides the result: stage, settings, sources, versions;
                asked for only if there is something to compare it with.
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
        with held(self.path, self.work):
            manifest = self._sound_manifest(overwrite=overwrite)
            found = self._unfinished() if manifest is None else identity_of_manifest(manifest)
            if found is not None and not is_same(found, wanted := identity()):
                if not overwrite:
                    if manifest is not None:
                        self._forget_work()
                    self._refuse(found, wanted, complete=manifest is not None)
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
                try:
                    yield False
                except MaskprepError as error:
                    # Mending the input or a setting makes another run: nothing here serves it.
                    if error.exit_code != MachineError.exit_code:
                        self._forget_run()
                    raise
                self._forget_work()

    def remember(self, identity: Mapping[str, Any]) -> None:
        """Write down what the unfinished run makes; without it nothing of the run is used again."""
        with atomic_file(self.identity) as file:
            file.write(to_json(identity))

    def _sound_manifest(self, *, overwrite: bool) -> dict[str, Any] | None:
        """Return the manifest; one that is damaged is as good as none where it may be replaced.

        Raises:
            ShardError: it is damaged, and --overwrite is not given or could remove other things.
        """
        try:
            manifest = self.read_manifest()
        except ShardError:
            if not overwrite or not self._holds_shards_only():
                self._forget_work()
                raise
        else:
            if manifest is None or is_unchanged(manifest):
                return manifest
            if not overwrite:
                self._forget_work()
                raise ShardError(
                    f"{self.manifest} was changed after it was written. See what is wrong with "
                    f"'maskprep verify {self.path}', or make the data set again with --overwrite."
                )
        self._clear()
        return None

    def _holds_shards_only(self) -> bool:
        """Tell whether a folder without a readable manifest is ours all the same."""
        names = [entry.name for entry in self.data.iterdir()] if self.data.is_dir() else []
        return bool(names) and {number_of_shard(name) for name in names} == set(range(len(names)))

    @contextmanager
    def repairing(self) -> Iterator[None]:
        """Hold a finished folder while shards are made anew, in `staged` and `scratch`.

        Raises:
            MachineError: another run holds the folder, or it cannot be written to.
        """
        with machine_errors(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        with held(self.path, self.work, "Wait for it to end."):
            try:
                for folder in (self.staged, self.scratch):
                    with machine_errors(folder):
                        # What a run left that was broken off while it repaired.
                        shutil.rmtree(folder, ignore_errors=True)
                        folder.mkdir(parents=True)
                yield
            finally:
                self._forget_work()

    def _restart_if_moved(self) -> None:
        """Forget receipts whose files lie elsewhere: the folder or --temp-dir has another path."""
        place = self.work / "place"
        here = str(self.scratch.resolve())
        if place.exists() and (before := place.read_text()) != here:
            left = Path(before)
            with machine_errors(self.work):
                self.naming.unlink(missing_ok=True)  # Of shards that are made again.
                for folder in (self.journal, self.staged, *self.scratches):
                    _remove(folder)
                if left.name == self.moved_scratch_name:  # Of this folder, and nobody else's.
                    _remove(left)
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
        with contextlib.suppress(OSError):
            self._remove_validation()
        for file in (self.rejects, self.card):
            file.unlink(missing_ok=True)
        self._forget_work()
        with contextlib.suppress(OSError):  # Not empty: not ours alone.
            self.path.rmdir()

    def _check_ours(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"--output {self.path} is a file; expected a folder to make or fill.")
        if not self.path.is_dir():
            return
        with machine_errors(self.path):
            names = sorted(entry.name for entry in self.path.iterdir())
        known = "manifest.json" in names or ".work" in names
        if names and not (known and set(names) <= set(OURS)):
            strange = next((name for name in names if name not in OURS), None)
            if strange is None and self.has_lost_manifest():
                raise ConfigError(
                    f"--output {self.path} has lost its manifest.json, which says what its shards "
                    f"must be. Put it back, or choose a new or an empty folder."
                )
            strange = strange or names[0]
            raise ConfigError(
                f"--output {self.path} holds files that maskprep did not make ({strange}). "
                f"Choose a new or an empty folder."
            )
        self._check_validation()

    def _check_validation(self) -> None:
        """Refuse a folder of this name that holds other things: it would be removed as a whole."""
        if not self.validation.exists():
            return
        strange = "no folder"
        if self.validation.is_dir():
            with machine_errors(self.validation):
                names = sorted(entry.name for entry in self.validation.iterdir())
            strange = next((name for name in names if name not in OURS), "")
        if strange:
            raise ConfigError(
                f"--output {self.path} holds files that maskprep did not make "
                f"({self.validation.name}: {strange}). Choose a new or an empty folder."
            )

    def _unfinished(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self.identity.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found

    def _refuse(
        self, found: Mapping[str, Any], identity: Mapping[str, Any], *, complete: bool
    ) -> None:
        if complete and is_of_unread_pipe(found, identity):
            raise ConfigError(
                f"{self.path} is complete already, and what a pipe brings cannot be compared with "
                f"it before it is read. Make the data set again with --overwrite, or choose "
                f"another --output."
            )
        state = "a data set" if complete else "an unfinished run"
        difference = describe_difference(found, identity)
        raise ConfigError(
            f"{self.path} holds {state} made with other settings ({difference}). "
            f"Choose another --output, or replace it with --overwrite."
        )

    def _clear(self) -> None:
        """Remove all that is ours, the identity first: half removed, it is nobody's."""
        with machine_errors(self.path):
            for file in (self.manifest, self.identity, self.naming, self.rejects, self.card):
                file.unlink(missing_ok=True)
            for folder in (self.journal, self.data, self.tokenizer, self.staged, *self.scratches):
                _remove(folder)
            self._remove_validation()

    def _remove_validation(self) -> None:
        _remove(DatasetLayout(self.validation, self.temp_dir).scratch)
        if self.validation.exists():
            # In one step: half removed, it would not be known as ours.
            removed = self.work / self.validation.name
            _remove(removed)
            self.validation.replace(removed)
            _remove(removed)

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

    def commit(self, manifest: Mapping[str, Any], staged: Sequence[Path]) -> None:
        """Give the shards their final names, and write the manifest last.

        Args:
            manifest: the content of manifest.json.
            staged: the shards' files, in the order of `manifest["shards"]`.

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
            move_into(self.data, names)
            for stray in self.data.iterdir():
                if stray.name not in names:  # Left by an attempt that read another pipe.
                    stray.unlink()
            sync_folder(self.data)
            self._name_rejects(manifest)
        self.write_card(manifest)
        self._publish(self.manifest, to_json(with_checksum(manifest)))

    def write_card(self, manifest: Mapping[str, Any]) -> None:
        """Write README.md, which tells readers where the shards are."""
        self._publish(self.card, card_text(manifest).encode())

    def _publish(self, path: Path, content: bytes) -> None:
        """Write a file beside the shards; what is unfinished lies in .work, like all the rest."""
        unnamed = self.work / path.name
        with atomic_file(unnamed) as file:
            file.write(content)
        with machine_errors(path):
            unnamed.replace(path)
            try:
                sync_folder(self.path)
            except OSError:
                path.unlink(missing_ok=True)  # A name that may not last is none.
                raise

    def _name_rejects(self, manifest: Mapping[str, Any]) -> None:
        staged = self.work / self.rejects.name
        if not manifest.get("rejects", {}).get("listed"):
            self.rejects.unlink(missing_ok=True)
        elif staged.exists():
            staged.replace(self.rejects)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
