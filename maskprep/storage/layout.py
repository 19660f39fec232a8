"""The layout of a data-set folder, and how one that is complete is read.

OUT/data/part-00000.parquet ...   shards; with --bin-size part-00000-bin-128.parquet ...
OUT/manifest.json                 written last: a folder with it is complete
OUT/tokenizer/                    copy of the tokenizer
OUT/rejects.jsonl                 documents that were skipped, cut or mended, if there are any
OUT/README.md                     data-set card
OUT/validation/                   data set of the documents held out for validation, if there is one
OUT/.work/                        lock, journal, unfinished shards; gone at the end
"""

import hashlib
from pathlib import Path
from typing import Any

from maskprep.errors import ConfigError, MachineError, ShardError
from maskprep.storage.manifest import from_json, is_manifest, number_of_shard

OURS = ("data", "manifest.json", "tokenizer", "rejects.jsonl", "README.md", "validation", ".work")
"""All that may lie in such a folder."""


class DatasetLayout:
    """One folder, by its path, and where its parts are."""

    def __init__(self, path: Path, temp_dir: str | None = None) -> None:
        self.path = path
        self.temp_dir = temp_dir
        self.data = path / "data"
        self.tokenizer = path / "tokenizer"
        self.manifest = path / "manifest.json"
        self.card = path / "README.md"
        self.rejects = path / "rejects.jsonl"
        self.validation = path / "validation"
        self.work = path / ".work"
        self.journal = self.work / "journal"
        self.naming = self.work / "naming.json"
        self.staged = self.work / "shards"
        self.identity = self.work / "run.json"
        self.scratch = self.work / "scratch"
        self.scratches = [self.scratch]
        place = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
        self.moved_scratch_name = f"maskprep-{place}"
        if temp_dir is not None:
            self.scratch = Path(temp_dir) / self.moved_scratch_name
            self.scratches.append(self.scratch)

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, or None where there is none.

        Raises:
            ShardError: the file is no manifest.
            MachineError: it cannot be read.
        """
        try:
            manifest: dict[str, Any] = from_json(self.manifest.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise MachineError(
                f"{self.manifest}: cannot be read ({error.strerror}). Check its permissions and "
                f"the disk."
            ) from None
        except ValueError as error:
            raise ShardError(
                f"{self.manifest}: not a manifest ({error}). Make the data set again, with "
                f"--overwrite."
            ) from None
        if not is_manifest(manifest):
            raise ShardError(
                f"{self.manifest}: not a manifest of maskprep (no stage or shards in it)."
            )
        return manifest

    def has_lost_manifest(self) -> bool:
        """Tell whether shards lie here without a manifest, and no run that makes one."""
        if self.manifest.exists() or self.work.exists() or not self.data.is_dir():
            return False
        return any(number_of_shard(entry.name) == 0 for entry in self.data.iterdir())

    def finished_manifest(self, made_by: str) -> dict[str, Any]:
        """Return the manifest of a complete data set.

        Args:
            made_by: the command that writes what is expected, for messages.

        Raises:
            ConfigError: the folder holds no data set.
            ShardError: a run has not finished it, or the manifest is damaged or lost.
            MachineError: the manifest cannot be read.
        """
        manifest = self.read_manifest()
        if manifest is not None:
            return manifest
        if self.work.exists():
            raise ShardError(
                f"{self.path} is not finished: it has no manifest.json. Run the command that makes "
                f"it again; it goes on where it stopped."
            )
        if self.has_lost_manifest():
            raise ShardError(
                f"{self.path} has lost its manifest.json, which says what its shards must be. "
                f"Make the data set again in another folder."
            )
        raise ConfigError(
            f"{self.path} is no data-set folder: it has no manifest.json. Name a folder that "
            f"'maskprep {made_by}' wrote."
        )
