"""A data-set folder against its manifest: one task for each shard, then what only all can show."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from maskprep.errors import ConfigError
from maskprep.list_columns import numpy_array
from maskprep.stages.row_rules import RowRules, RowTotals
from maskprep.stages.verification import RowChecker
from maskprep.storage.dataset import DatasetFolder
from maskprep.storage.integrity import (
    byte_faults,
    damage_noted,
    read_groups,
    rejects_faults,
    schema_faults,
    stray_names,
)
from maskprep.storage.manifest import is_unchanged
from maskprep.storage.row_hash import RowHash
from maskprep.storage.shard_reading import null_columns
from maskprep.tasks.bins import length_bins
from maskprep.tasks.expectations import expected_schema, faults_of_manifest, load_copy, row_rules
from maskprep.tasks.journal import Receipt
from maskprep.tasks.plan import Run, add_counts
from maskprep.tasks.realised import realised_faults
from maskprep.tasks.records import Record
from maskprep.tasks.validation import has_validation, validation_faults

IDS_AT_ONCE = 2**23
"""Ids of one task that looks for equal ones: 64 MiB, and as much to sort them."""


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: a path in the folder."""

    place: str
    what: str


@dataclass(frozen=True)
class Verification:
    """What was found in a folder.

    Attributes:
        folder: that was looked at.
        manifest: of the folder.
        faults: all that was found.
        receipts: of the shards, by number; none if the manifest tells nothing of them.
        totals: of all rows; None where some could not be read.
        ids: how many ids were compared, and how many of them are another one's.
        repaired: what was made anew, as paths in the folder.
        validation: what was found in the validation data that belongs to it.
    """

    folder: Path
    manifest: Record
    faults: tuple[Fault, ...]
    receipts: Mapping[int, Receipt] = field(default_factory=dict)
    totals: RowTotals | None = None
    ids: tuple[int, int] | None = None
    repaired: tuple[str, ...] = ()
    validation: "Verification | None" = None

    def at(self, place: str) -> bool:
        """Tell whether something is wrong with a file or folder."""
        return any(fault.place == place for fault in self.faults)

    def broken_shards(self) -> list[int]:
        """Return the numbers of the shards that are not what they should be."""
        return [number for number, receipt in self.receipts.items() if receipt["faults"]]


@dataclass(frozen=True)
class ShardTask:
    """Check one shard."""

    path: str
    entry: Record
    schema: pa.Schema
    rules: RowRules


def check_shard(task: ShardTask) -> Receipt:
    """Compare a shard with the manifest, and count its rows."""
    path, entry = Path(task.path), task.entry
    faults = list(byte_faults(path, entry))
    receipt: Receipt = {"bytes": entry["bytes"], "faults": faults, "totals": None}
    if not path.is_file():
        return receipt
    with damage_noted(faults):
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            alien = list(schema_faults(file.schema_arrow, task.schema))
            faults += alien
            is_readable = file.schema_arrow.equals(task.schema)
            checker, digest = RowChecker(task.rules), RowHash(task.schema)
            nulls: set[str] = set()
            for batch in read_groups(file):
                nulls.update(null_columns(batch))
                if is_readable and not nulls:
                    digest.update(batch)
                    checker.check(batch)
        faults += [f"column {name} holds null" for name in sorted(nulls)]
        if is_readable and not nulls:
            faults += _count_faults(entry, checker.totals, digest.hexdigest())
            faults += checker.faults.lines()
            receipt["totals"] = asdict(checker.totals)
            receipt["epoch"] = checker.epoch
            receipt["document_range"] = checker.document_range
    return receipt


def _count_faults(entry: Record, totals: RowTotals, rows_xxh128: str) -> Iterator[str]:
    for name in ("rows", "tokens"):
        found = getattr(totals, name)
        if found != entry[name]:
            yield f"holds {found:,} {name}; the manifest says {entry[name]:,}"
    if rows_xxh128 != entry["rows_xxh128"]:
        yield "its rows are not those that were written (rows_xxh128)"


@dataclass(frozen=True)
class IdTask:
    """Look for equal ids among those that leave one remainder."""

    paths: tuple[str, ...]
    column: str
    divisor: int
    remainder: int


def count_ids(task: IdTask) -> Receipt:
    """Count the ids of some shards, and how many of them are different."""
    parts = [np.empty(0, np.int64)]
    for path in task.paths:
        names = [task.column] + ["document_part"] * (task.column == "document_id")
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(2**16, columns=names, use_threads=False):
                ids = numpy_array(batch.column(task.column))
                if task.column == "document_id":
                    ids = ids[numpy_array(batch.column("document_part")) == 0]
                parts.append(ids[ids % task.divisor == task.remainder])
    ids = np.concatenate(parts)
    return {"ids": ids.size, "different": int(np.unique(ids).size)}


def existing_folder(path: Path, temp_dir: str | None) -> DatasetFolder:
    """Return a folder that is there.

    Raises:
        ConfigError: it is not, or is a file.
    """
    if not path.exists():
        raise ConfigError(f"{path}: no such folder. Expected a data set that maskprep wrote.")
    if not path.is_dir():
        raise ConfigError(
            f"{path} is a file; expected the folder of a data set, with its manifest.json."
        )
    return DatasetFolder(path, temp_dir)


def verify_folder(
    folder: DatasetFolder, run: Run, known: Mapping[int, Receipt] | None = None
) -> Verification:
    """Compare a folder with its manifest; collect every fault.

    Args:
        folder: of a data set.
        run: engine and progress.
        known: receipts of shards that were checked before, by number.

    Raises:
        ConfigError: the folder is none that maskprep made.
        ShardError: the run that makes it has not finished, or its manifest cannot be read.
    """
    manifest = folder.finished_manifest("prepare")
    if problems := faults_of_manifest(manifest):
        faults = tuple(Fault("manifest.json", what) for what in problems)
        return Verification(folder.path, manifest, faults)
    faults_of_folder = list(_folder_faults(folder, manifest))
    tokenizer, what_is_wrong = load_copy(folder, manifest)
    faults_of_folder += [Fault("tokenizer", what) for what in what_is_wrong]
    rules = row_rules(manifest, tokenizer)
    receipts = _check_shards(folder, manifest, rules, run, known or {})
    for number, receipt in receipts.items():
        place = f"data/{manifest['shards'][number]['name']}"
        faults_of_folder += [Fault(place, what) for what in receipt["faults"]]
    totals = _sum_of(receipts)
    if totals is None:
        return Verification(folder.path, manifest, tuple(faults_of_folder), receipts)
    realised = realised_faults(manifest, rules, totals, list(receipts.values()))
    faults_of_folder += [Fault("manifest.json", what) for what in realised]
    ids = _count_equal_ids(folder, manifest, totals, receipts, run)
    return Verification(folder.path, manifest, tuple(faults_of_folder), receipts, totals, ids)


def verify_validation(
    found: Verification, folder: DatasetFolder, verify: Callable[[DatasetFolder], Verification]
) -> Verification:
    """Verify the validation data that belongs to a data set, too.

    Args:
        found: in the folder itself.
        folder: of the data set.
        verify: another folder.
    """
    has_fault = found.at("manifest.json") or found.at(folder.validation.name)
    if has_fault or not has_validation(found.manifest):
        return found
    return replace(found, validation=verify(DatasetFolder(folder.validation, folder.temp_dir)))


def _folder_faults(folder: DatasetFolder, manifest: Record) -> Iterator[Fault]:
    if not is_unchanged(manifest):
        yield Fault("manifest.json", "was changed after it was written: its checksum is another")
    if not folder.card.is_file():
        yield Fault("README.md", "is missing")
    for what in rejects_faults(folder.rejects, manifest.get("rejects", {}).get("sha256")):
        yield Fault(folder.rejects.name, what)
    for name in stray_names(folder.data, {entry["name"] for entry in manifest["shards"]}):
        yield Fault(f"data/{name}", "is none of the manifest's shards")
    for place, what in validation_faults(folder, manifest):
        yield Fault(place, what)


def _check_shards(
    folder: DatasetFolder,
    manifest: Record,
    rules: RowRules,
    run: Run,
    known: Mapping[int, Receipt],
) -> dict[int, Receipt]:
    schema = expected_schema(manifest)
    entries = manifest["shards"]
    bins = length_bins(manifest, manifest["settings"].get("bin_size"))
    numbers = [number for number in range(len(entries)) if number not in known]
    tasks = (
        ShardTask(
            str(folder.data / entries[number]["name"]),
            entries[number],
            schema,
            replace(rules, bins=bins, bin=entries[number].get("bin")),
        )
        for number in numbers
    )
    total = sum(entries[number]["bytes"] for number in numbers)
    checked = run.phase("verify", check_shard, tasks, unit="bytes", total=total)
    return dict(sorted({**known, **dict(zip(numbers, checked, strict=True))}.items()))


def _sum_of(receipts: Mapping[int, Receipt]) -> RowTotals | None:
    """Return the totals of all rows, if every shard could be read and is not another one."""
    if any(receipt["faults"] for receipt in receipts.values()):
        return None
    totals = asdict(RowTotals())
    for receipt in receipts.values():
        add_counts(totals, receipt["totals"])
    return RowTotals(**totals)


def _count_equal_ids(
    folder: DatasetFolder,
    manifest: Record,
    totals: RowTotals,
    receipts: Mapping[int, Receipt],
    run: Run,
) -> tuple[int, int]:
    """Count how many documents, or examples of the first epoch, have the id of another one."""
    column = "document_id" if manifest["stage"] == "tokenize" else "example_id"
    paths = tuple(
        str(folder.data / manifest["shards"][number]["name"])
        for number, receipt in receipts.items()
        if not receipt["epoch"]
    )
    divisor = max(totals.rows // IDS_AT_ONCE, 1)
    tasks = (IdTask(paths, column, divisor, remainder) for remainder in range(divisor))
    counts: dict[str, int] = {"ids": 0, "different": 0}
    for receipt in run.phase("compare ids", count_ids, tasks, unit="ids"):
        add_counts(counts, receipt)
    return counts["ids"], counts["ids"] - counts["different"]
